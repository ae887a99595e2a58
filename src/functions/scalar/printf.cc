// PRINTF: Java's Formatter, of which it has the conversions %d %o %x %e %f %g %s %c %b %h %% %n with flags,
// width, precision, argument numbers and '<'.
#include <charconv>
#include <cmath>

#include "functions/kernels.h"
#include "functions/utf8.h"
#include "types/decimal.h"
#include "types/floating.h"

namespace millrace {

namespace {

constexpr int kWidthMax = 1 << 20;

struct Directive {
    bool left = false, plus = false, space = false, zero = false, group = false, parentheses = false,
         alternate = false;
    int width = -1;
    int precision = -1;
    char conversion = 0;
    bool upper = false;
};

std::string grouped(const std::string& digits) {
    const size_t whole = std::min(digits.find('.'), digits.size());
    std::string out;
    for (size_t i = 0; i < digits.size(); ++i) {
        if (i > 0 && i < whole && (whole - i) % 3 == 0) out.push_back(',');
        out.push_back(digits[i]);
    }
    return out;
}

// The sign and the zeros around digits.
std::string signedNumber(const Directive& how, bool negative, std::string digits) {
    if (how.group) digits = grouped(digits);
    std::string sign = negative ? (how.parentheses ? "(" : "-") : how.plus ? "+" : how.space ? " " : "";
    const std::string behind = negative && how.parentheses ? ")" : "";
    if (how.zero && how.width > 0) {
        const auto width = static_cast<size_t>(how.width);
        const size_t used = sign.size() + digits.size() + behind.size();
        if (used < width) digits.insert(0, width - used, '0');
    }
    return sign + digits + behind;
}

class Printer {
  public:
    Printer(std::span<const ColumnPtr> columns, size_t row) : columns_(columns), row_(row) {}

    // False if the format is wrong or does not fit the arguments.
    bool print(std::string_view format, std::string& out) {
        for (size_t at = 0; at < format.size();) {
            if (format[at] != '%') {
                out.push_back(format[at++]);
            } else if (!directive(format, ++at, out)) {
                return false;
            }
        }
        return true;
    }

  private:
    static int number(std::string_view format, size_t& at) {
        int value = -1;
        const auto [end, error] = std::from_chars(format.data() + at, format.data() + format.size(), value);
        if (error != std::errc()) return -1;
        at = static_cast<size_t>(end - format.data());
        return value;
    }

    bool directive(std::string_view format, size_t& at, std::string& out) {
        Directive how;
        size_t argument = 0;  // from 1; 0 is the next one
        if (at < format.size() && format[at] == '<') {
            argument = last_;
            ++at;
            if (last_ == 0) return false;
        } else if (at < format.size() && format[at] >= '1' && format[at] <= '9') {
            size_t behind = at;
            const int index = number(format, behind);
            if (behind < format.size() && format[behind] == '$' && index > 0) {
                argument = static_cast<size_t>(index);
                at = behind + 1;
            }
        }
        for (bool flag = true; flag && at < format.size();) {
            switch (format[at]) {
                case '-':
                    how.left = true;
                    break;
                case '+':
                    how.plus = true;
                    break;
                case ' ':
                    how.space = true;
                    break;
                case '0':
                    how.zero = true;
                    break;
                case ',':
                    how.group = true;
                    break;
                case '(':
                    how.parentheses = true;
                    break;
                case '#':
                    how.alternate = true;
                    break;
                default:
                    flag = false;
            }
            if (flag) ++at;
        }
        if (at < format.size() && format[at] >= '1' && format[at] <= '9') how.width = number(format, at);
        if (at < format.size() && format[at] == '.') {
            how.precision = number(format, ++at);
            if (how.precision < 0) return false;
        }
        if (at >= format.size() || how.width > kWidthMax || how.precision > kWidthMax) return false;
        if ((how.left || how.zero) && how.width < 0) return false;
        how.upper = format[at] >= 'A' && format[at] <= 'Z';
        how.conversion = static_cast<char>(how.upper ? format[at] + 32 : format[at]);
        ++at;
        std::string text;
        if (how.conversion == 'n' && !how.upper) {
            text = "\n";
        } else if (how.conversion == '%') {
            text = "%";
        } else {
            if (argument == 0) argument = ++ordinary_;
            last_ = argument;
            if (argument >= columns_.size() || !convert(how, *columns_[argument], text)) return false;
        }
        const size_t width = how.width < 0 ? 0 : static_cast<size_t>(how.width);
        const size_t size = characterCount(text);
        if (how.upper)
            for (char& c : text)
                c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
        if (!how.left && size < width) out.append(width - size, ' ');
        out += text;
        if (how.left && size < width) out.append(width - size, ' ');
        return true;
    }

    bool convert(const Directive& how, const Column& column, std::string& out) const {
        const LogicalType& type = column.type();
        const bool null = column.isNull(row_);
        const auto cut = [&](std::string text) {
            out = how.precision < 0 ? std::move(text)
                                    : std::string(firstCharacters(text, static_cast<size_t>(how.precision)));
            return true;
        };
        switch (how.conversion) {
            case 's':
                if (type.kind() == TypeKind::Boolean && !null)
                    return cut(column.data<uint8_t>()[row_] != 0 ? "true" : "false");
                return cut(null ? "null" : column.textAt(row_));
            case 'b':
                return cut(null ? "false"
                           : type.kind() == TypeKind::Boolean
                               ? (column.data<uint8_t>()[row_] != 0 ? "true" : "false")
                               : "true");
            case 'c':
                if (null) return cut("null");
                if (!type.isInteger()) return false;
                appendCodePoint(out, static_cast<uint32_t>(column.valueAt(row_).asInt64()));
                return true;
            case 'd':
            case 'o':
            case 'x':
                if (null) return cut("null");
                return type.isInteger() && how.precision < 0 &&
                       integer(how, type, column.valueAt(row_).asInt64(), out);
            case 'e':
            case 'f':
            case 'g':
                if (null) return cut("null");
                return floating(how, column, out);
            default:
                return false;
        }
    }

