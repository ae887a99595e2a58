#include "runtime/chain.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/hash.h"
#include "runtime/dead_letters.h"
#include "runtime/observed_state.h"
#include "runtime/reader_events.h"

namespace millrace {
namespace {

constexpr const char* kSplits = "source-splits";
constexpr const char* kWriterState = "writer-state";
constexpr size_t kProgressKept = 32;
constexpr int64_t kObservationNanos = 20'000'000;  // of an operator's state

std::string encodeSplit(const SourceSplit& split) {
    std::string out;
    const uint32_t size = static_cast<uint32_t>(split.id.size());
    for (int shift = 0; shift < 32; shift += 8)
        out += static_cast<char>((size >> shift) & 0xFF);
    return out + split.id + split.state;
}

SourceSplit decodeSplit(const std::string& bytes) {
    uint64_t size = 0;
    if (bytes.size() >= 4) {
        for (int i = 0; i < 4; ++i) {
            size |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[static_cast<size_t>(i)])) << (8 * i);
        }
    }
    if (bytes.size() < 4 + size) {
        throw UserError("snapshot.damaged", "a source split of the snapshot is cut short");
    }
    return {bytes.substr(4, size), bytes.substr(4 + size)};
}

// The items of all former subtasks.
std::vector<std::string> itemsOf(const OperatorSnapshots& restored, const char* list) {
    std::vector<std::string> out;
    for (const auto& snapshot : restored) {
        for (const ListStateSnapshot& state : snapshot->lists) {
            if (state.name == list) out.insert(out.end(), state.items.begin(), state.items.end());
        }
    }
    return out;
}

// This slot's share of them, dealt out round robin.
template <class Item>
std::vector<Item> shareOf(std::vector<Item> all, const SlotSurroundings& slot) {
    std::vector<Item> out;
    for (size_t i = slot.slot.value(); i < all.size(); i += slot.parallelism)
        out.push_back(std::move(all[i]));
    return out;
}

std::shared_ptr<const OperatorSnapshot> listSnapshot(const JobNode& node, SlotIndex subtask, const char* list,
                                                     std::vector<std::string> items) {
    auto snapshot = std::make_shared<OperatorSnapshot>();
    snapshot->uid = node.uid;
    snapshot->name = node.name;
    snapshot->subtask = subtask;
    snapshot->lists.push_back({list, Redistribution::Split, std::move(items)});
    return snapshot;
}

