// Joins of the FROM clause: ON, USING, NATURAL and the comma.
#include <algorithm>

#include "sql/bind/correlation.h"
#include "sql/bind/logical_join.h"
#include "sql/bind/logical_lookup_join.h"
#include "sql/bind/logical_temporal_join.h"
#include "sql/bind/query_binder.h"

namespace millrace::sql {

namespace {

JoinType typeOf(JoinKind kind) {
    switch (kind) {
        case JoinKind::Left:
            return JoinType::Left;
        case JoinKind::Right:
            return JoinType::Right;
        case JoinKind::Full:
            return JoinType::Full;
        default:
            return JoinType::Inner;
    }
}

// The names that both sides have, in the left one's order.
std::vector<Identifier> commonColumns(const Scope& left, const Scope& right, const TextSpan& span) {
    std::vector<Identifier> names;
    for (const size_t column : left.star({})) {
        const std::string& name = left.field(column).name;
        const std::vector<size_t> others = right.star({});
        if (std::any_of(others.begin(), others.end(),
                        [&](size_t other) { return right.field(other).name == name; })) {
            names.push_back({name, span});
        }
    }
    return names;
}

// Whether a conjunct sets the column equal to something of the left side alone.
bool isTiedTo(const Expression& condition, size_t column, size_t left, size_t all) {
    if (condition.kind() == ExpressionKind::And) {
        return std::any_of(condition.arguments().begin(), condition.arguments().end(),
                           [&](const ExpressionPtr& part) { return isTiedTo(*part, column, left, all); });
    }
    if (condition.kind() != ExpressionKind::Call || condition.name() != "=") return false;
    for (size_t side = 0; side < 2; ++side) {
        const Expression* mine = condition.arguments()[side].get();
        const Expression& other = *condition.arguments()[1 - side];
        if (mine->kind() == ExpressionKind::Call && mine->name() == "CAST") mine = mine->arguments()[0].get();
        const bool is_column = mine->kind() == ExpressionKind::Column && mine->index() == column;
        if (is_column && readsBelow(other, left, all) && !readsFrom(other, left, all)) return true;
    }
    return false;
}

}  // namespace

Scope QueryBinder::bindJoin(const JoinTable& join, const TextSpan& span) {
    const Scope left = bindTable(*join.left);
    if (const auto* named = std::get_if<NamedTable>(&join.right->node); named && named->system_time)
        return bindLookup(join, left, *named, span);
    if (isLateral(*join.right)) return bindLateral(join, left, span);
    const Scope right = bindTable(*join.right);
    if (join.natural || !join.using_columns.empty()) return bindUsing(join, left, right, span);

    const StateTtls ttls{state_ttl_.of(left), state_ttl_.of(right)};
    // ON sees the rows of both sides as they are, before any is padded.
    LogicalPtr node =
        std::make_shared<LogicalJoin>(JoinType::Inner, left.node(), right.node(), nullptr, span, ttls);
    Scope scope(node, left, right, join.right->span);
    if (join.on) {
        const ExpressionPtr condition = ExpressionBinder(scope, "ON").bindCondition(*join.on);
        node = std::make_shared<LogicalJoin>(typeOf(join.kind), left.node(), right.node(), condition,
                                             join.on->span, ttls);
        scope.replaceNode(node);
    }
    return scope;
}

// FOR SYSTEM_TIME AS OF a processing-time attribute: the table is looked up as each row comes.
Scope QueryBinder::bindLookup(const JoinTable& join, const Scope& left, const NamedTable& named,
                              const TextSpan& span) {
    const TextSpan& time_span = named.system_time->span;
    const ExpressionPtr time = ExpressionBinder(left, "FOR SYSTEM_TIME AS OF").bindRoot(*named.system_time);
    const bool is_column = time->kind() == ExpressionKind::Column;
    const bool proctime = is_column ? left.traits(time->index()).time == TimeAttribute::Proctime
                                    : time->kind() == ExpressionKind::Call && time->name() == "PROCTIME";
    if (is_column && left.traits(time->index()).time == TimeAttribute::Rowtime)
        return bindTemporal(join, left, named, time->index(), span);
    if (!proctime) {
        failAt(time_span, "sql.bad-system-time",
               "FOR SYSTEM_TIME AS OF takes a time attribute of the left side",
               "one is a column with a WATERMARK, or that is PROCTIME()");
    }
    const ObjectPath path = catalog_.resolve(named.name, around_);
    const TablePtr found = catalog_.findTable(path);
    if (!found) {
        if (catalog_.findView(path)) failNotSupported(named.name.span, "FOR SYSTEM_TIME AS OF of a view is");
        catalog_.failUnknownTable(named.name);
    }
    const TablePtr table = withHints(found, named.hints);
    if (table->storedSchema().size() != table->columns.size())
        failNotSupported(named.name.span, "looking up a table with computed columns is");
    if (join.kind != JoinKind::Inner && join.kind != JoinKind::Left)
        failAt(join.right->span, "sql.bad-join", "a table is looked up only by INNER and LEFT JOIN");
    if (!join.on) failNotSupported(join.right->span, "looking up a table without ON is");

    // What a scan of it would be called.
    const LogicalPtr rows = std::make_shared<LogicalScan>(table, named.name.span);
    const Scope right = aliased(rows, *join.right, named.name.parts.back().name);
    const LogicalPtr both =
        std::make_shared<LogicalJoin>(JoinType::Inner, left.node(), right.node(), nullptr, span);
    Scope scope(both, left, right, join.right->span);
    const ExpressionPtr condition = ExpressionBinder(scope, "ON").bindCondition(*join.on);
    LogicalPtr node = std::make_shared<LogicalLookupJoin>(
        join.kind == JoinKind::Left ? JoinType::Left : JoinType::Inner, left.node(), table, condition, span);
    std::vector<std::string> names;
    for (const Field& field : both->schema())
        names.push_back(field.name);
    scope.replaceNode(renamed(node, names, span));
    return scope;
}

// FOR SYSTEM_TIME AS OF a rowtime attribute: the version of the table, or view, at each row's time.
Scope QueryBinder::bindTemporal(const JoinTable& join, const Scope& left, const NamedTable& named,
                                size_t left_time, const TextSpan& span) {
    if (join.kind != JoinKind::Inner && join.kind != JoinKind::Left)
        failAt(join.right->span, "sql.bad-join", "FOR SYSTEM_TIME AS OF follows only INNER and LEFT JOIN");
    if (!join.on) failNotSupported(join.right->span, "FOR SYSTEM_TIME AS OF without ON is");
    const LogicalPtr table = tableNamed(named);
    const int right_time = table->timeColumn(TimeAttribute::Rowtime);
    const auto key = versionKey(table);
    if (right_time < 0 || !key) {
        failAt(named.name.span, "sql.not-versioned",
               fmt::format("'{}' has no versions in event time: it needs {}", named.name.toString(),
                           right_time < 0 ? "a rowtime attribute" : "a key"),
               "a versioned table has a PRIMARY KEY and a WATERMARK; a versioned view keeps the last row of "
               "each key by "
               "its rowtime attribute: ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts DESC) = 1");
    }
    const Scope right = aliased(versionsOf(table), *join.right, named.name.parts.back().name);
    Scope scope(std::make_shared<LogicalJoin>(JoinType::Inner, left.node(), right.node(), nullptr, span),
                left, right, join.right->span);
    const ExpressionPtr condition = ExpressionBinder(scope, "ON").bindCondition(*join.on);
    for (const size_t column : *key) {
        if (isTiedTo(*condition, left.size() + column, left.size(), scope.size())) continue;
        failAt(join.on->span, "sql.bad-join",
               fmt::format("ON does not say what '{}' equals, which is of the key of '{}'",
                           right.field(column).name, named.name.toString()),
               "the whole key of a versioned table must be compared");
    }
    const LogicalPtr node = std::make_shared<LogicalTemporalJoin>(
        join.kind == JoinKind::Left ? JoinType::Left : JoinType::Inner, left.node(), right.node(), condition,
        left_time, static_cast<size_t>(right_time), span);
    scope.replaceNode(node);
    return scope;
}

Scope QueryBinder::bindUsing(const JoinTable& join, const Scope& left, const Scope& right,
                             const TextSpan& span) {
    const std::vector<Identifier> names =
        join.natural ? commonColumns(left, right, join.right->span) : join.using_columns;
    const JoinType type = typeOf(join.kind);
    const size_t width = left.size();
    std::vector<ExpressionPtr> conjuncts;
    std::vector<size_t> left_columns, right_columns;
    for (const Identifier& name : names) {
        const size_t of_left = left.column(name);
        const size_t of_right = right.column(name);
        left_columns.push_back(of_left);
        right_columns.push_back(width + of_right);
        conjuncts.push_back(located(name.span, [&] {
            return Expression::call(
                "=", {Expression::column(of_left, left.field(of_left).type, name.name),
                      Expression::column(width + of_right, right.field(of_right).type, name.name)});
        }));
    }
    ExpressionPtr condition;
    if (conjuncts.size() == 1) condition = conjuncts.front();
    if (conjuncts.size() > 1) condition = Expression::logicalAnd(std::move(conjuncts));
    LogicalPtr node = std::make_shared<LogicalJoin>(type, left.node(), right.node(), condition, span,
                                                    StateTtls{state_ttl_.of(left), state_ttl_.of(right)});
    Scope scope(node, left, right, join.right->span);
    if (type != JoinType::Full) {
        const bool from_right = type == JoinType::Right;
        scope.useColumns(from_right ? right_columns : left_columns,
                         from_right ? left_columns : right_columns);
        return scope;
    }
    // Either side may be missing: the merged columns are those that are there.
    std::vector<ExpressionPtr> expressions;
    std::vector<std::string> column_names;
    for (size_t i = 0; i < node->schema().size(); ++i) {
        expressions.push_back(columnOf(node, i));
        column_names.push_back(node->schema()[i].name);
    }
    std::vector<size_t> merged, hidden = left_columns;
    hidden.insert(hidden.end(), right_columns.begin(), right_columns.end());
    for (size_t i = 0; i < names.size(); ++i) {
        merged.push_back(expressions.size());
        expressions.push_back(located(names[i].span, [&] {
            return Expression::call("COALESCE",
                                    {columnOf(node, left_columns[i]), columnOf(node, right_columns[i])});
        }));
        column_names.push_back(names[i].name);
    }
    scope.replaceNode(project(node, std::move(expressions), std::move(column_names), span));
    scope.useColumns(merged, hidden);
    return scope;
}

}  // namespace millrace::sql
