// Rows in state: fixed-width records of several fields, as hash tables and accumulators keep them.
//
// A row is [one validity byte a field, padded to 8][the fields at their offsets, each 8-byte aligned]. Flat
// types take 8 bytes, DECIMAL above 18 digits and strings 16. A string that is not inline points into the
// table's RowHeap. A field of type MAP or MULTISET holds a RowMap*, owned by the row (nullptr is empty);
// ARRAY and ROW hold a Value*, likewise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/memory_source.h"
#include "batch/column.h"

namespace millrace {

// A field's value. Fields are 8-byte aligned, so a 16-byte integer may not be: always through memcpy.
template <class T>
T loadField(const std::byte* at) {
    T value;
    std::memcpy(&value, at, sizeof(T));
    return value;
}

// An ordered map from value to value; aggregates over retractions and DISTINCT keep value -> count in it.
using RowMap = std::map<Value, Value>;

class RowLayout {
  public:
    // How a field is written in snapshots, worked out once.
    enum class Form : uint8_t { Fixed, String, Nested };
    struct Code {
        uint32_t offset;
        uint8_t bytes;  // of a Fixed value
        Form form;
    };

    RowLayout() = default;
    explicit RowLayout(std::vector<LogicalType> types);

    size_t fieldCount() const { return types_.size(); }
    const std::vector<LogicalType>& types() const { return types_; }
    uint32_t offset(size_t field) const { return offsets_[field]; }
    uint32_t rowBytes() const { return row_bytes_; }
    bool ownsMemory() const { return owns_memory_; }  // some field may hold memory that releaseRow must free
    const std::vector<Code>& codes() const { return codes_; }

    static bool isNull(const std::byte* row, size_t field) { return static_cast<uint8_t>(row[field]) == 0; }
    static void setNull(std::byte* row, size_t field, bool null) {
        row[field] = static_cast<std::byte>(null ? 0 : 1);
    }
    template <class T>
    static T& at(std::byte* row, uint32_t offset) {
        return *reinterpret_cast<T*>(row + offset);
    }
    template <class T>
    static const T& at(const std::byte* row, uint32_t offset) {
        return *reinterpret_cast<const T*>(row + offset);
    }

  private:
    std::vector<LogicalType> types_;
    std::vector<uint32_t> offsets_;
    std::vector<Code> codes_;
    uint32_t row_bytes_ = 0;
    bool owns_memory_ = false;
};

// Memory of the long strings of a table's rows: size classes with free lists, so that replaced strings are
// reused.
class RowHeap {
  public:
    explicit RowHeap(MemorySource& memory = heapMemory());
    ~RowHeap();
    RowHeap(RowHeap&&) noexcept;
    StringView store(std::string_view text);                // inline ones cost nothing
    void release(StringView text);                          // of an earlier store()
    void replace(StringView& slot, std::string_view text);  // release the old, store the new
    size_t bytes() const { return bytes_; }                 // held, free lists included
    // While what it gives lives, on any thread, strings stored so far stay as they are, even if they are
    // released: so columns can point to them. nullptr where the memory may be gone before.
    std::shared_ptr<const void> lend();

  private:
    struct Classes;
    void recycle(StringView text);
    void recycleReleased();
    MemorySource* memory_;
    std::shared_ptr<Classes> classes_;
    size_t bytes_ = 0;
};

// Between columns and rows. `field` is the row's; NULL is kept. The slot must be released or fresh (all zero)
// before.
void storeField(const RowLayout& layout, size_t field, const Column& column, size_t index, std::byte* row,
                RowHeap& heap);
void storeValue(const RowLayout& layout, size_t field, const Value& value, std::byte* row, RowHeap& heap);
Value loadValue(const RowLayout& layout, size_t field, const std::byte* row);
// A column of one field of many rows. Long strings are copied: rows may change or go while the column lives.
ColumnPtr loadColumn(const RowLayout& layout, size_t field, std::span<std::byte* const> rows);
void loadInto(const RowLayout& layout, size_t field, const std::byte* row, ColumnBuilder& out);
bool fieldEquals(const RowLayout& layout, size_t field, const std::byte* row, const Column& column,
                 size_t index);
// Frees what the row's fields own; the row is all zero (every field NULL) afterwards.
void releaseRow(const RowLayout& layout, std::byte* row, RowHeap& heap);
void releaseFields(const RowLayout& layout, std::byte* row, size_t first, size_t last, RowHeap& heap);

// The row's bytes for snapshots (docs/formats/snapshot.md, "Rows"): per field a validity byte, then the
// value: little-endian integers of the type's width, strings as varint length and bytes, maps and nested as
// their Values in order. `first` and `last` choose fields, [first, last).
void encodeFields(const RowLayout& layout, const std::byte* row, size_t first, size_t last, std::string& out);
void encodeRow(const RowLayout& layout, const std::byte* row, std::string& out);
// Read what those wrote, advancing `in`; the fields must be released or fresh before. UserError
// "snapshot.damaged" if it does not fit.
void decodeFields(const RowLayout& layout, std::string_view& in, size_t first, size_t last, std::byte* row,
                  RowHeap& heap);
void decodeRow(const RowLayout& layout, std::string_view& in, std::byte* row, RowHeap& heap);
// Advances `in` beyond the fields without making anything of them; checks their bounds only.
void skipFields(const RowLayout& layout, std::string_view& in, size_t first, size_t last);

}  // namespace millrace
