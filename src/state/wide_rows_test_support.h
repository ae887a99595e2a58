// What the tests of logs and records share: rows of all types, with NULLs, and backends that are restored.
#pragma once

#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "base/random.h"
#include "state/state_backend.h"

namespace millrace::testing {

// More fields than fit the bits of a row's header, so that nulls lie in both places.
inline Schema wideSchema() {
    std::vector<Field> fields{{"flag", LogicalType::boolean()},
                              {"text", LogicalType::string()},
                              {"amount", LogicalType::decimal(30, 2)},
                              {"list", LogicalType::array(LogicalType::integer())}};
    for (int i = 0; i < 16; ++i)
        fields.push_back(
            {fmt::format("f{}", i), i % 2 == 0 ? LogicalType::integer() : LogicalType::doublePrecision()});
    fields.push_back({"last", LogicalType::string()});
    return Schema(std::move(fields));
}

inline std::vector<size_t> allFields(const Schema& schema) {
    std::vector<size_t> fields(schema.size());
    std::iota(fields.begin(), fields.end(), size_t{0});
    return fields;
}

inline Value someValue(Random& random, const LogicalType& type) {
    constexpr uint64_t kLongText = 4000;
    const auto number = static_cast<int64_t>(random.below(1000));
    switch (type.physical()) {
        case PhysicalType::Bool:
            return Value::boolean(number % 2 == 0);
        case PhysicalType::Float64:
            return Value::float64(static_cast<double>(number) / 4);
        case PhysicalType::Int128:
            return Value::int128(Int128(number) << 70);
        case PhysicalType::String:
            return Value::string(std::string(random.below(random.chance(0.03) ? kLongText : 30), 'x') +
                                 std::to_string(number));
        case PhysicalType::List:
            return Value::list(Value::List(random.below(4), Value::int64(number)));
        default:
            return Value::int64(number);
    }
}

inline std::vector<ColumnPtr> someColumns(Random& random, const Schema& schema, size_t rows) {
    std::vector<ColumnPtr> columns;
    for (const Field& field : schema) {
        std::vector<Value> values;
        for (size_t i = 0; i < rows; ++i)
            values.push_back(random.chance(0.2) ? Value::null() : someValue(random, field.type));
        columns.push_back(Column::of(field.type, values));
    }
    return columns;
}

inline std::vector<std::string> textOf(const std::vector<ColumnPtr>& columns, size_t row) {
    std::vector<std::string> texts;
    for (const ColumnPtr& column : columns)
        texts.push_back(column->textAt(row));
    return texts;
}

inline std::unique_ptr<StateBackend> backendOf(uint32_t max_parallelism,
                                               std::vector<std::shared_ptr<const OperatorSnapshot>> restored,
                                               uint32_t subtask = 0, uint32_t parallelism = 1) {
    StateBackendParameters parameters;
    parameters.operator_uid = "uid";
    parameters.max_parallelism = max_parallelism;
    parameters.subtask = SlotIndex(subtask);
    parameters.parallelism = parallelism;
    parameters.restored = std::move(restored);
    return makeHashMapStateBackend(parameters);
}

}  // namespace millrace::testing
