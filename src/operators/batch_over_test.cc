// Window functions over whole partitions against a scalar twin, over rows that come and go.
#include "operators/batch_over.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "operators/test_harness.h"

namespace millrace {
namespace {

using testing::batchOf;
using testing::OperatorHarness;
using testing::TestRow;
using Row = std::vector<Value>;
using Kind = BatchOverTerm::Kind;

const Schema kBatchOverInput({{"k", LogicalType::integer()},
                              {"o", LogicalType::bigint()},
                              {"v", LogicalType::bigint()}});

struct BoundsOfFrame {
    bool rows = false;
    std::optional<int64_t> from;
    std::optional<int64_t> to;
};

std::shared_ptr<const Operator> batchOver(const BoundsOfFrame& frame, bool descending) {
    BatchOverParameters p;
    p.input = kBatchOverInput;
    p.partition = {0};
    p.order = {{1, descending, !descending}};
    p.rows = frame.rows;
    p.from = frame.from;
    p.to = frame.to;
    p.input_retracts = true;
    std::vector<Field> fields = kBatchOverInput.fields();
    const auto add = [&](BatchOverTerm term, const LogicalType& type) {
        fields.push_back({fmt::format("r{}", p.terms.size()), type});
        p.terms.push_back(std::move(term));
    };
    for (const char* function : {"COUNT", "SUM", "MIN"}) {
        const ArgumentInfo info{LogicalType::bigint(), std::nullopt};
        BatchOverTerm term;
        term.aggregate = {findAggregateFunction(function)->bind({&info, 1}, false, frame.from.has_value()),
                          {2},
                          std::nullopt,
                          function,
                          function};
        add(term, term.aggregate.function->resultType());
    }
    for (const Kind kind :
         {Kind::Rank, Kind::DenseRank, Kind::Ntile, Kind::FirstOfFrame, Kind::LastOfFrame}) {
        BatchOverTerm term;
        term.kind = kind;
        term.arguments = {2};
        term.offset = 3;
        add(term, LogicalType::bigint());
    }
    for (const int64_t offset : {-2, 1}) {
        for (const bool ignores_nulls : {false, true}) {
            BatchOverTerm term;
            term.kind = Kind::Shift;
            term.arguments = {2};
            term.offset = offset;
            term.ignores_nulls = ignores_nulls;
            add(term, LogicalType::bigint());
        }
    }
    p.output = Schema(std::move(fields));
    return std::make_shared<BatchOver>(std::move(p));
}

std::string textOf(const Value& value) { return value.isNull() ? "NULL" : std::to_string(value.asInt64()); }

// Every row with its results, as the definitions have them.
std::vector<std::string> twin(std::vector<Row> rows, const BoundsOfFrame& frame, bool descending) {
    std::stable_sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) {
        if (a[0] != b[0]) return a[0] < b[0];
        if (a[1].isNull() || b[1].isNull()) {
            if (a[1].isNull() == b[1].isNull()) return false;
            return a[1].isNull() != descending;  // NULL is the least
        }
        return descending ? b[1] < a[1] : a[1] < b[1];
    });
    std::vector<std::string> result;
    for (size_t begin = 0; begin < rows.size();) {
        size_t end = begin;
        while (end < rows.size() && rows[end][0] == rows[begin][0])
            ++end;
        const auto size = static_cast<int64_t>(end - begin);
        const auto at = [&](int64_t i) -> const Row& { return rows[begin + static_cast<size_t>(i)]; };
        for (int64_t i = 0; i < size; ++i) {
            int64_t count = 0, sum = 0, rank = 1, dense = 1;
            Value least, first, last;
            bool any = false;
            for (int64_t n = 0; n < size; ++n) {
                if (n < i && at(n)[1] != at(i)[1]) ++rank;
                if (n > 0 && n <= i && at(n)[1] != at(n - 1)[1]) ++dense;
                bool within = true;
                const auto reached = [&](const std::optional<int64_t>& bound, bool from) {
                    if (!bound) return true;
                    int64_t distance = n - i;
                    if (!frame.rows) {
                        const bool null = at(i)[1].isNull(), other_null = at(n)[1].isNull();
                        if (null || other_null) {
                            if (null && other_null) return true;
                            return from ? n > i : n < i;
                        }
                        distance = at(n)[1].asInt64() - at(i)[1].asInt64();
                        if (descending) distance = -distance;
                    }
                    return from ? distance >= *bound : distance <= *bound;
                };
                within = reached(frame.from, true) && reached(frame.to, false);
                if (!within) continue;
                const Value& v = at(n)[2];
                if (!any) first = v;
                any = true;
                last = v;
                if (v.isNull()) continue;
                ++count;
                sum += v.asInt64();
                if (least.isNull() || v < least) least = v;
            }
            const auto shifted = [&](int64_t offset, bool ignores_nulls) {
                const int64_t direction = offset < 0 ? -1 : 1;
                int64_t left = std::abs(offset);
                for (int64_t n = i + direction; n >= 0 && n < size; n += direction) {
                    if (ignores_nulls && at(n)[2].isNull()) continue;
                    if (--left == 0) return at(n)[2];
                }
                return Value::null();
            };
            int64_t bucket = 0;
            for (int64_t n = 0, filled = 0; n <= i; ++n, --filled) {
                if (filled == 0) filled = size / 3 + (bucket++ < size % 3 ? 1 : 0);
            }
            std::string line = "(" + textOf(at(i)[0]) + ", " + textOf(at(i)[1]) + ", " + textOf(at(i)[2]);
            for (const Value& value :
                 {Value::int64(count), count > 0 ? Value::int64(sum) : Value::null(), least,
                  Value::int64(rank), Value::int64(dense), Value::int64(bucket), first, last,
                  shifted(-2, false), shifted(-2, true), shifted(1, false), shifted(1, true)})
                line += ", " + textOf(value);
            result.push_back(line + ")");
        }
        begin = end;
    }
    std::sort(result.begin(), result.end());
    return result;
}

