#include "connectors/kafka/kafka_enumerator.h"

#include <chrono>

#include "base/error.h"
#include "base/log.h"

namespace millrace {
namespace {

constexpr int64_t kAskEveryMs = 20;  // whether an answer has come

// Which reader has a partition: those of a topic one after the other, from one that depends on its name.
uint32_t readerOf(const KafkaSplit& split, uint32_t parallelism) {
    uint32_t hash = 0;
    for (const char c : split.topic)
        hash = 31 * hash + static_cast<unsigned char>(c);
    return static_cast<uint32_t>(((hash * 31U & 0x7FFFFFFFU) + uint64_t(split.partition)) % parallelism);
}

}  // namespace

// "1\n", then the id of each partition in a line; nothing before the first look, which is then still to come.
KafkaEnumerator::KafkaEnumerator(const KafkaOptions& options, const std::optional<std::string>& restored)
    : options_(options) {
    if (!restored || restored->empty()) return;
    if (!restored->starts_with("1\n") || !restored->ends_with('\n'))
        throw UserError("snapshot.damaged", "the state of a Kafka source in the snapshot cannot be read");
    for (size_t at = 2; at < restored->size();) {
        const size_t end = restored->find('\n', at);
        known_.insert(restored->substr(at, end - at));
        at = end + 1;
    }
    looked_ = true;
}

std::string KafkaEnumerator::snapshot() const {
    if (!looked_) return "";
    std::string out = "1\n";
    for (const std::string& id : known_)
        out += id + "\n";
    return out;
}

void KafkaEnumerator::look() {
    looking_ = std::async(std::launch::async, [&options = options_, known = known_, first = !looked_] {
        return KafkaDiscovery(options).find(known, first);
    });
}

void KafkaEnumerator::start(EnumeratorContext& context) {
    const bool bounded = options_.end.kind != KafkaPosition::Kind::Unbounded;
    if (bounded && looked_) {  // what there was is in the readers' state
        deal(context, {});
        return;
    }
    look();
    context.wakeAt(ProcessingTime(context.environment().clock->now().value() + 1));
}

void KafkaEnumerator::discover(EnumeratorContext& context) {
    const auto in = [&](int64_t ms) {
        context.wakeAt(ProcessingTime(context.environment().clock->now().value() + ms));
    };
    if (!looking_.valid()) {
        look();
        in(kAskEveryMs);
    } else if (looking_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
        in(kAskEveryMs);
    } else {
        try {
            deal(context, looking_.get());
        } catch (const UserError& error) {
            if (!looked_) throw;
            logWarn("connectors.kafka", "no look for new partitions this time: {}", error.what());
        }
        if (options_.end.kind == KafkaPosition::Kind::Unbounded && options_.discovery_interval.ms > 0)
            in(options_.discovery_interval.ms);
    }
}

void KafkaEnumerator::deal(EnumeratorContext& context, const std::vector<KafkaSplit>& found) {
    for (const KafkaSplit& split : found) {
        known_.insert(split.id());
        logInfo("connectors.kafka", "table '{}': reads {} from offset {}", options_.table, split.id(),
                split.next);
        context.assign(SlotIndex(readerOf(split, context.parallelism())), split.encode());
    }
    looked_ = true;
    if (options_.end.kind == KafkaPosition::Kind::Unbounded) return;
    for (uint32_t reader = 0; reader < context.parallelism(); ++reader)
        context.noMoreSplits(SlotIndex(reader));
}

void KafkaEnumerator::onSplitRequest(EnumeratorContext& /*context*/, SlotIndex /*reader*/) {}

}  // namespace millrace
