#include "functions/date_pattern.h"

#include <algorithm>
#include <cctype>
#include <unordered_map>

#include "base/error.h"
#include "functions/temporal.h"
#include "functions/time_rounding.h"
#include "types/calendar.h"

namespace millrace {

namespace {

constexpr std::string_view kLetters = "yuMLdDEHhKkamsSnQqwGXxZzV";
constexpr std::string_view kMonths[] = {"January",   "February", "March",    "April",
                                        "May",       "June",     "July",     "August",
                                        "September", "October",  "November", "December"};
constexpr std::string_view kDays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                      "Thursday", "Friday", "Saturday"};

void padded(std::string& out, int64_t value, int width) {
    if (width == 2 && value >= 0 && value < 100) {  // most fields
        out.push_back(static_cast<char>('0' + value / 10));
        out.push_back(static_cast<char>('0' + value % 10));
        return;
    }
    if (value < 0) {
        out.push_back('-');
        value = -value;
    }
    char digits[20];
    int count = 0;
    do {
        digits[count++] = static_cast<char>('0' + value % 10);
        value /= 10;
    } while (value > 0);
    if (count < width) out.append(static_cast<size_t>(width - count), '0');
    while (count > 0)
        out.push_back(digits[--count]);
}

void appendOffset(std::string& out, int64_t seconds, char letter, int count) {
    if ((letter == 'X' && seconds == 0)) {
        out.push_back('Z');
        return;
    }
    if (letter == 'z' || letter == 'V') {
        out += seconds == 0 ? "UTC" : "GMT";
        if (seconds == 0) return;
    }
    out.push_back(seconds < 0 ? '-' : '+');
    const int64_t minutes = (seconds < 0 ? -seconds : seconds) / 60;
    padded(out, minutes / 60, 2);
    if (count == 1 && (letter == 'X' || letter == 'x') && minutes % 60 == 0) return;
    const bool colon = letter == 'z' || letter == 'V' || ((letter == 'X' || letter == 'x') && count >= 3) ||
                       (letter == 'Z' && count >= 4);
    if (colon) out.push_back(':');
    padded(out, minutes % 60, 2);
}

// Reads text from the front.
class Scanner {
  public:
    explicit Scanner(std::string_view text) : text_(text) {}
    bool done() const { return text_.empty(); }
    bool literal(std::string_view expected) {
        if (!text_.starts_with(expected)) return false;
        text_.remove_prefix(expected.size());
        return true;
    }
    bool digits(int least, int most, int64_t& value) {
        const int available = static_cast<int>(std::min<size_t>(text_.size(), static_cast<size_t>(most)));
        int count = 0;
        value = 0;
        for (; count < available; ++count) {
            const auto digit = static_cast<unsigned>(text_[static_cast<size_t>(count)] - '0');
            if (digit > 9) break;
            value = value * 10 + static_cast<int64_t>(digit);
        }
        if (count < least) return false;
        text_.remove_prefix(static_cast<size_t>(count));
        read_ = count;
        return true;
    }
    int digitsRead() const { return read_; }
    // The index of the name that the text begins with, in any case; whole names, or their first three
    // letters.
    template <size_t N>
    bool name(const std::string_view (&names)[N], bool whole, int64_t& index) {
        for (size_t i = 0; i < N; ++i) {
            const std::string_view name = whole ? names[i] : names[i].substr(0, 3);
            if (text_.size() >= name.size() &&
                std::equal(name.begin(), name.end(), text_.begin(), [](unsigned char a, unsigned char b) {
                    return std::tolower(a) == std::tolower(b);
                })) {
                text_.remove_prefix(name.size());
                index = static_cast<int64_t>(i);
                return true;
            }
        }
        return false;
    }
    bool offset(int64_t& seconds) {
        seconds = 0;
        if (literal("Z")) return true;
        const bool named = literal("UTC") || literal("GMT");
        if (text_.empty() || (text_[0] != '+' && text_[0] != '-')) return named;
        const int64_t sign = text_[0] == '-' ? -1 : 1;
        text_.remove_prefix(1);
        int64_t hours = 0;
        int64_t minutes = 0;
        if (!digits(2, 2, hours)) return false;
        const bool colon = literal(":");
        if (!digits(2, 2, minutes) && colon) return false;
        if (hours > 18 || minutes > 59) return false;
        seconds = sign * (hours * 3600 + minutes * 60);
        return true;
    }

