// Runs one operator in a test as the runtime would: subtasks with their own state, rows dealt to them by key
// group, watermarks and barriers to all, restore from snapshots at any parallelism.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/hash.h"
#include "runtime/operator.h"
#include "state/segment_merge.h"

namespace millrace::testing {

class ManualClock final : public Clock {
  public:
    ProcessingTime now() const override { return ProcessingTime(now_ms); }
    int64_t monotonicNanos() const override { return now_ms * 1'000'000; }
    int64_t now_ms = 1'000'000;
};

class CollectingOutput final : public Output {
  public:
    void emit(Batch batch) override {
        if (!batch.empty()) batches.push_back(std::move(batch));
        events.push_back("rows");
    }
    void emitWatermark(EventTime watermark) override {
        watermarks.push_back(watermark.value());
        events.push_back("watermark " + std::to_string(watermark.value()));
    }
    void emitIdle(bool idle) override { events.push_back(idle ? "idle" : "active"); }
    std::vector<Batch> batches;
    std::vector<int64_t> watermarks;
    std::vector<std::string> events;
};

class SubtaskContext final : public OperatorContext {
  public:
    StateBackend& state() override { return *backend; }
    MetricGroup& metrics() override { return metrics_; }
    const Environment& environment() const override { return environment_; }
    ProcessingTime now() const override { return clock->now(); }
    Random& random() override { return random_; }
    SlotIndex subtask() const override { return SlotIndex(index); }
    uint32_t parallelism() const override { return subtasks; }
    uint32_t maxParallelism() const override { return 128; }
    const Configuration& configuration() const override { return *configuration_; }
    bool restored() const override { return from_snapshot; }
    EventTime currentWatermark() const override { return watermark; }
    void wakeAt(ProcessingTime time) override { wake_ms = std::min(wake_ms, time.value()); }

    std::unique_ptr<StateBackend> backend;
    MetricGroup metrics_;
    Environment environment_;
    Random random_{1};
    const Configuration* configuration_ = nullptr;
    const ManualClock* clock = nullptr;
    uint32_t index = 0;
    uint32_t subtasks = 1;
    bool from_snapshot = false;
    EventTime watermark = EventTime::min();
    int64_t wake_ms = INT64_MAX;
};

using Snapshots = std::vector<std::shared_ptr<const OperatorSnapshot>>;

class OperatorHarness {
  public:
    // `keys` are the columns by which rows are dealt to subtasks (none: all to subtask 0).
    OperatorHarness(std::shared_ptr<const Operator> op, std::vector<size_t> keys = {},
                    uint32_t parallelism = 1, Snapshots restored = {}, Configuration configuration = {})
        : op_(std::move(op)), keys_(std::move(keys)), configuration_(std::move(configuration)) {
        for (uint32_t i = 0; i < parallelism; ++i) {
            auto context = std::make_unique<SubtaskContext>();
            StateBackendParameters parameters;
            parameters.operator_uid = "test";
            parameters.operator_name = op_->name();
            parameters.subtask = SlotIndex(i);
            parameters.parallelism = parallelism;
            parameters.restored = restored;
            parameters.clock = &clock;
            context->backend = makeHashMapStateBackend(parameters);
            context->configuration_ = &configuration_;
            context->clock = &clock;
            context->index = i;
            context->subtasks = parallelism;
            context->from_snapshot = !restored.empty();
            states_.push_back(op_->open(*context));
            contexts_.push_back(std::move(context));
            chains_.push_back(std::make_shared<OperatorSnapshot>());
        }
    }

    void dealBy(std::vector<size_t> keys) { keys_ = std::move(keys); }
    void process(const Batch& batch, size_t input = 0) {
        if (contexts_.size() == 1) {
            op_->process(*states_[0], input, batch, *contexts_[0], output);
            return capture();
        }
        std::vector<ColumnPtr> columns;
        for (const size_t key : keys_)
            columns.push_back(batch.column(key));
        std::vector<uint64_t> hashes;
        hashColumns(columns, batch.rows(), hashes);
        std::vector<Selection> selections(contexts_.size());
        for (size_t row = 0; row < batch.rows(); ++row) {
            const SlotIndex owner =
                ownerOf(keyGroupOf(hashes[row], 128), 128, static_cast<uint32_t>(contexts_.size()));
            selections[owner.value()].push_back(static_cast<uint32_t>(row));
        }
        for (size_t i = 0; i < contexts_.size(); ++i) {
            if (selections[i].empty()) continue;
            op_->process(*states_[i], input, batch.gather(selections[i]), *contexts_[i], output);
        }
        capture();
    }
    void watermark(int64_t watermark) {
        for (size_t i = 0; i < contexts_.size(); ++i) {
            contexts_[i]->watermark = EventTime(watermark);
            op_->onWatermark(*states_[i], EventTime(watermark), *contexts_[i], output);
        }
        capture();
    }
    void idle(bool idle) {
        for (size_t i = 0; i < contexts_.size(); ++i)
            op_->onIdle(*states_[i], idle, *contexts_[i], output);
    }
    // The slot has nothing to do; whether that made any of the subtasks do something.
    bool whenIdle() {
        bool worked = false;
        for (size_t i = 0; i < contexts_.size(); ++i)
            worked |= op_->whenIdle(*states_[i], *contexts_[i], output);
        return worked;
    }
    // Lets the clock run to `now_ms`, with the calls that were asked for on the way.
    void runUntil(int64_t now_ms) {
        for (size_t i = 0; i < contexts_.size(); ++i) {
            while (contexts_[i]->wake_ms <= now_ms) {
                clock.now_ms = std::max(clock.now_ms, contexts_[i]->wake_ms);
                contexts_[i]->wake_ms = INT64_MAX;
                op_->onProcessingTime(*states_[i], clock.now(), *contexts_[i], output);
            }
        }
        clock.now_ms = now_ms;
        capture();
    }
    Snapshots snapshot() {
        for (size_t i = 0; i < contexts_.size(); ++i)
            op_->beforeBarrier(*states_[i], *contexts_[i], output);
        capture();
        return {chains_.begin(), chains_.end()};
    }
    void end() {
        watermark(EventTime::max().value());
        for (size_t i = 0; i < contexts_.size(); ++i) {
            op_->onEndOfInput(*states_[i], *contexts_[i], output);
        }
    }
    int64_t metric(const std::string& name) {
        int64_t sum = 0;
        for (const auto& context : contexts_)
            sum += context->metrics_.counter(name).value();
        return sum;
    }
    int64_t wakeAt() const { return contexts_[0]->wake_ms; }

