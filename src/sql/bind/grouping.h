// Expressions above a GROUP BY: what they are made of are the keys and aggregate calls, nothing else of the
// input.
#pragma once

#include <string>
#include <vector>

#include "sql/bind/expression_binder.h"
#include "sql/bind/group_window.h"
#include "sql/bind/grouping_sets.h"
#include "sql/bind/logical_expand.h"

namespace millrace::sql {

// Collects the aggregate calls of SELECT, HAVING and ORDER BY while it binds them. Bound expressions are over
// the rows of the Aggregate: its keys, with grouping sets the set's number, then its calls.
class GroupedBinder final : public ExpressionBinder {
  public:
    // `window` (nullptr: none) is one more key, of every grouping set.
    GroupedBinder(const Scope& scope, GroupingKeys keys, const GroupWindow* window);

    void setClause(const char* clause) { current_clause_ = clause; }
    ExpressionPtr bind(const Expr& expr) override;
    // A column of the input, as * names it.
    ExpressionPtr bindKeyColumn(size_t column, const TextSpan& span);

    // The Aggregate over `input` with all calls that were bound so far, on top of a projection of what it
    // needs.
    LogicalPtr build(const TextSpan& where, std::optional<Duration> state_ttl = {}) const;

  protected:
    ExpressionPtr bindColumn(const ColumnRef& column, const TextSpan& span) override;
    ExpressionPtr bindAggregate(const Call& call, const TextSpan& span) override;

  private:
    ExpressionPtr windowPart(const Call& call, const TextSpan& span) const;
    // The key that `bound` is, over the Aggregate's rows; nullptr if it is none.
    ExpressionPtr asKey(const ExpressionPtr& bound) const;
    ExpressionPtr keyColumn(size_t key) const;
    ExpressionPtr bindGroupingFunction(const Call& call, const TextSpan& span);
    size_t need(const ExpressionPtr& expression);  // its column below the Aggregate

    const GroupWindow* window_;
    LogicalPtr input_;  // the scope's node; with a window, that and the window's columns
    size_t first_window_key_ = 0;
    std::vector<ExpressionPtr> keys_;
    GroupingSets sets_;                   // empty: one set of all keys
    std::vector<std::string> key_texts_;  // canonical
    bool only_columns_ = true;            // every key is a plain column
    std::vector<ExpressionPtr> needed_;   // the projection below: keys, then arguments and filters
    std::vector<std::string> needed_texts_;
    std::vector<AggregateCall> calls_;
    std::vector<std::string> call_texts_;
    const char* current_clause_ = "SELECT";
};

}  // namespace millrace::sql
