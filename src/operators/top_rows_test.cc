// The first rows of partitions against a model that sorts them all, with keys of one, two and three words and
// longer ones.
#include "operators/top_rows.h"

#include <gtest/gtest.h>

#include <map>

#include "base/random.h"

namespace millrace {
namespace {

constexpr uint32_t kPartitions = 7;

ColumnPtr someValues(const LogicalType& type, size_t rows, Random& random) {
    std::vector<Value> values;
    for (size_t i = 0; i < rows; ++i) {
        const auto number = static_cast<int64_t>(random.below(600)) - 300;
        if (random.chance(0.1)) {
            values.push_back(Value::null());
        } else if (type.physical() == PhysicalType::String) {
            values.push_back(Value::string("a text as long as a prefix: " + std::to_string(number)));
        } else {
            values.push_back(Value::int64(number));
        }
    }
    return Column::of(type, values);
}

void expectTheFirst(size_t rows_max, const std::vector<LogicalType>& types, uint64_t seed) {
    Random random(seed);
    std::vector<SortOrder> order;
    for (size_t i = 0; i < types.size(); ++i)
        order.push_back({i, i % 2 == 0, false});
    TopRows top(rows_max, types);
    top.growTo(kPartitions);
    using Model = std::vector<std::pair<SortKey, int64_t>>;  // keys and numbers, in order
    std::map<uint32_t, Model> models;
    int64_t number = 0;
    for (int batch = 0; batch < 30; ++batch) {
        const size_t rows = random.below(120);
        std::vector<ColumnPtr> columns;
        columns.reserve(types.size());
        for (const LogicalType& type : types)
            columns.push_back(someValues(type, rows, random));
        SortKeys keys;
        keys.encode(columns, order, rows);
        for (size_t row = 0; row < rows; ++row, ++number) {
            const auto partition = static_cast<uint32_t>(random.below(kPartitions));
            const TopRows::Key key{keys, row};
            Model& model = models[partition];
            const SortKey own(keys, row);
            const auto place =
                std::upper_bound(model.begin(), model.end(), own,
                                 [](const auto& k, const auto& held) { return k < held.first; });
            const bool has_place = model.size() < rows_max || place != model.end();
            ASSERT_EQ(top.hasPlace(partition, key), has_place);
            ASSERT_EQ(top.full(partition), model.size() == rows_max);
            if (!has_place) continue;
            model.insert(place, {own, number});
            if (model.size() > rows_max) model.pop_back();
            top.insert(partition, key, number);
        }
        for (uint32_t partition = 0; partition < kPartitions; ++partition) {
            Model& model = models[partition];
            if (random.chance(0.1)) {
                std::vector<uint8_t> keep;
                Model left;
                const double share = random.chance(0.3) ? 0 : 0.7;
                for (const auto& held : model) {
                    keep.push_back(random.chance(share));
                    if (keep.back() != 0) left.push_back(held);
                }
                top.retain(partition, keep);
                model = std::move(left);
            }
            std::vector<int64_t> numbers;
            for (const auto& held : model)
                numbers.push_back(held.second);
            const std::span<const int64_t> held = top.numbers(partition);
            ASSERT_EQ(std::vector<int64_t>(held.begin(), held.end()), numbers);
        }
    }
}

TEST(TopRows, AreTheFirstInOrder) {
    const LogicalType integer = LogicalType::integer(), bigint = LogicalType::bigint();
    for (const size_t rows_max : {1, 3, 10, 64, 150}) {
        SCOPED_TRACE(rows_max);
        uint64_t seed = 1;
        expectTheFirst(rows_max, {}, seed++);
        expectTheFirst(rows_max, {integer}, seed++);
        expectTheFirst(rows_max, {bigint}, seed++);
        expectTheFirst(rows_max, {bigint, bigint}, seed++);
        expectTheFirst(rows_max, {bigint, bigint, bigint}, seed++);
        expectTheFirst(rows_max, {LogicalType::string()}, seed++);
    }
}

TEST(TopRows, RememberAMarkOfEachPartition) {
    TopRows top(10, {});
    top.growTo(2);
    EXPECT_EQ(top.mark(1), 0U);
    top.mark(1) = 17;
    top.growTo(1000);
    EXPECT_EQ(top.mark(1), 17U);
    EXPECT_EQ(top.mark(999), 0U);
}

}  // namespace
}  // namespace millrace
