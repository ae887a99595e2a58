// The nodes of one task: sources, operators and sinks of a chain, each handing what it emits straight to the
// next, and to the exchanges where it leaves the task. All calls come from the slot's thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "runtime/exchange_writer.h"
#include "runtime/hooks.h"
#include "runtime/job_graph.h"
#include "runtime/metrics.h"
#include "runtime/node_times.h"
#include "runtime/split_watermarks.h"
#include "state/snapshot.h"

namespace millrace {

// What a task tells the coordinator at a barrier.
struct TaskAcknowledgement {
    CheckpointId id;
    SlotIndex subtask;
    size_t vertex = 0;
    std::vector<std::shared_ptr<const OperatorSnapshot>> operators;
    std::map<std::string, std::vector<std::string>> committables;  // by sink uid
    int64_t pause_us = 0;          // the longest time the task stood still for it
    int64_t first_barrier_ms = 0;  // when its first barrier came
    int64_t alignment_us = 0;      // from then until the last one
    int64_t sync_us = 0;           // the task stood still, at the barrier
    int64_t async_us = 0;          // from then until all was captured
};

// What the slots tell the coordinator; safe from any slot's thread.
class SlotListener {
  public:
    virtual ~SlotListener() = default;
    virtual void onOpened(SlotIndex slot) = 0;
    virtual void onSplitRequest(NodeId source, SlotIndex reader) = 0;
    virtual void onReaderEvent(NodeId source, SlotIndex reader, std::string event) = 0;
    virtual void onAcknowledge(TaskAcknowledgement acknowledgement) = 0;
    virtual void onInputEnded(SlotIndex slot) = 0;
    virtual void onFailed(SlotIndex slot, const std::string& task, std::exception_ptr failure) = 0;
};

// The surroundings of every subtask of one slot; outlives them.
struct SlotSurroundings {
    Environment environment;
    const Configuration* configuration = nullptr;
    SlotIndex slot;
    uint32_t parallelism = 1;
    uint32_t max_parallelism = 128;
    size_t batch_rows_max = 8192;
    size_t capture_rows_max = 8192;
    std::shared_ptr<SpillBudget> spill;  // if state may lie on disk
    bool operator_detail = false;
    bool restored = false;  // the job goes on from a snapshot
    std::string job_id;
    std::string attempt_id;
    uint64_t seed = 0;
    StepHooks* hooks = nullptr;
    SlotListener* listener = nullptr;
    NodeTimes* node_times = nullptr;  // the slot's own, with operator_detail
    std::shared_ptr<WatermarkAlignmentGroups> alignment;
};

class SourceNode;

using OperatorSnapshots = std::vector<std::shared_ptr<const OperatorSnapshot>>;

class ChainNode : public Output {
  public:
    ChainNode(const JobNode& node, const SlotSurroundings& slot);

    // Before open(): the source at the head of its task.
    virtual void behind(SourceNode& source) { (void)source; }
    // With all that flows; of rows, a sink of dead letters is only fed those (runtime/dead_letters.h).
    void feeds(ChainNode& next);
    void leavesBy(ExchangeWriter& writer) { writers_.push_back(&writer); }

    // `restored`: this node's snapshots of every former subtask.
    virtual void open(const OperatorSnapshots& restored) = 0;
    virtual void receive(size_t input, const Batch& batch) = 0;
    virtual void receiveWatermark(EventTime watermark) = 0;
    virtual void receiveIdle(bool idle) = 0;
    void endInput();  // this node and all after it
    void passBarrier(const Barrier& barrier, TaskAcknowledgement& acknowledgement);  // likewise
    // Goes on with what capture() began, for a bounded time; true once there is nothing left of it.
    virtual bool advanceCapture(TaskAcknowledgement& acknowledgement) {
        (void)acknowledgement;
        return true;
    }
    virtual bool whenIdle() { return false; }  // the slot has nothing to do; true if this did something

    // Timers, in milliseconds.
    void wakeAt(ProcessingTime time) { wakes_.insert(time.value()); }
    int64_t nextWake() const {
        return wakes_.empty() ? upkeep_at_ms_ : std::min(*wakes_.begin(), upkeep_at_ms_);
    }
    bool fireTimers(ProcessingTime now);
    void dropTimers() {
        wakes_.clear();
        upkeep_at_ms_ = INT64_MAX;
    }

    // Output
    void emit(Batch batch) final;
    void emitWatermark(EventTime watermark) final;
    void emitIdle(bool idle) final;

    const JobNode& node() const { return node_; }
    const MetricGroup& metrics() const { return metrics_; }
    EventTime currentWatermark() const { return in_watermark_; }
    // From any thread.
    EventTime outputWatermark() const { return EventTime(out_watermark_metric_.value()); }
    bool outputIdle() const { return out_idle_.load(std::memory_order_relaxed); }

  protected:
    bool takesDeadLetters() const { return !letters_next_.empty(); }
    void emitDeadLetters(const Batch& batch);
    virtual void onTimer(ProcessingTime now) { (void)now; }
    // Work on the state that nothing waits for, a bounded piece at a time; asked for by upkeep_at_ms_.
    virtual void upkeep(ProcessingTime now) { (void)now; }
    virtual void onEndOfInput() {}
    virtual void beforeBarrier() {}
    virtual void capture(const Barrier& barrier, TaskAcknowledgement& acknowledgement) = 0;
    void noteWatermark(EventTime watermark);
    void noteInput(const Batch& batch) { records_in_.add(static_cast<int64_t>(batch.rows())); }
    ProcessingTime now() const { return slot_.environment.clock->now(); }
    // The time that follows is this node's own.
    NodeTimes::Turn takeTurn() const { return {slot_.node_times, self_time_}; }

    const JobNode& node_;
    const SlotSurroundings& slot_;
    MetricGroup metrics_;
    Random random_;
    Counter& records_in_;
    Counter& records_out_;
    int64_t upkeep_at_ms_ = INT64_MAX;

  private:
    Counter& in_watermark_metric_;
    Counter& out_watermark_metric_;
    Counter* self_time_ = nullptr;      // nanoseconds, with operator_detail
    Counter* exchange_time_ = nullptr;  // likewise, of dealing rows out to the next vertices
    std::vector<ChainNode*> next_;      // each of which is in one of the two below
    std::vector<ChainNode*> rows_next_, letters_next_;
    std::vector<ExchangeWriter*> writers_;
    EventTime in_watermark_ = EventTime::min();
    EventTime out_watermark_ = EventTime::min();
    std::atomic<bool> out_idle_{false};
    std::set<int64_t> wakes_;
};

// The first node of a task without channels.
class SourceNode : public ChainNode, public HeldSource {
  public:
    using ChainNode::ChainNode;
    virtual void followedBy(SplitWatermarks& follower) = 0;
    virtual bool held() const = 0;  // not to be polled
    virtual void checkpointComplete(CheckpointId id) = 0;
    virtual void addSplits(std::vector<SourceSplit> splits) = 0;
    virtual void noMoreSplits() = 0;
    virtual ReadStatus poll() = 0;
};

std::unique_ptr<ChainNode> makeChainNode(const JobNode& node, const SlotSurroundings& slot);

}  // namespace millrace
