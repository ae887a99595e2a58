// VARIANT to scalars and collections, by Flink's VariantCastUtils: a cast never reads one kind as another
// and never rounds or wraps a number; lengths are cut and padded as by any other cast. JSON's null is NULL.
#include <charconv>
#include <cmath>

#include "functions/cast/families.h"
#include "functions/json_document.h"
#include "functions/utf8.h"
#include "types/decimal.h"
#include "types/floating.h"
#include "types/variant.h"

namespace millrace::cast {

namespace {

class VariantReader {
  public:
    VariantReader(const JsonDocument& document, std::string_view variant)
        : document_(document), variant_(variant) {}

    // Appends the value to the builder of that type; false, with what was appended to be truncated, if it is
    // of another kind or does not fit. Why is said in problem().
    bool read(uint32_t index, const LogicalType& type, ColumnBuilder& out) {
        const JsonDocument::Node& node = document_.node(index);
        if (type.kind() == TypeKind::Variant) {
            scratch_.clear();
            writeCanonical(index);
            out.appendString(scratch_);
            return true;
        }
        if (node.kind == JsonKind::Null) {
            if (!type.nullable()) return fail("null, which is not allowed there");
            out.appendNull();
            return true;
        }
        switch (type.kind()) {
            case TypeKind::Boolean:
                if (node.kind != JsonKind::True && node.kind != JsonKind::False)
                    return wrongKind(index, type);
                out.append<uint8_t>(node.kind == JsonKind::True ? 1 : 0);
                return true;
            case TypeKind::Char:
            case TypeKind::Varchar:
                return text(index, type, out);
            case TypeKind::Array:
                return array(index, type, out);
            case TypeKind::Map:
                return map(index, type, out);
            case TypeKind::Row:
                return row(index, type, out);
            default:
                if (node.kind != JsonKind::Number || !type.isNumeric()) return wrongKind(index, type);
                return number(node.text, type, out);
        }
    }

    const std::string& problem() const { return problem_; }

  private:
    bool fail(std::string problem) {
        problem_ = std::move(problem);
        return false;
    }

    bool wrongKind(uint32_t index, const LogicalType& type) {
        static constexpr const char* kKinds[] = {"null",     "a boolean", "a boolean", "a number",
                                                 "a string", "an array",  "an object"};
        return fail(fmt::format("{}, which is not read as {}",
                                kKinds[static_cast<size_t>(document_.node(index).kind)],
                                type.withNullable(true).toString()));
    }

    bool misfit(std::string_view number, const LogicalType& type) {
        return fail(
            fmt::format("{}, which {} cannot hold as it is", number, type.withNullable(true).toString()));
    }

    bool number(std::string_view text, const LogicalType& type, ColumnBuilder& out) {
        const bool approximate = text.find('E') != std::string_view::npos;
        if (type.isApproximateNumeric()) {
            const double value = parseDouble(text).value_or(HUGE_VAL);
            if (type.kind() == TypeKind::Double) {
                out.append(value);
                return true;
            }
            const auto narrow = static_cast<float>(value);
            if (!std::isfinite(narrow)) return misfit(text, type);
            out.append(narrow);
            return true;
        }
        if (type.kind() == TypeKind::Decimal) return decimal(text, approximate, type, out);
        int64_t value = 0;
        if (approximate) {
            const double real = parseDouble(text).value_or(HUGE_VAL);
            if (!(std::abs(real) < 9223372036854775808.0) || real != std::trunc(real))
                return misfit(text, type);
            value = static_cast<int64_t>(real);
        } else {
            const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
            if (error != std::errc() || end != text.data() + text.size()) return misfit(text, type);
        }
        const int bits = type.kind() == TypeKind::TinyInt    ? 8
                         : type.kind() == TypeKind::SmallInt ? 16
                         : type.kind() == TypeKind::Integer  ? 32
                                                             : 64;
        const int64_t most = INT64_MAX >> (64 - bits);
        if (value > most || value < -most - 1) return misfit(text, type);
        if (bits == 64) {
            out.append(value);
        } else {
            out.append(static_cast<int32_t>(value));
        }
        return true;
    }

    bool decimal(std::string_view text, bool approximate, const LogicalType& type, ColumnBuilder& out) {
        const size_t point = text.find('.');
        const size_t digits = point == std::string_view::npos ? 0 : text.size() - point - 1;
        if (approximate)
            return fail(fmt::format("the DOUBLE {}, which is not read as {}", variantToJson(text),
                                    type.withNullable(true).toString()));
        const auto unscaled = parseDecimal(text, type.precision(), type.scale());
        if (!unscaled || digits > static_cast<size_t>(type.scale())) return misfit(text, type);
        if (type.physical() == PhysicalType::Int64) {
            out.append(static_cast<int64_t>(*unscaled));
        } else {
            out.append(*unscaled);
        }
        return true;
    }

    bool text(uint32_t index, const LogicalType& type, ColumnBuilder& out) {
        scratch_.clear();
        render(index);
        appendFitted(scratch_, type, out);
        return true;
    }

