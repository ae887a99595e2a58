// Reads the partitions dealt to one subtask through one consumer, without a consumer group.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/kafka/kafka_options.h"
#include "connectors/kafka/kafka_prefetch.h"
#include "connectors/kafka/kafka_rows.h"
#include "connectors/kafka/kafka_split.h"
#include "connectors/shared/dead_letter_rows.h"
#include "formats/format.h"
#include "runtime/source.h"

namespace millrace {

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
    void goOnFromWhatThereIs(Partition& partition, Output& output);
    void fail(const rd_kafka_message_t& message) const;
    void emit(Output& output);
    void wakeFetching();
    void measureLag();

    const KafkaOptions& options_;
    SourceReaderContext& context_;
    Counter& bytes_in_;
    Counter& skipped_;
    Counter& lag_max_;
    Counter& pending_;
    Counter& backlog_;
    Counter& current_offsets_;
    Counter& committed_offsets_;
    Counter& commits_succeeded_;
    Counter& commits_failed_;
    std::unique_ptr<DeadLetterRows> dead_letters_;
    KafkaRows rows_;

    KafkaPtr<rd_kafka_t> consumer_;
    KafkaPtr<rd_kafka_queue_t> queue_;
    std::optional<KafkaPrefetch> prefetch_;  // with the consumer
    KafkaPtr<rd_kafka_queue_t> commits_;     // their results
    size_t commits_under_way_ = 0;
    std::string last_committed_;                                       // as progress() has it
    rd_kafka_resp_err_t commit_failure_ = RD_KAFKA_RESP_ERR_NO_ERROR;  // as last told
    std::map<std::pair<std::string, int32_t>, Partition> partitions_;
    std::map<const rd_kafka_topic_t*, std::string> topics_;
    Partition* last_ = nullptr;  // of the last message
    std::vector<rd_kafka_message_t*> messages_;
    bool no_more_ = false;
    int64_t pause_ms_ = 1;  // while nothing comes
    int64_t lag_measured_ms_ = 0;
};

}  // namespace millrace
