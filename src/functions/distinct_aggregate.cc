#include "functions/aggregates.h"

namespace millrace {

int64_t addToCount(RowMap& counts, const Value& value, int64_t by) {
    const auto [entry, fresh] = counts.try_emplace(value, Value::int64(0));
    const int64_t count = entry->second.asInt64() + by;
    if (count == 0) {
        counts.erase(entry);
    } else {
        entry->second = Value::int64(count);
    }
    return count;
}

void mergeCounts(const RowLayout& layout, uint32_t field, std::byte* into, const std::byte* from) {
    const uint32_t offset = layout.offset(field);
    const RowMap* const added = mapSlotIfAny(from, field, offset);
    if (added == nullptr) return;
    RowMap& counts = mapSlot(into, field, offset);
    for (const auto& [value, count] : *added)
        addToCount(counts, value, count.asInt64());
}

namespace {

// The counted key: the argument itself, or a ROW of several.
LogicalType keyType(const std::vector<LogicalType>& arguments) {
    if (arguments.size() == 1) return arguments[0];
    std::vector<Field> fields;
    for (size_t i = 0; i < arguments.size(); ++i)
        fields.push_back({"f" + std::to_string(i), arguments[i]});
    return LogicalType::row(std::move(fields));
}

std::vector<LogicalType> withCounts(const BoundAggregate& inner) {
    std::vector<LogicalType> types = {
        LogicalType::map(keyType(inner.argumentTypes()), LogicalType::bigint())};
    types.insert(types.end(), inner.accumulatorTypes().begin(), inner.accumulatorTypes().end());
    return types;
}

class DistinctAggregate final : public AggregateBase {
  public:
    explicit DistinctAggregate(std::shared_ptr<const BoundAggregate> inner)
        : AggregateBase(inner->resultType(), inner->argumentTypes(), withCounts(*inner)),
          inner_(std::move(inner)) {}

    void accumulate(const AggregateInput& input) const override {
        const uint32_t offset = input.layout->offset(input.first_field);
        std::vector<std::byte*> rows;
        Selection selection;
        std::vector<int8_t> signs;
        forEachInput(input, nullptr, [&](std::byte* row, size_t at, int sign) {
            for (const ColumnPtr& argument : input.arguments) {
                if (argument->isNull(at)) return;
            }
            RowMap& counts = mapSlot(row, input.first_field, offset);
            const int64_t count = addToCount(counts, keyAt(input.arguments, at), sign);
            const bool entered = sign > 0 && count == 1;
            const bool left = sign < 0 && count == 0;
            if (!entered && !left) return;
            rows.push_back(row);
            selection.push_back(static_cast<uint32_t>(at));
            signs.push_back(static_cast<int8_t>(sign));
        });
        if (rows.empty()) return;
        AggregateInput changed = input;
        changed.accumulators = rows;
        changed.selection = selection;
        changed.signs = input.signs == nullptr ? nullptr : signs.data();
        changed.first_field = input.first_field + 1;
        inner_->accumulate(changed);
    }

    void merge(const RowLayout& layout, uint32_t first_field, std::byte* into, const std::byte* from,
               RowHeap& heap) const override {
        const uint32_t offset = layout.offset(first_field);
        const RowMap* added = mapSlotIfAny(from, first_field, offset);
        if (added == nullptr) return;
        RowMap& counts = mapSlot(into, first_field, offset);
        std::vector<Value> entered;
        std::vector<Value> left;
        for (const auto& [key, count] : *added) {
            const auto found = counts.find(key);
            const int64_t before = found == counts.end() ? 0 : found->second.asInt64();
            const int64_t after = addToCount(counts, key, count.asInt64());
            if (before <= 0 && after > 0) entered.push_back(key);
            if (before > 0 && after <= 0) left.push_back(key);
        }
        accumulateKeys(layout, first_field, into, heap, entered, 1);
        accumulateKeys(layout, first_field, into, heap, left, -1);
    }

    void result(const RowLayout& layout, uint32_t first_field, std::span<std::byte* const> rows,
                ColumnBuilder& out) const override {
        inner_->result(layout, first_field + 1, rows, out);
    }

  private:
    static Value keyAt(std::span<const ColumnPtr> arguments, size_t row) {
        if (arguments.size() == 1) return arguments[0]->valueAt(row);
        Value::List parts;
        for (const ColumnPtr& argument : arguments)
            parts.push_back(argument->valueAt(row));
        return Value::list(std::move(parts));
    }

    void accumulateKeys(const RowLayout& layout, uint32_t first_field, std::byte* into, RowHeap& heap,
                        const std::vector<Value>& keys, int8_t sign) const {
        if (keys.empty()) return;
        const ColumnPtr column = Column::of(keyType(argumentTypes()), keys);
        const std::vector<ColumnPtr> arguments =
            argumentTypes().size() == 1 ? std::vector<ColumnPtr>{column} : column->children();
        const std::vector<std::byte*> rows(keys.size(), into);
        const std::vector<int8_t> signs(keys.size(), sign);
        inner_->accumulate({.arguments = arguments,
                            .accumulators = rows,
                            .signs = sign > 0 ? nullptr : signs.data(),
                            .layout = &layout,
                            .first_field = first_field + 1,
                            .heap = &heap});
    }

    std::shared_ptr<const BoundAggregate> inner_;
};

}  // namespace

std::shared_ptr<const BoundAggregate> distinctAggregate(std::shared_ptr<const BoundAggregate> inner) {
    return std::make_shared<DistinctAggregate>(std::move(inner));
}

}  // namespace millrace
