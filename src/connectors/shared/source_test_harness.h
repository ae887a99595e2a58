// For the tests of sources: what the runtime does with one, by hand.
#pragma once

#include <gtest/gtest.h>

#include "base/error.h"
#include "connectors/connectors.h"
#include "runtime/reader_events.h"
#include "runtime/simulator/simulation.h"

namespace millrace {

inline const ConnectorDescriptor& collectedConnector(const std::string& name) {
    for (const ConnectorDescriptor& connector : connectorDescriptors()) {
        if (connector.name == name) return connector;
    }
    throw InternalError(name + " is not collected");
}

// A source's readers and the enumerator behind them, on a clock that the test turns.
class SourceHarness final : public SourceReaderContext,
                            public ReaderEventSender,
                            public EnumeratorContext,
                            public Output {
  public:
    SourceHarness(std::shared_ptr<const Source> source, uint32_t parallelism = 1, uint64_t seed = 1,
                  size_t batch_rows = 4096)
        : rows_max(batch_rows), source_(std::move(source)), parallelism_(parallelism), random_(seed) {
        environment_.clock = &clock;
        environment_.seed = seed;
        for (uint32_t i = 0; i < parallelism; ++i)
            readers_.push_back(source_->createReader(*this));
        enumerator_ = source_->createEnumerator(std::nullopt);
        listener_ = dynamic_cast<ReaderEventListener*>(enumerator_.get());
        if (listener_ != nullptr) listener_->onCheckpointing(true);
        enumerator_->start(*this);
    }

    ReadStatus poll(size_t reader = 0) {
        polled_ = static_cast<uint32_t>(reader);
        return readers_[reader]->poll(*this);
    }
    void discover() { enumerator_->discover(*this); }
    // As one that begins and is complete, with nothing between.
    void checkpoint() { listener_->onCheckpointComplete(*this, enumerator_->snapshot()); }
    // Everything that can be had now.
    void drain() {
        for (size_t reader = 0; reader < readers_.size(); ++reader) {
            while (poll(reader) == ReadStatus::More) {
            }
        }
    }
    std::vector<SourceSplit> splits(size_t reader) const { return readers_[reader]->snapshot(); }
    std::string enumeratorState() const { return enumerator_->snapshot(); }
    // As after a restore: `count` readers share the splits of a snapshot.
    void replaceReaders(const std::vector<SourceSplit>& splits, size_t count = 1) {
        readers_.clear();
        for (size_t i = 0; i < count; ++i) {
            readers_.push_back(source_->createReader(*this));
            std::vector<SourceSplit> share;
            for (size_t split = i; split < splits.size(); split += count)
                share.push_back(splits[split]);
            readers_[i]->addSplits(share);
            readers_[i]->noMoreSplits();
        }
    }

    const Environment& environment() const override { return environment_; }
    MetricGroup& metrics() override { return metrics_; }
    ProcessingTime now() const override { return clock.now(); }
    Random& random() override { return random_; }
    SlotIndex subtask() const override { return SlotIndex(0); }
    uint32_t parallelism() const override { return parallelism_; }
    size_t batchRowsMax() const override { return rows_max; }
    void requestSplit() override {}
    void sendToEnumerator(std::string event) override {
        listener_->onReaderEvent(*this, SlotIndex(polled_), event);
    }
    void wakeAt(ProcessingTime time) override { wake = time; }
    void assign(SlotIndex reader, SourceSplit split) override {
        readers_[reader.value()]->addSplits({split});
    }
    void noMoreSplits(SlotIndex reader) override { readers_[reader.value()]->noMoreSplits(); }
    void emit(Batch batch) override {
        EXPECT_LE(batch.rows(), rows_max);
        for (size_t row = 0; row < batch.rows(); ++row) {
            std::string text;
            for (const ColumnPtr& column : batch.columns())
                text += (text.empty() ? "" : "|") + column->textAt(row);
            rows.push_back(text);
        }
    }
    void emitWatermark(EventTime) override {}
    void emitIdle(bool) override {}

    VirtualClock clock;
    const size_t rows_max;
    std::vector<std::string> rows;
    ProcessingTime wake{};

  private:
    std::shared_ptr<const Source> source_;
    uint32_t parallelism_;
    uint32_t polled_ = 0;  // the reader
    Random random_;
    Environment environment_;
    MetricGroup metrics_;
    std::vector<std::unique_ptr<SourceReader>> readers_;
    std::unique_ptr<SplitEnumerator> enumerator_;
    ReaderEventListener* listener_ = nullptr;  // the enumerator, if it is one
};

}  // namespace millrace
