#include "sql/bind/aggregate_call.h"

#include "sql/bind/json_constructors.h"

namespace millrace::sql {

BoundCall bindAggregateCall(const AggregateFunction& called, const Call& call, const TextSpan& span,
                            ExpressionBinder& arguments, ExpressionBinder& filter) {
    // With OVER, whoever binds that has looked at them: what is left is what the functions do in any case.
    if (call.ignore_nulls && !call.over) {
        failAt(
            span, "sql.bad-argument",
            fmt::format("IGNORE NULLS and RESPECT NULLS go with OVER alone, and {} is without", call.name));
    }
    if (call.star && (call.name != "COUNT" || call.distinct)) {
        failAt(span, "sql.bad-argument",
               fmt::format("{}({}*) does not exist", call.name, call.distinct ? "DISTINCT " : ""),
               "only COUNT takes *");
    }
    BoundCall bound;
    AggregateCall& result = bound.call;
    result.function = &called;
    result.distinct = call.distinct;
    std::string text = call.star ? "*" : "";
    std::vector<ExpressionPtr> values;
    for (const ExprPtr& argument : call.arguments)
        values.push_back(arguments.bindRoot(*argument));
    if (isJsonConstructor(call)) finishJsonConstructor(call, values);
    for (ExpressionPtr& expression : values) {
        ArgumentInfo info;
        info.type = expression->type();
        if (expression->kind() == ExpressionKind::Literal) info.literal = expression->value();
        result.infos.push_back(std::move(info));
        text += (text.empty() ? "" : ", ") + expression->toString();
        bound.arguments.push_back(std::move(expression));
    }
    const auto function =
        located(span, [&] { return result.function->bind(result.infos, result.distinct, false); });
    MILLRACE_CHECK(function->argumentTypes().size() == bound.arguments.size(), "{} binds {} arguments as {}",
                   call.name, bound.arguments.size(), function->argumentTypes().size());
    for (size_t i = 0; i < bound.arguments.size(); ++i) {
        bound.arguments[i] = convert(bound.arguments[i], function->argumentTypes()[i]);
        result.infos[i].type = bound.arguments[i]->type();
    }
    result.text = fmt::format("{}({}{})", result.function->name, call.distinct ? "DISTINCT " : "", text);
    if (call.filter) {
        bound.filter = filter.bindCondition(*call.filter);
        result.text += fmt::format(" FILTER (WHERE {})", bound.filter->toString());
    }
    // Over no rows an aggregate other than COUNT is NULL, which the functions' result types know.
    result.type = function->resultType();
    return bound;
}

}  // namespace millrace::sql
