#include <charconv>

#include "base/text.h"
#include "batch/time_points.h"
#include "functions/cast/families.h"
#include "functions/time_zone.h"
#include "types/decimal.h"
#include "types/floating.h"

namespace millrace::cast {

namespace {

std::string_view trimmed(std::string_view text) {
    const auto space = [](char c) { return static_cast<unsigned char>(c) <= ' '; };
    while (!text.empty() && space(text.front()))
        text.remove_prefix(1);
    while (!text.empty() && space(text.back()))
        text.remove_suffix(1);
    return text;
}

// Digits with a sign; a fraction is read and dropped, as Flink does.
template <class T>
bool parseInteger(std::string_view text, int64_t least, int64_t most, T& out) {
    if (text.starts_with('+')) text.remove_prefix(1);
    const size_t point = text.find('.');
    if (point != std::string_view::npos) {
        for (const char c : text.substr(point + 1)) {
            if (c < '0' || c > '9') return false;
        }
        text = text.substr(0, point);
        if (text.empty() || text == "-") return false;
    }
    if (text.starts_with("-+") || text.empty()) return false;
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < least || value > most)
        return false;
    out = static_cast<T>(value);
    return true;
}

bool parseBoolean(std::string_view text, uint8_t& out) {
    const std::string lower = lowerCase(text);
    for (const char* word : {"t", "true", "y", "yes", "1"}) {
        if (lower == word) return out = 1, true;
    }
    for (const char* word : {"f", "false", "n", "no", "0"}) {
        if (lower == word) return out = 0, true;
    }
    return false;
}

template <class R, class Parse>
ScalarKernel parseKernel(const Request& request, Parse parse) {
    return checkedKernel<R, StringView>(request, [parse](const FunctionContext&) {
        return [parse](const StringView& text, R& out) { return parse(trimmed(text.view()), out); };
    });
}

template <class R>
Found decimalFound(const Request& request) {
    const int precision = request.to.precision();
    const int scale = request.to.scale();
    return {.kernel = parseKernel<R>(request, [precision, scale](std::string_view text, R& out) {
                const auto value = parseDecimal(text, precision, scale);
                if (value) out = static_cast<R>(*value);
                return value.has_value();
            })};
}

// "2024" and "2024-2": what is missing is the first of it, as Flink reads dates.
std::optional<int32_t> parsePartOfDate(std::string_view text) {
    const size_t dash = text.find('-');
    int year = 0;
    int month = 1;
    const auto read = [](std::string_view digits, size_t digits_max, int& out) {
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
        return error == std::errc() && end == digits.data() + digits.size() && digits.size() <= digits_max &&
               out > 0;
    };
    if (!read(text.substr(0, dash), 4, year)) return std::nullopt;
    if (dash != std::string_view::npos && (!read(text.substr(dash + 1), 2, month) || month > 12))
        return std::nullopt;
    return static_cast<int32_t>(daysFromCivil(year, month, 1));
}

// "12" is an hour.
std::optional<int32_t> parseHour(std::string_view text) {
    int hour = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), hour);
    if (error != std::errc() || end != text.data() + text.size() || text.size() > 2 || hour < 0 || hour > 23)
        return std::nullopt;
    return hour * 3'600'000;
}

