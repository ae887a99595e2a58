// Rooms: state
//
// What state costs: how long a slot stands still for a checkpoint, what is written, how fast it is restored
// and merged, how fast expired rows go. STATE_MB sets the state's size in memory, 1024 by default. Times are
// of the threads' CPUs; the first iteration warms the memory up and counts like the others: look at the
// fastest.
#include <benchmark/benchmark.h>

#include <ctime>

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <thread>

#include "base/hash.h"
#include "base/random.h"
#include "state/keyed_logs.h"
#include "state/keyed_records.h"
#include "state/segment_merge.h"
#include "state/snapshot_store.h"
#include "state/state_backend.h"

namespace millrace {
namespace {

constexpr size_t kBatchRows = 4096;
constexpr size_t kRowsPerTurn = 8192;  // millrace.checkpoint.rows-per-turn
constexpr size_t kBytesPerRow = 68;    // of the table below: header, row and index

size_t stateRows() {
    const char* megabytes = std::getenv("STATE_MB");
    return (megabytes == nullptr ? 1024 : std::strtoull(megabytes, nullptr, 10)) * (1 << 20) / kBytesPerRow;
}

KeyedStateDescriptor sums(Duration ttl = {}) {
    return {"sums", Schema({{"key", LogicalType::bigint()}}),
            Schema({{"n", LogicalType::bigint()}, {"sum", LogicalType::bigint()}}), false, ttl};
}

int64_t nanosOf(clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}
// Of this thread's work alone: a machine that does something else as well says nothing about ours.
int64_t nanos() { return nanosOf(CLOCK_THREAD_CPUTIME_ID); }

class Turned final : public Clock {
  public:
    ProcessingTime now() const override { return ProcessingTime(now_ms); }
    int64_t monotonicNanos() const override { return now_ms * 1'000'000; }
    int64_t now_ms = 1'000'000;
};

// Adds 1 and the row's number to the rows of a batch of keys.
class Sums {
  public:
    explicit Sums(StateBackend& backend, Duration ttl = {}) : table_(backend.table(sums(ttl))) {}
    template <class KeyOf>
    void add(size_t rows, KeyOf&& key_of) {
        for (size_t done = 0; done < rows; done += kBatchRows) {
            auto column = std::make_shared<Column>(LogicalType::bigint(), kBatchRows);
            for (size_t i = 0; i < kBatchRows; ++i)
                column->mutableData<int64_t>()[i] = key_of(done + i);
            const std::vector<ColumnPtr> keys{column};
            hashColumns(keys, kBatchRows, hashes_);
            table_.findOrInsert(0, keys, hashes_, {}, rows_);
            const uint32_t n = table_.layout().offset(1);
            const uint32_t sum = table_.layout().offset(2);
            for (size_t i = 0; i < kBatchRows; ++i) {
                RowLayout::setNull(rows_[i], 1, false);
                RowLayout::setNull(rows_[i], 2, false);
                RowLayout::at<int64_t>(rows_[i], n) += 1;
                RowLayout::at<int64_t>(rows_[i], sum) += static_cast<int64_t>(i);
            }
        }
    }

