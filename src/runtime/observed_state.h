// A StateBackend that can be asked how many rows its tables and logs hold: what it hands out is the inner
// one's.
#pragma once

#include <memory>
#include <vector>

#include "runtime/metrics.h"
#include "state/forwarding_state_backend.h"

namespace millrace {

class ObservedState final : public ForwardingStateBackend {
  public:
    // Sets the counters "stateRowsMax" and "stateBytesMax" of `metrics`.
    ObservedState(std::unique_ptr<StateBackend> inner, MetricGroup& metrics);

    // Looks at what there is; costs a little for each namespace.
    void observe();

    KeyedTable& table(const KeyedStateDescriptor& descriptor) override;
    KeyedLogs& logs(const std::vector<KeyedLogDescriptor>& descriptors) override;
    KeyedBits& bits(const KeyedBitsDescriptor& descriptor) override;
    KeyedRecords& records(const KeyedRecordsDescriptor& descriptor) override;

  private:
    std::vector<const KeyedTable*> tables_;
    std::vector<const KeyedLogs*> logs_;
    std::vector<const KeyedBits*> bits_;
    std::vector<const KeyedRecords*> records_;
    Counter& rows_max_;
    Counter& bytes_max_;
};

}  // namespace millrace
