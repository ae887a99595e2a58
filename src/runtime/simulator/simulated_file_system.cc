#include "runtime/simulator/simulated_file_system.h"

#include <algorithm>

#include "base/error.h"

namespace millrace {

struct SimulatedFileSystem::File {
    std::string bytes;
    size_t synced = 0;  // how much of `bytes` survives a crash for certain
    int64_t modified_ms = 0;
};

struct SimulatedFileSystem::NameChange {
    std::string path;
    FilePtr before;  // nullptr: there was none
};

namespace {

std::string normalise(std::string_view path) {
    std::vector<std::string_view> parts;
    size_t at = 0;
    while (at < path.size()) {
        const size_t end = std::min(path.find('/', at), path.size());
        const std::string_view part = path.substr(at, end - at);
        if (part == ".." && !parts.empty()) {
            parts.pop_back();
        } else if (!part.empty() && part != ".") {
            parts.push_back(part);
        }
        at = end + 1;
    }
    std::string out;
    for (const std::string_view part : parts) {
        out += '/';
        out += part;
    }
    return out.empty() ? "/" : out;
}

std::string withSlash(const std::string& folder) { return folder == "/" ? folder : folder + "/"; }

bool isBelow(const std::string& path, const std::string& folder) {
    return path.starts_with(withSlash(folder));
}

// Whether it lies in the folder itself.
bool isIn(const std::string& path, const std::string& folder) {
    const size_t slash = path.rfind('/');
    return path.size() > 1 && std::string_view(path).substr(0, std::max<size_t>(slash, 1)) == folder;
}

// Calls f(path, value) for what lies in the folder itself, in order of its names; skips what lies deeper.
template <class Map, class F>
void forEachIn(const Map& paths, const std::string& folder, F&& f) {
    const std::string prefix = withSlash(folder);
    for (auto entry = paths.lower_bound(prefix); entry != paths.end() && entry->first.starts_with(prefix);) {
        const std::string& path = entry->first;
        const size_t slash = path.find('/', prefix.size());
        if (slash == std::string::npos) {
            if (path.size() > prefix.size()) f(path, entry->second);
            ++entry;
        } else {
            entry = paths.lower_bound(path.substr(0, slash) + static_cast<char>('/' + 1));
        }
    }
}

}  // namespace

const char* toString(DiskOperation operation) {
    switch (operation) {
        case DiskOperation::Read:
            return "read";
        case DiskOperation::List:
            return "list";
        case DiskOperation::Create:
            return "create";
        case DiskOperation::Append:
            return "append";
        case DiskOperation::Sync:
            return "sync";
        case DiskOperation::Rename:
            return "rename";
        case DiskOperation::Remove:
            return "remove";
        case DiskOperation::SyncFolder:
            return "sync-folder";
    }
    return "";
}

class SimulatedFileSystem::Reader final : public ReadableFile {
  public:
    Reader(SimulatedFileSystem& disk, FilePtr file, std::string path)
        : disk_(disk), file_(std::move(file)), path_(std::move(path)), epoch_(disk.epoch_) {}

    size_t readAt(uint64_t offset, char* into, size_t size) override {
        MILLRACE_CHECK(epoch_ == disk_.epoch_, "'{}' is read after a crash", path_);
        const bool crash = disk_.before(DiskOperation::Read, path_);
        size_t done = 0;
        if (offset < file_->bytes.size()) done = file_->bytes.copy(into, size, offset);
        disk_.crashAfter(crash, DiskOperation::Read, path_);
        return done;
    }
    uint64_t size() override { return file_->bytes.size(); }

  private:
    SimulatedFileSystem& disk_;
    FilePtr file_;
    std::string path_;
    uint64_t epoch_;
};

class SimulatedFileSystem::Writer final : public WritableFile {
  public:
    Writer(SimulatedFileSystem& disk, FilePtr file, std::string path)
        : disk_(disk), file_(std::move(file)), path_(std::move(path)), epoch_(disk.epoch_) {}

    void append(std::string_view bytes) override {
        check();
        bool no_space = false;
        const bool crash = disk_.before(DiskOperation::Append, path_, &no_space);
        const size_t part =
            no_space ? static_cast<size_t>(disk_.random_.below(bytes.size() + 1)) : bytes.size();
        file_->bytes.append(bytes.substr(0, part));
        file_->modified_ms = disk_.clock_.now().value();
        if (no_space) {
            throw UserError("io.no-space", fmt::format("cannot write '{}': No space left on device", path_));
        }
        disk_.crashAfter(crash, DiskOperation::Append, path_);
    }