  private:
    KeyedTable& table_;
    std::vector<uint64_t> hashes_;
    std::vector<std::byte*> rows_;
};

std::unique_ptr<StateBackend> emptyBackend(const Clock& clock = systemClock()) {
    return makeHashMapStateBackend({"uid", "sums", SlotIndex(0), 1, 128, {}, &clock});
}

std::unique_ptr<StateBackend> filled(size_t rows) {
    auto backend = emptyBackend();
    Sums(*backend).add(rows, [](size_t i) { return static_cast<int64_t>(i); });
    return backend;
}

OperatorSnapshot captured(StateBackend& backend, CaptureMode mode) {
    backend.beginCapture(mode);
    while (!backend.advanceCapture(kRowsPerTurn)) {
    }
    return backend.takeCapture();
}

double at(std::vector<int64_t>& nanos, double share) {
    const auto place = static_cast<ptrdiff_t>(share * static_cast<double>(nanos.size() - 1));
    std::nth_element(nanos.begin(), nanos.begin() + place, nanos.end());
    return static_cast<double>(nanos[static_cast<size_t>(place)]) / 1e6;
}

// The longest the slot stands still: the barrier, or a slice between two batches. Batches go on meanwhile,
// and capture what they are about to change.
void pause(benchmark::State& state) {
    const size_t rows = stateRows();
    const size_t change = rows * static_cast<size_t>(state.range(0)) / 1000;
    const auto backend = filled(rows);
    Sums work(*backend);
    Random random(7);
    const auto key = [&](size_t) { return static_cast<int64_t>(random.below(rows)); };
    captured(*backend, CaptureMode::Incremental);
    std::vector<int64_t> pauses, calm, busy;
    uint64_t bytes = 0, checkpoints = 0;
    for (auto _ : state) {
        for (size_t done = 0; done < change; done += kBatchRows) {
            const int64_t begin = nanos();
            work.add(kBatchRows, key);
            calm.push_back(nanos() - begin);
        }
        int64_t begin = nanos();
        backend->beginCapture(CaptureMode::Incremental);
        bool done = backend->advanceCapture(kRowsPerTurn);
        pauses.push_back(nanos() - begin);
        while (!done) {
            begin = nanos();
            work.add(kBatchRows, key);
            busy.push_back(nanos() - begin);
            begin = nanos();
            done = backend->advanceCapture(kRowsPerTurn);
            pauses.push_back(nanos() - begin);
        }
        begin = nanos();
        bytes += backend->takeCapture().bytes();
        pauses.push_back(nanos() - begin);
        ++checkpoints;
    }
    state.counters["state_MB"] = static_cast<double>(backend->bytes()) / (1 << 20);
    state.counters["checkpoint_MB"] =
        static_cast<double>(bytes) / static_cast<double>(checkpoints) / (1 << 20);
    state.counters["pause_p50_ms"] = at(pauses, 0.5);
    state.counters["pause_p99_ms"] = at(pauses, 0.99);
    state.counters["pause_max_ms"] = at(pauses, 1);
    state.counters["batch_p50_ms"] = at(calm, 0.5);
    state.counters["batch_while_capturing_p50_ms"] = busy.empty() ? 0 : at(busy, 0.5);
}
BENCHMARK(pause)
    ->ArgName("changed_permille")
    ->Arg(1)
    ->Arg(10)
    ->Arg(100)
    ->Iterations(10)
    ->Unit(benchmark::kMillisecond);

// Into memory that is there; two threads are two slots.
void restore(benchmark::State& state) {
    const auto parts = static_cast<uint32_t>(state.range(0));
    std::shared_ptr<const OperatorSnapshot> snapshot;
    size_t state_bytes = 0;
    {
        const auto backend = filled(stateRows());
        state_bytes = backend->bytes();
        snapshot = std::make_shared<const OperatorSnapshot>(backend->capture());
    }
    int64_t fastest = INT64_MAX;
    for (auto _ : state) {
        std::vector<std::unique_ptr<StateBackend>> backends(parts);
        std::vector<int64_t> times(parts);
        std::vector<std::thread> threads;
        for (uint32_t i = 0; i < parts; ++i) {
            threads.emplace_back([&, i] {
                const int64_t begin = nanos();
                backends[i] = makeHashMapStateBackend({"uid", "sums", SlotIndex(i), parts, 128, {snapshot}});
                backends[i]->table(sums());
                times[i] = nanos() - begin;
            });
        }
        for (std::thread& thread : threads)
            thread.join();
        fastest = std::min(fastest, *std::max_element(times.begin(), times.end()));
    }
    state.counters["fastest_GB_per_s"] = static_cast<double>(state_bytes) / static_cast<double>(fastest);
}
BENCHMARK(restore)->ArgName("slots")->Arg(1)->Arg(2)->Iterations(4)->Unit(benchmark::kMillisecond);

// From files, with a chain of ten changes of a hundredth each on top.
void restoreFromFiles(benchmark::State& state) {
    FileSystem& files = localFileSystem();
    const std::string folder = "/tmp/millrace_bench_state";
    files.removeRecursively(folder);
    size_t state_bytes = 0;
    {
        const size_t rows = stateRows();
        const auto backend = filled(rows);
        Random random(7);
        auto all = std::make_shared<OperatorSnapshot>(captured(*backend, CaptureMode::Incremental));
        for (int i = 0; i < 10; ++i) {
            Sums(*backend).add(rows / 100, [&](size_t) { return static_cast<int64_t>(random.below(rows)); });
            const OperatorSnapshot change = captured(*backend, CaptureMode::Incremental);
            all->keyed.front().segments.push_back(change.keyed.front().segments.front());
        }
        Snapshot snapshot;
        snapshot.operators.push_back(all);
        writeSnapshot(files, folder, snapshot);
        state_bytes = backend->bytes();
    }
    int64_t fastest = INT64_MAX, reading = INT64_MAX;
    for (auto _ : state) {
        const int64_t begin = nanos();
        const Snapshot snapshot = readSnapshot(files, folder);
        const int64_t read = nanos();
        const auto backend =
            makeHashMapStateBackend({"uid", "sums", SlotIndex(0), 1, 128, snapshot.operators});
        backend->table(sums());
        fastest = std::min(fastest, nanos() - begin);
        reading = std::min(reading, read - begin);
    }
    state.counters["fastest_GB_per_s"] = static_cast<double>(state_bytes) / static_cast<double>(fastest);
    state.counters["reading_ms"] = static_cast<double>(reading) / 1e6;
    files.removeRecursively(folder);
}
BENCHMARK(restoreFromFiles)->Iterations(4)->Unit(benchmark::kMillisecond);

// Rows of a join, 16 a key, with a text of 60 bytes each: added, captured and restored.
KeyedLogDescriptor joined() {
    return {"left", Schema({{"key", LogicalType::bigint()}}),
            Schema({{"n", LogicalType::bigint()}, {"text", LogicalType::string()}})};
}

// Adds rows to what `open` makes of a backend, a batch at a time, captures and restores them.
template <class Open, class Add>
void addCaptureRestore(benchmark::State& state, size_t rows, Open&& open, Add&& add) {
    int64_t adding = INT64_MAX, capturing = INT64_MAX, restoring = INT64_MAX, pause = 0;
    size_t state_bytes = 0;
    for (auto _ : state) {
        auto backend = emptyBackend();
        auto& kept = open(*backend);
        int64_t begin = nanos();
        for (size_t done = 0; done < rows; done += kBatchRows)
            add(kept, done);
        adding = std::min(adding, nanos() - begin);
        state_bytes = backend->bytes();
        begin = nanos();
        backend->beginCapture(CaptureMode::Full);
        for (bool done = false; !done;) {
            const int64_t slice = nanos();
            done = backend->advanceCapture(kRowsPerTurn);
            pause = std::max(pause, nanos() - slice);
        }
        const auto snapshot = std::make_shared<const OperatorSnapshot>(backend->takeCapture());
        capturing = std::min(capturing, nanos() - begin);
        backend.reset();  // into memory that is there
        begin = nanos();
        open(*makeHashMapStateBackend({"uid", "join", SlotIndex(0), 1, 128, {snapshot}}));
        restoring = std::min(restoring, nanos() - begin);
    }
    const auto gigabytes = [&](int64_t time) {
        return static_cast<double>(state_bytes) / static_cast<double>(time);
    };
    state.counters["state_MB"] = static_cast<double>(state_bytes) / (1 << 20);
    state.counters["add_M_rows_per_s"] = static_cast<double>(rows) / static_cast<double>(adding) * 1e3;
    state.counters["capture_GB_per_s"] = gigabytes(capturing);
    state.counters["longest_slice_ms"] = static_cast<double>(pause) / 1e6;
    state.counters["restore_GB_per_s"] = gigabytes(restoring);
}

ColumnPtr texts() {
    auto text = std::make_shared<Column>(LogicalType::string(), kBatchRows);
    for (size_t i = 0; i < kBatchRows; ++i)
        text->mutableData<StringView>()[i] =
            text->heap().add(std::string(60, static_cast<char>('a' + i % 26)));
    return text;
}

void logs(benchmark::State& state) {
    constexpr size_t kRowBytes = 120;
    const auto key = std::make_shared<Column>(LogicalType::bigint(), kBatchRows);
    const std::vector<ColumnPtr> keys{key}, values{key, texts()};
    Selection all(kBatchRows);
    std::iota(all.begin(), all.end(), uint32_t{0});
    std::vector<uint64_t> hashes;
    std::vector<std::byte*> entries;
    addCaptureRestore(
        state, stateRows() * kBytesPerRow / kRowBytes,
        [](StateBackend& backend) -> KeyedLogs& { return backend.logs({joined()}); },
        [&](KeyedLogs& logs, size_t done) {
            for (size_t i = 0; i < kBatchRows; ++i)
                key->mutableData<int64_t>()[i] = static_cast<int64_t>((done + i * 97 % kBatchRows) / 16);
            hashColumns(keys, kBatchRows, hashes);
            logs.findOrInsert(keys, hashes, all, entries);
            logs.append(0, entries, values, all);
        });
}
BENCHMARK(logs)->Iterations(3)->Unit(benchmark::kMillisecond);

// Rows of a Top-N, with a text of 60 bytes each.
void records(benchmark::State& state) {
    constexpr size_t kRowBytes = 96;
    const auto number = std::make_shared<Column>(LogicalType::bigint(), kBatchRows);
    const std::vector<ColumnPtr> values{number, texts()};
    Selection all(kBatchRows);
    std::iota(all.begin(), all.end(), uint32_t{0});
    std::vector<KeyGroup> groups;
    for (size_t i = 0; i < kBatchRows; ++i)
        groups.emplace_back(static_cast<uint16_t>(i % 128));
    std::vector<std::byte*> rows;
    addCaptureRestore(
        state, stateRows() * kBytesPerRow / kRowBytes,
        [](StateBackend& backend) -> KeyedRecords& {
            return backend.records(
                {"rank", Schema({{"n", LogicalType::bigint()}, {"text", LogicalType::string()}})});
        },
        [&](KeyedRecords& records, size_t done) {
            std::iota(number->mutableData<int64_t>(), number->mutableData<int64_t>() + kBatchRows,
                      static_cast<int64_t>(done));
            rows.assign(kBatchRows, nullptr);
            records.write(values, all, groups, rows);
        });
}
BENCHMARK(records)->Iterations(3)->Unit(benchmark::kMillisecond);

// A base and a change of a tenth become one, away from the slots. Bytes are encoded ones.
void compact(benchmark::State& state) {
    const size_t rows = stateRows();
    const auto backend = filled(rows);
    Random random(7);
    const OperatorSnapshot base = captured(*backend, CaptureMode::Incremental);
    Sums(*backend).add(rows / 10, [&](size_t) { return static_cast<int64_t>(random.below(rows)); });
    const OperatorSnapshot change = captured(*backend, CaptureMode::Incremental);
    const std::vector<std::shared_ptr<const StateSegment>> segments{base.keyed.front().segments.front(),
                                                                    change.keyed.front().segments.front()};
    for (auto _ : state) {
        const StateSegment merged = mergeSegments(
            sums(), segments, [](const StateSegment&, const KeyGroupSection& section) { return section; },
            [](KeyGroupSection section) { return section; });
        benchmark::DoNotOptimize(merged.groups.data());
    }
    state.SetBytesProcessed(static_cast<int64_t>(base.bytes() + change.bytes()) *
                            static_cast<int64_t>(state.iterations()));
}
BENCHMARK(compact)->Iterations(3)->Unit(benchmark::kMillisecond);

// Rows looked at, of which all, or one in a hundred, have expired.
void expire(benchmark::State& state) {
    const auto one_in = static_cast<size_t>(state.range(0));
    const size_t rows = stateRows() / 4;
    Turned clock;
    int64_t looked_at = 0;
    for (auto _ : state) {
        state.PauseTiming();
        auto backend = emptyBackend(clock);
        Sums work(*backend, Duration{1000});
        clock.now_ms += 10'000;
        work.add(rows, [](size_t i) { return static_cast<int64_t>(i); });
        clock.now_ms += 999;
        if (one_in > 1) {
            work.add(rows, [&](size_t i) { return static_cast<int64_t>(i % one_in == 0 ? i + 1 : i); });
        }
        clock.now_ms += 1;
        const size_t before = backend->bytes();
        state.ResumeTiming();
        while (!backend->expire(kBatchRows)) {
        }
        state.PauseTiming();
        looked_at += static_cast<int64_t>(rows);
        state.counters["freed_MB"] = static_cast<double>(before - backend->bytes()) / (1 << 20);
        backend.reset();
        state.ResumeTiming();
    }
    state.SetItemsProcessed(looked_at);
}
BENCHMARK(expire)->ArgName("one_in")->Arg(1)->Arg(100)->Iterations(2)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace millrace
