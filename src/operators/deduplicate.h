// Deduplicate: of the rows of equal key the first or the last one by a time attribute; input that only
// inserts.
//
// State: table "deduplicate": the keys and, unless only the first arrival counts, the row that stands for
// them.
//
// In processing time the first row is the one that arrives first: it is emitted as +I and never changes. In
// all other cases a batch makes at most one change a key: +I for a new one, -U and +U (only +U where nothing
// downstream needs -U) if another row stands for it now. By event time, of rows of the same time the first or
// the last to arrive wins; NULL is the earliest time. As in Flink, rows need not be in time.
#pragma once

#include <optional>

#include "runtime/operator.h"

namespace millrace {

struct DeduplicateParameters {
    Schema input;
    std::vector<size_t> keys;
    bool keep_last = false;
    std::optional<size_t>
        time_column;  // the rowtime attribute; absent: processing time, the order of arrival
    bool generates_update_before = true;
    Duration ttl;   // table.exec.state.ttl
    Schema output;  // the input's columns
    std::string text;
};

class Deduplicate final : public Operator {
  public:
    explicit Deduplicate(DeduplicateParameters parameters);
    ~Deduplicate() override;

    std::string name() const override { return "Deduplicate(" + p_.text + ")"; }
    const Schema& outputSchema() const override { return p_.output; }
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;

  private:
    struct State;
    bool firstArrival() const { return !p_.keep_last && !p_.time_column; }
    Selection arrivals(State& state, size_t rows) const;
    void chooseWinners(State& state, const Batch& batch) const;
    ColumnPtr formerColumn(const State& state, size_t column, const Batch& batch,
                           std::span<std::byte* const> rows, std::span<const uint32_t> winners) const;
    void emitChanges(State& state, const Batch& batch, Output& output) const;

    DeduplicateParameters p_;
    std::vector<size_t> values_;  // input columns that are no keys
};

}  // namespace millrace
