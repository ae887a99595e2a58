// What Top-N, deduplication and window functions cost a row of the shape of a Nexmark bid, without source and
// sink.
// Rooms: operators
#include <benchmark/benchmark.h>

#include "operators/deduplicate.h"
#include "operators/rank.h"
#include "operators/test_harness.h"
#include "operators/updating_over.h"

namespace millrace {
namespace {

constexpr size_t kBatchRows = 4096;
constexpr size_t kBatches = 256;
const Schema kBid({{"auction", LogicalType::bigint()},
                   {"bidder", LogicalType::bigint()},
                   {"price", LogicalType::bigint()},
                   {"channel", LogicalType::string()},
                   {"url", LogicalType::string()},
                   {"dateTime", LogicalType::timestamp(3)},
                   {"extra", LogicalType::string()}});

// Half of the bids go to one of the newest auctions, as in Nexmark; 15 bids an auction.
const std::vector<Batch>& bids() {
    static const std::vector<Batch> all = [] {
        Random random(7);
        std::vector<Batch> batches;
        int64_t row = 0;
        for (size_t b = 0; b < kBatches; ++b) {
            BatchBuilder builder(kBid, kBatchRows);
            for (size_t i = 0; i < kBatchRows; ++i, ++row) {
                const int64_t newest = row / 15;
                const int64_t auction = random.below(2) == 0
                                            ? newest / 100 * 100
                                            : newest - static_cast<int64_t>(random.below(100));
                builder.column(0).append<int64_t>(1000 + std::max<int64_t>(auction, 0));
                builder.column(1).append<int64_t>(1000 + static_cast<int64_t>(random.below(5000)) + row / 50);
                builder.column(2).append<int64_t>(100 + static_cast<int64_t>(random.below(100'000'000)));
                builder.column(3).appendString("channel-" + std::to_string(random.below(10'000)));
                builder.column(4).appendString("https://www.nexmark.com/a_b_c/item.htm?query=1&channel_id=" +
                                               std::to_string(random.below(10'000)));
                builder.column(5).append<int64_t>(row * 100);
                builder.column(6).appendString(std::string(40, 'x'));
                builder.endRow();
            }
            batches.push_back(builder.finish());
        }
        return batches;
    }();
    return all;
}

// Without the captures that the test harness makes of each batch.
void run(benchmark::State& state, const std::shared_ptr<const Operator>& op) {
    const testing::ManualClock clock;
    bids();  // made before time is taken
    int64_t rows = 0, emitted = 0;
    for (auto _ : state) {
        testing::SubtaskContext context;
        context.backend = makeHashMapStateBackend({});
        context.clock = &clock;
        testing::CollectingOutput output;
        const std::unique_ptr<OperatorState> operator_state = op->open(context);
        for (const Batch& batch : bids()) {
            op->process(*operator_state, 0, batch, context, output);
            rows += static_cast<int64_t>(batch.rows());
            for (const Batch& result : output.batches)
                emitted += static_cast<int64_t>(result.rows());
            output.batches.clear();
            output.events.clear();
        }
    }
    state.SetItemsProcessed(rows);
    state.counters["emitted_per_row"] = static_cast<double>(emitted) / static_cast<double>(rows);
}

// q19: the ten highest bids of each auction, with their places.
void topTen(benchmark::State& state) {
    RankParameters p;
    p.input = kBid;
    p.partition = {0};
    p.order = {{2, true, false}};
    p.last = 10;
    p.outputs_number = state.range(0) != 0;
    p.generates_update_before = false;
    std::vector<Field> fields = kBid.fields();
    if (p.outputs_number) fields.push_back({"rank_number", LogicalType::bigint()});
    p.output = Schema(std::move(fields));
    run(state, makeRank(std::move(p)));
}
BENCHMARK(topTen)->ArgName("number")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

// The highest bid of each auction, as in q9.
void topOne(benchmark::State& state) {
    RankParameters p;
    p.input = kBid;
    p.partition = {0};
    p.order = {{2, true, false}};
    p.output = kBid;
    run(state, makeRank(std::move(p)));
}
BENCHMARK(topOne)->Unit(benchmark::kMillisecond);

// q18: the last bid of each bidder on each auction.
void lastRow(benchmark::State& state) {
    DeduplicateParameters p;
    p.input = kBid;
    p.keys = {1, 0};
    p.keep_last = true;
    p.order = {{5, false, true}};
    p.output = kBid;
    run(state, std::make_shared<Deduplicate>(std::move(p)));
}
BENCHMARK(lastRow)->Unit(benchmark::kMillisecond);

// As q6: the average of the last ten prices of each auction.
void lastTenPrices(benchmark::State& state) {
    UpdatingOverParameters p;
    p.over.input = kBid;
    p.over.partition = {0};
    p.over.order = {{5, false, true}};
    p.over.rows = true;
    p.over.preceding = 10;
    const std::vector<ArgumentInfo> infos = {{LogicalType::bigint(), std::nullopt}};
    p.over.terms = {
        {OverTerm::Kind::Aggregate,
         {findAggregateFunction("AVG")->bind(infos, false, true), {2}, std::nullopt, "avg", "AVG"}}};
    std::vector<Field> fields = kBid.fields();
    fields.push_back({"average", LogicalType::bigint()});
    p.over.output = Schema(std::move(fields));
    run(state, std::make_shared<UpdatingOver>(std::move(p)));
}
BENCHMARK(lastTenPrices)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace millrace
