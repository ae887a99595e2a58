// MATCH_RECOGNIZE: a row for each match of a pattern among the rows of a partition.
#pragma once

#include "operators/pattern_automaton.h"
#include "sql/bind/logical_plan.h"

namespace millrace::sql {

// What an expression takes from the rows of a match (operators/match_cells.h).
struct PatternCell {
    enum class Kind : uint8_t { First, Last, Aggregate } kind = Kind::Last;
    std::optional<uint32_t> variable;  // absent: all rows of the match
    size_t column = 0;                 // First, Last: of the input
    int64_t offset = 0;
    AggregateCall aggregate;
    LogicalType type;
    std::string text;  // "LAST(A.price, 1)"

    std::string canonical() const;
};

struct PatternVariable {
    std::string name;
    PatternPart part;
    // Of a row: TRUE in this column of the input, if there is one, and by this expression, if there is one,
    // over the input's columns and behind these `condition_cells`.
    std::optional<size_t> column;
    ExpressionPtr condition;
};

struct MatchSpec {
    std::vector<size_t> partition;
    std::vector<SortKey> order;  // first a time attribute, ascending
    TimeAttribute time = TimeAttribute::Rowtime;
    std::vector<PatternVariable> variables;  // in the order of the pattern
    std::vector<PatternCell> condition_cells;
    std::vector<PatternCell> cells;
    AfterMatch after = AfterMatch::ToNextRow;
    uint32_t after_variable = 0;
    int64_t within_ms = 0;  // 0: without end

    std::string patternText() const;  // "A B+? C"
    std::string afterText() const;
    std::string canonical() const;
};

// Output: the partition's columns, then the cells, named by their texts; the first one of a rowtime
// attribute's last value is such an attribute (`rowtime_cell`).
class LogicalMatch final : public LogicalNode {
  public:
    LogicalMatch(LogicalPtr input, std::shared_ptr<const MatchSpec> spec, std::optional<size_t> rowtime_cell,
                 TextSpan where);
    const MatchSpec& spec() const { return *spec_; }
    std::string describe() const override;

  private:
    std::shared_ptr<const MatchSpec> spec_;
};

}  // namespace millrace::sql
