// A row of a log (state/keyed_logs.h) as it lies in memory:
//   8 bytes   the address of its key (48 bits); bits 48 to 63: which of the first 16 fields are NULL
//   8 bytes   the address of the key's row before it (48 bits)
//   8 bytes   for each 64 fields beyond the first 16: which are NULL
//   4 bytes   for each string or nested field: where its bytes end, counted from the row's first one
//   the other fields, those of 16, 8, 4 and 1 bytes in this order, the first at a multiple of 8
//   the bytes of strings, as they are, and of nested values, as snapshots have them; in the order of the
//   fields
// and, if it has bytes of strings, padding to a multiple of 8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "batch/column.h"

namespace millrace {

class LogLayout {
  public:
    explicit LogLayout(std::vector<LogicalType> types);

    const std::vector<LogicalType>& types() const { return types_; }
    size_t fixedBytes() const { return fixed_bytes_; }  // of every row
    bool hasTexts() const { return texts_ > 0; }
    size_t rowBytes(const std::byte* row) const {
        return texts_ == 0 ? fixed_bytes_ : (textEnd(row, texts_ - 1) + 7) / 8 * 8;
    }

    static std::byte* keyOf(const std::byte* row) { return addressIn(row); }
    static std::byte* previousOf(const std::byte* row) { return addressIn(row + 8); }
    bool isNull(const std::byte* row, size_t field) const {
        return (row[null_places_[field].byte] & null_places_[field].bit) != std::byte{0};
    }

    // How many bytes the selected rows will take.
    void measure(std::span<const ColumnPtr> columns, std::span<const uint32_t> selection,
                 std::vector<uint32_t>& bytes);
    // Writes them to where there is room for so many; keys and previous rows are to be set before.
    void begin(std::byte* row, const std::byte* key, const std::byte* previous) const {
        std::memcpy(row, &key, kWord);
        std::memcpy(row + kWord, &previous, kWord);
        for (size_t at = kHeaderBytes; at < text_ends_; at += kWord)
            std::memset(row + at, 0, kWord);
    }
    void write(std::span<const ColumnPtr> columns, std::span<const uint32_t> selection,
               std::span<std::byte* const> rows);

    // Fields of many rows. Strings point into the rows, which `keeper` must keep alive.
    std::vector<ColumnPtr> load(std::span<const size_t> fields, std::span<std::byte* const> rows,
                                const std::shared_ptr<const void>& keeper) const;
    // A row whose fields are all NULL, in fixedBytes().
    void makeNothing(std::byte* row, const std::byte* key) const;
    // As encodeRow() (batch/row_layout.h) does it.
    void encode(const std::byte* row, std::string& out) const;

  private:
    static constexpr size_t kWord = 8;
    static constexpr size_t kHeaderBytes = 2 * kWord;
    static constexpr size_t kNoText = SIZE_MAX;
    static constexpr uint64_t kAddress = (uint64_t{1} << 48) - 1;
    struct NullPlace {
        uint32_t byte;
        std::byte bit;
    };
    struct FieldPlace {
        size_t text;      // which of the texts, or kNoText
        uint32_t offset;  // of its end, or of the value
        uint8_t bytes;    // of the value
        bool nested;
    };

    static std::byte* addressIn(const std::byte* at) {
        uint64_t word;
        std::memcpy(&word, at, sizeof(word));
        return reinterpret_cast<std::byte*>(word & kAddress);
    }
    uint32_t textEnd(const std::byte* row, size_t text) const {
        uint32_t end;
        std::memcpy(&end, row + text_ends_ + text * sizeof(end), sizeof(end));
        return end;
    }
    std::string_view textOf(const std::byte* row, size_t text) const {
        const size_t begin = text == 0 ? fixed_bytes_ : textEnd(row, text - 1);
        return {reinterpret_cast<const char*>(row) + begin, textEnd(row, text) - begin};
    }
    ColumnPtr loadNested(size_t field, std::span<std::byte* const> rows) const;
    void loadFlat(size_t field, std::span<std::byte* const> rows, size_t first, Column& column) const;
    void writeText(size_t field, const Column& column, std::span<const uint32_t> selection,
                   std::span<std::byte* const> rows);
    void setNull(std::byte* row, size_t field) const {
        row[null_places_[field].byte] |= null_places_[field].bit;
    }

    std::vector<LogicalType> types_;
    std::vector<NullPlace> null_places_;
    std::vector<FieldPlace> places_;
    size_t texts_ = 0;
    size_t text_ends_ = 0;  // where they stand
    size_t fixed_bytes_ = 0;

    std::vector<std::vector<std::string>> nested_;  // of the rows being measured and written, by text
    std::vector<uint32_t> written_;                 // bytes of each, while texts are written
};

}  // namespace millrace
