#include "functions/merging_aggregate.h"

#include "functions/aggregates.h"

namespace millrace {

namespace {

class MergingAggregate final : public AggregateBase {
  public:
    explicit MergingAggregate(std::shared_ptr<const BoundAggregate> inner)
        : AggregateBase(inner->resultType(), inner->accumulatorTypes(), inner->accumulatorTypes()),
          inner_(std::move(inner)) {}

    void accumulate(const AggregateInput& input) const override {
        const RowLayout& layout = *input.layout;
        const uint32_t first = input.first_field;
        const auto fields = static_cast<uint32_t>(accumulatorTypes().size());
        std::vector<std::byte> partial(layout.rowBytes());  // an accumulator of one row of the input
        forEachInput(input, nullptr, [&](std::byte* row, size_t at, auto) {
            for (uint32_t i = 0; i < fields; ++i)
                storeField(layout, first + i, *input.arguments[i], at, partial.data(), *input.heap);
            inner_->merge(layout, first, row, partial.data(), *input.heap);
            releaseFields(layout, partial.data(), first, first + fields, *input.heap);
        });
    }

    void merge(const RowLayout& layout, uint32_t first_field, std::byte* into, const std::byte* from,
               RowHeap& heap) const override {
        inner_->merge(layout, first_field, into, from, heap);
    }

    void result(const RowLayout& layout, uint32_t first_field, std::span<std::byte* const> rows,
                ColumnBuilder& out) const override {
        inner_->result(layout, first_field, rows, out);
    }

  private:
    std::shared_ptr<const BoundAggregate> inner_;
};

}  // namespace

std::shared_ptr<const BoundAggregate> mergingAggregate(std::shared_ptr<const BoundAggregate> inner) {
    return std::make_shared<MergingAggregate>(std::move(inner));
}

}  // namespace millrace
