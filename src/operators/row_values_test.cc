#include "operators/row_values.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace millrace {
namespace {

Value randomValue(const LogicalType& type, Random& random) {
    if (random.below(4) == 0) return Value::null();
    switch (type.kind()) {
        case TypeKind::Boolean:
            return Value::boolean(random.below(2) == 0);
        case TypeKind::Integer:
        case TypeKind::BigInt:
            return Value::int64(static_cast<int64_t>(random.below(3)) - 1);
        case TypeKind::Double:
            return Value::float64(static_cast<double>(random.below(3)) / 2);
        case TypeKind::Array:
            return Value::list({Value::int64(static_cast<int64_t>(random.below(3)))});
        default:
            return Value::string(std::string(random.below(20), 'a'));
    }
}

TEST(RowValues, GatherAndCompareTwoColumnsAsTheirValuesDo) {
    Random random(2);
    for (const char* const name : {"BOOLEAN", "INT", "BIGINT", "DOUBLE", "STRING", "ARRAY<INT>"}) {
        const LogicalType type = LogicalType::parse(name);
        for (int round = 0; round < 50; ++round) {
            const bool nulls = round % 2 == 0;
            std::vector<Value> values[2];
            for (auto& side : values) {
                while (side.size() < 20) {
                    Value value = randomValue(type, random);
                    if (nulls || !value.isNull()) side.push_back(std::move(value));
                }
            }
            const ColumnPtr first = Column::of(type, values[0]), second = Column::of(type, values[1]);
            Selection selection;
            for (int i = 0; i < 30; ++i)
                selection.push_back(static_cast<uint32_t>(random.below(40)));
            const ColumnPtr gathered = gatherOfTwo(first, second, selection);
            ASSERT_EQ(gathered->size(), selection.size());
            for (size_t i = 0; i < selection.size(); ++i)
                ASSERT_EQ(gathered->valueAt(i), values[selection[i] / 20][selection[i] % 20]) << name;

            std::vector<uint8_t> different(20, 0);
            different[7] = 1;
            markDifferent(*first, *second, different);
            for (size_t i = 0; i < 20; ++i)
                ASSERT_EQ(different[i] != 0, i == 7 || values[0][i] != values[1][i]) << name;
        }
    }
}

}  // namespace
}  // namespace millrace