// Public bases: a reader finds the one by the other.
class SourceNodeImpl final : public SourceNode,
                             public SourceReaderContext,
                             public DeadLetterContext,
                             public ReaderEventSender {
  public:
    SourceNodeImpl(const JobNode& node, const SlotSurroundings& slot)
        : SourceNode(node, slot), source_(*std::get<std::shared_ptr<const Source>>(node.what)) {}

    void open(const OperatorSnapshots& restored) override {
        reader_ = source_.createReader(*this);
        std::vector<SourceSplit> splits;
        for (const std::string& item : itemsOf(restored, kSplits))
            splits.push_back(decodeSplit(item));
        // By id, as enumerators deal them out: files named in the order of time are still read in it.
        std::sort(splits.begin(), splits.end(),
                  [](const SourceSplit& a, const SourceSplit& b) { return a.id < b.id; });
        splits = shareOf(std::move(splits), slot_);
        if (!splits.empty()) addSplits(std::move(splits));
    }
    void addSplits(std::vector<SourceSplit> splits) override {
        if (reader_->tellsSplits())
            for (const SourceSplit& split : splits)
                for (SplitWatermarks* follower : followers_)
                    follower->splitAdded(split.id);
        reader_->addSplits(std::move(splits));
    }
    void noMoreSplits() override { reader_->noMoreSplits(); }
    ReadStatus poll() override {
        const auto turn = takeTurn();
        return reader_->poll(*this);
    }

    void followedBy(SplitWatermarks& follower) override { followers_.push_back(&follower); }
    bool held() const override { return held_; }
    void hold(const SplitWatermarks& follower, std::set<std::string> splits, bool all) override {
        auto& wanted = holds_[&follower];
        if (wanted.splits == splits && wanted.all == all) return;
        wanted = {std::move(splits), all};
        std::set<std::string> paused;
        held_ = false;
        for (const auto& [who, hold] : holds_) {
            paused.insert(hold.splits.begin(), hold.splits.end());
            held_ = held_ || hold.all;
        }
        held_ = !reader_->pauseSplits(paused) || held_;
    }
    void checkpointComplete(CheckpointId id) override {
        const auto found = progress_.find(id);
        if (found != progress_.end()) reader_->onCheckpointComplete(found->second);
        progress_.erase(progress_.begin(), progress_.upper_bound(id));
    }

    void receive(size_t, const Batch&) override { MILLRACE_CHECK(false, "a source has no input"); }
    void receiveWatermark(EventTime watermark) override { emitWatermark(watermark); }
    void receiveIdle(bool idle) override { emitIdle(idle); }

  private:
    void capture(const Barrier& barrier, TaskAcknowledgement& acknowledgement) override {
        if (!barrier.capture) return;
        std::vector<std::string> items;
        for (const SourceSplit& split : reader_->snapshot())
            items.push_back(encodeSplit(split));
        acknowledgement.operators.push_back(listSnapshot(node_, slot_.slot, kSplits, std::move(items)));
        if (progress_.size() == kProgressKept) progress_.erase(progress_.begin());
        if (std::string progress = reader_->progress(); !progress.empty())
            progress_[barrier.id] = std::move(progress);
    }

    void ofSplit(const std::string& id) override {
        for (SplitWatermarks* follower : followers_)
            follower->ofSplit(id);
    }
    void splitFinished(const std::string& id) override {
        for (SplitWatermarks* follower : followers_)
            follower->splitFinished(id);
    }
    bool splitsMatter() const override { return !followers_.empty(); }

    const Environment& environment() const override { return slot_.environment; }
    MetricGroup& metrics() override { return metrics_; }
    ProcessingTime now() const override { return ChainNode::now(); }
    Random& random() override { return random_; }
    SlotIndex subtask() const override { return slot_.slot; }
    uint32_t parallelism() const override { return slot_.parallelism; }
    size_t batchRowsMax() const override { return slot_.batch_rows_max; }
    void requestSplit() override { slot_.listener->onSplitRequest(node_.id, slot_.slot); }
    void sendToEnumerator(std::string event) override {
        slot_.listener->onReaderEvent(node_.id, slot_.slot, std::move(event));
    }
    void wakeAt(ProcessingTime time) override { ChainNode::wakeAt(time); }
    Output* deadLetters() override { return takesDeadLetters() ? &dead_letters_ : nullptr; }

    struct DeadLetterOutput final : Output {
        explicit DeadLetterOutput(SourceNodeImpl& from) : node(from) {}
        void emit(Batch batch) override { node.emitDeadLetters(batch); }
        void emitWatermark(EventTime) override {}  // the source's own reach that sink, too
        void emitIdle(bool) override {}
        SourceNodeImpl& node;
    };

    const Source& source_;
    std::unique_ptr<SourceReader> reader_;
    DeadLetterOutput dead_letters_{*this};
    std::map<CheckpointId, std::string> progress_;  // of checkpoints that are not known to be complete
    std::vector<SplitWatermarks*> followers_;
    struct Hold {
        std::set<std::string> splits;
        bool all = false;
    };
    std::map<const SplitWatermarks*, Hold> holds_;
    bool held_ = false;
};

class OperatorNode final : public ChainNode, private OperatorContext {
  public:
    OperatorNode(const JobNode& node, const SlotSurroundings& slot)
        : ChainNode(node, slot), operator_(*std::get<std::shared_ptr<const Operator>>(node.what)) {}

