// Writes records with PutRecords, in batches and several at the same time, and again what was refused.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "connectors/kinesis/kinesis_client.h"

namespace millrace {

// Records of one partition key are sent by one thread, one request after the other: they keep their order as
// far as PutRecords does, which may refuse a record and take a later one of the same request.
class KinesisProducer {
  public:
    KinesisProducer(const KinesisOptions& options, std::shared_ptr<const KinesisClient> client,
                    uint64_t seed);
    ~KinesisProducer();  // what was not flushed may be lost
    KinesisProducer(const KinesisProducer&) = delete;
    KinesisProducer& operator=(const KinesisProducer&) = delete;

    // Waits while too many are held. Throws what sending failed with.
    void add(KinesisEntry entry);
    void flush();  // until everything is written
    int64_t retried() const;

  private:
    struct Lane {
        std::deque<KinesisEntry> waiting;
        size_t bytes = 0;
        std::chrono::steady_clock::time_point oldest;
        std::thread thread;
    };
    void run(Lane& lane, uint64_t seed);
    std::vector<KinesisEntry> take(Lane& lane);
    void send(std::vector<KinesisEntry> entries, Random& random);
    void rethrow() const;

    const KinesisOptions& options_;
    const std::shared_ptr<const KinesisClient> client_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    size_t held_ = 0;  // added and not written
    size_t flushing_ = 0;
    bool stopped_ = false;
    int64_t retried_ = 0;
    std::exception_ptr failure_;
    std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace millrace
