#include "connectors/kinesis/kinesis_enumerator.h"

#include <charconv>
#include <chrono>

#include "base/error.h"
#include "base/log.h"

namespace millrace {
namespace {

constexpr int64_t kAskKinesisEveryMs = 20;  // whether an answer has come
constexpr const char* kFinishedEvent = "finished ";
constexpr const char* kPassedEvent = "passed ";

}  // namespace

std::string shardFinished(const std::string& shard) { return kFinishedEvent + shard; }
std::string shardPassed(const std::string& shard) { return kPassedEvent + shard; }

KinesisEnumerator::KinesisEnumerator(const KinesisOptions& options,
                                     std::shared_ptr<const KinesisClient> client,
                                     const std::optional<std::string>& restored)
    : options_(options), client_(std::move(client)), restored_(restored) {}

KinesisEnumerator::~KinesisEnumerator() {
    stopped_ = true;
    if (looking_.valid()) looking_.wait();
    if (!options_.fan_out || !options_.consumer_managed) return;
    try {
        client_->deregisterConsumer();
    } catch (const UserError& error) {
        logWarn("connectors.kinesis", "table '{}': the consumer '{}' was not taken off: {}", options_.table,
                options_.consumer_name, error.problem().message);
    }
}

// "1 <when reading began, milliseconds since the epoch>\n", then the lineage.
std::string KinesisEnumerator::snapshot() const {
    return "1 " + std::to_string(began_ms_) + "\n" + lineage_->encode();
}

void KinesisEnumerator::start(EnumeratorContext& context) {
    lineage_ = std::make_unique<KinesisLineage>(options_.assigner, context.parallelism(), checkpoints_);
    began_ms_ = context.environment().clock->now().value();
    if (restored_) {
        const size_t line = restored_->find('\n');
        const char* const at = restored_->data() + 2;
        if (!restored_->starts_with("1 ") || line == std::string::npos ||
            std::from_chars(at, restored_->data() + line, began_ms_).ptr != restored_->data() + line)
            throw UserError("snapshot.damaged",
                            "the state of a Kinesis source in the snapshot cannot be read");
        lineage_->restore(restored_->substr(line + 1));
    }
    deal(context);
    look();
    context.wakeAt(ProcessingTime(context.environment().clock->now().value() + 1));
}

void KinesisEnumerator::look() {
    looking_ = std::async(std::launch::async, [this, seed = static_cast<uint64_t>(began_ms_)] {
        Random random(seed);
        return client_->listShards(random, [this] { return stopped_.load(); });
    });
}

void KinesisEnumerator::discover(EnumeratorContext& context) {
    const auto in = [&](int64_t ms) {
        context.wakeAt(ProcessingTime(context.environment().clock->now().value() + ms));
    };
    if (!looking_.valid()) {
        look_again_ = false;
        look();
        in(kAskKinesisEveryMs);
        return;
    }
    if (looking_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
        in(kAskKinesisEveryMs);
        return;
    }
    try {
        // LATEST is a time, so that a job which read nothing yet does not lose what comes while it is down.
        lineage_->learn(looking_.get(), options_.latest ? KinesisStart{true, began_ms_} : options_.start,
                        options_.latest);
        deal(context);
    } catch (const UserError& error) {
        if (!lineage_->looked()) throw;
        logWarn("connectors.kinesis", "table '{}': no look for new shards this time: {}", options_.table,
                error.problem().message);
    }
    in(look_again_ ? kAskKinesisEveryMs : options_.discovery_interval_ms);
}

void KinesisEnumerator::deal(EnumeratorContext& context) {
    for (const KinesisLineage::Assignment& assignment : lineage_->take()) {
        logInfo("connectors.kinesis", "table '{}': reader {} reads {}", options_.table, assignment.reader,
                assignment.split.shard);
        context.assign(SlotIndex(assignment.reader), assignment.split.encode());
    }
    std::erase_if(unreleased_, [&](const auto& finished) {
        const auto& [shard, reader] = finished;
        if (!lineage_->childrenTaken(shard)) return false;
        context.assign(SlotIndex(reader), releaseOf(shard));
        return true;
    });
}

void KinesisEnumerator::onReaderEvent(EnumeratorContext& context, SlotIndex reader,
                                      const std::string& event) {
    const std::string shard = event.substr(event.find(' ') + 1);
    if (event.starts_with(kFinishedEvent)) {
        lineage_->finished(shard, reader.value());
        look_again_ = true;  // its children may be new
        context.wakeAt(context.environment().clock->now());
    } else {
        lineage_->passed(shard);
    }
    unreleased_[shard] = reader.value();
    context.assign(reader, noteTakenOf(shard));
    deal(context);
}

void KinesisEnumerator::onCheckpointComplete(EnumeratorContext& context, const std::string& snapshot) {
    lineage_->passedWith(snapshot.substr(snapshot.find('\n') + 1));
    deal(context);
}

void KinesisEnumerator::onSplitRequest(EnumeratorContext& /*context*/, SlotIndex /*reader*/) {}

}  // namespace millrace
