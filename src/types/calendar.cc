#include "types/calendar.h"

#include <array>
#include <cstring>

namespace millrace {

// Days and civil dates after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" (2013): eras of
// 400 years, years that begin on 1 March so that the leap day comes last.
int64_t daysFromCivil(int64_t year, int month, int day) {
    year -= month <= 2;
    const int64_t era = (year >= 0 ? year : year - 399) / 400;
    const int64_t year_of_era = year - era * 400;
    const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

CivilDate civilFromDays(int64_t days) {
    days += 719468;
    const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    const auto day_of_era = static_cast<uint32_t>(days - era * 146097);
    const uint32_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const uint32_t shifted_month = (5 * day_of_year + 2) / 153;
    CivilDate date;
    date.day = static_cast<int>(day_of_year - (153 * shifted_month + 2) / 5 + 1);
    date.month = static_cast<int>(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
    date.year = static_cast<int64_t>(year_of_era) + era * 400 + (date.month <= 2);
    return date;
}

bool isLeapYear(int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

int daysInMonth(int64_t year, int month) {
    static constexpr std::array<int, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && isLeapYear(year) ? 29 : kDays[static_cast<size_t>(month - 1)];
}

namespace {

struct TwoDigits {
    std::array<char, 200> text{};
    constexpr TwoDigits() {
        for (size_t i = 0; i < 100; ++i) {
            text[2 * i] = static_cast<char>('0' + i / 10);
            text[2 * i + 1] = static_cast<char>('0' + i % 10);
        }
    }
};
constexpr TwoDigits kTwoDigits;

char* appendTwo(char* out, unsigned value) {
    std::memcpy(out, &kTwoDigits.text[2 * value], 2);
    return out + 2;
}

char* appendYear(char* out, int64_t year) {
    if (year < 0) {
        *out++ = '-';
        year = -year;
    }
    if (year <= 9999) {
        out = appendTwo(out, static_cast<unsigned>(year / 100));
        return appendTwo(out, static_cast<unsigned>(year % 100));
    }
    char digits[20];
    int count = 0;
    for (; year > 0; year /= 10)
        digits[count++] = static_cast<char>('0' + year % 10);
    while (count > 0)
        *out++ = digits[--count];
    return out;
}

char* appendClock(char* out, int64_t seconds_of_day) {
    const auto seconds = static_cast<unsigned>(seconds_of_day);
    out = appendTwo(out, seconds / 3600);
    *out++ = ':';
    out = appendTwo(out, seconds / 60 % 60);
    *out++ = ':';
    return appendTwo(out, seconds % 60);
}

// `digits` digits of the fraction given in nanoseconds.
char* appendFraction(char* out, int64_t nanos, int digits) {
    if (digits <= 0) return out;
    *out++ = '.';
    int64_t unit = 100'000'000;
    for (int i = 0; i < digits; ++i, unit /= 10) {
        *out++ = static_cast<char>('0' + (unit > 0 ? nanos / unit % 10 : 0));
    }
    return out;
}

// How many of `precision` digits remain when zeros at the end go in groups of three.
int trimmedDigits(int64_t nanos, int precision) {
    if (precision <= 0) return 0;
    const int digits = precision < 9 ? precision : 9;
    const int64_t kept = nanos - nanos % kNanosOfDigits[digits];
    if (kept == 0) return 0;
    if (kept % 1'000'000 == 0 && digits > 3) return 3;
    return kept % 1000 == 0 && digits > 6 ? 6 : digits;
}

// And the nanoseconds of the second.
char* appendDateAndClock(char* out, TimePoint time, int64_t& fraction) {
    const int64_t micros = time.micros;
    int64_t days = micros / kMicrosPerDay;
    int64_t of_day = micros % kMicrosPerDay;
    if (of_day < 0) {
        of_day += kMicrosPerDay;
        --days;
    }
    out = appendDate(out, static_cast<int32_t>(days));
    *out++ = ' ';
    fraction = of_day % kMicrosPerSecond * kNanosPerMicro + time.nanos;
    return appendClock(out, of_day / kMicrosPerSecond);
}

// Reads from the front of a text; every method says whether it could.
class Reader {
  public:
    explicit Reader(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}
    bool done() const { return at_ == end_; }
    bool accept(char c) {
        if (done() || *at_ != c) return false;
        ++at_;
        return true;
    }
    bool number(int digits_min, int digits_max, int64_t& value) {
        value = 0;
        int digits = 0;
        while (digits < digits_max && !done() && *at_ >= '0' && *at_ <= '9') {
            value = value * 10 + (*at_++ - '0');
            ++digits;
        }
        return digits >= digits_min;
    }
    bool date(int64_t& days) {
        const bool negative = accept('-');
        int64_t year = 0;
        int64_t month = 0;
        int64_t day = 0;
        if (!number(1, 6, year) || !accept('-') || !number(1, 2, month) || !accept('-') ||
            !number(1, 2, day)) {
            return false;
        }
        if (negative) year = -year;
        if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, static_cast<int>(month)))
            return false;
        days = daysFromCivil(year, static_cast<int>(month), static_cast<int>(day));
        return true;
    }
    // hh:mm[:ss[.fraction]], to nanoseconds of the day.
    bool clock(int64_t& nanos) {
        int64_t hour = 0;
        int64_t minute = 0;
        int64_t second = 0;
        int64_t fraction = 0;
        if (!number(1, 2, hour) || !accept(':') || !number(1, 2, minute)) return false;
        if (accept(':')) {
            if (!number(1, 2, second)) return false;
            if (accept('.')) {
                int digits = 0;
                for (; !done() && *at_ >= '0' && *at_ <= '9' && digits < 9; ++at_, ++digits) {
                    fraction = fraction * 10 + (*at_ - '0');
                }
                fraction *= kNanosOfDigits[digits];
            }
        }
        if (hour > 23 || minute > 59 || second > 59) return false;
        nanos = ((hour * 60 + minute) * 60 + second) * kNanosOfDigits[0] + fraction;
        return true;
    }

  private:
    const char* at_;
    const char* end_;
};

}  // namespace

TimePoint timePointOf(const Value& value, const LogicalType& type) {
    return type.isNanos() ? TimePoint::ofNanos(value.asInt128()) : TimePoint{value.asInt64()};
}

Value timeValue(TimePoint time, const LogicalType& type) {
    return type.isNanos() ? Value::int128(time.inNanos()) : Value::int64(time.micros);
}

char* appendDate(char* out, int32_t days) {
    const CivilDate date = civilFromDays(days);
    out = appendYear(out, date.year);
    *out++ = '-';
    out = appendTwo(out, static_cast<unsigned>(date.month));
    *out++ = '-';
    return appendTwo(out, static_cast<unsigned>(date.day));
}

char* appendTimestamp(char* out, TimePoint time, int precision) {
    int64_t fraction = 0;
    out = appendDateAndClock(out, time, fraction);
    return appendFraction(out, fraction, trimmedDigits(fraction, precision));
}

char* appendTimestampFixed(char* out, TimePoint time, int precision) {
    int64_t fraction = 0;
    out = appendDateAndClock(out, time, fraction);
    return appendFraction(out, fraction, precision);
}

char* appendTime(char* out, int32_t millis, int precision) {
    out = appendClock(out, millis / 1000);
    const int64_t fraction = static_cast<int64_t>(millis % 1000) * 1'000'000;
    return appendFraction(out, fraction, trimmedDigits(fraction, precision));
}

char* appendTimeFixed(char* out, int32_t millis, int precision) {
    out = appendClock(out, millis / 1000);
    return appendFraction(out, static_cast<int64_t>(millis % 1000) * 1'000'000, precision);
}

std::string formatTimestamp(TimePoint time, int precision) {
    char text[48];
    return {text, appendTimestamp(text, time, precision)};
}

std::string formatTimestamp(int64_t micros, int precision) {
    return formatTimestamp(TimePoint{micros}, precision);
}

std::string formatDate(int32_t days) {
    char text[48];
    return {text, appendDate(text, days)};
}

std::string formatTime(int32_t millis, int precision) {
    char text[48];
    return {text, appendTime(text, millis, precision)};
}

std::optional<int64_t> parseTimestamp(std::string_view text) {
    const std::optional<TimePoint> time = parseTimePoint(text);
    if (!time) return std::nullopt;
    return time->micros;
}

std::optional<TimePoint> parseTimePoint(std::string_view text) {
    Reader reader(text);
    int64_t days = 0;
    int64_t of_day = 0;
    if (!reader.date(days)) return std::nullopt;
    if (!reader.done() &&
        ((!reader.accept(' ') && !reader.accept('T')) || !reader.clock(of_day) || !reader.done())) {
        return std::nullopt;
    }
    int64_t micros = 0;
    if (__builtin_mul_overflow(days, kMicrosPerDay, &micros) ||
        __builtin_add_overflow(micros, of_day / kNanosPerMicro, &micros)) {
        return std::nullopt;
    }
    return TimePoint{micros, of_day % kNanosPerMicro};
}

std::optional<int32_t> parseDate(std::string_view text) {
    Reader reader(text);
    int64_t days = 0;
    if (!reader.date(days) || !reader.done()) return std::nullopt;
    return static_cast<int32_t>(days);
}

std::optional<int32_t> parseTime(std::string_view text) {
    Reader reader(text);
    int64_t nanos = 0;
    if (!reader.clock(nanos) || !reader.done()) return std::nullopt;
    return static_cast<int32_t>(nanos / 1'000'000);
}

}  // namespace millrace
