// The disk, as a parameter: production uses the machine's, the simulator an in-memory one that loses what was
// not synced. Paths are absolute or relative to the working directory, with '/'. Every failure is a UserError
// with code "io.*" that names the path and the system's reason ("io.not-found", "io.exists", "io.no-space",
// "io.denied", "io.failed").
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

class ReadableFile {
  public:
    virtual ~ReadableFile() = default;
    // Reads up to `size` bytes at `offset`; fewer only at the end of the file. Returns the bytes read.
    virtual size_t readAt(uint64_t offset, char* into, size_t size) = 0;
    virtual uint64_t size() = 0;  // as of now: a file may grow
};

// Bytes are appended in order. What is not synced may be lost, whole or in part, when the machine stops. A
// failed sync is final: the file is given up, never synced again.
class WritableFile {
  public:
    virtual ~WritableFile() = default;  // closes; what was not synced is left to chance
    virtual void append(std::string_view bytes) = 0;
    virtual void sync() = 0;
    virtual uint64_t size() const = 0;
};

inline constexpr size_t kDirectUnit = 4096;  // bytes; see FileSystem::createUncached()

struct FileStatus {
    std::string name;  // the last component
    bool is_folder = false;
    uint64_t size = 0;
    int64_t modified_ms = 0;
};

class FileSystem {
  public:
    virtual ~FileSystem() = default;
    virtual std::unique_ptr<ReadableFile> openToRead(const std::string& path) = 0;
    virtual std::unique_ptr<WritableFile> create(const std::string& path) = 0;  // truncates what is there
    // As create(), for a file that is written in large blocks and synced before anybody reads it. Its bytes
    // go past the system's page cache while each append is of whole kDirectUnits in memory aligned to them;
    // from the first that is not, or where the file system cannot do that, they go as ever.
    virtual std::unique_ptr<WritableFile> createUncached(const std::string& path) { return create(path); }
    virtual std::vector<FileStatus> list(const std::string& folder) = 0;  // sorted by name
    virtual bool exists(const std::string& path) = 0;
    virtual FileStatus status(const std::string& path) = 0;
    virtual void createFolders(const std::string& path) = 0;                  // fine if it exists
    virtual void rename(const std::string& from, const std::string& to) = 0;  // atomic; replaces a file
    virtual void remove(const std::string& path) = 0;                         // a file; fine if it is gone
    virtual void removeRecursively(const std::string& path) = 0;              // fine if it is gone
    virtual void syncFolder(const std::string& folder) = 0;                   // makes renames in it durable
};

FileSystem& localFileSystem();

// Whole-file helpers on any file system. writeFileAtomically writes beside the target, syncs, renames and
// syncs the folder.
std::string readFile(FileSystem& files, const std::string& path);
void writeFileAtomically(FileSystem& files, const std::string& path, std::string_view bytes);

// "a/b/c.txt" -> "a/b" ("." without a folder) and "c.txt"; joinPath("a", "b") -> "a/b", an absolute second
// part wins.
std::string parentFolder(std::string_view path);
std::string lastComponent(std::string_view path);
std::string joinPath(std::string_view folder, std::string_view name);

}  // namespace millrace
