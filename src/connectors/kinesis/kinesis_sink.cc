#include "connectors/kinesis/kinesis_sink.h"

#include <fmt/format.h>

#include "base/error.h"
#include "connectors/kinesis/kinesis_writer.h"
#include "connectors/shared/node_name.h"
#include "formats/format.h"

namespace millrace {
namespace {

class KinesisWriter final : public SinkWriter {
  public:
    KinesisWriter(const KinesisOptions& options, const Schema& schema,
                  std::shared_ptr<const KinesisClient> client, SinkWriterContext& context)
        : options_(options),
          encoder_(findFormat(options.format).make_encoder(schema, options.format_options)),
          random_(context.environment().seed + context.subtask().value() + 1),
          fixed_key_(std::to_string(context.subtask().value())),
          bytes_out_(context.metrics().counter("numBytesOut")),
          retried_(context.metrics().counter("numRecordsSendRetried")),
          producer_(options, std::move(client), random_.next()) {
        for (const std::string& field : options.key_fields)
            key_columns_.push_back(static_cast<size_t>(schema.find(field)));
    }

    void write(const Batch& batch) override {
        bytes_.clear();
        messages_.clear();
        encoder_->encodeMessages(batch, bytes_, messages_);
        MILLRACE_CHECK(messages_.size() == batch.rows(), "a format made {} messages of {} rows",
                       messages_.size(), batch.rows());
        for (size_t row = 0; row < batch.rows(); ++row)
            producer_.add({bytes_.substr(messages_[row].first, messages_[row].second - messages_[row].first),
                           keyOf(batch, row)});
        bytes_out_.add(static_cast<int64_t>(bytes_.size()));
        retried_.set(producer_.retried());
    }

    std::vector<std::string> prepareCommit() override {
        producer_.flush();
        retried_.set(producer_.retried());
        return {};
    }

  private:
    std::string keyOf(const Batch& batch, size_t row) {
        if (options_.fixed_key) return fixed_key_;
        if (key_columns_.empty()) return fmt::format("{:016x}", random_.next());
        std::string key;
        for (size_t i = 0; i < key_columns_.size(); ++i) {
            if (i > 0) key += options_.key_delimiter;
            key += batch.column(key_columns_[i])->textAt(row);
        }
        return key;
    }

    const KinesisOptions& options_;
    const std::unique_ptr<Encoder> encoder_;
    Random random_;
    const std::string fixed_key_;
    Counter& bytes_out_;
    Counter& retried_;
    std::vector<size_t> key_columns_;
    std::string bytes_;
    Encoder::Messages messages_;
    KinesisProducer producer_;
};

class KinesisSink final : public Sink {
  public:
    KinesisSink(const TableSpec& spec, const MakeKinesisClient& make_client)
        : options_(KinesisOptions::from(spec)),
          schema_(spec.physicalSchema()),
          client_(make_client(options_)) {
        findFormat(options_.format).make_encoder(schema_, options_.format_options);
    }

    std::string name() const override { return nodeName("Sink", options_.table, schema_); }
    const Schema& inputSchema() const override { return schema_; }
    std::unique_ptr<SinkWriter> createWriter(SinkWriterContext& context,
                                             std::vector<std::string> /*restored*/) const override {
        return std::make_unique<KinesisWriter>(options_, schema_, client_, context);
    }

  private:
    const KinesisOptions options_;
    const Schema schema_;
    const std::shared_ptr<const KinesisClient> client_;
};

}  // namespace

std::shared_ptr<const Sink> makeKinesisSink(const TableSpec& spec, const MakeKinesisClient& make_client) {
    return std::make_shared<KinesisSink>(spec, make_client);
}

}  // namespace millrace