    void behind(SourceNode& source) override { source_ = &source; }
    void open(const OperatorSnapshots& restored) override {
        const auto turn = takeTurn();
        backend_ =
            makeHashMapStateBackend({node_.uid, node_.name, slot_.slot, slot_.parallelism,
                                     slot_.max_parallelism, restored, slot_.environment.clock, slot_.spill});
        if (slot_.operator_detail) {
            auto observed = std::make_unique<ObservedState>(std::move(backend_), metrics_);
            observed_ = observed.get();
            backend_ = std::move(observed);
        }
        const auto* const per_split = dynamic_cast<const PerSplitOperator*>(&operator_);
        if (source_ != nullptr && per_split != nullptr) {
            split_watermarks_.emplace(*per_split, static_cast<OperatorContext&>(*this),
                                      static_cast<Output&>(*this), node_.uid, *source_, slot_.alignment);
            source_->followedBy(*split_watermarks_);
        }
        state_ = operator_.open(*this);
        scheduleExpiry(true);
    }
    void receive(size_t input, const Batch& batch) override {
        const auto turn = takeTurn();
        noteInput(batch);
        if (split_watermarks_)
            split_watermarks_->process(batch);
        else
            operator_.process(*state_, input, batch, *this, *this);
        backend_->relieve();
        if (observed_ != nullptr) observeNowAndThen();
    }
    void receiveWatermark(EventTime watermark) override {
        const auto turn = takeTurn();
        noteWatermark(watermark);
        if (observed_ != nullptr && watermark == EventTime::max()) observed_->observe();  // before all goes
        if (split_watermarks_)
            split_watermarks_->onWatermark(watermark);
        else
            operator_.onWatermark(*state_, watermark, *this, *this);
    }
    void receiveIdle(bool idle) override {
        const auto turn = takeTurn();
        if (split_watermarks_)
            split_watermarks_->onIdle(idle);
        else
            operator_.onIdle(*state_, idle, *this, *this);
    }
    bool whenIdle() override {
        const auto turn = takeTurn();
        return operator_.whenIdle(*state_, *this, *this);
    }

  private:
    void onTimer(ProcessingTime now) override {
        if (split_watermarks_)
            split_watermarks_->onProcessingTime(now);
        else
            operator_.onProcessingTime(*state_, now, *this, *this);
    }
    void onEndOfInput() override {
        noteStateBytes();  // before the end empties it
        if (observed_ != nullptr) observed_->observe();
        operator_.onEndOfInput(*state_, *this, *this);
    }
    void beforeBarrier() override { operator_.beforeBarrier(*state_, *this, *this); }
    void capture(const Barrier& barrier, TaskAcknowledgement& acknowledgement) override {
        if (!barrier.capture) return;
        atStep(slot_.hooks, CheckpointStep::Capture);
        backend_->beginCapture(barrier.full ? CaptureMode::Full : CaptureMode::Incremental);
        advanceCapture(acknowledgement);
        noteStateBytes();
    }
    bool advanceCapture(TaskAcknowledgement& acknowledgement) override {
        if (!backend_->capturing()) return true;
        const auto turn = takeTurn();
        if (!backend_->advanceCapture(slot_.capture_rows_max)) return false;
        acknowledgement.operators.push_back(
            std::make_shared<const OperatorSnapshot>(backend_->takeCapture()));
        return true;
    }

    // A round over all rows a tenth of the time to live after the last one, in pieces with other work
    // between.
    void upkeep(ProcessingTime) override {
        constexpr size_t kRows = 4096;
        scheduleExpiry(backend_->expire(kRows));
    }
    void scheduleExpiry(bool round_done) {
        const int64_t ttl_ms = backend_->shortestTtl().ms;
        if (ttl_ms == 0) return;
        constexpr int64_t kLongestMillis = 60'000;
        const int64_t pause_ms = round_done ? std::clamp<int64_t>(ttl_ms / 10, 1, kLongestMillis) : 0;
        upkeep_at_ms_ = now().value() + pause_ms;
    }
    void observeNowAndThen() {
        const int64_t now_ns = slot_.node_times->lastReadingNanos();
        if (now_ns < observe_at_ns_) return;
        observe_at_ns_ = now_ns + kObservationNanos;
        observed_->observe();
    }
    void noteStateBytes() { metrics_.counter("stateBytes").set(static_cast<int64_t>(backend_->bytes())); }

