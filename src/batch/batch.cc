#include "batch/batch.h"

#include <algorithm>

namespace millrace {

const char* shortName(RowKind kind) {
    switch (kind) {
        case RowKind::Insert:
            return "+I";
        case RowKind::UpdateBefore:
            return "-U";
        case RowKind::UpdateAfter:
            return "+U";
        case RowKind::Delete:
            return "-D";
    }
    throw InternalError("an unknown row kind");
}

const uint64_t* Batch::hashesOf(std::span<const size_t> columns) const {
    return hashes_ != nullptr && std::ranges::equal(hashes_->columns(), columns) ? hashes_->data() : nullptr;
}

Batch Batch::gather(std::span<const uint32_t> selection) const {
    std::vector<ColumnPtr> columns;
    columns.reserve(columns_.size());
    for (const auto& column : columns_)
        columns.push_back(Column::gather(column, selection));
    Batch result(selection.size(), std::move(columns));
    if (kinds_) {
        std::vector<RowKind> kinds(selection.size());
        for (size_t i = 0; i < selection.size(); ++i)
            kinds[i] = (*kinds_)[selection[i]];
        result.setKinds(std::move(kinds));
    }
    return result;
}

Batch Batch::slice(size_t begin, size_t end) const {
    MILLRACE_CHECK(begin <= end && end <= rows_, "slice {}..{} of {} rows", begin, end, rows_);
    if (begin == 0 && end == rows_) return *this;
    std::vector<ColumnPtr> columns;
    columns.reserve(columns_.size());
    for (const auto& column : columns_)
        columns.push_back(Column::slice(column, begin, end));
    Batch result(end - begin, std::move(columns));
    if (kinds_) {
        const auto first = kinds_->begin();
        result.setKinds({first + static_cast<ptrdiff_t>(begin), first + static_cast<ptrdiff_t>(end)});
    }
    return result;
}

Batch Batch::withColumns(std::vector<ColumnPtr> columns) const {
    Batch result(rows_, std::move(columns));
    result.kinds_ = kinds_;
    return result;
}

Batch Batch::concat(std::span<const Batch> batches) {
    if (batches.empty()) return {};
    if (batches.size() == 1) return batches[0];
    size_t rows = 0;
    bool has_kinds = false;
    for (const Batch& batch : batches) {
        MILLRACE_CHECK(batch.columns_.size() == batches[0].columns_.size(), "batches of different width");
        rows += batch.rows_;
        has_kinds |= batch.kinds_ != nullptr;
    }
    std::vector<ColumnPtr> columns;
    std::vector<ColumnPtr> parts;
    for (size_t c = 0; c < batches[0].columns_.size(); ++c) {
        parts.clear();
        for (const Batch& batch : batches)
            parts.push_back(batch.columns_[c]);
        columns.push_back(Column::concat(parts));
    }
    Batch result(rows, std::move(columns));
    if (has_kinds) {
        std::vector<RowKind> kinds;
        kinds.reserve(rows);
        for (const Batch& batch : batches) {
            if (batch.kinds_) {
                kinds.insert(kinds.end(), batch.kinds_->begin(), batch.kinds_->end());
            } else {
                kinds.insert(kinds.end(), batch.rows_, RowKind::Insert);
            }
        }
        result.setKinds(std::move(kinds));
    }
    return result;
}

namespace {

size_t columnBytes(const Column& column) {
    size_t bytes = column.size() *
                   (static_cast<size_t>(sizeOf(column.physical())) + (column.validity() != nullptr ? 1 : 0));
    if (column.physical() == PhysicalType::String) {
        const auto* values = column.data<StringView>();
        for (size_t i = 0; i < column.size(); ++i)
            bytes += values[i].isInline() ? 0 : values[i].size();
    }
    if (column.physical() == PhysicalType::List) bytes += column.size() * sizeof(int32_t);
    for (const auto& child : column.children())
        bytes += columnBytes(*child);
    return bytes;
}

}  // namespace

size_t Batch::bytes() const {
    size_t bytes = sizeof(Batch) + (kinds_ ? rows_ : 0) + (hashes_ ? rows_ * sizeof(uint64_t) : 0);
    for (const auto& column : columns_)
        bytes += columnBytes(*column);
    return bytes;
}

BatchBuilder::BatchBuilder(const Schema& schema, size_t expected_rows) {
    columns_.reserve(schema.size());
    for (const Field& field : schema)
        columns_.emplace_back(field.type, expected_rows);
}

void BatchBuilder::endRow(RowKind kind) {
    if (kind != RowKind::Insert && !has_changes_) {
        has_changes_ = true;
        kinds_.assign(rows_, RowKind::Insert);
    }
    if (has_changes_) kinds_.push_back(kind);
    ++rows_;
}

void BatchBuilder::endRows(size_t count) {
    if (has_changes_) kinds_.insert(kinds_.end(), count, RowKind::Insert);
    rows_ += count;
}

void BatchBuilder::appendRow(std::span<const Value> values, RowKind kind) {
    MILLRACE_CHECK(values.size() == columns_.size(), "{} values for {} columns", values.size(),
                   columns_.size());
    for (size_t i = 0; i < values.size(); ++i)
        columns_[i].appendValue(values[i]);
    endRow(kind);
}

void BatchBuilder::rollbackRow() { truncate(rows_); }

void BatchBuilder::truncate(size_t rows) {
    rows_ = rows;
    if (has_changes_) kinds_.resize(rows);
    for (auto& column : columns_) {
        if (column.size() > rows_) column.truncate(rows_);
    }
}

Batch BatchBuilder::finish() {
    std::vector<ColumnPtr> columns;
    columns.reserve(columns_.size());
    for (auto& column : columns_) {
        MILLRACE_CHECK(column.size() == rows_, "a column of {} has {} rows and the batch {}",
                       column.type().toString(), column.size(), rows_);
        columns.push_back(column.finish());
    }
    Batch batch(rows_, std::move(columns));
    if (has_changes_) batch.setKinds(std::move(kinds_));
    kinds_.clear();
    has_changes_ = false;
    rows_ = 0;
    return batch;
}

}  // namespace millrace
