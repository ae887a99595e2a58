#include <algorithm>
#include <functional>
#include <map>
#include <optional>

#include "base/error.h"
#include "base/hash.h"
#include "state/hashmap/hash_map_table.h"
#include "state/keyed_bits.h"
#include "state/keyed_logs.h"
#include "state/keyed_records.h"
#include "state/spilling_memory.h"
#include "state/state_backend.h"

namespace millrace {
namespace {

// What differs between the fields written and the fields asked for, as text; "" if rows can be read as they
// are. Names of fields may change: rows are read by position.
std::string fieldDifference(const char* part, const Schema& written, const Schema& asked) {
    const size_t common = std::min(written.size(), asked.size());
    for (size_t i = 0; i < common; ++i) {
        if (!written[i].type.sameIgnoringNullable(asked[i].type)) {
            return fmt::format("{} field {} ('{}') was {} and is now {}", part, i + 1, asked[i].name,
                               written[i].type.toString(), asked[i].type.toString());
        }
    }
    if (written.size() != asked.size()) {
        return fmt::format("the {} had {} and now has {}", part, written.toString(), asked.toString());
    }
    return "";
}

std::string difference(const KeyedStateDescriptor& written, const KeyedStateDescriptor& asked) {
    if (std::string text = fieldDifference("key", written.key, asked.key); !text.empty()) return text;
    if (std::string text = fieldDifference("value", written.value, asked.value); !text.empty()) return text;
    if (written.namespaced != asked.namespaced) {
        return asked.namespaced ? "it was not kept by window and now is"
                                : "it was kept by window and is not any more";
    }
    return "";
}

class HashMapStateBackend final : public StateBackend {
  public:
    explicit HashMapStateBackend(const StateBackendParameters& parameters) : parameters_(parameters) {
        MILLRACE_CHECK(parameters_.parallelism > 0 && parameters_.parallelism <= parameters_.max_parallelism);
        if (parameters_.spill) spilling_ = std::make_shared<SpillingMemory>(parameters_.spill);
        std::stable_sort(parameters_.restored.begin(), parameters_.restored.end(),
                         [](const auto& left, const auto& right) { return left->subtask < right->subtask; });
    }

    KeyedTable& table(const KeyedStateDescriptor& descriptor) override {
        const auto found = tables_.find(descriptor.name);
        if (found != tables_.end()) {
            MILLRACE_CHECK(found->second->descriptor() == descriptor, "state '{}' is asked for in two shapes",
                           descriptor.name);
            return *found->second;
        }
        if (descriptor.ttl.ms < 0) {
            throw UserError("config.bad-value",
                            fmt::format("operator '{}': a time to live of {} ms is negative",
                                        parameters_.operator_name, descriptor.ttl.ms));
        }
        checkNotTooLate(descriptor.name);
        auto table =
            std::make_unique<HashMapTable>(descriptor, parameters_.max_parallelism, *parameters_.clock,
                                           spilling_ ? static_cast<MemorySource&>(*spilling_) : heapMemory());
        restore(table->descriptor(),
                [&](const KeyedStateSnapshot& state, const auto& owned) { table->restore(state, owned); });
        return *(tables_[descriptor.name] = std::move(table));
    }

    KeyedLogs& logs(const std::vector<KeyedLogDescriptor>& descriptors) override {
        const std::string& name = descriptors.at(0).name;
        const auto found = logs_.find(name);
        if (found != logs_.end()) {
            bool same = found->second->count() == descriptors.size();
            for (size_t log = 0; same && log < descriptors.size(); ++log)
                same = found->second->descriptor(log) == descriptors[log];
            MILLRACE_CHECK(same, "log '{}' is asked for in two shapes", name);
            return *found->second;
        }
        checkNotTooLate(name);
        auto logs = std::make_unique<KeyedLogs>(descriptors, parameters_.max_parallelism, sharedMemory());
        for (size_t log = 0; log < descriptors.size(); ++log) {
            restore(descriptors[log].state(), [&](const KeyedStateSnapshot& state, const auto& owned) {
                logs->restore(log, state, owned);
            });
        }
        return *(logs_[name] = std::move(logs));
    }

