// Processes that outlive us: told apart from later ones of the same number by their start time, watched and
// signalled through pidfds, so that a signal never reaches a stranger.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace millrace {

class FileDescriptor {
  public:
    FileDescriptor() = default;
    explicit FileDescriptor(int fd) : fd_(fd) {}
    FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
    FileDescriptor& operator=(FileDescriptor&& other) noexcept;
    ~FileDescriptor();
    int get() const { return fd_; }
    bool valid() const { return fd_ >= 0; }

  private:
    int fd_ = -1;
};

struct ProcessIdentity {
    int64_t pid = 0;
    int64_t start_time = 0;  // clock ticks after boot, as in /proc/<pid>/stat
    std::string boot_id;     // start times of different boots do not compare

    bool operator==(const ProcessIdentity&) const = default;
};

// Who `pid` is now; nullopt if there is no such process or it has ended.
std::optional<ProcessIdentity> identifyProcess(int64_t pid);
bool isAlive(const ProcessIdentity& process);
// CPU time that all its threads have used so far; nullopt once it has ended.
std::optional<int64_t> cpuMilliseconds(const ProcessIdentity& process);
// Memory of its own that is resident: not files that it maps, unless it has changed them.
std::optional<int64_t> anonymousBytes(const ProcessIdentity& process);
// Readable (POLLIN) once the process has ended; invalid if it already has.
FileDescriptor watchProcess(const ProcessIdentity& process);
// False if it has ended already. Reaps the process if it is a child of ours.
bool signalProcess(const ProcessIdentity& process, int signal);
bool awaitEnd(const ProcessIdentity& process, int timeout_ms);
// SIGTERM, up to `grace_ms`, then SIGKILL; returns once the process is gone.
void endProcess(const ProcessIdentity& process, int grace_ms);

// The living processes whose arguments hold all of `arguments`, in that order and side by side.
std::vector<ProcessIdentity> findProcesses(const std::vector<std::string>& arguments);

}  // namespace millrace
