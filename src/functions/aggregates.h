// What aggregates are made of: their types, the walk over input rows, and wrappers that give any aggregate
// DISTINCT. For the functions room only.
#pragma once

#include <cstring>

#include "functions/kernels.h"

namespace millrace {

class AggregateBase : public BoundAggregate {
  public:
    AggregateBase(LogicalType result, std::vector<LogicalType> arguments,
                  std::vector<LogicalType> accumulators)
        : result_(std::move(result)),
          arguments_(std::move(arguments)),
          accumulators_(std::move(accumulators)) {}
    const LogicalType& resultType() const override { return result_; }
    const std::vector<LogicalType>& argumentTypes() const override { return arguments_; }
    const std::vector<LogicalType>& accumulatorTypes() const override { return accumulators_; }

  private:
    LogicalType result_;
    std::vector<LogicalType> arguments_;
    std::vector<LogicalType> accumulators_;
};

// The fields of an accumulator in a row. Rows align to 8 bytes, so wider values go through memcpy.
template <class T>
T loadSlot(const std::byte* row, uint32_t offset) {
    T value;
    std::memcpy(&value, row + offset, sizeof(T));
    return value;
}

template <class T>
void storeSlot(std::byte* row, uint32_t offset, T value) {
    std::memcpy(row + offset, &value, sizeof(T));
}

// Calls f(accumulator row, argument row, sign) for every input row where `valid` is not 0. The four shapes of
// input are four loops, so that the common one has no tests in it.
template <class F>
void forEachInput(const AggregateInput& input, const uint8_t* valid, F f) {
    const size_t count = input.accumulators.size();
    std::byte* const* const rows = input.accumulators.data();
    const uint32_t* const selection = input.selection.empty() ? nullptr : input.selection.data();
    const int8_t* const signs = input.signs;
    const auto walk = [&](auto argumentRow, auto sign) {
        if (valid == nullptr) {
            for (size_t i = 0; i < count; ++i)
                f(rows[i], argumentRow(i), sign(i));
            return;
        }
        for (size_t i = 0; i < count; ++i) {
            const size_t at = argumentRow(i);
            if (valid[at] != 0) f(rows[i], at, sign(i));
        }
    };
    const auto same = [](size_t i) { return i; };
    const auto selected = [&](size_t i) { return static_cast<size_t>(selection[i]); };
    const auto plus = [](size_t) { return std::integral_constant<int, 1>(); };
    const auto signOf = [&](size_t i) { return static_cast<int>(signs[i]); };
    if (signs == nullptr) {
        selection == nullptr ? walk(same, plus) : walk(selected, plus);
    } else {
        selection == nullptr ? walk(same, signOf) : walk(selected, signOf);
    }
}

inline RowMap& mapSlot(std::byte* row, size_t field, uint32_t offset) {
    auto* map = loadSlot<RowMap*>(row, offset);
    if (map == nullptr) {
        map = new RowMap();
        storeSlot(row, offset, map);
    }
    RowLayout::setNull(row, field, false);
    return *map;
}

inline const RowMap* mapSlotIfAny(const std::byte* row, size_t field, uint32_t offset) {
    return RowLayout::isNull(row, field) ? nullptr : loadSlot<const RowMap*>(row, offset);
}

// Adds `by` to a value's count and drops it at zero. A count may be below zero for a while: retractions can
// overtake.
int64_t addToCount(RowMap& counts, const Value& value, int64_t by);
// Adds the counts of one row's slot to those of another's.
void mergeCounts(const RowLayout& layout, uint32_t field, std::byte* into, const std::byte* from);

// `inner` over each distinct row of arguments once.
std::shared_ptr<const BoundAggregate> distinctAggregate(std::shared_ptr<const BoundAggregate> inner);

}  // namespace millrace
