#include "runtime/task.h"

#include <algorithm>

#include "base/error.h"

namespace millrace {
namespace {

constexpr int kElementsPerTurn = 16;

}  // namespace

Task::Task(size_t vertex, std::string name, const SlotSurroundings& slot,
           std::vector<std::unique_ptr<ChainNode>> nodes,
           std::vector<std::unique_ptr<ExchangeWriter>> writers, std::vector<InputChannel> inputs)
    : vertex_(vertex),
      name_(std::move(name)),
      slot_(slot),
      writers_(std::move(writers)),
      nodes_(std::move(nodes)),
      source_(dynamic_cast<SourceNode*>(nodes_.front().get())),
      inputs_(std::move(inputs)),
      blocked_(inputs_.size(), 0),
      valve_(inputs_.size()) {
    MILLRACE_CHECK((source_ != nullptr) == inputs_.empty());
    if (source_ == nullptr) return;
    for (const auto& node : nodes_)
        node->behind(*source_);
}

void Task::open(const std::map<std::string, OperatorSnapshots>& restored) {
    static const OperatorSnapshots none;
    const int64_t begin_ns = slot_.environment.clock->monotonicNanos();
    // Downstream first, as everywhere: whoever is fed is ready before who feeds it.
    for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
        const auto found = restored.find((*node)->node().uid);
        (*node)->open(found == restored.end() ? none : found->second);
    }
    initialize_ns_ = slot_.environment.clock->monotonicNanos() - begin_ns;
}

bool Task::run() {
    bool worked = captured_ && advanceCapture();
    if (!flushOutputs()) return worked;
    const ProcessingTime now = slot_.environment.clock->now();
    for (const auto& node : nodes_) {
        if (!node->fireTimers(now)) continue;
        worked = true;
        if (node.get() == source_) source_waits_ = false;
    }
    worked |= source_ != nullptr ? pollSource() : readChannels();
    flushOutputs();
    return worked;
}

bool Task::flushOutputs() {
    back_pressured_ = false;
    for (const auto& writer : writers_) {
        if (!writer->flush()) back_pressured_ = true;
    }
    return !back_pressured_;
}

bool Task::whenIdle() {
    bool worked = false;
    for (const auto& node : nodes_)
        worked |= node->whenIdle();
    return worked;
}

int64_t Task::nextWake() const {
    if (back_pressured_) return INT64_MAX;  // the reader of the full channel wakes the slot
    int64_t next = INT64_MAX;
    for (const auto& node : nodes_)
        next = std::min(next, node->nextWake());
    return next;
}

bool Task::pollSource() {
    if (ended_ || suspended_ || source_waits_ || source_->held()) return false;
    switch (source_->poll()) {
        case ReadStatus::More:
            break;
        case ReadStatus::Nothing:
            source_waits_ = true;
            break;
        case ReadStatus::EndOfInput:
            endInput();
            break;
    }
    return true;
}

void Task::addSplit(SourceSplit split) {
    if (ended_) return;  // drained
    std::vector<SourceSplit> splits;
    splits.push_back(std::move(split));
    source_->addSplits(std::move(splits));
    source_waits_ = false;
}

void Task::noMoreSplits() {
    if (ended_) return;
    source_->noMoreSplits();
    source_waits_ = false;
}

void Task::trigger(const Barrier& barrier) {
    noteFirstBarrier();
    passBarrier(barrier);
}

void Task::noteFirstBarrier() {
    first_barrier_ms_ = slot_.environment.clock->now().value();
    first_barrier_ns_ = slot_.environment.clock->monotonicNanos();
}

void Task::drain() {
    if (!ended_) endInput();
}

void Task::endInput() {
    ended_ = true;
    ChainNode& head = *nodes_.front();
    if (source_ != nullptr) {
        head.receiveIdle(false);
        head.receiveWatermark(EventTime::max());
    }
    head.endInput();
}

bool Task::readChannels() {
    int done = 0;
    size_t quiet = 0;  // channels in a row that had nothing
    while (quiet < inputs_.size() && done < kElementsPerTurn) {
        const size_t index = next_input_;
        next_input_ = next_input_ + 1 == inputs_.size() ? 0 : next_input_ + 1;
        Channel& channel = *inputs_[index].channel;
        if (blocked_[index] || channel.empty()) {
            ++quiet;
            continue;
        }
        quiet = 0;
        ++done;
        handle(index, channel.pop());
        // What was just emitted must go before more is taken in.
        const auto waiting = [](const auto& writer) { return writer->waiting(); };
        if (std::any_of(writers_.begin(), writers_.end(), waiting)) break;
    }
    return done > 0;
}

