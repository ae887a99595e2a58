// The sub-queries of one SELECT that stand for a value, collected while its expressions are bound.
//
// Each becomes a table of at most one row for each combination of what ties it to the query around it, and
// joins that from the left: where it has no row, the value is NULL. More than one row fails the job
// (SINGLE_VALUE). How many columns the rows have that SELECT stands on is only known when everything has been
// bound; until then the value of sub-query i is the column kFirst + i, which resolved() replaces.
#pragma once

#include <functional>
#include <vector>

#include "sql/bind/query_binder.h"

namespace millrace::sql {

class ScalarQueries {
  public:
    // A column of the scope over the rows that SELECT stands on: of groups, if it is grouped.
    using OuterColumn = std::function<ExpressionPtr(size_t column, const TextSpan& where)>;

    // `scope` is FROM's.
    ScalarQueries(QueryBinder& binder, const Scope& scope, OuterColumn outer_column = nullptr)
        : binder_(binder), scope_(scope), outer_column_(std::move(outer_column)) {}

    ExpressionPtr bind(const Query& query, const TextSpan& span);
    // EXISTS and IN as values, in three-valued logic. `values` are over the rows that SELECT stands on.
    ExpressionPtr bindExists(const Query& query, const TextSpan& span);
    ExpressionPtr bindIn(const InQuery& node, std::vector<ExpressionPtr> values, const TextSpan& span);
    bool empty() const { return pending_.empty(); }

    // `input` with the values behind its columns.
    LogicalPtr build(LogicalPtr input, const TextSpan& where);
    // After build(): an expression over its rows.
    ExpressionPtr resolved(const ExpressionPtr& expression) const;

  private:
    static constexpr size_t kFirst = size_t{1} << 17;  // behind those of OverCalls

    struct Pending {
        LogicalPtr node;                   // the keys, then the value, then maybe TRUE
        std::vector<ExpressionPtr> outer;  // what the keys equal
        ExpressionPtr if_empty;            // the value where there is no row; nullptr: NULL
        LogicalType type;                  // nullable
        TextSpan where;
    };

    // The rows of a sub-query of which it matters which there are.
    struct Rows {
        LogicalPtr node;
        std::vector<ExpressionPtr> keys;
        std::vector<ExpressionPtr> outer;
        std::vector<ExpressionPtr> items;
    };
    Rows rowsOf(const Query& query, bool wants_items);
    ExpressionPtr add(Pending pending, const TextSpan& span);
    // TRUE where a row has these keys and items, equal to what `outer` says, FALSE elsewhere.
    ExpressionPtr addFound(const Rows& rows, std::vector<ExpressionPtr> outer, const TextSpan& span);
    ExpressionPtr bindCompared(const InQuery& node, const std::vector<ExpressionPtr>& values,
                               const TextSpan& span);
    static LogicalPtr aggregated(const Rows& rows, const char* function, const ExpressionPtr& value,
                                 const char* name, const TextSpan& span);
    // MIN or MAX of the only item.
    ExpressionPtr addExtreme(const Rows& rows, const char* function, const TextSpan& span);
    // Of the rows with these keys: 0 if there are none, 2 if `item` is NULL in one of them, else 1.
    ExpressionPtr addNulls(const Rows& rows, const ExpressionPtr& item, const TextSpan& span);
    Pending bindTied(const Select& select, const TextSpan& span);
    Pending bindAlone(const Query& query, const TextSpan& span);

    QueryBinder& binder_;
    const Scope& scope_;
    OuterColumn outer_column_;
    std::vector<Pending> pending_;
    std::vector<ExpressionPtr> values_;  // by build()
};

}  // namespace millrace::sql
