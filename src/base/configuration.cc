#include "base/configuration.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/text.h"

namespace millrace {
namespace {

[[noreturn]] void badValue(const std::string& key, const std::string& value, std::string_view expected) {
    throw UserError("config.bad-value",
                    fmt::format("'{}' has the value '{}', which is not {}", key, value, expected));
}

// Splits "<digits> <unit>"; false when it does not start with digits or they do not fit.
bool splitNumber(std::string_view text, int64_t& number, std::string& unit) {
    text = trim(text);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc()) return false;
    unit = lowerCase(trim(text.substr(static_cast<size_t>(end - text.data()))));
    return true;
}

struct Unit {
    std::string_view name;
    int64_t factor;
};

constexpr Unit kDurationUnits[] = {
    {"", 1},
    {"ms", 1},
    {"milli", 1},
    {"millis", 1},
    {"millisecond", 1},
    {"milliseconds", 1},
    {"s", 1000},
    {"sec", 1000},
    {"secs", 1000},
    {"second", 1000},
    {"seconds", 1000},
    {"m", 60000},
    {"min", 60000},
    {"mins", 60000},
    {"minute", 60000},
    {"minutes", 60000},
    {"h", 3600000},
    {"hour", 3600000},
    {"hours", 3600000},
    {"d", 86400000},
    {"day", 86400000},
    {"days", 86400000},
};

constexpr Unit kMemoryUnits[] = {
    {"", 1},          {"b", 1},          {"bytes", 1},
    {"k", 1LL << 10}, {"kb", 1LL << 10}, {"kibibytes", 1LL << 10},
    {"m", 1LL << 20}, {"mb", 1LL << 20}, {"mebibytes", 1LL << 20},
    {"g", 1LL << 30}, {"gb", 1LL << 30}, {"gibibytes", 1LL << 30},
    {"t", 1LL << 40}, {"tb", 1LL << 40}, {"tebibytes", 1LL << 40},
};

bool scaled(std::span<const Unit> units, std::string_view text, int64_t& out) {
    int64_t number = 0;
    std::string unit;
    if (!splitNumber(text, number, unit)) return false;
    for (const Unit& known : units) {
        if (known.name == unit) return !__builtin_mul_overflow(number, known.factor, &out);
    }
    return false;
}

// ISO-8601: PnDTnHnMn.nS.
bool isoDuration(std::string_view text, int64_t& out_ms) {
    text = trim(text);
    if (text.size() < 3 || (text.front() != 'P' && text.front() != 'p')) return false;
    text.remove_prefix(1);
    bool time = false;
    double total = 0;
    while (!text.empty()) {
        if (text.front() == 'T' || text.front() == 't') {
            time = true;
            text.remove_prefix(1);
            continue;
        }
        double number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error != std::errc() || end == text.data() + text.size()) return false;
        switch (std::toupper(static_cast<unsigned char>(*end))) {
            case 'D':
                total += number * 86400000;
                break;
            case 'H':
                total += number * 3600000;
                break;
            case 'M':
                if (!time) return false;
                total += number * 60000;
                break;
            case 'S':
                total += number * 1000;
                break;
            default:
                return false;
        }
        text.remove_prefix(static_cast<size_t>(end - text.data()) + 1);
    }
    if (!(std::abs(total) < 9.2e18)) return false;  // also refuses NaN
    out_ms = static_cast<int64_t>(total);
    return true;
}

}  // namespace

template <>
std::string parseConfigValue(const std::string&, const std::string& value) {
    return value;
}

template <>
int64_t parseConfigValue(const std::string& key, const std::string& value) {
    int64_t number = 0;
    std::string unit;
    if (!splitNumber(value, number, unit) || !unit.empty()) badValue(key, value, "a whole number");
    return number;
}

template <>
double parseConfigValue(const std::string& key, const std::string& value) {
    const std::string_view text = trim(value);
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) badValue(key, value, "a number");
    return number;
}

template <>
bool parseConfigValue(const std::string& key, const std::string& value) {
    const std::string text = lowerCase(trim(value));
    if (text == "true") return true;
    if (text == "false") return false;
    badValue(key, value, "true or false");
}

template <>
Duration parseConfigValue(const std::string& key, const std::string& value) {
    int64_t ms = 0;
    if (!scaled(kDurationUnits, value, ms) && !isoDuration(value, ms)) {
        badValue(key, value, "a duration such as '10 s', '5 min' or '250 ms'");
    }
    return {ms};
}

