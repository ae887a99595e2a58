#include "connectors/kafka/kafka_discovery.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>

#include "base/error.h"

namespace millrace {
namespace {

KafkaSettings discoverySettings(const KafkaOptions& options) {
    KafkaSettings settings = options.settings;
    settings.try_emplace("group.id", "millrace");                 // which committed offsets are asked of
    settings.try_emplace("isolation.level", "read_uncommitted");  // the end is the readers'
    settings["enable.auto.commit"] = "false";
    return settings;
}

KafkaPtr<rd_kafka_topic_partition_list_t> listOf(const std::vector<KafkaSplit>& splits, int64_t offset) {
    KafkaPtr<rd_kafka_topic_partition_list_t> list(
        rd_kafka_topic_partition_list_new(static_cast<int>(splits.size())));
    for (const KafkaSplit& split : splits)
        rd_kafka_topic_partition_list_add(list.get(), split.topic.c_str(), split.partition)->offset = offset;
    return list;
}

void set(KafkaSplit& split, int64_t offset, bool start) {
    if (start)
        split.next = offset;
    else
        split.end = offset;
}

}  // namespace

KafkaDiscovery::KafkaDiscovery(const KafkaOptions& options)
    : options_(options), client_(kafkaClient(RD_KAFKA_CONSUMER, options.table, discoverySettings(options))) {}

std::vector<KafkaSplit> KafkaDiscovery::find(const std::set<std::string>& known, bool first) const {
    std::vector<KafkaSplit> splits = partitions();
    std::erase_if(splits, [&](const KafkaSplit& split) { return known.contains(split.id()); });
    if (splits.empty()) return splits;
    resolve(first ? options_.start : KafkaPosition{KafkaPosition::Kind::Earliest, 0, {}}, splits, true);
    resolve(options_.end, splits, false);
    return splits;
}

std::vector<std::string> KafkaDiscovery::topicsByPattern() const {
    const rd_kafka_metadata_t* found = nullptr;
    askKafka(options_.table, "listing the topics", client_.get(), [&](int timeout_ms) {
        return rd_kafka_metadata(client_.get(), 1, nullptr, &found, timeout_ms);
    });
    const KafkaPtr<const rd_kafka_metadata_t> metadata(found);
    const RE2 pattern(options_.topic_pattern);
    std::vector<std::string> topics;
    for (int i = 0; i < metadata->topic_cnt; ++i) {
        const char* const name = metadata->topics[i].topic;
        if (RE2::FullMatch(name, pattern)) topics.emplace_back(name);
    }
    return topics;
}

std::vector<KafkaSplit> KafkaDiscovery::partitions() const {
    std::vector<KafkaSplit> splits;
    for (const std::string& topic : options_.topics.empty() ? topicsByPattern() : options_.topics) {
        const KafkaPtr<rd_kafka_topic_t> handle(rd_kafka_topic_new(client_.get(), topic.c_str(), nullptr));
        const int32_t partitions = kafkaPartitionsOf(options_.table, client_.get(), handle.get(), false);
        for (int32_t partition = 0; partition < partitions; ++partition)
            splits.push_back({topic, partition, 0, std::nullopt});
    }
    return splits;
}

std::pair<int64_t, int64_t> KafkaDiscovery::bounds(const KafkaSplit& split) const {
    int64_t low = 0, high = 0;
    checkKafka(options_.table, fmt::format("asking for the offsets of '{}'", split.id()),
               rd_kafka_query_watermark_offsets(client_.get(), split.topic.c_str(), split.partition, &low,
                                                &high, kKafkaTimeoutMs));
    return {low, high};
}

void KafkaDiscovery::resolve(const KafkaPosition& position, std::vector<KafkaSplit>& splits,
                             bool start) const {
    switch (position.kind) {
        case KafkaPosition::Kind::Unbounded:
            return;
        case KafkaPosition::Kind::GroupOffsets:
            return resolveCommitted(splits, start);
        case KafkaPosition::Kind::Timestamp:
            return resolveTimestamp(position.timestamp_ms, splits, start);
        case KafkaPosition::Kind::Earliest:
        case KafkaPosition::Kind::Latest:
            for (KafkaSplit& split : splits) {
                const auto [low, high] = bounds(split);
                set(split, position.kind == KafkaPosition::Kind::Earliest ? low : high, start);
            }
            return;
        case KafkaPosition::Kind::Specific:
            for (KafkaSplit& split : splits) {
                const auto given = position.offsets.find(split.partition);
                if (given != position.offsets.end())
                    set(split, given->second, start);
                else if (start)
                    set(split, bounds(split).first, start);  // as Flink does
            }
            return;
    }
}

void KafkaDiscovery::resolveCommitted(std::vector<KafkaSplit>& splits, bool start) const {
    const auto list = listOf(splits, RD_KAFKA_OFFSET_INVALID);
    askKafkaCommitted(options_.table, "asking for the group's offsets", client_.get(), list.get());
    for (size_t i = 0; i < splits.size(); ++i) {
        const rd_kafka_topic_partition_t& found = list->elems[i];
        if (found.offset >= 0) {
            set(splits[i], found.offset, start);
            continue;
        }
        if (options_.reset == KafkaOptions::Reset::Error)
            throw UserError("kafka.no-group-offset",
                            fmt::format("table '{}': the group '{}' has no offset for '{}'", options_.table,
                                        options_.settings.at("group.id"), splits[i].id()),
                            "set 'properties.auto.offset.reset' to 'earliest' or 'latest', or another "
                            "'scan.startup.mode'");
        const auto [low, high] = bounds(splits[i]);
        set(splits[i], options_.reset == KafkaOptions::Reset::Earliest ? low : high, start);
    }
}

void KafkaDiscovery::resolveTimestamp(int64_t timestamp_ms, std::vector<KafkaSplit>& splits,
                                      bool start) const {
    const auto list = listOf(splits, timestamp_ms);
    checkKafka(options_.table, "asking for the offsets of a time",
               rd_kafka_offsets_for_times(client_.get(), list.get(), kKafkaTimeoutMs));
    for (size_t i = 0; i < splits.size(); ++i) {
        checkKafka(options_.table, "asking for the offsets of a time", list->elems[i].err);
        const int64_t offset = list->elems[i].offset;
        set(splits[i], offset >= 0 ? offset : bounds(splits[i]).second, start);  // none is as late: the end
    }
}

}  // namespace millrace
