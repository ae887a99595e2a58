#include <gtest/gtest.h>
#include <simdjson.h>

#include "base/error.h"
#include "base/random.h"
#include "formats/format.h"
#include "formats/json/json_decoder.h"
#include "formats/json/json_encoder.h"
#include "formats/json/json_fault.h"
#include "formats/json/json_test_support.h"

namespace millrace {
namespace {

using testing::decode;
using testing::Decoded;
using testing::Options;
using testing::rowText;

Schema oneColumn(const LogicalType& type) { return Schema({{"v", type}}); }

TEST(Json, ReadsFieldsInAnyOrder) {
    const Schema schema(
        {{"id", LogicalType::bigint()}, {"name", LogicalType::string()}, {"at", LogicalType::timestamp(3)}});
    const Decoded decoded = decode(schema,
                                   R"({"id":1,"name":"a","at":"2026-03-01 00:00:00"}
{"id":2,"name":"a rather long name","at":"2026-03-01 00:00:00.125"}
{ "at" : "2026-03-02 10:11:12.1234567", "extra": {"x": [1, 2, {"y": null}]}, "id": 3 , "name": "\u00e9\t\"q\"" }

{"name":"only"}
{"id":4,"id":5,"name":null,"at":null})");
    EXPECT_EQ(decoded.error, "");
    EXPECT_EQ(decoded.rows, (std::vector<std::string>{
                                "1|a|2026-03-01 00:00:00.000",
                                "2|a rather long name|2026-03-01 00:00:00.125",
                                "3|\u00e9\t\"q\"|2026-03-02 10:11:12.123",
                                "NULL|only|NULL",
                                "5|NULL|NULL",
                            }));
}

TEST(Json, ProducesOnlyTheProjection) {
    const Schema schema(
        {{"a", LogicalType::integer()}, {"b", LogicalType::string()}, {"c", LogicalType::boolean()}});
    auto decoder = findFormat("json").make_decoder(schema, {{0}, {2}}, {});
    BatchBuilder builder(Schema({schema[0], schema[2]}));
    std::string text = "{\"a\":7,\"b\":\"x\",\"c\":true}\n{\"a\":8,\"b\":\"y\",\"c\":false}\nincomplete";
    const size_t size = text.size();
    text.append(kDecoderPadding, ' ');
    const DecodeResult result = decoder->decode({text.data(), size}, false, 100, {"f", 1, 0}, builder);
    EXPECT_EQ(result.lines, 2U);
    EXPECT_EQ(result.bytes, size - 10);
    const Batch batch = builder.finish();
    EXPECT_EQ(rowText(batch, 0), "7|TRUE");
    EXPECT_EQ(rowText(batch, 1), "8|FALSE");
}

TEST(Json, ConvertsAsFlinkDoes) {
    struct Case {
        LogicalType type;
        const char* value;
        const char* expected;  // nullptr: malformed
    };
    const Case cases[] = {
        {LogicalType::integer(), "12", "12"},
        {LogicalType::integer(), "\" 12 \"", "12"},
        {LogicalType::integer(), "1.7", "1"},
        {LogicalType::integer(), "-1.7", "-1"},
        {LogicalType::integer(), "1.5e3", "1500"},
        {LogicalType::integer(), "\"1.7\"", nullptr},
        {LogicalType::integer(), "2147483647", "2147483647"},
        {LogicalType::integer(), "2147483648", nullptr},
        {LogicalType::integer(), "true", nullptr},
        {LogicalType::bigint(), "-9223372036854775808", "-9223372036854775808"},
        {LogicalType::bigint(), "9223372036854775808", nullptr},
        {LogicalType::bigint(), "1e30", nullptr},
        {LogicalType::of(TypeKind::TinyInt), "127", "127"},
        {LogicalType::of(TypeKind::TinyInt), "128", nullptr},
        {LogicalType::of(TypeKind::SmallInt), "32768", nullptr},
        {LogicalType::boolean(), "true", "TRUE"},
        {LogicalType::boolean(), "\"TRUE\"", "TRUE"},
        {LogicalType::boolean(), "\"no\"", "FALSE"},
        {LogicalType::doublePrecision(), "0", "0.0"},
        {LogicalType::doublePrecision(), "-0.0", "-0.0"},
        {LogicalType::doublePrecision(), "0.1", "0.1"},
        {LogicalType::doublePrecision(), "123456789.987654321", "1.2345678998765433E8"},
        {LogicalType::doublePrecision(), "1e400", "Infinity"},
        {LogicalType::doublePrecision(), "\"NaN\"", "NaN"},
        {LogicalType::doublePrecision(), "\"x\"", nullptr},
        {LogicalType::decimal(10, 2), "12.345", "12.35"},
        {LogicalType::decimal(10, 2), "\"12.3\"", "12.30"},
        {LogicalType::decimal(3, 2), "123.4", "NULL"},
        {LogicalType::decimal(3, 2), "\"abc\"", nullptr},
        {LogicalType::decimal(38, 2), "123456789012345678901234567890.12",
         "123456789012345678901234567890.12"},
        {LogicalType::string(), "1.50", "1.50"},
        {LogicalType::string(), "true", "true"},
        {LogicalType::string(), "{ \"a\" : [1, \"x\\n\"] }", "{\"a\":[1,\"x\\n\"]}"},
        {LogicalType::of(TypeKind::Date), "\"2024-02-29\"", "2024-02-29"},
        {LogicalType::of(TypeKind::Date), "\"2023-02-29\"", nullptr},
        {LogicalType::of(TypeKind::Time), "\"12:34:56\"", "12:34:56"},
        {LogicalType::of(TypeKind::Time), "\"24:00:00\"", nullptr},
        {LogicalType::timestamp(3), "\"2026-03-01T00:00:00\"", nullptr},
        {LogicalType::timestamp(3), "\"2026-13-01 00:00:00\"", nullptr},
        {LogicalType::timestamp(3), "1700000000", nullptr},
        {LogicalType::timestamp(0), "\"1969-12-31 23:59:59.9\"", "1969-12-31 23:59:59"},
        {LogicalType::array(LogicalType::integer()), "[1,null,3]", "[1, NULL, 3]"},
        {LogicalType::array(LogicalType::integer()), "{}", nullptr},
        {LogicalType::map(LogicalType::string(), LogicalType::integer()), "{\"a\":1,\"b\":2,\"a\":3}",
         "{a=3, b=2}"},
        {LogicalType::row({{"x", LogicalType::integer()}, {"y", LogicalType::string()}}),
         "{\"y\":\"q\",\"z\":1}", "(NULL, q)"},
        {LogicalType::row({{"x", LogicalType::integer()}}), "{\"x\":\"no\"}", nullptr},
    };
    for (const Case& test : cases) {
        SCOPED_TRACE(test.type.toString() + " from " + test.value);
        // Twice: the second record goes the fast way.
        const std::string record = std::string("{\"v\":") + test.value + "}\n";
        const Decoded decoded = decode(oneColumn(test.type), record + record);
        if (test.expected == nullptr) {
            EXPECT_NE(decoded.error, "");
            const Decoded lenient =
                decode(oneColumn(test.type), record + record, {{"json.ignore-parse-errors", "true"}});
            EXPECT_EQ(lenient.rows.size(), 2U);
            EXPECT_EQ(lenient.error, "");
        } else {
            EXPECT_EQ(decoded.error, "");
            EXPECT_EQ(decoded.rows, (std::vector<std::string>{test.expected, test.expected}));
        }
    }
}

TEST(Json, SaysWhereAndWhy) {
    const Schema schema({{"id", LogicalType::integer()}, {"at", LogicalType::timestamp(3)}});
    const std::string good = "{\"id\":1,\"at\":\"2026-03-01 00:00:00\"}\n";
    const std::string deep = std::string(2000, '[');
    struct Case {
        std::string line;
        const char* message;
    };
    const Case cases[] = {
        {"{\"id\":1,\"at\":",
         "column 14: the record is not valid JSON: a value is missing (the record ends)"},
        {"{\"id\":1 \"at\":2}",
         "column 9: the record is not valid JSON: ',' or '}' is missing after a field (found '\"')"},
        {"{\"id\":01}", "column 7: the record is not valid JSON: this is not a value (found '0')"},
        {"{\"id\":tru}", "column 7: the record is not valid JSON: this is not a value (found 't')"},
        {"{\"x\":tru}", "column 6: the record is not valid JSON: this is not a value (found 't')"},
        {"{\"x\":1.}", "column 6: the record is not valid JSON: this is not a value (found '1')"},
        {"{\"id\":1}}",
         "column 9: the record is not valid JSON: there is more after the end of the value (found '}')"},
        {"{\"id\":1,}",
         "column 9: the record is not valid JSON: a field name in quotes is missing (found '}')"},
        {"{\"id\":\"a", "column 7: the record is not valid JSON: the text is not closed (found '\"')"},
        {"{\"x\":\"\\q\"}",
         "column 7: the record is not valid JSON: a text has an unknown escape (found '\\')"},
        {"{\"x\":\"\\ud800\"}",
         "column 7: the record is not valid JSON: \\u escape is half of a surrogate pair (found '\\')"},
        {"{\"x\":\"a\tb\"}",
         "column 8: the record is not valid JSON: a text has an unescaped control character (found the "
         "control "
         "character 0x09)"},
        {"{\"x\":\"a\xFF\"}", "column 8: the record is not valid JSON: the byte 0xFF is not UTF-8"},
        {"{\"x\":\"\xED\xA0\x80\"}", "column 7: the record is not valid JSON: the byte 0xED is not UTF-8"},
        {"{\"x\":" + deep + "}",
         "column 1005: the record is not valid JSON: it is nested more than 1000 levels deep (found '[')"},
        {"[{\"id\":1}]",
         "column 1: the record is not valid JSON: a record must be an object, one a line (found "
         "'[{\"id\":1}]')"},
        {"17", "column 1: the record is not valid JSON: a record must be an object, one a line (found '17')"},
        {"{\"id\":\"x\"}", "column 7: field 'id': 'x' is not an INT"},
        {"{\"id\":99999999999}", "column 7: field 'id': '99999999999' is not an INT"},
        {"{\"id\":[1,2]}", "column 7: field 'id': '[1,2]' is not an INT"},
        {"{\"at\":\"2026-03-01T00:00:00\"}",
         "column 7: field 'at': '2026-03-01T00:00:00' is not a TIMESTAMP(3) of the form 2026-03-01 "
         "12:30:15.123 "
         "('json.timestamp-format.standard')"},
    };
    for (const Case& test : cases) {
        const Decoded decoded = decode(schema, good + good + test.line + "\n" + good);
        EXPECT_EQ(decoded.error, std::string("flights-3.json, line 3, ") + test.message);
        EXPECT_NE(decoded.hint.find("json.ignore-parse-errors"), std::string::npos);
    }
}

TEST(Json, SkipsAndCountsWhatIsNotJson) {
    const Schema schema({{"id", LogicalType::integer()}});
    const Decoded decoded = decode(schema, "{\"id\":1}\n{\"id\":}\n{\"id\":\"x\"}\nrubbish\n{\"id\":2}",
                                   {{"json.ignore-parse-errors", "true"}});
    EXPECT_EQ(decoded.rows, (std::vector<std::string>{"1", "NULL", "2"}));
    EXPECT_EQ(decoded.skipped, 2U);
}

TEST(Json, MissingFields) {
    const Schema schema({{"id", LogicalType::integer()}, {"b", LogicalType::string()}});
    EXPECT_EQ(decode(schema, "{\"id\":1}\n{\"id\":1}\n").rows,
              (std::vector<std::string>{"1|NULL", "1|NULL"}));
    EXPECT_EQ(
        decode(schema, "{\"id\":1,\"b\":\"\"}\n{\"id\":1}\n", {{"json.fail-on-missing-field", "true"}}).error,
        "flights-3.json, line 2, column 1: field 'b': it is missing ('json.fail-on-missing-field' is true)");
    const Schema strict({{"id", LogicalType::integer().withNullable(false)}});
    EXPECT_EQ(decode(strict, "{\"id\":1}\n{\"id\":1}\n{\"id\":null}\n").error,
              "flights-3.json, line 3, column 7: field 'id': it is null, and its column is NOT NULL");
    EXPECT_EQ(decode(strict, "{\"id\":1}\n{\"id\":1}\n{}\n").error,
              "flights-3.json, line 3, column 1: field 'id': it is missing, and its column is NOT NULL");
}

TEST(Json, RefusesOptionsThatContradict) {
    const auto make = [](const Options& options) { return JsonOptions::from(options); };
    EXPECT_THROW(make({{"json.fail-on-missing-field", "true"}, {"json.ignore-parse-errors", "true"}}),
                 UserError);
    EXPECT_THROW(make({{"json.timestamp-format.standard", "iso"}}), UserError);
    EXPECT_THROW(make({{"json.map-null-key.mode", "drop it"}}), UserError);
    try {
        findFormat("jsno");
        FAIL();
    } catch (const UserError& error) {
        EXPECT_EQ(error.problem().hint, "did you mean 'json'?");
    }
}

TEST(Json, IsoTimestampsAndZones) {
    const Schema schema({{"a", LogicalType::timestamp(3)}, {"b", LogicalType::timestampLtz(3)}});
    const Options iso = {{"json.timestamp-format.standard", "ISO-8601"}};
    const std::string line = "{\"a\":\"2026-03-01T10:00:00.5\",\"b\":\"2026-03-01T10:00:00Z\"}\n";
    auto decoder = findFormat("json").make_decoder(schema, {{0}, {1}}, iso);
    auto encoder = findFormat("json").make_encoder(schema, iso);
    BatchBuilder builder(schema);
    std::string text = line + line;
    const size_t size = text.size();
    text.append(kDecoderPadding, ' ');
    decoder->decode({text.data(), size}, true, 10, {"f", 1, 0}, builder);
    std::string out;
    encoder->encode(builder.finish(), out);
    EXPECT_EQ(out, line + line);
    EXPECT_EQ(decode(schema, "{\"b\":\"2026-03-01 10:00:00\"}").error,
              "flights-3.json, line 1, column 6: field 'b': '2026-03-01 10:00:00' is not a TIMESTAMP_LTZ(3) "
              "of the form "
              "2026-03-01 12:30:15.123Z ('json.timestamp-format.standard')");
}

std::string encodeOne(const LogicalType& type, const Value& value, const Options& options = {},
                      JsonEncoding encoding = {}) {
    const Schema schema = oneColumn(type);
    BatchBuilder builder(schema);
    builder.appendRow(std::vector<Value>{value});
    std::string out;
    makeJsonEncoder(schema, JsonOptions::from(options), encoding)->encode(builder.finish(), out);
    return out;
}

TEST(Json, WritesAsFlinkDoes) {
    const LogicalType decimal = LogicalType::decimal(20, 9);
    EXPECT_EQ(encodeOne(decimal, Value::int128(27)), "{\"v\":2.7E-8}\n");
    EXPECT_EQ(encodeOne(decimal, Value::int128(27), {{"json.encode.decimal-as-plain-number", "true"}}),
              "{\"v\":0.000000027}\n");
    EXPECT_EQ(encodeOne(LogicalType::decimal(10, 2), Value::int64(1250)), "{\"v\":12.5}\n");
    EXPECT_EQ(encodeOne(LogicalType::decimal(10, 2), Value::int64(-100000)), "{\"v\":-1E+3}\n");
    EXPECT_EQ(encodeOne(LogicalType::decimal(10, 2), Value::int64(1250), {}, {true, false}),
              "{\"v\":12.50}\n");
    EXPECT_EQ(encodeOne(LogicalType::doublePrecision(), Value::float64(1e10)), "{\"v\":1.0E10}\n");
    EXPECT_EQ(encodeOne(LogicalType::doublePrecision(), Value::float64(-HUGE_VAL)),
              "{\"v\":\"-Infinity\"}\n");
    EXPECT_EQ(encodeOne(LogicalType::string(),
                        Value::string("a\"\\\n\x01\x1f/\u00e9 and some more to fill a block\t")),
              "{\"v\":\"a\\\"\\\\\\n\\u0001\\u001F/\u00e9 and some more to fill a block\\t\"}\n");
    EXPECT_EQ(encodeOne(LogicalType::timestamp(3), Value::int64(-1'000'000)),
              "{\"v\":\"1969-12-31 23:59:59\"}\n");
    EXPECT_EQ(encodeOne(LogicalType::timestamp(3), Value::int64(500'000)),
              "{\"v\":\"1970-01-01 00:00:00.5\"}\n");
    EXPECT_EQ(encodeOne(LogicalType::timestamp(3), Value::int64(500'000), {}, {false, true}),
              "{\"v\":\"1970-01-01 00:00:00.500\"}\n");
    EXPECT_EQ(encodeOne(LogicalType::of(TypeKind::Varbinary), Value::string("abcd")),
              "{\"v\":\"YWJjZA==\"}\n");
    EXPECT_EQ(encodeOne(LogicalType::integer(), Value::null()), "{\"v\":null}\n");
    EXPECT_EQ(encodeOne(LogicalType::integer(), Value::null(), {{"json.encode.ignore-null-fields", "true"}}),
              "{}\n");
    const LogicalType map = LogicalType::map(LogicalType::string(), LogicalType::integer());
    const Value entries = Value::list({Value::string("k"), Value::int64(1), Value::null(), Value::int64(2)});
    EXPECT_THROW(encodeOne(map, entries), UserError);
    EXPECT_EQ(encodeOne(map, entries, {{"json.map-null-key.mode", "DROP"}}), "{\"v\":{\"k\":1}}\n");
    EXPECT_EQ(encodeOne(map, entries,
                        {{"json.map-null-key.mode", "LITERAL"}, {"json.map-null-key.literal", "n/a"}}),
              "{\"v\":{\"k\":1,\"n/a\":2}}\n");
}

std::string randomText(Random& random) {
    static const char* const kPieces[] = {"a",      "Z",          " ",    "\"",
                                          "\\",     "\n",         "\x7f", "\u00e9",
                                          "\u20ac", "\U0001F600", "\x01", "long piece of text "};
    std::string out;
    for (uint64_t n = random.below(12); n > 0; --n)
        out += kPieces[random.below(std::size(kPieces))];
    return out;
}

Value randomValue(const LogicalType& type, Random& random) {
    if (type.nullable() && random.below(8) == 0) return Value::null();
    switch (type.kind()) {
        case TypeKind::Boolean:
            return Value::boolean(random.below(2) == 1);
        case TypeKind::Integer:
            return Value::int64(static_cast<int32_t>(random.next()));
        case TypeKind::BigInt:
            return Value::int64(static_cast<int64_t>(random.next() >> random.below(64)));
        case TypeKind::Double:
            return Value::float64(static_cast<double>(static_cast<int64_t>(random.next())) /
                                  static_cast<double>(1ULL << random.below(62)));
        case TypeKind::Decimal: {
            const int64_t unscaled =
                static_cast<int64_t>(random.below(1'000'000'000'000ULL)) - 500'000'000'000;
            return type.physical() == PhysicalType::Int64 ? Value::int64(unscaled)
                                                          : Value::int128(Int128{unscaled} * 1'000'000'007);
        }
        case TypeKind::Varchar:
            return Value::string(randomText(random));
        case TypeKind::Varbinary:
            return Value::string(randomText(random));
        case TypeKind::Date:
            return Value::int64(static_cast<int64_t>(random.below(40000)) - 10000);
        case TypeKind::Timestamp:
        case TypeKind::TimestampLtz:
            return Value::int64(
                (static_cast<int64_t>(random.below(4'000'000'000'000ULL)) - 1'000'000'000'000) * 1000);
        case TypeKind::Array: {
            Value::List list;
            for (uint64_t n = random.below(4); n > 0; --n)
                list.push_back(randomValue(type.element(), random));
            return Value::list(std::move(list));
        }
        case TypeKind::Row: {
            Value::List list;
            for (const Field& field : type.fields())
                list.push_back(randomValue(field.type, random));
            return Value::list(std::move(list));
        }
        default:
            throw InternalError("not drawn here");
    }
}

TEST(Json, RoundTripsRandomRows) {
    Random random(42);
    for (int round = 0; round < 60; ++round) {
        std::vector<LogicalType> types = {LogicalType::boolean(),
                                          LogicalType::integer(),
                                          LogicalType::bigint(),
                                          LogicalType::doublePrecision(),
                                          LogicalType::decimal(12, 3),
                                          LogicalType::decimal(30, 9),
                                          LogicalType::string(),
                                          LogicalType::string(),
                                          LogicalType::of(TypeKind::Varbinary),
                                          LogicalType::of(TypeKind::Date),
                                          LogicalType::timestamp(3),
                                          LogicalType::timestampLtz(3),
                                          LogicalType::timestamp(9),
                                          LogicalType::timestampLtz(7)};
        if (round % 3 == 0) {
            types.push_back(LogicalType::array(LogicalType::integer()));
            types.push_back(LogicalType::row({{"x", LogicalType::string()}, {"y", LogicalType::bigint()}}));
        }
        std::vector<Field> fields;
        for (size_t i = 0; i < types.size(); ++i)
            fields.push_back({fmt::format("field{}", i), types[i]});
        const Schema schema(fields);
        BatchBuilder builder(schema);
        std::vector<std::string> expected;
        for (int row = 0; row < 50; ++row) {
            std::vector<Value> values;
            for (const LogicalType& type : types)
                values.push_back(randomValue(type, random));
            builder.appendRow(values);
        }
        const Batch batch = builder.finish();
        for (size_t row = 0; row < batch.rows(); ++row)
            expected.push_back(rowText(batch, row));
        std::string text;
        makeJsonEncoder(schema, {})->encode(batch, text);
        const Decoded decoded = decode(schema, text);
        EXPECT_EQ(decoded.error, "");
        EXPECT_EQ(decoded.rows, expected);
        if (decoded.rows != expected) break;
    }
}

// Records with one byte changed: the two ways, the fault finder and simdjson's own document parser agree on
// what is JSON.
TEST(Json, DamagedRecordsAreJudgedAlike) {
    Random random(7);
    const Schema schema({{"id", LogicalType::bigint()},
                         {"name", LogicalType::string()},
                         {"at", LogicalType::timestamp(3)},
                         {"price", LogicalType::decimal(10, 2)}});
    const std::string good =
        R"({"id":17,"skip":[1,{"a":false}],"name":"some text","at":"2026-03-01 12:00:00.123","price":12.50,"x":null})";
    const std::string_view alphabet = "{}[]\",:\\ \t0159.eE-+truefalsn\xC3\x01/u";
    simdjson::dom::parser parser;
    for (int round = 0; round < 20000; ++round) {
        std::string line = good;
        for (uint64_t n = 1 + random.below(2); n > 0; --n) {
            const size_t at = random.below(line.size());
            const char c = alphabet[random.below(alphabet.size())];
            switch (random.below(3)) {
                case 0:
                    line[at] = c;
                    break;
                case 1:
                    line.insert(at, 1, c);
                    break;
                default:
                    line.erase(at, 1);
                    break;
            }
        }
        const std::string text = good + "\n" + line + "\n" + good + "\n";
        const Decoded decoded = decode(schema, text, {{"json.ignore-parse-errors", "true"}});
        ASSERT_EQ(decoded.error, "") << line;
        const bool valid = !json::findFault(line).has_value();
        ASSERT_EQ(parser.parse(simdjson::padded_string(line)).error() == simdjson::SUCCESS, valid) << line;
        ASSERT_EQ(decoded.skipped == 0, valid && line.find('{') == line.find_first_not_of(" \t")) << line;
        if (HasFailure()) break;
    }
}

TEST(Json, Messages) {
    const Schema schema = oneColumn(LogicalType::integer());
    auto decoder = findFormat("json").make_decoder(schema, {{0}}, {{"json.ignore-parse-errors", "true"}});
    BatchBuilder builder(schema);
    std::string message = "{\"v\":1}" + std::string(kDecoderPadding, '\0');
    EXPECT_TRUE(decoder->decodeMessage({message.data(), 7}, {"topic", 0, 12}, builder));
    EXPECT_FALSE(decoder->decodeMessage({message.data(), 6}, {"topic", 0, 13}, builder));
    EXPECT_EQ(builder.rows(), 1U);
}

}  // namespace
}  // namespace millrace
