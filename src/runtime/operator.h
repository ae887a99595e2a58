// Operators: immutable descriptions, shared by every subtask; all that changes lies in the state object that
// open() makes and that comes in with every call. The runtime delivers batches, watermarks and barriers in
// band and in order, one call at a time per subtask, and captures everything that was registered with the
// StateBackend at each barrier.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/named_integer.h"
#include "base/random.h"
#include "batch/batch.h"
#include "runtime/environment.h"
#include "runtime/metrics.h"
#include "state/state_backend.h"

namespace millrace {

// Where an operator's results go: the next operator of the chain, or the exchange. Emitting never blocks;
// back-pressure stops the calls that come in.
class Output {
  public:
    virtual ~Output() = default;
    virtual void emit(Batch batch) = 0;                   // an empty batch is dropped
    virtual void emitWatermark(EventTime watermark) = 0;  // must not go back; equal ones are dropped
    virtual void emitIdle(bool idle) = 0;  // idle inputs do not hold back the watermark downstream
};

// What a subtask's operator knows of its surroundings; lives as long as the subtask.
class OperatorContext {
  public:
    virtual ~OperatorContext() = default;
    virtual StateBackend& state() = 0;
    virtual MetricGroup& metrics() = 0;
    virtual const Environment& environment() const = 0;
    virtual ProcessingTime now() const = 0;
    virtual Random& random() = 0;
    virtual SlotIndex subtask() const = 0;
    virtual uint32_t parallelism() const = 0;
    virtual uint32_t maxParallelism() const = 0;
    virtual const Configuration& configuration() const = 0;
    // The job goes on from a snapshot, whether or not that knows this operator.
    virtual bool restored() const = 0;
    virtual EventTime currentWatermark() const = 0;  // of the combined input
    // Asks for one call of onProcessingTime at or after `time`; an earlier one asked for before stays asked
    // for.
    virtual void wakeAt(ProcessingTime time) = 0;
};

class OperatorState {
  public:
    virtual ~OperatorState() = default;
};

class Operator {
  public:
    virtual ~Operator() = default;
    virtual std::string name()
        const = 0;  // "GroupAggregate(groupBy=[origin], select=[...])", as EXPLAIN and the dashboard show it
    virtual const Schema& outputSchema() const = 0;
    virtual size_t inputCount() const { return 1; }

    // Called once per subtask, after restore: register state with context.state() here.
    virtual std::unique_ptr<OperatorState> open(OperatorContext& context) const = 0;
    virtual void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                         Output& output) const = 0;
    // The combined input watermark rose. Emit what became complete, then pass it on (the default does only
    // that).
    virtual void onWatermark(OperatorState& state, EventTime watermark, OperatorContext& context,
                             Output& output) const;
    virtual void onIdle(OperatorState& state, bool idle, OperatorContext& context, Output& output) const;
    virtual void onProcessingTime(OperatorState& state, ProcessingTime now, OperatorContext& context,
                                  Output& output) const;
    // The slot has nothing to do: emit what is only held so that more can be emitted together. True if there
    // was any.
    virtual bool whenIdle(OperatorState& state, OperatorContext& context, Output& output) const;
    // Before a barrier passes: emit or store whatever is buffered outside the StateBackend.
    virtual void beforeBarrier(OperatorState& state, OperatorContext& context, Output& output) const;
    // Every input has ended (after the final watermark EventTime::max()): emit what is left, and take it out
    // of the state: a job restored from its last checkpoint comes here again.
    virtual void onEndOfInput(OperatorState& state, OperatorContext& context, Output& output) const;
};

}  // namespace millrace
