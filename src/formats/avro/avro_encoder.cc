#include "base/error.h"
#include "base/hash.h"
#include "formats/avro/avro_bytes.h"
#include "formats/avro/avro_container.h"
#include "formats/avro/avro_format.h"
#include "formats/avro/avro_writer.h"

namespace millrace {
namespace {

class AvroEncoder final : public Encoder {
  public:
    AvroEncoder(const Schema& schema, const AvroOptions& options)
        : writer_(
              options.schema ? options.schema : avro::Schema::ofColumns(schema, options.legacy_timestamps),
              schema) {
        header_.codec = options.codec;
        header_.schema =
            options.schema ? options.schema : avro::Schema::ofColumns(schema, options.legacy_timestamps);
        // The same for the same schema: what is written must not depend on chance.
        uint64_t hash = hashBytes(header_.schema->text());
        while (header_.mark.size() < avro::kMarkBytes) {
            avro::appendPlain(hash, header_.mark);
            hash = combineHash(hash, header_.mark.size());
        }
    }

    void header(std::string& out) override { avro::appendContainerHeader(header_, out); }

    // A block a batch.
    void encode(const Batch& batch, std::string& out) override {
        if (batch.empty()) return;
        records_.clear();
        for (size_t row = 0; row < batch.rows(); ++row)
            writer_.write(batch, row, records_);
        block_.clear();
        avro::compress(header_.codec, records_, block_);
        avro::appendLong(static_cast<int64_t>(batch.rows()), out);
        avro::appendBytes(block_, out);
        out += header_.mark;
    }

    void encodeMessages(const Batch& batch, std::string& out, Messages& messages) override {
        for (size_t row = 0; row < batch.rows(); ++row) {
            const size_t begin = out.size();
            writer_.write(batch, row, out);
            messages.emplace_back(begin, out.size());
        }
    }

  private:
    avro::RecordWriter writer_;
    avro::ContainerHeader header_;
    std::string records_, block_;
};

}  // namespace

std::unique_ptr<Encoder> makeAvroEncoder(const Schema& schema, const AvroOptions& options) {
    return std::make_unique<AvroEncoder>(schema, options);
}

}  // namespace millrace