    void sync() override {
        check();
        MILLRACE_CHECK(!sync_failed_, "'{}' is synced again after a failed sync", path_);
        sync_failed_ = true;
        const bool crash = disk_.before(DiskOperation::Sync, path_);
        sync_failed_ = false;
        file_->synced = file_->bytes.size();
        disk_.crashAfter(crash, DiskOperation::Sync, path_);
    }

    uint64_t size() const override { return file_->bytes.size(); }

  private:
    void check() const { MILLRACE_CHECK(epoch_ == disk_.epoch_, "'{}' is written after a crash", path_); }

    SimulatedFileSystem& disk_;
    FilePtr file_;
    std::string path_;
    uint64_t epoch_;
    bool sync_failed_ = false;
};

SimulatedFileSystem::SimulatedFileSystem(const Clock& clock, Random random) : clock_(clock), random_(random) {
    folders_["/"] = 1;
}

SimulatedFileSystem::~SimulatedFileSystem() = default;

bool SimulatedFileSystem::before(DiskOperation operation, const std::string& path, bool* no_space) {
    if (faults_ == nullptr) return false;
    switch (faults_->next(operation, path)) {
        case DiskFault::None:
            return false;
        case DiskFault::Fail:
            throw UserError("io.failed",
                            fmt::format("cannot {} '{}': Input/output error", toString(operation), path));
        case DiskFault::NoSpace:
            if (no_space != nullptr) {
                *no_space = true;
                return false;
            }
            throw UserError("io.no-space", fmt::format("cannot {} '{}': No space left on device",
                                                       toString(operation), path));
        case DiskFault::CrashBefore:
            throw SimulatedCrash{fmt::format("before {} '{}'", toString(operation), path)};
        case DiskFault::CrashAfter:
            return true;
    }
    return false;
}

void SimulatedFileSystem::crashAfter(bool crash, DiskOperation operation, const std::string& path) {
    if (crash) throw SimulatedCrash{fmt::format("after {} '{}'", toString(operation), path)};
}

void SimulatedFileSystem::crash() {
    ++epoch_;
    // Names: of each folder, the changes after a random point are undone, last first.
    std::map<std::string, size_t> kept;  // folder -> how many of its pending changes survive
    std::map<std::string, size_t> count;
    for (const NameChange& change : pending_)
        ++count[parentFolder(change.path)];
    for (const auto& [folder, changes] : count)
        kept[folder] = random_.below(changes + 1);
    for (auto change = pending_.rbegin(); change != pending_.rend(); ++change) {
        const std::string folder = parentFolder(change->path);
        if (count[folder]-- <= kept[folder]) continue;
        if (change->before) {
            files_[change->path] = change->before;
            createFolders(folder);  // it may have been removed with the file
        } else {
            files_.erase(change->path);
        }
    }
    pending_.clear();
    // Bytes: of what was not synced, a prefix survives, its last bytes perhaps as zeros (a block that was
    // never written).
    for (auto& [path, file] : files_) {
        const size_t unsynced = file->bytes.size() - file->synced;
        if (unsynced > 0) {
            const size_t survives = random_.below(unsynced + 1);
            file->bytes.resize(file->synced + survives);
            if (survives > 0 && random_.chance(0.5)) {
                const size_t torn = random_.below(survives) + 1;
                std::fill(file->bytes.end() - static_cast<ptrdiff_t>(torn), file->bytes.end(), '\0');
            }
        }
        file->synced = file->bytes.size();
    }
}

void SimulatedFileSystem::setEntry(const std::string& path, FilePtr file) {
    const auto found = files_.find(path);
    pending_.push_back({path, found == files_.end() ? nullptr : found->second});
    if (file) {
        files_[path] = std::move(file);
    } else {
        files_.erase(path);
    }
}

SimulatedFileSystem::FilePtr SimulatedFileSystem::find(const std::string& path) const {
    const auto found = files_.find(path);
    return found == files_.end() ? nullptr : found->second;
}

void SimulatedFileSystem::requireFolder(const std::string& path) const {
    if (!folders_.contains(path)) {
        throw UserError("io.not-found", fmt::format("cannot open '{}': No such file or directory", path));
    }
}

std::unique_ptr<ReadableFile> SimulatedFileSystem::openToRead(const std::string& raw) {
    const std::string path = normalise(raw);
    FilePtr file = find(path);
    if (!file)
        throw UserError("io.not-found", fmt::format("cannot open '{}': No such file or directory", path));
    return std::make_unique<Reader>(*this, std::move(file), path);
}

std::unique_ptr<WritableFile> SimulatedFileSystem::create(const std::string& raw) {
    const std::string path = normalise(raw);
    requireFolder(parentFolder(path));
    const bool crash = before(DiskOperation::Create, path);
    auto file = std::make_shared<File>();
    file->modified_ms = clock_.now().value();
    setEntry(path, file);
    crashAfter(crash, DiskOperation::Create, path);
    return std::make_unique<Writer>(*this, std::move(file), path);
}

std::vector<FileStatus> SimulatedFileSystem::list(const std::string& raw) {
    const std::string folder = normalise(raw);
    requireFolder(folder);
    const bool crash = before(DiskOperation::List, folder);
    std::vector<FileStatus> out;
    forEachIn(files_, folder, [&](const std::string& path, const FilePtr& file) {
        out.push_back({lastComponent(path), false, file->bytes.size(), file->modified_ms});
    });
    forEachIn(folders_, folder, [&](const std::string& path, int) {
        out.push_back({lastComponent(path), true, 0, 0});
    });
    std::sort(out.begin(), out.end(),
              [](const FileStatus& a, const FileStatus& b) { return a.name < b.name; });
    crashAfter(crash, DiskOperation::List, folder);
    return out;
}

bool SimulatedFileSystem::exists(const std::string& raw) {
    const std::string path = normalise(raw);
    return files_.contains(path) || folders_.contains(path);
}

FileStatus SimulatedFileSystem::status(const std::string& raw) {
    const std::string path = normalise(raw);
    if (folders_.contains(path)) return {lastComponent(path), true, 0, 0};
    const FilePtr file = find(path);
    if (!file)
        throw UserError("io.not-found", fmt::format("cannot examine '{}': No such file or directory", path));
    return {lastComponent(path), false, file->bytes.size(), file->modified_ms};
}

void SimulatedFileSystem::createFolders(const std::string& raw) {
    std::string path = normalise(raw);
    while (!folders_.contains(path)) {
        if (files_.contains(path)) {
            throw UserError("io.exists", fmt::format("cannot create folder '{}': Not a directory", path));
        }
        folders_[path] = 1;
        path = parentFolder(path);
    }
}

void SimulatedFileSystem::rename(const std::string& raw_from, const std::string& raw_to) {
    const std::string from = normalise(raw_from);
    const std::string to = normalise(raw_to);
    const FilePtr file = find(from);
    if (!file)
        throw UserError("io.not-found", fmt::format("cannot rename '{}': No such file or directory", from));
    requireFolder(parentFolder(to));
    const bool crash = before(DiskOperation::Rename, to);
    setEntry(to, file);  // both names may survive a crash, never neither: the new one comes first
    setEntry(from, nullptr);
    crashAfter(crash, DiskOperation::Rename, to);
}

void SimulatedFileSystem::remove(const std::string& raw) {
    const std::string path = normalise(raw);
    const bool crash = before(DiskOperation::Remove, path);
    if (find(path)) setEntry(path, nullptr);
    crashAfter(crash, DiskOperation::Remove, path);
}

void SimulatedFileSystem::removeRecursively(const std::string& raw) {
    const std::string folder = normalise(raw);
    const bool crash = before(DiskOperation::Remove, folder);
    std::vector<std::string> gone;
    for (const auto& [path, file] : files_) {
        if (path == folder || isBelow(path, folder)) gone.push_back(path);
    }
    for (const std::string& path : gone)
        setEntry(path, nullptr);
    std::erase_if(folders_, [&](const auto& entry) {
        return entry.first != "/" && (entry.first == folder || isBelow(entry.first, folder));
    });
    crashAfter(crash, DiskOperation::Remove, folder);
}

void SimulatedFileSystem::syncFolder(const std::string& raw) {
    const std::string folder = normalise(raw);
    requireFolder(folder);
    const bool crash = before(DiskOperation::SyncFolder, folder);
    std::erase_if(pending_, [&](const NameChange& change) { return isIn(change.path, folder); });
    crashAfter(crash, DiskOperation::SyncFolder, folder);
}

}  // namespace millrace
