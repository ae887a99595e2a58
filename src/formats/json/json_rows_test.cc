// Fields of ROWs that are decoded without the ROW.
#include "base/random.h"
#include "formats/json/json_test_support.h"

namespace millrace {
namespace {

using testing::Decoded;
using testing::decodeFields;
using testing::Options;

const Schema kEvents({{"kind", LogicalType::integer()},
                      {"bid",
                       LogicalType::row({{"price", LogicalType::bigint()},
                                         {"text", LogicalType::string()},
                                         {"at", LogicalType::row({{"x", LogicalType::integer()},
                                                                  {"y", LogicalType::doublePrecision()}})},
                                         {"tags", LogicalType::array(LogicalType::string())}})},
                      {"last", LogicalType::string()}});

TEST(Json, FieldsOfRowsAlone) {
    const std::vector<ColumnPath> paths{{0}, {1, 0}, {1, 2, 1}, {1, 1}};
    const Decoded decoded =
        decodeFields(kEvents, paths,
                     R"({"kind":1,"bid":{"price":5,"text":"a\\b","at":{"x":1,"y":0.5}},"last":"z"}
{"kind":2,"bid":null,"last":"z"}
{"kind":3,"bid":{"price":6,"text":"long enough to be \"kept\"\n elsewhere","at":{"x":1,"y":1.5}},"last":"\u00e9"}
{"kind":4,"bid":{"at":null,"price":7}}
{"kind":5,"bid":{"price":1,"at":{"x":1}},"bid":{"text":"the last one"}}
{"kind":6}
{"kind":7,"bid":{"price":8,"text":"\u00e9","at":{"x":1,"y":2.5}},"last":"z"})");
    EXPECT_EQ(decoded.error, "");
    EXPECT_EQ(decoded.rows, (std::vector<std::string>{
                                "1|5|0.5|a\\b",
                                "2|NULL|NULL|NULL",
                                "3|6|1.5|long enough to be \"kept\"\n elsewhere",
                                "4|7|NULL|NULL",
                                "5|NULL|NULL|the last one",
                                "6|NULL|NULL|NULL",
                                "7|8|2.5|\u00e9",
                            }));
}

TEST(Json, WhatIsWrongInAFieldOfARowSaysWhere) {
    const std::vector<ColumnPath> paths{{1, 0}, {1, 2, 0}};
    EXPECT_NE(decodeFields(kEvents, paths, R"({"bid":{"price":"x"}})").error.find("field 'bid.price'"),
              std::string::npos);
    EXPECT_NE(decodeFields(kEvents, paths, R"({"bid":{"at":{"x":[]}}})").error.find("field 'bid.at.x'"),
              std::string::npos);
    EXPECT_NE(decodeFields(kEvents, paths, R"({"bid":17})").error.find("field 'bid'"), std::string::npos);
    const Options strict = {{"json.fail-on-missing-field", "true"}};
    EXPECT_NE(decodeFields(kEvents, paths, R"({"bid":{"price":1,"at":{}}})", strict).error.find("'bid.at.x'"),
              std::string::npos);
    EXPECT_EQ(decodeFields(kEvents, paths, R"({"bid":null})", strict).rows,
              std::vector<std::string>{"NULL|NULL"});
    const Schema needed(
        {{"r", LogicalType::row({{"n", LogicalType::bigint().withNullable(false)}}).withNullable(false)}});
    EXPECT_NE(decodeFields(needed, {{0, 0}}, R"({"r":{}})").error.find("'r.n'"), std::string::npos);
    EXPECT_NE(decodeFields(needed, {{0, 0}}, R"({"r":null})").error.find("'r'"), std::string::npos);
}

std::string someMember(Random& random, int depth) {
    static const std::vector<std::string> names{"kind", "bid",  "last", "price", "text",
                                                "at",   "tags", "x",    "y",     "other"};
    static const std::vector<std::string> values{"1",
                                                 "-7",
                                                 "2.5",
                                                 "null",
                                                 "\"a\"",
                                                 "\"12\"",
                                                 "true",
                                                 "[]",
                                                 "{}",
                                                 "[\"t\",null]",
                                                 "\"\\\\ and \\u00e9\"",
                                                 "\"unclosed"};
    std::string text = "\"" + names[random.below(names.size())] + "\":";
    if (depth < 4 && random.chance(0.45)) {
        text += "{";
        for (uint64_t left = random.below(5); left > 0; --left)
            text += someMember(random, depth + 1) + (left > 1 ? "," : "");
        return text + "}";
    }
    return text + values[random.below(values.size() - (random.chance(0.97) ? 1 : 0))];
}

// The rows of `whole`, which were decoded with their ROWs, by paths.
std::string partsOf(const Batch& whole, size_t row, const std::vector<ColumnPath>& paths) {
    std::string out;
    for (const ColumnPath& path : paths) {
        Value value = whole.column(path[0])->valueAt(row);
        for (size_t i = 1; i < path.size() && !value.isNull(); ++i) {
            const Value inner = value.asList()[path[i]];
            value = inner;
        }
        out += (out.empty() ? "" : "|") + value.toString(fieldAt(kEvents, path).type);
    }
    return out;
}

TEST(Json, FieldsOfRowsAreThoseOfTheWhole) {
    const Options lenient = {{"json.ignore-parse-errors", "true"}};
    const std::vector<std::vector<ColumnPath>> projections{
        {{0}, {1, 0}, {1, 1}}, {{1, 2, 0}, {1, 3}, {2}}, {{1, 2}, {1, 2, 1}, {1, 0}}, {{1}, {1, 2, 1}}};
    Random random(11);
    size_t rows = 0, skipped = 0;
    for (int run = 0; run < 300; ++run) {
        std::string text;
        for (int line = 0; line < 20; ++line) {
            std::string record = "{";
            for (uint64_t left = random.below(5); left > 0; --left)
                record += someMember(random, 1) + (left > 1 ? "," : "");
            text += record + "}\n";
            if (random.chance(0.6)) text += record + "}\n";  // the same shape again
        }
        const size_t size = text.size();
        std::string padded = text + std::string(kDecoderPadding, ' ');
        BatchBuilder builder(kEvents);
        makeJsonDecoder(kEvents, wholeColumns(kEvents), JsonOptions::from(lenient), nullptr)
            ->decode({padded.data(), size}, true, SIZE_MAX, {"f", 1, 0}, builder);
        const Batch whole = builder.finish();
        for (const std::vector<ColumnPath>& paths : projections) {
            const Decoded decoded = decodeFields(kEvents, paths, text, lenient);
            ASSERT_EQ(decoded.rows.size(), whole.rows()) << text;
            for (size_t row = 0; row < whole.rows(); ++row)
                ASSERT_EQ(decoded.rows[row], partsOf(whole, row, paths)) << text;
            rows += whole.rows();
            skipped += decoded.skipped;
        }
    }
    EXPECT_GT(rows, 10'000U);
    EXPECT_GT(skipped, 300U);
}

}  // namespace
}  // namespace millrace
