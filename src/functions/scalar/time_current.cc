#include "functions/local_times.h"
#include "functions/temporal.h"

namespace millrace {

namespace {

// The same for all rows of a batch: compute(context) in the result's physical form.
template <class Compute>
ScalarFunction current(std::string name, std::vector<std::string> aliases, LogicalType type,
                       std::string documentation, std::string example, Compute compute) {
    ScalarFunction function{.name = name,
                            .aliases = std::move(aliases),
                            .signature = name,
                            .documentation = std::move(documentation),
                            .examples = {{std::move(example), "TRUE"}},
                            .deterministic = false};
    function.bind = [name, type, compute](std::span<const ArgumentInfo> arguments) {
        checkArgumentCount(name, arguments, 0, 0, "no argument");
        BoundScalar bound;
        bound.result = type.withNullable(false);
        bound.total = true;
        bound.context_free = false;
        bound.kernel = [compute, result = bound.result](const FunctionContext& context,
                                                        std::span<const ColumnPtr>, size_t rows) {
            return Column::constant(result, Value::int64(compute(context)), rows);
        };
        return bound;
    };
    return function;
}

int64_t nowMicros(const FunctionContext& context) { return context.now.value() * 1000; }
int64_t localNow(const FunctionContext& context) {
    return zoneConverter(context.time_zone).toLocal(nowMicros(context));
}

BoundScalar bindWatermark(std::span<const ArgumentInfo> arguments) {
    constexpr std::string_view accepted = "the rowtime column";
    checkArgumentCount("CURRENT_WATERMARK", arguments, 1, 1, accepted);
    if (!arguments[0].type.isTimestamp()) badArguments("CURRENT_WATERMARK", arguments, accepted);
    BoundScalar bound;
    bound.arguments = {arguments[0].type};
    bound.result =
        dependsOnZone(arguments[0].type) ? LogicalType::timestampLtz(3) : LogicalType::timestamp(3);
    bound.total = true;
    bound.context_free = false;
    bound.kernel = [result = bound.result](const FunctionContext& context, std::span<const ColumnPtr>,
                                           size_t rows) {
        const int64_t watermark = context.watermark.value();
        const bool none = context.watermark == EventTime::min();
        const int64_t micros = none ? 0 : std::min(watermark, INT64_MAX / 1000) * 1000;
        return Column::constant(result, none ? Value::null() : Value::int64(micros), rows);
    };
    return bound;
}

}  // namespace

std::vector<ScalarFunction> describeScalarTimeCurrent() {
    return {
        current("CURRENT_TIMESTAMP", {"NOW", "CURRENT_ROW_TIMESTAMP"}, LogicalType::timestampLtz(3),
                "The instant at which the row is processed.", "CURRENT_TIMESTAMP IS NOT NULL", nowMicros),
        current("PROCTIME", {}, LogicalType::timestampLtz(3),
                "The instant at which the row is processed, as a time attribute.", "PROCTIME() IS NOT NULL",
                nowMicros),
        current("LOCALTIMESTAMP", {}, LogicalType::timestamp(3),
                "The local date and time, in the session's time zone.", "LOCALTIMESTAMP IS NOT NULL",
                localNow),
        current("CURRENT_DATE", {}, LogicalType::of(TypeKind::Date),
                "The local date, in the session's time zone.", "CURRENT_DATE IS NOT NULL",
                [](const FunctionContext& context) { return floorDivide(localNow(context), kMicrosPerDay); }),
        current("LOCALTIME", {"CURRENT_TIME"}, LogicalType::time(0),
                "The local time of day, in the session's time zone.", "LOCALTIME IS NOT NULL",
                [](const FunctionContext& context) {
                    const int64_t local = localNow(context);
                    return (local - floorDivide(local, kMicrosPerDay) * kMicrosPerDay) / kMicrosPerSecond *
                           1000;
                }),
        {.name = "CURRENT_WATERMARK",
         .signature = "CURRENT_WATERMARK(rowtime)",
         .documentation = "The operator's current watermark; NULL before the first one.",
         .examples = {{"CURRENT_WATERMARK(TIMESTAMP '2024-01-01 00:00:00')", "NULL"}},
         .deterministic = false,
         .bind = bindWatermark},
    };
}

}  // namespace millrace
