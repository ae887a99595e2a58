#include <gtest/gtest.h>

#include "base/error.h"
#include "base/random.h"
#include "formats/csv/csv_decoder.h"
#include "formats/csv/csv_encoder.h"
#include "formats/format.h"

namespace millrace {
namespace {

using Options = std::map<std::string, std::string>;
using Rows = std::vector<std::string>;

struct Decoded {
    Rows rows;  // "a|b|c"
    size_t skipped = 0;
    uint64_t lines = 0;
    std::string error;
};

// Hands the text over `piece` bytes at a time, as a reader with a small buffer would.
Decoded decodeWith(const Schema& schema, const std::string& text, const Options& options, size_t piece) {
    Decoded decoded;
    try {
        auto decoder = findFormat("csv").make_decoder(schema, wholeColumns(schema), options);
        size_t at = 0;
        size_t have = 0;
        uint64_t line = 1;
        while (true) {
            have = std::min(text.size(), have + piece);
            const bool final = have == text.size();
            std::string chunk = text.substr(at, have - at);
            const size_t size = chunk.size();
            chunk.append(kDecoderPadding, '"');
            BatchBuilder builder(schema);
            const DecodeResult result =
                decoder->decode({chunk.data(), size}, final, 1000, {"f.csv", line, at}, builder);
            at += result.bytes;
            line += result.lines;
            decoded.skipped += result.skipped;
            const Batch batch = builder.finish();
            for (size_t row = 0; row < batch.rows(); ++row) {
                std::string out;
                for (size_t c = 0; c < schema.size(); ++c)
                    out += (c == 0 ? "" : "|") + batch.column(c)->textAt(row);
                decoded.rows.push_back(out);
            }
            if (final && at == text.size()) break;
            if (final && result.bytes == 0) {
                ADD_FAILURE() << "stuck at " << at << " of " << text;
                break;
            }
        }
        decoded.lines = line - 1;
    } catch (const UserError& error) {
        EXPECT_EQ(error.code(), "data.malformed") << error.what();
        decoded.error = error.what();
    }
    return decoded;
}

Decoded decode(const Schema& schema, const std::string& text, const Options& options = {}) {
    Decoded whole = decodeWith(schema, text, options, text.size() + 1);
    for (const size_t piece : {1, 2, 7, 64}) {
        const Decoded pieces = decodeWith(schema, text, options, piece);
        EXPECT_EQ(pieces.error, whole.error) << text << " in pieces of " << piece;
        if (!whole.error.empty()) continue;
        EXPECT_EQ(pieces.skipped, whole.skipped) << text << " in pieces of " << piece;
        EXPECT_EQ(pieces.rows, whole.rows) << text << " in pieces of " << piece;
        EXPECT_EQ(pieces.lines, whole.lines) << text << " in pieces of " << piece;
    }
    return whole;
}

const Schema& threeColumns() {
    static const Schema schema({{"id", LogicalType::integer()},
                                {"name", LogicalType::string()},
                                {"price", LogicalType::decimal(10, 2)}});
    return schema;
}

TEST(Csv, ReadsQuotesLineEndsAndBlankLines) {
    const Decoded decoded =
        decode(threeColumns(),
               "1,plain,1.5\r\n2,\"quoted, with \"\"quotes\"\"\nand a line\",2\n\n3,\"\",-0.255\r\n"
               "4,say \"hi\",4\n5,\"last\",5");
    EXPECT_EQ(decoded.error, "");
    EXPECT_EQ(decoded.rows, (Rows{"1|plain|1.50", "2|quoted, with \"quotes\"\nand a line|2.00", "3||-0.26",
                                  "4|say \"hi\"|4.00", "5|last|5.00"}));
    EXPECT_EQ(decoded.lines, 6U);
}

TEST(Csv, Options) {
    const Schema& schema = threeColumns();
    EXPECT_EQ(decode(schema, "# a comment, \"with\n1,#2,3\n", {{"csv.allow-comments", "true"}}).rows,
              Rows{"1|#2|3.00"});
    EXPECT_EQ(
        decode(schema, "1\t'a\tb'\t2\n", {{"csv.field-delimiter", "\\t"}, {"csv.quote-character", "'"}}).rows,
        Rows{"1|a\tb|2.00"});
    EXPECT_EQ(decode(schema, "1,a\\,b\\\\\\n,2\n2,\"a\\\"b\",3\n", {{"csv.escape-character", "\\"}}).rows,
              (Rows{"1|a,b\\\n|2.00", "2|a\"b|3.00"}));
    EXPECT_EQ(decode(schema, "n/a,n/a,n/a\n", {{"csv.null-literal", "n/a"}}).rows, Rows{"NULL|NULL|NULL"});
    EXPECT_EQ(decode(schema, ",a,\n", {{"csv.null-literal", ""}}).rows, Rows{"NULL|a|NULL"});
    EXPECT_EQ(decode(schema, "1,\"a\",2\n", {{"csv.disable-quote-character", "true"}}).rows,
              Rows{"1|\"a\"|2.00"});
    const Schema nested(
        {{"a", LogicalType::array(LogicalType::integer())},
         {"r", LogicalType::row({{"x", LogicalType::integer()}, {"y", LogicalType::string()}})}});
    EXPECT_EQ(decode(nested, "1;2;3,7;q\n,8;\n").rows, (Rows{"[1, 2, 3]|(7, q)", "[]|(8, )"}));
    EXPECT_EQ(decode(nested, "1#2,7#q\n", {{"csv.array-element-delimiter", "#"}}).rows,
              Rows{"[1, 2]|(7, q)"});
}

TEST(Csv, RefusesOptionsThatCannotWork) {
    const auto refuses = [](const Options& options) { EXPECT_THROW(CsvOptions::from(options), UserError); };
    refuses({{"csv.field-delimiter", "||"}});
    refuses({{"csv.field-delimiter", "\n"}});
    refuses({{"csv.quote-character", ","}});
    refuses({{"csv.quote-character", "'"}, {"csv.disable-quote-character", "true"}});
    refuses({{"csv.array-element-delimiter", ""}});
    const Schema map({{"m", LogicalType::map(LogicalType::string(), LogicalType::integer())}});
    EXPECT_THROW(CsvOptions::checkTypes(map), UserError);
}

TEST(Csv, SaysWhereAndWhy) {
    const std::pair<const char*, const char*> cases[] = {
        {"x,a,2", "line 3, column 1: field 'id': 'x' is not an INT"},
        {",a,2",
         "line 3, column 1: field 'id': '' is not an INT ('csv.null-literal' = '' reads empty fields as "
         "NULL)"},
        {"1,a,\"4x\"", "line 3, column 6: field 'price': '4x' is not a DECIMAL(10, 2)"},
        {"99999999999,a,2", "line 3, column 1: field 'id': '99999999999' is not an INT"},
        {"1,a", "line 3, column 1: the record has 2 fields, and the table 3 columns"},
        {"1,a,2,3", "line 3, column 1: the record has 4 fields, and the table 3 columns"},
        {"1,\"a\"b,2",
         "line 3, column 6: the record is not valid CSV: a delimiter is missing after a quoted field"},
        {"1,\"a\nb,2", "line 3, column 3: the record is not valid CSV: a quoted field is not closed"},
        {"1,\"a\nb\",x", "line 4, column 4: field 'price': 'x' is not a DECIMAL(10, 2)"},
        {"1,a\xFF,2", "line 3, column 1: the record is not valid CSV: the record is not UTF-8"},
    };
    for (const auto& [line, message] : cases) {
        const std::string text = std::string("1,a,2\n1,a,2\n") + line;
        EXPECT_EQ(decode(threeColumns(), text).error, std::string("f.csv, ") + message) << line;
    }
}

TEST(Csv, SkipsAndCountsWhatIsNoRecord) {
    const Decoded decoded = decode(threeColumns(), "1,a,2\n1,\"a\"b,2\nx,b,y\n1,2,3,4\n5\n6,\"open\n",
                                   {{"csv.ignore-parse-errors", "true"}});
    EXPECT_EQ(decoded.rows, (Rows{"1|a|2.00", "NULL|b|NULL", "5|NULL|NULL"}));
    EXPECT_EQ(decoded.skipped, 3U);
}

std::string encode(const Schema& schema, const std::vector<std::vector<Value>>& rows,
                   const Options& options = {}) {
    BatchBuilder builder(schema);
    for (const auto& row : rows)
        builder.appendRow(row);
    std::string out;
    findFormat("csv").make_encoder(schema, options)->encode(builder.finish(), out);
    return out;
}

TEST(Csv, WritesAsFlinkDoes) {
    const Schema schema({{"t", LogicalType::timestamp(3)},
                         {"s", LogicalType::string()},
                         {"d", LogicalType::decimal(10, 2)},
                         {"b", LogicalType::boolean()},
                         {"a", LogicalType::array(LogicalType::integer())}});
    const std::vector<Value> row = {Value::int64(1'500'000), Value::string("x-y"), Value::int64(100000),
                                    Value::boolean(true), Value::list({Value::int64(1), Value::int64(2)})};
    EXPECT_EQ(encode(schema, {row}), "\"1970-01-01 00:00:01.5\",x-y,\"1E+3\",true,1;2\n");
    EXPECT_EQ(encode(schema, {row}, {{"csv.write-bigdecimal-in-scientific-notation", "false"}}),
              "\"1970-01-01 00:00:01.5\",x-y,1000,true,1;2\n");
    const Schema text({{"s", LogicalType::string()}, {"n", LogicalType::integer()}});
    const std::vector<Value> quoted = {Value::string("a \"b\""), Value::null()};
    EXPECT_EQ(encode(text, {quoted}), "\"a \"\"b\"\"\",\n");
    EXPECT_EQ(encode(text, {quoted}, {{"csv.escape-character", "\\"}, {"csv.null-literal", "-"}}),
              "\"a \\\"b\\\"\",-\n");
    EXPECT_EQ(encode(text, {{Value::string("abcdefghijklmnopqrstuvwxy"), Value::int64(-1)}}),
              "\"abcdefghijklmnopqrstuvwxy\",-1\n");
    EXPECT_THROW(
        encode(text, {{Value::string("a,b"), Value::null()}}, {{"csv.disable-quote-character", "true"}}),
        UserError);
    EXPECT_EQ(encode(Schema({{"s", LogicalType::string()}}), {{Value::string("")}}), "\"\"\n");
}

TEST(Csv, RoundTripsRandomTexts) {
    Random random(5);
    const char* const pieces[] = {",", "\"", "\n",     "\r\n", "a", "long enough to be quoted",
                                  " ", "\\", "\u00e9", "'"};
    const Schema schema(
        {{"a", LogicalType::string()}, {"b", LogicalType::bigint()}, {"c", LogicalType::string()}});
    for (const Options& options : {Options{}, Options{{"csv.escape-character", "\\"}},
                                   Options{{"csv.quote-character", "'"}, {"csv.field-delimiter", "\\t"}}}) {
        for (int round = 0; round < 300; ++round) {
            std::vector<std::vector<Value>> rows;
            Rows expected;
            for (int row = 0; row < 3; ++row) {
                std::string texts[2];
                for (std::string& text : texts) {
                    for (uint64_t n = random.below(6); n > 0; --n)
                        text += pieces[random.below(std::size(pieces))];
                }
                const auto number = static_cast<int64_t>(random.next());
                rows.push_back({Value::string(texts[0]), Value::int64(number), Value::string(texts[1])});
                expected.push_back(fmt::format("{}|{}|{}", texts[0], number, texts[1]));
            }
            const Decoded decoded = decode(schema, encode(schema, rows, options), options);
            ASSERT_EQ(decoded.error, "");
            ASSERT_EQ(decoded.rows, expected);
        }
    }
}

// What is to be quoted, a character at a time.
bool wantsQuotes(const std::string& text, unsigned char unsafe_max) {
    size_t units = 0;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte <= unsafe_max) return true;
        units += (byte & 0xC0) == 0x80 ? 0 : byte >= 0xF0 ? 2 : 1;
    }
    return units > 24;
}

