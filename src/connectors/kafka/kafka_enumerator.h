// Finds the partitions of a Kafka source's topics and deals them out; looks for new ones from time to time,
// on a thread of its own, as brokers may be slow to answer.
#pragma once

#include <future>
#include <set>
#include <string>
#include <vector>

#include "connectors/kafka/kafka_discovery.h"
#include "runtime/source.h"

namespace millrace {

class KafkaEnumerator final : public SplitEnumerator {
  public:
    KafkaEnumerator(const KafkaOptions& options, const std::optional<std::string>& restored);

    void start(EnumeratorContext& context) override;
    void discover(EnumeratorContext& context) override;
    void onSplitRequest(EnumeratorContext& context, SlotIndex reader) override;
    std::string snapshot() const override;

  private:
    void look();
    void deal(EnumeratorContext& context, std::vector<KafkaSplit> found);

    const KafkaOptions& options_;
    std::set<std::string> known_;  // ids of partitions that were dealt out
    bool looked_ = false;          // once, in this run or in one before
    std::future<std::vector<KafkaSplit>> looking_;
};

}  // namespace millrace
