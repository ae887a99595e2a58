// One subtask's end of one edge: deals batches to the channels of the next vertex's subtasks. Writing never
// blocks: what a full ring does not take waits here, and the task is not run again until all of it has gone.
#pragma once

#include <deque>
#include <vector>

#include "base/remainder.h"
#include "runtime/batch_bytes.h"
#include "runtime/channel.h"
#include "runtime/job_graph.h"

namespace millrace {

class ExchangeWriter {
  public:
    // One channel a target subtask; only one for Forward.
    ExchangeWriter(const JobEdge& edge, std::vector<Channel*> channels, uint32_t max_parallelism);

    void write(Batch batch);
    void broadcast(const StreamElement& element);  // watermarks, idle marks, barriers, end of input
    bool flush();                                  // true if nothing waits
    bool waiting() const { return waiting_ > 0; }
    int64_t bytesWritten() const { return bytes_.total(); }  // of rows, for each channel they were put into

  private:
    void put(size_t target, StreamElement element);
    void writeByKey(const Batch& batch);
    void dealOut();

    Exchange exchange_;
    std::vector<size_t> key_;
    std::vector<Channel*> channels_;
    std::vector<std::deque<StreamElement>> overflow_;
    size_t waiting_ = 0;
    BatchBytes bytes_;
    size_t next_ = 0;  // Rebalance
    // Hash: keyGroupOf() of a hash, whose owner is a target.
    Remainder group_of_;
    std::vector<uint32_t> owner_of_group_;
    std::vector<uint64_t> hashes_;
    std::vector<uint32_t> rows_;   // of the batch at hand, by target
    std::vector<uint32_t*> ends_;  // in rows_
};

}  // namespace millrace
