#include "operators/rank_changes.h"

#include <algorithm>

namespace millrace {

void RankChanges::clear() {
    numbers_.clear();
    kinds_.clear();
    places_.clear();
}

void RankChanges::add(int64_t number, RowKind kind, int64_t place) {
    numbers_.push_back(number);
    kinds_.push_back(kind);
    places_.push_back(place);
}

void RankChanges::addPlaces(const RankParameters& p, std::span<const int64_t> before,
                            std::span<const int64_t> now) {
    for (size_t i = 0; i < std::max(before.size(), now.size()); ++i) {
        const int64_t place = p.first + static_cast<int64_t>(i);
        if (i >= before.size()) {
            add(now[i], RowKind::Insert, place);
        } else if (i >= now.size()) {
            add(before[i], RowKind::Delete, place);
        } else if (before[i] != now[i]) {
            if (p.generates_update_before) add(before[i], RowKind::UpdateBefore, place);
            add(now[i], RowKind::UpdateAfter, place);
        }
    }
}

std::vector<int64_t> RankChanges::ofState() const {
    std::vector<int64_t> numbers;
    for (const int64_t number : numbers_) {
        if (number < kOfBatch) numbers.push_back(number);
    }
    return numbers;
}

void RankChanges::emit(const RankParameters& p, const Batch& batch, std::span<const std::byte* const> found,
                       const Load& load, Output& output) {
    // Rows of the result, of state or, where that is nullptr, of the batch.
    std::vector<const std::byte*> state_rows;
    Selection batch_rows;
    size_t next = 0, kept = 0;
    for (size_t i = 0; i < numbers_.size(); ++i) {
        const bool of_batch = numbers_[i] >= kOfBatch;
        const std::byte* row = of_batch ? nullptr : found[next++];
        if (!of_batch && row == nullptr) continue;  // it has expired, and is gone for those downstream, too
        state_rows.push_back(row);
        batch_rows.push_back(of_batch ? static_cast<uint32_t>(numbers_[i] - kOfBatch) : 0);
        kinds_[kept] = kinds_[i];
        places_[kept++] = places_[i];
    }
    if (kept == 0) return;

    std::vector<ColumnPtr> columns;
    for (size_t column = 0; column < p.input.size(); ++column) {
        const ColumnPtr all = Column::retyped(batch.column(column), p.output[column].type);
        columns.push_back(found.empty() ? Column::gather(all, batch_rows)
                                        : load(column, state_rows, all, batch_rows));
    }
    if (p.outputs_number) {
        auto number = std::make_shared<Column>(p.output.fields().back().type, kept);
        std::copy_n(places_.begin(), kept, number->mutableData<int64_t>());
        columns.push_back(std::move(number));
    }
    Batch result(kept, std::move(columns));
    const auto kinds = std::span(kinds_).first(kept);
    if (std::any_of(kinds.begin(), kinds.end(), [](RowKind kind) { return kind != RowKind::Insert; }))
        result.setKinds(std::vector<RowKind>(kinds.begin(), kinds.end()));
    output.emit(std::move(result));
}

}  // namespace millrace