TEST(Csv, QuotesTextsOfEveryLengthAsFlinkDoes) {
    Random random(11);
    const char* const safe[] = {"a", "Z", "-", "9", "~", "\u00e9", "\u20ac", "\U0001f600"};
    const char* const unsafe[] = {",", "+", "'", "\"", " ", "\t"};
    const Schema schema({{"s", LogicalType::string()}});
    size_t quoted = 0, plain = 0;
    for (int round = 0; round < 20'000; ++round) {
        std::string text;
        const uint64_t kinds = random.below(4) == 0 ? 4 : std::size(safe);  // of the safe ones: ASCII, or any
        const size_t pieces = random.below(80);
        for (size_t i = 0; i < pieces; ++i)
            text +=
                random.below(60) == 0 ? unsafe[random.below(std::size(unsafe))] : safe[random.below(kinds)];
        if (text.empty()) continue;
        const bool expected = wantsQuotes(text, ',');
        const std::string out = encode(schema, {{Value::string(text)}});
        ASSERT_EQ(out.front() == '"', expected) << text;
        if (text.find('"') == std::string::npos) {
            ASSERT_EQ(out, expected ? "\"" + text + "\"\n" : text + "\n");
        }
        ++(expected ? quoted : plain);
    }
    EXPECT_GT(quoted, 1000U);
    EXPECT_GT(plain, 1000U);
}

