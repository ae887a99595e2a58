// MatchRecognize: rows of a partition in the order of a time attribute, searched for a pattern; one row comes
// for each match. How rows are matched is said in operators/pattern_automaton.h.
//
// By event time, rows wait until the watermark passes them. A row that is not later than the watermark when
// it arrives is dropped and counted (numLateRecordsDropped), as in Flink. In processing time the order is
// that of arrival. Matches that began longer ago than `within` end, also while no row of their partition
// comes.
//
// State: table "match" (operators/ordered_rows.h), rows that wait and those in matches under way; beside the
// first of a partition's rows, its partial matches (PartialMatches::encode()). List "watermark", which tells
// which rows have been matched.
#pragma once

#include "expr/expression.h"
#include "operators/match_cells.h"
#include "operators/ordered_rows.h"
#include "operators/pattern_automaton.h"
#include "operators/stateful_operator.h"

namespace millrace {

// When a row is what a variable asks for.
struct MatchCondition {
    std::optional<size_t> column;  // BOOLEAN, of the row: TRUE; absent: always
    // And this, if it is not nullptr, BOOLEAN over the row's columns and behind these the cells of
    // MatchRecognizeParameters::condition_cells, where the row itself is the last one of the variable.
    ExpressionPtr expression;
};

struct MatchRecognizeParameters {
    Schema input;
    std::vector<size_t> partition;
    std::vector<SortOrder> order;  // first the time attribute, ascending
    bool processing_time = false;
    std::vector<PatternPart> pattern;
    std::vector<MatchCondition> conditions;  // one a part
    std::vector<MatchCell> condition_cells;
    std::vector<MatchCell> cells;  // of the result
    AfterMatch after = AfterMatch::ToNextRow;
    uint32_t after_variable = 0;
    int64_t within_ms = 0;  // 0: without end
    Schema output;          // the partition's columns, then the cells
    std::string text;
};

class MatchRecognize final : public StatefulOperator {
  public:
    explicit MatchRecognize(MatchRecognizeParameters parameters);
    ~MatchRecognize() override;

    std::string name() const override { return "Match(" + p_.text + ")"; }
    const Schema& outputSchema() const override { return p_.output; }
    std::vector<KeptState> keeps() const override;
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;
    void onWatermark(OperatorState& state, EventTime watermark, OperatorContext& context,
                     Output& output) const override;
    void onProcessingTime(OperatorState& state, ProcessingTime now, OperatorContext& context,
                          Output& output) const override;
    void beforeBarrier(OperatorState& state, OperatorContext& context, Output& output) const override;

  private:
    struct State;
    struct Due;
    struct Work;
    struct Asked;
    PartialMatches::Rules rules() const;
    Batch inTime(State& state, const Batch& batch) const;
    // `time_ms`: up to when all rows are there.
    void fire(State& state, std::span<const Due> due, int64_t time_ms, OperatorContext& context,
              Output& output) const;
    void fireSome(State& state, std::span<const Due> due, int64_t time_ms, OperatorContext& context,
                  Output& output) const;
    void load(State& state, std::span<const Due> due, Work& work) const;
    void step(State& state, Work& work, size_t at, int64_t time_ms, OperatorContext& context) const;
    void ask(State& state, Work& work, std::vector<Asked>& asked, OperatorContext& context) const;
    void emit(State& state, Work& work, Output& output) const;
    void settle(State& state, Work& work, OperatorContext& context) const;

    MatchRecognizeParameters p_;
    PatternAutomaton automaton_;
    VariableSet conditional_ = 0;  // variables that an expression decides on
};

}  // namespace millrace
