#include "functions/date_pattern.h"
#include "functions/local_times.h"
#include "functions/simple.h"
#include "functions/temporal.h"

namespace millrace {

namespace {

constexpr std::string_view kDefaultPattern = "yyyy-MM-dd HH:mm:ss";

int64_t toMillis(int64_t micros) { return floorDivide(micros, 1000) * 1000; }

// A local time from text: by the pattern in the argument, or, without one, in the SQL form.
std::optional<DatePattern::Parsed> readTime(const Arguments& a, size_t i, size_t pattern) {
    if (a.count() > pattern) return datePattern(a.text(pattern, i)).parse(a.text(0, i));
    const auto micros = parseTimestamp(a.text(0, i));
    if (!micros) return std::nullopt;
    return DatePattern::Parsed{*micros, std::nullopt};
}

bool toTimestamp(const Arguments& a, size_t i, int64_t& out) {
    const auto parsed = readTime(a, i, 1);
    if (parsed) out = toMillis(parsed->local_micros);
    return parsed.has_value();
}

bool toDate(const Arguments& a, size_t i, int32_t& out) {
    const auto parsed = readTime(a, i, 1);
    if (parsed) out = static_cast<int32_t>(floorDivide(parsed->local_micros, kMicrosPerDay));
    return parsed.has_value();
}

// A kernel that needs the context: op(context, arguments, row, R& out).
template <class R, class Op>
BoundScalar contextual(const SimpleSpec& spec, std::span<const ArgumentInfo> arguments,
                       const LogicalType& result, Op op) {
    BoundScalar bound;
    bound.arguments = matchPattern(spec, arguments);
    bound.result = result;
    bound.context_free = false;
    bound.kernel = [result, op](const FunctionContext& context, std::span<const ColumnPtr> columns,
                                size_t rows) {
        auto column = makeResult(result, columns, rows);
        R* const out = column->template mutableData<R>();
        std::fill_n(out, rows, R());
        const Arguments given(columns);
        forValidRows(*column, rows, [&](size_t i) { return op(context, given, i, out[i]); });
        return ColumnPtr(column);
    };
    return bound;
}

template <class Op>
BoundScalar contextualText(const SimpleSpec& spec, std::span<const ArgumentInfo> arguments, Op op) {
    BoundScalar bound;
    bound.arguments = matchPattern(spec, arguments);
    bound.result = LogicalType::string();
    bound.context_free = false;
    bound.kernel = [op](const FunctionContext& context, std::span<const ColumnPtr> columns, size_t rows) {
        const Arguments given(columns);
        return mapToStrings(LogicalType::string(), columns, rows,
                            [&](size_t i, std::string& out) { return op(context, given, i, out); });
    };
    return bound;
}

int precisionOf(int64_t digits, int most) {
    if (digits >= 0 && digits <= most) return static_cast<int>(digits);
    throw UserError(
        "data.bad-argument",
        fmt::format("TO_TIMESTAMP_LTZ takes the precision 0 (seconds) to 9 (nanoseconds), above 3 "
                    "as a literal, not {}",
                    digits));
}

// So many units of `precision` digits behind a second's point; nothing outside of the years 0000 to 9999, as
// Flink has it.
template <class N>
std::optional<TimePoint> afterEpoch(N number, int precision) {
    constexpr Int128 kFirst = Int128{-62'167'219'200} * kNanosOfDigits[0];
    constexpr Int128 kEnd = Int128{253'402'300'800} * kNanosOfDigits[0];
    const int64_t unit = kNanosOfDigits[precision];
    Int128 nanos = 0;
    if constexpr (std::is_floating_point_v<N>) {
        const double product = number * static_cast<double>(unit);
        if (!(product >= static_cast<double>(kFirst) && product < static_cast<double>(kEnd)))
            return std::nullopt;
        nanos = static_cast<Int128>(product);
    } else {
        nanos = Int128{number} * unit;
    }
    if (nanos < kFirst || nanos >= kEnd) return std::nullopt;
    return TimePoint::ofNanos(nanos);
}

// TO_TIMESTAMP_LTZ(number, 0..9), TO_TIMESTAMP_LTZ(string [, pattern [, zone]])
BoundScalar bindToTimestampLtz(std::span<const ArgumentInfo> arguments) {
    const std::string signature = "(number [, precision]), or (string [, pattern [, time zone]])";
    checkArgumentCount("TO_TIMESTAMP_LTZ", arguments, 1, 3, signature);
    if (arguments[0].type.isCharacter()) {
        BoundScalar bound =
            contextual<int64_t>({.name = "TO_TIMESTAMP_LTZ", .pattern = "s[ss", .signature = signature},
                                arguments, LogicalType::timestampLtz(3),
                                [](const FunctionContext&, const Arguments& a, size_t i, int64_t& out) {
                                    const auto parsed = readTime(a, i, 1);
                                    if (!parsed) return false;
                                    out = toMillis(parsed->local_micros);
                                    if (parsed->offset_seconds) {
                                        out -= *parsed->offset_seconds * kMicrosPerSecond;
                                    } else if (a.count() > 2) {  // else it is UTC, not the session's zone
                                        out = zoneConverter(std::string(a.text(2, i))).toInstant(out);
                                    }
                                    return true;
                                });
        bound.context_free = true;
        return bound;
    }
    const bool floating = arguments[0].type.isApproximateNumeric();
    int precision = 3;
    if (arguments.size() > 1 && arguments[1].literal && !arguments[1].literal->isNull() &&
        arguments[1].type.isInteger()) {
        precision = precisionOf(arguments[1].literal->asInt64(), 9);
    }
    const LogicalType result = LogicalType::timestampLtz(std::max(precision, 3));
    BoundScalar bound;
    bound.arguments = matchPattern(
        {.name = "TO_TIMESTAMP_LTZ", .pattern = floating ? "d[i" : "l[i", .signature = signature}, arguments);
    bound.result = result;
    bound.kernel = [floating, precision, result](const FunctionContext&, std::span<const ColumnPtr> columns,
                                                 size_t rows) {
        auto column = makeResult(result, columns, rows);
        const Arguments given(columns);
        dispatchTime(result, [&]<class T>() {
            T* const out = column->mutableData<T>();
            std::fill_n(out, rows, T());
            forValidRows(*column, rows, [&](size_t i) {
                const int digits =
                    precision > 3 || given.count() < 2 ? precision : precisionOf(given.integer(1, i), 3);
                std::optional<TimePoint> time = floating ? afterEpoch(given.number(0, i), digits)
                                                         : afterEpoch(given.bigint(0, i), digits);
                if (time) out[i] = timeTicks<T>(time->cutTo(result.precision()));
                return time.has_value();
            });
        });
        return ColumnPtr(column);
    };
    return bound;
}

// Neighbours nearly always lie in one day, or whatever the pattern tells apart, so that one text serves many
// rows.
ColumnPtr formatTimes(const FunctionContext& context, std::span<const ColumnPtr> columns, size_t rows,
                      bool ltz) {
    const Column& times = *columns[0];
    const bool nanos = times.type().isNanos();
    const bool as_is = times.type().kind() == TypeKind::Timestamp && !nanos;
    const std::vector<int64_t> converted = as_is ? std::vector<int64_t>{} : localMicros(context, times, rows);
    const int64_t* const local = as_is ? times.data<int64_t>() : converted.data();
    auto result = makeResult(LogicalType::string(), columns, rows);
    StringView* const out = result->mutableData<StringView>();
    StringHeap& heap = result->heap();
    std::string text;
    StringView written;
    const StringView* const patterns = columns[1]->data<StringView>();
    const bool all_alike = result->validity() == nullptr && !ltz && columns[1]->repeatsOneValue();
    StringView pattern_text;
    const DatePattern* pattern = nullptr;
    int64_t begin = 0, end = 0, written_offset = 0;  // the local times that are written alike
    for (size_t i = 0; i < rows; ++i) {
        if (result->isNull(i)) continue;
        const int64_t offset = ltz ? (local[i] - timePointAt(times, i).micros) / kMicrosPerSecond : 0;
        if (!pattern || patterns[i] != pattern_text) {
            pattern_text = patterns[i];
            pattern = &datePattern(pattern_text.view());
            begin = end = 0;
        }
        if (local[i] < begin || local[i] >= end || offset != written_offset) {
            text.clear();
            pattern->format(TimePoint{local[i], nanos ? timePointAt(times, i).nanos : 0}, offset, text);
            written = heap.add(text);
            const int64_t stretch = pattern->stretchMicros();
            begin = stretch == 0 ? 0 : floorDivide(local[i], stretch) * stretch;
            end = begin + stretch;
            written_offset = offset;
        }
        out[i] = written;
        if (!all_alike) continue;
        while (i + 1 < rows && local[i + 1] >= begin && local[i + 1] < end)
            out[++i] = written;
    }
    return result;
}

BoundScalar bindDateFormat(std::span<const ArgumentInfo> arguments) {
    constexpr std::string_view accepted = "a date, a timestamp or a string, and a pattern";
    checkArgumentCount("DATE_FORMAT", arguments, 2, 2, accepted);
    LogicalType type = arguments[0].type;
    if (type.isCharacter() || type.kind() == TypeKind::Null) type = LogicalType::timestamp(3);
    if (!type.isTemporal() || type.kind() == TypeKind::Time) badArguments("DATE_FORMAT", arguments, accepted);
    if (!arguments[1].type.isCharacter() && arguments[1].type.kind() != TypeKind::Null)
        badArguments("DATE_FORMAT", arguments, accepted);
    BoundScalar bound;
    bound.arguments = {type, LogicalType::string()};
    bound.result = LogicalType::string();
    bound.context_free = !dependsOnZone(type);
    bound.kernel = [ltz = dependsOnZone(type)](const FunctionContext& context,
                                               std::span<const ColumnPtr> columns, size_t rows) {
        return formatTimes(context, columns, rows, ltz);
    };
    return bound;
}

BoundScalar bindUnixTimestamp(std::span<const ArgumentInfo> arguments) {
    const SimpleSpec spec{
        .name = "UNIX_TIMESTAMP", .pattern = "[ss", .signature = "nothing, or (string [, pattern])"};
    if (!arguments.empty()) {
        return contextual<int64_t>(
            spec, arguments, LogicalType::bigint(),
            [](const FunctionContext& context, const Arguments& a, size_t i, int64_t& out) {
                const std::string_view pattern = a.count() > 1 ? a.text(1, i) : kDefaultPattern;
                const auto parsed = datePattern(pattern).parse(a.text(0, i));
                if (!parsed) {
                    out = INT64_MIN;  // Flink's answer to text that does not fit
                    return true;
                }
                const int64_t instant =
                    parsed->offset_seconds ? parsed->local_micros - *parsed->offset_seconds * kMicrosPerSecond
                                           : zoneConverter(context.time_zone).toInstant(parsed->local_micros);
                out = floorDivide(instant, kMicrosPerSecond);
                return true;
            });
    }
    BoundScalar bound;
    bound.result = LogicalType::bigint().withNullable(false);
    bound.context_free = false;
    bound.kernel = [result = bound.result](const FunctionContext& context, std::span<const ColumnPtr>,
                                           size_t rows) {
        return Column::constant(result, Value::int64(floorDivide(context.now.value(), 1000)), rows);
    };
    return bound;
}

BoundScalar bindFromUnixtime(std::span<const ArgumentInfo> arguments) {
    const SimpleSpec spec{.name = "FROM_UNIXTIME", .pattern = "l[s", .signature = "(seconds [, pattern])"};
    return contextualText(spec, arguments,
                          [](const FunctionContext& context, const Arguments& a, size_t i, std::string& out) {
                              int64_t instant = 0;
                              if (__builtin_mul_overflow(a.bigint(0, i), kMicrosPerSecond, &instant))
                                  return false;
                              const int64_t local = zoneConverter(context.time_zone).toLocal(instant);
                              datePattern(a.count() > 1 ? a.text(1, i) : kDefaultPattern)
                                  .format({local}, (local - instant) / kMicrosPerSecond, out);
                              return true;
                          });
}

// As Java's calendar: of a time that occurs twice, the second one.
int64_t laterInstant(ZoneConverter& zone, int64_t local) {
    const int64_t instant = zone.toInstant(local);
    for (const int64_t minutes : {30, 60, 120}) {
        const int64_t later = instant + minutes * 60 * kMicrosPerSecond;
        if (zone.toLocal(later) == local) return later;
    }
    return instant;
}

bool convertTz(const Arguments& a, size_t i, std::string& out) {
    const auto parsed = parseTimestamp(a.text(0, i));
    if (!parsed) return false;
    const int64_t instant = laterInstant(zoneConverter(std::string(a.text(1, i))), *parsed);
    out = formatTimestamp(zoneConverter(std::string(a.text(2, i))).toLocal(instant), 0);
    return true;
}

}  // namespace

std::vector<ScalarFunction> describeScalarTimeText() {
    return {
        valueFunction<int64_t>(
            {.name = "TO_TIMESTAMP",
             .pattern = "s[s",
             .signature = "TO_TIMESTAMP(string [, pattern])",
             .documentation = "The timestamp that the text writes, in Java's pattern ('yyyy-MM-dd HH:mm:ss' "
                              "without one); NULL if it does not.",
             .examples = {{"TO_TIMESTAMP('2001/01/01 00:47', 'yyyy/MM/dd HH:mm')", "2001-01-01 00:47:00.000"},
                          {"TO_TIMESTAMP('2024-02-29 12:00:00')", "2024-02-29 12:00:00.000"},
                          {"TO_TIMESTAMP('soon')", "NULL"}}},
            LogicalType::timestamp(3), toTimestamp),
        valueFunction<int32_t>({.name = "TO_DATE",
                                .pattern = "s[s",
                                .signature = "TO_DATE(string [, pattern])",
                                .documentation = "The date that the text writes, in Java's pattern "
                                                 "('yyyy-MM-dd' without one); NULL if it does not.",
                                .examples = {{"TO_DATE('29.02.2024', 'dd.MM.yyyy')", "2024-02-29"}}},
                               LogicalType::of(TypeKind::Date), toDate),
        {.name = "TO_TIMESTAMP_LTZ",
         .signature =
             "TO_TIMESTAMP_LTZ(number [, precision]), TO_TIMESTAMP_LTZ(string [, pattern [, time zone]])",
         .documentation =
             "The instant so many seconds (precision 0), milliseconds (3), microseconds (6) or nanoseconds "
             "(9) after the epoch, of as many digits (3 at least); or that the text writes (in UTC, "
             "unless a zone is given).",
         .examples = {{"TO_TIMESTAMP_LTZ(1735689600, 0) = TO_TIMESTAMP_LTZ(1735689600000, 3)", "TRUE"},
                      {"TO_TIMESTAMP_LTZ('2025-01-01 00:00:00', 'yyyy-MM-dd HH:mm:ss', 'UTC') = "
                       "TO_TIMESTAMP_LTZ(1735689600, 0)",
                       "TRUE"}},
         .bind = bindToTimestampLtz},
        {.name = "DATE_FORMAT",
         .signature = "DATE_FORMAT(time, pattern)",
         .documentation = "The time as text, in Java's pattern.",
         .examples = {{"DATE_FORMAT(TIMESTAMP '2024-02-29 15:04:05', 'yyyy-MM-dd hh:mm a')",
                       "2024-02-29 03:04 PM"}},
         .bind = bindDateFormat},
        {.name = "UNIX_TIMESTAMP",
         .signature = "UNIX_TIMESTAMP(), UNIX_TIMESTAMP(string [, pattern])",
         .documentation =
             "Seconds since 1970-01-01 00:00:00 UTC: of now, or of the local time that the text writes.",
         .examples = {{"UNIX_TIMESTAMP('1970-01-02', 'yyyy-MM-dd') BETWEEN 0 AND 172800", "TRUE"}},
         .deterministic = false,
         .bind = bindUnixTimestamp},
        {.name = "FROM_UNIXTIME",
         .signature = "FROM_UNIXTIME(seconds [, pattern])",
         .documentation = "The local time so many seconds after 1970-01-01 00:00:00 UTC, as text.",
         .examples = {{"CHAR_LENGTH(FROM_UNIXTIME(44))", "19"}},
         .bind = bindFromUnixtime},
        textFunction({.name = "CONVERT_TZ",
                      .pattern = "sss",
                      .signature = "CONVERT_TZ(string, from zone, to zone)",
                      .documentation = "The local time of the one zone as that of the other.",
                      .examples = {{"CONVERT_TZ('1970-01-01 00:00:00', 'UTC', 'America/Los_Angeles')",
                                    "1969-12-31 16:00:00"}}},
                     convertTz),
    };
}

}  // namespace millrace
