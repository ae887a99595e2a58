// For sources whose readers tell the enumerator more than that they want a split: where splits depend on each
// other, say.
#pragma once

#include <string>

#include "runtime/source.h"

namespace millrace {

// The runtime's context of a reader is one.
class ReaderEventSender {
  public:
    virtual ~ReaderEventSender() = default;
    virtual void sendToEnumerator(std::string event) = 0;
};

// An enumerator that is one hears of them.
class ReaderEventListener {
  public:
    virtual ~ReaderEventListener() = default;
    // Before start(): whether the job takes checkpoints by itself. Else it may never have one.
    virtual void onCheckpointing(bool periodically) = 0;
    // What a reader sent, in its order. One sent before a checkpoint's barrier may come after the
    // enumerator's part of that checkpoint was taken: what must not get lost stays in the reader's state,
    // too.
    virtual void onReaderEvent(EnumeratorContext& context, SlotIndex reader, const std::string& event) = 0;
    // The checkpoint for which snapshot() gave this is complete: whatever readers emitted before it has gone
    // through the whole job.
    virtual void onCheckpointComplete(EnumeratorContext& context, const std::string& snapshot) = 0;
};

}  // namespace millrace
