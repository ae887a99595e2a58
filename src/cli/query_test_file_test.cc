#include "cli/query_test_file.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace millrace::cli {
namespace {

using Kind = QueryTestBlock::Kind;
using Comparison = QueryTestBlock::Comparison;

TEST(QueryTestFile, HoldsBlocksOfFourKinds) {
    const auto blocks = parseQueryTest(
        "# orders\n\nfile o.json\n{\"id\": 1}\n\nstatement\nCREATE TABLE o (\n  id INT);\n\n"
        "query changelog\nSELECT id FROM o;\n----\n+I 1\n\nerror sql.unknown-column\nSELECT x FROM "
        "o;\n----\nunknown\n",
        "o.test");
    ASSERT_EQ(blocks.size(), 4u);
    EXPECT_EQ(blocks[0].kind, Kind::File);
    EXPECT_EQ(blocks[0].name, "o.json");
    EXPECT_EQ(blocks[0].text, "{\"id\": 1}\n");
    EXPECT_EQ(blocks[1].text, "CREATE TABLE o (\n  id INT);\n");
    EXPECT_EQ(blocks[2].comparison, Comparison::Changelog);
    EXPECT_EQ(blocks[2].expected, std::vector<std::string>{"+I 1"});
    EXPECT_EQ(blocks[2].line, 10);
    EXPECT_EQ(blocks[3].name, "sql.unknown-column");
}

TEST(QueryTestFile, NamesFileAndLineOfWhatItCannotRead) {
    for (const char* text :
         {"\nqueries\nSELECT 1;\n", "\nquery\nSELECT 1;\n", "\nstatement\nSELECT 1;\n----\n1\n",
          "\nquery sometimes\nSELECT 1;\n----\n1\n", "\nfile ../etc\nx\n", "\nstatement\n\n"}) {
        try {
            parseQueryTest(text, "bad.test");
            FAIL() << text;
        } catch (const UserError& error) {
            EXPECT_EQ(error.code(), "test.syntax");
            EXPECT_NE(std::string(error.what()).find("bad.test:2:"), std::string::npos) << error.what();
        }
    }
}

TEST(FirstPartMissing, TakesPartsInTheirOrder) {
    const std::string text = "Sink(t)\n   rows in 3, time 1 ms\n+- Calc(a)\n      rows in 5, time 2 ms\n";
    EXPECT_EQ(firstPartMissing({"Sink", "rows in 3", "Calc", "rows in 5"}, text), std::nullopt);
    EXPECT_EQ(firstPartMissing({"Calc", "rows in 3"}, text), "rows in 3");
    EXPECT_EQ(firstPartMissing({"rows in 3, time", "time 1"}, text), "time 1");
    EXPECT_EQ(firstPartMissing({"Scan"}, ""), "Scan");
    const auto blocks = parseQueryTest("query containing\nEXPLAIN SELECT 1;\n----\nSink\n", "t");
    EXPECT_EQ(blocks[0].comparison, Comparison::Containing);
}

TEST(QueryTestFile, AnEmptyResultIsAnExpectation) {
    const auto blocks = parseQueryTest("query\nSELECT 1 WHERE FALSE;\n----\n", "t");
    ASSERT_EQ(blocks.size(), 1u);
    EXPECT_TRUE(blocks[0].expected.empty());
}

TEST(FoldChangelog, LeavesWhatWasNotTakenBack) {
    EXPECT_EQ(foldChangelog({"+I a|1", "+I b|1", "-U a|1", "+U a|2", "-D b|1"}),
              std::vector<std::string>{"a|2"});
    EXPECT_EQ(foldChangelog({"+I a", "+I a", "-D a"}), std::vector<std::string>{"a"});
    EXPECT_THROW(foldChangelog({"+I a|1", "-U a|2"}), UserError);
}

TEST(CompareRows, ShowsMissingAndSurplusRows) {
    EXPECT_EQ(compareRows({"a", "b"}, {"b", "a"}, false), "");
    EXPECT_NE(compareRows({"a", "b"}, {"b", "a"}, true), "");
    EXPECT_EQ(compareRows({"a", "b"}, {"a", "c"}, false), "  - b\n  + c\n");
    EXPECT_EQ(compareRows({"a", "a"}, {"a"}, false), "  - a\n");
}

}  // namespace
}  // namespace millrace::cli
