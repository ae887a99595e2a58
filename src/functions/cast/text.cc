#include <charconv>

#include "batch/time_points.h"
#include "functions/cast/families.h"
#include "functions/time_zone.h"
#include "functions/utf8.h"
#include "types/decimal.h"
#include "types/floating.h"

namespace millrace::cast {

namespace {

// Cuts to the target's length; CHAR(n) and BINARY(n) are filled up to it.
struct Fit {
    size_t length = 0;
    bool binary = false;
    bool pads = false;
    bool unlimited = false;

    explicit Fit(const LogicalType& to)
        : length(static_cast<size_t>(to.length())),
          binary(to.isBinary()),
          pads(to.kind() == TypeKind::Char || to.kind() == TypeKind::Binary),
          unlimited(!pads && to.length() == LogicalType::kMaxLength) {}

    StringView operator()(std::string_view text, StringHeap& heap, std::string& scratch) const {
        if (unlimited) return heap.add(text);
        const std::string_view cut = binary ? text.substr(0, length) : firstCharacters(text, length);
        if (!pads) return heap.add(cut);
        const size_t present = binary ? cut.size() : characterCount(cut);
        if (present >= length) return heap.add(cut);
        scratch.assign(cut);
        scratch.append(length - present, binary ? '\0' : ' ');
        return heap.add(scratch);
    }
};

// format(value, char* out) writes at most 63 characters and returns the end.
template <class A, class Format>
ScalarKernel formatKernel(const LogicalType& to, Format format) {
    return [to, fit = Fit(to), format](const FunctionContext& context, std::span<const ColumnPtr> arguments,
                                       size_t rows) {
        auto result = makeResult(to, arguments, rows);
        auto* const out = result->mutableData<StringView>();
        const A* const in = arguments[0]->template data<A>();
        StringHeap& heap = result->heap();
        auto write = format(context);
        std::string scratch;
        char text[64];
        forValidRows(*result, rows, [&](size_t i) {
            char* const end = write(in[i], text);
            out[i] = fit({text, static_cast<size_t>(end - text)}, heap, scratch);
            return true;
        });
        return ColumnPtr(result);
    };
}

template <class A, class Write>
ScalarKernel writeKernel(const LogicalType& to, Write write) {
    return formatKernel<A>(to, [write](const FunctionContext&) { return write; });
}

template <class A>
ScalarKernel timestampKernel(const LogicalType& to, const LogicalType& from) {
    const int precision = from.precision();
    if (from.kind() == TypeKind::Timestamp) {
        return writeKernel<A>(to, [precision](A v, char* out) {
            return appendTimestampFixed(out, timePointIn<A>(v), precision);
        });
    }
    return formatKernel<A>(to, [precision](const FunctionContext& context) {
        return [precision, &zone = zoneConverter(context.time_zone)](A v, char* out) {
            const TimePoint instant = timePointIn<A>(v);
            return appendTimestampFixed(out, {zone.toLocal(instant.micros), instant.nanos}, precision);
        };
    });
}

ScalarKernel stringKernel(const LogicalType& to) {
    return [to, fit = Fit(to)](const FunctionContext&, std::span<const ColumnPtr> arguments, size_t rows) {
        if (fit.unlimited) return Column::retyped(arguments[0], to);
        auto result = makeResult(to, arguments, rows);
        auto* const out = result->mutableData<StringView>();
        const auto* const in = arguments[0]->data<StringView>();
        std::string scratch;
        forValidRows(*result, rows, [&](size_t i) {
            out[i] = fit(in[i].view(), result->heap(), scratch);
            return true;
        });
        return ColumnPtr(result);
    };
}

// Bytes as UTF-8: what is malformed becomes U+FFFD.
ScalarKernel bytesKernel(const LogicalType& to) {
    return [to, fit = Fit(to)](const FunctionContext&, std::span<const ColumnPtr> arguments, size_t rows) {
        auto result = makeResult(to, arguments, rows);
        auto* const out = result->mutableData<StringView>();
        const auto* const in = arguments[0]->data<StringView>();
        std::string scratch;
        std::string text;
        forValidRows(*result, rows, [&](size_t i) {
            const std::string_view bytes = in[i].view();
            text.assign(bytes);
            if (!isAscii(bytes)) {
                text.clear();
                for (size_t at = 0; at < bytes.size();)
                    appendCodePoint(text, nextCodePoint(bytes, at));
            }
            out[i] = fit(text, result->heap(), scratch);
            return true;
        });
        return ColumnPtr(result);
    };
}

ScalarKernel valueKernel(const LogicalType& to) {
    return [to, fit = Fit(to)](const FunctionContext& context, std::span<const ColumnPtr> arguments,
                               size_t rows) {
        auto result = makeResult(to, arguments, rows);
        const ColumnPtr values = inLocalTime(arguments[0], context.time_zone);
        auto* const out = result->mutableData<StringView>();
        std::string scratch;
        forValidRows(*result, rows, [&](size_t i) {
            out[i] = fit(values->textAt(i), result->heap(), scratch);
            return true;
        });
        return ColumnPtr(result);
    };
}

template <class A>
ScalarKernel integerKernel(const LogicalType& to) {
    return writeKernel<A>(to, [](A value, char* out) { return std::to_chars(out, out + 32, value).ptr; });
}

}  // namespace

std::optional<Found> toText(const Request& request) {
    const LogicalType& from = request.from;
    const LogicalType& to = request.to;
    if (!to.isCharacter() && !to.isBinary()) return std::nullopt;
    const int precision = from.precision();
    const int scale = from.scale();
    Found found{.total = true};
    switch (from.kind()) {
        case TypeKind::Boolean:
            found.kernel = writeKernel<uint8_t>(to, [](uint8_t value, char* out) {
                const std::string_view text = value != 0 ? "TRUE" : "FALSE";
                return std::copy(text.begin(), text.end(), out);
            });
            break;
        case TypeKind::TinyInt:
        case TypeKind::SmallInt:
        case TypeKind::Integer:
            found.kernel = integerKernel<int32_t>(to);
            break;
        case TypeKind::BigInt:
            found.kernel = integerKernel<int64_t>(to);
            break;
        case TypeKind::Float:
            found.kernel = writeKernel<float>(to, [](float v, char* out) { return appendFloat(out, v); });
            break;
        case TypeKind::Double:
            found.kernel = writeKernel<double>(to, [](double v, char* out) { return appendDouble(out, v); });
            break;
        case TypeKind::Decimal:
            if (from.physical() == PhysicalType::Int64) {
                found.kernel = writeKernel<int64_t>(
                    to, [scale](int64_t v, char* out) { return appendDecimal(out, v, scale); });
            } else {
                found.kernel = writeKernel<Int128>(
                    to, [scale](Int128 v, char* out) { return appendDecimal(out, v, scale); });
            }
            break;
        case TypeKind::Date:
            found.kernel = writeKernel<int32_t>(to, [](int32_t v, char* out) { return appendDate(out, v); });
            break;
        case TypeKind::Time:
            found.kernel = writeKernel<int32_t>(
                to, [precision](int32_t v, char* out) { return appendTimeFixed(out, v, precision); });
            break;
        case TypeKind::Timestamp:
        case TypeKind::TimestampLtz:
            found.context_free = from.kind() == TypeKind::Timestamp;
            found.kernel = dispatchTime(from, [&]<class A>() { return timestampKernel<A>(to, from); });
            break;
        case TypeKind::Char:
        case TypeKind::Varchar:
        case TypeKind::Binary:
        case TypeKind::Varbinary:
            found.kernel = from.isBinary() && to.isCharacter() ? bytesKernel(to) : stringKernel(to);
            break;
        default:
            found.context_free = !from.holds(TypeKind::TimestampLtz);
            found.kernel = valueKernel(to);
            break;
    }
    return found;
}

}  // namespace millrace::cast
