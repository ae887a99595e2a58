// TemporalSort: ORDER BY a time attribute, and further columns, on a stream: rows wait until the watermark
// passes them and then come in order. A row that is not later than the watermark when it arrives is dropped
// and counted (numLateRecordsDropped), as in Flink. Rows of equal keys come as they arrived. Runs in one
// subtask.
//
// State: table "sort" (operators/ordered_rows.h), the rows that wait; list "watermark", up to when rows have
// been sent.
#pragma once

#include "operators/ordered_rows.h"
#include "operators/stateful_operator.h"

namespace millrace {

class TemporalSort final : public StatefulOperator {
  public:
    // `order` begins with the rowtime attribute, ascending.
    TemporalSort(Schema schema, std::vector<SortOrder> order, std::string text)
        : schema_(std::move(schema)), order_(std::move(order)), text_(std::move(text)) {}

    std::string name() const override { return "TemporalSort(orderBy=[" + text_ + "])"; }
    const Schema& outputSchema() const override { return schema_; }
    std::vector<KeptState> keeps() const override;
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;
    void onWatermark(OperatorState& state, EventTime watermark, OperatorContext& context,
                     Output& output) const override;
    void beforeBarrier(OperatorState& state, OperatorContext& context, Output& output) const override;

  private:
    struct State;
    Schema schema_;
    std::vector<SortOrder> order_;
    std::string text_;
};

}  // namespace millrace
