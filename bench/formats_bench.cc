// Rooms: formats
// Decoding and encoding, one core: Nexmark bids as JSON lines (about 190 bytes each) and as CSV.
#include <benchmark/benchmark.h>

#include <numeric>

#include <string>

#include "base/random.h"
#include "formats/csv/csv_decoder.h"
#include "formats/csv/csv_encoder.h"
#include "formats/json/json_decoder.h"
#include "formats/json/json_encoder.h"

namespace millrace {
namespace {

constexpr size_t kRows = 20000;

const Schema& bidSchema() {
    static const Schema schema({{"auction", LogicalType::bigint()},
                                {"bidder", LogicalType::bigint()},
                                {"price", LogicalType::bigint()},
                                {"channel", LogicalType::string()},
                                {"url", LogicalType::string()},
                                {"dateTime", LogicalType::timestamp(3)}});
    return schema;
}

Batch bids() {
    Random random(1);
    BatchBuilder builder(bidSchema(), kRows);
    const char* const channels[] = {"Google", "Facebook", "Baidu", "Apple", "channel-7219"};
    for (size_t i = 0; i < kRows; ++i) {
        builder.column(0).append<int64_t>(1000 + static_cast<int64_t>(random.below(10000)));
        builder.column(1).append<int64_t>(1000 + static_cast<int64_t>(random.below(100000)));
        builder.column(2).append<int64_t>(static_cast<int64_t>(random.below(100'000'000)));
        builder.column(3).appendString(channels[random.below(5)]);
        builder.column(4).appendString("https://www.nexmark.com/abo/item.htm?query=" +
                                       std::to_string(random.below(1000000)));
        builder.column(5).append<int64_t>((1'767'225'600'000 + static_cast<int64_t>(i / 10)) * 1000);
        builder.endRow();
    }
    return builder.finish();
}

void decodeAll(benchmark::State& state, Decoder& decoder, std::string text, const Schema& output) {
    const size_t size = text.size();
    text.append(kDecoderPadding, ' ');
    const RecordOrigin origin{"bids", 1, 0};
    for (auto _ : state) {
        size_t at = 0;
        BatchBuilder builder(output, 4096);
        while (at < size) {
            at += decoder.decode({text.data() + at, size - at}, true, 4096, origin, builder).bytes;
            benchmark::DoNotOptimize(builder.finish());
        }
    }
    state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kRows));
    state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * size));
}

std::string json() {
    std::string text;
    makeJsonEncoder(bidSchema(), {})->encode(bids(), text);
    return text;
}

void decodeJson(benchmark::State& state) {
    const auto decoder = makeJsonDecoder(bidSchema(), wholeColumns(bidSchema()), {});
    decodeAll(state, *decoder, json(), bidSchema());
}
BENCHMARK(decodeJson);

void decodeJsonPlain(benchmark::State& state) {
    const auto decoder = makeJsonDecoder(bidSchema(), wholeColumns(bidSchema()), {}, false);
    decodeAll(state, *decoder, json(), bidSchema());
}
BENCHMARK(decodeJsonPlain);

void decodeJsonTwoColumns(benchmark::State& state) {
    const auto decoder = makeJsonDecoder(bidSchema(), {{0}, {5}}, {});
    decodeAll(state, *decoder, json(), Schema({bidSchema()[0], bidSchema()[5]}));
}
BENCHMARK(decodeJsonTwoColumns);

void encodeAll(benchmark::State& state, Encoder& encoder) {
    const Batch batch = bids();
    std::string out;
    for (auto _ : state) {
        out.clear();
        encoder.encode(batch, out);
        benchmark::DoNotOptimize(out.data());
    }
    state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kRows));
    state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * out.size()));
}

void encodeJson(benchmark::State& state) { encodeAll(state, *makeJsonEncoder(bidSchema(), {})); }
BENCHMARK(encodeJson);

void decodeCsv(benchmark::State& state) {
    std::string text;
    makeCsvEncoder(bidSchema(), {})->encode(bids(), text);
    std::vector<size_t> columns(bidSchema().size());
    std::iota(columns.begin(), columns.end(), size_t{0});
    const auto decoder = makeCsvDecoder(bidSchema(), columns, {});
    decodeAll(state, *decoder, text, bidSchema());
}
BENCHMARK(decodeCsv);

void encodeCsv(benchmark::State& state) { encodeAll(state, *makeCsvEncoder(bidSchema(), {})); }
BENCHMARK(encodeCsv);

}  // namespace
}  // namespace millrace
