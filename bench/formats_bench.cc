// Rooms: formats
// Decoding and encoding, one core: Nexmark bids as JSON lines (about 190 bytes each), as CSV and as Avro
// messages (about 75 bytes). decodeAvroCeiling touches what decodeAvro cannot do without: the same bytes as
// varints and lengths, and the same appends of texts.
#include <benchmark/benchmark.h>

#include <numeric>

#include <string>

#include "base/random.h"
#include "formats/avro/avro_bytes.h"
#include "formats/avro/avro_format.h"
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
    const auto decoder = makeJsonDecoder(bidSchema(), wholeColumns(bidSchema()), {}, nullptr);
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

struct AvroBids {
    std::string bytes;
    Encoder::Messages messages;
};

const AvroBids& avroBids() {
    static const AvroBids made = [] {
        AvroBids all;
        makeAvroEncoder(bidSchema(), {})->encodeMessages(bids(), all.bytes, all.messages);
        all.bytes.append(kDecoderPadding, ' ');
        return all;
    }();
    return made;
}

template <class Decode>
void eachAvroBid(benchmark::State& state, Decode decode) {
    const AvroBids& all = avroBids();
    for (auto _ : state) {
        BatchBuilder builder(bidSchema(), 4096);
        for (const auto& [begin, end] : all.messages) {
            decode(std::string_view(all.bytes).substr(begin, end - begin), builder);
            if (builder.rows() == 4096) benchmark::DoNotOptimize(builder.finish());
        }
        benchmark::DoNotOptimize(builder.finish());
    }
    state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kRows));
    state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * all.bytes.size()));
}

void decodeAvro(benchmark::State& state) {
    const auto decoder = makeAvroDecoder(bidSchema(), wholeColumns(bidSchema()), {});
    const RecordOrigin origin{"bids", 0, 0};
    eachAvroBid(state, [&](std::string_view message, BatchBuilder& out) {
        decoder->decodeMessage(message, origin, out);
    });
}
BENCHMARK(decodeAvro);

void decodeAvroCeiling(benchmark::State& state) {
    eachAvroBid(state, [&](std::string_view message, BatchBuilder& out) {
        avro::Cursor in{message.data(), message.data() + message.size()};
        int64_t value = 0;
        std::string_view text;
        for (size_t column = 0; column < 6; ++column) {
            in.readLong(value);  // which branch of the union with null
            if (column == 3 || column == 4) {
                in.readBytes(text);
                out.column(column).appendString(text);
            } else {
                in.readLong(value);
                out.column(column).append(value);
            }
        }
        out.endRow();
    });
}
BENCHMARK(decodeAvroCeiling);

void encodeAvro(benchmark::State& state) {
    const auto encoder = makeAvroEncoder(bidSchema(), {});
    const Batch batch = bids();
    std::string out;
    Encoder::Messages messages;
    for (auto _ : state) {
        out.clear();
        messages.clear();
        encoder->encodeMessages(batch, out, messages);
        benchmark::DoNotOptimize(out.data());
    }
    state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kRows));
    state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * out.size()));
}
BENCHMARK(encodeAvro);

}  // namespace
}  // namespace millrace
