// Queries as written to logical plans. One object binds one statement. Its methods are in query_binder.cc
// (WITH, set operations, VALUES, ORDER BY), from_clause.cc (tables, views, queries in FROM), join_clause.cc,
// window_functions.cc (TUMBLE, HOP, ...), sub_queries.cc (WHERE) and select.cc (projection, aggregation).
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "operators/join_type.h"
#include "sql/bind/catalog.h"
#include "sql/bind/expression_binder.h"
#include "sql/bind/logical_plan.h"
#include "sql/bind/state_ttl_hint.h"
#include "sql/session.h"

namespace millrace::sql {

class QueryBinder {
  public:
    QueryBinder(const Catalog& catalog, const ConnectorRegistry* registry)
        : catalog_(catalog), registry_(registry), around_(catalog.current()) {}

    LogicalPtr bindQuery(const Query& query);
    // The table with the options that OPTIONS hints give it. UserError at other hints and wrong options.
    TablePtr withHints(const TablePtr& table, const std::vector<Hint>& hints) const;
    // Source rows as a query sees them: the table's columns with computed ones and the watermark.
    static LogicalPtr scan(const TablePtr& table, const TextSpan& where);

  private:
    friend class ScalarQueries;
    static constexpr int kQueryDepthMax = 256;
    using CommonTables = std::map<std::string, LogicalPtr>;

    LogicalPtr bindBody(const QueryBody& body);
    LogicalPtr bindValues(const ValuesBody& values, const TextSpan& span);
    LogicalPtr bindSetOperation(const SetOperation& operation, const TextSpan& span);
    LogicalPtr bindOrder(const Query& query, LogicalPtr plan);
    LogicalPtr limited(const Query& query, LogicalPtr plan, std::vector<SortKey> keys) const;
    SortKey sortKey(const OrderItem& item, size_t column) const;
    int64_t rowCount(const ExprPtr& expr, const char* what) const;

    // `order` is the query's ORDER BY, which may name what SELECT does not.
    LogicalPtr bindSelect(const Select& select, const TextSpan& span, const Query* order);

    // sub_queries.cc. Columns of `condition` and `items` are those of the scope around the sub-query, then
    // those of `node`.
    struct SubQuery {
        LogicalPtr node;
        ExpressionPtr condition;  // nullptr: TRUE
        std::vector<ExpressionPtr> items;
        std::vector<std::string> names;  // of the items
    };
    // What WHERE ties a SELECT to the rows around it by: each key, over the rows of its own FROM that all
    // else in WHERE lets pass, is to equal an expression over the columns around it.
    struct Ties {
        Scope inner;
        std::vector<ExpressionPtr> keys;
        std::vector<ExpressionPtr> outer;
    };
    // `outer_column` makes a column around it of one of `outer`; by default that itself.
    using OuterColumn = std::function<ExpressionPtr(size_t column, const TextSpan& where)>;
    static void joinOuterValues(Ties& ties, const LogicalPtr& around,
                                const std::vector<std::string>& comparisons, const TextSpan& where);
    Ties bindTies(const Select& select, const Scope& outer, const OuterColumn& outer_column);
    static bool standsForRows(const Expr& condition);  // [NOT] IN, EXISTS, ANY, ALL of a sub-query
    LogicalPtr bindWhere(const Expr& where, Scope scope);
    SubQuery bindSubQuery(const Query& query, const Scope& scope, bool wants_items);
    LogicalPtr bindSubQueryCondition(const Expr& condition, const Scope& scope);

    Scope bindTable(const TableRef& table);
    Scope bindJoin(const JoinTable& join, const TextSpan& span);
    Scope bindLookup(const JoinTable& join, const Scope& left, const NamedTable& table, const TextSpan& span);
    Scope bindTemporal(const JoinTable& join, const Scope& left, const NamedTable& table, size_t left_time,
                       const TextSpan& span);
    Scope bindUsing(const JoinTable& join, const Scope& left, const Scope& right, const TextSpan& span);
    LogicalPtr bindMatch(const MatchTable& match, const TextSpan& span);  // match_recognize.cc
    // lateral.cc
    static bool isLateral(const TableRef& table);
    Scope bindLateral(const JoinTable& join, const Scope& left, const TextSpan& span);
    Scope bindUnnest(const TableRef& table);
    LogicalPtr unnested(const UnnestTable& unnest, const Scope& left, bool keeps_rows, const TextSpan& span);
    LogicalPtr lateralJoin(const Query& query, const Scope& left, bool keeps_rows);
    LogicalPtr computed(const Select& select, const Scope& left, const TextSpan& span);
    LogicalPtr tiedLateral(const Query& query, const Select& select, const Scope& left, JoinType type);
    LogicalPtr firstOfEach(const Query& query, LogicalPtr node, size_t keys,
                           const std::vector<std::pair<size_t, const OrderItem*>>& order);
    Scope aliased(LogicalPtr node, const TableRef& table, std::string name);
    LogicalPtr bindNamed(const NamedTable& table);
    LogicalPtr tableNamed(const NamedTable& table);  // whatever its FOR SYSTEM_TIME
    LogicalPtr bindView(const ViewPtr& view, const TextSpan& where);
    LogicalPtr bindWindowFunction(const Call& call, const TextSpan& span);
    LogicalPtr bindTableArgument(const Expr& argument, std::vector<const Expr*>& partition_by);

    const Catalog& catalog_;
    const ConnectorRegistry* registry_;
    Namespace around_;                // of the names in the text at hand
    std::vector<CommonTables> with_;  // innermost last
    StateTtlHint state_ttl_;          // of the SELECT whose FROM is being bound
    int depth_ = 0;
};

// Whether a SELECT aggregates.
bool isGroupedSelect(const Select& select);
// The same rows under other column names.
LogicalPtr renamed(const LogicalPtr& node, const std::vector<std::string>& names, const TextSpan& where);
// A projection onto `expressions`; the input itself if nothing changes.
LogicalPtr project(const LogicalPtr& input, std::vector<ExpressionPtr> expressions,
                   std::vector<std::string> names, const TextSpan& where);
LogicalPtr firstColumns(const LogicalPtr& input, size_t count, const TextSpan& where);
// The columns converted to `types`, nullability aside.
LogicalPtr converted(const LogicalPtr& input, const std::vector<LogicalType>& types, const TextSpan& where);
ExpressionPtr columnOf(const LogicalPtr& node, size_t column);
LogicalPtr distinct(const LogicalPtr& input, const TextSpan& where);
// What a column is called that has no alias: its own name, a field's, or EXPR$n.
std::string derivedName(const Expr& expr, size_t position);
// Later duplicates get a number: a, a0, a1, as in Flink.
void makeUnique(std::vector<std::string>& names);
// Plans larger or higher than anything walks over safely are refused.
void checkSize(const LogicalPtr& node, const TextSpan& where);

}  // namespace millrace::sql
