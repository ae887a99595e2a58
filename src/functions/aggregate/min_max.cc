#include <cmath>
#include <cstring>

#include "functions/aggregates.h"

namespace millrace {

namespace {

template <class T, bool kMax>
bool better(const T& candidate, const T& held) {
    if constexpr (std::is_same_v<T, StringView>) {
        // Mostly what comes is what is held, and telling that is two comparisons.
        if (std::memcmp(&candidate, &held, sizeof(T)) == 0) return false;
    }
    if constexpr (std::is_floating_point_v<T>) {
        if (std::isnan(candidate) || std::isnan(held))
            return kMax ? std::isnan(candidate) && !std::isnan(held)
                        : std::isnan(held) && !std::isnan(candidate);
    }
    return kMax ? held < candidate : candidate < held;
}

// Over input that only grows: the best value so far.
template <class T, bool kMax>
class Extreme final : public AggregateBase {
  public:
    explicit Extreme(const LogicalType& type)
        : AggregateBase(type.withNullable(true), {type}, {type.withNullable(true)}) {}

    void accumulate(const AggregateInput& input) const override {
        const uint32_t field = input.first_field;
        const uint32_t offset = input.layout->offset(field);
        const T* const values = input.arguments[0]->template data<T>();
        RowHeap* const heap = input.heap;
        forEachInput(input, input.arguments[0]->validity(),
                     [=](std::byte* row, size_t at, auto) { offer(row, field, offset, values[at], *heap); });
    }

    void merge(const RowLayout& layout, uint32_t field, std::byte* into, const std::byte* from,
               RowHeap& heap) const override {
        if (RowLayout::isNull(from, field)) return;
        const uint32_t offset = layout.offset(field);
        offer(into, field, offset, loadSlot<T>(from, offset), heap);
    }

    void result(const RowLayout& layout, uint32_t field, std::span<std::byte* const> rows,
                ColumnBuilder& out) const override {
        const uint32_t offset = layout.offset(field);
        for (const std::byte* row : rows) {
            if (RowLayout::isNull(row, field)) {
                out.appendNull();
                continue;
            }
            const T value = loadSlot<T>(row, offset);
            if constexpr (std::is_same_v<T, StringView>) {
                value.isInline() ? out.appendStringView(value) : out.appendString(value.view());
            } else {
                out.append(value);
            }
        }
    }

  private:
    static void offer(std::byte* row, uint32_t field, uint32_t offset, const T& value,
                      [[maybe_unused]] RowHeap& heap) {
        if (!RowLayout::isNull(row, field) && !better<T, kMax>(value, loadSlot<T>(row, offset))) return;
        if constexpr (std::is_same_v<T, StringView>) {
            heap.replace(RowLayout::at<StringView>(row, offset), value.view());
        } else {
            storeSlot<T>(row, offset, value);
        }
        RowLayout::setNull(row, field, false);
    }
};

// Over input with retractions: every value with its count, in order.
template <bool kMax>
class RetractableExtreme final : public AggregateBase {
  public:
    explicit RetractableExtreme(const LogicalType& type)
        : AggregateBase(type.withNullable(true), {type},
                        {LogicalType::map(type.withNullable(true), LogicalType::bigint())}) {}

    void accumulate(const AggregateInput& input) const override {
        const uint32_t field = input.first_field;
        const uint32_t offset = input.layout->offset(field);
        const Column& values = *input.arguments[0];
        forEachInput(input, values.validity(), [&](std::byte* row, size_t at, auto sign) {
            addToCount(mapSlot(row, field, offset), values.valueAt(at), sign);
        });
    }

    void merge(const RowLayout& layout, uint32_t field, std::byte* into, const std::byte* from,
               RowHeap&) const override {
        mergeCounts(layout, field, into, from);
    }

    void result(const RowLayout& layout, uint32_t field, std::span<std::byte* const> rows,
                ColumnBuilder& out) const override {
        const uint32_t offset = layout.offset(field);
        for (const std::byte* row : rows) {
            const RowMap* counts = mapSlotIfAny(row, field, offset);
            const Value* best = counts == nullptr ? nullptr : find(*counts);
            best == nullptr ? out.appendNull() : out.appendValue(*best);
        }
    }

  private:
    // Counts below zero belong to retractions that came before their row.
    static const Value* find(const RowMap& counts) {
        if constexpr (kMax) {
            for (auto entry = counts.rbegin(); entry != counts.rend(); ++entry) {
                if (entry->second.asInt64() > 0) return &entry->first;
            }
        } else {
            for (const auto& [value, count] : counts) {
                if (count.asInt64() > 0) return &value;
            }
        }
        return nullptr;
    }
};

template <bool kMax>
std::shared_ptr<const BoundAggregate> bindExtreme(std::string_view name,
                                                  std::span<const ArgumentInfo> arguments, bool may_retract) {
    constexpr std::string_view accepted = "a value of a type that has an order";
    checkArgumentCount(name, arguments, 1, 1, accepted);
    const LogicalType& type = arguments[0].type;
    if (type.isNested() || type.kind() == TypeKind::Null || type.kind() == TypeKind::Variant)
        badArguments(name, arguments, accepted);
    if (may_retract) return std::make_shared<RetractableExtreme<kMax>>(type);
    return dispatchPhysical(type.physical(), [&]<class T>() -> std::shared_ptr<const BoundAggregate> {
        return std::make_shared<Extreme<T, kMax>>(type);
    });
}

}  // namespace

std::vector<AggregateFunction> describeAggregateMinMax() {
    return {
        {.name = "MIN",
         .signature = "MIN(value)",
         .documentation = "The least value; NULL without any.",
         .examples = {{"SELECT MIN(x) FROM (VALUES ('b'), ('a')) AS t(x)", "a"}},
         .bind = [](std::span<const ArgumentInfo> arguments, bool,
                    bool may_retract) { return bindExtreme<false>("MIN", arguments, may_retract); }},
        {.name = "MAX",
         .signature = "MAX(value)",
         .documentation = "The greatest value; NULL without any.",
         .examples = {{"SELECT MAX(x) FROM (VALUES (3), (7), (5)) AS t(x)", "7"}},
         .bind = [](std::span<const ArgumentInfo> arguments, bool,
                    bool may_retract) { return bindExtreme<true>("MAX", arguments, may_retract); }},
    };
}

}  // namespace millrace
