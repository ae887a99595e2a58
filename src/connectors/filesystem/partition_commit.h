// Partition commit: the success file that a partition gets once it is complete (Flink documentation,
// "FileSystem", "Partition Commit").
//
// A writer knows which partitions it has written to since they were last committed: these are pending, and
// part of its state. At a barrier it says how far its watermark is and which pending partitions it holds for
// complete. The committer has the word of all subtasks at once. After it has made their files visible, it
// commits the partitions whose time is past by the lowest of the watermarks (partition-time), or that any
// writer holds for complete (process-time). A writer forgets a partition when it sees its success file after
// it spoke of it: so nothing is lost if the committer waits for others, and late rows commit their partition
// again.
//
// Such a word is kept in the checkpoint beside the files to commit, as lines:
//   2, subtask, parallelism, watermark in milliseconds, then for each partition: its folder, and the time
//   that the watermark must be beyond ("now" if the writer has decided).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "runtime/connector.h"

namespace millrace {

struct PartitionCommitOptions {
    enum class Trigger : uint8_t { ProcessTime, PartitionTime };
    bool enabled = false;  // there is a policy
    Trigger trigger = Trigger::ProcessTime;
    Duration delay{0};
    std::string success_file = "_SUCCESS";
    std::string time_pattern;  // "$dt $hm:00"; "" for the first key as it is
    std::string time_format;   // a date-time pattern; "" for yyyy-MM-dd[ HH:mm:ss]
    std::string time_zone = "UTC";

    // UserError for a value that is not usable or not supported.
    static PartitionCommitOptions from(const TableSpec& spec);
    static std::vector<OptionDescription> describe();

    // The instant, in milliseconds, at which a partition begins by its values (one a key, unescaped).
    // UserError "data.malformed".
    int64_t timeOf(const std::vector<std::string>& keys, const std::vector<std::string>& values) const;
};

// What a writer has to say at a barrier.
struct PartitionWord {
    uint32_t subtask = 0;
    uint32_t parallelism = 1;
    int64_t watermark_ms = 0;
    std::vector<std::pair<std::string, std::optional<int64_t>>> partitions;

    static bool is(std::string_view committable);
    std::string encode() const;
    static PartitionWord decode(std::string_view text);  // UserError "snapshot.damaged"
};

// The pending partitions of one writer.
class PendingPartitions {
  public:
    PendingPartitions(const PartitionCommitOptions& options, std::vector<std::string> keys, uint32_t subtask,
                      uint32_t parallelism, const std::vector<std::string>& restored);

    // Rows were written to `folder`, whose keys have these values.
    void add(const std::string& folder, const std::vector<std::string>& values, int64_t now_ms);
    void onWatermark(int64_t watermark_ms);
    std::string word(FileSystem& files, int64_t now_ms);  // at a barrier
    std::vector<std::string> snapshot() const;

  private:
    struct Partition {
        int64_t time_ms = 0;  // partition-time: its beginning; process-time: when it was first written to
        bool spoken_of = false;
    };
    const PartitionCommitOptions& options_;
    const std::vector<std::string> keys_;
    const uint32_t subtask_;
    const uint32_t parallelism_;
    int64_t watermark_ms_;
    std::map<std::string, Partition> pending_;  // by folder
};

// The committer's part. Idempotent.
void commitPartitions(const PartitionCommitOptions& options, const std::vector<PartitionWord>& words,
                      FileSystem& files);

}  // namespace millrace
