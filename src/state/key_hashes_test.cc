#include <gtest/gtest.h>

#include "base/hash.h"
#include "state/state_backend.h"

namespace millrace {
namespace {

KeyedStateDescriptor listState() {
    KeyedStateDescriptor descriptor;
    descriptor.name = "rows";
    descriptor.key = Schema({{"k", LogicalType::string()}, {"number", LogicalType::bigint()}});
    descriptor.value = Schema({{"v", LogicalType::bigint()}});
    descriptor.routing_fields = 1;
    return descriptor;
}

std::vector<ColumnPtr> keysOf(int64_t first, int64_t count) {
    std::vector<Value> keys, numbers;
    for (int64_t i = first; i < first + count; ++i) {
        keys.push_back(Value::string("key " + std::to_string(i % 7)));
        numbers.push_back(Value::int64(i));
    }
    return {Column::of(LogicalType::string(), keys), Column::of(LogicalType::bigint(), numbers)};
}

TEST(KeyHashes, RoutingFieldsAloneDecideTheKeyGroup) {
    const KeyedStateDescriptor descriptor = listState();
    const std::vector<ColumnPtr> keys = keysOf(0, 200);
    std::vector<uint64_t> hashes, route, number;
    hashColumns(std::span(keys).subspan(0, 1), 200, route);
    hashColumns(std::span(keys).subspan(1), 200, number);
    for (const uint32_t max_parallelism : {1U, 7U, 128U, 1000U, 32768U}) {
        hashKeys(descriptor, keys, 200, max_parallelism, hashes);
        for (size_t i = 0; i < 200; ++i) {
            EXPECT_EQ(keyGroupOf(hashes[i], max_parallelism), keyGroupOf(route[i], max_parallelism));
            EXPECT_EQ(hashes[i], hashWithin(route[i], number[i], max_parallelism));
            if (i < 7) continue;
            EXPECT_NE(hashes[i], hashes[i - 7]);  // another row of the same route
        }
    }
}

// Every row is found by the subtask that owns its partition, whoever wrote it.
TEST(KeyHashes, RowsOfAPartitionStayTogetherAcrossParallelisms) {
    const auto backend = [](uint32_t subtask, uint32_t parallelism,
                            std::vector<std::shared_ptr<const OperatorSnapshot>> restored) {
        StateBackendParameters parameters;
        parameters.subtask = SlotIndex(subtask);
        parameters.parallelism = parallelism;
        parameters.restored = std::move(restored);
        return makeHashMapStateBackend(parameters);
    };
    const std::vector<ColumnPtr> keys = keysOf(0, 500);
    std::vector<uint64_t> hashes;
    hashKeys(listState(), keys, 500, 128, hashes);
    const auto written = backend(0, 1, {});
    std::vector<std::byte*> rows;
    written->table(listState()).findOrInsert(0, keys, hashes, {}, rows);
    const auto snapshot = std::make_shared<const OperatorSnapshot>(written->capture());

    std::vector<uint64_t> partition;
    hashColumns(std::span(keys).subspan(0, 1), 500, partition);
    for (uint32_t subtask = 0; subtask < 3; ++subtask) {
        const auto restored = backend(subtask, 3, {snapshot});
        restored->table(listState()).find(0, keys, hashes, {}, rows);
        for (size_t i = 0; i < 500; ++i) {
            const bool owned = ownerOf(keyGroupOf(partition[i], 128), 128, 3) == SlotIndex(subtask);
            EXPECT_EQ(rows[i] != nullptr, owned);
        }
    }
}

}  // namespace
}  // namespace millrace
