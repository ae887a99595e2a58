// Reads the partitions dealt to one subtask through one consumer, without a consumer group.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "connectors/kafka/kafka_metadata.h"
#include "connectors/kafka/kafka_options.h"
#include "connectors/kafka/kafka_split.h"
#include "connectors/shared/dead_letter_rows.h"
#include "formats/format.h"
#include "runtime/source.h"

namespace millrace {

// Which columns of the output come from where.
struct KafkaColumns {
    Schema output;
    Schema value, key;  // what the decoders make; key is empty without one
    Schema metadata;    // of messages' own keys, which are:
    std::vector<std::string> metadata_keys;
    enum class From : uint8_t { Value, Key, Metadata };
    struct Source {
        From from = From::Value;
        size_t index = 0;  // of the decoder's columns, or of `metadata`
    };
    std::vector<Source> sources;  // a column of the output each
    bool fromValueAlone() const;  // and in its order
};

class KafkaReader final : public SourceReader {
  public:
    KafkaReader(const KafkaOptions& options, const KafkaColumns& columns, std::unique_ptr<Decoder> value,
                std::unique_ptr<Decoder> key, const std::optional<Schema>& dead_letters,
                SourceReaderContext& context);
    ~KafkaReader() override;

    void addSplits(std::vector<SourceSplit> splits) override;
    void noMoreSplits() override { no_more_ = true; }
    ReadStatus poll(Output& output) override;
    std::vector<SourceSplit> snapshot() const override;
    bool tellsSplits() const override { return true; }
    bool pauseSplits(const std::set<std::string>& ids) override;
    std::string progress() const override;  // lines "<partition> <offset> <topic>"
    void onCheckpointComplete(const std::string& progress) override;

  private:
    struct Partition {
        KafkaSplit split;
        std::string id;
        std::string origin;  // for errors: "topic 't', partition 3"
        bool finished = false;
        bool paused = false;
        int64_t backlog_end = -1;  // the partition's end as first heard of; -1: not yet
    };
    void open();
    void take(const rd_kafka_message_t& message, Output& output);
    void turnTo(Partition& partition, Output& output);
    void finish(Partition& partition, Output& output);
    static void committed(rd_kafka_t* client, rd_kafka_resp_err_t error,
                          rd_kafka_topic_partition_list_t* offsets, void* self);
    bool decode(const rd_kafka_message_t& message, const Partition& partition);
    bool keyIsRejected(const rd_kafka_message_t& message, const RecordOrigin& origin);
    std::string_view copied(const void* bytes, size_t size);
    void addTombstone();
    void fail(const rd_kafka_message_t& message) const;
    void emit(Output& output);
    void measureLag();

    const KafkaOptions& options_;
    const KafkaColumns& columns_;
    std::unique_ptr<Decoder> value_, key_;
    SourceReaderContext& context_;
    Counter& bytes_in_;
    Counter& skipped_;
    Counter& lag_max_;
    Counter& pending_;
    Counter& backlog_;
    Counter& commits_succeeded_;
    Counter& commits_failed_;
    BatchBuilder value_rows_, key_rows_;
    KafkaMetadataReader metadata_;
    const bool value_alone_;
    std::vector<RowKind> kinds_;  // of upserts, one a row
    std::unique_ptr<DeadLetterRows> dead_letters_;
    std::string buffer_;  // a message, with room for a decoder behind it

    KafkaPtr<rd_kafka_t> consumer_;
    KafkaPtr<rd_kafka_queue_t> queue_;
    KafkaPtr<rd_kafka_queue_t> commits_;  // their results
    size_t commits_under_way_ = 0;
    std::string last_committed_;  // as progress() has it
    std::map<std::pair<std::string, int32_t>, Partition> partitions_;
    std::map<const rd_kafka_topic_t*, std::string> topics_;
    Partition* last_ = nullptr;  // of the last message
    std::vector<rd_kafka_message_t*> messages_;
    bool no_more_ = false;
    int64_t pause_ms_ = 1;  // while nothing comes
    int64_t lag_measured_ms_ = 0;
};

}  // namespace millrace
