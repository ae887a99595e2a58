#include "engines/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/error.h"
#include "base/log.h"

namespace millrace {

namespace {

// Files of /proc have no size: read until the end.
std::optional<std::string> readProcFile(const std::string& path) {
    const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid()) return std::nullopt;
    std::string text;
    char chunk[4096];
    for (;;) {
        const ssize_t size = read(file.get(), chunk, sizeof chunk);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return std::nullopt;
        if (size == 0) return text;
        text.append(chunk, static_cast<size_t>(size));
    }
}

const std::string& bootId() {
    static const std::string id = [] {
        std::string text = readProcFile("/proc/sys/kernel/random/boot_id").value_or("unknown");
        while (!text.empty() && text.back() == '\n')
            text.pop_back();
        return text;
    }();
    return id;
}

// A child that has ended stays a zombie until it is waited for; others are not ours to wait for.
void reap(int pidfd) {
    siginfo_t info{};
    waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG);
}

bool waitReadable(int fd, int timeout_ms) {
    pollfd poll_fd{fd, POLLIN, 0};
    int result;
    do {
        result = poll(&poll_fd, 1, timeout_ms);
    } while (result < 0 && errno == EINTR);
    return result > 0;
}

}  // namespace

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

FileDescriptor::~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
}

namespace {

// A field of /proc/<pid>/stat, "pid (any name) state ppid …", counted from 1: of those after the name.
std::string_view fieldOf(const std::string& stat, int wanted) {
    size_t at = stat.rfind(')');
    if (at == std::string::npos || at + 2 >= stat.size()) return {};
    at += 2;
    for (int field = 3; field < wanted; ++field) {
        at = stat.find(' ', at);
        if (at == std::string::npos) return {};
        ++at;
    }
    return std::string_view(stat).substr(at, stat.find(' ', at) - at);
}

std::optional<int64_t> integerOf(std::string_view text) {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() ? std::optional(value) : std::nullopt;
}

// Also of a zombie, if `ended` says so.
std::optional<ProcessIdentity> identify(int64_t pid, bool ended) {
    const auto stat = readProcFile(fmt::format("/proc/{}/stat", pid));
    if (!stat) return std::nullopt;
    const std::string_view state = fieldOf(*stat, 3);
    if (!ended && (state == "Z" || state == "X")) return std::nullopt;
    const auto start_time = integerOf(fieldOf(*stat, 22));
    if (!start_time) return std::nullopt;
    return ProcessIdentity{pid, *start_time, bootId()};
}

}  // namespace

std::optional<ProcessIdentity> identifyProcess(int64_t pid) { return identify(pid, false); }

bool isAlive(const ProcessIdentity& process) {
    return process.pid > 0 && identifyProcess(process.pid) == process;
}

std::optional<int64_t> cpuMilliseconds(const ProcessIdentity& process) {
    if (!isAlive(process)) return std::nullopt;
    const auto stat = readProcFile(fmt::format("/proc/{}/stat", process.pid));
    if (!stat) return std::nullopt;
    const auto user = integerOf(fieldOf(*stat, 14)), system = integerOf(fieldOf(*stat, 15));
    if (!user || !system) return std::nullopt;
    return (*user + *system) * 1000 / sysconf(_SC_CLK_TCK);
}

std::optional<int64_t> anonymousBytes(const ProcessIdentity& process) {
    if (!isAlive(process)) return std::nullopt;
    const auto status = readProcFile(fmt::format("/proc/{}/status", process.pid));
    constexpr std::string_view kField = "RssAnon:";
    const size_t at = status ? status->find(kField) : std::string::npos;
    if (at == std::string::npos) return std::nullopt;
    const size_t digits = status->find_first_not_of(" \t", at + kField.size());
    const auto kibibytes = integerOf(std::string_view(*status).substr(digits));
    return kibibytes ? std::optional(*kibibytes * 1024) : std::nullopt;
}

FileDescriptor watchProcess(const ProcessIdentity& process) {
    if (process.pid <= 0) return {};
    FileDescriptor pidfd(static_cast<int>(syscall(SYS_pidfd_open, process.pid, 0)));
    if (!pidfd.valid()) return {};
    // Looked at after the pidfd was opened: from here on the number cannot change hands.
    if (isAlive(process)) return pidfd;
    // Of several threads the first may have ended before the others: it can be waited for once all have.
    constexpr int kEndingMs = 5'000;
    if (identify(process.pid, true) == process && waitReadable(pidfd.get(), kEndingMs)) reap(pidfd.get());
    return {};
}

bool signalProcess(const ProcessIdentity& process, int signal) {
    const FileDescriptor pidfd = watchProcess(process);
    return pidfd.valid() && syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0) == 0;
}

bool awaitEnd(const ProcessIdentity& process, int timeout_ms) {
    const FileDescriptor pidfd = watchProcess(process);
    if (!pidfd.valid()) return true;
    if (!waitReadable(pidfd.get(), timeout_ms)) return false;
    reap(pidfd.get());
    return true;
}

void endProcess(const ProcessIdentity& process, int grace_ms) {
    if (!signalProcess(process, SIGTERM)) return;
    if (awaitEnd(process, grace_ms)) return;
    logWarn("engines.process", "process {} did not end {} ms after SIGTERM: killing it", process.pid,
            grace_ms);
    signalProcess(process, SIGKILL);
    if (!awaitEnd(process, 30'000))
        throw UserError("cluster.will-not-end",
                        fmt::format("process {} did not end 30 s after SIGKILL", process.pid),
                        "it is stuck in the kernel, usually on a disk or a network file system");
}

std::vector<ProcessIdentity> findProcesses(const std::vector<std::string>& arguments) {
    std::string wanted(1, '\0');
    for (const auto& argument : arguments)
        wanted += argument + '\0';
    std::vector<ProcessIdentity> found;
    DIR* const folder = opendir("/proc");
    if (!folder) throw UserError("cluster.no-proc", fmt::format("cannot list /proc: {}", strerror(errno)));
    while (const dirent* entry = readdir(folder)) {
        int64_t pid = 0;
        const char* const end = entry->d_name + strlen(entry->d_name);
        if (const auto [stop, error] = std::from_chars(entry->d_name, end, pid);
            error != std::errc() || stop != end)
            continue;
        const auto process = identifyProcess(pid);
        const auto command = readProcFile(fmt::format("/proc/{}/cmdline", pid));
        if (process && command && ('\0' + *command).find(wanted) != std::string::npos)
            found.push_back(*process);
    }
    closedir(folder);
    return found;
}

}  // namespace millrace
