#include "operators/sort_keys.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace millrace {

namespace {

template <class T>
size_t encodedBytes() {
    return 1 + sizeof(T);
}

// The value as an unsigned number of the same order.
template <class T>
auto ordered(T value) {
    if constexpr (std::is_same_v<T, uint8_t>) {
        return value;
    } else if constexpr (std::is_floating_point_v<T>) {
        using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
        constexpr Bits kSign = Bits{1} << (sizeof(T) * 8 - 1);
        if (value == 0) value = 0;
        if (std::isnan(value)) value = std::numeric_limits<T>::quiet_NaN();
        const auto bits = std::bit_cast<Bits>(value);
        return (bits & kSign) ? static_cast<Bits>(~bits) : static_cast<Bits>(bits | kSign);
    } else if constexpr (sizeof(T) == 16) {
        return static_cast<unsigned __int128>(value) ^ (static_cast<unsigned __int128>(1) << 127);
    } else {
        using Bits = std::make_unsigned_t<T>;
        return static_cast<Bits>(static_cast<Bits>(value) ^ (Bits{1} << (sizeof(T) * 8 - 1)));
    }
}

template <class Bits>
Bits bigEndian(Bits bits) {
    if constexpr (sizeof(Bits) == 1) return bits;
    if constexpr (sizeof(Bits) == 2) return __builtin_bswap16(bits);
    if constexpr (sizeof(Bits) == 4) return __builtin_bswap32(bits);
    if constexpr (sizeof(Bits) == 8) return __builtin_bswap64(bits);
    if constexpr (sizeof(Bits) == 16) {
        const auto low = static_cast<uint64_t>(bits), high = static_cast<uint64_t>(bits >> 64);
        return static_cast<Bits>(__builtin_bswap64(low)) << 64 | __builtin_bswap64(high);
    }
}

template <class T>
void writeFixed(T value, bool descending, char* out) {
    auto bits = ordered(value);
    if (descending) bits = static_cast<decltype(bits)>(~bits);
    bits = bigEndian(bits);
    std::memcpy(out, &bits, sizeof(bits));
}

char marker(bool null, const SortOrder& order) {
    return static_cast<char>(null == order.nulls_first ? 0 : 1);
}

size_t stringBytes(std::string_view text) {
    size_t bytes = text.size() + 3;
    for (const char c : text)
        bytes += c == 0;
    return bytes;
}

char* writeString(std::string_view text, bool descending, char* out) {
    const char turn = descending ? static_cast<char>(0xFF) : 0;
    for (const char c : text) {
        *out++ = static_cast<char>(c ^ turn);
        if (c == 0) *out++ = static_cast<char>(0xFF ^ turn);
    }
    *out++ = turn;
    *out++ = turn;
    return out;
}

// Into bits that are zero, the most significant first; what does not fit a prefix is zero.
void putBits(SortKeys::Prefix& words, size_t at, uint64_t bits) {
    const size_t word = at / 64, shift = at % 64;
    words[word] |= bits >> shift;
    if (shift > 0 && word + 1 < words.size()) words[word + 1] |= bits << (64 - shift);
}

// A value's bits, the first one first.
template <class T>
void putValue(SortKeys::Prefix& words, size_t at, T value, bool descending) {
    auto bits = ordered(value);
    if (descending) bits = static_cast<decltype(bits)>(~bits);
    if constexpr (sizeof(T) == 16) {
        putBits(words, at, static_cast<uint64_t>(bits >> 64));
        putBits(words, at + 64, static_cast<uint64_t>(bits));
    } else {
        putBits(words, at, static_cast<uint64_t>(bits) << (64 - 8 * sizeof(T)));
    }
}

}  // namespace

void SortKeys::encode(std::span<const ColumnPtr> columns, std::span<const SortOrder> order, size_t rows) {
    fixed_bytes_ = 0;
    long_ = false;
    for (const ColumnPtr& column : columns) {
        if (column->physical() == PhysicalType::String) {
            long_ = true;
        } else {
            fixed_bytes_ += dispatchPhysical(column->physical(), []<class T>() { return encodedBytes<T>(); });
        }
    }
    long_ |= fixed_bytes_ > sizeof(Prefix);
    if (long_) {
        encodeBytes(columns, order, rows);
    } else {
        encodeWords(columns, order, rows);
    }
}

