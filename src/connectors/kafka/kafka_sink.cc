#include "connectors/kafka/kafka_sink.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "connectors/kafka/kafka_metadata.h"
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
    KafkaWriter(const KafkaOptions& options, const Schema& schema, const KafkaMetadataWriter& metadata,
                SinkWriterContext& context)
        : options_(options),
          metadata_(metadata),
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
            claim_.emplace(options, idPrefix());
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
            if (options_.upsert && batch.kind(row) == RowKind::UpdateBefore) continue;
            const bool deletes = options_.upsert && batch.kind(row) == RowKind::Delete;
            const auto text_of = [row](const std::string& all, const Encoder::Messages& messages) {
                return std::string_view(all).substr(messages[row].first,
                                                    messages[row].second - messages[row].first);
            };
            Message message;
            if (!deletes) message.value = text_of(values_, value_messages_);
            if (key_) message.key = text_of(keys_, key_messages_);
            if (!metadata_.empty()) {
                message.timestamp_ms = metadata_.timestampMs(batch, row);
                message.headers = metadata_.headers(batch, row);
            }
            if (options_.buffer_rows_max > 0)
                gather(std::move(message));
            else
                produce(std::move(message));
        }
        bytes_out_.add(static_cast<int64_t>(values_.size() + keys_.size()));
        if (gatheringIsOver()) produceGathered();
        producer_->poll();
    }

    // Nothing else is to be done: what was gathered goes out, whatever time it has left.
    void flush() override {
        produceGathered();
        if (producer_) producer_->poll();
    }

    std::vector<std::string> prepareCommit() override {
        produceGathered();
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
    struct Message {
        std::optional<std::string_view> value;  // none: a tombstone
        std::optional<std::string_view> key;
        int64_t timestamp_ms = 0;
        KafkaPtr<rd_kafka_headers_t> headers;
    };
    // The last change of a key, with bytes of its own.
    struct Gathered {
        std::optional<std::string> value;
        int64_t timestamp_ms = 0;
        KafkaPtr<rd_kafka_headers_t> headers;
    };

    void produce(Message message) {
        rd_kafka_message_t out{};
        if (message.value) {
            out.payload = const_cast<char*>(message.value->data());
            out.len = message.value->size();
        }
        if (message.key) {
            out.key = const_cast<char*>(message.key->data());
            out.key_len = message.key->size();
        }
        out.partition = nextPartition();
        if (metadata_.empty())
            producer_->produce(out);
        else
            producer_->produce(out, message.timestamp_ms, std::move(message.headers));
    }

    void gather(Message message) {
        if (gathered_.empty()) gathering_since_ms_ = context_.now().value();
        Gathered& kept = gathered_[std::string(*message.key)];
        kept.value.reset();
        if (message.value) kept.value = std::string(*message.value);
        kept.timestamp_ms = message.timestamp_ms;
        kept.headers = std::move(message.headers);
    }
    bool gatheringIsOver() const {
        return std::cmp_greater_equal(gathered_.size(), std::max<int64_t>(1, options_.buffer_rows_max)) ||
               (!gathered_.empty() &&
                context_.now().value() - gathering_since_ms_ >= options_.buffer_interval.ms);
    }
    void produceGathered() {
        for (auto& [key, change] : gathered_) {
            Message message{std::nullopt, key, change.timestamp_ms, std::move(change.headers)};
            if (change.value) message.value = *change.value;
            produce(std::move(message));
        }
        gathered_.clear();
    }

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
        partitions_ = kafkaPartitionsOf(options_.table, asked.client(), asked.topic(), true);
        next_partition_ = static_cast<int32_t>(context_.subtask().value());
    }

    int32_t nextPartition() {
        if (partitions_ == 0) return RD_KAFKA_PARTITION_UA;
        if (options_.partitioner == KafkaOptions::Partitioner::RoundRobin) ++next_partition_;
        return next_partition_ % partitions_;
    }

    const KafkaOptions& options_;
    const KafkaMetadataWriter& metadata_;
    SinkWriterContext& context_;
    std::unique_ptr<Encoder> value_, key_;
    Counter& bytes_out_;
    std::optional<KafkaProducers::Claim> claim_;  // of the transactional ids
    std::unique_ptr<KafkaProducer> producer_;     // none between two transactions
    uint32_t numbers_ = 0;                        // transactional ids used
    int32_t partitions_ = 0;
    int32_t next_partition_ = 0;
    std::string values_, keys_;
    Encoder::Messages value_messages_, key_messages_;
    std::unordered_map<std::string, Gathered> gathered_;  // by key; only while there is a producer
    int64_t gathering_since_ms_ = 0;
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
    explicit KafkaSink(const TableSpec& spec)
        : options_(KafkaOptions::from(spec)), schema_(spec.schema), metadata_(spec.metadata) {
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
        if (options_.upsert) return ChangelogMode::Upsert;
        return findFormat(options_.value_format).changelog ? ChangelogMode::All : ChangelogMode::InsertOnly;
    }
    std::unique_ptr<SinkWriter> createWriter(SinkWriterContext& context,
                                             std::vector<std::string> /*restored*/) const override {
        return std::make_unique<KafkaWriter>(options_, schema_, metadata_, context);
    }
    std::unique_ptr<Committer> createCommitter(const Environment& /*environment*/) const override {
        if (options_.guarantee != KafkaOptions::Guarantee::ExactlyOnce) return nullptr;
        return std::make_unique<KafkaCommitter>(options_);
    }

  private:
    const KafkaOptions options_;
    const Schema schema_;
    const KafkaMetadataWriter metadata_;
};

}  // namespace

std::shared_ptr<const Sink> makeKafkaSink(const TableSpec& spec) { return std::make_shared<KafkaSink>(spec); }

}  // namespace millrace
