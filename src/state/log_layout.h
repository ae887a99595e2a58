// A row of a log (state/keyed_logs.h), or a record (state/keyed_records.h), as it lies in memory:
//   8 bytes   of a log: its key's address (48 bits); bits 48 to 63: which of the first 16 fields are NULL
//   8 bytes   of a record: what else its header has (state/hashmap/record_header.h)
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
    static constexpr size_t kWord = 8;

    explicit LogLayout(std::vector<LogicalType> types, size_t header_bytes = kWord);  // a multiple of 8

    const std::vector<LogicalType>& types() const { return types_; }
    size_t fixedBytes() const { return fixed_bytes_; }  // of every row
    bool hasTexts() const { return texts_ > 0; }
    size_t rowBytes(const std::byte* row) const {
        return texts_ == 0 ? fixed_bytes_ : (textEnd(row, texts_ - 1) + 7) / 8 * 8;
    }

    static std::byte* keyOf(const std::byte* row) {
        uint64_t word;
        std::memcpy(&word, row, sizeof(word));
        return reinterpret_cast<std::byte*>(word << 16 >> 16);
    }
    bool isNull(const std::byte* row, size_t field) const {
        return (row[null_places_[field].byte] & null_places_[field].bit) != std::byte{0};
    }

    // How many bytes the selected rows will take.
    void measure(std::span<const ColumnPtr> columns, std::span<const uint32_t> selection,
                 std::vector<uint32_t>& bytes);
    // Writes them to where there is room for so many; they are to be begun before.
    void begin(std::byte* row, const std::byte* key) const {
        std::memcpy(row, &key, kWord);
        for (size_t at = kWord; at < text_ends_; at += kWord)
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
    static constexpr size_t kNoText = SIZE_MAX;
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
