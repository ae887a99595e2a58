#include "types/floating.h"

#include <charconv>
#include <cmath>
#include <cstring>

namespace millrace {

namespace {

template <class T>
char* appendShortest(char* out, T value) {
    if (std::isnan(value)) return static_cast<char*>(std::memcpy(out, "NaN", 3)) + 3;
    if (std::signbit(value)) {
        *out++ = '-';
        value = -value;
    }
    if (std::isinf(value)) return static_cast<char*>(std::memcpy(out, "Infinity", 8)) + 8;
    if (value == 0) return static_cast<char*>(std::memcpy(out, "0.0", 3)) + 3;
    if (value >= T(1e-3) && value < T(1e7)) {
        char* const begin = out;
        out = std::to_chars(out, out + 30, value, std::chars_format::fixed).ptr;
        if (std::memchr(begin, '.', static_cast<size_t>(out - begin)) == nullptr) {
            *out++ = '.';
            *out++ = '0';
        }
        return out;
    }
    // d.ddde+XX -> d.dddEXX
    char text[40];
    char* const end = std::to_chars(text, text + sizeof(text), value, std::chars_format::scientific).ptr;
    const char* const exponent =
        static_cast<const char*>(std::memchr(text, 'e', static_cast<size_t>(end - text)));
    const auto mantissa = static_cast<size_t>(exponent - text);
    std::memcpy(out, text, mantissa);
    out += mantissa;
    if (mantissa == 1) {
        *out++ = '.';
        *out++ = '0';
    }
    *out++ = 'E';
    const char* digits = exponent + 1;
    if (*digits == '-') *out++ = '-';
    ++digits;
    while (digits + 1 < end && *digits == '0')
        ++digits;
    while (digits < end)
        *out++ = *digits++;
    return out;
}

}  // namespace

char* appendDouble(char* out, double value) { return appendShortest(out, value); }
char* appendFloat(char* out, float value) { return appendShortest(out, value); }

std::string formatDouble(double value) {
    char text[48];
    return {text, appendDouble(text, value)};
}

std::string formatFloat(float value) {
    char text[48];
    return {text, appendFloat(text, value)};
}

std::optional<double> parseDouble(std::string_view text) {
    bool negative = false;
    if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
        negative = text[0] == '-';
        text.remove_prefix(1);
    }
    if (text == "NaN") return std::nan("");
    if (text == "Infinity") return negative ? -HUGE_VAL : HUGE_VAL;
    if (text.empty() || !((text[0] >= '0' && text[0] <= '9') || text[0] == '.')) return std::nullopt;
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (end != text.data() + text.size()) return std::nullopt;
    if (error == std::errc::result_out_of_range) {
        // Too large or too small to be told apart by from_chars: decide as Java does.
        value = std::strtod(std::string(text).c_str(), nullptr);
    } else if (error != std::errc()) {
        return std::nullopt;
    }
    return negative ? -value : value;
}

}  // namespace millrace
