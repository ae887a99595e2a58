#include "runtime/checkpoint_store.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "state/segment_merge.h"
#include "state/snapshot_store.h"
#include "state/state_files.h"

namespace millrace {
namespace {

constexpr const char* kStoreLog = "runtime.checkpoint";

// The number of a checkpoint's folder, "chk-17".
std::optional<int64_t> numberOf(const std::string& name) {
    if (!name.starts_with("chk-")) return std::nullopt;
    int64_t number = 0;
    const auto [end, error] = std::from_chars(name.data() + 4, name.data() + name.size(), number);
    if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
    return number;
}

}  // namespace

CheckpointStore::CheckpointStore(FileSystem& files, CheckpointStoreOptions options, const std::string& job_id,
                                 StepHooks* hooks)
    : files_(files),
      options_(std::move(options)),
      folder_(options_.dir.empty() ? "" : joinPath(options_.dir, job_id)),
      hooks_(hooks) {}

// Joins what was captured with what lies before it.
Snapshot CheckpointStore::assembled(const Snapshot& captured) const {
    Snapshot out = captured;
    out.operators.clear();
    std::map<OperatorPlace, std::shared_ptr<OperatorSnapshot>> joined;
    for (const auto& one : captured.operators) {
        const OperatorPlace place(one->uid, one->subtask);
        auto next = std::make_shared<OperatorSnapshot>(*one);
        const auto earlier = joined.find(place);
        const auto chain = chains_.find(place);
        const OperatorSnapshot* before = nullptr;
        if (earlier != joined.end()) {
            before = earlier->second.get();
        } else if (chain != chains_.end()) {
            before = chain->second.get();
        }
        for (KeyedStateSnapshot& state : next->keyed) {
            if (state.segments.front()->full) continue;
            const KeyedStateSnapshot* former = nullptr;
            if (before != nullptr) {
                for (const KeyedStateSnapshot& other : before->keyed) {
                    if (other.descriptor.name == state.descriptor.name) former = &other;
                }
            }
            MILLRACE_CHECK(former != nullptr, "operator {}: changes of '{}' without what they change",
                           one->uid, state.descriptor.name);
            state.segments.insert(state.segments.begin(), former->segments.begin(), former->segments.end());
        }
        joined[place] = std::move(next);
    }
    for (auto& [place, one] : joined)
        out.operators.push_back(std::move(one));
    return out;
}

void CheckpointStore::keepChains(const std::vector<std::shared_ptr<const OperatorSnapshot>>& operators) {
    chains_.clear();
    for (const auto& one : operators)
        chains_[{one->uid, one->subtask}] = one;
}

CheckpointStore::Written CheckpointStore::write(const Snapshot& captured) {
    Snapshot snapshot = assembled(captured);
    if (folder_.empty()) {
        Written written;
        for (const auto& one : captured.operators)
            written.bytes += one->bytes();
        keepChains(snapshot.operators);
        measureChains(written);
        in_memory_ = std::make_shared<const Snapshot>(std::move(snapshot));
        return written;
    }
    atStep(hooks_, CheckpointStep::Upload);
    SnapshotWriteOptions options;
    options.compress = options_.compress;
    options.inline_max = options_.inline_max;
    options.shared_folder = sharedFolder(folder_);
    options.first_file = next_file_;
    // Counted before: what a failed attempt left behind is not written over.
    next_file_ += static_cast<uint32_t>(snapshot.operators.size());
    Written written;
    written.path = checkpointFolder(folder_, snapshot.id);
    WrittenSnapshot result = writeSnapshot(files_, written.path, snapshot, options);
    files_.syncFolder(folder_);
    written.bytes = result.bytes;
    last_ = snapshot.id;
    keepChains(result.operators);
    measureChains(written);
    return written;
}

void CheckpointStore::measureChains(Written& written) const {
    for (const auto& [place, chain] : chains_)
        written.state_bytes[place] = chain->bytes();
}

uint64_t CheckpointStore::writeSavepoint(const std::string& folder, const Snapshot& captured) {
    Snapshot snapshot = assembled(captured);
    snapshot.kind = SnapshotKind::Savepoint;
    SnapshotWriteOptions options;
    options.compress = options_.compress;
    return writeSnapshot(files_, folder, snapshot, options).bytes;
}

void CheckpointStore::compact() {
    try {
        atStep(hooks_, CheckpointStep::Compaction);
        bool any = false;
        for (auto& [place, chain] : chains_) {
            auto compacted = std::make_shared<OperatorSnapshot>(*chain);
            bool changed = false;
            for (KeyedStateSnapshot& state : compacted->keyed)
                changed |= compact(state);
            if (changed) chain = std::move(compacted);
            any |= changed;
        }
        if (!any || in_memory_ == nullptr) return;
        auto lighter = std::make_shared<Snapshot>(*in_memory_);
        for (auto& one : lighter->operators)
            one = chains_.at({one->uid, one->subtask});
        in_memory_ = std::move(lighter);
    } catch (const std::exception& error) {
        logWarn(kStoreLog, "state under '{}' could not be compacted: {}", folder_, error.what());
    }
}

bool CheckpointStore::compact(KeyedStateSnapshot& state) {
    std::vector<uint64_t> sizes;
    for (const auto& segment : state.segments)
        sizes.push_back(segment->bytes());
    const auto [first, last] = segmentsToMerge(sizes);
    if (first == last) return false;
    const std::span<const std::shared_ptr<const StateSegment>> run(state.segments.data() + first,
                                                                   last - first);
    uint64_t bytes = 0;
    bool in_files = false;
    for (const auto& segment : run) {
        bytes += segment->bytes();
        in_files |= segment->file != nullptr;
    }
    SegmentReader reader(files_);
    const auto read = [&](const StateSegment& segment, const KeyGroupSection& section) {
        return reader.read(segment, section);
    };
    std::shared_ptr<StateSegment> merged;
    if (in_files || (!folder_.empty() && bytes > options_.inline_max)) {
        const uint32_t number = next_file_++;
        StateFileWriter file(files_, joinPath(sharedFolder(folder_), sharedFileName(last_, number)), last_,
                             number, options_.compress);
        merged = std::make_shared<StateSegment>(
            mergeSegments(state.descriptor, run, read,
                          [&](const KeyGroupSection& section) { return file.write(section); }));
        if (file.any()) {
            merged->file = file.finish();
            files_.syncFolder(sharedFolder(folder_));
        }
    } else {
        merged = std::make_shared<StateSegment>(
            mergeSegments(state.descriptor, run, read, [](KeyGroupSection section) { return section; }));
    }
    const auto begin = state.segments.begin() + static_cast<ptrdiff_t>(first);
    state.segments.erase(begin + 1, state.segments.end());
    state.segments.back() = std::move(merged);
    return true;
}

void CheckpointStore::discardOlderThan(CheckpointId newest) {
    if (folder_.empty()) return;
    try {
        atStep(hooks_, CheckpointStep::CleanUp);
        std::vector<int64_t> numbers;
        for (const FileStatus& entry : files_.list(folder_)) {
            const auto number = numberOf(entry.name);
            if (number && *number < newest.value()) numbers.push_back(*number);
        }
        std::sort(numbers.rbegin(), numbers.rend());
        std::vector<CheckpointId> kept{newest};
        for (const int64_t number : numbers) {
            const std::string folder = checkpointFolder(folder_, CheckpointId(number));
            if (kept.size() < options_.retained && files_.exists(joinPath(folder, "_metadata"))) {
                kept.emplace_back(number);
            } else {
                discardSnapshot(files_, folder);
            }
        }
        discardShared(kept);
    } catch (const std::exception& error) {
        logWarn(kStoreLog, "old checkpoints under '{}' could not be removed: {}", folder_, error.what());
    }
}

// Whatever no retained checkpoint and no chain refers to. If one cannot be read, nothing is removed until it
// is gone.
void CheckpointStore::discardShared(const std::vector<CheckpointId>& retained) {
    const std::string folder = sharedFolder(folder_);
    if (!files_.exists(folder)) return;
    std::set<std::string> wanted;
    std::map<CheckpointId, std::vector<std::string>> shared_of;
    for (const CheckpointId id : retained) {
        const auto known = shared_of_.find(id);
        shared_of[id] =
            known != shared_of_.end() ? known->second : sharedFilesOf(files_, checkpointFolder(folder_, id));
        wanted.insert(shared_of[id].begin(), shared_of[id].end());
    }
    shared_of_ = std::move(shared_of);
    for (const auto& [place, chain] : chains_) {
        for (const KeyedStateSnapshot& state : chain->keyed) {
            for (const auto& segment : state.segments) {
                if (segment->file != nullptr) wanted.insert(lastComponent(segment->file->path));
            }
        }
    }
    for (const FileStatus& file : files_.list(folder)) {
        if (!wanted.contains(file.name)) files_.remove(joinPath(folder, file.name));
    }
}

std::optional<StoredSnapshot> CheckpointStore::newestSound(const SpillBudget* spill) {
    if (folder_.empty()) {
        if (in_memory_ == nullptr) return std::nullopt;
        return StoredSnapshot{in_memory_, ""};
    }
    if (!files_.exists(folder_)) return std::nullopt;
    std::optional<UserError> damage;
    for (const std::string& path : listCheckpoints(files_, folder_)) {
        try {
            auto snapshot = std::make_shared<const Snapshot>(readSnapshot(files_, path, spill));
            // It may be the work of a write that failed after the rename; what is built on it must not
            // outlive it.
            files_.syncFolder(path);
            files_.syncFolder(folder_);
            return StoredSnapshot{std::move(snapshot), path};
        } catch (const UserError& error) {
            if (error.code() != "snapshot.damaged" && error.code() != "snapshot.not-found" &&
                error.code() != "io.not-found") {
                throw;
            }
            logError(kStoreLog, "checkpoint '{}' is not usable, the one before it is tried: {}", path,
                     error.what());
            damage = error;
        }
    }
    // Starting empty would put out again what is committed already: that is for a person to decide.
    if (damage) {
        throw UserError(damage->code(),
                        fmt::format("no checkpoint under '{}' is usable: {}", folder_, damage->what()),
                        "restore a savepoint, or remove the folder to start anew");
    }
    return std::nullopt;
}

CheckpointId CheckpointStore::nextId() {
    int64_t highest = 0;
    if (folder_.empty()) {
        if (in_memory_ != nullptr) highest = in_memory_->id.value();
    } else if (files_.exists(folder_)) {
        for (const FileStatus& entry : files_.list(folder_)) {
            highest = std::max(highest, numberOf(entry.name).value_or(0));
        }
    }
    return CheckpointId(highest + 1);
}

}  // namespace millrace
