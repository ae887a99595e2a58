#include "sql/bind/grouping.h"

#include <algorithm>
#include <numeric>

#include "sql/bind/aggregate_call.h"
#include "sql/bind/query_binder.h"

namespace millrace::sql {

GroupedBinder::GroupedBinder(const Scope& scope, GroupingKeys keys, const GroupWindow* window)
    : ExpressionBinder(scope, "SELECT"),
      window_(window),
      input_(scope.node()),
      keys_(std::move(keys.keys)),
      sets_(std::move(keys.sets)) {
    for (const ExpressionPtr& key : keys_) {
        key_texts_.push_back(key->canonical());
        only_columns_ = only_columns_ && key->kind() == ExpressionKind::Column;
    }
    needed_ = keys_;
    if (window_) {
        input_ = window_->table(input_, needed_);
        first_window_key_ = keys_.size();
        for (size_t column = input_->schema().size() - 3; column < input_->schema().size(); ++column) {
            keys_.push_back(columnOf(input_, column));
            key_texts_.emplace_back();  // only the functions of the window find it
            needed_.push_back(keys_.back());
        }
    }
    for (std::vector<bool>& set : sets_)
        set.resize(keys_.size(), true);
    for (const ExpressionPtr& expression : needed_)
        needed_texts_.push_back(expression->canonical());
}

// TUMBLE_START(ts, size) and its kin.
ExpressionPtr GroupedBinder::windowPart(const Call& call, const TextSpan& span) const {
    size_t key = first_window_key_;
    switch (window_->part(call, span, scope())) {
        case GroupWindow::Part::Start:
            break;
        case GroupWindow::Part::End:
            key += 1;
            break;
        case GroupWindow::Part::Rowtime:
            key += 2;
            break;
        case GroupWindow::Part::Proctime:
            return Expression::call("PROCTIME", {});
    }
    return Expression::column(key, keys_[key]->type(), keys_[key]->name());
}

ExpressionPtr GroupedBinder::asKey(const ExpressionPtr& bound) const {
    const auto found = std::find(key_texts_.begin(), key_texts_.end(), bound->canonical());
    if (found == key_texts_.end()) return nullptr;
    return keyColumn(static_cast<size_t>(found - key_texts_.begin()));
}

ExpressionPtr GroupedBinder::keyColumn(size_t key) const {
    const Expression& expression = *keys_[key];
    const bool nullable = expression.type().nullable() || !inEverySet(sets_, key);
    return Expression::column(
        key, expression.type().withNullable(nullable),
        expression.kind() == ExpressionKind::Column ? expression.name() : expression.toString());
}

// A number that each grouping set has: which of the arguments it does not have, a bit each, the last argument
// the lowest one; or, of GROUP_ID, how many equal sets come before it.
ExpressionPtr GroupedBinder::bindGroupingFunction(const Call& call, const TextSpan& span) {
    const bool group_id = call.name == "GROUP_ID";
    constexpr size_t kArgumentsMax = 63;
    if (group_id != call.arguments.empty() || call.arguments.size() > kArgumentsMax || call.star ||
        call.distinct || call.filter || call.over) {
        failAt(span, "sql.bad-argument",
               group_id ? std::string("GROUP_ID takes no arguments")
                        : fmt::format("{} takes 1 to {} keys of GROUP BY", call.name, kArgumentsMax));
    }
    std::vector<size_t> keys;
    for (const ExprPtr& argument : call.arguments) {
        const ExpressionPtr bound = ExpressionBinder(scope(), current_clause_).bindRoot(*argument);
        const auto found = std::find(key_texts_.begin(), key_texts_.end(), bound->canonical());
        if (found == key_texts_.end()) {
            failAt(argument->span, "sql.not-grouped",
                   fmt::format("{} takes keys of GROUP BY, which this is not", call.name));
        }
        keys.push_back(static_cast<size_t>(found - key_texts_.begin()));
    }
    const auto number_of = [&](size_t set) {
        int64_t number = 0;
        if (group_id)
            return std::count(sets_.begin(), sets_.begin() + static_cast<std::ptrdiff_t>(set), sets_[set]);
        for (const size_t key : keys)
            number = number * 2 + (sets_[set][key] ? 0 : 1);
        return number;
    };
    const LogicalType type = LogicalType::bigint().withNullable(false);
    const auto literal = [&](int64_t number) { return Expression::literal(Value::int64(number), type); };
    if (sets_.empty()) return literal(0);
    const ExpressionPtr set = Expression::column(keys_.size(), type, "$e");
    std::vector<ExpressionPtr> cases;
    for (size_t i = 0; i + 1 < sets_.size(); ++i) {
        cases.push_back(Expression::call("=", {set, literal(static_cast<int64_t>(i))}));
        cases.push_back(literal(number_of(i)));
    }
    cases.push_back(literal(number_of(sets_.size() - 1)));
    return cases.size() == 1 ? cases.front() : Expression::caseWhen(std::move(cases), type);
}

ExpressionPtr GroupedBinder::bind(const Expr& expr) {
    if (const auto* call = std::get_if<Call>(&expr.node);
        call && window_ && isGroupWindowFunction(call->name))
        return windowPart(*call, expr.span);
    if (const auto* call = std::get_if<Call>(&expr.node); call && isGroupingFunction(*call))
        return bindGroupingFunction(*call, expr.span);
    // Where a key is an expression, every sub-expression may be that key.
    if (!only_columns_ && !std::holds_alternative<Literal>(expr.node) &&
        !std::holds_alternative<ColumnRef>(expr.node) && !std::holds_alternative<Star>(expr.node) &&
        !containsAggregate(expr)) {
        ExpressionPtr whole;
        try {
            whole = Expression::fold(ExpressionBinder(scope(), current_clause_).bind(expr));
        } catch (const UserError&) {  // what is wrong with it is reported on the ordinary way
        }
        if (whole) {
            if (ExpressionPtr key = asKey(whole)) return key;
        }
    }
    return ExpressionBinder::bind(expr);
}

ExpressionPtr GroupedBinder::bindKeyColumn(size_t column, const TextSpan& span) {
    if (ExpressionPtr key = asKey(columnExpression(column))) return key;
    failAt(span, "sql.not-grouped",
           fmt::format("column '{}' is neither in GROUP BY nor inside an aggregate function",
                       scope().field(column).name),
           "add it to GROUP BY, or aggregate it, as in MAX(column)");
}

ExpressionPtr GroupedBinder::bindColumn(const ColumnRef& column, const TextSpan& span) {
    // A field of a ROW may be a key itself, or the ROW may be.
    const Scope::Resolved found = scope().resolve(column.path);
    if (found.parts < column.path.size()) {
        if (ExpressionPtr key = asKey(ExpressionBinder::bindColumn(column, span))) return key;
    }
    return fields(bindKeyColumn(found.column, span), column.path, found.parts);
}

size_t GroupedBinder::need(const ExpressionPtr& expression) {
    std::string text = expression->canonical();
    // Keys are NULL in some copies of a row; what aggregates read is not.
    const size_t first = sets_.empty() ? 0 : keys_.size();
    const auto found =
        std::find(needed_texts_.begin() + static_cast<std::ptrdiff_t>(first), needed_texts_.end(), text);
    if (found != needed_texts_.end()) return static_cast<size_t>(found - needed_texts_.begin());
    needed_.push_back(expression);
    needed_texts_.push_back(std::move(text));
    return needed_.size() - 1;
}

namespace {

// Inside an aggregate's arguments there are the input's columns, and no further aggregates.
class ArgumentBinder final : public ExpressionBinder {
  public:
    using ExpressionBinder::ExpressionBinder;

