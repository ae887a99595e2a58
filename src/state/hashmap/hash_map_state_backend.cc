#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/hash.h"
#include "state/hashmap/hash_map_table.h"
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
        if (descriptor.ttl.ms != 0) {
            throw UserError(
                "state.ttl-unsupported",
                fmt::format("operator '{}': state '{}' is to expire after {}, which the hashmap "
                            "state backend cannot do",
                            parameters_.operator_name, descriptor.name, formatDuration(descriptor.ttl)),
                "leave out 'table.exec.state.ttl', or set it to 0");
        }
        checkNotTooLate(descriptor.name);
        auto table = std::make_unique<HashMapTable>(descriptor, parameters_.max_parallelism);
        for (const auto& operator_snapshot : parameters_.restored) {
            for (const KeyedStateSnapshot& state : operator_snapshot->keyed) {
                if (state.descriptor.name == descriptor.name) restore(*table, state);
            }
        }
        return *(tables_[descriptor.name] = std::move(table));
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

    OperatorSnapshot capture() override {
        // States are registered when an operator opens: it has them all by now.
        restored_is_gone_ |= !parameters_.restored.empty();
        parameters_.restored.clear();
        OperatorSnapshot snapshot;
        snapshot.uid = parameters_.operator_uid;
        snapshot.name = parameters_.operator_name;
        snapshot.subtask = parameters_.subtask;
        for (const auto& [name, table] : tables_)
            snapshot.keyed.push_back(table->capture());
        for (const auto& [name, list] : lists_)
            snapshot.lists.push_back(list);
        return snapshot;
    }

    size_t bytes() const override {
        size_t total = 0;
        for (const auto& [name, table] : tables_)
            total += table->bytes();
        for (const auto& [name, list] : lists_) {
            for (const std::string& item : list.items)
                total += item.capacity() + sizeof(item);
        }
        return total;
    }

  private:
    void checkNotTooLate(const std::string& name) const {
        MILLRACE_CHECK(!restored_is_gone_, "state '{}' is asked for after the first checkpoint", name);
    }

    void restore(HashMapTable& table, const KeyedStateSnapshot& state) const {
        const std::string changed = difference(state.descriptor, table.descriptor());
        if (!changed.empty()) {
            throw UserError(
                "state.incompatible",
                fmt::format("operator '{}' (uid {}) cannot use its state '{}' from the snapshot: {}",
                            parameters_.operator_name, parameters_.operator_uid, state.descriptor.name,
                            changed),
                "start without a snapshot, or bring back the former types");
        }
        for (const KeyGroupSection& section : state.groups) {
            if (section.group.value() >= parameters_.max_parallelism) {
                throw UserError(
                    "snapshot.damaged",
                    fmt::format("state '{}' has a key group {}, but there are {}", state.descriptor.name,
                                section.group.value(), parameters_.max_parallelism));
            }
            if (ownerOf(section.group, parameters_.max_parallelism, parameters_.parallelism) ==
                parameters_.subtask) {
                table.restore(section);
            }
        }
    }

    StateBackendParameters parameters_;
    std::map<std::string, std::unique_ptr<HashMapTable>> tables_;
    std::map<std::string, ListStateSnapshot> lists_;
    bool restored_is_gone_ = false;
};

}  // namespace

std::unique_ptr<StateBackend> makeHashMapStateBackend(const StateBackendParameters& parameters) {
    return std::make_unique<HashMapStateBackend>(parameters);
}

size_t OperatorSnapshot::bytes() const {
    size_t total = 0;
    for (const KeyedStateSnapshot& state : keyed) {
        for (const KeyGroupSection& section : state.groups)
            total += section.bytes.size();
    }
    for (const ListStateSnapshot& list : lists) {
        for (const std::string& item : list.items)
            total += item.size();
    }
    return total;
}

}  // namespace millrace
