#include "operators/batch_groups.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/random.h"

namespace millrace {
namespace {

Value someKey(Random& random, const LogicalType& type, uint64_t distinct) {
    if (random.chance(0.1)) return Value::null();
    const auto number = static_cast<int64_t>(random.below(distinct));
    switch (type.physical()) {
        case PhysicalType::String:
            return Value::string(
                fmt::format("{}{}", number % 2 == 0 ? "" : "too long to be inline: ", number));
        case PhysicalType::Float64:
            return Value::float64(number == 0 ? NAN : number == 1 ? -0.0 : number == 2 ? 0.0 : 0.5);
        case PhysicalType::List:
            return Value::list(Value::List(static_cast<size_t>(number % 3), Value::int64(number)));
        default:
            return Value::int64(number);
    }
}

// By a map from the key's text. -0.0 and 0.0 are one key.
void expectGroups(BatchGroups& groups, const std::vector<ColumnPtr>& keys, size_t rows) {
    std::map<std::string, uint32_t> model;
    Selection first;
    for (uint32_t row = 0; row < rows; ++row) {
        std::string key;
        for (const ColumnPtr& column : keys) {
            const std::string text = column->textAt(row);
            key += (text == "-0.0" ? "0.0" : text) + "|" + (column->isNull(row) ? "N" : "") + "|";
        }
        const auto [found, fresh] = model.emplace(key, static_cast<uint32_t>(model.size()));
        if (fresh) first.push_back(row);
        ASSERT_EQ(groups.of(row), found->second) << key;
    }
    EXPECT_EQ(groups.firstRows(), first);
    EXPECT_EQ(groups.size(), first.size());
    groups.sortRows();
    size_t sorted = 0;
    for (size_t group = 0; group < groups.size(); ++group) {
        const std::span<const uint32_t> of_group = groups.rowsOf(group);
        EXPECT_TRUE(std::is_sorted(of_group.begin(), of_group.end()));
        for (const uint32_t row : of_group)
            EXPECT_EQ(groups.of(row), group);
        sorted += of_group.size();
    }
    EXPECT_EQ(sorted, rows);
}

TEST(BatchGroups, AreRowsOfEqualKeysInTheOrderOfTheFirst) {
    const std::vector<LogicalType> types{LogicalType::bigint(), LogicalType::string(), LogicalType::integer(),
                                         LogicalType::doublePrecision(),
                                         LogicalType::array(LogicalType::integer())};
    Random random(1);
    BatchGroups groups;
    for (int run = 0; run < 200; ++run) {
        const size_t rows = random.below(300);
        std::vector<ColumnPtr> keys;
        for (size_t k = 0; k < 1 + random.below(2); ++k) {
            const LogicalType& type = types[random.below(types.size())];
            std::vector<Value> values;
            for (size_t i = 0; i < rows; ++i)
                values.push_back(someKey(random, type, 1 + random.below(30)));
            if (rows > 0 && random.chance(0.3)) values.assign(rows, values.front());
            keys.push_back(Column::of(type, values));
        }
        std::vector<uint64_t> hashes;
        hashColumns(keys, rows, hashes);
        groups.find(keys, hashes);
        expectGroups(groups, keys, rows);
        for (uint64_t& hash : hashes)
            hash &= 3;  // keys that share a hash
        groups.find(keys, hashes);
        expectGroups(groups, keys, rows);
        if (HasFatalFailure()) return;
    }
}

TEST(BatchGroups, WithoutKeysAllRowsAreOne) {
    BatchGroups groups;
    const std::vector<uint64_t> hashes(5, 0);
    groups.find({}, hashes);
    EXPECT_EQ(groups.firstRows(), Selection{0});
    EXPECT_EQ(groups.of(4), 0U);
}

}  // namespace
}  // namespace millrace
