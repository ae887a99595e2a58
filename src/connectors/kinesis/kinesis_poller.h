// Asks for the records of one shard: one request a step, with what errors ask for between the steps. Used by
// one thread at a time.
#pragma once

#include <memory>
#include <optional>

#include "base/random.h"
#include "connectors/kinesis/kinesis_client.h"

namespace millrace {

void warnOfLostShard(const std::string& table, const std::string& shard);

class KinesisPoller {
  public:
    KinesisPoller(const KinesisOptions& options, const KinesisClient& client, KinesisSplit from,
                  uint64_t seed);

    struct Step {
        std::optional<KinesisRecords> records;
        bool end = false;  // of the shard; there is no step behind it
        int64_t wait_ms = 0;
        bool throttled = false;
        bool expired = false;  // the iterator was
    };
    // Throws what does not pass: a stream that is not there, a request that is refused, what failed for too
    // often.
    Step step();

  private:
    Step ask();
    void overcome(const AwsError& error, Step& step);

    const KinesisOptions& options_;
    const KinesisClient& client_;
    KinesisSplit position_;
    std::string iterator_;
    Random random_;
    int failures_ = 0;     // one after the other
    int64_t pace_ms_ = 0;  // between two requests, since the shard said that they are too many
};

}  // namespace millrace
