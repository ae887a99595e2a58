// What kernels may get wrong and the plain way does not: ends of blocks, of texts and of numbers.
#include <fmt/format.h>

#include "formats/json/json_test_support.h"

namespace millrace {
namespace {

using testing::Decoded;
using testing::decodeFields;
using testing::Options;

const Schema kTexts({{"s", LogicalType::string()}, {"n", LogicalType::integer()}});
const Options kLenient = {{"json.ignore-parse-errors", "true"}};

// Lines of one shape whose text has `special` at each of its places.
std::string textsWith(std::string_view special) {
    std::string lines;
    for (size_t size = 0; size <= 200; size += size < 70 ? 1 : 7) {
        for (size_t place = 0; place <= size; place += place + 5 < size && place > 3 ? size / 6 + 1 : 1) {
            std::string text(size, 'x');
            text.insert(place, special);
            lines += fmt::format("{{\"s\":\"{}\",\"n\":{}}}\n", text, size);
        }
    }
    return lines;
}

TEST(JsonKernels, TextsOfAnyLength) {
    // Some that are JSON, and some that are none.
    for (const char* special :
         {"", R"(\\)", R"(\")", R"(\\\")", R"(\n)", R"(\/)", R"(\\\\\\\\\\\\\\\\)", "é", "漢", R"(é\t\\)",
          R"(\u00e9)", R"(\ud83d\ude00)", "\t", R"(\q)", R"(\ud83d)", "\xFF", "\"", "\\"}) {
        SCOPED_TRACE(special);
        const std::string lines = textsWith(special);
        const Decoded whole = decodeFields(kTexts, {{0}, {1}}, lines, kLenient);
        EXPECT_GT(whole.rows.size() + whole.skipped, 500U);
        // What is passed over is checked as well.
        const Decoded passed_over = decodeFields(kTexts, {{1}}, lines, kLenient);
        EXPECT_EQ(passed_over.rows.size(), whole.rows.size());
        EXPECT_EQ(passed_over.skipped, whole.skipped);
    }
}

TEST(JsonKernels, NumbersOfAnyLength) {
    const Schema schema({{"a", LogicalType::bigint()},
                         {"b", LogicalType::doublePrecision()},
                         {"c", LogicalType::decimal(18, 4)},
                         {"d", LogicalType::integer()}});
    std::string lines;
    for (const char* sign : {"", "-"}) {
        std::string digits;
        for (int size = 0; size <= 20; ++size) {
            for (const char* end : {"", ".", ".5", ".25e3", ".123456789", "e2", ":", "/", "?", "x", "-"}) {
                const std::string number = fmt::format("{}{}{}", sign, digits, end);
                lines += fmt::format(R"({{"a":1,"b":{},"c":1,"d":1}})", number) + "\n";
                lines += fmt::format(R"({{"a":{},"b":1,"c":1,"d":0{}}})", number, digits) + "\n";
                lines += fmt::format(R"({{"a":1,"b":1,"c":{0},"d":{0}}})", number) + "\n";
            }
            digits += static_cast<char>('0' + (size + 1) % 10);
        }
    }
    const Decoded decoded = decodeFields(schema, wholeColumns(schema), lines, kLenient);
    EXPECT_GT(decoded.rows.size(), 300U);
    EXPECT_GT(decoded.skipped, 400U);
    decodeFields(schema, {{0}}, lines, kLenient);
    decodeFields(schema, {{3}}, lines, kLenient);
}

TEST(JsonKernels, TimesWithAnyByteChanged) {
    const Schema schema({{"t", LogicalType::timestamp(3)}, {"u", LogicalType::timestamp(0)}});
    std::string lines;
    for (const std::string good : {"2026-03-01 12:30:15.125", "2026-03-01 23:59:59", "2026-03-01 00:00:00.1",
                                   "1969-12-31 23:59:59.999999"}) {
        for (size_t place = 0; place < good.size(); ++place) {
            for (const char c :
                 {'0', '2', '3', '4', '5', '6', '9', '/', ':', ';', '?', ' ', '.', '-', 'p', '\xB0'}) {
                std::string text = good;
                text[place] = c;
                lines += fmt::format("{{\"t\":\"{0}\",\"u\":\"{0}\"}}\n", text);
            }
            lines += fmt::format("{{\"t\":\"{}\",\"u\":null}}\n", good.substr(0, place));
        }
    }
    const Decoded decoded = decodeFields(schema, wholeColumns(schema), lines, kLenient);
    EXPECT_GT(decoded.rows.size(), 1000U);
    EXPECT_GT(decoded.skipped, 30U);
}

// Literals of more than one step, a shape that ends in a text, and lines that end in CRLF.
TEST(JsonKernels, LongNamesAndKindsThatTakeTurns) {
    const std::string name(100, 'n');
    const Schema schema(
        {{name, LogicalType::integer()},
         {"x", LogicalType::row({{"y", LogicalType::integer()}, {"z", LogicalType::string()}})}});
    std::string lines;
    for (int i = 0; i < 300; ++i) {
        const std::string end = i % 5 == 0 ? "\r\n" : "\n";
        if (i % 3 == 0) lines += fmt::format(R"({{"{}":{},"x":null}})", name, i) + end;
        if (i % 7 != 0) lines += fmt::format(R"({{"x":{{"y":{0},"z":"{0}"}},"{1}":{0}}})", i, name) + end;
        if (i % 4 == 0) lines += fmt::format(R"({{ "{}" : {} , "x" : {{ "z" : "a\nb" }} }})", name, i) + end;
        if (i % 50 == 0) lines += end + fmt::format(R"({{"{}":{},"x":null}}x)", name, i) + end;
    }
    const Decoded decoded = decodeFields(schema, {{0}, {1, 0}, {1, 1}}, lines, kLenient);
    EXPECT_EQ(decoded.rows.size(), 100U + 257U + 75U);
    EXPECT_EQ(decoded.skipped, 6U);
    EXPECT_EQ(decoded.rows[2], "1|1|1");
}

}  // namespace
}  // namespace millrace
