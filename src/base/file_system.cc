#include "base/file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/error.h"

namespace millrace {
namespace {

[[noreturn]] void fail(const char* what, const std::string& path, int error) {
    const char* code = "io.failed";
    if (error == ENOENT || error == ENOTDIR) code = "io.not-found";
    if (error == EEXIST) code = "io.exists";
    if (error == ENOSPC || error == EDQUOT) code = "io.no-space";
    if (error == EACCES || error == EPERM || error == EROFS) code = "io.denied";
    const char* hint =
        error == ENOSPC ? "free some space on the disk, then start again: nothing committed was lost" : "";
    throw UserError(code, fmt::format("cannot {} '{}': {}", what, path, std::strerror(error)), hint);
}

class Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() { ::close(fd_); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }

  private:
    int fd_;
};

class LocalReadableFile final : public ReadableFile {
  public:
    LocalReadableFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

    size_t readAt(uint64_t offset, char* into, size_t size) override {
        size_t done = 0;
        while (done < size) {
            const ssize_t n = ::pread(fd_.get(), into + done, size - done, static_cast<off_t>(offset + done));
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) fail("read", path_, errno);
            if (n == 0) break;
            done += static_cast<size_t>(n);
        }
        return done;
    }

    uint64_t size() override {
        struct stat info;
        if (::fstat(fd_.get(), &info) != 0) fail("examine", path_, errno);
        return static_cast<uint64_t>(info.st_size);
    }

  private:
    Descriptor fd_;
    std::string path_;
};

class LocalWritableFile final : public WritableFile {
  public:
    LocalWritableFile(int fd, std::string path, bool uncached)
        : fd_(fd), path_(std::move(path)), uncached_(uncached) {}

    void append(std::string_view bytes) override {
        while (!bytes.empty()) {
            if (uncached_) setDirect(inWholeUnits(bytes));
            const ssize_t n = ::write(fd_.get(), bytes.data(), bytes.size());
            if (n < 0 && errno == EINTR) continue;
            if (n < 0 && direct_ && (errno == EINVAL || errno == EOPNOTSUPP)) {  // larger units, or none
                setDirect(false);
                continue;
            }
            if (n < 0) fail("write", path_, errno);
            bytes.remove_prefix(static_cast<size_t>(n));
            size_ += static_cast<uint64_t>(n);
        }
    }

    void sync() override {
        if (::fdatasync(fd_.get()) != 0) fail("sync", path_, errno);
    }

    uint64_t size() const override { return size_; }

  private:
    bool inWholeUnits(std::string_view bytes) const {
        return (reinterpret_cast<uintptr_t>(bytes.data()) | bytes.size() | size_) % kDirectUnit == 0;
    }

    // Once off it stays off: what follows lies in pages that are in the cache, or is small.
    void setDirect(bool direct) {
        if (direct != direct_) {
            const int flags = ::fcntl(fd_.get(), F_GETFL);
            if (flags < 0) fail("write", path_, errno);
            if (::fcntl(fd_.get(), F_SETFL, direct ? flags | O_DIRECT : flags & ~O_DIRECT) == 0) {
                direct_ = direct;
            } else if (!direct) {
                fail("write", path_, errno);
            }
        }
        uncached_ = direct_;
    }

    Descriptor fd_;
    std::string path_;
    uint64_t size_ = 0;
    bool uncached_;        // as far as possible from here on
    bool direct_ = false;  // the descriptor's O_DIRECT
};

FileStatus statusOf(const std::string& path, std::string name) {
    struct stat info;
    if (::stat(path.c_str(), &info) != 0) fail("examine", path, errno);
    return {std::move(name), S_ISDIR(info.st_mode), static_cast<uint64_t>(info.st_size),
            info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1000000};
}

class LocalFileSystem final : public FileSystem {
  public:
    std::unique_ptr<ReadableFile> openToRead(const std::string& path) override {
        const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        if (fd < 0) fail("open", path, errno);
        struct stat info;
        auto file = std::make_unique<LocalReadableFile>(fd, path);
        if (::fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) fail("read", path, EISDIR);
        return file;
    }

    std::unique_ptr<WritableFile> create(const std::string& path) override { return create(path, false); }
    std::unique_ptr<WritableFile> createUncached(const std::string& path) override {
        return create(path, true);
    }

    std::vector<FileStatus> list(const std::string& folder) override {
        DIR* dir = ::opendir(folder.c_str());
        if (dir == nullptr) fail("list", folder, errno);
        std::vector<std::string> names;
        while (const dirent* entry = ::readdir(dir)) {
            const std::string_view name = entry->d_name;
            if (name != "." && name != "..") names.emplace_back(name);
        }
        ::closedir(dir);
        std::sort(names.begin(), names.end());
        std::vector<FileStatus> out;
        out.reserve(names.size());
        for (std::string& name : names) {
            try {
                const std::string path = joinPath(folder, name);
                out.push_back(statusOf(path, std::move(name)));
            } catch (const UserError& error) {
                if (error.code() != "io.not-found") throw;  // gone since it was listed
            }
        }
        return out;
    }

    bool exists(const std::string& path) override { return ::access(path.c_str(), F_OK) == 0; }
    FileStatus status(const std::string& path) override { return statusOf(path, lastComponent(path)); }

    void createFolders(const std::string& path) override {
        std::error_code error;
        std::filesystem::create_directories(path, error);
        if (error) fail("create folder", path, error.value());
    }

    void rename(const std::string& from, const std::string& to) override {
        if (::rename(from.c_str(), to.c_str()) != 0) fail("rename", from + "' to '" + to, errno);
    }

    void remove(const std::string& path) override {
        if (::unlink(path.c_str()) != 0 && errno != ENOENT) fail("remove", path, errno);
    }

    void removeRecursively(const std::string& path) override {
        std::error_code error;
        std::filesystem::remove_all(path, error);
        if (error) fail("remove", path, error.value());
    }

    void syncFolder(const std::string& folder) override {
        const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) fail("open", folder, errno);
        const Descriptor descriptor(fd);
        if (::fsync(fd) != 0) fail("sync", folder, errno);
    }

  private:
    static std::unique_ptr<WritableFile> create(const std::string& path, bool uncached) {
        const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd < 0) fail("create", path, errno);
        return std::make_unique<LocalWritableFile>(fd, path, uncached);
    }
};

}  // namespace

FileSystem& localFileSystem() {
    static LocalFileSystem files;
    return files;
}

std::string readFile(FileSystem& files, const std::string& path) {
    const auto file = files.openToRead(path);
    std::string bytes(file->size(), '\0');
    bytes.resize(file->readAt(0, bytes.data(), bytes.size()));
    return bytes;
}

void writeFileAtomically(FileSystem& files, const std::string& path, std::string_view bytes) {
    const std::string beside = joinPath(parentFolder(path), "." + lastComponent(path) + ".tmp");
    {
        const auto file = files.create(beside);
        file->append(bytes);
        file->sync();
    }
    files.rename(beside, path);
    files.syncFolder(parentFolder(path));
}

std::string parentFolder(std::string_view path) {
    const size_t slash = path.rfind('/');
    if (slash == std::string_view::npos) return ".";
    return slash == 0 ? "/" : std::string(path.substr(0, slash));
}

std::string lastComponent(std::string_view path) {
    const size_t slash = path.rfind('/');
    return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

std::string joinPath(std::string_view folder, std::string_view name) {
    if (folder.empty() || (!name.empty() && name.front() == '/')) return std::string(name);
    return folder.back() == '/' ? fmt::format("{}{}", folder, name) : fmt::format("{}/{}", folder, name);
}

}  // namespace millrace
