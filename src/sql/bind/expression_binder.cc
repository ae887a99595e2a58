#include "sql/bind/expression_binder.h"

#include <algorithm>
#include <array>

#include "sql/bind/catalog.h"
#include "sql/bind/group_window.h"
#include "sql/bind/grouping_sets.h"
#include "sql/bind/json_constructors.h"
#include "sql/bind/over_calls.h"
#include "sql/bind/scalar_queries.h"
#include "sql/bind/types.h"
#include "types/coercion.h"

namespace millrace::sql {

void failAt(const TextSpan& span, std::string code, std::string message, std::string hint) {
    throw UserError(Problem{std::move(code), std::move(message), std::move(hint), span});
}

void failNotSupported(const TextSpan& span, std::string_view what, std::string hint) {
    failAt(span, "sql.not-supported", fmt::format("{} not supported yet", what), std::move(hint));
}

ExpressionPtr convert(const ExpressionPtr& expression, const LogicalType& type) {
    if (expression->type().kind() == TypeKind::Null) {
        return Expression::literal(Value::null(), type.withNullable(true));
    }
    if (expression->type().sameIgnoringNullable(type)) return expression;
    return Expression::cast(expression, type.withNullable(expression->type().nullable()));
}

Value constantValue(const ExpressionPtr& expression, const TextSpan& span, const char* what) {
    const ExpressionPtr folded = Expression::fold(expression);
    if (folded->kind() != ExpressionKind::Literal) {
        failAt(span, "sql.not-constant", fmt::format("{} must be a constant", what));
    }
    return folded->value();
}

namespace {

ExpressionPtr stringLiteral(std::string text) {
    const auto length = static_cast<int>(text.size());
    return Expression::literal(Value::string(std::move(text)),
                               LogicalType::character(length).withNullable(false));
}

}  // namespace

// One overload for each kind of node.
struct NodeBinder {
    ExpressionBinder& binder;
    const TextSpan& span;

