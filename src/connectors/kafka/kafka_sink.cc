#include "connectors/kafka/kafka_sink.h"

#include <fmt/format.h>

#include "base/error.h"
#include "connectors/kafka/kafka_transaction.h"
#include "connectors/shared/node_name.h"
#include "formats/format.h"

namespace millrace {
namespace {

Batch columnsOf(const Batch& batch, const std::vector<size_t>& chosen) {
    std::vector<ColumnPtr> columns;
    columns.reserve(chosen.size());
    for (const size_t column : chosen)
        columns.push_back(batch.column(column));
    return batch.withColumns(std::move(columns));
}

class KafkaWriter final : public SinkWriter {
  public:
    KafkaWriter(const KafkaOptions& options, const Schema& schema, SinkWriterContext& context)
        : options_(options),
          context_(context),
          value_(findFormat(options.value_format)
                     .make_encoder(options.valueSchema(schema), options.format_options)),
          bytes_out_(context.metrics().counter("numBytesOut")) {
        if (!options.key_columns.empty())
            key_ = findFormat(options.key_format)
                       .make_encoder(options.keySchema(schema), options.key_format_options);
        if (options.guarantee != KafkaOptions::Guarantee::ExactlyOnce) {
            producer_ = std::make_unique<KafkaProducer>(options, "");
        } else {
            KafkaProducers& producers = KafkaProducers::ofProcess();
            producers.drop(idPrefix());
            // Both now: a transaction that a former writer of the id left open would hide what is committed.
            for (; numbers_ < 2; ++numbers_)
                producers.giveBack(std::make_unique<KafkaProducer>(options, id(numbers_)));
        }
        findPartitions();
    }

    void write(const Batch& batch) override {
        if (!producer_) beginTransaction();
        values_.clear();
        value_messages_.clear();
        value_->encodeMessages(columnsOf(batch, options_.value_columns), values_, value_messages_);
        if (key_) {
            keys_.clear();
            key_messages_.clear();
            key_->encodeMessages(columnsOf(batch, options_.key_columns), keys_, key_messages_);
        }
        MILLRACE_CHECK(value_messages_.size() == batch.rows(), "a format made {} messages of {} rows",
                       value_messages_.size(), batch.rows());
        for (size_t row = 0; row < batch.rows(); ++row) {
            rd_kafka_message_t message{};
            message.payload = values_.data() + value_messages_[row].first;
            message.len = value_messages_[row].second - value_messages_[row].first;
            if (key_) {
                message.key = keys_.data() + key_messages_[row].first;
                message.key_len = key_messages_[row].second - key_messages_[row].first;
            }
            message.partition = nextPartition();
            producer_->produce(message);
        }
        bytes_out_.add(static_cast<int64_t>(values_.size() + keys_.size()));
        producer_->poll();
    }

    void flush() override {
        if (producer_) producer_->poll();
    }

    std::vector<std::string> prepareCommit() override {
        if (!producer_) return {};
        producer_->flush();
        if (options_.guarantee != KafkaOptions::Guarantee::ExactlyOnce) return {};
        KafkaCommittable committable{producer_->transactionalId(), options_.topics.front(),
                                     context_.parallelism(), numbers_, producer_->takeRanges()};
        if (committable.ranges.empty()) return {};  // the transaction is gone on with
        KafkaProducers::ofProcess().await(std::move(producer_));
        return {committable.encode()};
    }

  private:
    std::string id(uint32_t number) const {
        return transactionalId(options_.transactional_id_prefix, context_.subtask().value(), number);
    }
    std::string idPrefix() const {
        return fmt::format("{}-{}-", options_.transactional_id_prefix, context_.subtask().value());
    }

    void beginTransaction() {
        for (uint32_t number = 0; number < numbers_ && !producer_; ++number)
            producer_ = KafkaProducers::ofProcess().takeFree(id(number));
        if (!producer_) producer_ = std::make_unique<KafkaProducer>(options_, id(numbers_++));
        producer_->begin();
    }

