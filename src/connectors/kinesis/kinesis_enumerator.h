// Finds the shards of a stream and deals them out, children after their parents; looks for new ones from time
// to time, and at once when a shard came to its end.
#pragma once

#include <atomic>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "connectors/kinesis/kinesis_client.h"
#include "runtime/reader_events.h"

namespace millrace {

// What readers send: a shard was read to its end; it had been when the job went on from a checkpoint.
std::string shardFinished(const std::string& shard);
std::string shardPassed(const std::string& shard);

class KinesisEnumerator final : public SplitEnumerator, public ReaderEventListener {
  public:
    KinesisEnumerator(const KinesisOptions& options, std::shared_ptr<const KinesisClient> client,
                      const std::optional<std::string>& restored);
    ~KinesisEnumerator() override;

    void start(EnumeratorContext& context) override;
    void discover(EnumeratorContext& context) override;
    void onSplitRequest(EnumeratorContext& context, SlotIndex reader) override;
    void onCheckpointing(bool periodically) override { checkpoints_ = periodically; }
    void onReaderEvent(EnumeratorContext& context, SlotIndex reader, const std::string& event) override;
    std::string snapshot() const override;
    void onCheckpointComplete(EnumeratorContext& context, const std::string& snapshot) override;

  private:
    void look();
    void deal(EnumeratorContext& context);

    const KinesisOptions& options_;
    const std::shared_ptr<const KinesisClient> client_;
    const std::optional<std::string> restored_;
    std::map<std::string, uint32_t> unreleased_;  // finished shards, with their readers
    std::unique_ptr<KinesisLineage> lineage_;
    int64_t began_ms_ = 0;  // the first time ever: what LATEST means
    bool checkpoints_ = false;
    std::atomic<bool> stopped_{false};
    bool look_again_ = false;
    std::future<std::vector<KinesisShard>> looking_;
};

}  // namespace millrace
