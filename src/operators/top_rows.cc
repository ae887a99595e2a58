#include "operators/top_rows.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/error.h"
#include "base/memory_source.h"

namespace millrace {

namespace {

constexpr size_t kFirstChunkBytes = 4096;
constexpr size_t kPrefixWords = std::tuple_size_v<SortKeys::Prefix>;

// A whole key is kept as its length and its bytes.
uint64_t copyOfKey(std::string_view key) {
    char* copy = new char[sizeof(uint64_t) + key.size()];
    const uint64_t size = key.size();
    std::memcpy(copy, &size, sizeof(size));
    std::memcpy(copy + sizeof(size), key.data(), key.size());
    return reinterpret_cast<uintptr_t>(copy);
}

std::string_view keyAtAddress(uint64_t address) {
    const char* copy = reinterpret_cast<const char*>(address);
    uint64_t size = 0;
    std::memcpy(&size, copy, sizeof(size));
    return {copy + sizeof(size), size};
}

}  // namespace

TopRows::TopRows(size_t rows_max, std::span<const LogicalType> types)
    : rows_max_(rows_max),
      long_keys_(SortKeys::areLong(types)),
      key_words_(long_keys_ ? kPrefixWords : std::max<size_t>(1, (SortKeys::bytesOf(types) + 7) / 8)) {
    MILLRACE_CHECK(rows_max > 0 && rows_max <= kRowsMax, "{} rows", rows_max);
}

TopRows::~TopRows() {
    for (const Partition& at : partitions_) {
        for (size_t row = 0; long_keys_ && row < at.size; ++row)
            drop(at, row);
    }
    for (const auto& [chunk, bytes] : chunks_)
        heapMemory().give(chunk, bytes);
}

void TopRows::drop(const Partition& at, size_t row) const {
    if (long_keys_) delete[] reinterpret_cast<char*>(word(at, kPrefixWords - 1)[row]);
}

bool TopRows::lessBehindFirst(const Key& key, const Partition& at, size_t row) const {
    if (key_words_ == 1) return false;
    const SortKeys::Prefix& prefix = key.prefix();
    if (const uint64_t second = word(at, 1)[row]; prefix[1] != second) return prefix[1] < second;
    if (key_words_ == 2) return false;
    const uint64_t third = word(at, 2)[row];
    return long_keys_ ? key.whole() < keyAtAddress(third) : prefix[2] < third;
}

void TopRows::growTo(size_t partitions) {
    if (partitions > partitions_.size()) partitions_.resize(partitions);
}

uint64_t* TopRows::takeBlock(size_t power) {
    std::vector<uint64_t*>& blocks = free_blocks_[power];
    if (!blocks.empty()) {
        uint64_t* block = blocks.back();
        blocks.pop_back();
        return block;
    }
    const size_t words = blockWords(power);
    if (words > unused_words_) {
        // What is left of the chunk serves smaller blocks.
        for (size_t smaller = power; smaller-- > kFirstPower;) {
            const size_t size = blockWords(smaller);
            if (size > unused_words_) continue;
            free_blocks_[smaller].push_back(unused_);
            unused_ += size;
            unused_words_ -= size;
        }
        const size_t wanted =
            chunks_.empty() ? kFirstChunkBytes : std::min(chunks_.back().second * 2, MemorySource::kHugePage);
        const size_t bytes = std::max(wanted, std::bit_ceil(words * sizeof(uint64_t)));
        std::byte* const chunk = heapMemory().take(bytes);
        unused_ = reinterpret_cast<uint64_t*>(chunk);
        unused_words_ = bytes / sizeof(uint64_t);
        chunks_.emplace_back(chunk, bytes);
    }
    uint64_t* block = unused_;
    unused_ += words;
    unused_words_ -= words;
    return block;
}

void TopRows::giveBlock(uint64_t* block, size_t power) { free_blocks_[power].push_back(block); }

// Behind the rows that do not come after it.
size_t TopRows::placeOf(const Key& key, const Partition& at) const {
    // So few are counted faster, without a branch each, than they are searched.
    constexpr size_t kCounted = 32;
    const uint64_t* const firsts = word(at, 0);
    const uint64_t first = key.prefix()[0];
    size_t place = 0;
    if (at.size <= kCounted) {
        for (size_t row = 0; row < at.size; ++row)
            place += firsts[row] < first;
    } else {
        place = static_cast<size_t>(std::lower_bound(firsts, firsts + at.size, first) - firsts);
    }
    if (place == at.size || firsts[place] != first) return place;
    const auto end = static_cast<size_t>(std::upper_bound(firsts + place, firsts + at.size, first) - firsts);
    const auto* const found = std::partition_point(firsts + place, firsts + end, [&](const uint64_t& other) {
        return !lessBehindFirst(key, at, static_cast<size_t>(&other - firsts));
    });
    return static_cast<size_t>(found - firsts);
}

void TopRows::insert(uint32_t partition, const Key& key, int64_t number) {
    Partition& at = partitions_[partition];
    if (at.size == rows_max_) {
        drop(at, --at.size);
    } else if (at.block == nullptr) {
        at.capacity_power = kFirstPower;
        at.block = takeBlock(kFirstPower);
    } else if (at.size == blockRows(at.capacity_power)) {
        Partition larger = at;
        larger.block = takeBlock(++larger.capacity_power);
        std::copy_n(at.block, at.size, larger.block);
        for (size_t index = 0; index < key_words_; ++index)
            std::copy_n(word(at, index), at.size, word(larger, index));
        giveBlock(at.block, at.capacity_power);
        at = larger;
    }
    const size_t place = placeOf(key, at);
    const auto put = [&](uint64_t* words, uint64_t value) {
        std::copy_backward(words + place, words + at.size, words + at.size + 1);
        words[place] = value;
    };
    put(at.block, static_cast<uint64_t>(number));
    for (size_t index = 0; index < key_words_; ++index)
        put(word(at, index), key.prefix()[index]);
    if (long_keys_) word(at, kPrefixWords - 1)[place] = copyOfKey(key.whole());
    ++at.size;
}

void TopRows::retain(uint32_t partition, std::span<const uint8_t> keep) {
    Partition& at = partitions_[partition];
    uint16_t left = 0;
    for (size_t row = 0; row < at.size; ++row) {
        if (!keep[row]) {
            drop(at, row);
            continue;
        }
        at.block[left] = at.block[row];
        for (size_t index = 0; index < key_words_; ++index)
            word(at, index)[left] = word(at, index)[row];
        ++left;
    }
    at.size = left;
    if (left > 0 || at.block == nullptr) return;
    giveBlock(at.block, at.capacity_power);
    at.block = nullptr;
}

}  // namespace millrace