    static void appendFitted(std::string_view text, const LogicalType& type, ColumnBuilder& out) {
        const auto length = static_cast<size_t>(type.length());
        const std::string_view cut = firstCharacters(text, length);
        const size_t present = type.kind() == TypeKind::Char ? characterCount(cut) : length;
        if (present >= length) return out.appendString(cut);
        out.appendString(std::string(cut) + std::string(length - present, ' '));
    }

    // As a MAP's or an ARRAY's cast to a string: no quotes, at any depth.
    void render(uint32_t index) {
        const JsonDocument::Node& node = document_.node(index);
        switch (node.kind) {
            case JsonKind::Null:
                scratch_ += "NULL";
                return;
            case JsonKind::True:
                scratch_ += "TRUE";
                return;
            case JsonKind::False:
                scratch_ += "FALSE";
                return;
            case JsonKind::Number:
                scratch_ += variantToJson(node.text);
                return;
            case JsonKind::String:
                scratch_ += node.text;
                return;
            default:
                break;
        }
        const bool object = node.kind == JsonKind::Object;
        scratch_.push_back(object ? '{' : '[');
        for (uint32_t child = node.first; child != JsonDocument::kNone; child = document_.node(child).next) {
            if (child != node.first) scratch_ += ", ";
            if (object) scratch_.append(document_.node(child).key).append("=");
            render(child);
        }
        scratch_.push_back(object ? '}' : ']');
    }

    void writeCanonical(uint32_t index) {
        if (index == 0) {
            scratch_ = variant_;
            return;
        }
        const JsonDocument::Node& node = document_.node(index);
        switch (node.kind) {
            case JsonKind::Number:
                scratch_ += node.text;
                return;
            case JsonKind::Array:
            case JsonKind::Object:
                break;
            default:
                return document_.write(index, scratch_);
        }
        const bool object = node.kind == JsonKind::Object;
        scratch_.push_back(object ? '{' : '[');
        for (uint32_t child = node.first; child != JsonDocument::kNone; child = document_.node(child).next) {
            if (child != node.first) scratch_.push_back(',');
            if (object) {
                writeJsonString(document_.node(child).key, scratch_);
                scratch_.push_back(':');
            }
            writeCanonical(child);
        }
        scratch_.push_back(object ? '}' : ']');
    }

    bool array(uint32_t index, const LogicalType& type, ColumnBuilder& out) {
        const JsonDocument::Node& node = document_.node(index);
        if (node.kind != JsonKind::Array) return wrongKind(index, type);
        for (uint32_t child = node.first; child != JsonDocument::kNone; child = document_.node(child).next) {
            if (!read(child, type.element(), out.child(0))) return false;
        }
        out.endList();
        return true;
    }

    bool map(uint32_t index, const LogicalType& type, ColumnBuilder& out) {
        const JsonDocument::Node& node = document_.node(index);
        if (node.kind != JsonKind::Object) return wrongKind(index, type);
        ColumnBuilder& pairs = out.child(0);
        for (uint32_t child = node.first; child != JsonDocument::kNone; child = document_.node(child).next) {
            appendFitted(document_.node(child).key, type.element(), pairs.child(0));
            if (!read(child, type.mapValue(), pairs.child(1))) return false;
            pairs.endStruct();
        }
        out.endList();
        return true;
    }

    bool row(uint32_t index, const LogicalType& type, ColumnBuilder& out) {
        if (document_.node(index).kind != JsonKind::Object) return wrongKind(index, type);
        for (size_t i = 0; i < type.fields().size(); ++i) {
            const Field& field = type.fields()[i];
            const uint32_t child = document_.member(index, field.name);
            if (child == JsonDocument::kNone) return fail(fmt::format("an object without '{}'", field.name));
            if (!read(child, field.type, out.child(i))) return false;
        }
        out.endStruct();
        return true;
    }

    const JsonDocument& document_;
    std::string_view variant_;
    std::string scratch_;
    std::string problem_;
};

[[noreturn]] void failCast(const Request& request, std::string_view variant, const std::string& problem) {
    throw UserError(
        "data.bad-cast",
        fmt::format("cannot cast the VARIANT {} to {}: it has {}", variantToJson(variant.substr(0, 200)),
                    request.to.withNullable(true).toString(), problem),
        "CAST it to the type that it has, or to STRING, and that to the other; TRY_CAST gives "
        "NULL instead");
}

}  // namespace

std::optional<Found> fromVariant(const Request& request) {
    if (request.from.kind() != TypeKind::Variant) return std::nullopt;
    Found found;
    found.may_be_null = true;
    found.kernel = [request](const FunctionContext&, std::span<const ColumnPtr> arguments, size_t rows) {
        const LogicalType type = request.to.withNullable(true);
        ColumnBuilder out(type, rows);
        const auto* const in = arguments[0]->data<StringView>();
        JsonDocument document;
        for (size_t i = 0; i < rows; ++i) {
            if (arguments[0]->isNull(i)) {
                out.appendNull();
                continue;
            }
            const std::string_view variant = in[i].view();
            MILLRACE_CHECK(document.parse(variant), "a VARIANT that is no JSON: {}", variant);
            VariantReader reader(document, variant);
            if (reader.read(0, type, out)) continue;
            if (!request.or_null) failCast(request, variant, reader.problem());
            out.truncate(i);
            out.appendNull();
        }
        return out.finish();
    };
    return found;
}

}  // namespace millrace::cast
