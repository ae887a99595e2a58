#include "connectors/datagen/field_generator.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/configuration.h"
#include "base/error.h"
#include "types/calendar.h"
#include "types/decimal.h"

namespace millrace {
namespace {

class FieldOptions {
  public:
    FieldOptions(std::string prefix, const std::map<std::string, std::string>& options)
        : prefix_(std::move(prefix)), options_(options) {}

    // Of a field, element, key or value within this one.
    FieldOptions inner(const std::string& name) const { return {prefix_ + "." + name, options_}; }
    template <class T>
    std::optional<T> find(const char* name) const {
        const auto found = options_.find(prefix_ + "." + name);
        if (found == options_.end()) return std::nullopt;
        return parseConfigValue<T>(found->first, found->second);
    }
    [[noreturn]] void refuse(const char* name, const std::string& why) const {
        throw UserError("config.bad-value", fmt::format("'{}.{}' {}", prefix_, name, why));
    }

  private:
    std::string prefix_;
    const std::map<std::string, std::string>& options_;
};

using DrawValue = std::function<Value(Random&, int64_t now_micros)>;

struct Range {
    int64_t low;
    int64_t high;
};

Range wholeRange(const LogicalType& type) {
    switch (type.kind()) {
        case TypeKind::TinyInt:
            return {INT8_MIN, INT8_MAX};
        case TypeKind::SmallInt:
            return {INT16_MIN, INT16_MAX};
        case TypeKind::Integer:
            return {INT32_MIN, INT32_MAX};
        case TypeKind::IntervalYearMonth:
            return {0, 120'000};
        case TypeKind::IntervalDayTime:
            return {0, 10'000LL * 365 * 86'400'000};
        default:
            return {INT64_MIN, INT64_MAX};
    }
}

int64_t drawWhole(Random& random, Range range) {
    const uint64_t span = static_cast<uint64_t>(range.high) - static_cast<uint64_t>(range.low);
    if (span == std::numeric_limits<uint64_t>::max()) return static_cast<int64_t>(random.next());
    return static_cast<int64_t>(static_cast<uint64_t>(range.low) + random.below(span + 1));
}

Range optionRange(const FieldOptions& options, const LogicalType& type) {
    const Range whole = wholeRange(type);
    const Range range{options.find<int64_t>("min").value_or(whole.low),
                      options.find<int64_t>("max").value_or(whole.high)};
    if (range.low < whole.low) options.refuse("min", "does not fit " + type.toString());
    if (range.high > whole.high) options.refuse("max", "does not fit " + type.toString());
    if (range.low > range.high) options.refuse("min", "is larger than its 'max'");
    return range;
}

DrawValue makeDraw(const LogicalType& type, const FieldOptions& options);

DrawValue drawText(const LogicalType& type, const FieldOptions& options) {
    const bool fixed = type.kind() == TypeKind::Char || type.kind() == TypeKind::Binary;
    int64_t length =
        options.find<int64_t>("length").value_or(fixed ? type.length() : std::min(100, type.length()));
    if (length < 0 || length > type.length() || length > (1 << 20)) {
        options.refuse("length", fmt::format("is {}, which does not fit {}", length, type.toString()));
    }
    if (fixed) length = type.length();
    const bool varies = options.find<bool>("var-len").value_or(false);
    if (varies && fixed) options.refuse("var-len", "is for types of variable length only");
    const bool binary = type.isBinary();
    return [length = static_cast<uint64_t>(length), varies, binary](Random& random, int64_t) {
        std::string text(varies && length > 0 ? 1 + random.below(length) : length, '\0');
        for (char& c : text)
            c = binary ? static_cast<char>(random.below(256)) : "0123456789abcdef"[random.below(16)];
        return Value::string(std::move(text));
    };
}

DrawValue drawDecimal(const LogicalType& type, const FieldOptions& options) {
    const auto bound = [&](const char* name, Int128 otherwise) {
        const std::optional<std::string> text = options.find<std::string>(name);
        if (!text) return otherwise;
        const std::optional<Int128> value = parseDecimal(*text, type.precision(), type.scale());
        if (!value)
            options.refuse(name,
                           fmt::format("has the value '{}', which is not a {}", *text, type.toString()));
        return *value;
    };
    const Int128 top = powerOfTen(type.precision()) - 1;
    const Int128 low = bound("min", -top);
    const Int128 high = bound("max", top);
    if (low > high) options.refuse("min", "is larger than its 'max'");
    const bool narrow = type.physical() == PhysicalType::Int64;
    return [low, high, narrow](Random& random, int64_t) {
        using Wide = unsigned __int128;
        const Wide drawn = (Wide{random.next()} << 64 | random.next()) % (static_cast<Wide>(high - low) + 1);
        const Int128 value = low + static_cast<Int128>(drawn);
        return narrow ? Value::int64(static_cast<int64_t>(value)) : Value::int128(value);
    };
}

DrawValue drawNested(const LogicalType& type, const FieldOptions& options) {
    if (type.kind() == TypeKind::Row) {
        std::vector<DrawValue> draws;
        for (const Field& field : type.fields())
            draws.push_back(makeDraw(field.type, options.inner(field.name)));
        return [draws](Random& random, int64_t now) {
            Value::List values;
            for (const DrawValue& draw : draws)
                values.push_back(draw(random, now));
            return Value::list(std::move(values));
        };
    }
    const int64_t length = options.find<int64_t>("length").value_or(3);
    if (length < 0 || length > 10'000) options.refuse("length", "must be between 0 and 10000");
    const bool array = type.kind() == TypeKind::Array;
    const DrawValue element = makeDraw(type.element(), options.inner(array ? "element" : "key"));
    DrawValue value;
    if (type.kind() == TypeKind::Map) value = makeDraw(type.mapValue(), options.inner("value"));
    if (type.kind() == TypeKind::Multiset) {
        value = [](Random& random, int64_t) {
            return Value::int64(1 + static_cast<int64_t>(random.below(10)));
        };
    }
    return [length, element, value](Random& random, int64_t now) {
        Value::List values;
        for (int64_t i = 0; i < length; ++i) {
            values.push_back(element(random, now));
            if (value) values.push_back(value(random, now));
        }
        return Value::list(std::move(values));
    };
}

DrawValue drawReal(const LogicalType& type, const FieldOptions& options) {
    const double largest = type.kind() == TypeKind::Float ? std::numeric_limits<float>::max()
                                                          : std::numeric_limits<double>::max();
    const double low = options.find<double>("min").value_or(-largest);
    const double high = options.find<double>("max").value_or(largest);
    if (!(low <= high)) options.refuse("min", "is larger than its 'max'");
    return [low, high](Random& random, int64_t) {
        const double at = random.unit();
        return Value::float64(low * (1 - at) + high * at);
    };
}

DrawValue makeDraw(const LogicalType& type, const FieldOptions& options) {
    switch (type.kind()) {
        case TypeKind::Boolean:
            return [](Random& random, int64_t) { return Value::boolean(random.below(2) == 1); };
        case TypeKind::TinyInt:
        case TypeKind::SmallInt:
        case TypeKind::Integer:
        case TypeKind::BigInt:
        case TypeKind::IntervalYearMonth:
        case TypeKind::IntervalDayTime: {
            const int64_t unit = type.kind() == TypeKind::IntervalDayTime ? 1000 : 1;
            return [range = optionRange(options, type), unit](Random& random, int64_t) {
                return Value::int64(drawWhole(random, range) * unit);
            };
        }
        case TypeKind::Float:
        case TypeKind::Double:
            return drawReal(type, options);
        case TypeKind::Decimal:
            return drawDecimal(type, options);
        case TypeKind::Char:
        case TypeKind::Varchar:
        case TypeKind::Binary:
        case TypeKind::Varbinary:
            return drawText(type, options);
        case TypeKind::Date:
            return [](Random&, int64_t now) { return Value::int64(now / kMicrosPerDay); };
        case TypeKind::Time:
            return [](Random&, int64_t now) { return Value::int64(now % kMicrosPerDay / 1000); };
        case TypeKind::Timestamp:
        case TypeKind::TimestampLtz: {
            const int64_t past_ms = options.find<Duration>("max-past").value_or(Duration{}).ms;
            if (past_ms < 0) options.refuse("max-past", "must not be negative");
            return [past_ms, type](Random& random, int64_t now) {
                const uint64_t past = random.below(static_cast<uint64_t>(past_ms) + 1);
                return timeValue({(now / 1000 - static_cast<int64_t>(past)) * 1000}, type);
            };
        }
        case TypeKind::Array:
        case TypeKind::Map:
        case TypeKind::Multiset:
        case TypeKind::Row:
            return drawNested(type, options);
        case TypeKind::Null:
        case TypeKind::Variant:
            break;
    }
    throw UserError("config.bad-value",
                    fmt::format("datagen makes no values of the type {}", type.toString()));
}

FieldGenerator makeSequence(const LogicalType& type, const FieldOptions& options) {
    const std::optional<int64_t> start = options.find<int64_t>("start");
    const std::optional<int64_t> end = options.find<int64_t>("end");
    if (!start) options.refuse("start", "is needed for a sequence");
    if (!end) options.refuse("end", "is needed for a sequence");
    if (*end < *start) options.refuse("end", "is smaller than its 'start'");
    FieldGenerator generator;
    generator.rows = static_cast<uint64_t>(*end) - static_cast<uint64_t>(*start) + 1;
    const auto value = [first = static_cast<uint64_t>(*start)](uint64_t row) {
        return static_cast<int64_t>(first + row);
    };
    if (type.isInteger() || type.isInterval()) {
        const Range range = wholeRange(type);
        if (*start < range.low) options.refuse("start", "does not fit " + type.toString());
        if (*end > range.high) options.refuse("end", "does not fit " + type.toString());
        const int64_t unit = type.kind() == TypeKind::IntervalDayTime ? 1000 : 1;
        generator.append = [value, unit](uint64_t row, Random&, int64_t, ColumnBuilder& out) {
            out.appendValue(Value::int64(value(row) * unit));
        };
    } else if (type.isApproximateNumeric()) {
        generator.append = [value](uint64_t row, Random&, int64_t, ColumnBuilder& out) {
            out.appendValue(Value::float64(static_cast<double>(value(row))));
        };
    } else if (type.isCharacter()) {
        generator.append = [value](uint64_t row, Random&, int64_t, ColumnBuilder& out) {
            out.appendString(fmt::format_int(value(row)).c_str());
        };
    } else if (type.kind() == TypeKind::Decimal) {
        const int scale = type.scale();
        for (const char* name : {"start", "end"}) {
            const int64_t bound = *options.find<int64_t>(name);
            if (!rescaleDecimal(bound, 0, scale, type.precision()))
                options.refuse(name, "does not fit " + type.toString());
        }
        const bool narrow = type.physical() == PhysicalType::Int64;
        generator.append = [value, scale, narrow](uint64_t row, Random&, int64_t, ColumnBuilder& out) {
            const Int128 unscaled = Int128{value(row)} * powerOfTen(scale);
            out.appendValue(narrow ? Value::int64(static_cast<int64_t>(unscaled)) : Value::int128(unscaled));
        };
    } else {
        options.refuse("kind", "is 'sequence', and there are no sequences of " + type.toString());
    }
    return generator;
}

}  // namespace

FieldGenerator makeFieldGenerator(const std::string& name, const LogicalType& type,
                                  const std::map<std::string, std::string>& all) {
    const FieldOptions options("fields." + name, all);
    const std::string kind = options.find<std::string>("kind").value_or("random");
    if (kind == "sequence") return makeSequence(type, options);
    if (kind != "random") {
        options.refuse("kind",
                       fmt::format("has the value '{}', which is not one of: random, sequence", kind));
    }
    const double null_rate = options.find<double>("null-rate").value_or(0);
    if (!(null_rate >= 0 && null_rate <= 1)) options.refuse("null-rate", "must be between 0 and 1");
    if (null_rate > 0 && !type.nullable())
        options.refuse("null-rate", "is set for a column that is NOT NULL");
    FieldGenerator generator;
    if (type.kind() == TypeKind::BigInt && null_rate == 0) {
        const Range range = optionRange(options, type);
        generator.append = [range](uint64_t, Random& random, int64_t, ColumnBuilder& out) {
            out.append<int64_t>(drawWhole(random, range));
        };
        return generator;
    }
    generator.append = [draw = makeDraw(type, options), null_rate](uint64_t, Random& random, int64_t now,
                                                                   ColumnBuilder& out) {
        if (null_rate > 0 && random.chance(null_rate)) {
            out.appendNull();
        } else {
            out.appendValue(draw(random, now));
        }
    };
    return generator;
}

}  // namespace millrace
