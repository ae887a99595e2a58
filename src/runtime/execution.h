// One attempt at running a job: its slots with their tasks, and the channels between them. A failure ends the
// whole attempt; the next one is built anew from a snapshot.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/execution_plan.h"
#include "runtime/slot.h"

namespace millrace {

struct ExecutionParameters {
    SlotSurroundings surroundings;  // of slot 0; the index is set for each
    // By operator uid, of every former subtask.
    std::shared_ptr<const std::map<std::string, OperatorSnapshots>> restored;
};

class Execution {
  public:
    Execution(const ExecutionPlan& plan, const ExecutionParameters& parameters);

    std::vector<Slot*> slots();
    size_t taskCount() const { return slots_.size() * plan_.vertices.size(); }

    // Messages to the sources, first in, first out for each slot.
    void assign(NodeId source, SlotIndex reader, SourceSplit split);
    void noMoreSplits(NodeId source, SlotIndex reader);
    enum class AtBarrier : uint8_t { GoOn, Suspend, Drain };
    void trigger(const Barrier& barrier, AtBarrier then);
    void resume();
    void checkpointComplete(CheckpointId id);
    void deliverMessages();  // what was posted and not yet taken; once no slot runs any more

    const Slot& slot(size_t index) const { return *slots_[index]; }
    size_t slotCount() const { return slots_.size(); }

  private:
    size_t vertexOf(NodeId source) const;

    const ExecutionPlan& plan_;
    std::vector<std::unique_ptr<Slot>> slots_;
    std::vector<std::unique_ptr<Channel>> channels_;
    std::vector<size_t> source_vertices_;
};

}  // namespace millrace
