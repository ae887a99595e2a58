// Calls of aggregate functions, in whatever clause they stand: arguments bound, the function chosen.
#pragma once

#include "sql/bind/expression_binder.h"
#include "sql/bind/logical_plan.h"

namespace millrace::sql {

// What is left to do is to give each expression a column: call.arguments and call.filter.
struct BoundCall {
    AggregateCall call;
    std::vector<ExpressionPtr> arguments;  // converted to what the function takes
    ExpressionPtr filter;                  // may be nullptr
};

// The call of `function`. The arguments are bound by one binder and the FILTER by another, so that each is
// named in messages.
BoundCall bindAggregateCall(const AggregateFunction& function, const Call& call, const TextSpan& span,
                            ExpressionBinder& arguments, ExpressionBinder& filter);

}  // namespace millrace::sql