// A day up to the 31st that its month does not have is the month's last one, as Flink's casts to a timestamp
// have it; those to DATE do not.
std::optional<TimePoint> parseTimestampClamped(std::string_view text) {
    if (const auto time = parseTimePoint(text)) return time;
    const size_t month_at = text.find('-', 1) + 1;
    const size_t day_at = month_at == 0 ? 0 : text.find('-', month_at) + 1;
    if (day_at == 0 || text.size() < day_at + 2) return std::nullopt;
    int64_t year = 0;
    int month = 0, day = 0;
    const auto read = [&](size_t from, size_t to, auto& value) {
        const auto [end, error] = std::from_chars(text.data() + from, text.data() + to, value);
        return error == std::errc() && end == text.data() + to;
    };
    if (!read(0, month_at - 1, year) || !read(month_at, day_at - 1, month) || !read(day_at, day_at + 2, day))
        return std::nullopt;
    if (std::abs(year) > 999'999 || month < 1 || month > 12 || day > 31 || day <= daysInMonth(year, month))
        return std::nullopt;
    std::string other(text);
    other.replace(day_at, 2, std::to_string(daysInMonth(year, month)));
    return parseTimePoint(other);
}

template <class R>
ScalarKernel timestampKernel(const Request& request) {
    return checkedKernel<R, StringView>(
        request, [precision = request.to.precision(),
                  ltz = request.to.kind() == TypeKind::TimestampLtz](const FunctionContext& context) {
            ZoneConverter* const zone = ltz ? &zoneConverter(context.time_zone) : nullptr;
            return [precision, zone](const StringView& text, R& out) {
                auto time = parseTimestampClamped(trimmed(text.view()));
                if (!time) return false;
                *time = time->cutTo(precision);
                if (zone != nullptr) time->micros = zone->toInstant(time->micros);
                out = timeTicks<R>(*time);
                return true;
            };
        });
}

}  // namespace

std::optional<Found> fromText(const Request& request) {
    if (!request.from.isCharacter()) return std::nullopt;
    Found found;
    switch (request.to.kind()) {
        case TypeKind::Boolean:
            found.kernel = parseKernel<uint8_t>(request, parseBoolean);
            break;
        case TypeKind::TinyInt:
            found.kernel = parseKernel<int32_t>(
                request, [](auto text, auto& out) { return parseInteger(text, INT8_MIN, INT8_MAX, out); });
            break;
        case TypeKind::SmallInt:
            found.kernel = parseKernel<int32_t>(
                request, [](auto text, auto& out) { return parseInteger(text, INT16_MIN, INT16_MAX, out); });
            break;
        case TypeKind::Integer:
            found.kernel = parseKernel<int32_t>(
                request, [](auto text, auto& out) { return parseInteger(text, INT32_MIN, INT32_MAX, out); });
            break;
        case TypeKind::BigInt:
            found.kernel = parseKernel<int64_t>(
                request, [](auto text, auto& out) { return parseInteger(text, INT64_MIN, INT64_MAX, out); });
            break;
        case TypeKind::Float:
            found.kernel = parseKernel<float>(request, [](auto text, float& out) {
                const auto value = parseDouble(text);
                if (value) out = static_cast<float>(*value);
                return value.has_value();
            });
            break;
        case TypeKind::Double:
            found.kernel = parseKernel<double>(request, [](auto text, double& out) {
                const auto value = parseDouble(text);
                if (value) out = *value;
                return value.has_value();
            });
            break;
        case TypeKind::Decimal:
            found = request.to.physical() == PhysicalType::Int64 ? decimalFound<int64_t>(request)
                                                                 : decimalFound<Int128>(request);
            break;
        case TypeKind::Date:
            found.kernel = parseKernel<int32_t>(request, [](std::string_view text, int32_t& out) {
                const auto micros = parseTimestamp(text);  // a time of day may follow
                if (micros) {
                    out = static_cast<int32_t>((*micros - (*micros < 0 ? kMicrosPerDay - 1 : 0)) /
                                               kMicrosPerDay);
                    return true;
                }
                const auto days = parsePartOfDate(text);
                if (days) out = *days;
                return days.has_value();
            });
            break;
        case TypeKind::Time:
            found.kernel = parseKernel<int32_t>(request, [](std::string_view text, int32_t& out) {
                auto millis = parseTime(text);
                if (!millis) millis = parseHour(text);
                if (millis) out = *millis;
                return millis.has_value();
            });
            break;
        case TypeKind::Timestamp:
        case TypeKind::TimestampLtz:
            found.context_free = request.to.kind() == TypeKind::Timestamp;
            found.kernel = dispatchTime(request.to, [&]<class R>() { return timestampKernel<R>(request); });
            break;
        default:
            return std::nullopt;
    }
    return found;
}

}  // namespace millrace::cast