void Task::handle(size_t index, StreamElement element) {
    if (const Batch* batch = std::get_if<Batch>(&element)) {
        bytes_in_.add(*batch);
        nodes_.front()->receive(inputs_[index].input, *batch);
    } else if (const EventTime* watermark = std::get_if<EventTime>(&element)) {
        apply(valve_.onWatermark(index, *watermark));
    } else if (const IdleMark* mark = std::get_if<IdleMark>(&element)) {
        apply(valve_.onIdle(index, mark->idle));
    } else if (const Barrier* barrier = std::get_if<Barrier>(&element)) {
        align(index, *barrier);
    } else {
        apply(valve_.onEnd(index));
        if (++ended_channels_ == inputs_.size()) endInput();
    }
}

int64_t Task::bytesOut() const {
    int64_t bytes = 0;
    for (const auto& writer : writers_)
        bytes += writer->bytesWritten();
    return bytes;
}

void Task::apply(const WatermarkValve::Result& result) {
    ChainNode& head = *nodes_.front();
    if (result.idle && !*result.idle) head.receiveIdle(false);
    if (result.watermark) head.receiveWatermark(*result.watermark);
    if (result.idle && *result.idle) head.receiveIdle(true);
}

// Aligned barriers: a channel whose barrier has come is not read until those of all others have, ended ones
// included, so that the state captured holds the effect of exactly what lies before the barrier.
void Task::align(size_t index, const Barrier& barrier) {
    if (barriers_seen_ == 0) {
        aligning_ = barrier.id;
        noteFirstBarrier();
    }
    MILLRACE_CHECK(aligning_ == barrier.id, "{}: barrier {} while aligning {}", name_, barrier.id.value(),
                   aligning_.value());
    blocked_[index] = 1;
    if (++barriers_seen_ < inputs_.size()) return;
    barriers_seen_ = 0;
    std::fill(blocked_.begin(), blocked_.end(), 0);
    passBarrier(barrier);
}

void Task::passBarrier(const Barrier& barrier) {
    // A checkpoint that was given up before its capture came to an end: later ones build on it all the same.
    while (captured_)
        advanceCapture();
    atStep(slot_.hooks, CheckpointStep::Barrier);
    const int64_t begin_ns = slot_.environment.clock->monotonicNanos();
    TaskAcknowledgement acknowledgement;
    acknowledgement.id = barrier.id;
    acknowledgement.subtask = slot_.slot;
    acknowledgement.vertex = vertex_;
    acknowledgement.first_barrier_ms = first_barrier_ms_;
    acknowledgement.alignment_us = (begin_ns - first_barrier_ns_) / 1000;
    nodes_.front()->passBarrier(barrier, acknowledgement);
    captured_since_ns_ = slot_.environment.clock->monotonicNanos();
    acknowledgement.sync_us = acknowledgement.pause_us = (captured_since_ns_ - begin_ns) / 1000;
    captured_ = std::move(acknowledgement);
    const auto finished = [this](const auto& node) { return node->advanceCapture(*captured_); };
    if (std::all_of(nodes_.begin(), nodes_.end(), finished)) acknowledge();
}

// What changes meanwhile is captured first (StateBackend): the task goes on between the pieces.
bool Task::advanceCapture() {
    const int64_t begin_ns = slot_.environment.clock->monotonicNanos();
    const auto finished = [this](const auto& node) { return node->advanceCapture(*captured_); };
    const bool all = std::all_of(nodes_.begin(), nodes_.end(), finished);
    const int64_t pause_us = (slot_.environment.clock->monotonicNanos() - begin_ns) / 1000;
    captured_->pause_us = std::max(captured_->pause_us, pause_us);
    if (all) acknowledge();
    return true;
}

void Task::acknowledge() {
    TaskAcknowledgement acknowledgement = std::move(*captured_);
    captured_.reset();
    acknowledgement.async_us = (slot_.environment.clock->monotonicNanos() - captured_since_ns_) / 1000;
    slot_.listener->onAcknowledge(std::move(acknowledgement));
}

}  // namespace millrace
