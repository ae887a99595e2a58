// Which shards of a stream there are, which were read to their end, and which may be read now: a shard's
// children hold the later records of its keys, so they wait for it. Known to the enumerator alone; no I/O.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "connectors/kinesis/kinesis_split.h"

namespace millrace {

enum class ShardAssigner : uint8_t {
    Uniform,  // by the middle of the shard's hash keys: every reader has its part of them
    Default,  // by the shard's number
};

class KinesisLineage {
  public:
    KinesisLineage(ShardAssigner assigner, uint32_t parallelism, bool checkpoints)
        : assigner_(assigner), parallelism_(parallelism), checkpoints_(checkpoints) {}

    // All shards of the stream as they are now. Of those found by the first look, `first` is where reading
    // starts, and with `latest` those that are closed already are not read; later ones are read whole.
    void learn(const std::vector<KinesisShard>& shards, const KinesisStart& first, bool latest);

    // A reader has read it to its end. Its records may still be on their way, so that children read by
    // another reader could overtake them.
    void finished(const std::string& shard, uint32_t reader);
    // They are not: the job began after they had been read.
    void passed(const std::string& shard);
    // Nor are those of all shards that are finished in this encode(): its checkpoint is complete.
    void passedWith(const std::string& encoded);

    struct Assignment {
        uint32_t reader = 0;
        KinesisSplit split;
    };
    // Those that can be read now, which count as being read from here on. A child goes to the reader that the
    // assigner says: at once if that reader read its parents, else once they have passed. Without checkpoints
    // nothing ever passes, and the child stays with a reader of its parents.
    std::vector<Assignment> take();

    // Whether it has children, none of which waits.
    bool childrenTaken(const std::string& shard) const;

    bool looked() const { return looked_; }
    uint32_t readerFor(const KinesisShard& shard) const;
    size_t waiting() const;

    // What a checkpoint keeps; after a restore everything finished has passed.
    std::string encode() const;
    void restore(const std::string& encoded);  // UserError "snapshot.damaged"

  private:
    enum class State : char { Waiting = 'W', Reading = 'R', Finished = 'F' };
    struct Node {
        KinesisShard shard;
        KinesisStart start;
        State state = State::Waiting;
        std::optional<uint32_t> unpassed_at;  // the reader whose records may be on their way
    };
    std::optional<uint32_t> placeOf(const Node& node) const;

    const ShardAssigner assigner_;
    const uint32_t parallelism_;
    const bool checkpoints_;
    bool looked_ = false;
    std::map<std::string, Node> nodes_;
};

}  // namespace millrace
