#include "runtime/exchange_writer.h"

#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/random.h"

namespace millrace {
namespace {

constexpr uint32_t kMaxParallelism = 128;

// What a writer to `targets` put into each channel, as batches.
std::vector<std::vector<Batch>> deal(const Batch& batch, size_t targets) {
    const JobEdge edge{NodeId(1), Exchange::Hash, {1, 0}};
    Waker waker;
    std::vector<std::unique_ptr<Channel>> channels;
    std::vector<Channel*> ends;
    for (size_t target = 0; target < targets; ++target) {
        channels.push_back(std::make_unique<Channel>(waker, waker));
        ends.push_back(channels.back().get());
    }
    ExchangeWriter writer(edge, ends, kMaxParallelism);
    writer.write(batch);
    EXPECT_FALSE(writer.waiting());
    std::vector<std::vector<Batch>> dealt(targets);
    for (size_t target = 0; target < targets; ++target) {
        while (!channels[target]->empty())
            dealt[target].push_back(std::get<Batch>(channels[target]->pop()));
    }
    return dealt;
}

Batch someRows(size_t rows, uint64_t keys, Random& random) {
    BatchBuilder builder(Schema(
        {{"name", LogicalType::string()}, {"key", LogicalType::bigint()}, {"row", LogicalType::integer()}}));
    for (size_t row = 0; row < rows; ++row) {
        const auto key = static_cast<int64_t>(random.below(keys));
        const Value name = random.chance(0.1) ? Value::null() : Value::string(fmt::format("name {}", key));
        const std::vector<Value> values{name, Value::int64(key), Value::int64(static_cast<int64_t>(row))};
        builder.appendRow(values, random.chance(0.5) ? RowKind::Insert : RowKind::UpdateAfter);
    }
    return builder.finish();
}

TEST(ExchangeWriter, DealsEachRowToTheOwnerOfItsKeyGroupInOrder) {
    Random random(1);
    for (int run = 0; run < 100; ++run) {
        const auto targets = 2 + random.below(4);
        const Batch batch = someRows(1 + random.below(300), 1 + random.below(20), random);
        std::vector<uint64_t> hashes;
        const std::vector<ColumnPtr> keys{batch.column(1), batch.column(0)};
        hashColumns(keys, batch.rows(), hashes);
        std::vector<Selection> expected(targets);
        for (uint32_t row = 0; row < batch.rows(); ++row) {
            const KeyGroup group = keyGroupOf(hashes[row], kMaxParallelism);
            expected[ownerOf(group, kMaxParallelism, static_cast<uint32_t>(targets)).value()].push_back(row);
        }
        const auto dealt = deal(batch, targets);
        for (size_t target = 0; target < targets; ++target) {
            ASSERT_EQ(dealt[target].size(), expected[target].empty() ? 0U : 1U);
            if (dealt[target].empty()) continue;
            const Batch& part = dealt[target].front();
            ASSERT_EQ(part.rows(), expected[target].size());
            for (size_t i = 0; i < part.rows(); ++i) {
                const uint32_t row = expected[target][i];
                ASSERT_EQ(part.column(2)->data<int32_t>()[i], static_cast<int32_t>(row));
                ASSERT_EQ(part.kind(i), batch.kind(row));
                ASSERT_EQ(part.column(0)->textAt(i), batch.column(0)->textAt(row));
            }
        }
    }
}

TEST(ExchangeWriter, SendsTheHashesOfTheKeysAlong) {
    Random random(2);
    const Batch batch = someRows(500, 30, random);
    for (const Batch& source : {batch, someRows(10, 1, random)}) {
        for (const auto& parts : deal(source, 2)) {
            for (const Batch& part : parts) {
                std::vector<uint64_t> hashes;
                const std::vector<ColumnPtr> keys{part.column(1), part.column(0)};
                hashColumns(keys, part.rows(), hashes);
                const size_t by[] = {1, 0};
                const size_t otherwise[] = {0, 1};
                ASSERT_NE(part.hashesOf(by), nullptr);
                EXPECT_EQ(std::vector(part.hashesOf(by), part.hashesOf(by) + part.rows()), hashes);
                EXPECT_EQ(part.hashesOf(otherwise), nullptr) << "the hash of a key depends on the order";
                EXPECT_EQ(part.withColumns(part.columns()).hashesOf(by), nullptr);
            }
        }
    }
}

}  // namespace
}  // namespace millrace
