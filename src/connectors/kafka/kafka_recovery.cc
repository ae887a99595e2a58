// What becomes of a transaction whose producer is gone: see kafka_transaction.h.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "connectors/kafka/kafka_transaction.h"

namespace millrace {
namespace {

constexpr const char* kLog = "connectors.kafka";

class Recovery {
  public:
    Recovery(const KafkaOptions& options, const KafkaCommittable& committable)
        : options_(options), committable_(committable), producer_(options, committable.transactional_id) {}

    // Once every producer that may have had a transaction is fenced: an open one hides what was committed.
    void run() {
        if (isMarked()) {
            logInfo(kLog, "table '{}': the transaction of '{}' was written again before", options_.table,
                    committable_.transactional_id);
        } else if (isVisible()) {
            logInfo(kLog, "table '{}': the transaction of '{}' had been committed", options_.table,
                    committable_.transactional_id);
        } else {
            writeAgain();
        }
    }

  private:
    KafkaPtr<rd_kafka_t> consumer(const char* isolation_level) const {
        KafkaSettings settings = options_.settings;
        settings["group.id"] = committable_.transactional_id;
        settings["isolation.level"] = isolation_level;
        settings["enable.auto.commit"] = "false";
        settings["enable.partition.eof"] = "true";
        settings["auto.offset.reset"] = "earliest";
        for (const char* key : {"acks", "linger.ms", "compression.type", "transaction.timeout.ms",
                                "batch.size", "delivery.timeout.ms", "enable.idempotence", "partitioner",
                                "retries", "message.max.bytes", "queue.buffering.max.kbytes"})
            settings.erase(key);
        auto client = kafkaClient(RD_KAFKA_CONSUMER, options_.table, settings);
        checkKafka(options_.table, "recovering a transaction", rd_kafka_poll_set_consumer(client.get()));
        return client;
    }

    // The mark of a transaction that was written again: the committed offset of a group that is called as the
    // transactional id, in the partition of its first message.
    bool isMarked() const {
        const KafkaRange& first = committable_.ranges.front();
        const auto client = consumer("read_committed");
        const auto list = onePartition(committable_.topic, first.partition);
        askKafkaCommitted(options_.table, "recovering a transaction", client.get(), list.get());
        return list->elems[0].offset >= first.first;
    }

    // Whether those who read committed messages see one of them.
    bool isVisible() const {
        bool seen = false;
        read("read_committed", [&](const rd_kafka_message_t&) {
            seen = true;
            return false;
        });
        return seen;
    }

    // False to be called no more.
    using Take = std::function<bool(const rd_kafka_message_t&)>;
    // Each of the messages that can be read, in order, one partition after another.
    void read(const char* isolation_level, const Take& take) const {
        const auto client = consumer(isolation_level);
        const auto& ranges = committable_.ranges;
        for (auto begin = ranges.begin(); begin != ranges.end();) {
            const auto end = std::find_if(begin, ranges.end(), [&](const KafkaRange& range) {
                return range.partition != begin->partition;
            });
            if (!readPartition(client.get(), begin, end, take)) break;
            begin = end;
        }
        rd_kafka_consumer_close(client.get());
    }

    using Ranges = std::vector<KafkaRange>::const_iterator;
    bool readPartition(rd_kafka_t* client, Ranges range, Ranges end, const Take& take) const {
        const int32_t partition = range->partition;
        const int64_t last = std::prev(end)->first + std::prev(end)->count - 1;
        const auto list = onePartition(committable_.topic, partition, range->first);
        checkKafka(options_.table, "recovering a transaction", rd_kafka_assign(client, list.get()));
        auto heard = std::chrono::steady_clock::now();
        for (;;) {
            const KafkaPtr<rd_kafka_message_t> message(rd_kafka_consumer_poll(client, 100));
            const bool down = message && (message->err == RD_KAFKA_RESP_ERR__TRANSPORT ||
                                          message->err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN);
            // An end that lies before our last message is that of what is settled: others' transactions are
            // not.
            const bool early = message && message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF &&
                               (message->partition != partition || message->offset <= last);
            if (!message || down || early) {
                if (std::chrono::steady_clock::now() - heard > std::chrono::milliseconds(2 * kKafkaTimeoutMs))
                    throwKafka(options_.table, "reading a transaction back", RD_KAFKA_RESP_ERR__TIMED_OUT);
                continue;
            }
            if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) return true;
            checkKafka(options_.table, "reading a transaction back", message->err);
            heard = std::chrono::steady_clock::now();
            if (message->partition != partition) continue;  // of the one before
            while (range != end && message->offset >= range->first + range->count)
                ++range;
            if (range == end) return true;
            if (message->offset >= range->first && !take(*message)) return false;
            if (message->offset == last) return true;
        }
    }

