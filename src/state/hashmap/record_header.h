// How the rows of KeyedRecords begin (state/keyed_records.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace millrace {

struct RecordHeader {
    uint32_t changed;  // the epoch
    uint16_t live;
    uint16_t nulls;  // LogLayout's
    int64_t number;  // once its memory may be used again: the next such row

    static RecordHeader of(const std::byte* row) {
        RecordHeader header;
        std::memcpy(&header, row, sizeof(header));
        return header;
    }
    void putTo(std::byte* row) const { std::memcpy(row, this, sizeof(*this)); }

    std::byte* next() const { return reinterpret_cast<std::byte*>(static_cast<uintptr_t>(number)); }
    void setNext(std::byte* row) { number = static_cast<int64_t>(reinterpret_cast<uintptr_t>(row)); }
};
static_assert(sizeof(RecordHeader) == 16);

}  // namespace millrace
