#include "connectors/kinesis/kinesis_fetcher.h"

#include <algorithm>
#include <chrono>

#include "connectors/kinesis/kinesis_poller.h"

namespace millrace {
namespace {

using Steady = std::chrono::steady_clock;

constexpr size_t kAnswersOfShardMax = 2;
constexpr size_t kFetchedBytesMax = 64 << 20;
constexpr size_t kPollingThreadsMax = 4;

class PollingFetcher final : public KinesisFetcher {
  public:
    PollingFetcher(const KinesisOptions& options, std::shared_ptr<const KinesisClient> client, uint64_t seed)
        : options_(options), client_(std::move(client)), seeds_(seed) {}
    ~PollingFetcher() override {
        queue_.stop();
        for (std::thread& thread : threads_)
            thread.join();
    }

    void add(const KinesisSplit& split) override {
        {
            const std::lock_guard lock(queue_.mutex());
            shards_.push_back(std::make_unique<Shard>(
                Shard{split.shard, KinesisPoller(options_, *client_, split, seeds_.next()), Steady::now()}));
        }
        queue_.wake();
        if (threads_.size() < kPollingThreadsMax) threads_.emplace_back([this] { run(); });
    }

  private:
    struct Shard {
        std::string id;
        KinesisPoller poller;
        Steady::time_point due;
        bool busy = false;
    };

    void run() {
        while (Shard* const shard = take()) {
            KinesisPoller::Step step;
            try {
                step = shard->poller.step();
            } catch (...) {
                queue_.fail(std::current_exception());
                return;
            }
            if (step.throttled) throttled_.fetch_add(1, std::memory_order_relaxed);
            if (step.expired) expired_.fetch_add(1, std::memory_order_relaxed);
            if (step.records || step.end)
                queue_.push({shard->id, std::move(step.records).value_or(KinesisRecords()), step.end});
            const std::lock_guard lock(queue_.mutex());
            shard->due = Steady::now() + std::chrono::milliseconds(step.wait_ms);
            shard->busy = false;
            if (step.end) std::erase_if(shards_, [&](const auto& one) { return one.get() == shard; });
            queue_.wake();
        }
    }

    // The next shard that is due, when it is; null to stop.
    Shard* take() {
        std::unique_lock lock(queue_.mutex());
        while (!queue_.stopped()) {
            Shard* best = nullptr;
            for (const auto& shard : shards_)
                if (!shard->busy && (best == nullptr || shard->due < best->due) &&
                    queue_.hasRoomLocked(shard->id))
                    best = shard.get();
            const Steady::time_point now = Steady::now();
            if (best != nullptr && best->due <= now) {
                best->busy = true;
                return best;
            }
            queue_.changed().wait_until(lock, best != nullptr ? best->due : now + std::chrono::seconds(1));
        }
        return nullptr;
    }

    const KinesisOptions& options_;
    const std::shared_ptr<const KinesisClient> client_;
    Random seeds_;
    std::vector<std::unique_ptr<Shard>> shards_;  // under the queue's mutex
    std::vector<std::thread> threads_;
};

}  // namespace

bool KinesisQueue::hasRoomLocked(const std::string& shard) const {
    const auto found = waiting_.find(shard);
    const size_t answers = found == waiting_.end() ? 0 : found->second.size();
    return answers == 0 || (answers < kAnswersOfShardMax && bytes_ < kFetchedBytesMax);
}

bool KinesisQueue::waitForRoom(const std::string& shard) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped() || hasRoomLocked(shard); });
    return !stopped();
}

void KinesisQueue::push(KinesisFetched fetched) {
    const std::lock_guard lock(mutex_);
    bytes_ += fetched.records.bytes.size();
    waiting_[fetched.shard].push_back(std::move(fetched));
}

void KinesisQueue::fail(std::exception_ptr failure) {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::move(failure);
}

std::optional<KinesisFetched> KinesisQueue::pop(const std::function<bool(const std::string&)>& wanted) {
    std::optional<KinesisFetched> out;
    {
        const std::lock_guard lock(mutex_);
        auto at = waiting_.upper_bound(turn_);
        for (size_t tried = 0; tried < waiting_.size(); ++tried, ++at) {
            if (at == waiting_.end()) at = waiting_.begin();
            if (!wanted(at->first)) continue;
            out = std::move(at->second.front());
            at->second.pop_front();
            bytes_ -= out->records.bytes.size();
            turn_ = at->first;
            if (at->second.empty()) waiting_.erase(at);
            break;
        }
        if (!out && failure_) std::rethrow_exception(failure_);
    }
    if (out) changed_.notify_all();
    return out;
}

void KinesisQueue::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
    }
    changed_.notify_all();
}

std::unique_ptr<KinesisFetcher> makePollingFetcher(const KinesisOptions& options,
                                                   std::shared_ptr<const KinesisClient> client,
                                                   uint64_t seed) {
    return std::make_unique<PollingFetcher>(options, std::move(client), seed);
}

}  // namespace millrace
