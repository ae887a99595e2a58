#include "functions/merging_aggregate.h"

#include <algorithm>
#include <cstring>
#include <vector>

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
        const auto fields = static_cast<uint32_t>(accumulatorTypes().size());
        // An accumulator of one row of the input. Its strings are the columns': merging copies what it keeps.
        std::vector<std::byte> partial(layout.rowBytes());
        std::vector<Source> sources;
        for (uint32_t i = 0; i < fields; ++i)
            sources.push_back(sourceOf(*input.arguments[i], layout, input.first_field + i));
        const auto holds = [](const Source& source, size_t at) {
            return source.valid == nullptr || source.valid[at] != 0;
        };
        forEachInput(input, nullptr, [&](std::byte* row, size_t at, auto) {
            const auto any = [&](const Source& source) { return holds(source, at); };
            if (std::none_of(sources.begin(), sources.end(), any)) return;  // nothing was accumulated
            for (const Source& source : sources) {
                const bool valid = holds(source, at);
                RowLayout::setNull(partial.data(), source.field, !valid);
                std::byte* const slot = partial.data() + source.offset;
                if (valid) {
                    std::memcpy(slot, source.values + at * source.bytes, source.bytes);
                } else {
                    std::memset(slot, 0, source.bytes);  // as in a fresh accumulator
                }
            }
            inner_->merge(layout, input.first_field, row, partial.data(), *input.heap);
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
    // Where a field's values are.
    struct Source {
        const std::byte* values;
        const uint8_t* valid;
        uint32_t bytes;
        uint32_t field;
        uint32_t offset;
    };
    static Source sourceOf(const Column& column, const RowLayout& layout, uint32_t field) {
        return dispatchPhysical(column.physical(), [&]<class T>() -> Source {
            return {reinterpret_cast<const std::byte*>(column.data<T>()), column.validity(), sizeof(T), field,
                    layout.offset(field)};
        });
    }

    std::shared_ptr<const BoundAggregate> inner_;
};

}  // namespace

std::shared_ptr<const BoundAggregate> mergingAggregate(std::shared_ptr<const BoundAggregate> inner) {
    return std::make_shared<MergingAggregate>(std::move(inner));
}

}  // namespace millrace
