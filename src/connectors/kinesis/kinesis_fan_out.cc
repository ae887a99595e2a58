// Enhanced fan-out: Kinesis pushes a shard's records over one long answer, which it ends after five minutes;
// then it is asked for again, behind the last record.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "base/log.h"
#include "connectors/kinesis/kinesis_fetcher.h"
#include "connectors/kinesis/kinesis_poller.h"

namespace millrace {
namespace {

using FanOutClock = std::chrono::steady_clock;

// Kinesis refuses a second subscription of a shard within five seconds of the first; one that a killed
// process left behind goes on for a while.
constexpr int64_t kResubscribeMs = 1'000;
constexpr int kInUseAttemptsMax = 600;

class FanOutFetcher final : public KinesisFetcher {
  public:
    FanOutFetcher(const KinesisOptions& options, std::shared_ptr<const KinesisClient> client, uint64_t seed)
        : options_(options), client_(std::move(client)), seeds_(seed) {}
    ~FanOutFetcher() override {
        queue_.stop();
        for (std::thread& thread : threads_)
            thread.join();
    }

    void add(const KinesisSplit& split) override {
        threads_.emplace_back([this, split, seed = seeds_.next()] {
            try {
                Subscription{*this, split, Random(seed)}.run();
            } catch (...) {
                queue_.fail(std::current_exception());
            }
        });
    }

  private:
    // One shard, on its thread.
    struct Subscription {
        FanOutFetcher& all;
        KinesisSplit position;
        Random random;
        std::string continuation = {};
        bool ended = false;
        int failures = 0;
        FanOutClock::time_point last_event = {};

        void run() {
            while (!ended && !all.queue_.stopped()) {
                const FanOutClock::time_point begun = FanOutClock::now();
                try {
                    subscribe();
                } catch (const AwsError& error) {
                    overcome(error);
                    continue;
                }
                if (!ended && FanOutClock::now() - begun < std::chrono::milliseconds(kResubscribeMs))
                    pause(kResubscribeMs);
            }
        }

        void subscribe() {
            const std::string arn = all.consumer(random);
            if (arn.empty()) return;  // stopped
            last_event = FanOutClock::now();
            bool any = false;
            all.client_->subscribe(
                arn, position, continuation,
                [&](KinesisRecords records) {
                    any = true;
                    failures = 0;
                    return take(std::move(records));
                },
                [&] {
                    const auto silent = FanOutClock::now() - last_event;
                    return !all.queue_.stopped() &&
                           silent < std::chrono::milliseconds(all.options_.subscription_timeout_ms);
                });
            if (!any && !ended && !all.queue_.stopped())
                throw AwsError(AwsErrorKind::Network, "",
                               fmt::format("no event of {} came in {} ms", position.shard,
                                           all.options_.subscription_timeout_ms),
                               "");
        }

        bool take(KinesisRecords records) {
            continuation = records.continuation;
            ended = records.has_children && continuation.empty();
            if (!records.raws.empty()) {
                position.sequence = records.raws.back().sequence;
                position.user_records = -1;
            }
            if (!all.queue_.waitForRoom(position.shard)) return false;
            all.queue_.push({position.shard, std::move(records), ended});
            last_event = FanOutClock::now();
            return !ended;
        }

        void overcome(const AwsError& error) {
            int attempts = all.options_.retries.attempts_max;
            if (error.kind() == AwsErrorKind::NotFound) {
                if (!all.client_->streamExists())
                    throw UserError(
                        "kinesis.no-stream",
                        fmt::format("table '{}': {}", all.options_.table, error.problem().message),
                        "create the stream, or look at 'stream.arn'");
                if (isGone()) {
                    warnOfLostShard(all.options_.table, position.shard);
                    ended = true;
                    all.queue_.push({position.shard, {}, true});
                    return;
                }
                all.forgetConsumer();  // somebody took it off
            } else if (error.kind() == AwsErrorKind::InUse) {
                attempts = kInUseAttemptsMax;
            } else if (!error.mayPass()) {
                fail(error);
            }
            if (error.kind() == AwsErrorKind::Throttled)
                all.throttled_.fetch_add(1, std::memory_order_relaxed);
            if (++failures >= attempts) fail(error);
            logWarn("connectors.kinesis", "table '{}', {}: {}; it is tried again", all.options_.table,
                    position.shard, error.problem().message);
            pause(all.options_.retries.delayMs(failures, random));
        }

        bool isGone() {
            const std::vector<KinesisShard> shards =
                all.client_->listShards(random, [this] { return all.queue_.stopped(); });
            return std::none_of(shards.begin(), shards.end(),
                                [this](const KinesisShard& shard) { return shard.id == position.shard; });
        }

        [[noreturn]] void fail(const AwsError& error) const {
            throw UserError(error.code(),
                            fmt::format("table '{}', {}: {}", all.options_.table, position.shard,
                                        error.problem().message),
                            error.problem().hint);
        }

        void pause(int64_t ms) const {
            std::unique_lock lock(all.queue_.mutex());
            all.queue_.changed().wait_for(lock, std::chrono::milliseconds(ms),
                                          [&] { return all.queue_.stopped(); });
        }
    };

    std::string consumer(Random& random) {
        const std::lock_guard lock(consumer_mutex_);
        if (consumer_.empty()) consumer_ = client_->consumerArn(random, [this] { return queue_.stopped(); });
        return consumer_;
    }
    void forgetConsumer() {
        const std::lock_guard lock(consumer_mutex_);
        consumer_.clear();
    }

    const KinesisOptions& options_;
    const std::shared_ptr<const KinesisClient> client_;
    Random seeds_;
    std::mutex consumer_mutex_;
    std::string consumer_;  // its ARN
    std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<KinesisFetcher> makeFanOutFetcher(const KinesisOptions& options,
                                                  std::shared_ptr<const KinesisClient> client,
                                                  uint64_t seed) {
    return std::make_unique<FanOutFetcher>(options, std::move(client), seed);
}

}  // namespace millrace