    void writeAgain() {
        int64_t expected = 0, found = 0;
        for (const KafkaRange& range : committable_.ranges)
            expected += range.count;
        producer_.begin();
        read("read_uncommitted", [&](const rd_kafka_message_t& message) {
            ++found;
            copy(message);
            return true;
        });
        if (found == 0) {
            logWarn(kLog,
                    "table '{}': of the transaction of '{}' with {} messages the topic '{}' has nothing any "
                    "more, "
                    "and whether it had been committed cannot be told",
                    options_.table, committable_.transactional_id, expected, committable_.topic);
            return;
        }
        producer_.flush();
        if (found != expected)
            throw UserError(
                "kafka.lost-transaction",
                fmt::format(
                    "table '{}': a transaction of '{}' was not committed before its time was up, and of "
                    "its {} messages in the topic '{}' only {} are still there to be written again",
                    options_.table, committable_.transactional_id, expected, committable_.topic, found),
                "the topic has removed or compacted them; go back to a checkpoint or snapshot before this "
                "one");
        mark();
        producer_.commit();
        logWarn(
            kLog,
            "table '{}': the transaction of '{}' had not been committed: its {} messages were written again",
            options_.table, committable_.transactional_id, found);
    }

    void copy(const rd_kafka_message_t& message) {
        rd_kafka_timestamp_type_t kind{};
        const int64_t timestamp = rd_kafka_message_timestamp(&message, &kind);
        rd_kafka_headers_t* headers = nullptr;
        const bool has_headers = rd_kafka_message_headers(&message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR;
        for (;;) {
            rd_kafka_headers_t* const copied = has_headers ? rd_kafka_headers_copy(headers) : nullptr;
            const rd_kafka_resp_err_t error = rd_kafka_producev(
                producer_.client(), RD_KAFKA_V_RKT(producer_.topic()),
                RD_KAFKA_V_PARTITION(message.partition), RD_KAFKA_V_VALUE(message.payload, message.len),
                RD_KAFKA_V_KEY(message.key, message.key_len),
                RD_KAFKA_V_TIMESTAMP(kind == RD_KAFKA_TIMESTAMP_CREATE_TIME ? timestamp : 0),
                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_HEADERS(copied), RD_KAFKA_V_END);
            if (error == RD_KAFKA_RESP_ERR_NO_ERROR) break;
            if (copied != nullptr) rd_kafka_headers_destroy(copied);
            if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL)
                throwKafka(options_.table, "writing a transaction again", error);
            rd_kafka_poll(producer_.client(), 10);
        }
        producer_.poll();
    }

    void mark() {
        const KafkaRange& first = committable_.ranges.front();
        const auto list = onePartition(committable_.topic, first.partition, first.first);
        const KafkaPtr<rd_kafka_consumer_group_metadata_t> group(
            rd_kafka_consumer_group_metadata_new(committable_.transactional_id.c_str()));
        checkKafka(options_.table, "recovering a transaction",
                   rd_kafka_send_offsets_to_transaction(producer_.client(), list.get(), group.get(),
                                                        kKafkaTimeoutMs));
    }

    const KafkaOptions& options_;
    const KafkaCommittable& committable_;
    KafkaProducer producer_;
};

}  // namespace

void recoverTransactions(const KafkaOptions& options, const std::vector<KafkaCommittable>& committables) {
    std::set<std::string> ids;
    std::vector<std::unique_ptr<Recovery>> recoveries;  // making one fences the producer of its id
    for (const KafkaCommittable& committable : committables) {
        recoveries.push_back(std::make_unique<Recovery>(options, committable));
        ids.insert(committable.transactional_id);
    }
    for (const KafkaCommittable& committable : committables)
        for (uint32_t subtask = 0; subtask < committable.parallelism; ++subtask)
            for (uint32_t number = 0; number < committable.numbers; ++number) {
                const std::string id = transactionalId(options.transactional_id_prefix, subtask, number);
                if (ids.insert(id).second) KafkaProducer(options, id);
            }
    for (const auto& recovery : recoveries)
        recovery->run();
}

}  // namespace millrace
