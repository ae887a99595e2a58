#include "connectors/kinesis/kinesis_poller.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"

namespace millrace {
namespace {

// A shard allows five requests a second, of all its readers together.
constexpr int64_t kShardPaceMs = 200;
constexpr int64_t kShardPaceMaxMs = 1'000;

}  // namespace

void warnOfLostShard(const std::string& table, const std::string& shard) {
    logWarn("connectors.kinesis",
            "table '{}': {} is no longer there, as the time for which its records are kept is over; what was "
            "not read of it is lost",
            table, shard);
}

KinesisPoller::KinesisPoller(const KinesisOptions& options, const KinesisClient& client, KinesisSplit from,
                             uint64_t seed)
    : options_(options), client_(client), position_(std::move(from)), random_(seed) {}

KinesisPoller::Step KinesisPoller::step() {
    Step step;
    try {
        step = ask();
        failures_ = 0;
    } catch (const AwsError& error) {
        overcome(error, step);
    }
    return step;
}

KinesisPoller::Step KinesisPoller::ask() {
    Step step;
    if (iterator_.empty()) iterator_ = client_.shardIterator(position_);
    KinesisRecords records = client_.getRecords(iterator_);
    iterator_ = records.next_iterator;
    step.end = iterator_.empty();
    if (!records.raws.empty()) {
        position_.sequence = records.raws.back().sequence;
        position_.user_records = -1;
    }
    const bool at_tip = records.raws.empty() && records.behind_ms == 0;
    step.wait_ms = std::max(pace_ms_, at_tip ? std::max(options_.idle_interval_ms, options_.get_interval_ms)
                                             : options_.get_interval_ms);
    pace_ms_ -= pace_ms_ / 8;
    if (pace_ms_ < kShardPaceMs / 4) pace_ms_ = 0;
    step.records = std::move(records);
    return step;
}

void KinesisPoller::overcome(const AwsError& error, Step& step) {
    if (error.kind() == AwsErrorKind::NotFound) {
        if (!client_.streamExists())
            throw UserError("kinesis.no-stream",
                            fmt::format("table '{}': {}", options_.table, error.problem().message),
                            "create the stream, or look at 'stream.arn', 'aws.region' and 'aws.endpoint'");
        warnOfLostShard(options_.table, position_.shard);
        step.end = true;
        return;
    }
    const bool expired = error.kind() == AwsErrorKind::ExpiredIterator;
    // A time that is still to come by Kinesis's clock.
    const bool early = error.kind() == AwsErrorKind::Invalid && iterator_.empty() &&
                       position_.sequence.empty() && position_.start.at_timestamp;
    if ((!expired && !early && !error.mayPass()) || ++failures_ >= options_.retries.attempts_max)
        throw UserError(
            error.code(),
            fmt::format("table '{}', {}: {}", options_.table, position_.shard, error.problem().message),
            error.problem().hint);
    if (expired) {
        iterator_.clear();
        step.expired = true;
        return;
    }
    step.throttled = error.kind() == AwsErrorKind::Throttled;
    if (step.throttled) pace_ms_ = std::clamp(2 * pace_ms_, kShardPaceMs, kShardPaceMaxMs);
    step.wait_ms = std::max(pace_ms_, options_.retries.delayMs(failures_, random_));
    if (!step.throttled)
        logWarn("connectors.kinesis", "table '{}', {}: {}; it is tried again", options_.table,
                position_.shard, error.problem().message);
}

}  // namespace millrace
