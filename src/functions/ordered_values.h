// The base of aggregates that keep every value in the order of the rows: the accumulator is a map from
// arrival number to value; a retraction takes the earliest equal value. For the functions room only.
#pragma once

#include "functions/aggregates.h"

namespace millrace {

// Field 0 is the map, field 1 the next arrival number.
class OrderedValues : public AggregateBase {
  public:
    OrderedValues(const LogicalType& result, std::vector<LogicalType> arguments, bool keeps_null)
        : AggregateBase(result, arguments,
                        {LogicalType::map(LogicalType::bigint(), arguments[0].withNullable(true)),
                         LogicalType::bigint()}),
          keeps_null_(keeps_null) {}

    void accumulate(const AggregateInput& input) const override {
        const uint32_t field = input.first_field;
        const uint32_t offset = input.layout->offset(field);
        const uint32_t next_offset = input.layout->offset(field + 1);
        const Column& values = *input.arguments[0];
        forEachInput(input, keeps_null_ ? nullptr : values.validity(),
                     [&](std::byte* row, size_t at, auto sign) {
                         RowMap& map = mapSlot(row, field, offset);
                         const Value value = values.valueAt(at);
                         if (sign > 0) return append(map, row, field + 1, next_offset, value);
                         for (auto entry = map.begin(); entry != map.end(); ++entry) {
                             if (entry->second == value) {
                                 map.erase(entry);
                                 return;
                             }
                         }
                     });
    }

    void merge(const RowLayout& layout, uint32_t field, std::byte* into, const std::byte* from,
               RowHeap&) const override {
        const RowMap* added = mapSlotIfAny(from, field, layout.offset(field));
        if (added == nullptr) return;
        RowMap& map = mapSlot(into, field, layout.offset(field));
        for (const auto& [arrival, value] : *added)
            append(map, into, field + 1, layout.offset(field + 1), value);
    }

    void result(const RowLayout& layout, uint32_t field, std::span<std::byte* const> rows,
                ColumnBuilder& out) const override {
        for (const std::byte* row : rows) {
            const RowMap* map = mapSlotIfAny(row, field, layout.offset(field));
            map == nullptr || map->empty() ? out.appendNull() : finish(*map, out);
        }
    }

  protected:
    virtual void finish(const RowMap& values, ColumnBuilder& out) const = 0;

  private:
    static void append(RowMap& map, std::byte* row, uint32_t next_field, uint32_t next_offset,
                       const Value& value) {
        auto& next = RowLayout::at<int64_t>(row, next_offset);
        map.emplace_hint(map.end(), Value::int64(next++), value);
        RowLayout::setNull(row, next_field, false);
    }

    bool keeps_null_;
};

}  // namespace millrace