    StateBackend& state() override { return *backend_; }
    MetricGroup& metrics() override { return metrics_; }
    const Environment& environment() const override { return slot_.environment; }
    ProcessingTime now() const override { return ChainNode::now(); }
    Random& random() override { return random_; }
    SlotIndex subtask() const override { return slot_.slot; }
    uint32_t parallelism() const override { return slot_.parallelism; }
    uint32_t maxParallelism() const override { return slot_.max_parallelism; }
    const Configuration& configuration() const override { return *slot_.configuration; }
    bool restored() const override { return slot_.restored; }
    EventTime currentWatermark() const override { return ChainNode::currentWatermark(); }
    void wakeAt(ProcessingTime time) override { ChainNode::wakeAt(time); }

    const Operator& operator_;
    SourceNode* source_ = nullptr;  // right behind it in a task, or after operators that pass rows on
    std::optional<SplitWatermarks> split_watermarks_;
    std::unique_ptr<StateBackend> backend_;
    ObservedState* observed_ = nullptr;  // the backend, with operator_detail
    int64_t observe_at_ns_ = 0;
    std::unique_ptr<OperatorState> state_;
};

class SinkNode final : public ChainNode, private SinkWriterContext {
  public:
    SinkNode(const JobNode& node, const SlotSurroundings& slot)
        : ChainNode(node, slot), sink_(*std::get<std::shared_ptr<const Sink>>(node.what)) {}

    void open(const OperatorSnapshots& restored) override {
        writer_ = sink_.createWriter(*this, shareOf(itemsOf(restored, kWriterState), slot_));
    }
    void receive(size_t, const Batch& batch) override {
        const auto turn = takeTurn();
        noteInput(batch);
        writer_->write(batch);
        records_out_.add(static_cast<int64_t>(batch.rows()));
        unflushed_ = true;
    }
    void receiveWatermark(EventTime watermark) override {
        const auto turn = takeTurn();
        noteWatermark(watermark);
        writer_->onWatermark(watermark);
        emitWatermark(watermark);  // to nobody, but it counts as what the task has put out
    }
    void receiveIdle(bool) override {}
    bool whenIdle() override {
        if (!unflushed_) return false;
        const auto turn = takeTurn();
        unflushed_ = false;
        writer_->flush();
        return true;
    }

  private:
    void onEndOfInput() override {
        whenIdle();
        const auto turn = takeTurn();
        writer_->onEndOfInput();
    }
    void capture(const Barrier& barrier, TaskAcknowledgement& acknowledgement) override {
        atStep(slot_.hooks, CheckpointStep::PreCommit);
        whenIdle();
        std::vector<std::string> prepared = writer_->prepareCommit();
        if (!prepared.empty()) acknowledgement.committables[node_.uid] = std::move(prepared);
        if (!barrier.capture) return;
        acknowledgement.operators.push_back(
            listSnapshot(node_, slot_.slot, kWriterState, writer_->snapshot()));
    }

    const Environment& environment() const override { return slot_.environment; }
    MetricGroup& metrics() override { return metrics_; }
    ProcessingTime now() const override { return ChainNode::now(); }
    SlotIndex subtask() const override { return slot_.slot; }
    uint32_t parallelism() const override { return slot_.parallelism; }
    const std::string& jobId() const override { return slot_.job_id; }
    const std::string& attemptId() const override { return slot_.attempt_id; }

    const Sink& sink_;
    std::unique_ptr<SinkWriter> writer_;
    bool unflushed_ = false;
};

}  // namespace

