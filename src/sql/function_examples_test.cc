// Every example that a function's description gives is evaluated, as the SQL text it is, and must give what
// it says.
#include <gtest/gtest.h>

#include "expr/executor.h"
#include "functions/function.h"
#include "sql/bind/expression_binder.h"
#include "sql/parse/parser.h"
#include "sql/session.h"

namespace millrace::sql {
namespace {

FunctionContext someContext() {
    FunctionContext context;
    context.now = ProcessingTime(1'709'210'096'789);
    return context;
}

std::string evaluateScalar(const std::string& text) {
    const SourceText source(text, {});
    const ExprPtr parsed = parseExpression(source);
    const Scope scope;
    const ExpressionPtr bound = ExpressionBinder(scope, "an example").bindRoot(*parsed);
    return evaluateConstant(bound, someContext()).toString(bound->type());
}

// The rows of a plan over VALUES, node by node.
Batch rowsOf(const LogicalNode& node);

Batch aggregated(const LogicalAggregate& node) {
    const Batch input = rowsOf(*node.input());
    EXPECT_TRUE(node.keys().empty());
    std::vector<ColumnPtr> results;
    for (const AggregateCall& call : node.calls()) {
        const auto bound = call.function->bind(call.infos, call.distinct, false);
        const RowLayout layout(bound->accumulatorTypes());
        RowHeap heap;
        std::vector<uint64_t> memory(layout.rowBytes() / 8);
        auto* row = reinterpret_cast<std::byte*>(memory.data());
        std::vector<ColumnPtr> arguments;
        for (const size_t argument : call.arguments)
            arguments.push_back(input.column(argument));
        const std::vector<std::byte*> accumulators(input.rows(), row);
        bound->accumulate(
            {.arguments = arguments, .accumulators = accumulators, .layout = &layout, .heap = &heap});
        ColumnBuilder out(bound->resultType());
        bound->result(layout, 0, std::span(&row, 1), out);
        results.push_back(out.finish());
        releaseRow(layout, row, heap);
    }
    return Batch(1, std::move(results));
}

Batch rowsOf(const LogicalNode& node) {
    if (is<LogicalValues>(node)) {
        BatchBuilder rows(node.schema());
        for (const auto& row : as<LogicalValues>(node).rows()) {
            std::vector<Value> values;
            for (const ExpressionPtr& expression : row)
                values.push_back(evaluateConstant(expression, someContext()));
            rows.appendRow(values);
        }
        return rows.finish();
    }
    if (is<LogicalProject>(node)) {
        const Batch input = rowsOf(*node.input());
        ExpressionExecutor executor(as<LogicalProject>(node).expressions());
        return input.withColumns(executor.evaluate(someContext(), input));
    }
    if (is<LogicalAggregate>(node)) return aggregated(as<LogicalAggregate>(node));
    if (is<LogicalSink>(node)) return rowsOf(*node.input());
    throw InternalError("an example needs more than a projection of aggregates: " + node.describe());
}

std::string evaluateQuery(const std::string& text) {
    Session session({.registry = std::make_shared<ConnectorRegistry>()});
    const auto script = session.parse(text);
    const StatementResult result = session.execute(*script, 0);
    const Batch rows = rowsOf(*result.plan.sinks.at(0));
    return rows.column(0)->textAt(0);
}

TEST(FunctionExamples, OfScalarFunctionsGiveWhatTheySay) {
    size_t examples = 0;
    for (const auto& family : scalarFunctionFamilies()) {
        for (const ScalarFunction& function : family) {
            for (const FunctionExample& example : function.examples) {
                try {
                    EXPECT_EQ(evaluateScalar(example.sql), example.result)
                        << function.name << ": " << example.sql;
                } catch (const std::exception& error) {
                    ADD_FAILURE() << function.name << ": " << example.sql << ": " << error.what();
                }
                ++examples;
            }
        }
    }
    EXPECT_GT(examples, 150U);
}

TEST(FunctionExamples, OfAggregatesGiveWhatTheySay) {
    for (const auto& family : aggregateFunctionFamilies()) {
        for (const AggregateFunction& function : family) {
            for (const FunctionExample& example : function.examples) {
                try {
                    EXPECT_EQ(evaluateQuery(example.sql), example.result)
                        << function.name << ": " << example.sql;
                } catch (const std::exception& error) {
                    ADD_FAILURE() << function.name << ": " << example.sql << ": " << error.what();
                }
            }
        }
    }
}

}  // namespace
}  // namespace millrace::sql
