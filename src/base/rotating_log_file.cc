#include "base/rotating_log_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/error.h"
#include "base/file_system.h"

namespace millrace {

RotatingLogFile::RotatingLogFile(std::string path, uint64_t size_max, int files_max)
    : path_(std::move(path)), size_max_(size_max), files_max_(files_max) {
    if (!open()) {
        throw UserError("io.failed",
                        fmt::format("cannot open the log file '{}': {}", path_, std::strerror(errno)));
    }
}

RotatingLogFile::~RotatingLogFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

bool RotatingLogFile::open() {
    const int opened = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (opened < 0) return false;
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = opened;
    return true;
}

bool RotatingLogFile::isCurrent() const {
    struct stat mine {
    }, named{};
    return ::fstat(descriptor_, &mine) == 0 && ::stat(path_.c_str(), &named) == 0 &&
           mine.st_ino == named.st_ino && mine.st_dev == named.st_dev;
}

// "logs/cluster.log" -> "logs/cluster.2.log"; a name without an ending gets ".2" after it.
std::string RotatingLogFile::oldPath(int number) const {
    const std::string name = lastComponent(path_);
    const size_t dot = name.rfind('.');
    const size_t ending = dot == std::string::npos || dot == 0 ? 0 : name.size() - dot;
    return fmt::format("{}.{}{}", path_.substr(0, path_.size() - ending), number,
                       path_.substr(path_.size() - ending));
}

void RotatingLogFile::rotate() {
    // Of several that want to, one does, and the others find that it has been done.
    ::flock(descriptor_, LOCK_EX);
    if (isCurrent()) {
        for (int number = files_max_; number > 1; --number)
            std::rename(oldPath(number - 1).c_str(), oldPath(number).c_str());
        if (files_max_ > 0) {
            std::rename(path_.c_str(), oldPath(1).c_str());
        } else {
            ::unlink(path_.c_str());
        }
    }
    ::flock(descriptor_, LOCK_UN);
    open();
}

void RotatingLogFile::append(std::string_view lines) {
    if (!isCurrent()) open();
    struct stat status {};
    const uint64_t size = ::fstat(descriptor_, &status) == 0 ? static_cast<uint64_t>(status.st_size) : 0;
    if (size > 0 && size + lines.size() > size_max_) rotate();
    while (!lines.empty()) {
        const ssize_t written = ::write(descriptor_, lines.data(), lines.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return;
        lines.remove_prefix(static_cast<size_t>(written));
    }
}

}  // namespace millrace