template <>
MemorySize parseConfigValue(const std::string& key, const std::string& value) {
    int64_t bytes = 0;
    if (!scaled(kMemoryUnits, value, bytes)) badValue(key, value, "a size such as '64 mb' or '1 g'");
    return {bytes};
}

void Configuration::merge(const Configuration& stronger) {
    for (const auto& [key, value] : stronger.values_)
        values_[key] = value;
}

std::optional<std::string> Configuration::find(const std::string& key) const {
    const auto found = values_.find(key);
    if (found == values_.end()) return std::nullopt;
    return found->second;
}

template <class T>
std::optional<T> Configuration::getOptional(const std::string& key) const {
    const auto found = values_.find(key);
    if (found == values_.end()) return std::nullopt;
    return parseConfigValue<T>(key, found->second);
}

template <class T>
T Configuration::get(const ConfigOption<T>& option) const {
    return getOptional<T>(option.key).value_or(option.default_value);
}

#define MILLRACE_INSTANTIATE(T)                                  \
    template T Configuration::get(const ConfigOption<T>&) const; \
    template std::optional<T> Configuration::getOptional(const std::string&) const;
MILLRACE_INSTANTIATE(std::string)
MILLRACE_INSTANTIATE(int64_t)
MILLRACE_INSTANTIATE(double)
MILLRACE_INSTANTIATE(bool)
MILLRACE_INSTANTIATE(Duration)
MILLRACE_INSTANTIATE(MemorySize)
#undef MILLRACE_INSTANTIATE

namespace {

// "fields.#.min" stands for "fields.<anything>.min".
bool matchesPattern(std::string_view key, std::string_view pattern) {
    const size_t mark = pattern.find('#');
    if (mark == std::string_view::npos) return false;
    const std::string_view suffix = pattern.substr(mark + 1);
    return key.size() > mark + suffix.size() && key.starts_with(pattern.substr(0, mark)) &&
           key.ends_with(suffix);
}

}  // namespace

void checkOptions(const std::string& subject, const std::map<std::string, std::string>& given,
                  std::span<const OptionDescription> known) {
    std::set<std::string> keys;
    for (const OptionDescription& option : known)
        keys.insert(option.key);
    for (const auto& [given_key, value] : given) {
        const std::string& key = given_key;
        if (keys.contains(key)) continue;
        if (std::any_of(keys.begin(), keys.end(), [&](const auto& k) { return matchesPattern(key, k); }))
            continue;
        const std::string nearest = nearestName(key, keys);
        std::string all;
        for (const std::string& k : keys)
            all += (all.empty() ? "" : ", ") + k;
        throw UserError(
            "config.unknown-option", fmt::format("{} has an unknown option '{}'", subject, key),
            nearest.empty() ? "known options: " + all : fmt::format("did you mean '{}'?", nearest));
    }
    for (const OptionDescription& option : known) {
        const auto found = given.find(option.key);
        if (found == given.end()) {
            if (option.required) {
                throw UserError("config.missing-option",
                                fmt::format("{} needs the option '{}'", subject, option.key),
                                option.description);
            }
            continue;
        }
        if (!option.allowed.empty() && std::find(option.allowed.begin(), option.allowed.end(),
                                                 lowerCase(found->second)) == option.allowed.end()) {
            const std::string nearest = nearestName(found->second, option.allowed);
            std::string all;
            for (const std::string& k : option.allowed)
                all += (all.empty() ? "" : ", ") + k;
            throw UserError("config.bad-value",
                            fmt::format("{}: '{}' has the value '{}', which is not one of: {}", subject,
                                        option.key, found->second, all),
                            nearest.empty() ? "" : fmt::format("did you mean '{}'?", nearest));
        }
    }
}

std::string formatDuration(Duration duration) {
    int64_t ms = duration.ms;
    if (ms == 0) return "0 ms";
    std::string out;
    for (const auto& [name, factor] :
         {std::pair{"d", 86400000LL}, {"h", 3600000LL}, {"min", 60000LL}, {"s", 1000LL}, {"ms", 1LL}}) {
        if (ms / factor == 0) continue;
        out += fmt::format("{}{} {}", out.empty() ? "" : " ", ms / factor, name);
        ms %= factor;
    }
    return out;
}

}  // namespace millrace
