#include "cli/pausing_source.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "runtime/forwarding_source.h"

namespace millrace::cli {

namespace {

class Pause final : public SourcePause {
  public:
    explicit Pause(size_t readers) : reading_(readers) {}

    bool waitUntilPaused(int64_t timeout_ms) override {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [&] { return reading_ == 0; });
    }
    bool anyPaused() const override {
        const std::lock_guard lock(mutex_);
        return paused_ > 0;
    }
    // Called once by each reader.
    void stopped(bool at_end) {
        const std::lock_guard lock(mutex_);
        if (reading_ > 0) reading_--;
        if (!at_end) paused_++;
        changed_.notify_all();
    }

  private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    size_t reading_;
    size_t paused_ = 0;
};

class CountingOutput final : public Output {
  public:
    CountingOutput(Output& output, uint64_t& rows) : output_(output), rows_(rows) {}
    void emit(Batch batch) override {
        rows_ += batch.rows();
        output_.emit(std::move(batch));
    }
    void emitWatermark(EventTime watermark) override { output_.emitWatermark(watermark); }
    void emitIdle(bool idle) override { output_.emitIdle(idle); }

  private:
    Output& output_;
    uint64_t& rows_;
};

class PausingReader final : public ForwardingReader {
  public:
    PausingReader(std::unique_ptr<SourceReader> reader, std::shared_ptr<Pause> pause, uint64_t rows_max)
        : ForwardingReader(std::move(reader)), pause_(std::move(pause)), rows_max_(rows_max) {}

    ReadStatus poll(Output& output) override {
        if (polled_ && rows_ >= rows_max_) {
            stop(false);
            return ReadStatus::Nothing;
        }
        polled_ = true;
        CountingOutput counting(output, rows_);
        const ReadStatus status = ForwardingReader::poll(counting);
        if (status == ReadStatus::EndOfInput) stop(true);
        return status;
    }

  private:
    void stop(bool at_end) {
        if (!std::exchange(stopped_, true)) pause_->stopped(at_end);
    }

    const std::shared_ptr<Pause> pause_;
    const uint64_t rows_max_;
    uint64_t rows_ = 0;
    bool polled_ = false;  // once in any case: others may wait for what it asks its enumerator for
    bool stopped_ = false;
};

class PausingSource final : public ForwardingSource {
  public:
    PausingSource(std::shared_ptr<const Source> source, std::shared_ptr<Pause> pause, uint64_t rows)
        : ForwardingSource(std::move(source)), pause_(std::move(pause)), rows_(rows) {}

    std::unique_ptr<SourceReader> createReader(SourceReaderContext& context) const override {
        return std::make_unique<PausingReader>(ForwardingSource::createReader(context), pause_,
                                               rows_ + context.subtask().value());
    }

  private:
    const std::shared_ptr<Pause> pause_;
    const uint64_t rows_;
};

}  // namespace

PausedJob pauseSources(const JobGraph& graph, uint32_t parallelism, uint64_t rows) {
    size_t sources = 0;
    for (const JobNode& node : graph.nodes()) {
        if (std::holds_alternative<std::shared_ptr<const Source>>(node.what)) sources++;
    }
    const auto pause = std::make_shared<Pause>(sources * parallelism);
    auto paused = std::make_shared<JobGraph>();
    paused->name = graph.name;
    paused->plan = graph.plan;
    paused->configuration = graph.configuration;
    for (const JobNode& node : graph.nodes()) {  // ids are positions: the same order gives the same ids
        if (const auto* source = std::get_if<std::shared_ptr<const Source>>(&node.what)) {
            paused->addSource(node.uid, std::make_shared<PausingSource>(*source, pause, rows++));
        } else if (const auto* op = std::get_if<std::shared_ptr<const Operator>>(&node.what)) {
            paused->addOperator(node.uid, *op, node.inputs);
        } else {
            paused->addSink(node.uid, std::get<std::shared_ptr<const Sink>>(node.what), node.inputs.front());
        }
    }
    return {paused, pause};
}

}  // namespace millrace::cli
