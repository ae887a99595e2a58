#include "runtime/checkpoint_store.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/log.h"
#include "state/snapshot_store.h"

namespace millrace {
namespace {

constexpr const char* kLogger = "runtime.checkpoint";

// The number of a checkpoint's folder, "chk-17".
std::optional<int64_t> numberOf(const std::string& name) {
    if (!name.starts_with("chk-")) return std::nullopt;
    int64_t number = 0;
    const auto [end, error] = std::from_chars(name.data() + 4, name.data() + name.size(), number);
    if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
    return number;
}

}  // namespace

CheckpointStore::CheckpointStore(FileSystem& files, const std::string& dir, const std::string& job_id,
                                 size_t retained, StepHooks* hooks)
    : files_(files), folder_(dir.empty() ? "" : joinPath(dir, job_id)), retained_(retained), hooks_(hooks) {}

CheckpointStore::Written CheckpointStore::write(std::shared_ptr<const Snapshot> snapshot) {
    if (folder_.empty()) {
        Written written;
        for (const auto& op : snapshot->operators)
            written.bytes += op->bytes();
        in_memory_ = std::move(snapshot);
        return written;
    }
    atStep(hooks_, CheckpointStep::Upload);
    Written written;
    written.path = checkpointFolder(folder_, snapshot->id);
    written.bytes = writeSnapshot(files_, written.path, *snapshot);
    files_.syncFolder(folder_);
    return written;
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
        size_t kept = 1;  // the newest
        for (const int64_t number : numbers) {
            const std::string folder = checkpointFolder(folder_, CheckpointId(number));
            if (kept < retained_ && files_.exists(joinPath(folder, "_metadata"))) {
                ++kept;
            } else {
                discardSnapshot(files_, folder);
            }
        }
    } catch (const std::exception& error) {
        logWarn(kLogger, "old checkpoints under '{}' could not be removed: {}", folder_, error.what());
    }
}

std::optional<StoredSnapshot> CheckpointStore::newestSound() {
    if (folder_.empty()) {
        if (in_memory_ == nullptr) return std::nullopt;
        return StoredSnapshot{in_memory_, ""};
    }
    if (!files_.exists(folder_)) return std::nullopt;
    std::optional<UserError> damage;
    for (const std::string& path : listCheckpoints(files_, folder_)) {
        try {
            auto snapshot = std::make_shared<const Snapshot>(readSnapshot(files_, path));
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
            logError(kLogger, "checkpoint '{}' is not usable, the one before it is tried: {}", path,
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
