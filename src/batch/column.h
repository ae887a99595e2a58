// A column: the values of one field for every row of a batch. Written once by whoever makes it, then shared
// as a ColumnPtr and never changed.
//
// Layout: `data` is size() values of the physical type, 64-byte aligned; `validity` is one byte a row, 1 for
// a value and 0 for NULL, absent when nothing is NULL. What lies under a NULL is zero-initialised or any
// valid value: kernels may compute on it. Strings that are not inline point into memory owned by the column's
// keepers. A List has one child (Struct of two for MAP) and offsets of size() + 1 int32 in `data`; a Struct
// has a child a field.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "batch/string_view.h"
#include "types/logical_type.h"
#include "types/value.h"

namespace millrace {

class Column;
using ColumnPtr = std::shared_ptr<const Column>;

template <PhysicalType>
struct PhysicalRepresentation;
template <>
struct PhysicalRepresentation<PhysicalType::Bool> {
    using type = uint8_t;
};
template <>
struct PhysicalRepresentation<PhysicalType::Int32> {
    using type = int32_t;
};
template <>
struct PhysicalRepresentation<PhysicalType::Int64> {
    using type = int64_t;
};
template <>
struct PhysicalRepresentation<PhysicalType::Int128> {
    using type = Int128;
};
template <>
struct PhysicalRepresentation<PhysicalType::Float32> {
    using type = float;
};
template <>
struct PhysicalRepresentation<PhysicalType::Float64> {
    using type = double;
};
template <>
struct PhysicalRepresentation<PhysicalType::String> {
    using type = StringView;
};

// Calls f.template operator()<T>() with the representation of a flat physical type; List and Struct are an
// InternalError.
template <class F>
decltype(auto) dispatchPhysical(PhysicalType physical, F&& f);

// Rows chosen from a batch, ascending.
using Selection = std::vector<uint32_t>;

// Memory for strings: append-only chunks that a column keeps alive.
class StringHeap {
  public:
    StringView add(std::string_view text);  // copies unless inline
    char* reserve(size_t size);             // `size` contiguous bytes, to be filled by the caller
    // The same for a text whose size is not known before: room for `size_max` bytes, which stays free until
    // the first of them are taken.
    char* room(size_t size_max) {
        if (size_max > left_) addChunk(size_max);
        return at_;
    }
    void take(size_t size) {
        at_ += size;
        left_ -= size;
    }

  private:
    void addChunk(size_t size_min);
    std::vector<std::unique_ptr<char[]>> chunks_;
    char* at_ = nullptr;
    size_t left_ = 0;
    size_t next_chunk_ = 4096;
};

// A 64-byte aligned block, recycled through a per-thread pool; never shrinks.
class Buffer {
  public:
    Buffer() = default;
    explicit Buffer(size_t bytes);
    Buffer(Buffer&& other) noexcept;
    Buffer& operator=(Buffer&& other) noexcept;
    ~Buffer();
    std::byte* data() { return data_; }
    const std::byte* data() const { return data_; }
    size_t capacity() const { return capacity_; }

  private:
    std::byte* data_ = nullptr;
    size_t capacity_ = 0;
};

class Column {
  public:
    // A column of `size` values, to be written through mutableData(); contents start undefined (zero for
    // strings).
    Column(LogicalType type, size_t size);

    const LogicalType& type() const { return type_; }
    PhysicalType physical() const { return physical_; }
    size_t size() const { return size_; }

    template <class T>
    const T* data() const {
        return reinterpret_cast<const T*>(values_);
    }
    template <class T>
    T* mutableData() {
        return reinterpret_cast<T*>(values_);
    }

    const uint8_t* validity() const { return valid_; }
    uint8_t* mutableValidity();  // made, all valid, on the first call
    bool isNull(size_t row) const { return valid_ != nullptr && valid_[row] == 0; }
    bool hasNulls() const;  // looks at every row
    // Whether all rows are the same bytes, as those of a day or a constant are; false for nested types. It
    // mostly takes a look at two rows.
    bool repeatsOneValue() const;
    void setNull(size_t row) { mutableValidity()[row] = 0; }

    StringHeap& heap();  // for strings of this column; kept with it
    void keep(std::shared_ptr<const void> keeper) { keepers_.push_back(std::move(keeper)); }
    void keepAllOf(const Column& other);  // whatever the other's strings point into

    const std::vector<ColumnPtr>& children() const { return children_; }
    void setChildren(std::vector<ColumnPtr> children) { children_ = std::move(children); }

    Value valueAt(size_t row) const;
    std::string textAt(size_t row) const { return valueAt(row).toString(type_); }

