#include "connectors/kafka/kafka_prefetch.h"

#include <algorithm>

#include "base/configuration.h"

namespace millrace {
namespace {

constexpr int kBackoffSettable = 0x020200ff;  // librdkafka 2.2.0
constexpr double kFull = 0.75, kLow = 0.4;    // of what the queue is to hold

}  // namespace

KafkaPrefetch::KafkaPrefetch(KafkaSettings& settings) : sleeps_(rd_kafka_version() < kBackoffSettable) {
    if (!sleeps_) settings.try_emplace("fetch.queue.backoff.ms", "10");
    const auto number = [&](const char* key, const char* otherwise) {
        return static_cast<double>(
            parseConfigValue<int64_t>(key, settings.try_emplace(key, otherwise).first->second));
    };
    messages_max_ = number("queued.min.messages", "100000");
    bytes_max_ = 1024 * number("queued.max.messages.kbytes", "32768");
}

bool KafkaPrefetch::isDue(size_t left, size_t taken, size_t taken_bytes) {
    if (!sleeps_) return false;
    if (taken > 0) message_bytes_ = static_cast<double>(taken_bytes) / static_cast<double>(taken);
    const auto filled = [&](size_t messages) {
        const auto count = static_cast<double>(messages);
        return std::max(count / messages_max_, count * message_bytes_ / bytes_max_);
    };
    was_full_ = was_full_ || filled(left + taken) >= kFull;
    if (!was_full_ || filled(left) > kLow) return false;
    was_full_ = false;
    return true;
}

void KafkaPrefetch::wake(rd_kafka_t* client, rd_kafka_topic_partition_list_t* partitions) {
    for (int i = 0; i < partitions->cnt; ++i)
        partitions->elems[i].offset = RD_KAFKA_OFFSET_END;
    rd_kafka_offsets_for_times(client, partitions, 0);
}

}  // namespace millrace
