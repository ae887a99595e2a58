#include "operators/join_rows.h"

#include <algorithm>

namespace millrace {

namespace {

// Column `index` in the rows of `selection`; NULL for kNoRow.
ColumnPtr gatherOrNull(const Batch& batch, size_t index, const LogicalType& type,
                       const std::vector<uint32_t>& selection, bool any_none) {
    if (!any_none) return Column::gather(batch.column(index), selection);
    if (batch.empty()) return Column::constant(type.withNullable(true), Value::null(), selection.size());
    Selection present = selection;
    std::replace(present.begin(), present.end(), JoinRows::kNoRow, uint32_t{0});
    const auto gathered = std::const_pointer_cast<Column>(Column::gather(batch.column(index), present));
    for (size_t i = 0; i < selection.size(); ++i) {
        if (selection[i] == JoinRows::kNoRow) gathered->setNull(i);
    }
    return gathered;
}

}  // namespace

void JoinShape::check() const {
    const size_t left = inputs[0].schema.size();
    const size_t all = left + inputs[1].schema.size();
    MILLRACE_CHECK(inputs[0].keys.size() == inputs[1].keys.size(), "{} and {} keys", inputs[0].keys.size(),
                   inputs[1].keys.size());
    MILLRACE_CHECK(columns.size() == output.size(), "{} columns for {}", columns.size(), output.toString());
    for (const size_t column : columns)
        MILLRACE_CHECK(column < (onlyLeft(type) ? left : all), "there is no column {}", column);
}

JoinRows::JoinRows(const JoinShape& shape, OperatorContext& context) : shape_(shape), functions_(context) {
    if (!shape_.condition) return;
    const size_t left = shape_.inputs[0].schema.size();
    const size_t all = left + shape_.inputs[1].schema.size();
    std::vector<bool> used(all, false);
    shape_.condition->collectColumns(used);
    std::vector<ExpressionPtr> compact(all);
    for (size_t i = 0; i < all; ++i) {
        if (!used[i]) continue;
        const Field& field = i < left ? shape_.inputs[0].schema[i] : shape_.inputs[1].schema[i - left];
        compact[i] = Expression::column(condition_columns_.size(), field.type, field.name);
        condition_columns_.push_back(i);
    }
    condition_.emplace(std::vector<ExpressionPtr>{Expression::rewriteColumns(shape_.condition, compact)});
}

void JoinRows::begin(size_t side, const Batch& batch, RowLists& others, OperatorContext& context,
                     Output& output) {
    side_ = side;
    batch_ = &batch;
    others_ = &others;
    context_ = &context;
    output_ = &output;
}

void JoinRows::divide(const KeyedBatch& keyed, const Selection& rows, Selection& with_key,
                      Selection& without_key) {
    without_key.clear();
    const bool may_be_null = std::any_of(keyed.keys.begin(), keyed.keys.end(),
                                         [](const ColumnPtr& key) { return key->validity() != nullptr; });
    if (!may_be_null) {
        with_key = rows;
        return;
    }
    with_key.clear();
    for (const uint32_t row : rows) {
        const bool null = std::any_of(keyed.keys.begin(), keyed.keys.end(),
                                      [&](const ColumnPtr& key) { return key->isNull(row); });
        (null ? without_key : with_key).push_back(row);
    }
}

void JoinRows::meet(const KeyedBatch& keyed, std::span<const uint32_t> selection, const Take& take) {
    others_->find(keyed, selection, heads_);
    if (others_->linked()) return meetChained(keyed, selection, take);
    for (size_t i = 0; i < heads_.size(); ++i) {
        std::byte* const head = heads_[i];
        if (head == nullptr) continue;
        const int64_t rows = others_->size(head);
        for (int64_t number = 0; number < rows; ++number) {
            if (number > 0) {
                wanted_.push_back(static_cast<uint32_t>(pair_rows_.size()));
                wanted_rows_.push_back(selection[i]);
                wanted_numbers_.push_back(number);
            }
            pair_rows_.push_back(selection[i]);
            pair_others_.push_back(number == 0 ? head : nullptr);
            if (pair_rows_.size() == kRowsMax) meetPairs(keyed, take);
        }
    }
    meetPairs(keyed, take);
}

void JoinRows::meetChained(const KeyedBatch& keyed, std::span<const uint32_t> selection, const Take& take) {
    std::vector<std::byte*> heads;
    std::vector<uint32_t> rows;
    size_t next = 0;
    const auto size = [&](size_t i) {
        return heads_[i] == nullptr ? 0 : static_cast<size_t>(others_->size(heads_[i]));
    };
    while (next < heads_.size()) {
        // As many keys as have rows for a batch, or one that has more.
        heads.clear();
        rows.clear();
        size_t pairs = 0;
        for (; next < heads_.size() && (pairs == 0 || pairs + size(next) <= kRowsMax); ++next) {
            if (heads_[next] == nullptr) continue;
            heads.push_back(heads_[next]);
            rows.insert(rows.end(), size(next), selection[next]);
            pairs += size(next);
        }
        others_->collect(heads, chained_);
        for (size_t first = 0; first < pairs; first += kRowsMax) {
            const size_t count = std::min(kRowsMax, pairs - first);
            pair_rows_.assign(rows.begin() + static_cast<ptrdiff_t>(first),
                              rows.begin() + static_cast<ptrdiff_t>(first + count));
            pair_others_.assign(chained_.begin() + static_cast<ptrdiff_t>(first),
                                chained_.begin() + static_cast<ptrdiff_t>(first + count));
            meetPairs(keyed, take);
        }
    }
}

void JoinRows::meetPairs(const KeyedBatch& keyed, const Take& take) {
    bool expired = false;
    if (!wanted_.empty()) {
        others_->find(keyed, wanted_rows_, wanted_numbers_, found_);
        for (size_t i = 0; i < wanted_.size(); ++i) {
            pair_others_[wanted_[i]] = found_[i];
            expired |= found_[i] == nullptr;
        }
    }
    const auto keep = [&](const auto& passes) {
        size_t kept = 0;
        for (size_t i = 0; i < pair_rows_.size(); ++i) {
            if (!passes(i)) continue;
            pair_rows_[kept] = pair_rows_[i];
            pair_others_[kept++] = pair_others_[i];
        }
        pair_rows_.resize(kept);
        pair_others_.resize(kept);
    };
    if (expired) keep([&](size_t i) { return pair_others_[i] != nullptr; });
    if (condition_ && !pair_rows_.empty()) {
        std::vector<ColumnPtr> columns;
        const size_t left = shape_.inputs[0].schema.size();
        for (const size_t column : condition_columns_) {
            const size_t of_side = column < left ? 0 : 1;
            const size_t index = column - of_side * left;
            columns.push_back(of_side == side_ ? Column::gather(batch_->column(index), pair_rows_)
                                               : others_->load(index, pair_others_));
        }
        condition_->select(functions_.refresh(*context_), Batch(pair_rows_.size(), std::move(columns)),
                           passed_);
        size_t next = 0;
        keep([&](size_t i) {
            const bool passes = next < passed_.size() && passed_[next] == i;
            next += passes;
            return passes;
        });
    }
    if (!pair_rows_.empty()) take(pair_rows_, pair_others_);
    pair_rows_.clear();
    pair_others_.clear();
    wanted_.clear();
    wanted_rows_.clear();
    wanted_numbers_.clear();
}

void JoinRows::flush() {
    if (out_rows_.empty()) return;
    const bool any_none = std::find(out_rows_.begin(), out_rows_.end(), kNoRow) != out_rows_.end();
    std::replace(out_others_.begin(), out_others_.end(), static_cast<std::byte*>(nullptr),
                 others_->nothing());
    const size_t left = shape_.inputs[0].schema.size();
    std::vector<size_t> of_others;
    for (const size_t column : shape_.columns) {
        if ((column < left ? 0U : 1U) != side_) of_others.push_back(column - (column < left ? 0 : left));
    }
    const std::vector<ColumnPtr> loaded = others_->load(of_others, out_others_);
    size_t next_loaded = 0;
    std::vector<ColumnPtr> columns;
    columns.reserve(shape_.columns.size());
    for (size_t i = 0; i < shape_.columns.size(); ++i) {
        const size_t of_side = shape_.columns[i] < left ? 0 : 1;
        const size_t index = shape_.columns[i] - of_side * left;
        const ColumnPtr column =
            of_side == side_
                ? gatherOrNull(*batch_, index, shape_.inputs[side_].schema[index].type, out_rows_, any_none)
                : loaded[next_loaded++];
        columns.push_back(Column::retyped(column, shape_.output[i].type));
    }
    Batch batch(out_rows_.size(), std::move(columns));
    const bool inserts = std::all_of(out_kinds_.begin(), out_kinds_.end(),
                                     [](RowKind kind) { return kind == RowKind::Insert; });
    if (!inserts) batch.setKinds(out_kinds_);
    out_rows_.clear();
    out_others_.clear();
    out_kinds_.clear();
    output_->emit(std::move(batch));
}

}  // namespace millrace