  private:
    std::string_view text_;
    int read_ = 0;
};

struct Fields {
    int64_t year = 1970;
    int64_t month = 1;
    int64_t day = 1;
    std::optional<int64_t> day_of_year;
    int64_t hour = 0;
    std::optional<int64_t> half_day_hour;
    bool afternoon = false;
    int64_t minute = 0;
    int64_t second = 0;
    int64_t micros = 0;
    std::optional<int64_t> offset;
};

bool readField(Scanner& scanner, char letter, int count, Fields& fields) {
    const int least = count;
    const int most = count == 1 ? 18 : count;
    int64_t value = 0;
    switch (letter) {
        case 'y':
        case 'u': {
            const bool negative = scanner.literal("-");
            if (!scanner.digits(count == 1 ? 1 : least, count == 1 ? 6 : std::min(most, 9), value))
                return false;
            if (count == 2) value += 2000;
            fields.year = negative ? -value : value;
            return true;
        }
        case 'M':
        case 'L':
            if (count >= 3) {
                if (!scanner.name(kMonths, count == 4, value)) return false;
                fields.month = value + 1;
                return true;
            }
            return scanner.digits(least, count == 1 ? 2 : most, fields.month) && fields.month >= 1 &&
                   fields.month <= 12;
        case 'd':
            return scanner.digits(least, count == 1 ? 2 : most, fields.day) && fields.day >= 1 &&
                   fields.day <= 31;
        case 'D':
            if (!scanner.digits(least, count == 1 ? 3 : most, value) || value < 1 || value > 366)
                return false;
            fields.day_of_year = value;
            return true;
        case 'E':
            return scanner.name(kDays, count >= 4, value);
        case 'H':
            return scanner.digits(least, count == 1 ? 2 : most, fields.hour) && fields.hour <= 23;
        case 'k':
            if (!scanner.digits(least, count == 1 ? 2 : most, value) || value < 1 || value > 24) return false;
            fields.hour = value % 24;
            return true;
        case 'h':
        case 'K':
            if (!scanner.digits(least, count == 1 ? 2 : most, value) || value > (letter == 'h' ? 12 : 11))
                return false;
            fields.half_day_hour = value % 12;
            return true;
        case 'a': {
            static constexpr std::string_view kHalves[] = {"AM", "PM"};
            if (!scanner.name(kHalves, true, value)) return false;
            fields.afternoon = value == 1;
            return true;
        }
        case 'm':
            return scanner.digits(least, count == 1 ? 2 : most, fields.minute) && fields.minute <= 59;
        case 's':
            return scanner.digits(least, count == 1 ? 2 : most, fields.second) && fields.second <= 59;
        case 'S': {
            if (!scanner.digits(least, count == 1 ? 1 : std::min(most, 9), value)) return false;
            int64_t unit = 1'000'000;
            int64_t scale = 1;
            for (int i = 0; i < scanner.digitsRead(); ++i)
                unit > 1 ? unit /= 10 : scale *= 10;
            fields.micros = value / scale * unit;
            return true;
        }
        case 'n':
            if (!scanner.digits(1, 9, value)) return false;
            fields.micros = value / 1000;
            return true;
        case 'X':
        case 'x':
        case 'Z':
        case 'z':
        case 'V':
            if (!scanner.offset(value)) return false;
            fields.offset = value;
            return true;
        case 'G':
            return scanner.literal("AD");
        default:
            return scanner.digits(least, most, value);  // quarters and weeks follow from the date
    }
}

}  // namespace

DatePattern::DatePattern(std::string_view pattern) {
    const auto literal = [&](std::string_view text) {
        if (parts_.empty() || parts_.back().letter != 0) parts_.emplace_back();
        parts_.back().literal += text;
    };
    for (size_t at = 0; at < pattern.size();) {
        const char c = pattern[at];
        if (c == '\'') {
            if (pattern.substr(at).starts_with("''")) {
                literal("'");
                at += 2;
                continue;
            }
            std::string quoted;
            for (++at;; ++at) {
                if (at >= pattern.size())
                    throw UserError("data.bad-pattern",
                                    fmt::format("the quote in the pattern {} is not closed", pattern));
                if (pattern[at] == '\'') {
                    if (!pattern.substr(at).starts_with("''")) break;
                    ++at;
                }
                quoted.push_back(pattern[at]);
            }
            literal(quoted);
            ++at;
        } else if (std::isalpha(static_cast<unsigned char>(c)) != 0) {
            if (kLetters.find(c) == std::string_view::npos) {
                throw UserError(
                    "data.bad-pattern",
                    fmt::format("the letter '{}' in the pattern '{}' has no meaning", c, pattern));
            }
            size_t end = at;
            while (end < pattern.size() && pattern[end] == c)
                ++end;
            parts_.push_back({c, static_cast<int>(end - at), ""});
            stretch_micros_ = std::min(stretch_micros_, c == 'S' && end - at <= 6 ? 1 : stretchOf(c));
            at = end;
        } else {
            literal(pattern.substr(at++, 1));
        }
    }
}

int64_t DatePattern::stretchOf(char letter) {
    switch (letter) {
        case 'S':
        case 'n':
            return 0;
        case 's':
            return kMicrosPerSecond;
        case 'm':
            return 60 * kMicrosPerSecond;
        case 'H':
        case 'h':
        case 'K':
        case 'k':
        case 'a':
            return 3600 * kMicrosPerSecond;
        default:  // years to days; text and zones
            return kMicrosPerDay;
    }
}

