#include "runtime/observed_state.h"

#include <algorithm>

#include "state/keyed_bits.h"
#include "state/keyed_logs.h"
#include "state/keyed_records.h"

namespace millrace {

ObservedState::ObservedState(std::unique_ptr<StateBackend> inner, MetricGroup& metrics)
    : ForwardingStateBackend(std::move(inner)),
      rows_max_(metrics.counter("stateRowsMax")),
      bytes_max_(metrics.counter("stateBytesMax")) {}

KeyedTable& ObservedState::table(const KeyedStateDescriptor& descriptor) {
    KeyedTable& table = ForwardingStateBackend::table(descriptor);
    if (std::find(tables_.begin(), tables_.end(), &table) == tables_.end()) tables_.push_back(&table);
    return table;
}

KeyedLogs& ObservedState::logs(const std::vector<KeyedLogDescriptor>& descriptors) {
    KeyedLogs& logs = ForwardingStateBackend::logs(descriptors);
    if (std::find(logs_.begin(), logs_.end(), &logs) == logs_.end()) logs_.push_back(&logs);
    return logs;
}

KeyedBits& ObservedState::bits(const KeyedBitsDescriptor& descriptor) {
    KeyedBits& bits = ForwardingStateBackend::bits(descriptor);
    if (std::find(bits_.begin(), bits_.end(), &bits) == bits_.end()) bits_.push_back(&bits);
    return bits;
}

KeyedRecords& ObservedState::records(const KeyedRecordsDescriptor& descriptor) {
    KeyedRecords& records = ForwardingStateBackend::records(descriptor);
    if (std::find(records_.begin(), records_.end(), &records) == records_.end()) records_.push_back(&records);
    return records;
}

void ObservedState::observe() {
    size_t rows = 0;
    for (const KeyedTable* table : tables_) {
        for (const int64_t name_space : table->namespaces())
            rows += table->rows(name_space);
    }
    for (const KeyedLogs* logs : logs_) {
        for (size_t log = 0; log < logs->count(); ++log)
            rows += logs->rows(log);
    }
    for (const KeyedBits* bits : bits_)
        rows += bits->pairs();
    for (const KeyedRecords* records : records_)
        rows += records->rows();
    rows_max_.set(std::max(rows_max_.value(), static_cast<int64_t>(rows)));
    bytes_max_.set(std::max(bytes_max_.value(), static_cast<int64_t>(bytes())));
}

}  // namespace millrace
