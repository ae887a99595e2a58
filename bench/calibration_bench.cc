// A fixed loop that has nothing to do with the engine, so that figures of different machines can be compared:
// SUM by key over 10,000 int64 keys, an open-addressing table probed a batch at a time with prefetch.
// Rooms: base
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "base/random.h"

namespace {

constexpr size_t kRows = size_t{1} << 20;
constexpr size_t kKeys = 10'000;
constexpr size_t kSlots = size_t{1} << 15;
constexpr size_t kBatch = 1024;

struct Slot {
    int64_t key = -1;  // none
    int64_t sum = 0;
};

struct Input {
    std::vector<int64_t> keys = std::vector<int64_t>(kRows);
    std::vector<int64_t> values = std::vector<int64_t>(kRows);
    Input() {
        millrace::Random random(1);
        for (size_t i = 0; i < kRows; ++i) {
            keys[i] = static_cast<int64_t>(random.below(kKeys));
            values[i] = static_cast<int64_t>(random.below(1000));
        }
    }
};

uint32_t placeOf(int64_t key) {
    return static_cast<uint32_t>(static_cast<uint64_t>(key) * 0x9E3779B97F4A7C15ULL >> 49);
}

void aggregate(const Input& input, std::vector<Slot>& table) {
    uint32_t places[kBatch];
    for (size_t begin = 0; begin < kRows; begin += kBatch) {
        const int64_t* const keys = input.keys.data() + begin;
        const int64_t* const values = input.values.data() + begin;
        for (size_t i = 0; i < kBatch; ++i) {
            places[i] = placeOf(keys[i]);
            __builtin_prefetch(&table[places[i]], 1);
        }
        for (size_t i = 0; i < kBatch; ++i) {
            size_t place = places[i];
            while (table[place].key != keys[i]) {
                if (table[place].key < 0) {
                    table[place].key = keys[i];
                    break;
                }
                place = (place + 1) % kSlots;
            }
            table[place].sum += values[i];
        }
    }
}

void calibration(benchmark::State& state) {
    const Input input;
    std::vector<Slot> table(kSlots);
    for (auto _ : state) {
        aggregate(input, table);
        benchmark::ClobberMemory();
    }
    state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kRows));
}
BENCHMARK(calibration);

}  // namespace