void DatePattern::format(TimePoint local, int64_t offset_seconds, std::string& out) const {
    const int64_t local_micros = local.micros;
    const int64_t days = floorDivide(local_micros, kMicrosPerDay);
    const int64_t of_day = local_micros - days * kMicrosPerDay;
    const CivilDate date = civilFromDays(days);
    const int64_t seconds = of_day / kMicrosPerSecond;
    const int64_t nanos = of_day % kMicrosPerSecond * kNanosPerMicro + local.nanos;
    const int64_t hour = seconds / 3600;
    for (const Part& part : parts_) {
        const int count = part.count;
        switch (part.letter) {
            case 0:
                out += part.literal;
                break;
            case 'y':
            case 'u':
                count == 2 ? padded(out, date.year % 100, 2) : padded(out, date.year, count);
                break;
            case 'M':
            case 'L':
                if (count >= 3) {
                    const std::string_view name = kMonths[date.month - 1];
                    out += count == 3 ? name.substr(0, 3) : name;
                } else {
                    padded(out, date.month, count);
                }
                break;
            case 'd':
                padded(out, date.day, count);
                break;
            case 'D':
                padded(out, extractUnit(local_micros, TimeUnit::DayOfYear), count);
                break;
            case 'E': {
                const std::string_view name = kDays[extractUnit(local_micros, TimeUnit::DayOfWeek) - 1];
                out += count <= 3 ? name.substr(0, 3) : name;
                break;
            }
            case 'H':
                padded(out, hour, count);
                break;
            case 'k':
                padded(out, hour == 0 ? 24 : hour, count);
                break;
            case 'h':
                padded(out, hour % 12 == 0 ? 12 : hour % 12, count);
                break;
            case 'K':
                padded(out, hour % 12, count);
                break;
            case 'a':
                out += hour < 12 ? "AM" : "PM";
                break;
            case 'm':
                padded(out, seconds / 60 % 60, count);
                break;
            case 's':
                padded(out, seconds % 60, count);
                break;
            case 'S': {
                std::string digits = fmt::format("{:09}", nanos);
                digits.resize(static_cast<size_t>(count), '0');
                out += digits;
                break;
            }
            case 'n':
                padded(out, nanos, count);
                break;
            case 'Q':
            case 'q':
                padded(out, (date.month - 1) / 3 + 1, count);
                break;
            case 'w':
                padded(out, extractUnit(local_micros, TimeUnit::Week), count);
                break;
            case 'G':
                out += "AD";
                break;
            default:
                appendOffset(out, offset_seconds, part.letter, count);
                break;
        }
    }
}

std::optional<DatePattern::Parsed> DatePattern::parse(std::string_view text) const {
    Scanner scanner(text);
    Fields fields;
    for (const Part& part : parts_) {
        const bool read = part.letter == 0 ? scanner.literal(part.literal)
                                           : readField(scanner, part.letter, part.count, fields);
        if (!read) return std::nullopt;
    }
    if (!scanner.done()) return std::nullopt;
    int64_t days = 0;
    if (fields.day_of_year) {
        if (*fields.day_of_year == 366 && !isLeapYear(fields.year)) return std::nullopt;
        days = daysFromCivil(fields.year, 1, 1) + *fields.day_of_year - 1;
    } else {
        const int month = static_cast<int>(fields.month);
        days = daysFromCivil(fields.year, month,
                             std::min(static_cast<int>(fields.day), daysInMonth(fields.year, month)));
    }
    int64_t hour = fields.hour;
    if (fields.half_day_hour) hour = *fields.half_day_hour + (fields.afternoon ? 12 : 0);
    Parsed parsed;
    const int64_t seconds = (hour * 60 + fields.minute) * 60 + fields.second;
    if (__builtin_mul_overflow(days, kMicrosPerDay, &parsed.local_micros) ||
        __builtin_add_overflow(parsed.local_micros, seconds * kMicrosPerSecond + fields.micros,
                               &parsed.local_micros)) {
        return std::nullopt;
    }
    parsed.offset_seconds = fields.offset;
    return parsed;
}

const DatePattern& datePattern(std::string_view pattern) {
    constexpr size_t kKeptMax = 64;
    thread_local std::unordered_map<std::string, DatePattern> kept;
    thread_local const std::pair<const std::string, DatePattern>* last = nullptr;
    if (last != nullptr && last->first == pattern) return last->second;
    auto found = kept.find(std::string(pattern));
    if (found == kept.end()) {
        if (kept.size() >= kKeptMax) {
            last = nullptr;
            kept.clear();
        }
        found = kept.emplace(std::string(pattern), DatePattern(pattern)).first;
    }
    last = &*found;
    return found->second;
}

}  // namespace millrace
