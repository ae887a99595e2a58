// The sort columns of a batch as byte strings whose order is that of the rows: NULLs first or last,
// descending columns turned round. So ordered state compares rows with one memcmp, whatever their types.
//
// A column is a byte that tells NULL from a value, then the value: integers big-endian with the sign bit
// turned, DECIMAL likewise, FLOAT and DOUBLE by their bits (-0 is 0, NaN the largest), strings with each 0
// byte written as 00 FF and closed by 00 00. Descending, the bytes of the value are inverted.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "batch/column.h"
#include "operators/sort.h"

namespace millrace {

class SortKeys {
  public:
    void encode(std::span<const ColumnPtr> columns, std::span<const SortOrder> order, size_t rows);
    size_t size(size_t row) const { return long_ ? begin_[row + 1] - begin_[row] : fixed_bytes_; }
    // The whole of a key that may go on behind its prefix; only if areLong().
    std::string_view at(size_t row) const { return {bytes_.data() + begin_[row], size(row)}; }

    // The first bytes of a key as numbers of their order, with 0 for those behind its end.
    using Prefix = std::array<uint64_t, 3>;
    const Prefix& prefix(size_t row) const { return prefixes_[row]; }
    static bool less(const Prefix& left, const Prefix& right) {
        if (left[0] != right[0]) return left[0] < right[0];
        return left[1] != right[1] ? left[1] < right[1] : left[2] < right[2];
    }
    // Whether keys of columns of those types may go on behind their prefix.
    static bool areLong(std::span<const LogicalType> types);
    bool areLong() const { return long_; }
    // Whether a key of this batch comes before one of another batch of the same columns.
    bool less(size_t row, const SortKeys& other, size_t other_row) const {
        if (long_) return at(row) < other.at(other_row);
        return less(prefix(row), other.prefix(other_row));
    }

  private:
    void encodeWords(std::span<const ColumnPtr> columns, std::span<const SortOrder> order, size_t rows);
    void encodeBytes(std::span<const ColumnPtr> columns, std::span<const SortOrder> order, size_t rows);
    void setPrefixes();
    bool long_ = false;
    size_t fixed_bytes_ = 0;  // of the columns that are not strings
    // If they are long: the keys' bytes, and as many as a prefix has behind them.
    std::vector<char> bytes_;
    std::vector<size_t> begin_;
    std::vector<size_t> at_;  // scratch
    std::vector<Prefix> prefixes_;
};

// A key by itself: what it is compared by lies within, unless it is long.
class SortKey {
  public:
    SortKey() = default;  // before all others
    SortKey(const SortKeys& keys, size_t row);
    SortKey(const SortKey& other);
    SortKey& operator=(const SortKey& other);
    SortKey(SortKey&&) noexcept = default;
    SortKey& operator=(SortKey&&) noexcept = default;
    ~SortKey() = default;

    bool operator==(const SortKey& other) const { return (*this <=> other) == 0; }
    std::strong_ordering operator<=>(const SortKey& other) const {
        for (size_t i = 0; i < words_.size(); ++i) {
            if (words_[i] != other.words_[i]) return words_[i] <=> other.words_[i];
        }
        if (!(rest_ || other.rest_)) return std::strong_ordering::equal;
        return compareRest(other);
    }

    // The value of its first column, which is ascending, 64 bits wide and not NULL.
    int64_t int64() const {
        const uint64_t bits = words_[0] << 8 | words_[1] >> 56;
        return static_cast<int64_t>(bits ^ (uint64_t{1} << 63));
    }
    uint8_t byte(size_t at) const {  // one of the first, as far as a prefix goes
        return static_cast<uint8_t>(words_[at / 8] >> (56 - at % 8 * 8));
    }

  private:
    std::strong_ordering compareRest(const SortKey& other) const;
    SortKeys::Prefix words_{};
    std::unique_ptr<const std::string> rest_;  // what is behind them, if anything is
};

}  // namespace millrace
