// The hash of a row decides its key group, so snapshots depend on every line here.
#include <cmath>

#include "base/hash.h"
#include "batch/column.h"

namespace millrace {

namespace {

constexpr uint64_t kNullHash = 0x9AE16A3B2F90404FULL;

uint64_t hashOf(uint8_t value) { return mixHash(value + 1); }
uint64_t hashOf(int64_t value) { return mixHash(static_cast<uint64_t>(value)); }
uint64_t hashOf(int32_t value) { return hashOf(static_cast<int64_t>(value)); }
uint64_t hashOf(Int128 value) {
    const auto bits = static_cast<unsigned __int128>(value);
    return combineHash(mixHash(static_cast<uint64_t>(bits)), static_cast<uint64_t>(bits >> 64));
}
uint64_t hashOf(double value) {
    if (value == 0) value = 0;  // -0.0 as 0.0
    if (std::isnan(value)) value = std::nan("");
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(bits));
    return mixHash(bits);
}
uint64_t hashOf(float value) { return hashOf(static_cast<double>(value)); }
uint64_t hashOf(StringView value) {
    if (!value.isInline()) return hashBytes(value.view());
    uint64_t words[2];
    std::memcpy(words, &value, sizeof(words));
    return mixHash(mixHash(words[0]) ^ (words[1] * 0x9E3779B97F4A7C15ULL));
}

template <class T, bool kFirst>
void hashFlat(const Column& column, size_t rows, uint64_t* out) {
    const T* const values = column.data<T>();
    const uint8_t* const valid = column.validity();
    if (rows > 1 && column.repeatsOneValue()) {
        const uint64_t hash = column.isNull(0) ? kNullHash : hashOf(values[0]);
        for (size_t i = 0; i < rows; ++i)
            out[i] = kFirst ? hash : combineHash(out[i], hash);
        return;
    }
    for (size_t i = 0; i < rows; ++i) {
        uint64_t hash = hashOf(values[i]);
        if (valid != nullptr) hash = valid[i] != 0 ? hash : kNullHash;
        out[i] = kFirst ? hash : combineHash(out[i], hash);
    }
}

void hashNested(const Column& column, size_t rows, std::vector<uint64_t>& hashes) {
    if (column.physical() == PhysicalType::Struct) {
        hashColumns(column.children(), rows, hashes);
        if (column.children().empty()) hashes.assign(rows, 0);
    } else {
        const auto* offsets = column.data<int32_t>();
        std::vector<uint64_t> elements;
        hashColumns(column.children(), static_cast<size_t>(offsets[rows]), elements);
        hashes.resize(rows);
        for (size_t i = 0; i < rows; ++i) {
            uint64_t hash = mixHash(static_cast<uint64_t>(offsets[i + 1] - offsets[i]));
            for (int32_t at = offsets[i]; at < offsets[i + 1]; ++at) {
                hash = combineHash(hash, elements[static_cast<size_t>(at)]);
            }
            hashes[i] = hash;
        }
    }
    for (size_t i = 0; i < rows; ++i) {
        if (column.isNull(i)) hashes[i] = kNullHash;
    }
}

}  // namespace

void hashColumns(std::span<const ColumnPtr> columns, size_t rows, std::vector<uint64_t>& out) {
    out.resize(rows);
    if (columns.empty()) out.assign(rows, 0);
    for (size_t c = 0; c < columns.size(); ++c) {
        const Column& column = *columns[c];
        if (column.physical() == PhysicalType::List || column.physical() == PhysicalType::Struct) {
            std::vector<uint64_t> hashes;
            hashNested(column, rows, hashes);
            for (size_t i = 0; i < rows; ++i)
                out[i] = c == 0 ? hashes[i] : combineHash(out[i], hashes[i]);
            continue;
        }
        dispatchPhysical(column.physical(), [&]<class T>() {
            if (c == 0) {
                hashFlat<T, true>(column, rows, out.data());
            } else {
                hashFlat<T, false>(column, rows, out.data());
            }
        });
    }
}

}  // namespace millrace
