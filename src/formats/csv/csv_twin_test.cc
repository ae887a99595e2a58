// The encoder, which writes columns before rows, against one that writes a value at a time: on random columns
// of every type, with every option.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "formats/encoder_output.h"
#include "formats/format.h"
#include "formats/text/scalar.h"
#include "types/floating.h"

namespace millrace {
namespace {

using Options = std::map<std::string, std::string>;
using Row = std::vector<Value>;

// Plainly, from the options' texts.
class CsvTwin {
  public:
    CsvTwin(const Schema& schema, const Options& options)
        : schema_(schema),
          delimiter_(option(options, "csv.field-delimiter", ",").front()),
          quote_(options.count("csv.disable-quote-character") != 0
                     ? '\0'
                     : option(options, "csv.quote-character", "\"").front()),
          escape_(option(options, "csv.escape-character", std::string(1, '\0')).front()),
          elements_(option(options, "csv.array-element-delimiter", ";")),
          null_(option(options, "csv.null-literal", "")),
          plain_decimals_(options.count("csv.write-bigdecimal-in-scientific-notation") != 0) {}

    std::string line(const Row& row) const {
        std::string line;
        for (size_t i = 0; i < row.size(); ++i) {
            if (i > 0) line += delimiter_;
            const LogicalType& type = schema_[i].type;
            line += row[i].isNull() || !isBare(type.kind()) ? quoted(text(row[i], type)) : text(row[i], type);
        }
        if (line.empty() && quote_ != '\0') line = {quote_, quote_};
        return line + "\n";
    }

  private:
    static std::string option(const Options& options, const std::string& key, const std::string& otherwise) {
        const auto at = options.find(key);
        return at == options.end() ? otherwise : at->second;
    }

    // Numbers are never quoted, whatever the delimiter is. (DECIMALs are texts.)
    static bool isBare(TypeKind kind) {
        return kind == TypeKind::TinyInt || kind == TypeKind::SmallInt || kind == TypeKind::Integer ||
               kind == TypeKind::BigInt || kind == TypeKind::Float || kind == TypeKind::Double ||
               kind == TypeKind::Boolean || kind == TypeKind::IntervalYearMonth;
    }

    static std::string fraction(int64_t value, int digits) {
        std::string text = fmt::format(".{:0{}}", value, digits);
        while (text.back() == '0')
            text.pop_back();
        return text == "." ? "" : text;
    }

    static std::string clock(int64_t second_of_day) {
        return fmt::format("{:02}:{:02}:{:02}", second_of_day / 3600, second_of_day / 60 % 60,
                           second_of_day % 60);
    }

    static std::string date(int64_t days) {
        char buffer[32];
        return {buffer, appendDate(buffer, static_cast<int32_t>(days))};
    }

    static std::string timestamp(TimePoint time, const LogicalType& type) {
        int64_t days = time.micros / kMicrosPerDay, micros = time.micros % kMicrosPerDay;
        if (micros < 0) {
            --days;
            micros += kMicrosPerDay;
        }
        int64_t nanos = micros % 1'000'000 * 1000 + time.nanos;
        for (int digits = 9, unit = 1; digits > type.precision(); --digits) {
            unit *= 10;
            nanos -= nanos % unit;
        }
        return date(days) + " " + clock(micros / 1'000'000) + fraction(nanos, 9) +
               (type.kind() == TypeKind::TimestampLtz ? "Z" : "");
    }

    std::string text(const Value& value, const LogicalType& type) const {
        if (value.isNull()) return null_;
        char buffer[96];
        switch (type.kind()) {
            case TypeKind::Boolean:
                return value.asBool() ? "true" : "false";
            case TypeKind::Float:
                return {buffer, appendFloat(buffer, static_cast<float>(value.asDouble()))};
            case TypeKind::Double:
                return {buffer, appendDouble(buffer, value.asDouble())};
            case TypeKind::Decimal:
                return {buffer, text::writeDecimal(buffer, value.asInt128(), type.scale(),
                                                   plain_decimals_ ? text::DecimalForm::Plain
                                                                   : text::DecimalForm::Scientific)};
            case TypeKind::Char:
            case TypeKind::Varchar:
                return std::string(value.asString());
            case TypeKind::Binary:
            case TypeKind::Varbinary:
                return text::encodeBase64(value.asString());
            case TypeKind::Date:
                return date(value.asInt64());
            case TypeKind::Time: {
                const int64_t unit = type.precision() == 0   ? 1000
                                     : type.precision() == 1 ? 100
                                     : type.precision() == 2 ? 10
                                                             : 1;
                return clock(value.asInt64() / 1000) + fraction(value.asInt64() % 1000 / unit * unit, 3);
            }
            case TypeKind::Timestamp:
            case TypeKind::TimestampLtz:
                return timestamp(timePointOf(value, type), type);
            case TypeKind::IntervalDayTime:
                return std::to_string(value.asInt64() / 1000);
            case TypeKind::Array:
            case TypeKind::Row: {
                std::string all;
                for (size_t i = 0; i < value.asList().size(); ++i) {
                    all += i > 0 ? elements_ : "";
                    all += text(value.asList()[i],
                                type.kind() == TypeKind::Row ? type.fields()[i].type : type.element());
                }
                return all;
            }
            default:
                return std::to_string(value.asInt64());
        }
    }