void SortKeys::encodeWords(std::span<const ColumnPtr> columns, std::span<const SortOrder> order,
                           size_t rows) {
    prefixes_.assign(rows, Prefix{});
    size_t at = 0;
    for (size_t c = 0; c < columns.size(); ++c) {
        const Column& column = *columns[c];
        dispatchPhysical(column.physical(), [&]<class T>() {
            if constexpr (!std::is_same_v<T, StringView>) {
                const T* values = column.data<T>();
                const auto marker_bits = [&](bool null) {
                    return static_cast<uint64_t>(marker(null, order[c])) << 56;
                };
                const auto put = [&](size_t row, bool descending) {
                    putBits(prefixes_[row], at, marker_bits(false));
                    putValue<T>(prefixes_[row], at + 8, values[row], descending);
                };
                if (column.validity() != nullptr) {
                    for (size_t row = 0; row < rows; ++row) {
                        if (column.isNull(row)) {
                            putBits(prefixes_[row], at, marker_bits(true));
                        } else {
                            put(row, order[c].descending);
                        }
                    }
                } else if (order[c].descending) {
                    for (size_t row = 0; row < rows; ++row)
                        put(row, true);
                } else {
                    for (size_t row = 0; row < rows; ++row)
                        put(row, false);
                }
                at += 8 * encodedBytes<T>();
            }
        });
    }
}

void SortKeys::encodeBytes(std::span<const ColumnPtr> columns, std::span<const SortOrder> order,
                           size_t rows) {
    // First how long each row's key is, then where it starts, then the bytes, column by column.
    begin_.assign(rows + 1, fixed_bytes_);
    begin_[0] = 0;
    for (const ColumnPtr& column : columns) {
        if (column->physical() != PhysicalType::String) continue;
        const StringView* values = column->data<StringView>();
        for (size_t i = 0; i < rows; ++i)
            begin_[i + 1] += column->isNull(i) ? 1 : stringBytes(values[i].view());
    }
    for (size_t i = 0; i < rows; ++i)
        begin_[i + 1] += begin_[i];
    bytes_.resize(begin_[rows] + sizeof(Prefix));

    at_.assign(begin_.begin(), begin_.end() - 1);
    for (size_t c = 0; c < columns.size(); ++c) {
        const Column& column = *columns[c];
        const bool descending = order[c].descending;
        if (column.physical() == PhysicalType::String) {
            const StringView* values = column.data<StringView>();
            for (size_t i = 0; i < rows; ++i) {
                char* out = bytes_.data() + at_[i];
                *out = marker(column.isNull(i), order[c]);
                char* end = column.isNull(i) ? out + 1 : writeString(values[i].view(), descending, out + 1);
                at_[i] += static_cast<size_t>(end - out);
            }
            continue;
        }
        dispatchPhysical(column.physical(), [&]<class T>() {
            if constexpr (!std::is_same_v<T, StringView>) {
                const T* values = column.data<T>();
                const char value_marker = marker(false, order[c]);
                for (size_t i = 0; i < rows; ++i) {
                    char* out = bytes_.data() + at_[i];
                    *out = value_marker;
                    writeFixed(values[i], descending, out + 1);
                    at_[i] += encodedBytes<T>();
                }
                if (column.validity() == nullptr) return;
                for (size_t i = 0; i < rows; ++i) {
                    if (!column.isNull(i)) continue;
                    char* out = bytes_.data() + at_[i] - encodedBytes<T>();
                    *out = marker(true, order[c]);
                    std::memset(out + 1, 0, sizeof(T));
                }
            }
        });
    }
    setPrefixes();
}

void SortKeys::setPrefixes() {
    prefixes_.resize(begin_.size() - 1);
    const auto mask = [](size_t left) {
        return left == 0 ? 0 : ~uint64_t{0} << (left < 8 ? 64 - 8 * left : 0);
    };
    for (size_t row = 0; row < prefixes_.size(); ++row) {
        Prefix& words = prefixes_[row];
        std::memcpy(words.data(), bytes_.data() + begin_[row], sizeof(words));
        size_t left = begin_[row + 1] - begin_[row];
        for (uint64_t& word : words) {
            word = __builtin_bswap64(word) & mask(left);
            left -= std::min<size_t>(left, 8);
        }
    }
}

bool SortKeys::areLong(std::span<const LogicalType> types) {
    size_t bytes = 0;
    for (const LogicalType& type : types) {
        if (type.physical() == PhysicalType::String) return true;
        bytes += dispatchPhysical(type.physical(), []<class T>() { return encodedBytes<T>(); });
    }
    return bytes > sizeof(Prefix);
}

SortKey::SortKey(const SortKeys& keys, size_t row) : words_(keys.prefix(row)) {
    if (keys.size(row) > sizeof(words_)) {
        rest_ = std::make_unique<const std::string>(keys.at(row).substr(sizeof(words_)));
    }
}

SortKey::SortKey(const SortKey& other)
    : words_(other.words_),
      rest_(other.rest_ ? std::make_unique<const std::string>(*other.rest_) : nullptr) {}

SortKey& SortKey::operator=(const SortKey& other) {
    if (this != &other) *this = SortKey(other);
    return *this;
}

std::strong_ordering SortKey::compareRest(const SortKey& other) const {
    const std::string_view mine = rest_ ? std::string_view(*rest_) : std::string_view();
    const std::string_view others = other.rest_ ? std::string_view(*other.rest_) : std::string_view();
    return mine <=> others;
}

}  // namespace millrace