ChainNode::ChainNode(const JobNode& node, const SlotSurroundings& slot)
    : node_(node),
      slot_(slot),
      random_(combineHash(combineHash(slot.seed, hashBytes(node.uid)), slot.slot.value())),
      records_in_(metrics_.counter("numRecordsIn")),
      records_out_(metrics_.counter("numRecordsOut")),
      in_watermark_metric_(metrics_.counter("currentInputWatermark")),
      out_watermark_metric_(metrics_.counter("currentOutputWatermark")) {
    in_watermark_metric_.set(EventTime::min().value());
    out_watermark_metric_.set(EventTime::min().value());
    if (!slot.operator_detail) return;
    self_time_ = &metrics_.counter("selfTimeNs");
    exchange_time_ = &metrics_.counter("exchangeTimeNs");
}

void ChainNode::noteWatermark(EventTime watermark) {
    in_watermark_ = watermark;
    in_watermark_metric_.set(watermark.value());
}

void ChainNode::emit(Batch batch) {
    if (batch.empty()) return;
    records_out_.add(static_cast<int64_t>(batch.rows()));
    for (ChainNode* next : rows_next_)
        next->receive(0, batch);
    if (writers_.empty()) return;
    const NodeTimes::Turn turn(slot_.node_times, exchange_time_);
    for (size_t i = 0; i + 1 < writers_.size(); ++i)
        writers_[i]->write(batch);
    writers_.back()->write(std::move(batch));
}

void ChainNode::feeds(ChainNode& next) {
    next_.push_back(&next);
    const auto* const sink = std::get_if<std::shared_ptr<const Sink>>(&next.node_.what);
    const bool letters = sink != nullptr && dynamic_cast<const DeadLetterSink*>(sink->get()) != nullptr;
    (letters ? letters_next_ : rows_next_).push_back(&next);
}

void ChainNode::emitDeadLetters(const Batch& batch) {
    if (batch.empty()) return;
    for (ChainNode* next : letters_next_)
        next->receive(0, batch);
}

void ChainNode::emitWatermark(EventTime watermark) {
    if (watermark <= out_watermark_) return;
    out_watermark_ = watermark;
    out_watermark_metric_.set(watermark.value());
    for (ChainNode* next : next_)
        next->receiveWatermark(watermark);
    for (ExchangeWriter* writer : writers_)
        writer->broadcast(watermark);
}

void ChainNode::emitIdle(bool idle) {
    if (out_idle_.exchange(idle, std::memory_order_relaxed) == idle) return;
    for (ChainNode* next : next_)
        next->receiveIdle(idle);
    for (ExchangeWriter* writer : writers_)
        writer->broadcast(IdleMark{idle});
}

void ChainNode::endInput() {
    {
        const auto turn = takeTurn();
        onEndOfInput();
        dropTimers();
    }
    for (ChainNode* next : next_)
        next->endInput();
    for (ExchangeWriter* writer : writers_)
        writer->broadcast(EndOfInput{});
}

void ChainNode::passBarrier(const Barrier& barrier, TaskAcknowledgement& acknowledgement) {
    {
        const auto turn = takeTurn();
        beforeBarrier();
        capture(barrier, acknowledgement);
    }
    for (ChainNode* next : next_)
        next->passBarrier(barrier, acknowledgement);
    for (ExchangeWriter* writer : writers_)
        writer->broadcast(barrier);
}

bool ChainNode::fireTimers(ProcessingTime now) {
    if (nextWake() > now.value()) return false;
    const auto turn = takeTurn();
    if (upkeep_at_ms_ <= now.value()) {
        upkeep_at_ms_ = INT64_MAX;
        upkeep(now);
    }
    if (wakes_.empty() || *wakes_.begin() > now.value()) return true;
    wakes_.erase(wakes_.begin(), wakes_.upper_bound(now.value()));
    onTimer(now);
    return true;
}

std::unique_ptr<ChainNode> makeChainNode(const JobNode& node, const SlotSurroundings& slot) {
    if (std::holds_alternative<std::shared_ptr<const Source>>(node.what)) {
        return std::make_unique<SourceNodeImpl>(node, slot);
    }
    if (std::holds_alternative<std::shared_ptr<const Sink>>(node.what)) {
        return std::make_unique<SinkNode>(node, slot);
    }
    return std::make_unique<OperatorNode>(node, slot);
}

}  // namespace millrace
