// A shard with the position reached in it: what a reader is assigned and keeps in checkpoints.
#pragma once

#include "connectors/kinesis/kinesis_shard.h"
#include "runtime/source.h"

namespace millrace {

struct KinesisSplit {
    std::string shard;
    HashKey hash_first = 0;
    KinesisStart start;    // until a record was read
    std::string sequence;  // of the last record, or ""
    // How many of that record's user records were read, for one that a producer library aggregated; -1: all.
    int64_t user_records = -1;
    // Read to its end. The reader keeps it until the enumerator has taken note.
    bool finished = false;

    SourceSplit encode() const;
    // UserError "snapshot.damaged".
    static KinesisSplit decode(const SourceSplit& split);
};

// The enumerator's answer that it has taken note of a finished shard, on the way that splits take.
SourceSplit noteTakenOf(const std::string& shard);
bool isNoteTaken(const SourceSplit& split);
// On the same way: its children are being read, so it need hold back no watermark.
SourceSplit releaseOf(const std::string& shard);
bool isRelease(const SourceSplit& split);

}  // namespace millrace
