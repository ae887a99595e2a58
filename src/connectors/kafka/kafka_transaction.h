// Exactly-once writing to Kafka (docs/decisions/0012-kafka-transactions.md).
//
// At a barrier a writer's transaction is flushed: its messages lie in the topic, and nobody who reads what is
// committed sees them. What the checkpoint keeps of it is where they lie. Once the checkpoint is complete the
// transaction is committed by the producer that wrote it, as long as that lives. After a restart that
// producer is gone, and its transaction cannot be gone on with: it is fenced, by a new producer of the same
// transactional id, and has then either been committed or aborted for good. What of it, reading committed
// messages shows. If it was aborted, its messages are read back and written again, in one new transaction
// that also leaves a mark that this was done. All of this before the job's writers write anything.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/kafka/kafka_options.h"

namespace millrace {

// Messages one after the other in a partition.
struct KafkaRange {
    int32_t partition = 0;
    int64_t first = 0;
    int64_t count = 0;
    bool operator==(const KafkaRange&) const = default;
};

std::string transactionalId(const std::string& prefix, uint32_t subtask, uint32_t number);

// What a checkpoint keeps of a transaction that is ready to be committed.
struct KafkaCommittable {
    std::string transactional_id;
    std::string topic;
    uint32_t parallelism = 1;        // of the writers: their ids are transactionalId(prefix, subtask, number)
    uint32_t numbers = 1;            // how many of them a writer has
    std::vector<KafkaRange> ranges;  // ascending within a partition

    std::string encode() const;
    // UserError "snapshot.damaged".
    static KafkaCommittable decode(std::string_view text);
};

// A producer with its place in a transaction. Its delivery reports are gathered as ranges.
class KafkaProducer {
  public:
    // Transactional if `transactional_id` is not empty: then what a former producer of that id left is fenced
    // and aborted. UserError.
    KafkaProducer(const KafkaOptions& options, const std::string& transactional_id);
    ~KafkaProducer();
    KafkaProducer(const KafkaProducer&) = delete;
    KafkaProducer& operator=(const KafkaProducer&) = delete;

    const std::string& transactionalId() const { return transactional_id_; }
    rd_kafka_t* client() { return client_.get(); }
    rd_kafka_topic_t* topic() { return topic_.get(); }

    void begin();
    // Waits for room while too much is on its way. UserError if a message could not be delivered.
    void produce(const rd_kafka_message_t& message);
    // With a timestamp (0: now) and headers, which may be nullptr.
    void produce(const rd_kafka_message_t& message, int64_t timestamp_ms,
                 KafkaPtr<rd_kafka_headers_t> headers);
    void poll();   // takes delivery reports
    void flush();  // until all is delivered
    void commit();
    std::vector<KafkaRange> takeRanges();

  private:
    static void delivered(rd_kafka_t* client, const rd_kafka_message_t* message, void* self);
    void throwFailure() const;
    void makeRoom(rd_kafka_resp_err_t error);

    const KafkaOptions& options_;
    const std::string transactional_id_;
    KafkaPtr<rd_kafka_t> client_;
    KafkaPtr<rd_kafka_topic_t> topic_;
    std::map<int32_t, std::vector<KafkaRange>> ranges_;
    rd_kafka_resp_err_t failed_ = RD_KAFKA_RESP_ERR_NO_ERROR;
};

// The producers of this process whose transactions wait for their checkpoint, and those that are free again.
class KafkaProducers {
  public:
    static KafkaProducers& ofProcess();

    // For as long as it lives, transactional ids with the prefix are those of one sink: that of the options.
    // UserError "kafka.shared-prefix" where another one has them.
    class Claim {
      public:
        Claim(const KafkaOptions& sink, const std::string& transactional_id_prefix);
        ~Claim();
        Claim(const Claim&) = delete;
        Claim& operator=(const Claim&) = delete;

      private:
        const std::string prefix_;
    };

    void await(std::unique_ptr<KafkaProducer> producer);
    std::unique_ptr<KafkaProducer> takeAwaiting(const std::string& transactional_id);
    void giveBack(std::unique_ptr<KafkaProducer> producer);
    std::unique_ptr<KafkaProducer> takeFree(const std::string& transactional_id);
    // Those of a writer that is no more: their transactions are aborted, if they were not committed.
    void drop(const std::string& transactional_id_prefix);

  private:
    struct Claimed {
        const KafkaOptions* sink = nullptr;
        std::string table;
        int times = 0;  // a writer may be made before the one that it follows is gone
    };
    std::mutex mutex_;
    std::map<std::string, std::unique_ptr<KafkaProducer>> awaiting_, free_;
    std::map<std::string, Claimed> claimed_;  // by prefix
};

// Makes their messages visible, if they are not: whoever wrote them, and whatever became of it.
void recoverTransactions(const KafkaOptions& options, const std::vector<KafkaCommittable>& committables);

}  // namespace millrace
