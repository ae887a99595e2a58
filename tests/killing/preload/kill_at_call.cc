// A library that stands before the C library in a process (LD_PRELOAD) and ends it with SIGKILL right before
// the call that creates, renames or removes a file below a folder for the n-th time.
//
// environment: KILL_BELOW, the folder; KILL_AT, n from 0
#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

void beforeCall(const char* path) {
    static const char* const folder = std::getenv("KILL_BELOW");
    static std::atomic<long> left = std::getenv("KILL_AT") ? std::atol(std::getenv("KILL_AT")) : -1;
    if (folder == nullptr || std::strncmp(path, folder, std::strlen(folder)) != 0) return;
    if (left.fetch_sub(1) == 0) ::kill(::getpid(), SIGKILL);
}

template <class Call>
Call next(const char* name) {
    return reinterpret_cast<Call>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
    static const auto call = next<int (*)(const char*, int, ...)>("open");
    mode_t mode = 0;
    if ((flags & O_CREAT) != 0) {
        std::va_list rest;
        va_start(rest, flags);
        mode = va_arg(rest, mode_t);
        va_end(rest);
        beforeCall(path);
    }
    return call(path, flags, mode);
}

int rename(const char* from, const char* to) noexcept {
    static const auto call = next<int (*)(const char*, const char*)>("rename");
    beforeCall(from);
    return call(from, to);
}

int unlink(const char* path) noexcept {
    static const auto call = next<int (*)(const char*)>("unlink");
    beforeCall(path);
    return call(path);
}
}