  protected:
    ExpressionPtr bindAggregate(const Call& call, const TextSpan& span) override {
        failAt(span, "sql.misplaced-aggregate",
               fmt::format("{} is inside another aggregate function", call.name),
               "aggregate twice with a sub-query: SELECT MAX(n) FROM (SELECT COUNT(*) AS n FROM ... GROUP BY "
               "...)");
    }
};

}  // namespace

ExpressionPtr GroupedBinder::bindAggregate(const Call& call, const TextSpan& span) {
    ArgumentBinder arguments(scope(), fmt::format("the arguments of {}", call.name));
    ArgumentBinder filter(scope(), "FILTER");
    BoundCall with_expressions =
        bindAggregateCall(*findAggregateFunction(call.name), call, span, arguments, filter);
    AggregateCall& bound = with_expressions.call;
    for (const ExpressionPtr& argument : with_expressions.arguments)
        bound.arguments.push_back(need(argument));
    if (with_expressions.filter) bound.filter = need(with_expressions.filter);

    std::string text = fmt::format("{} {} {}", bound.function->name, bound.distinct,
                                   bound.filter ? std::to_string(*bound.filter) : "");
    for (const size_t argument : bound.arguments)
        text += fmt::format(" ${}", argument);
    const auto found = std::find(call_texts_.begin(), call_texts_.end(), text);
    const auto index = static_cast<size_t>(found - call_texts_.begin());
    if (found == call_texts_.end()) {
        call_texts_.push_back(std::move(text));
        calls_.push_back(std::move(bound));
    }
    return Expression::column(keys_.size() + (sets_.empty() ? 0 : 1) + index, calls_[index].type,
                              calls_[index].text);
}

LogicalPtr GroupedBinder::build(const TextSpan& where, std::optional<Duration> state_ttl) const {
    std::vector<std::string> names;
    for (size_t i = 0; i < needed_.size(); ++i) {
        names.push_back(needed_[i]->kind() == ExpressionKind::Column ? needed_[i]->name()
                                                                     : fmt::format("$f{}", i));
    }
    makeUnique(names);
    LogicalPtr input = project(input_, needed_, std::move(names), where);
    std::vector<AggregateCall> calls = calls_;
    std::vector<size_t> keys(keys_.size());
    if (!sets_.empty()) {
        input = std::make_shared<LogicalExpand>(input, sets_, where);
        keys.push_back(0);
        for (AggregateCall& call : calls) {  // the set's number comes before what they read
            for (size_t& argument : call.arguments)
                ++argument;
            if (call.filter) ++*call.filter;
        }
    }
    std::iota(keys.begin(), keys.end(), size_t{0});
    return std::make_shared<LogicalAggregate>(std::move(input), std::move(keys), std::move(calls), where,
                                              state_ttl);
}

}  // namespace millrace::sql