    static bool integer(const Directive& how, const LogicalType& type, int64_t value, std::string& out) {
        if (how.conversion == 'd') {
            const auto size = value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
            out = signedNumber(how, value < 0, std::to_string(size));
            return true;
        }
        if (how.plus || how.space || how.group || how.parentheses) return false;
        auto bits = static_cast<uint64_t>(value);
        if (type.kind() != TypeKind::BigInt) {
            const int width = type.kind() == TypeKind::TinyInt    ? 8
                              : type.kind() == TypeKind::SmallInt ? 16
                                                                  : 32;
            bits &= (uint64_t{1} << width) - 1;
        }
        const bool octal = how.conversion == 'o';
        std::string digits = octal ? fmt::format("{:o}", bits) : fmt::format("{:x}", bits);
        if (how.alternate) digits.insert(0, octal ? "0" : "0x");
        out = signedNumber(how, false, std::move(digits));
        return true;
    }

    bool floating(const Directive& how, const Column& column, std::string& out) const {
        const LogicalType& type = column.type();
        const int precision = how.precision < 0 ? 6 : how.precision;
        if (type.kind() == TypeKind::Decimal && how.conversion == 'f') {
            const auto rounded = rescaleDecimal(column.valueAt(row_).asInt128(), type.scale(),
                                                std::min(precision, LogicalType::kMaxDecimalPrecision),
                                                LogicalType::kMaxDecimalPrecision);
            if (rounded && precision <= LogicalType::kMaxDecimalPrecision) {
                const bool negative = *rounded < 0;
                out = signedNumber(how, negative, formatDecimal(negative ? -*rounded : *rounded, precision));
                return true;
            }
        }
        if (!type.isApproximateNumeric() && type.kind() != TypeKind::Decimal) return false;
        const double value = type.kind() == TypeKind::Decimal
                                 ? decimalToDouble(column.valueAt(row_).asInt128(), type.scale())
                                 : column.valueAt(row_).asDouble();
        if (std::isnan(value) || std::isinf(value)) {
            Directive plain = how;
            plain.zero = plain.group = false;
            out = std::isnan(value) ? "NaN" : signedNumber(plain, value < 0, "Infinity");
            return true;
        }
        const bool negative = std::signbit(value);
        const double size = std::fabs(value);
        std::string digits;
        if (how.conversion == 'e') {
            digits = fmt::format("{:.{}e}", size, precision);
        } else if (how.conversion == 'f') {
            digits = roundedHalfUp(size, precision);
        } else {  // %g: of so many significant digits, in either form
            const int significant = std::max(precision, 1);
            const bool plain = size == 0 || (size >= 1e-4 && size < std::pow(10, significant));
            const int exponent = size == 0 ? 0 : static_cast<int>(std::floor(std::log10(size)));
            digits = plain ? roundedHalfUp(size, std::max(significant - 1 - exponent, 0))
                           : fmt::format("{:.{}e}", size, significant - 1);
        }
        out = signedNumber(how, negative, std::move(digits));
        return true;
    }

    // Java rounds the digits that Double.toString() shows, half up: 0.125 to two places is 0.13.
    static std::string roundedHalfUp(double value, int places) {
        if (places <= 18 && value < 1e15) {
            const auto decimal = parseDecimal(formatDouble(value), LogicalType::kMaxDecimalPrecision, places);
            if (decimal) return formatDecimal(*decimal, places);
        }
        return fmt::format("{:.{}f}", value, places);
    }

    std::span<const ColumnPtr> columns_;
    size_t row_;
    size_t ordinary_ = 0;
    size_t last_ = 0;
};

BoundScalar bindPrintf(std::span<const ArgumentInfo> arguments) {
    constexpr std::string_view accepted = "(format, value, ...)";
    checkArgumentCount("PRINTF", arguments, 1, SIZE_MAX, accepted);
    if (!arguments[0].type.isCharacter() && arguments[0].type.kind() != TypeKind::Null)
        badArguments("PRINTF", arguments, accepted);
    BoundScalar bound;
    bound.result = LogicalType::string();
    bound.arguments.push_back(LogicalType::string());
    for (const ArgumentInfo& value : arguments.subspan(1))
        bound.arguments.push_back(value.type.kind() == TypeKind::Null ? LogicalType::string() : value.type);
    bound.kernel = [](const FunctionContext&, std::span<const ColumnPtr> columns, size_t rows) {
        return mapToStrings(LogicalType::string(), columns.first(1), rows, [&](size_t row, std::string& out) {
            return Printer(columns, row).print(columns[0]->data<StringView>()[row].view(), out);
        });
    };
    return bound;
}

}  // namespace

std::vector<ScalarFunction> describeScalarPrintf() {
    return {{.name = "PRINTF",
             .signature = "PRINTF(format, value, ...)",
             .documentation =
                 "The values in the format, as Java's Formatter writes them: %d %o %x %e %f %g %s %c "
                 "%b %% %n, with flags, width and precision. NULL if the format is wrong or does "
                 "not fit the values.",
             .examples = {{"PRINTF('%05d|%-4s|%,.2f', 42, 'ab', 1234567.891)", "00042|ab  |1,234,567.89"},
                          {"PRINTF('%2$s %1$s', 'a', 'b')", "b a"},
                          {"PRINTF('%d', 'x')", "NULL"}},
             .bind = bindPrintf}};
}

}  // namespace millrace