TEST(BatchOver, FramesAndFunctionsOverRandomRows) {
    std::mt19937 random(3);
    const auto pick = [&](int below) { return static_cast<int>(random() % static_cast<unsigned>(below)); };
    for (int round = 0; round < 120; ++round) {
        BoundsOfFrame frame;
        frame.rows = pick(2) == 0;
        if (pick(3) != 0) frame.from = pick(7) - 3;
        if (pick(3) != 0) frame.to = std::max<int64_t>(frame.from.value_or(-3), pick(7) - 3);
        const bool descending = pick(2) == 0;
        const std::shared_ptr<const Operator> op = batchOver(frame, descending);
        auto harness = std::make_unique<OperatorHarness>(op, std::vector<size_t>{0}, 2);
        std::vector<Row> all;
        for (int batch = 0; batch < 5; ++batch) {
            std::vector<TestRow> rows;
            for (int i = 0; i < 12; ++i) {
                if (!all.empty() && pick(4) == 0) {
                    const auto gone = all.begin() + pick(static_cast<int>(all.size()));
                    rows.push_back({*gone, RowKind::Delete});
                    // Of equal rows the first one goes.
                    all.erase(std::find(all.begin(), all.end(), *gone));
                    continue;
                }
                Row row = {Value::int64(pick(3)), pick(6) == 0 ? Value::null() : Value::int64(pick(8)),
                           pick(4) == 0 ? Value::null() : Value::int64(pick(50))};
                all.push_back(row);
                rows.push_back({row, RowKind::Insert});
            }
            harness->process(batchOf(kBatchOverInput, rows));
            harness->watermark(batch);
            ASSERT_TRUE(harness->output.watermarks.empty()) << "rows are still to come";
            if (pick(2) == 0) {
                harness = std::make_unique<OperatorHarness>(
                    op, std::vector<size_t>{0}, 1 + static_cast<uint32_t>(pick(3)), harness->snapshot());
            }
        }
        harness->end();
        std::vector<std::string> got;
        for (const std::string& change : harness->changes()) {
            ASSERT_EQ(change.substr(0, 2), "+I");
            got.push_back(change.substr(2));
        }
        std::sort(got.begin(), got.end());
        ASSERT_EQ(got, twin(all, frame, descending)) << "round " << round;
        harness->end();
        ASSERT_EQ(harness->changes().size(), got.size()) << "rows come twice";
    }
}

}  // namespace
}  // namespace millrace