    std::string quoted(const std::string& text) const {
        if (quote_ == '\0') return text;
        size_t units = 0;
        bool wanted = text.starts_with("\xEF\xBB\xBF");
        for (const char c : text) {
            const auto byte = static_cast<unsigned char>(c);
            units += (byte & 0xC0) == 0x80 ? 0 : byte >= 0xF0 ? 2 : 1;
            wanted = wanted || c == escape_ ||
                     byte <= std::max({static_cast<unsigned char>(delimiter_),
                                       static_cast<unsigned char>(quote_), static_cast<unsigned char>('\r')});
        }
        if (!wanted && units <= 24) return text;
        std::string all(1, quote_);
        for (const char c : text) {
            if (c == quote_ || (escape_ != '\0' && c == escape_)) all += escape_ != '\0' ? escape_ : quote_;
            all += c;
        }
        return all + quote_;
    }

    const Schema& schema_;
    const char delimiter_, quote_, escape_;
    const std::string elements_, null_;
    const bool plain_decimals_;
};

// Takes what lies in it away whenever it is full, so that rows are cut anywhere.
class SmallOutput final : public EncoderOutput {
  public:
    SmallOutput() { reset(0); }
    std::string all() { return bytes_ + std::string(memory_.data(), at_); }

  private:
    char* makeRoom(char* at, size_t bytes) override {
        bytes_.append(memory_.data(), at);
        reset(bytes);
        return at_;
    }
    void reset(size_t bytes) {
        memory_.assign(std::max<size_t>(bytes, 700), '#');
        at_ = memory_.data();
        end_ = at_ + memory_.size();
    }

