// A batch: rows of a stream, column by column, in order. Immutable once made; cheap to copy (columns are
// shared).
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/named_integer.h"
#include "batch/column.h"
#include "types/logical_type.h"

namespace millrace {

// What a row does to a changelog; values and short forms are Flink's: +I, -U, +U, -D.
enum class RowKind : uint8_t { Insert = 0, UpdateBefore = 1, UpdateAfter = 2, Delete = 3 };
const char* shortName(RowKind kind);
inline bool isRetraction(RowKind kind) { return kind == RowKind::UpdateBefore || kind == RowKind::Delete; }

// hashColumns() of some columns of a batch, so that it is computed once for all who want it.
class KeyHashes {
  public:
    KeyHashes(std::vector<size_t> columns, size_t rows)
        : columns_(std::move(columns)), buffer_(rows * sizeof(uint64_t)) {}
    const std::vector<size_t>& columns() const { return columns_; }
    uint64_t* data() { return reinterpret_cast<uint64_t*>(buffer_.data()); }
    const uint64_t* data() const { return reinterpret_cast<const uint64_t*>(buffer_.data()); }

  private:
    std::vector<size_t> columns_;
    Buffer buffer_;
};

class Batch {
  public:
    Batch() = default;
    Batch(size_t rows, std::vector<ColumnPtr> columns) : rows_(rows), columns_(std::move(columns)) {}

    size_t rows() const { return rows_; }
    bool empty() const { return rows_ == 0; }
    const std::vector<ColumnPtr>& columns() const { return columns_; }
    const ColumnPtr& column(size_t index) const { return columns_[index]; }

    // Absent (nullptr) means that every row is an insert.
    const RowKind* kinds() const { return kinds_ ? kinds_->data() : nullptr; }
    RowKind kind(size_t row) const { return kinds_ ? (*kinds_)[row] : RowKind::Insert; }
    void setKinds(std::vector<RowKind> kinds) {
        kinds_ = std::make_shared<const std::vector<RowKind>>(std::move(kinds));
    }
    void shareKinds(const Batch& other) { kinds_ = other.kinds_; }

    // They go with the batch and its copies, not with what is made of it.
    void setHashes(std::shared_ptr<const KeyHashes> hashes) { hashes_ = std::move(hashes); }  // one a row
    // Those of `columns`, in this order; nullptr if it does not have them.
    const uint64_t* hashesOf(std::span<const size_t> columns) const;

    Batch gather(std::span<const uint32_t> selection) const;
    Batch slice(size_t begin, size_t end) const;
    Batch withColumns(std::vector<ColumnPtr> columns) const;  // same rows and kinds
    static Batch concat(std::span<const Batch> batches);
    size_t bytes() const;  // an estimate, for bounds on buffers

  private:
    size_t rows_ = 0;
    std::vector<ColumnPtr> columns_;
    std::shared_ptr<const std::vector<RowKind>> kinds_;
    std::shared_ptr<const KeyHashes> hashes_;
};

// Builds a batch row by row.
class BatchBuilder {
  public:
    explicit BatchBuilder(const Schema& schema, size_t expected_rows = 1024);
    ColumnBuilder& column(size_t index) { return columns_[index]; }
    size_t columnCount() const { return columns_.size(); }
    // Ends a row, to every column of which one value was appended.
    void endRow(RowKind kind = RowKind::Insert);
    void endRows(size_t count);  // inserts, each of whose columns have their values
    void appendRow(std::span<const Value> values, RowKind kind = RowKind::Insert);
    void rollbackRow();          // undoes what was appended since the last endRow()
    void truncate(size_t rows);  // undoes this, too, of the rows from `rows` on
    size_t rows() const { return rows_; }
    Batch finish();

  private:
    std::vector<ColumnBuilder> columns_;
    std::vector<RowKind> kinds_;
    bool has_changes_ = false;
    size_t rows_ = 0;
};

}  // namespace millrace
