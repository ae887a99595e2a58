// The watermark that an operator over windows has acted upon, as a union list "watermark" of its state: after
// a restore, at any parallelism, a window that was emitted before is not opened again.
//
// An item is the watermark as a decimal number, with " ended" behind it where the one that ends all time has
// come since. That one itself is not kept: a job restored from a drained savepoint goes on.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/operator.h"

namespace millrace {

class KeptWatermark {
  public:
    // Of those of the former subtasks: the lowest, up to which all of them had come, or the highest.
    enum class Restored : uint8_t { Lowest, Highest };
    struct Item {
        int64_t value = 0;
        bool ended = false;
    };
    // Up to which all of them had come, of which there is one at least: those that ended had come to wherever
    // the others had.
    static int64_t lowest(std::span<const Item> items);
    // Registers the list and takes one of the restored watermarks. UserError "snapshot.damaged".
    void open(OperatorContext& context, Restored which = Restored::Lowest);
    bool restored() const { return restored_; }  // there was one
    int64_t value() const { return value_; }
    void rise(EventTime watermark);
    void store();  // before a barrier

  private:
    std::vector<std::string>* list_ = nullptr;
    int64_t value_ = EventTime::min().value();
    bool restored_ = false;
    bool ended_ = false;
};

}  // namespace millrace