    KeyedBits& bits(const KeyedBitsDescriptor& descriptor) override {
        const auto found = bits_.find(descriptor.name);
        if (found != bits_.end()) {
            MILLRACE_CHECK(found->second->descriptor() == descriptor, "bits '{}' are asked for in two shapes",
                           descriptor.name);
            return *found->second;
        }
        checkNotTooLate(descriptor.name);
        auto bits =
            std::make_unique<KeyedBits>(descriptor, parameters_.max_parallelism,
                                        spilling_ ? static_cast<MemorySource&>(*spilling_) : heapMemory());
        restore(descriptor.state(),
                [&](const KeyedStateSnapshot& state, const auto& owned) { bits->restore(state, owned); });
        return *(bits_[descriptor.name] = std::move(bits));
    }

    KeyedRecords& records(const KeyedRecordsDescriptor& descriptor) override {
        const auto found = records_.find(descriptor.name);
        if (found != records_.end()) {
            MILLRACE_CHECK(found->second->descriptor() == descriptor,
                           "records '{}' are asked for in two shapes", descriptor.name);
            return *found->second;
        }
        checkNotTooLate(descriptor.name);
        auto records =
            std::make_unique<KeyedRecords>(descriptor, parameters_.max_parallelism, sharedMemory());
        restore(descriptor.state(),
                [&](const KeyedStateSnapshot& state, const auto& owned) { records->restore(state, owned); });
        return *(records_[descriptor.name] = std::move(records));
    }

    std::vector<std::string>& list(const std::string& name, Redistribution redistribution) override {
        const auto found = lists_.find(name);
        if (found != lists_.end()) {
            MILLRACE_CHECK(found->second.redistribution == redistribution, "list '{}' is dealt in two ways",
                           name);
            return found->second.items;
        }
        checkNotTooLate(name);
        ListStateSnapshot& made = lists_[name];
        made.name = name;
        made.redistribution = redistribution;
        size_t position = 0;
        for (const auto& operator_snapshot : parameters_.restored) {
            for (const ListStateSnapshot& list : operator_snapshot->lists) {
                if (list.name != name) continue;
                for (const std::string& item : list.items) {
                    const bool mine = redistribution == Redistribution::Union ||
                                      position % parameters_.parallelism == parameters_.subtask.value();
                    if (mine) made.items.push_back(item);
                    ++position;
                }
            }
        }
        return made.items;
    }

    void beginCapture(CaptureMode mode) override {
        MILLRACE_CHECK(!capturing_, "operator '{}': a capture begins during another",
                       parameters_.operator_name);
        // States are registered when an operator opens: it has them all by now.
        restored_is_gone_ |= !parameters_.restored.empty();
        parameters_.restored.clear();
        capturing_.emplace();
        capturing_->uid = parameters_.operator_uid;
        capturing_->name = parameters_.operator_name;
        capturing_->subtask = parameters_.subtask;
        for (const auto& [name, list] : lists_)
            capturing_->lists.push_back(list);
        for (const auto& [name, table] : tables_)
            table->beginCapture(mode);
        for (const auto& [name, logs] : logs_)
            logs->beginCapture(mode);
        for (const auto& [name, bits] : bits_)
            bits->beginCapture(mode);
        for (const auto& [name, records] : records_)
            records->beginCapture(mode);
    }

    bool advanceCapture(size_t rows) override {
        for (const auto& [name, table] : tables_) {
            if (!table->advanceCapture(rows)) return false;
        }
        for (const auto& [name, logs] : logs_) {
            if (!logs->advanceCapture(rows)) return false;
        }
        for (const auto& [name, bits] : bits_) {
            if (!bits->advanceCapture(rows)) return false;
        }
        for (const auto& [name, records] : records_) {
            if (!records->advanceCapture(rows)) return false;
        }
        return true;
    }

    bool capturing() const override { return capturing_.has_value(); }

