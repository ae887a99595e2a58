// What one field of a datagen table holds in each row: a value of a sequence, or a random one.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/random.h"
#include "batch/column.h"

namespace millrace {

struct FieldGenerator {
    // `row` counts from 0 over the whole table; `random` is this row's; `now_micros` is the wall clock's.
    std::function<void(uint64_t row, Random& random, int64_t now_micros, ColumnBuilder& out)> append;
    std::optional<uint64_t> rows;  // how many rows a sequence has
};

// From the options "fields.<name>.*"; UserError where one is not usable for the type.
FieldGenerator makeFieldGenerator(const std::string& name, const LogicalType& type,
                                  const std::map<std::string, std::string>& options);

}  // namespace millrace
