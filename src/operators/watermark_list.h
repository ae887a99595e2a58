// The watermark that an operator has seen, kept in its state so that rows that were late stay late after a
// restore: list "watermark", one item a former subtask, the least of which counts.
#pragma once

#include "base/named_integer.h"
#include "state/state_backend.h"

namespace millrace {

class WatermarkList {
  public:
    explicit WatermarkList(StateBackend& backend);  // UserError "snapshot.damaged"
    int64_t value() const { return value_; }
    // The watermark that ends all time is not kept: a job restored from a drained savepoint goes on.
    void advance(EventTime watermark) {
        if (watermark != EventTime::max() && watermark.value() > value_) value_ = watermark.value();
    }
    void store() { *list_ = {std::to_string(value_)}; }  // before a barrier

  private:
    std::vector<std::string>* list_;
    int64_t value_ = EventTime::min().value();
};

}  // namespace millrace
