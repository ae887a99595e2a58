// Rooms: state
//
// What it costs to keep the values that DISTINCT has seen (state/keyed_bits.h), by the order in which values
// come and by how many groups see each. DISTINCT_ROWS sets how many rows are set in each run, 8 million by
// default. Times are of the thread's CPU, system time included: new memory is a part of the cost.
#include <benchmark/benchmark.h>

#include <ctime>

#include <cstdlib>

#include "base/hash.h"
#include "base/random.h"
#include "base/unmix_hash.h"
#include "state/keyed_bits.h"
#include "state/state_backend.h"

namespace millrace {
namespace {

constexpr size_t kBatchRows = 4096;

size_t rowsOfARun() {
    const char* rows = std::getenv("DISTINCT_ROWS");
    return rows == nullptr ? 8'000'000 : std::strtoull(rows, nullptr, 10);
}

double cpuSeconds() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// As operators/group_numbers.h gives them.
int64_t numberOf(uint64_t group) {
    return static_cast<int64_t>(unmixHash((group * 2654435761 % 128) << 32 | group));
}

struct Row {
    uint64_t group;
    int64_t value;
    uint64_t bits;
};

template <class RowOf>
void setRows(benchmark::State& state, const RowOf& row_of) {
    const size_t rows = rowsOfARun();
    for (auto _ : state) {
        auto backend = makeHashMapStateBackend({"uid", "distinct", SlotIndex(0), 1, 128, {}, &systemClock()});
        KeyedBits& bits = backend->bits({"distinct-0", {"value", LogicalType::bigint()}});
        Random random(7);
        std::vector<int64_t> groups(kBatchRows);
        std::vector<uint64_t> set(kBatchRows), fresh;
        Selection selection(kBatchRows);
        double seconds = 0;
        for (size_t done = 0; done < rows; done += kBatchRows) {
            Column values(LogicalType::bigint(), kBatchRows);
            for (size_t i = 0; i < kBatchRows; ++i) {
                const Row row = row_of(random, done + i);
                groups[i] = numberOf(row.group);
                values.mutableData<int64_t>()[i] = row.value;
                set[i] = row.bits;
                selection[i] = static_cast<uint32_t>(i);
            }
            const double begin = cpuSeconds();
            bits.set(groups, values, set, selection, fresh);
            seconds += cpuSeconds() - begin;
        }
        state.SetIterationTime(seconds);
        state.counters["ns_per_row"] = seconds * 1e9 / static_cast<double>(rows);
        state.counters["million_pairs"] = static_cast<double>(bits.pairs()) / 1e6;
        state.counters["bytes_per_pair"] =
            static_cast<double>(bits.bytes()) / static_cast<double>(bits.pairs());
    }
}

uint64_t oneBit(Random& random) { return uint64_t{1} << random.below(64); }

// Half of the rows are of four groups, the others of ten thousand; values are of a window that moves on.
void windowOfIds(benchmark::State& state) {
    const auto window = static_cast<uint64_t>(state.range(0));
    setRows(state, [&](Random& random, size_t i) {
        const uint64_t group = random.below(2) == 0 ? random.below(4) : 4 + random.below(10'000);
        return Row{group, static_cast<int64_t>(i / 250 + random.below(window)), oneBit(random)};
    });
}
// The same downwards, as of what is due next.
void windowDownwards(benchmark::State& state) {
    setRows(state, [&](Random& random, size_t i) {
        const uint64_t group = random.below(2) == 0 ? random.below(4) : 4 + random.below(10'000);
        return Row{group, -static_cast<int64_t>(i / 250 + random.below(16)), oneBit(random)};
    });
}
// As of hashes and UUIDs.
void anyNumbers(benchmark::State& state) {
    const auto groups = static_cast<uint64_t>(state.range(0));
    setRows(state, [&](Random& random, size_t) {
        return Row{random.below(groups), static_cast<int64_t>(random.next()), 1};
    });
}
// As of users that come again.
void denseIds(benchmark::State& state) {
    const auto groups = static_cast<uint64_t>(state.range(0));
    const auto values = static_cast<uint64_t>(state.range(1));
    setRows(state, [&](Random& random, size_t) {
        return Row{random.below(groups), static_cast<int64_t>(random.below(values)), oneBit(random)};
    });
}
// Ids that begin with the time, a thousand or so each second, by groups.
void timedIds(benchmark::State& state) {
    setRows(state, [&](Random& random, size_t i) {
        const auto ms = static_cast<int64_t>(1'700'000'000'000 + i / 8);
        return Row{random.below(1000), ms << 22 | static_cast<int64_t>(random.below(1 << 12)), 1};
    });
}
// As of users by country, or flags by user: values of very many groups.
void fewValues(benchmark::State& state) {
    const auto values = static_cast<uint64_t>(state.range(0));
    setRows(state, [&](Random& random, size_t) {
        return Row{random.below(10'000'000), static_cast<int64_t>(random.below(values)), oneBit(random)};
    });
}
// All values are one side of zero, but for those that stand for none.
void idsAndExtremes(benchmark::State& state) {
    setRows(state, [&](Random& random, size_t i) {
        const uint64_t drawn = random.below(100);
        int64_t value = static_cast<int64_t>(i / 250 + random.below(16));
        if (drawn == 0) value = -1;
        if (drawn == 1) value = INT64_MAX >> 4;
        if (drawn == 2) value = INT64_MIN >> 4;
        return Row{random.below(10'000), value, oneBit(random)};
    });
}

BENCHMARK(windowOfIds)->ArgName("window")->Arg(16)->Arg(64)->Arg(4096)->Iterations(2)->UseManualTime();
BENCHMARK(windowDownwards)->Iterations(2)->UseManualTime();
BENCHMARK(anyNumbers)->ArgName("groups")->Arg(1)->Arg(10'000)->Iterations(2)->UseManualTime();
BENCHMARK(denseIds)
    ->ArgNames({"groups", "values"})
    ->Args({1, 1'000'000})
    ->Args({100, 100'000})
    ->Args({10'000, 10'000})
    ->Args({100'000, 100})
    ->Iterations(2)
    ->UseManualTime();
BENCHMARK(timedIds)->Iterations(2)->UseManualTime();
BENCHMARK(fewValues)->ArgName("values")->Arg(1)->Arg(3)->Arg(200)->Iterations(2)->UseManualTime();
BENCHMARK(idsAndExtremes)->Iterations(2)->UseManualTime();

}  // namespace
}  // namespace millrace
