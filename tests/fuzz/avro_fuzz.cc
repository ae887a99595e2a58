// Rooms: formats
// Any schema and any bytes as Avro. The first byte says how many hundreds of bytes of schema follow (up to
// 255); the rest is a record, a container file's blocks, and a message of the registry's at once. Whatever
// comes of them: a row, a rejected record or a UserError; what was decoded is written under the same schema
// and decodes to the same.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "formats/avro/avro_container.h"
#include "formats/avro/avro_format.h"
#include "formats/avro/avro_reader.h"
#include "formats/avro/avro_writer.h"

namespace millrace {
namespace {

class Dropped final : public RejectedRecords {
  public:
    void reject(const RejectedRecord& record) override { bytes += record.bytes.size() + record.error.size(); }
    size_t bytes = 0;
};

const Schema& fuzzedColumns() {
    static const Schema schema(
        {{"a", LogicalType::bigint()},
         {"b", LogicalType::string()},
         {"c", LogicalType::decimal(20, 4)},
         {"d", LogicalType::timestamp(3)},
         {"e", LogicalType::array(LogicalType::integer())},
         {"f", LogicalType::map(LogicalType::string(), LogicalType::doublePrecision())},
         {"g", LogicalType::row({{"x", LogicalType::integer()}})}});
    return schema;
}

std::string textOf(const Batch& batch) {
    std::string out;
    for (size_t row = 0; row < batch.rows(); ++row)
        for (const ColumnPtr& column : batch.columns())
            out += column->textAt(row) + "|";
    return out;
}

// One record of the schema, read into `columns`, and written again if they hold all of it.
void record(const avro::SchemaPtr& schema, const Schema& columns, const std::string& bytes, size_t size) {
    avro::RecordReader reader(schema, nullptr, columns);
    BatchBuilder out(columns, 1);
    avro::Cursor in{bytes.data(), bytes.data() + size};
    if (!reader.read(in, out)) return;
    if (in.at > in.end) std::abort();
    const Batch batch = out.finish();
    const std::string read = textOf(batch);
    std::string written;
    try {
        avro::RecordWriter(schema, columns).write(batch, 0, written);
    } catch (const UserError&) {
        return;  // a NULL where a decimal was too large, say
    }
    const size_t written_size = written.size();
    written.append(kDecoderPadding, '\0');
    BatchBuilder again(columns, 1);
    avro::Cursor back{written.data(), written.data() + written_size};
    if (!reader.read(back, again) || back.at != back.end || textOf(again.finish()) != read) {
        std::fprintf(stderr, "written again it is not the same: %s\n", read.c_str());
        std::abort();
    }
}

template <class F>
void guarded(F f) {
    try {
        f();
    } catch (const UserError&) {
        return;  // it says what is wrong
    }
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace millrace;
    if (size < 1) return 0;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const size_t schema_size = std::min<size_t>(size - 1, data[0] * size_t{4});
    const std::string_view text = input.substr(1, schema_size);
    std::string bytes(input.substr(1 + schema_size));
    const size_t bytes_size = bytes.size();
    bytes.append(kDecoderPadding, '\x7F');

    guarded([&] {
        const avro::SchemaPtr schema = avro::Schema::parse(text);
        guarded([&] { record(schema, fuzzedColumns(), bytes, bytes_size); });
        guarded([&] { record(schema, avro::columnsOf(*schema, false), bytes, bytes_size); });
        guarded([&] { avro::RecordReader(schema, schema, fuzzedColumns()); });
    });
    // As a file, with its own header.
    Dropped dropped;
    guarded([&] {
        const auto decoder = makeAvroDecoder(fuzzedColumns(), wholeColumns(fuzzedColumns()), AvroOptions{});
        decoder->rejectTo(&dropped);
        size_t at = decoder->readFileHeader({bytes.data(), bytes_size}, {"fuzzed", 0, 0});
        while (at > 0 && at < bytes_size) {
            BatchBuilder out(fuzzedColumns(), 16);
            const size_t used =
                decoder->decode({bytes.data() + at, bytes_size - at}, true, 1000, {"fuzzed", 0, at}, out)
                    .bytes;
            out.finish();
            if (used == 0) std::abort();
            at += used;
        }
    });
    return 0;
}
