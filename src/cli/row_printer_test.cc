#include "cli/row_printer.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"

namespace millrace::cli {
namespace {

const Schema kSchema({{"name", LogicalType::string()}, {"total", LogicalType::decimal(8, 2)}});

Batch batchOf(const std::vector<std::tuple<RowKind, const char*, int64_t>>& rows) {
    BatchBuilder builder(kSchema);
    for (const auto& [kind, name, total] : rows) {
        const std::vector<Value> values = {name == nullptr ? Value::null() : Value::string(name),
                                           Value::int64(total)};
        builder.appendRow(values, kind);
    }
    return builder.finish();
}

std::string printed(const std::string& style, bool bounded, const std::vector<Batch>& batches) {
    char* text = nullptr;
    size_t size = 0;
    std::FILE* out = open_memstream(&text, &size);
    const auto printer = makeRowPrinter(style, kSchema, bounded, out);
    for (const Batch& batch : batches)
        printer->receive(batch);
    printer->finish();
    std::fclose(out);
    const std::string result(text, size);
    std::free(text);
    return result;
}

const std::vector<Batch> kUpdates = {
    batchOf({{RowKind::Insert, "ann", 1000}, {RowKind::Insert, nullptr, 5}}),
    batchOf({{RowKind::UpdateBefore, "ann", 1000}, {RowKind::UpdateAfter, "ann", 1225}})};

TEST(RowPrinter, ShowsWhatRemainsOfABoundedQuery) {
    EXPECT_EQ(printed("json", true, kUpdates),
              "{\"name\":null,\"total\":0.05}\n{\"name\":\"ann\",\"total\":12.25}\n");
    EXPECT_EQ(printed("table", true, kUpdates),
              "name | total\n-----+------\nNULL |  0.05\nann  | 12.25\n(2 rows)\n");
}

TEST(RowPrinter, ShowsEveryChange) {
    EXPECT_EQ(printed("changelog", true, kUpdates),
              "+I[ann, 10.00]\n+I[NULL, 0.05]\n-U[ann, 10.00]\n+U[ann, 12.25]\n");
}

TEST(RowPrinter, ShowsRowsOfAnUnboundedQueryAsTheyCome) {
    EXPECT_EQ(printed("json", false, kUpdates),
              "{\"name\":\"ann\",\"total\":10.00}\n{\"name\":null,\"total\":0.05}\n{\"name\":\"ann\","
              "\"total\":12.25}\n");
}

TEST(RowPrinter, CsvHasAHeaderEvenWithoutRows) { EXPECT_EQ(printed("csv", true, {}), "name,total\n"); }

TEST(RowPrinter, RefusesToTakeBackWhatIsNotThere) {
    EXPECT_THROW(printed("json", true, {batchOf({{RowKind::Delete, "bob", 1}})}), InternalError);
}

}  // namespace
}  // namespace millrace::cli
