// WindowJoin: rows of equal windows meet (Flink: WindowJoinOperator). Both inputs carry the end of each row's
// window and are insert-only. A window's rows are kept until the watermark passes its end; then its join goes
// out, of any type, as inserts that are final, and its state is dropped. Late rows are dropped and counted.
//
// State: the rows of each side (row_lists.h), by window end (milliseconds of the windows' own time line) as
// the namespace; list "watermark", as in WindowAggregate.
#pragma once

#include "operators/join_rows.h"
#include "operators/stateful_operator.h"

namespace millrace {

struct WindowJoinParameters {
    JoinShape shape;                 // the windows' bounds are among the keys
    size_t window_ends[2] = {0, 0};  // columns of the inputs
    bool instants = false;           // windows follow the wall clock of the session's time zone
    std::string text;
};

class WindowJoin final : public StatefulOperator {
  public:
    explicit WindowJoin(WindowJoinParameters parameters);
    ~WindowJoin() override;

    std::string name() const override { return "WindowJoin(" + p_.text + ")"; }
    const Schema& outputSchema() const override { return p_.shape.output; }
    size_t inputCount() const override { return 2; }
    std::vector<KeptState> keeps() const override;
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;
    void onWatermark(OperatorState& state, EventTime watermark, OperatorContext& context,
                     Output& output) const override;
    void beforeBarrier(OperatorState& state, OperatorContext& context, Output& output) const override;

  private:
    struct State;
    void fire(State& state, int64_t window, OperatorContext& context, Output& output) const;
    void meetLeft(State& state, const Batch& left, OperatorContext& context, Output& output) const;
    void putOutRight(State& state, OperatorContext& context, Output& output) const;

    WindowJoinParameters p_;
};

}  // namespace millrace
