// Dates, times and numbers in the forms Java gives them, which Flink's formats read and write.
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#include "formats/text/scalar.h"
#include "types/calendar.h"
#include "types/decimal.h"

namespace millrace::text {
namespace {

// `count` digits at `text`; -1 if one is not a digit.
int digits(const char* text, int count) {
    int value = 0;
    for (int i = 0; i < count; ++i) {
        const unsigned digit = static_cast<unsigned char>(text[i]) - unsigned{'0'};
        if (digit > 9) return -1;
        value = value * 10 + static_cast<int>(digit);
    }
    return value;
}

// "HH:mm[:ss[.fraction]]" as nanoseconds of the day; the whole text must match.
std::optional<int64_t> readClock(std::string_view text, bool seconds_optional) {
    if (text.size() < 5 || text[2] != ':') return std::nullopt;
    const int hour = digits(text.data(), 2);
    const int minute = digits(text.data() + 3, 2);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59) return std::nullopt;
    constexpr int64_t kSecond = kNanosOfDigits[0];
    int64_t nanos = (int64_t{hour} * 60 + minute) * 60 * kSecond;
    if (text.size() == 5) return seconds_optional ? std::optional(nanos) : std::nullopt;
    if (text.size() < 8 || text[5] != ':') return std::nullopt;
    const int second = digits(text.data() + 6, 2);
    if (second < 0 || second > 59) return std::nullopt;
    nanos += second * kSecond;
    if (text.size() == 8) return nanos;
    if (text[8] != '.' || text.size() > 18) return std::nullopt;
    int64_t unit = kSecond;
    for (size_t i = 9; i < text.size(); ++i) {
        const unsigned digit = static_cast<unsigned char>(text[i]) - unsigned{'0'};
        if (digit > 9) return std::nullopt;
        unit /= 10;
        nanos += digit * unit;
    }
    return nanos;
}

constexpr int64_t kUnits[] = {1'000'000, 100'000, 10'000, 1'000, 100, 10, 1};

constexpr std::array<char, 200> kTwoDigits = [] {
    std::array<char, 200> table{};
    for (size_t i = 0; i < 100; ++i) {
        table[2 * i] = static_cast<char>('0' + i / 10);
        table[2 * i + 1] = static_cast<char>('0' + i % 10);
    }
    return table;
}();

char* two(char* out, uint32_t value) {
    std::memcpy(out, kTwoDigits.data() + 2 * size_t{value}, 2);
    return out + 2;
}

// ".123" without trailing zeros, nothing for zero; `micros` is below a second, `nanos` below a microsecond.
char* fraction(char* out, uint32_t micros, uint32_t nanos, int precision) {
    if (precision == 3) {
        micros -= micros % 1000;  // by a constant, so not a division
    } else if (precision < 6) {
        micros -= micros % static_cast<uint32_t>(kUnits[precision < 0 ? 0 : precision]);
    }
    if (precision <= 6) nanos = 0;
    if (micros == 0 && nanos == 0) return out;
    *out = '.';
    two(out + 1, micros / 10'000);
    two(out + 3, micros / 100 % 100);
    two(out + 5, micros % 100);
    out += 7;
    if (nanos != 0) {
        *out = static_cast<char>('0' + nanos / 100);
        two(out + 1, nanos % 100);
        out += 3;
    }
    while (out[-1] == '0')
        --out;
    return out;
}

char* clock(char* out, int64_t micros_of_day, int precision) {
    const auto seconds = static_cast<uint32_t>(micros_of_day / kMicrosPerSecond);
    out = two(out, seconds / 3600);
    *out++ = ':';
    out = two(out, seconds / 60 % 60);
    *out++ = ':';
    out = two(out, seconds % 60);
    return fraction(out, static_cast<uint32_t>(micros_of_day % kMicrosPerSecond), 0, precision);
}

}  // namespace

std::optional<int32_t> readDate(std::string_view text) {
    if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
    const int year = digits(text.data(), 4);
    const int month = digits(text.data() + 5, 2);
    const int day = digits(text.data() + 8, 2);
    if (year < 0 || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return std::nullopt;
    return static_cast<int32_t>(daysFromCivil(year, month, day));
}

std::optional<int32_t> readTime(std::string_view text, int precision) {
    const std::optional<int64_t> nanos = readClock(text, false);
    if (!nanos) return std::nullopt;
    const int64_t unit = kNanosOfDigits[precision < 0 ? 0 : precision > 3 ? 3 : precision];
    return static_cast<int32_t>((*nanos - *nanos % unit) / 1'000'000);
}

std::optional<TimePoint> readTimestamp(std::string_view text, TimestampStandard standard, bool zoned,
                                       int precision) {
    if (zoned) {
        if (text.empty() || text.back() != 'Z') return std::nullopt;
        text.remove_suffix(1);
    }
    const bool iso = standard == TimestampStandard::Iso8601;
    if (text.size() < 11 || text[10] != (iso ? 'T' : ' ')) return std::nullopt;
    const std::optional<int32_t> days = readDate(text.substr(0, 10));
    if (!days) return std::nullopt;
    const std::optional<int64_t> nanos = readClock(text.substr(11), iso);
    if (!nanos) return std::nullopt;
    const int64_t kept = *nanos - *nanos % kNanosOfDigits[precision];
    return TimePoint{*days * kMicrosPerDay + kept / kNanosPerMicro, kept % kNanosPerMicro};
}

char* TimestampWriter::write(char* out, TimePoint time, int precision, TimestampStandard standard,
                             bool zoned) {
    const int64_t micros = time.micros;
    int64_t second = micros / kMicrosPerSecond;
    int64_t of_second = micros % kMicrosPerSecond;
    if (of_second < 0) {
        of_second += kMicrosPerSecond;
        --second;
    }
    if (second != second_ || standard != standard_) {
        constexpr int64_t kSecondsPerDay = kMicrosPerDay / kMicrosPerSecond;
        second_ = second;
        standard_ = standard;
        const int64_t of_day = (second % kSecondsPerDay + kSecondsPerDay) % kSecondsPerDay;
        char* end = appendDate(text_, static_cast<int32_t>((second - of_day) / kSecondsPerDay));
        *end++ = standard == TimestampStandard::Iso8601 ? 'T' : ' ';
        end = clock(end, of_day * kMicrosPerSecond, 0);
        text_size_ = static_cast<size_t>(end - text_);
    }
    std::memcpy(out, text_, 24);  // enough for years of four digits, and then some
    if (text_size_ > 24) std::memcpy(out, text_, text_size_);
    out = fraction(out + text_size_, static_cast<uint32_t>(of_second), static_cast<uint32_t>(time.nanos),
                   precision);
    if (zoned) *out++ = 'Z';
    return out;
}

char* writeTime(char* out, int32_t millis, int precision) {
    return clock(out, int64_t{millis} * 1000, precision);
}

char* writeDecimal(char* out, Int128 unscaled, int scale, DecimalForm form) {
    if (unscaled == 0) {
        *out = '0';
        return out + 1;
    }
    while (unscaled % 10 == 0) {
        unscaled /= 10;
        --scale;
    }
    if (unscaled < 0) *out++ = '-';
    char digits[40];
    int count = 0;
    for (auto rest = unscaled < 0 ? -static_cast<unsigned __int128>(unscaled)
                                  : static_cast<unsigned __int128>(unscaled);
         rest != 0; rest /= 10) {
        digits[39 - count++] = static_cast<char>('0' + static_cast<int>(rest % 10));
    }
    const char* const first = digits + 40 - count;
    const auto put = [&](const char* from, int size) {
        std::memcpy(out, from, static_cast<size_t>(size));
        out += size;
    };
    const auto zeros = [&](int size) {
        std::memset(out, '0', static_cast<size_t>(size));
        out += size;
    };
    const int exponent = count - 1 - scale;  // of the first digit
    if (form == DecimalForm::Scientific && (scale < 0 || exponent < -6)) {
        *out++ = first[0];
        if (count > 1) {
            *out++ = '.';
            put(first + 1, count - 1);
        }
        *out++ = 'E';
        if (exponent >= 0) *out++ = '+';
        return std::to_chars(out, out + 8, exponent).ptr;
    }
    if (scale <= 0) {
        put(first, count);
        zeros(-scale);
    } else if (count > scale) {
        put(first, count - scale);
        *out++ = '.';
        put(first + count - scale, scale);
    } else {
        *out++ = '0';
        *out++ = '.';
        zeros(scale - count);
        put(first, count);
    }
    return out;
}

}  // namespace millrace::text
