// WatermarkAssigner: forwards rows and derives the watermark from them (WATERMARK FOR ... AS ...).
//
// The watermark is the largest value the expression has had; NULL values of it are passed over. It is emitted
// after each batch. In the middle of a batch it is emitted where that makes a difference: before a row that
// is behind a watermark which Flink would have emitted by then, that is, one more than
// pipeline.auto-watermark-interval ahead of the last one emitted (with WatermarkEmit::OnEvent, any). So
// whether a row is late does not depend on how rows happened to be cut into batches, and rows that come in
// order are never cut.
//
// A row whose rowtime is NULL fails the job, as in Flink. Watermarks from upstream are ignored, except for
// the last one of all. With an idle timeout, the output is marked idle when no row came for so long. Behind a
// source that tells its splits apart, all of this holds for each split.
#pragma once

#include <optional>

#include "expr/expression.h"
#include "runtime/per_split_operator.h"

namespace millrace {

// When a watermark counts that rows in the middle of a batch have raised (scan.watermark.emit.strategy).
enum class WatermarkEmit : uint8_t { Periodic, OnEvent };

class WatermarkAssigner final : public PerSplitOperator {
  public:
    // `rowtime` is a TIMESTAMP or TIMESTAMP_LTZ column. If `delay_micros` is given, the expression is the
    // column less that delay. `idle_timeout` 0 means never idle.
    WatermarkAssigner(Schema schema, size_t rowtime, ExpressionPtr expression,
                      std::optional<int64_t> delay_micros, Duration idle_timeout,
                      WatermarkAlignment alignment = {}, WatermarkEmit emit = WatermarkEmit::Periodic);

    std::string name() const override;
    const Schema& outputSchema() const override { return schema_; }
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;
    void onWatermark(OperatorState& state, EventTime watermark, OperatorContext& context,
                     Output& output) const override;
    void onIdle(OperatorState& state, bool idle, OperatorContext& context, Output& output) const override;
    void onProcessingTime(OperatorState& state, ProcessingTime now, OperatorContext& context,
                          Output& output) const override;
    void onHeldBack(OperatorState& state, OperatorContext& context) const override;
    const WatermarkAlignment& alignment() const override { return alignment_; }

  private:
    struct State;
    void checkRowtime(const Column& column) const;
    void emitCut(State& state, const Batch& batch, const int64_t* rowtime, const Column* watermarks,
                 Output& output) const;

    Schema schema_;
    size_t rowtime_;
    ExpressionPtr expression_;
    std::optional<int64_t> delay_micros_;
    Duration idle_timeout_;
    WatermarkAlignment alignment_;
    WatermarkEmit emit_;
};

}  // namespace millrace
