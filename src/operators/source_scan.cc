#include "operators/source_scan.h"

#include <utility>

#include "base/error.h"

namespace millrace {
namespace {

// One reader that gets every split.
class Scan final : public EnumeratorContext, public SourceReaderContext, public Output {
  public:
    explicit Scan(OperatorContext& context) : context_(context) {}

    std::vector<Batch> run(const Source& source) {
        const std::unique_ptr<SplitEnumerator> enumerator = source.createEnumerator(std::nullopt);
        enumerator->start(*this);
        const std::unique_ptr<SourceReader> reader = source.createReader(*this);
        bool told = false;
        constexpr int kIdleRoundsMax = 1000;
        for (int idle = 0; idle < kIdleRoundsMax;) {
            if (requested_) {
                requested_ = false;
                enumerator->onSplitRequest(*this, SlotIndex(0));
            }
            if (!assigned_.empty()) {
                reader->addSplits(std::exchange(assigned_, {}));
                idle = 0;
            }
            if (no_more_ && !std::exchange(told, true)) reader->noMoreSplits();
            const ReadStatus status = reader->poll(*this);
            if (status == ReadStatus::EndOfInput) return std::move(batches_);
            if (status == ReadStatus::More) {
                idle = 0;
                continue;
            }
            if (!requested_ && assigned_.empty()) enumerator->discover(*this);
            ++idle;
        }
        throw UserError("table.lookup-does-not-end",
                        fmt::format("{} does not come to an end, so it cannot be looked up", source.name()),
                        "look up tables of bounded sources");
    }

    const Environment& environment() const override { return context_.environment(); }
    uint32_t parallelism() const override { return 1; }
    void assign(SlotIndex, SourceSplit split) override { assigned_.push_back(std::move(split)); }
    void noMoreSplits(SlotIndex) override { no_more_ = true; }
    void wakeAt(ProcessingTime) override {}

    MetricGroup& metrics() override { return metrics_; }  // not the operator's own: these rows are no input
    ProcessingTime now() const override { return context_.now(); }
    Random& random() override { return context_.random(); }
    SlotIndex subtask() const override { return SlotIndex(0); }
    size_t batchRowsMax() const override { return 4096; }
    void requestSplit() override { requested_ = true; }

    void emit(Batch batch) override {
        if (!batch.empty()) batches_.push_back(std::move(batch));
    }
    void emitWatermark(EventTime) override {}
    void emitIdle(bool) override {}

  private:
    OperatorContext& context_;
    MetricGroup metrics_;
    std::vector<SourceSplit> assigned_;
    bool requested_ = false;
    bool no_more_ = false;
    std::vector<Batch> batches_;
};

}  // namespace

std::vector<Batch> scanSource(const Source& source, OperatorContext& context) {
    return Scan(context).run(source);
}

}  // namespace millrace
