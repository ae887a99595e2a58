#include "base/scratch_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "base/log.h"

namespace millrace {

namespace {

constexpr const char* kScratchLog = "state.spill";
// Of a text's extents: each as large as all before it, so that there are few to be mapped. What is not
// written to takes no space on disk.
constexpr size_t kExtentMin = size_t{1} << 20;
constexpr size_t kExtentMax = size_t{1} << 30;

[[noreturn]] void cannotBeRead() {
    throw UserError("state.spill",
                    fmt::format("state that was moved to disk cannot be read: {}", std::strerror(errno)));
}

// Pages that are mapped, and the file that they are of.
struct Mapping {
    void* at = MAP_FAILED;
    size_t bytes = 0;
    std::shared_ptr<ScratchFile> file;

    Mapping() = default;
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping() {
        if (at != MAP_FAILED) ::munmap(at, bytes);
    }
};

}  // namespace

int openNameless(const std::string& folder) {
    const int file = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return file;
    std::string name = folder + "/millrace-state.XXXXXX";
    const int named = ::mkostemp(name.data(), O_CLOEXEC);
    if (named >= 0) ::unlink(name.c_str());
    return named;
}

bool writeAll(int file, std::string_view bytes, uint64_t offset) {
    while (!bytes.empty()) {
        const ssize_t written = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        bytes.remove_prefix(static_cast<size_t>(written));
        offset += static_cast<uint64_t>(written);
    }
    return true;
}

ScratchFile::ScratchFile(const std::string& folder) : file_(openNameless(folder)) {
    if (file_ < 0) {
        throw UserError("state.spill", fmt::format("no file for state can be made in '{}': {}", folder,
                                                   std::strerror(errno)));
    }
}

ScratchFile::~ScratchFile() { ::close(file_); }

bool ScratchText::append(std::string_view bytes) {
    if (file_->full_) return false;
    const auto extents = extents_.size();
    const size_t left = left_;
    const uint64_t end = file_->end_;
    for (std::string_view rest = bytes; !rest.empty();) {
        if (left_ == 0) {
            // From 1 MiB up in powers of two, and so whole pages.
            size_t extent = kExtentMin;
            while (extent < kExtentMax && extent < size_ + rest.size())
                extent *= 2;
            extents_.push_back({file_->end_, extent});
            file_->end_ += extent;
            left_ = extent;
        }
        const Extent& last = extents_.back();
        const std::string_view part = rest.substr(0, left_);
        if (!writeAll(file_->file_, part, last.offset + last.bytes - left_)) {
            logWarn(kScratchLog, "state stays in memory: a file of it cannot grow: {}", std::strerror(errno));
            file_->full_ = true;
            file_->end_ = end;
            extents_.resize(extents);
            left_ = left;
            return false;
        }
        left_ -= part.size();
        rest.remove_prefix(part.size());
    }
    size_ += bytes.size();
    return true;
}

std::pair<std::shared_ptr<const void>, std::string_view> ScratchText::view() const {
    if (size_ == 0) return {};
    auto mapping = std::make_shared<Mapping>();
    mapping->file = file_;
    mapping->bytes = size_;
    mapping->at = ::mmap(nullptr, size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping->at == MAP_FAILED) cannotBeRead();
    auto* const base = static_cast<std::byte*>(mapping->at);
    uint64_t at = 0;
    for (const Extent& extent : extents_) {
        const size_t bytes = std::min<uint64_t>(extent.bytes, size_ - at);
        const void* const part = ::mmap(base + at, bytes, PROT_READ, MAP_SHARED | MAP_FIXED, file_->file_,
                                        static_cast<off_t>(extent.offset));
        if (part == MAP_FAILED) cannotBeRead();
        at += bytes;
    }
    return {std::move(mapping), {reinterpret_cast<const char*>(base), size_}};
}

}  // namespace millrace
