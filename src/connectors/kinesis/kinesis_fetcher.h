// Fetches the records of a reader's shards on threads of its own, ahead of the reader and within bounds.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "connectors/kinesis/kinesis_client.h"

namespace millrace {

struct KinesisFetched {
    std::string shard;
    KinesisRecords records;
    bool end = false;  // of the shard, behind these records
};

// What was fetched and waits for the reader: of a shard a few answers at most, of all not too many bytes.
class KinesisQueue {
  public:
    // By those who fetch.
    void push(KinesisFetched fetched);
    bool hasRoomLocked(const std::string& shard) const;  // with the mutex held
    bool waitForRoom(const std::string& shard);          // false: it is stopped
    void fail(std::exception_ptr failure);
    bool stopped() const { return stopped_.load(std::memory_order_relaxed); }

    // By the reader: the shards take turns. Throws what fetching failed with, once all before it is taken.
    std::optional<KinesisFetched> pop(const std::function<bool(const std::string&)>& wanted);
    void stop();

    // Of those who wait for room or for the end: woken by pop(), stop() and wake().
    void wake() { changed_.notify_all(); }
    std::mutex& mutex() { return mutex_; }
    std::condition_variable& changed() { return changed_; }

  private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::string, std::deque<KinesisFetched>> waiting_;
    std::string turn_;  // the shard that was last
    size_t bytes_ = 0;
    std::exception_ptr failure_;
    std::atomic<bool> stopped_{false};
};

class KinesisFetcher {
  public:
    virtual ~KinesisFetcher() = default;
    virtual void add(const KinesisSplit& split) = 0;
    KinesisQueue& queue() { return queue_; }
    int64_t throttled() const { return throttled_.load(std::memory_order_relaxed); }
    int64_t expired() const { return expired_.load(std::memory_order_relaxed); }

  protected:
    KinesisQueue queue_;
    std::atomic<int64_t> throttled_{0}, expired_{0};
};

// With GetRecords, by a few threads for all shards.
std::unique_ptr<KinesisFetcher> makePollingFetcher(const KinesisOptions& options,
                                                   std::shared_ptr<const KinesisClient> client,
                                                   uint64_t seed);
// With SubscribeToShard, a thread for each shard.
std::unique_ptr<KinesisFetcher> makeFanOutFetcher(const KinesisOptions& options,
                                                  std::shared_ptr<const KinesisClient> client, uint64_t seed);

}  // namespace millrace
