#include "connectors/kinesis/kinesis_writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"

namespace millrace {
namespace {

constexpr size_t kLanesMax = 4;
constexpr size_t kEntryBytesMax = 1 << 20;  // data and key; Kinesis's own bound
constexpr size_t kPartitionKeyMax = 256;    // characters

size_t entrySize(const KinesisEntry& entry) { return entry.data.size() + entry.partition_key.size(); }

size_t keyCharacters(const std::string& text) {
    return static_cast<size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

KinesisProducer::KinesisProducer(const KinesisOptions& options, std::shared_ptr<const KinesisClient> client,
                                 uint64_t seed)
    : options_(options), client_(std::move(client)) {
    Random seeds(seed);
    for (size_t i = 0; i < std::min(kLanesMax, options_.requests_max); ++i)
        lanes_.push_back(std::make_unique<Lane>());
    for (const auto& lane : lanes_)
        lane->thread = std::thread([this, &lane = *lane, own = seeds.next()] { run(lane, own); });
}

KinesisProducer::~KinesisProducer() {
    {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
    }
    changed_.notify_all();
    for (const auto& lane : lanes_)
        lane->thread.join();
}

void KinesisProducer::rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
}

int64_t KinesisProducer::retried() const {
    const std::lock_guard lock(mutex_);
    return retried_;
}

void KinesisProducer::add(KinesisEntry entry) {
    if (entrySize(entry) > kEntryBytesMax)
        throw UserError("kinesis.record-too-large",
                        fmt::format("table '{}': a record of {} bytes with its key is more than the {} that "
                                    "Kinesis takes",
                                    options_.table, entrySize(entry), kEntryBytesMax));
    if (entry.partition_key.empty() || keyCharacters(entry.partition_key) > kPartitionKeyMax)
        throw UserError(
            "kinesis.bad-partition-key",
            fmt::format("table '{}': the partition key '{}' has {} characters", options_.table,
                        entry.partition_key.substr(0, kPartitionKeyMax), keyCharacters(entry.partition_key)),
            fmt::format("between 1 and {}: look at the fields of PARTITIONED BY", kPartitionKeyMax));
    Lane& lane = *lanes_[hashBytes(entry.partition_key) % lanes_.size()];
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return failure_ || held_ < options_.buffered_max; });
    rethrow();
    ++held_;
    if (lane.waiting.empty()) lane.oldest = std::chrono::steady_clock::now();
    lane.bytes += entrySize(entry);
    lane.waiting.push_back(std::move(entry));
    if (lane.waiting.size() == 1 || lane.waiting.size() == options_.batch_max ||
        lane.bytes >= options_.flush_bytes || held_ == options_.buffered_max)
        changed_.notify_all();
}

void KinesisProducer::flush() {
    std::unique_lock lock(mutex_);
    ++flushing_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return failure_ || held_ == 0; });
    --flushing_;
    rethrow();
}

void KinesisProducer::run(Lane& lane, uint64_t seed) {
    Random random(seed);
    try {
        for (;;) {
            std::vector<KinesisEntry> entries = take(lane);
            if (entries.empty()) return;
            send(std::move(entries), random);
        }
    } catch (...) {
        const std::lock_guard lock(mutex_);
        if (!failure_) failure_ = std::current_exception();
    }
    changed_.notify_all();
}

// A batch that is full, due or wanted; empty to stop.
std::vector<KinesisEntry> KinesisProducer::take(Lane& lane) {
    std::unique_lock lock(mutex_);
    for (;;) {
        if (stopped_ || failure_) return {};
        if (lane.waiting.empty()) {
            changed_.wait(lock);
            continue;
        }
        const auto due = lane.oldest + std::chrono::milliseconds(options_.flush_timeout_ms);
        if (flushing_ > 0 || held_ >= options_.buffered_max || lane.waiting.size() >= options_.batch_max ||
            lane.bytes >= options_.flush_bytes || std::chrono::steady_clock::now() >= due)
            break;
        changed_.wait_until(lock, due);
    }
    std::vector<KinesisEntry> entries;
    size_t bytes = 0;
    while (!lane.waiting.empty() && entries.size() < options_.batch_max) {
        const size_t size = entrySize(lane.waiting.front());
        if (!entries.empty() && bytes + size > options_.flush_bytes) break;
        bytes += size;
        entries.push_back(std::move(lane.waiting.front()));
        lane.waiting.pop_front();
    }
    lane.bytes -= bytes;
    lane.oldest = std::chrono::steady_clock::now();
    return entries;
}

void KinesisProducer::send(std::vector<KinesisEntry> entries, Random& random) {
    for (int failures = 0; !entries.empty();) {
        std::vector<std::string> refused(entries.size());
        std::string why;
        try {
            refused = client_->putRecords(entries, 0, entries.size());
        } catch (const AwsError& error) {
            if (options_.fail_on_error || !error.mayPass())
                throw UserError(error.code(),
                                fmt::format("table '{}': {}", options_.table, error.problem().message),
                                error.problem().hint);
            why = error.problem().message;
            std::fill(refused.begin(), refused.end(), error.serviceCode());
        }
        std::vector<KinesisEntry> again;
        for (size_t i = 0; i < entries.size(); ++i) {
            if (refused[i].empty() && why.empty()) continue;
            if (why.empty() &&
                (options_.fail_on_error || awsErrorKind(0, refused[i]) == AwsErrorKind::Invalid))
                throw UserError("kinesis.record-refused",
                                fmt::format("table '{}': a record with the partition key '{}' is refused: {}",
                                            options_.table, entries[i].partition_key, refused[i]));
            again.push_back(std::move(entries[i]));
        }
        {
            const std::lock_guard lock(mutex_);
            held_ -= entries.size() - again.size();
            retried_ += static_cast<int64_t>(again.size());
            if (stopped_) return;
        }
        changed_.notify_all();
        if (again.empty()) return;
        if (++failures >= options_.retries.attempts_max)
            throw UserError("kinesis.records-refused",
                            fmt::format("table '{}': {} records were refused {} times: {}", options_.table,
                                        again.size(), failures, why.empty() ? refused.back() : why),
                            "add shards to the stream, or raise 'retry-strategy.attempts.max'");
        if (!why.empty())
            logWarn("connectors.kinesis", "table '{}': {}; it is tried again", options_.table, why);
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, std::chrono::milliseconds(options_.retries.delayMs(failures, random)),
                          [&] { return stopped_; });
        entries = std::move(again);
    }
}

}  // namespace millrace