    OperatorSnapshot takeCapture() override {
        MILLRACE_CHECK(capturing_, "operator '{}': no capture was begun", parameters_.operator_name);
        OperatorSnapshot snapshot = std::move(*capturing_);
        capturing_.reset();
        for (const auto& [name, table] : tables_)
            snapshot.keyed.push_back(table->takeCapture());
        for (const auto& [name, logs] : logs_) {
            for (size_t log = 0; log < logs->count(); ++log)
                snapshot.keyed.push_back(logs->takeCapture(log));
        }
        for (const auto& [name, bits] : bits_)
            snapshot.keyed.push_back(bits->takeCapture());
        for (const auto& [name, records] : records_)
            snapshot.keyed.push_back(records->takeCapture());
        return snapshot;
    }

    bool expire(size_t rows) override {
        for (; expiring_ < tables_.size(); ++expiring_) {
            HashMapTable& table = *std::next(tables_.begin(), static_cast<ptrdiff_t>(expiring_))->second;
            if (!table.expire(rows)) return false;
        }
        expiring_ = 0;
        return true;
    }

    void relieve() override {
        if (spilling_) spilling_->relieve();
    }

    Duration shortestTtl() const override {
        Duration shortest{0};
        for (const auto& [name, table] : tables_) {
            const Duration ttl = table->descriptor().ttl;
            if (ttl.ms > 0 && (shortest.ms == 0 || ttl.ms < shortest.ms)) shortest = ttl;
        }
        return shortest;
    }

    size_t bytes() const override {
        size_t total = 0;
        for (const auto& [name, table] : tables_)
            total += table->bytes();
        for (const auto& [name, logs] : logs_)
            total += logs->bytes();
        for (const auto& [name, bits] : bits_)
            total += bits->bytes();
        for (const auto& [name, records] : records_)
            total += records->bytes();
        for (const auto& [name, list] : lists_) {
            for (const std::string& item : list.items)
                total += item.capacity() + sizeof(item);
        }
        return total;
    }

  private:
    // For what lends its rows to columns, which may outlive the backend.
    std::shared_ptr<MemorySource> sharedMemory() const {
        if (spilling_) return spilling_;
        return {std::shared_ptr<void>(), &heapMemory()};  // which nobody owns
    }

    void checkNotTooLate(const std::string& name) const {
        MILLRACE_CHECK(!restored_is_gone_, "state '{}' is asked for after the first checkpoint", name);
    }

    // Calls f(state, owned) with what there is of a state in each restored snapshot.
    template <class F>
    void restore(const KeyedStateDescriptor& asked, F&& f) const {
        const std::function<bool(KeyGroup)> owned = [this](KeyGroup group) {
            return ownerOf(group, parameters_.max_parallelism, parameters_.parallelism) ==
                   parameters_.subtask;
        };
        for (const auto& operator_snapshot : parameters_.restored) {
            for (const KeyedStateSnapshot& state : operator_snapshot->keyed) {
                if (state.descriptor.name != asked.name) continue;
                const std::string changed = difference(state.descriptor, asked);
                if (!changed.empty()) {
                    throw UserError(
                        "state.incompatible",
                        fmt::format("operator '{}' (uid {}) cannot use its state '{}' from the snapshot: {}",
                                    parameters_.operator_name, parameters_.operator_uid, asked.name, changed),
                        "start without a snapshot, or bring back the former types");
                }
                f(state, owned);
            }
        }
    }

    StateBackendParameters parameters_;
    std::shared_ptr<SpillingMemory> spilling_;  // outlives the tables
    std::map<std::string, std::unique_ptr<HashMapTable>> tables_;
    std::map<std::string, std::unique_ptr<KeyedLogs>> logs_;  // by the name of the first
    std::map<std::string, std::unique_ptr<KeyedBits>> bits_;
    std::map<std::string, std::unique_ptr<KeyedRecords>> records_;
    std::map<std::string, ListStateSnapshot> lists_;
    std::optional<OperatorSnapshot> capturing_;  // its lists, and the tables still to come
    bool restored_is_gone_ = false;
    size_t expiring_ = 0;  // the table that expire() has come to
};

}  // namespace

std::unique_ptr<StateBackend> makeHashMapStateBackend(const StateBackendParameters& parameters) {
    return std::make_unique<HashMapStateBackend>(parameters);
}

}  // namespace millrace