    std::vector<char> memory_;
    std::string bytes_;
};

int64_t randomInteger(Random& random, int bits) {
    const auto bound = static_cast<int>(random.below(static_cast<uint64_t>(bits)));
    const auto value = static_cast<int64_t>(random.next() >> (63 - bound));
    return random.chance(0.2) ? -value - 1 : value;
}

std::string randomText(Random& random) {
    const char* const pieces[] = {"a", "Zz", "0", "-", "~",  "\u00e9", "\U0001f600",
                                  ",", "\"", " ", "'", "\\", "|"};
    std::string text;
    const uint64_t kinds = random.chance(0.6) ? 7 : std::size(pieces);
    for (uint64_t left = random.below(random.chance(0.2) ? 150 : 30); left > 0; --left)
        text += pieces[random.below(kinds)];
    return text;
}

Value randomValue(Random& random, const LogicalType& type) {
    if (random.chance(0.1)) return Value::null();
    switch (type.kind()) {
        case TypeKind::TinyInt:
            return Value::int64(randomInteger(random, 7));
        case TypeKind::SmallInt:
            return Value::int64(randomInteger(random, 15));
        case TypeKind::Integer:
        case TypeKind::IntervalYearMonth:
            return Value::int64(randomInteger(random, 31));
        case TypeKind::BigInt:
            return Value::int64(randomInteger(random, 63));
        case TypeKind::IntervalDayTime:
            return Value::int64(randomInteger(random, 40));
        case TypeKind::Boolean:
            return Value::boolean(random.chance(0.5));
        case TypeKind::Float:
            return Value::float64(static_cast<float>((random.unit() - 0.5) * 1e6));
        case TypeKind::Double:
            return Value::float64((random.unit() - 0.5) *
                                  std::pow(10, static_cast<double>(random.below(600)) - 300));
        case TypeKind::Decimal: {
            const Int128 value = randomInteger(random, type.precision() > 18 ? 60 : 30);
            return type.precision() > 18 ? Value::int128(value * 1'000'000'007)
                                         : Value::int64(static_cast<int64_t>(value));
        }
        case TypeKind::Date:
            return Value::int64(randomInteger(random, 16));
        case TypeKind::Time:
            return Value::int64(static_cast<int64_t>(random.below(86'400'000)));
        case TypeKind::Timestamp:
        case TypeKind::TimestampLtz: {
            // Mostly neighbours' times, some of them equal.
            const int64_t micros = random.chance(0.1)
                                       ? randomInteger(random, 52)
                                       : 1'735'689'600'000'000 + static_cast<int64_t>(random.below(4)) * 1000;
            // A column holds no more digits than its type has.
            const int64_t unit = type.precision() == 9 ? 1 : type.precision() == 8 ? 10 : 100;
            const auto nanos = static_cast<int64_t>(random.below(1000));
            return type.isNanos() ? Value::int128(Int128{micros} * 1000 + (nanos - nanos % unit))
                                  : Value::int64(micros);
        }
        case TypeKind::Binary:
            return Value::string(randomText(random).substr(0, 1) + "bcd");
        case TypeKind::Array: {
            Value::List items;
            for (uint64_t left = random.below(5); left > 0; --left)
                items.push_back(randomValue(random, type.element()));
            return Value::list(std::move(items));
        }
        case TypeKind::Row: {
            Value::List items;
            for (const Field& field : type.fields())
                items.push_back(randomValue(random, field.type));
            return Value::list(std::move(items));
        }
        default:
            return Value::string(randomText(random));
    }
}

std::vector<LogicalType> allTypes() {
    std::vector<LogicalType> types;
    for (const TypeKind kind : {TypeKind::TinyInt, TypeKind::SmallInt, TypeKind::Integer, TypeKind::BigInt,
                                TypeKind::Boolean, TypeKind::Float, TypeKind::Double, TypeKind::Date,
                                TypeKind::IntervalYearMonth, TypeKind::IntervalDayTime})
        types.push_back(LogicalType::of(kind));
    for (const int precision : {0, 1, 2, 3})
        types.push_back(LogicalType::time(precision));
    for (const int precision : {0, 1, 3, 6, 7, 8, 9}) {
        types.push_back(LogicalType::timestamp(precision));
        types.push_back(LogicalType::timestampLtz(precision));
    }
    types.insert(types.end(),
                 {LogicalType::string(), LogicalType::string(), LogicalType::varbinary(1000),
                  LogicalType::decimal(10, 2), LogicalType::decimal(38, 12),
                  LogicalType::array(LogicalType::bigint()), LogicalType::array(LogicalType::string()),
                  LogicalType::row({{"a", LogicalType::timestamp(3)}, {"b", LogicalType::string()}})});
    return types;
}

TEST(CsvTwin, RandomColumnsOfAllTypes) {
    const std::vector<Options> variants = {
        {},
        {{"csv.null-literal", "NULL"}},
        {{"csv.null-literal", "there is \"nothing\" here, which is longer than what is copied at once"}},
        {{"csv.field-delimiter", "|"}, {"csv.array-element-delimiter", ", "}},
        {{"csv.quote-character", "'"}, {"csv.escape-character", "\\"}},
        {{"csv.quote-character", "-"}},
        {{"csv.escape-character", ":"}, {"csv.null-literal", ":"}},
        {{"csv.write-bigdecimal-in-scientific-notation", "false"}},
    };
    const std::vector<LogicalType> types = allTypes();
    Random random(23);
    for (int round = 0; round < 400; ++round) {
        const Options& options = variants[static_cast<size_t>(round) % variants.size()];
        Schema schema;
        std::vector<Field> fields;
        for (uint64_t left = 1 + random.below(8); left > 0; --left)
            fields.push_back({"f" + std::to_string(left), types[random.below(types.size())]});
        schema = Schema(fields);
        const CsvTwin twin(schema, options);
        std::string expected;
        BatchBuilder builder(schema);
        for (uint64_t left = random.below(300); left > 0; --left) {
            Row row;
            for (const Field& field : fields)
                row.push_back(randomValue(random, field.type));
            expected += twin.line(row);
            builder.appendRow(row);
        }
        const Batch batch = builder.finish();
        const auto encoder = findFormat("csv").make_encoder(schema, options);
        std::string text = "before\n";
        encoder->encode(batch, text);
        ASSERT_EQ(text, "before\n" + expected) << "round " << round;
        SmallOutput output;
        for (size_t begin = 0; begin < batch.rows();) {
            const size_t end = std::min(batch.rows(), begin + 1 + random.below(250));
            encoder->encodeTo(batch.slice(begin, end), output);
            begin = end;
        }
        ASSERT_EQ(output.all(), expected) << "round " << round;
    }
}

TEST(CsvTwin, AByteOrderMarkOfATextIsNotTheFiles) {
    const Schema schema({{"a", LogicalType::string()}, {"b", LogicalType::string()}});
    BatchBuilder builder(schema);
    builder.appendRow(Row{Value::string("\xEF\xBB\xBF"), Value::string("bc")});
    std::string text;
    findFormat("csv").make_encoder(schema, {})->encode(builder.finish(), text);
    EXPECT_EQ(text, "\"\xEF\xBB\xBF\",bc\n");
}

TEST(CsvTwin, WithoutQuotesOnlyWhatNeedsNone) {
    const Schema schema(
        {{"a", LogicalType::bigint()}, {"b", LogicalType::timestamp(3)}, {"c", LogicalType::string()}});
    const Options options = {{"csv.disable-quote-character", "true"}, {"csv.null-literal", "a,b"}};
    const CsvTwin twin(schema, options);
    const auto encoder = findFormat("csv").make_encoder(schema, options);
    const auto encode = [&](const Row& row) {
        BatchBuilder builder(schema);
        builder.appendRow(row);
        std::string text;
        encoder->encode(builder.finish(), text);
        return text;
    };
    const Row row = {Value::int64(-7), Value::int64(1'500'000), Value::string("plain")};
    EXPECT_EQ(encode(row), twin.line(row));
    for (size_t i = 0; i < row.size(); ++i) {
        Row with_null = row;
        with_null[i] = Value::null();
        EXPECT_THROW(encode(with_null), UserError) << i;
    }
}

}  // namespace
}  // namespace millrace
