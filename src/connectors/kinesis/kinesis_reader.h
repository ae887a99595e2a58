// Reads the shards dealt to one subtask.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "connectors/kinesis/kinesis_fetcher.h"
#include "connectors/shared/dead_letter_rows.h"
#include "formats/format.h"
#include "runtime/reader_events.h"

namespace millrace {

// Which columns of the output come from where.
struct KinesisColumns {
    Schema output;
    Schema decoded, metadata;
    struct Source {
        bool metadata = false;
        size_t index = 0;  // of the decoder's columns, or of `metadata`
    };
    std::vector<Source> sources;        // a column of the output each
    std::vector<size_t> metadata_keys;  // of kinesisMetadataKeys(), a column of `metadata` each
};

class KinesisReader final : public SourceReader {
  public:
    using MakeFetcher = std::function<std::unique_ptr<KinesisFetcher>(uint64_t seed)>;
    KinesisReader(const KinesisOptions& options, const KinesisColumns& columns,
                  std::unique_ptr<Decoder> decoder, const std::optional<Schema>& dead_letters,
                  const MakeFetcher& make_fetcher, SourceReaderContext& context);

    void addSplits(std::vector<SourceSplit> splits) override;
    void noMoreSplits() override {}  // a stream has no end
    ReadStatus poll(Output& output) override;
    std::vector<SourceSplit> snapshot() const override;
    bool tellsSplits() const override { return true; }
    bool pauseSplits(const std::set<std::string>& ids) override;

  private:
    struct Shard {
        KinesisSplit split;
        std::string id;      // the split's
        std::string origin;  // for errors
        int64_t behind_ms = 0;
        bool caught_up = false;  // it was once not behind
    };
    bool takeNext();
    void read(Shard& shard, Output& output);
    void decode(const Shard& shard, const KinesisRecords::Record& record);
    void emit(Output& output);
    void finish(const std::string& shard);
    void measure();

    const KinesisOptions& options_;
    const std::unique_ptr<Decoder> decoder_;
    SourceReaderContext& context_;
    ReaderEventSender& events_;
    Counter& bytes_in_;
    Counter& skipped_;
    Counter& behind_max_;
    Counter& backlog_;
    Counter& throttled_;
    Counter& expired_;
    const KinesisColumns& columns_;
    BatchBuilder rows_, metadata_;
    std::unique_ptr<DeadLetterRows> dead_letters_;

    std::map<std::string, Shard> shards_;
    std::map<std::string, KinesisSplit> finished_;  // until the enumerator has taken note
    // Ids of the splits of finished shards whose children are not read yet, by shard: they hold back the
    // watermark, as the children's records are not later than theirs alone.
    std::map<std::string, std::string> held_;
    std::set<std::string> paused_;  // shards
    std::optional<KinesisFetched> current_;
    size_t next_record_ = 0;  // of the current ones
    int64_t pause_ms_ = 1;    // while nothing comes
    int64_t measured_ms_ = 0;
    const std::unique_ptr<KinesisFetcher> fetcher_;  // ended first
};

}  // namespace millrace
