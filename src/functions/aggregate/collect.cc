#include "functions/aggregates.h"

namespace millrace {

namespace {

class Collect final : public AggregateBase {
  public:
    explicit Collect(const LogicalType& type)
        : AggregateBase(LogicalType::multiset(type).withNullable(false), {type},
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
        for (const std::byte* row : rows) {
            const RowMap* counts = mapSlotIfAny(row, field, layout.offset(field));
            if (counts != nullptr) {
                for (const auto& [value, count] : *counts) {
                    if (count.asInt64() <= 0) continue;
                    out.child(0).child(0).appendValue(value);
                    out.child(0).child(1).append(static_cast<int32_t>(count.asInt64()));
                    out.child(0).endStruct();
                }
            }
            out.endList();
        }
    }
};

}  // namespace

std::vector<AggregateFunction> describeAggregateCollect() {
    return {{
        .name = "COLLECT",
        .signature = "COLLECT([DISTINCT] value)",
        .documentation = "The values that are not NULL as a multiset.",
        .examples = {{"SELECT COLLECT(x) FROM (VALUES ('a'), ('b'), ('a')) AS t(x)", "{a=2, b=1}"}},
        .bind = [](std::span<const ArgumentInfo> arguments, bool distinct,
                   bool) -> std::shared_ptr<const BoundAggregate> {
            checkArgumentCount("COLLECT", arguments, 1, 1, "one value");
            auto bound = std::make_shared<Collect>(arguments[0].type);
            if (!distinct) return bound;
            return distinctAggregate(std::move(bound));
        },
    }};
}

}  // namespace millrace
