// What the aggregating operators cost a row, without source and sink.
// Rooms: operators
#include <benchmark/benchmark.h>

#include "operators/group_aggregate.h"
#include "operators/session_aggregate.h"
#include "operators/test_harness.h"
#include "operators/window_aggregate.h"

namespace millrace {
namespace {

constexpr size_t kBatchRows = 4096;
const Schema kInput({{"key", LogicalType::bigint()},
                     {"value", LogicalType::bigint()},
                     {"ts", LogicalType::timestamp(3)}});

// Batches of `keys` keys in random order, `rows_per_ms` rows each millisecond of event time.
std::vector<Batch> makeBatches(size_t count, uint64_t keys, int64_t rows_per_ms) {
    Random random(7);
    std::vector<Batch> batches;
    int64_t row = 0;
    for (size_t b = 0; b < count; ++b) {
        auto key = std::make_shared<Column>(kInput[0].type, kBatchRows);
        auto value = std::make_shared<Column>(kInput[1].type, kBatchRows);
        auto time = std::make_shared<Column>(kInput[2].type, kBatchRows);
        for (size_t i = 0; i < kBatchRows; ++i, ++row) {
            key->mutableData<int64_t>()[i] = static_cast<int64_t>(random.below(keys));
            value->mutableData<int64_t>()[i] = row % 1000;
            time->mutableData<int64_t>()[i] = row / rows_per_ms * 1000;
        }
        batches.emplace_back(kBatchRows, std::vector<ColumnPtr>{key, value, time});
    }
    return batches;
}

AggregateTerm term(const char* name, const std::vector<size_t>& arguments) {
    std::vector<ArgumentInfo> infos;
    infos.reserve(arguments.size());
    for (const size_t argument : arguments)
        infos.push_back({kInput[argument].type, std::nullopt});
    return {findAggregateFunction(name)->bind(infos, false, false), arguments, std::nullopt, name, name};
}

std::shared_ptr<Operator> windowAggregate(const Windows& windows) {
    using From = WindowAggregateColumn::From;
    WindowAggregateParameters p;
    p.input = kInput;
    p.windows = windows;
    p.time_column = 2;
    p.keys = {0};
    p.terms = {term("COUNT", {}), term("SUM", {1})};
    p.columns = {{From::Key, 0}, {From::WindowStart, 0}, {From::Term, 0}, {From::Term, 1}};
    p.output = Schema({{"key", LogicalType::bigint()},
                       {"window_start", LogicalType::timestamp(3)},
                       {"n", LogicalType::bigint()},
                       {"sum", LogicalType::bigint()}});
    return std::make_shared<WindowAggregate>(std::move(p));
}

void run(benchmark::State& state, const std::shared_ptr<Operator>& op, uint64_t keys, bool time) {
    const std::vector<Batch> batches = makeBatches(256, keys, 1000);
    int64_t rows = 0;
    for (auto _ : state) {
        testing::OperatorHarness harness(op, {0});
        int64_t watermark = 0;
        for (const Batch& batch : batches) {
            harness.process(batch);
            rows += static_cast<int64_t>(batch.rows());
            watermark = batch.column(2)->data<int64_t>()[kBatchRows - 1] / 1000;
            if (time) harness.watermark(watermark);
            harness.output.batches.clear();
        }
    }
    state.SetItemsProcessed(rows);
}

// 1M rows over 1 s of event time, windows of 100 ms: 10 windows of 100,000 rows.
void windowTumble(benchmark::State& state) {
    run(state, windowAggregate({WindowShape::Tumble, 100, 100, 0}), static_cast<uint64_t>(state.range(0)),
        true);
}
BENCHMARK(windowTumble)->Arg(100)->Arg(10'000)->Arg(1'000'000);

void windowHop(benchmark::State& state) {
    run(state, windowAggregate({WindowShape::Hop, 500, 100, 0}), static_cast<uint64_t>(state.range(0)), true);
}
BENCHMARK(windowHop)->Arg(100)->Arg(10'000);

void groupUpdating(benchmark::State& state) {
    GroupAggregateParameters p;
    p.input = kInput;
    p.keys = {0};
    p.terms = {term("COUNT", {}), term("SUM", {1})};
    p.output = Schema(
        {{"key", LogicalType::bigint()}, {"n", LogicalType::bigint()}, {"sum", LogicalType::bigint()}});
    run(state, std::make_shared<GroupAggregate>(std::move(p)), static_cast<uint64_t>(state.range(0)), false);
}
BENCHMARK(groupUpdating)->Arg(100)->Arg(10'000)->Arg(1'000'000);

// Sessions that last: a row prolongs its key's session, as in counting the bids of each bidder's sessions.
void sessionLasting(benchmark::State& state) {
    using From = WindowAggregateColumn::From;
    SessionAggregateParameters p;
    p.input = kInput;
    p.gap_ms = 10'000;
    p.time_column = 2;
    p.keys = {0};
    p.terms = {term("COUNT", {})};
    p.columns = {{From::Key, 0}, {From::WindowStart, 0}, {From::Term, 0}};
    p.output = Schema({{"key", LogicalType::bigint()},
                       {"window_start", LogicalType::timestamp(3)},
                       {"n", LogicalType::bigint()}});
    run(state, std::make_shared<SessionAggregate>(std::move(p)), static_cast<uint64_t>(state.range(0)), true);
}
BENCHMARK(sessionLasting)->Arg(100)->Arg(10'000)->Arg(1'000'000);

// COUNT(DISTINCT key) of one group: every value is looked up, few or all of them are new.
void groupDistinct(benchmark::State& state) {
    GroupAggregateParameters p;
    p.input = kInput;
    p.terms = {term("COUNT", {}), term("COUNT", {0})};
    p.terms[1].distinct = true;
    p.output = Schema({{"n", LogicalType::bigint()}, {"keys", LogicalType::bigint()}});
    run(state, std::make_shared<GroupAggregate>(std::move(p)), static_cast<uint64_t>(state.range(0)), false);
}
BENCHMARK(groupDistinct)->Arg(100)->Arg(10'000)->Arg(1'000'000);

// The same by a function that keeps its values in the group's row, as windows do.
void groupDistinctInRow(benchmark::State& state) {
    GroupAggregateParameters p;
    p.input = kInput;
    p.terms = {term("COUNT", {}), term("COUNT", {0})};
    p.terms[1].function = findAggregateFunction("COUNT")->bind(
        std::vector<ArgumentInfo>{{kInput[0].type, std::nullopt}}, true, false);
    p.output = Schema({{"n", LogicalType::bigint()}, {"keys", LogicalType::bigint()}});
    run(state, std::make_shared<GroupAggregate>(std::move(p)), static_cast<uint64_t>(state.range(0)), false);
}
BENCHMARK(groupDistinctInRow)->Arg(100)->Arg(10'000);

}  // namespace
}  // namespace millrace