    // Everything emitted, one row a text: "+I(a, 1)".
    std::vector<std::string> changes() const {
        std::vector<std::string> rows;
        for (const Batch& batch : output.batches) {
            for (size_t row = 0; row < batch.rows(); ++row) {
                rows.push_back(std::string(shortName(batch.kind(row))) + rowText(batch, row));
            }
        }
        return rows;
    }
    // The changes folded into a multiset of rows. Throws if a change takes back a row that is not there.
    std::map<std::string, int64_t> table() const {
        std::map<std::string, int64_t> rows;
        for (const Batch& batch : output.batches) {
            for (size_t row = 0; row < batch.rows(); ++row) {
                const std::string text = rowText(batch, row);
                if (!isRetraction(batch.kind(row))) {
                    ++rows[text];
                } else if (--rows[text] < 0) {
                    throw InternalError("a row is taken back that is not there: " + text);
                } else if (rows[text] == 0) {
                    rows.erase(text);
                }
            }
        }
        return rows;
    }
    static std::string rowText(const Batch& batch, size_t row) {
        std::string text = "(";
        for (size_t c = 0; c < batch.columns().size(); ++c) {
            if (c > 0) text += ", ";
            text += batch.column(c)->textAt(row);
        }
        return text + ")";
    }

    ManualClock clock;
    CollectingOutput output;

  private:
    // Takes what changed in the call just made, as a checkpoint would: what is restored later is made of that
    // alone, so an operator that changes rows behind the table's back is found out.
    void capture() {
        constexpr size_t kSegments = 6;
        for (size_t i = 0; i < contexts_.size(); ++i) {
            StateBackend& backend = *contexts_[i]->backend;
            backend.beginCapture(CaptureMode::Incremental);
            while (!backend.advanceCapture(SIZE_MAX)) {
            }
            auto next = std::make_shared<OperatorSnapshot>(backend.takeCapture());
            for (size_t k = 0; k < next->keyed.size(); ++k) {
                KeyedStateSnapshot& state = next->keyed[k];
                if (state.segments.front()->full) continue;
                const auto& former = chains_[i]->keyed.at(k).segments;
                state.segments.insert(state.segments.begin(), former.begin(), former.end());
                if (state.segments.size() < kSegments) continue;
                state.segments = {std::make_shared<StateSegment>(mergeSegments(
                    state.descriptor, state.segments,
                    [](const StateSegment&, const KeyGroupSection& section) { return section; },
                    [](KeyGroupSection section) { return section; }))};
            }
            chains_[i] = std::move(next);
        }
    }

    std::shared_ptr<const Operator> op_;
    std::vector<size_t> keys_;
    Configuration configuration_;
    std::vector<std::unique_ptr<SubtaskContext>> contexts_;
    std::vector<std::unique_ptr<OperatorState>> states_;
    std::vector<std::shared_ptr<const OperatorSnapshot>> chains_;
};

// What one operator puts out, taken in by the next.
class IntoHarness final : public Output {
  public:
    explicit IntoHarness(OperatorHarness& next) : next_(next) {}
    void emit(Batch batch) override {
        if (!batch.empty()) next_.process(batch);
    }
    void emitWatermark(EventTime watermark) override { next_.watermark(watermark.value()); }
    void emitIdle(bool) override {}

  private:
    OperatorHarness& next_;
};

struct TestRow {
    std::vector<Value> values;
    RowKind kind = RowKind::Insert;
};

inline Batch batchOf(const Schema& schema, const std::vector<TestRow>& rows) {
    BatchBuilder builder(schema);
    for (const TestRow& row : rows)
        builder.appendRow(row.values, row.kind);
    return builder.finish();
}

}  // namespace millrace::testing
