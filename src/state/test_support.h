// What the tests of keyed state share: tables of counts and their contents as a map.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/random.h"
#include "state/state_backend.h"

namespace millrace::testing {

inline constexpr uint32_t kMaxParallelism = 128;

inline KeyedStateDescriptor descriptorOf(std::vector<LogicalType> key, bool namespaced) {
    std::vector<Field> fields;
    for (size_t i = 0; i < key.size(); ++i)
        fields.push_back({fmt::format("k{}", i), key[i]});
    return {"counts", Schema(fields), Schema({{"count", LogicalType::bigint()}}), namespaced, {}};
}

// The table's rows of a batch of keys, counting each occurrence in the value field.
struct Probe {
    std::vector<ColumnPtr> keys;
    std::vector<uint64_t> hashes;
    std::vector<std::byte*> rows;
    std::vector<uint8_t> inserted;

    Probe(const KeyedTable& table, const std::vector<std::vector<Value>>& key_rows) {
        for (size_t field = 0; field < table.firstValueField(); ++field) {
            std::vector<Value> values;
            for (const auto& key : key_rows)
                values.push_back(key[field]);
            keys.push_back(Column::of(table.layout().types()[field], values));
        }
        hashColumns(keys, key_rows.size(), hashes);
    }
    void count(KeyedTable& table, int64_t name_space, std::span<const uint32_t> selection = {}) {
        table.findOrInsert(name_space, keys, hashes, selection, rows, &inserted);
        const size_t field = table.firstValueField();
        for (std::byte* row : rows) {
            RowLayout::setNull(row, field, false);
            ++RowLayout::at<int64_t>(row, table.layout().offset(field));
        }
    }
};

inline bool everyGroup(KeyGroup) { return true; }

using Model = std::map<std::pair<int64_t, std::vector<Value>>, int64_t>;

inline Model contents(KeyedTable& table) {
    Model model;
    const RowLayout& layout = table.layout();
    for (const int64_t name_space : table.namespaces()) {
        for (const std::byte* row : table.allRows(name_space)) {
            std::vector<Value> key;
            for (size_t field = 0; field < table.firstValueField(); ++field) {
                key.push_back(loadValue(layout, field, row));
            }
            const Value count = loadValue(layout, table.firstValueField(), row);
            EXPECT_TRUE(model.emplace(std::pair(name_space, key), count.asInt64()).second) << "a key twice";
        }
    }
    return model;
}

inline Value someText(Random& random, uint64_t distinct) {
    const uint64_t number = random.below(distinct);
    return Value::string(number % 3 == 0 ? fmt::format("k{}", number)
                                         : fmt::format("a rather long key that is not inline {}", number));
}

}  // namespace millrace::testing
