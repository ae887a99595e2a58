// A disk in memory that keeps only what it must: after crash(), bytes that were not synced are lost or torn,
// and names (created, renamed, removed) whose folder was not synced may be as they were before. Stricter than
// common file systems, as POSIX allows. Faults are decided by a DiskFaults before every operation. Not
// thread-safe: the simulator has one thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/random.h"

namespace millrace {

enum class DiskOperation : uint8_t { Read, List, Create, Append, Sync, Rename, Remove, SyncFolder };
const char* toString(DiskOperation operation);

enum class DiskFault : uint8_t {
    None,
    Fail,         // "io.failed": an error of the device; of a sync, the unsynced bytes are given up
    NoSpace,      // "io.no-space", after a part of the bytes was written
    CrashBefore,  // the machine stops before the operation
    CrashAfter,   // or right after it
};

// The machine stopped. Deliberately no std::exception: nothing between the disk and the simulator may handle
// it.
struct SimulatedCrash {
    std::string where;
};

class DiskFaults {
  public:
    virtual ~DiskFaults() = default;
    virtual DiskFault next(DiskOperation operation, const std::string& path) = 0;
};

class SimulatedFileSystem final : public FileSystem {
  public:
    SimulatedFileSystem(const Clock& clock, Random random);
    ~SimulatedFileSystem() override;

    void setFaults(DiskFaults* faults) { faults_ = faults; }  // nullptr: none
    // Applies a crash: handles opened before it are dead (InternalError if used), the disk is what survived.
    void crash();

    std::unique_ptr<ReadableFile> openToRead(const std::string& path) override;
    std::unique_ptr<WritableFile> create(const std::string& path) override;
    std::vector<FileStatus> list(const std::string& folder) override;
    bool exists(const std::string& path) override;
    FileStatus status(const std::string& path) override;
    void createFolders(const std::string& path) override;
    void rename(const std::string& from, const std::string& to) override;
    void remove(const std::string& path) override;
    void removeRecursively(const std::string& path) override;
    void syncFolder(const std::string& folder) override;

  private:
    struct File;
    struct NameChange;  // a change of a folder's entry that no sync has made durable yet
    class Reader;
    class Writer;
    using FilePtr = std::shared_ptr<File>;

    // Consults the faults; throws for Fail and CrashBefore, returns whether to crash after.
    bool before(DiskOperation operation, const std::string& path, bool* no_space = nullptr);
    void crashAfter(bool crash, DiskOperation operation, const std::string& path);
    void setEntry(const std::string& path, FilePtr file);
    FilePtr find(const std::string& path) const;
    void requireFolder(const std::string& path) const;

    const Clock& clock_;
    Random random_;
    DiskFaults* faults_ = nullptr;
    uint64_t epoch_ = 0;                    // counts crashes
    std::map<std::string, FilePtr> files_;  // by normalised path
    std::map<std::string, int> folders_;    // durable at once: losing an empty folder proves nothing
    std::vector<NameChange> pending_;       // in order
};

}  // namespace millrace