TEST(Csv, WritesRowsLongerThanItsScratchMemory) {
    const Schema schema(
        {{"a", LogicalType::string()}, {"n", LogicalType::bigint()}, {"b", LogicalType::string()}});
    const std::string quotes(100'000, '"'), letters(300'000, 'x');
    EXPECT_EQ(encode(schema, {{Value::string(letters), Value::int64(7), Value::string(quotes)},
                              {Value::string("a"), Value::int64(-8), Value::string("b")}}),
              "\"" + letters + "\",7,\"" + quotes + quotes + "\"\na,-8,b\n");
}

TEST(Csv, WritesTimestampsInAnyOrder) {
    const Schema schema({{"t", LogicalType::timestamp(3)}});
    const auto at = [](int64_t millis) { return std::vector<Value>{Value::int64(millis * 1000)}; };
    const std::vector<std::vector<Value>> rows = {at(0),   at(10),   at(-1), at(-86'400'000),
                                                  at(999), at(1000), at(120)};
    EXPECT_EQ(encode(schema, rows),
              "\"1970-01-01 00:00:00\"\n\"1970-01-01 00:00:00.01\"\n\"1969-12-31 23:59:59.999\"\n"
              "\"1969-12-31 00:00:00\"\n\"1970-01-01 00:00:00.999\"\n\"1970-01-01 00:00:01\"\n"
              "\"1970-01-01 00:00:00.12\"\n");
    EXPECT_EQ(encode(schema, {at(10)}, {{"csv.quote-character", "."}}), ".1970-01-01 00:00:00..01.\n");
    EXPECT_EQ(encode(schema, {at(10)}, {{"csv.escape-character", "-"}}), "\"1970--01--01 00:00:00.01\"\n");
    EXPECT_EQ(encode(schema, {at(10)}, {{"csv.disable-quote-character", "true"}}),
              "1970-01-01 00:00:00.01\n");
}

TEST(Csv, Messages) {
    auto decoder = findFormat("csv").make_decoder(threeColumns(), {{0}, {1}, {2}},
                                                  {{"csv.ignore-parse-errors", "true"}});
    BatchBuilder builder(threeColumns());
    std::string message = "1,a,2\n3,b,4" + std::string(kDecoderPadding, ' ');
    EXPECT_TRUE(decoder->decodeMessage({message.data(), 5}, {"topic", 0, 0}, builder));
    EXPECT_FALSE(decoder->decodeMessage({message.data(), 11}, {"topic", 0, 0}, builder));
    EXPECT_EQ(builder.rows(), 1U);
}

}  // namespace
}  // namespace millrace