    ExpressionPtr operator()(const Literal& node) const { return bindLiteral(node, span); }
    ExpressionPtr operator()(const ColumnRef& node) const {
        if (binder.aliases_ != nullptr && node.path.size() == 1) {
            const auto found = binder.aliases_->find(node.path.front().name);
            if (found != binder.aliases_->end()) return found->second;
        }
        return binder.bindColumn(node, span);
    }
    ExpressionPtr operator()(const Call& node) const { return binder.bindCall(node, span); }
    ExpressionPtr operator()(const CaseExpr& node) const { return binder.bindCase(node, span); }
    ExpressionPtr operator()(const InList& node) const { return binder.bindInList(node, span); }
    ExpressionPtr operator()(const Star&) const {
        failAt(span, "sql.syntax", fmt::format("* cannot stand in {}", binder.clause()),
               "it stands alone in SELECT and in COUNT(*)");
    }
    ExpressionPtr operator()(const KeywordArgument& node) const { return stringLiteral(node.keyword); }
    ExpressionPtr operator()(const NamedArgument&) const {
        failNotSupported(span, "named arguments of a scalar function are");
    }
    ExpressionPtr operator()(const DescriptorArgument&) const {
        failAt(span, "sql.syntax", "DESCRIPTOR stands only in the arguments of a table function");
    }
    ExpressionPtr operator()(const TableArgument&) const {
        failAt(span, "sql.syntax", "TABLE stands only in the arguments of a table function");
    }
    ExpressionPtr operator()(const CastExpr& node) const {
        const ExpressionPtr value = binder.bind(*node.value);
        const LogicalType type = bindType(node.type);
        if (value->type().kind() == TypeKind::Null)
            return Expression::literal(Value::null(), type.withNullable(true));
        if (!canCastExplicitly(value->type(), type)) {
            failAt(span, "sql.bad-cast",
                   fmt::format("{} cannot be cast to {}", value->type().toString(), type.toString()));
        }
        return node.try_cast ? Expression::tryCast(value, type) : Expression::cast(value, type);
    }
    ExpressionPtr operator()(const InQuery& node) const {
        if (binder.scalars_ == nullptr) failSubQuery();
        std::vector<ExpressionPtr> values;
        if (const auto* row = std::get_if<RowConstructor>(&node.value->node)) {
            for (const ExprPtr& item : row->items)
                values.push_back(binder.bind(*item));
        } else {
            values.push_back(binder.bind(*node.value));
        }
        return binder.scalars_->bindIn(node, std::move(values), span);
    }
    ExpressionPtr operator()(const ExistsQuery& node) const {
        if (binder.scalars_ == nullptr) failSubQuery();
        return binder.scalars_->bindExists(*node.query, span);
    }
    ExpressionPtr operator()(const ScalarQuery& node) const {
        if (binder.scalars_ == nullptr) failSubQuery();
        return binder.scalars_->bind(*node.query, span);
    }
    [[noreturn]] void failSubQuery() const {
        failNotSupported(
            span, fmt::format("sub-queries as values in {} are", binder.clause()),
            "they can stand in WHERE, SELECT, HAVING, QUALIFY and ORDER BY, outside of aggregate "
            "and window functions");
    }
    ExpressionPtr operator()(const FieldAccess& node) const {
        return binder.fields(binder.bind(*node.value), {node.field}, 0);
    }
    ExpressionPtr operator()(const ElementAccess& node) const {
        return binder.special("ITEM", "elements of arrays and maps are",
                              {binder.bind(*node.value), binder.bind(*node.index)}, span);
    }
    ExpressionPtr constructor(const char* function, const char* what,
                              const std::vector<ExprPtr>& items) const {
        std::vector<ExpressionPtr> arguments;
        arguments.reserve(items.size());
        for (const ExprPtr& item : items)
            arguments.push_back(binder.bind(*item));
        return binder.special(function, what, std::move(arguments), span);
    }
    ExpressionPtr operator()(const ArrayConstructor& node) const {
        return constructor("ARRAY", "ARRAY constructors are", node.items);
    }
    ExpressionPtr operator()(const MapConstructor& node) const {
        return constructor("MAP", "MAP constructors are", node.items);
    }
    ExpressionPtr operator()(const RowConstructor& node) const {
        return constructor("ROW", "ROW constructors are", node.items);
    }
};

ExpressionPtr ExpressionBinder::bind(const Expr& expr) {
    return located(expr.span, [&] { return std::visit(NodeBinder{*this, expr.span}, expr.node); });
}

ExpressionPtr ExpressionBinder::bindRoot(const Expr& expr) {
    return located(expr.span, [&] { return Expression::fold(bind(expr)); });
}

ExpressionPtr ExpressionBinder::bindCondition(const Expr& expr) {
    ExpressionPtr condition = bindRoot(expr);
    if (condition->type().kind() == TypeKind::Null) return convert(condition, LogicalType::boolean());
    if (condition->type().kind() != TypeKind::Boolean) {
        failAt(expr.span, "sql.type-mismatch",
               fmt::format("{} must be BOOLEAN, but this is {}", clause_, condition->type().toString()),
               "compare it with something");
    }
    return condition;
}

ExpressionPtr ExpressionBinder::columnExpression(size_t column) const {
    const Field& field = scope_.field(column);
    return Expression::column(column, field.type, field.name);
}

ExpressionPtr ExpressionBinder::bindColumn(const ColumnRef& column, const TextSpan&) {
    const Scope::Resolved found = scope_.resolve(column.path);
    return fields(columnExpression(found.column), column.path, found.parts);
}

ExpressionPtr ExpressionBinder::fields(ExpressionPtr value, const std::vector<Identifier>& path,
                                       size_t from) {
    for (size_t i = from; i < path.size(); ++i) {
        const Identifier& field = path[i];
        if (value->type().kind() != TypeKind::Row) {
            failAt(field.span, "sql.unknown-column",
                   fmt::format("'{}' is no field: what stands before it is {}, not a ROW", field.name,
                               value->type().toString()),
                   value->type().kind() == TypeKind::Variant
                       ? fmt::format("a VARIANT's is ['{}']", field.name)
                       : "");
        }
        std::vector<std::string> names;
        for (const Field& known : value->type().fields())
            names.push_back(known.name);
        if (std::find(names.begin(), names.end(), field.name) == names.end()) {
            const std::string near = nearestName(field.name, names);
            failAt(field.span, "sql.unknown-column", fmt::format("the ROW has no field '{}'", field.name),
                   near.empty() ? "" : fmt::format("did you mean '{}'?", near));
        }
        value = special(".", "fields of a ROW are", {value, stringLiteral(field.name)}, field.span);
    }
    return value;
}

ExpressionPtr ExpressionBinder::special(std::string_view function, const char* what,
                                        std::vector<ExpressionPtr> arguments, const TextSpan& span) {
    if (findScalarFunction(function) == nullptr) failNotSupported(span, what);
    return located(span, [&] { return Expression::call(function, std::move(arguments)); });
}

ExpressionPtr ExpressionBinder::bindAggregate(const Call& call, const TextSpan& span) {
    failAt(span, "sql.misplaced-aggregate",
           fmt::format("the aggregate function {} cannot stand in {}", call.name, clause_),
           clause_ == "WHERE" ? "conditions on aggregates go into HAVING" : "");
}

const FunctionDefinition* ExpressionBinder::createdFunction(const Call& call) const {
    if (call.path.empty() || scope_.catalog() == nullptr) return nullptr;
    const ObjectPath path = scope_.catalog()->resolve({call.path, call.path.front().span});
    const FunctionDefinition* const created = scope_.catalog()->findFunction(path.object);
    if (created == nullptr || call.path.size() > 1 || created->system) return created;
    const bool built_in =
        findScalarFunction(call.name) != nullptr || findAggregateFunction(call.name) != nullptr;
    return built_in ? nullptr : created;
}

void ExpressionBinder::checkScalarCall(const Call& call, const TextSpan& span) const {
    if (call.star)
        failAt(span, "sql.bad-argument", fmt::format("{}(*) does not exist", call.name),
               "only COUNT takes *");
    if (call.distinct || call.filter || call.ignore_nulls) {
        failAt(span, "sql.bad-argument",
               fmt::format("{} is no aggregate function: it takes no {}", call.name,
                           call.distinct ? "DISTINCT"
                           : call.filter ? "FILTER"
                                         : "IGNORE NULLS"));
    }
}

ExpressionPtr ExpressionBinder::bindCall(const Call& call, const TextSpan& span) {
    if (!call.within_group.empty()) {
        failAt(span, "sql.not-supported", "aggregate functions take no WITHIN GROUP, as in Flink",
               "LISTAGG and the like take rows as they come; PERCENTILE(value, 0.5) orders by itself");
    }
    const FunctionDefinition* const created = createdFunction(call);
    if (created == nullptr && call.path.size() > 1) {
        std::string name;
        for (const Identifier& part : call.path)
            name += (name.empty() ? "" : ".") + part.name;
        failAt(span, "sql.unknown-function", fmt::format("there is no function '{}'", name),
               "functions of a database come with CREATE FUNCTION");
    }
    if (call.over) {
        if (over_ != nullptr) {
            ScalarQueries* const scalars = std::exchange(scalars_, nullptr);
            ExpressionPtr bound = over_->bind(call, span, *this);
            scalars_ = scalars;
            return bound;
        }
        failAt(span, "sql.misplaced-window-function",
               fmt::format("the window function {} cannot stand in {}", call.name, clause_),
               "conditions on window functions go into QUALIFY, or above a sub-query");
    }
    if (standsOnlyWithOver(call.name)) {
        failAt(span, "sql.bad-argument", fmt::format("{} needs OVER", call.name),
               fmt::format("such as {}(...) OVER (PARTITION BY a ORDER BY b)", call.name));
    }
    if (created == nullptr && findAggregateFunction(call.name) != nullptr) return bindAggregate(call, span);
    checkScalarCall(call, span);
    if (created != nullptr) {
        std::vector<ExpressionPtr> arguments;
        for (const ExprPtr& argument : call.arguments)
            arguments.push_back(bind(*argument));
        return Expression::call(created->built_in, std::move(arguments));
    }
    if (call.name == "AND" || call.name == "OR") return bindLogical(call);
    if (call.name.starts_with("BETWEEN")) return bindBetween(call, span);
    if (call.name == "OVERLAPS") return bindOverlaps(call, span);
    if (call.name == "CURRENT_DATABASE" && call.arguments.empty()) {
        if (scope_.catalog() == nullptr)
            failAt(span, "sql.bad-argument", fmt::format("CURRENT_DATABASE() cannot stand in {}", clause_));
        return stringLiteral(scope_.catalog()->current().database);
    }
    if (isGroupWindowFunction(call.name) && findScalarFunction(call.name) == nullptr) {
        failAt(span, "sql.misplaced-window",
               fmt::format("{} belongs to a query that groups by a window", call.name),
               "as in SELECT TUMBLE_START(ts, INTERVAL '1' MINUTE), COUNT(*) FROM t GROUP BY TUMBLE(ts, "
               "INTERVAL "
               "'1' MINUTE)");
    }
    if (isGroupingFunction(call))
        failAt(span, "sql.misplaced-aggregate",
               fmt::format("{} belongs to a query with GROUP BY", call.name));
    std::vector<ExpressionPtr> arguments;
    for (const ExprPtr& argument : call.arguments)
        arguments.push_back(bind(*argument));
    if (isJsonConstructor(call)) finishJsonConstructor(call, arguments);
    const std::string_view name = call.name == "NEGATE" ? std::string_view("-") : std::string_view(call.name);
    if (findScalarFunction(name) == nullptr) {
        const std::string& written = call.path.empty() ? call.name : call.path.front().name;
        const std::string near = nearestName(written, functionNames());
        failAt(call.path.empty() ? span : call.path.front().span, "sql.unknown-function",
               fmt::format("there is no function '{}'", written),
               near.empty() ? "SHOW FUNCTIONS lists what there is" : fmt::format("did you mean '{}'?", near));
    }
    return Expression::call(name, std::move(arguments));
}

ExpressionPtr ExpressionBinder::bindLogical(const Call& call) {
    std::vector<ExpressionPtr> operands;
    for (const ExprPtr& argument : call.arguments) {
        ExpressionPtr operand = bind(*argument);
        if (operand->type().kind() == TypeKind::Null) operand = convert(operand, LogicalType::boolean());
        if (operand->type().kind() != TypeKind::Boolean) {
            failAt(argument->span, "sql.type-mismatch",
                   fmt::format("{} takes BOOLEAN, but this is {}", call.name, operand->type().toString()));
        }
        operands.push_back(std::move(operand));
    }
    return call.name == "AND" ? Expression::logicalAnd(std::move(operands))
                              : Expression::logicalOr(std::move(operands));
}

ExpressionPtr ExpressionBinder::bindBetween(const Call& call, const TextSpan& span) {
    const ExpressionPtr value = bind(*call.arguments[0]);
    const ExpressionPtr low = bind(*call.arguments[1]);
    const ExpressionPtr high = bind(*call.arguments[2]);
    return located(span, [&] {
        const auto within = [&](const ExpressionPtr& from, const ExpressionPtr& to) {
            return Expression::logicalAnd(
                {Expression::call(">=", {value, from}), Expression::call("<=", {value, to})});
        };
        if (call.name == "BETWEEN") return within(low, high);
        return Expression::logicalOr({within(low, high), within(high, low)});
    });
}

// (start, end) or (start, length) on either side; start and end may be the other way round.
ExpressionPtr ExpressionBinder::bindOverlaps(const Call& call, const TextSpan& span) {
    ExpressionPtr from[2];
    ExpressionPtr to[2];
    for (size_t i = 0; i < 2; ++i) {
        const auto* const period = std::get_if<RowConstructor>(&call.arguments[i]->node);
        if (period == nullptr || period->items.size() != 2) {
            failAt(call.arguments[i]->span, "sql.bad-argument", "OVERLAPS takes two periods of time",
                   "each is (start, end) or (start, length)");
        }
        const ExpressionPtr start = bind(*period->items[0]);
        ExpressionPtr end = bind(*period->items[1]);
        located(call.arguments[i]->span, [&] {
            if (end->type().isInterval()) end = Expression::call("+", {start, end});
            from[i] = Expression::call("LEAST", {start, end});
            to[i] = Expression::call("GREATEST", {start, end});
        });
    }
    return located(span, [&] {
        return Expression::logicalAnd(
            {Expression::call(">=", {to[0], from[1]}), Expression::call(">=", {to[1], from[0]})});
    });
}

ExpressionPtr ExpressionBinder::bindInList(const InList& node, const TextSpan&) {
    const ExpressionPtr value = bind(*node.value);
    std::vector<ExpressionPtr> equalities;
    for (const ExprPtr& item : node.items) {
        const ExpressionPtr candidate = bind(*item);
        equalities.push_back(located(item->span, [&] { return Expression::call("=", {value, candidate}); }));
    }
    return equalities.size() == 1 ? equalities.front() : Expression::logicalOr(std::move(equalities));
}

ExpressionPtr ExpressionBinder::bindCase(const CaseExpr& node, const TextSpan& span) {
    const ExpressionPtr operand = node.operand ? bind(*node.operand) : nullptr;
    std::vector<ExpressionPtr> conditions;
    std::vector<ExpressionPtr> results;
    for (const CaseExpr::Branch& branch : node.branches) {
        ExpressionPtr when = bind(*branch.when);
        if (operand) {
            when = located(branch.when->span, [&] { return Expression::call("=", {operand, when}); });
        } else if (when->type().kind() == TypeKind::Null) {
            when = convert(when, LogicalType::boolean());
        } else if (when->type().kind() != TypeKind::Boolean) {
            failAt(branch.when->span, "sql.type-mismatch",
                   fmt::format("WHEN must be BOOLEAN, but this is {}", when->type().toString()),
                   "to compare with a value, write CASE value WHEN ...");
        }
        conditions.push_back(std::move(when));
        results.push_back(bind(*branch.then));
    }
    results.push_back(node.otherwise ? bind(*node.otherwise)
                                     : Expression::literal(Value::null(), LogicalType()));

    std::vector<LogicalType> types;
    types.reserve(results.size());
    for (const ExpressionPtr& result : results)
        types.push_back(result->type());
    const auto type = commonType(types);
    if (!type) {
        std::string all;
        for (const LogicalType& branch : types)
            all += (all.empty() ? "" : ", ") + branch.toString();
        failAt(span, "sql.type-mismatch", fmt::format("the branches of CASE have no common type: {}", all),
               "CAST them to one");
    }
    std::vector<ExpressionPtr> arguments;
    for (size_t i = 0; i < conditions.size(); ++i) {
        arguments.push_back(conditions[i]);
        arguments.push_back(convert(results[i], *type));
    }
    arguments.push_back(convert(results.back(), *type));
    return Expression::caseWhen(std::move(arguments), *type);
}

namespace {

// Tries `test` on every node of an expression, sub-queries aside.
struct NodeSearch {
    const std::function<bool(const Expr&)>& test;

