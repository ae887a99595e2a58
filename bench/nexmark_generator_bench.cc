// What the nexmark generator costs before any query: events a second of one core, for the columns that some
// of the queries read.
// Rooms: connectors
#include <benchmark/benchmark.h>

#include "connectors/nexmark/nexmark_table.h"

namespace millrace {
namespace {

constexpr uint64_t kEvents = 4000;  // of a batch

// `fields` of one kind of events, or of all kinds if the kind is 3.
void generate(benchmark::State& state, size_t kind, const std::vector<std::string>& fields) {
    TableSpec spec;
    spec.schema = nexmarkSchema();
    if (kind == kNexmarkKinds) {
        spec.projectAll();
    } else {
        const std::vector<Field>& row = spec.schema[kind + 1].type.fields();
        for (size_t i = 0; i < row.size(); ++i) {
            if (std::find(fields.begin(), fields.end(), row[i].name) != fields.end())
                spec.projection.push_back({kind + 1, i});
        }
        spec.filters = {{0, {Value::int64(static_cast<int64_t>(kind))}}};
    }
    const NexmarkOptions options = NexmarkOptions::from(spec.options);
    const NexmarkOutput output = nexmarkOutput(spec);
    NexmarkGenerator generator(output, NexmarkTimeline(options, 1, 0, 1, 0));
    uint64_t at = 1'000'000;
    for (auto _ : state) {
        benchmark::DoNotOptimize(generator.generate(at, at + kEvents));
        at += kEvents;
    }
    state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kEvents));
}

BENCHMARK_CAPTURE(generate, bid_auction_price, 2, {"auction", "price"});
BENCHMARK_CAPTURE(generate, bid_without_texts, 2, {"auction", "bidder", "price", "dateTime"});
BENCHMARK_CAPTURE(generate, bid_of_q0, 2, {"auction", "bidder", "price", "dateTime", "extra"});
BENCHMARK_CAPTURE(generate, bid_whole, 2,
                  {"auction", "bidder", "price", "channel", "url", "dateTime", "extra"});
BENCHMARK_CAPTURE(generate, auction_of_q3, 1, {"id", "seller", "category"});
BENCHMARK_CAPTURE(generate, person_of_q3, 0, {"id", "name", "city", "state"});
BENCHMARK_CAPTURE(generate, everything, 3, {});

}  // namespace
}  // namespace millrace
