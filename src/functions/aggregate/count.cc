#include "functions/aggregates.h"

namespace millrace {

namespace {

const LogicalType kCount = LogicalType::bigint().withNullable(false);

class Count final : public AggregateBase {
  public:
    explicit Count(std::vector<LogicalType> arguments)
        : AggregateBase(kCount, std::move(arguments), {LogicalType::bigint()}) {}

    void accumulate(const AggregateInput& input) const override {
        const uint32_t field = input.first_field;
        const uint32_t offset = input.layout->offset(field);
        const auto add = [=](std::byte* row, size_t, auto sign) {
            RowLayout::at<int64_t>(row, offset) += sign;
            RowLayout::setNull(row, field, false);
        };
        if (input.arguments.size() < 2)
            return forEachInput(input, input.arguments.empty() ? nullptr : input.arguments[0]->validity(),
                                add);
        const size_t rows = input.arguments[0]->size();
        std::vector<uint8_t> valid(rows, 1);
        for (const ColumnPtr& argument : input.arguments) {
            if (argument->validity() != nullptr) intersectValidity(valid.data(), argument->validity(), rows);
        }
        forEachInput(input, valid.data(), add);
    }

    void merge(const RowLayout& layout, uint32_t field, std::byte* into, const std::byte* from,
               RowHeap&) const override {
        if (RowLayout::isNull(from, field)) return;
        const uint32_t offset = layout.offset(field);
        RowLayout::at<int64_t>(into, offset) += RowLayout::at<int64_t>(from, offset);
        RowLayout::setNull(into, field, false);
    }

    bool mergesRetractions() const override { return true; }

    void result(const RowLayout& layout, uint32_t field, std::span<std::byte* const> rows,
                ColumnBuilder& out) const override {
        const uint32_t offset = layout.offset(field);
        for (const std::byte* row : rows)
            out.append(RowLayout::at<int64_t>(row, offset));  // 0 while nothing was counted
    }
};

}  // namespace

std::vector<AggregateFunction> describeAggregateCount() {
    return {{
        .name = "COUNT",
        .signature = "COUNT(*), COUNT([DISTINCT] value [, ...])",
        .documentation = "The number of rows; with values, of rows where none of them is NULL.",
        .examples = {{"SELECT COUNT(*) FROM (VALUES (1), (2), (CAST(NULL AS INT))) AS t(x)", "3"},
                     {"SELECT COUNT(x) FROM (VALUES (1), (2), (CAST(NULL AS INT))) AS t(x)", "2"}},
        .bind = [](std::span<const ArgumentInfo> arguments, bool distinct,
                   bool) -> std::shared_ptr<const BoundAggregate> {
            std::vector<LogicalType> types;
            for (const ArgumentInfo& argument : arguments)
                types.push_back(argument.type);
            auto count = std::make_shared<Count>(std::move(types));
            if (!distinct) return count;
            if (arguments.empty()) badArguments("COUNT(DISTINCT)", arguments, "at least one value");
            return distinctAggregate(std::move(count));
        },
    }};
}

}  // namespace millrace
