// Asks the brokers for partitions and for where to read them from. Blocks; each call for kKafkaTimeoutMs at
// most.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "connectors/kafka/kafka_options.h"
#include "connectors/kafka/kafka_split.h"

namespace millrace {

class KafkaDiscovery {
  public:
    explicit KafkaDiscovery(const KafkaOptions& options);
    // The partitions that there are and that are not `known` (by their ids), at the positions where reading
    // starts: those of the options the first time, the earliest of those that appear later. UserError.
    std::vector<KafkaSplit> find(const std::set<std::string>& known, bool first) const;

  private:
    std::vector<KafkaSplit> partitions() const;
    std::vector<std::string> topicsByPattern() const;
    void resolve(const KafkaPosition& position, std::vector<KafkaSplit>& splits, bool start) const;
    void resolveCommitted(std::vector<KafkaSplit>& splits, bool start) const;
    void resolveTimestamp(int64_t timestamp_ms, std::vector<KafkaSplit>& splits, bool start) const;
    std::pair<int64_t, int64_t> bounds(const KafkaSplit& split) const;

    const KafkaOptions& options_;
    KafkaPtr<rd_kafka_t> client_;
};

}  // namespace millrace
