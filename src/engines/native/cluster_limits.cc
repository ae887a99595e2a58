#include "engines/native/cluster_limits.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace millrace {

namespace {

std::string firstLine(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

bool writeText(const std::string& path, const std::string& text) {
    std::ofstream file(path);
    file << text;
    file.flush();
    return file.good();
}

bool hasWord(const std::string& line, const std::string& wanted) {
    std::istringstream words(line);
    for (std::string word; words >> word;)
        if (word == wanted) return true;
    return false;
}

// The folder below which this process may make groups: its own. "" if it is not known.
std::string ownGroup(const std::string& root) {
    std::ifstream file("/proc/self/cgroup");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("0::")) return root + (line.size() > 4 ? line.substr(3) : "");
    return "";
}

constexpr std::string_view kPrefix = "millrace-";

std::string groupFolder(const std::string& group, const std::string& root) {
    return fmt::format("{}/{}{}", ownGroup(root), kPrefix, group);
}

// A group with processes cannot be removed, so this takes none that is in use.
void removeEmptyGroups(const std::string& root) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(ownGroup(root), error))
        if (entry.path().filename().string().starts_with(kPrefix)) rmdir(entry.path().c_str());
}

// "" when the process is in a group of its own, with its limits; else why it is not.
std::string enterGroup(int64_t pid, const ClusterLimits& limits, const std::string& group,
                       const std::string& root) {
    const std::string own = ownGroup(root);
    const std::string offered = firstLine(own + "/cgroup.controllers");
    if (own.empty() || !hasWord(offered, "memory") || !hasWord(offered, "cpu"))
        return "cgroup v2 has no memory and cpu controllers here";
    const std::string enabled = own + "/cgroup.subtree_control";
    if (!(hasWord(firstLine(enabled), "memory") && hasWord(firstLine(enabled), "cpu")) &&
        !writeText(enabled, "+memory +cpu"))
        return fmt::format("the controllers cannot be enabled in {}", enabled);
    removeEmptyGroups(root);
    const std::string folder = groupFolder(group, root);
    if (mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST)
        return fmt::format("cannot make {}: {}", folder, strerror(errno));
    constexpr int64_t kPeriodMicros = 100'000;
    if (!writeText(folder + "/memory.max", std::to_string(limits.memory_bytes)) ||
        !writeText(folder + "/cpu.max", fmt::format("{} {}", limits.cpus * kPeriodMicros, kPeriodMicros)) ||
        !writeText(folder + "/cgroup.procs", std::to_string(pid))) {
        rmdir(folder.c_str());
        return fmt::format("the limits cannot be set in {}", folder);
    }
    return "";
}

void limit(int64_t pid, __rlimit_resource resource, int64_t bytes) {
    const rlimit value{static_cast<rlim_t>(bytes), static_cast<rlim_t>(bytes)};
    prlimit(static_cast<pid_t>(pid), resource, &value, nullptr);
}

}  // namespace

std::string applyClusterLimits(int64_t pid, const ClusterLimits& limits, const std::string& group,
                               const std::string& cgroup_root) {
    writeText(fmt::format("/proc/{}/oom_score_adj", pid), "500");
    limit(pid, RLIMIT_CORE, 0);
    const std::string why_not = enterGroup(pid, limits, group, cgroup_root);
    if (why_not.empty()) return "cgroup v2 " + groupFolder(group, cgroup_root);
    limit(pid, RLIMIT_DATA, limits.memory_bytes + limits.disk_bytes);
    return fmt::format("resource limits ({})", why_not);
}

}  // namespace millrace