    // How many partitions there are to choose from, where the client does not choose.
    void findPartitions() {
        if (options_.partitioner == KafkaOptions::Partitioner::Default) return;
        KafkaProducer asked(options_, "");
        const rd_kafka_metadata_t* found = nullptr;
        checkKafka(options_.table, "asking for the topic",
                   rd_kafka_metadata(asked.client(), 0, asked.topic(), &found, kKafkaTimeoutMs));
        const KafkaPtr<const rd_kafka_metadata_t> metadata(found);
        if (metadata->topic_cnt == 1) {
            checkKafka(options_.table, "asking for the topic", metadata->topics[0].err);
            partitions_ = metadata->topics[0].partition_cnt;
        }
        next_partition_ = static_cast<int32_t>(context_.subtask().value());
    }

    int32_t nextPartition() {
        if (partitions_ == 0) return RD_KAFKA_PARTITION_UA;
        if (options_.partitioner == KafkaOptions::Partitioner::RoundRobin) ++next_partition_;
        return next_partition_ % partitions_;
    }

    const KafkaOptions& options_;
    SinkWriterContext& context_;
    std::unique_ptr<Encoder> value_, key_;
    Counter& bytes_out_;
    std::unique_ptr<KafkaProducer> producer_;  // none between two transactions
    uint32_t numbers_ = 0;                     // transactional ids used
    int32_t partitions_ = 0;
    int32_t next_partition_ = 0;
    std::string values_, keys_;
    Encoder::Messages value_messages_, key_messages_;
};

class KafkaCommitter final : public Committer {
  public:
    explicit KafkaCommitter(const KafkaOptions& options) : options_(options) {}

    void commit(const std::vector<std::string>& committables) override {
        std::vector<KafkaCommittable> orphans;
        for (const std::string& text : committables) {
            KafkaCommittable committable = KafkaCommittable::decode(text);
            auto producer = KafkaProducers::ofProcess().takeAwaiting(committable.transactional_id);
            if (!producer) {
                orphans.push_back(std::move(committable));
                continue;
            }
            producer->commit();
            KafkaProducers::ofProcess().giveBack(std::move(producer));
        }
        if (!orphans.empty()) recoverTransactions(options_, orphans);
    }

  private:
    const KafkaOptions& options_;
};

class KafkaSink final : public Sink {
  public:
    explicit KafkaSink(const TableSpec& spec) : options_(KafkaOptions::from(spec)), schema_(spec.schema) {
        options_.checkSink(spec);
        const auto check = [&](const std::string& format, const Schema& schema, const auto& options) {
            findFormat(format).make_encoder(schema, options);
        };
        check(options_.value_format, options_.valueSchema(schema_), options_.format_options);
        if (!options_.key_columns.empty())
            check(options_.key_format, options_.keySchema(schema_), options_.key_format_options);
        kafkaConf(options_.table, options_.settings);
    }

    std::string name() const override { return nodeName("Sink", options_.table, schema_); }
    const Schema& inputSchema() const override { return schema_; }
    ChangelogMode accepts() const override {
        return findFormat(options_.value_format).changelog ? ChangelogMode::All : ChangelogMode::InsertOnly;
    }
    std::unique_ptr<SinkWriter> createWriter(SinkWriterContext& context,
                                             std::vector<std::string> /*restored*/) const override {
        return std::make_unique<KafkaWriter>(options_, schema_, context);
    }
    std::unique_ptr<Committer> createCommitter(const Environment& /*environment*/) const override {
        if (options_.guarantee != KafkaOptions::Guarantee::ExactlyOnce) return nullptr;
        return std::make_unique<KafkaCommitter>(options_);
    }

  private:
    const KafkaOptions options_;
    const Schema schema_;
};

}  // namespace

std::shared_ptr<const Sink> makeKafkaSink(const TableSpec& spec) { return std::make_shared<KafkaSink>(spec); }

}  // namespace millrace
