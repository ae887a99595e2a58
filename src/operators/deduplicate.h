// Deduplicate: of the rows of equal key the first or the last one, by a time attribute or, for Top-1, in any
// order; input that only inserts.
//
// State: table "deduplicate": the keys and, unless only the first arrival counts, the row that stands for
// them. Where nothing downstream needs -U, nobody asks for a row that has been sent: only what it is ordered
// by is kept. List "deduplicate-keeps" says so then; a job that goes on from a snapshot without it keeps
// rows.
//
// In processing time the first row is the one that arrives first: it is emitted as +I and never changes. In
// all other cases a batch makes at most one change a key: +I for a new one, -U and +U (only +U where nothing
// downstream needs -U) if another row stands for it now. Of rows that are equal in the order the first or the
// last to arrive wins. As in Flink, rows need not be in time.
#pragma once

#include "operators/sort.h"
#include "operators/stateful_operator.h"

namespace millrace {

struct DeduplicateParameters {
    Schema input;
    std::vector<size_t> keys;
    bool keep_last = false;
    std::vector<SortOrder> order;  // empty: processing time, the order of arrival
    bool generates_update_before = true;
    Duration ttl;   // table.exec.state.ttl
    Schema output;  // the input's columns
    std::string kind = "Deduplicate";
    std::string text;
};

class Deduplicate final : public StatefulOperator {
  public:
    explicit Deduplicate(DeduplicateParameters parameters);
    ~Deduplicate() override;

    std::string name() const override { return p_.kind + "(" + p_.text + ")"; }
    const Schema& outputSchema() const override { return p_.output; }
    std::vector<KeptState> keeps() const override;
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;

  private:
    struct State;
    struct Kept {
        std::vector<size_t> columns;       // of the input, beside the keys
        std::vector<size_t> order_fields;  // of state rows
    };
    bool firstArrival() const { return !p_.keep_last && p_.order.empty(); }
    Kept keeping(std::vector<size_t> columns) const;
    bool keepsOnlyOrder(OperatorContext& context) const;
    Selection arrivals(State& state, size_t rows) const;
    void findGroups(State& state) const;
    void chooseWinners(State& state, const Batch& batch) const;
    void emitChanges(State& state, const Batch& batch, Output& output) const;

    DeduplicateParameters p_;
    std::vector<SortOrder> order_;  // without keys, in which rows of one key do not differ
    Kept whole_rows_;
    Kept only_order_;
};

}  // namespace millrace