    // The rows of `selection`, in its order.
    static ColumnPtr gather(const ColumnPtr& column, std::span<const uint32_t> selection);
    static ColumnPtr slice(const ColumnPtr& column, size_t begin, size_t end);
    static ColumnPtr concat(std::span<const ColumnPtr> columns);  // same type, at least one
    static ColumnPtr constant(const LogicalType& type, const Value& value, size_t size);
    static ColumnPtr of(const LogicalType& type, std::span<const Value> values);
    // The same values under another type of the same physical type (nullability, precision of a timestamp);
    // shares memory.
    static ColumnPtr retyped(const ColumnPtr& column, const LogicalType& type);

  private:
    friend class ColumnBuilder;
    struct Adopt {};  // for memory that is handed over
    static std::shared_ptr<Column> undefined(const LogicalType& type, size_t size);  // strings, too
    Column(Adopt, LogicalType type, size_t size);
    static ColumnPtr view(const ColumnPtr& column, const LogicalType& type,
                          size_t size);  // the first rows, sharing memory

    LogicalType type_;
    PhysicalType physical_;
    size_t size_;
    std::byte* values_ = nullptr;  // in data_, or in the column that this is another view of, which is kept
    uint8_t* valid_ = nullptr;
    Buffer data_;
    Buffer validity_;
    std::shared_ptr<StringHeap> heap_;
    std::vector<std::shared_ptr<const void>> keepers_;
    std::vector<ColumnPtr> children_;
};

// Appends values one by one when the number of rows is not known before: decoders, aggregate results.
class ColumnBuilder {
  public:
    explicit ColumnBuilder(LogicalType type, size_t expected_rows = 1024);
    ~ColumnBuilder();
    ColumnBuilder(ColumnBuilder&&) noexcept;
    ColumnBuilder& operator=(ColumnBuilder&&) noexcept;

    const LogicalType& type() const { return type_; }
    size_t size() const { return size_; }
    bool isNull(size_t row) const {
        return has_validity_ && reinterpret_cast<const uint8_t*>(validity_.data())[row] == 0;
    }
    template <class T>  // T is the representation of the type's physical type (not StringView)
    void append(T value) {
        if (size_ == capacity_) grow();
        reinterpret_cast<T*>(data_.data())[size_] = value;
        if (has_validity_) reinterpret_cast<uint8_t*>(validity_.data())[size_] = 1;
        ++size_;
    }
    void appendString(std::string_view text) { append(heap_->add(text)); }  // copies
    void appendStringView(StringView text) { append(text); }                // the bytes must be kept: keep()
    void keep(std::shared_ptr<const void> keeper) { keepers_.push_back(std::move(keeper)); }
    StringHeap& heap() { return *heap_; }  // of texts: what appendStringView() may point into
    void appendNull();
    void appendNulls(size_t count);
    void appendValue(const Value& value);               // any type, nested included; NULL too
    void appendFrom(const Column& column, size_t row);  // same physical type
    void truncate(size_t size);                         // drops the rows from `size` on
    // Nested types: a List is closed by endList() after its elements were appended to child(0); a Struct by
    // endStruct() after one value was appended to each child.
    ColumnBuilder& child(size_t index) { return *children_[index]; }
    void endList();
    void endStruct();
    ColumnPtr finish();  // the builder is empty afterwards and can be used again

  private:
    void grow();
    LogicalType type_;
    PhysicalType physical_;
    size_t size_ = 0;
    size_t capacity_ = 0;
    size_t first_capacity_;
    bool has_validity_ = false;
    Buffer data_;
    Buffer validity_;
    std::shared_ptr<StringHeap> heap_;
    std::vector<std::shared_ptr<const void>> keepers_;
    std::vector<std::unique_ptr<ColumnBuilder>> children_;
};

template <class F>
decltype(auto) dispatchPhysical(PhysicalType physical, F&& f) {
    switch (physical) {
        case PhysicalType::Bool:
            return f.template operator()<uint8_t>();
        case PhysicalType::Int32:
            return f.template operator()<int32_t>();
        case PhysicalType::Int64:
            return f.template operator()<int64_t>();
        case PhysicalType::Int128:
            return f.template operator()<Int128>();
        case PhysicalType::Float32:
            return f.template operator()<float>();
        case PhysicalType::Float64:
            return f.template operator()<double>();
        case PhysicalType::String:
            return f.template operator()<StringView>();
        default:
            break;
    }
    throw InternalError("a nested type has no flat representation");
}

// The type of a List column's child: an ARRAY's element; (key, value) of a MAP, (element, count) of a
// MULTISET.
LogicalType listChildType(const LogicalType& type);

// Hashes of rows over some columns, the base of key groups and hash tables; NULL hashes as itself, -0.0 as
// 0.0. Stable.
void hashColumns(std::span<const ColumnPtr> columns, size_t rows, std::vector<uint64_t>& out);

}  // namespace millrace
