// What flows between tasks, and the bounded ring it flows through. One slot writes a channel, one reads it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <variant>

#include "base/named_integer.h"
#include "batch/batch.h"
#include "runtime/waker.h"

namespace millrace {

struct IdleMark {
    bool idle = false;
};
struct Barrier {
    CheckpointId id;
    bool capture = true;  // false: only committables are wanted (a job without checkpoints at its end)
    bool full = false;    // every row of state, not only what changed
};
struct EndOfInput {};

// Everything in band and in order. EventTime is a watermark.
using StreamElement = std::variant<Batch, EventTime, IdleMark, Barrier, EndOfInput>;

class Channel {
  public:
    static constexpr size_t kCapacity = 8;

    Channel(Waker& writer, Waker& reader) : writer_(writer), reader_(reader) {}

    // The writer's side: false, and the element untouched, if the ring is full; then the writer is woken when
    // there is room again.
    bool push(StreamElement& element) {
        const size_t tail = tail_.load(std::memory_order_relaxed);
        if (tail - head_.load(std::memory_order_acquire) == kCapacity) {
            // Either this second look sees what the reader took, or the reader sees the flag.
            writer_waits_.store(true, std::memory_order_seq_cst);
            if (tail - head_.load(std::memory_order_seq_cst) == kCapacity) return false;
        }
        ring_[tail % kCapacity] = std::move(element);
        tail_.store(tail + 1, std::memory_order_seq_cst);  // before the reader is looked at
        if (&reader_ != &writer_) reader_.wake();
        return true;
    }

    // The reader's side.
    bool empty() const {
        return head_.load(std::memory_order_relaxed) == tail_.load(std::memory_order_seq_cst);
    }
    StreamElement pop() {
        const size_t head = head_.load(std::memory_order_relaxed);
        StreamElement element = std::move(ring_[head % kCapacity]);
        ring_[head % kCapacity] = EndOfInput{};  // lets go of the batch now, not when the ring comes round
        head_.store(head + 1, std::memory_order_seq_cst);
        if (writer_waits_.load(std::memory_order_seq_cst)) {
            writer_waits_.store(false, std::memory_order_seq_cst);
            if (&reader_ != &writer_) writer_.wake();
        }
        return element;
    }

  private:
    Waker& writer_;
    Waker& reader_;
    std::array<StreamElement, kCapacity> ring_;
    alignas(64) std::atomic<size_t> head_{0};
    std::atomic<bool> writer_waits_{false};
    alignas(64) std::atomic<size_t> tail_{0};
};

}  // namespace millrace