    bool in(const Expr& expr) const { return test(expr) || std::visit(*this, expr.node); }
    bool in(const ExprPtr& expr) const { return expr && in(*expr); }
    bool in(const std::vector<ExprPtr>& list) const {
        return std::any_of(list.begin(), list.end(), [this](const ExprPtr& expr) { return in(*expr); });
    }
    bool in(const OverSpec& window) const {
        return in(window.partition_by) ||
               std::any_of(window.order_by.begin(), window.order_by.end(),
                           [this](const OrderItem& item) { return in(*item.expression); });
    }

    bool operator()(const Call& node) const {
        return in(node.arguments) || (node.over != nullptr && in(*node.over));
    }
    bool operator()(const NamedArgument& node) const { return in(node.value); }
    bool operator()(const CaseExpr& node) const {
        return in(node.operand) || in(node.otherwise) ||
               std::any_of(
                   node.branches.begin(), node.branches.end(),
                   [this](const CaseExpr::Branch& branch) { return in(branch.when) || in(branch.then); });
    }
    bool operator()(const CastExpr& node) const { return in(node.value); }
    bool operator()(const InList& node) const { return in(node.value) || in(node.items); }
    bool operator()(const InQuery& node) const { return in(node.value); }
    bool operator()(const FieldAccess& node) const { return in(node.value); }
    bool operator()(const ElementAccess& node) const { return in(node.value) || in(node.index); }
    bool operator()(const ArrayConstructor& node) const { return in(node.items); }
    bool operator()(const MapConstructor& node) const { return in(node.items); }
    bool operator()(const RowConstructor& node) const { return in(node.items); }
    template <class Leaf>
    bool operator()(const Leaf&) const {
        return false;
    }
};

bool isAggregateCall(const Expr& expr) {
    const auto* call = std::get_if<Call>(&expr.node);
    return call != nullptr && !call->over && call->path.size() <= 1 &&
           findAggregateFunction(call->name) != nullptr;
}

}  // namespace

bool containsAggregate(const Expr& expr) { return NodeSearch{isAggregateCall}.in(expr); }

bool containsScalarQuery(const Expr& expr) {
    return NodeSearch{[](const Expr& node) {
               return std::holds_alternative<ScalarQuery>(node.node) ||
                      std::holds_alternative<InQuery>(node.node) ||
                      std::holds_alternative<ExistsQuery>(node.node);
           }}
        .in(expr);
}

}  // namespace millrace::sql
