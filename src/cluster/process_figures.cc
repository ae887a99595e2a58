#include "cluster/process_figures.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/file_system.h"
#include "base/text.h"

namespace millrace {
namespace {

// "" if it cannot be read: a thread may end, a kernel may not have it. Files of /proc do not tell their size.
std::string contentOf(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

bool number(std::string_view text, int64_t& value) {
    return std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc();
}

// The folders of this process' cgroup and those above it, innermost first; none without cgroup v2.
std::vector<std::string> controlGroups() {
    std::istringstream lines(contentOf("/proc/self/cgroup"));
    std::vector<std::string> folders;
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("0::/")) continue;
        std::string path = line.substr(3);
        while (path.size() > 1) {
            folders.push_back("/sys/fs/cgroup" + path);
            path = parentFolder(path);
        }
        folders.emplace_back("/sys/fs/cgroup");
    }
    return folders;
}

std::string stateName(char letter) {
    switch (letter) {
        case 'R':
            return "running";
        case 'D':
            return "waiting for the disk";
        case 'T':
        case 't':
            return "stopped";
        default:
            return "sleeping";
    }
}

ThreadFigures threadOf(const std::string& id) {
    const std::string folder = "/proc/self/task/" + id;
    ThreadFigures thread;
    number(id, thread.id);
    thread.name = std::string(trim(contentOf(folder + "/comm")));
    const std::string waits_in(trim(contentOf(folder + "/wchan")));
    if (waits_in != "0") thread.waits_in = waits_in;
    // "12 (name, which may hold anything) S 1 ...": what follows the last parenthesis has no surprises.
    const std::string stat = contentOf(folder + "/stat");
    const size_t after = stat.rfind(')');
    if (after == std::string::npos) return thread;
    std::istringstream fields(stat.substr(after + 1));
    std::string state, field;
    fields >> state;
    for (int i = 0; i < 10; ++i)
        fields >> field;
    int64_t user_ticks = 0, system_ticks = 0;
    fields >> user_ticks >> system_ticks;
    const int64_t ticks_per_s = sysconf(_SC_CLK_TCK);
    thread.state = stateName(state.empty() ? 'S' : state.front());
    thread.user_cpu_ms = user_ticks * 1000 / ticks_per_s;
    thread.system_cpu_ms = system_ticks * 1000 / ticks_per_s;
    return thread;
}

}  // namespace

int64_t residentMemoryBytes() {
    long total = 0, resident = 0;
    if (std::sscanf(contentOf("/proc/self/statm").c_str(), "%ld %ld", &total, &resident) != 2) return 0;
    return static_cast<int64_t>(resident) * sysconf(_SC_PAGESIZE);
}

int64_t processCpuNanos() {
    timespec spent{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return spent.tv_sec * 1'000'000'000LL + spent.tv_nsec;
}

int64_t physicalMemoryBytes() {
    return static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
}
int64_t freeMemoryBytes() { return static_cast<int64_t>(sysconf(_SC_AVPHYS_PAGES)) * sysconf(_SC_PAGESIZE); }

int64_t memoryLimitBytes() {
    int64_t limit = physicalMemoryBytes();
    for (const std::string& folder : controlGroups()) {
        int64_t one = 0;
        if (number(contentOf(folder + "/memory.max"), one) && one > 0) limit = std::min(limit, one);
    }
    return limit;
}

double cpuLimitCores() {
    auto limit = static_cast<double>(std::max(1U, std::thread::hardware_concurrency()));
    for (const std::string& folder : controlGroups()) {
        long long quota = 0, period = 0;  // "max 100000" is none
        if (std::sscanf(contentOf(folder + "/cpu.max").c_str(), "%lld %lld", &quota, &period) != 2) continue;
        if (quota > 0 && period > 0)
            limit = std::min(limit, static_cast<double>(quota) / static_cast<double>(period));
    }
    return limit;
}

double diskUse(const std::string& path) {
    struct statvfs disk {};
    std::string folder = path;
    while (statvfs(folder.c_str(), &disk) != 0) {
        const std::string parent = parentFolder(folder);
        if (parent == folder) return 0;
        folder = parent;
    }
    const auto used = static_cast<double>(disk.f_blocks - disk.f_bfree);
    const double usable = used + static_cast<double>(disk.f_bavail);
    return usable > 0 ? used / usable : 0;
}

std::vector<ThreadFigures> threads() {
    std::vector<ThreadFigures> all;
    for (const FileStatus& entry : localFileSystem().list("/proc/self/task"))
        all.push_back(threadOf(entry.name));
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    return all;
}

}  // namespace millrace
