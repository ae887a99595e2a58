#include <gtest/gtest.h>

#include "base/error.h"
#include "formats/raw/raw_format.h"

namespace millrace {
namespace {

using Options = std::map<std::string, std::string>;

Schema columnOf(const LogicalType& type) { return Schema({{"v", type}}); }

std::string errorOf(const std::function<void()>& f) {
    try {
        f();
    } catch (const UserError& error) {
        return error.problem().message;
    }
    return "";
}

std::string read(const LogicalType& type, std::string bytes, const Options& options = {}) {
    const size_t size = bytes.size();
    bytes.append(kDecoderPadding, '\n');
    BatchBuilder out(columnOf(type), 1);
    const auto decoder = makeRawDecoder(columnOf(type), true, RawOptions::from(options));
    EXPECT_TRUE(decoder->decodeMessage({bytes.data(), size}, {"topic 't', partition 1", 0, 9}, out));
    return out.finish().column(0)->textAt(0);
}

std::string written(const LogicalType& type, const Value& value, const Options& options = {}) {
    BatchBuilder rows(columnOf(type), 1);
    rows.appendRow(std::vector<Value>{value});
    std::string out;
    Encoder::Messages messages;
    makeRawEncoder(columnOf(type), RawOptions::from(options))->encodeMessages(rows.finish(), out, messages);
    EXPECT_EQ(messages, (Encoder::Messages{{0, out.size()}}));
    return out;
}

TEST(Raw, NumbersInEitherOrder) {
    const Options little{{"raw.endianness", "little-endian"}};
    const std::vector<std::tuple<LogicalType, Value, std::string, std::string>> all = {
        {LogicalType::boolean(), Value::boolean(true), "\x01", "TRUE"},
        {LogicalType::of(TypeKind::TinyInt), Value::int64(-2), "\xFE", "-2"},
        {LogicalType::of(TypeKind::SmallInt), Value::int64(258), "\x01\x02", "258"},
        {LogicalType::integer(), Value::int64(-2), "\xFF\xFF\xFF\xFE", "-2"},
        {LogicalType::bigint(), Value::int64(258), std::string("\0\0\0\0\0\0\1\2", 8), "258"},
        {LogicalType::of(TypeKind::Float), Value::float64(1.5), std::string("\x3F\xC0\0\0", 4), "1.5"},
        {LogicalType::doublePrecision(), Value::float64(-2), std::string("\xC0\0\0\0\0\0\0\0", 8), "-2.0"},
    };
    for (const auto& [type, value, big, text] : all) {
        const std::string reversed(big.rbegin(), big.rend());
        EXPECT_EQ(written(type, value), big) << type.toString();
        EXPECT_EQ(written(type, value, little), reversed) << type.toString();
        EXPECT_EQ(read(type, big), text);
        EXPECT_EQ(read(type, reversed, little), text);
    }
    EXPECT_EQ(errorOf([] { read(LogicalType::integer(), "abc"); }),
              "topic 't', partition 1, offset 9: field 'v': a INT has 4 bytes, and the record has 3");
}

TEST(Raw, TextsInAnyCharacterSet) {
    const LogicalType text = LogicalType::string();
    EXPECT_EQ(read(text, "h\xC3\xA9"), "hé");
    EXPECT_EQ(read(text, "h\xE9", {{"raw.charset", "ISO-8859-1"}}), "hé");
    EXPECT_EQ(read(text, std::string("\0h\0\xE9", 4), {{"raw.charset", "UTF-16BE"}}), "hé");
    EXPECT_EQ(written(text, Value::string("hé"), {{"raw.charset", "ISO-8859-1"}}), "h\xE9");
    EXPECT_EQ(written(text, Value::string("h€"), {{"raw.charset", "ISO-8859-1"}}), "h?");
    EXPECT_EQ(written(text, Value::string("hé"), {{"raw.charset", "UTF-16LE"}}), std::string("h\0\xE9\0", 4));
    EXPECT_EQ(written(text, Value::null()), "");
    EXPECT_EQ(read(LogicalType::of(TypeKind::Varbinary), "\xFF"), "\xFF");
    EXPECT_EQ(errorOf([&] { read(text, "\xFF"); }),
              "topic 't', partition 1, offset 9: field 'v': the text is not UTF-8");
    EXPECT_EQ(errorOf([&] {
                  read(text, "x", {{"raw.charset", "KLINGON"}});
              }),
              "'raw.charset' has the value 'KLINGON', which is no character set that is known");
    EXPECT_EQ(errorOf([&] {
                  read(text, "x", {{"raw.endianness", "middle"}});
              }),
              "'raw.endianness' has the value 'middle', which is not one of: big-endian, little-endian");
}

TEST(Raw, LinesOfFiles) {
    std::string bytes = "one\r\n\ntwo\nthr";
    const size_t size = bytes.size();
    bytes.append(kDecoderPadding, 'x');
    const auto decoder = makeRawDecoder(columnOf(LogicalType::string()), true, RawOptions::from({}));
    BatchBuilder out(columnOf(LogicalType::string()), 4);
    const DecodeResult first = decoder->decode({bytes.data(), size}, false, 100, {"f", 1, 0}, out);
    EXPECT_EQ(first.bytes, 10U);
    EXPECT_EQ(first.lines, 3U);
    decoder->decode({bytes.data() + 10, size - 10}, true, 100, {"f", 4, 10}, out);
    const Batch rows = out.finish();
    ASSERT_EQ(rows.rows(), 4U);
    for (size_t row = 0; row < 4; ++row)
        EXPECT_EQ(rows.column(0)->textAt(row), (std::vector<std::string>{"one", "", "two", "thr"}[row]));
}

TEST(Raw, TablesOfOneColumn) {
    EXPECT_EQ(
        errorOf([] {
            makeRawDecoder(Schema({{"a", LogicalType::bigint()}, {"b", LogicalType::bigint()}}), true, {});
        }),
        "the raw format takes a table of one column, and this one has 2: (a BIGINT, b BIGINT)");
    EXPECT_EQ(errorOf([] { makeRawEncoder(columnOf(LogicalType::decimal(5, 2)), {}); }),
              "column 'v': the raw format does not read or write DECIMAL(5, 2)");
}

}  // namespace
}  // namespace millrace
