// Sources after Flink's FLIP-27: an enumerator, one per source, finds splits and deals them out; readers, one
// per subtask, read them. Both are driven by the runtime: they never block for long and own no threads that
// touch the job.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/operator.h"

namespace millrace {

// A piece of the input with the position reached in it. `state` is the connector's own encoding.
struct SourceSplit {
    std::string id;
    std::string state;
    bool operator==(const SourceSplit&) const = default;
};

enum class Boundedness : uint8_t { Bounded, Unbounded };

class EnumeratorContext {
  public:
    virtual ~EnumeratorContext() = default;
    virtual const Environment& environment() const = 0;
    virtual uint32_t parallelism() const = 0;
    virtual void assign(SlotIndex reader, SourceSplit split) = 0;
    virtual void noMoreSplits(SlotIndex reader) = 0;  // the reader ends once it has read what it has
    virtual void wakeAt(ProcessingTime time) = 0;     // asks for one call of discover()
};

// Runs on the coordinator's thread. Splits assigned before a checkpoint's barrier are in the readers' state,
// later ones in the enumerator's of that checkpoint, never both.
class SplitEnumerator {
  public:
    virtual ~SplitEnumerator() = default;
    virtual void start(EnumeratorContext& context) = 0;
    virtual void discover(EnumeratorContext& context) { (void)context; }
    virtual void onSplitRequest(EnumeratorContext& context, SlotIndex reader) = 0;
    virtual std::string snapshot() const = 0;
};

enum class ReadStatus : uint8_t {
    More,        // call again at once
    Nothing,     // nothing now; call again at wakeAt() or when splits arrive
    EndOfInput,  // all splits read and no more will come
};

class SourceReaderContext {
  public:
    virtual ~SourceReaderContext() = default;
    virtual const Environment& environment() const = 0;
    virtual MetricGroup& metrics() = 0;
    virtual ProcessingTime now() const = 0;
    virtual Random& random() = 0;
    virtual SlotIndex subtask() const = 0;
    virtual uint32_t parallelism() const = 0;
    virtual size_t batchRowsMax() const = 0;  // never emit larger batches (test profiles set 1)
    virtual void requestSplit() = 0;
    virtual void wakeAt(ProcessingTime time) = 0;
    // Of a reader that tellsSplits(): what it emits from here on is of this split, one of those it was given;
    // and this one has no more to come, so it holds back no watermark.
    virtual void ofSplit(const std::string& id) { (void)id; }
    virtual void splitFinished(const std::string& id) { (void)id; }
    // Whether anybody wants to know; if not, a batch may as well hold rows of several splits.
    virtual bool splitsMatter() const { return false; }
};

class SourceReader {
  public:
    virtual ~SourceReader() = default;
    virtual void addSplits(
        std::vector<SourceSplit> splits) = 0;  // assigned, or restored with their positions
    virtual void noMoreSplits() = 0;
    // Emits at most a batch or so, then returns: the slot has other work too.
    virtual ReadStatus poll(Output& output) = 0;
    virtual std::vector<SourceSplit> snapshot() const = 0;  // unfinished splits at their positions

    // Whether it says of which split its rows are (SourceReaderContext::ofSplit). Then each split that it was
    // given and has not finished has a watermark of its own.
    virtual bool tellsSplits() const { return false; }
    // Only these of its splits are not to be read until the next call (watermark alignment). False if it
    // cannot leave some out: then it is not polled while there are any.
    virtual bool pauseSplits(const std::set<std::string>& ids) { return ids.empty(); }

    // What it has to know, once the checkpoint is complete whose barrier passes now, to tell the system that
    // it reads from (offsets of a consumer group); "" for nothing. At best told once: a failure may come
    // first.
    virtual std::string progress() const { return {}; }
    virtual void onCheckpointComplete(const std::string& progress) { (void)progress; }
};

class Source {
  public:
    virtual ~Source() = default;
    virtual std::string name() const = 0;  // "TableSourceScan(table=[flights], fields=[...])"
    virtual const Schema& outputSchema() const = 0;
    virtual Boundedness boundedness() const = 0;
    // `restored` is a former enumerator's snapshot(). UserError if it cannot be used.
    virtual std::unique_ptr<SplitEnumerator> createEnumerator(
        const std::optional<std::string>& restored) const = 0;
    virtual std::unique_ptr<SourceReader> createReader(SourceReaderContext& context) const = 0;
};

}  // namespace millrace
