// One subtask of one job vertex: its channels, its chain and its way through a checkpoint.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "runtime/chain.h"
#include "runtime/task_times.h"
#include "runtime/watermark_valve.h"

namespace millrace {

struct InputChannel {
    Channel* channel = nullptr;
    size_t input = 0;
};

class Task {
  public:
    Task(size_t vertex, std::string name, const SlotSurroundings& slot,
         std::vector<std::unique_ptr<ChainNode>> nodes, std::vector<std::unique_ptr<ExchangeWriter>> writers,
         std::vector<InputChannel> inputs);

    void open(const std::map<std::string, OperatorSnapshots>& restored);

    // A bounded piece of work; false if there was none to do.
    bool run();
    bool whenIdle();
    int64_t nextWake() const;
    bool inputEnded() const { return ended_ && !back_pressured_; }  // and everything has left

    // To a source: messages of the coordinator, in its order.
    void addSplit(SourceSplit split);
    void noMoreSplits();
    void checkpointComplete(CheckpointId id) { source_->checkpointComplete(id); }
    void trigger(const Barrier& barrier);  // the barrier sets out from here
    void suspend() { suspended_ = true; }  // no more records, for a stop with a savepoint
    void resume() { suspended_ = false; }
    void drain();  // ends the input here and now

    const std::string& name() const { return name_; }
    const std::vector<std::unique_ptr<ChainNode>>& nodes() const { return nodes_; }
    bool backPressured() const { return back_pressured_; }
    // Bytes of rows that came from other tasks, and that went to others. From any thread.
    int64_t bytesIn() const { return bytes_in_.total(); }
    int64_t bytesOut() const;
    // How long open() took; to be read once the slot has told that it is open.
    int64_t initializeMs() const { return initialize_ns_ / 1'000'000; }
    TaskTimes& times() { return times_; }
    const TaskTimes& times() const { return times_; }

  private:
    bool pollSource();
    bool readChannels();
    void handle(size_t index, StreamElement element);
    void apply(const WatermarkValve::Result& result);
    void align(size_t index, const Barrier& barrier);
    void noteFirstBarrier();
    void endInput();
    void passBarrier(const Barrier& barrier);
    bool flushOutputs();
    bool advanceCapture();
    void acknowledge();

    const size_t vertex_;
    const std::string name_;
    const SlotSurroundings& slot_;
    std::vector<std::unique_ptr<ExchangeWriter>> writers_;
    std::vector<std::unique_ptr<ChainNode>> nodes_;
    SourceNode* source_ = nullptr;
    std::vector<InputChannel> inputs_;
    std::vector<uint8_t> blocked_;  // the channel's barrier has come
    WatermarkValve valve_;
    size_t next_input_ = 0;
    size_t barriers_seen_ = 0;
    CheckpointId aligning_;
    size_t ended_channels_ = 0;
    bool ended_ = false;
    bool suspended_ = false;
    bool source_waits_ = false;  // it said Nothing: not polled until its timer, or news
    bool back_pressured_ = false;
    int64_t first_barrier_ms_ = 0;  // of the one being aligned, or passed on
    int64_t first_barrier_ns_ = 0;
    std::optional<TaskAcknowledgement> captured_;  // complete once all nodes have captured their state
    int64_t captured_since_ns_ = 0;
    int64_t initialize_ns_ = 0;
    TaskTimes times_;
    BatchBytes bytes_in_;
};

}  // namespace millrace
