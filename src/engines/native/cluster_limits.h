// What a cluster's process may use, from its KPUs: one CPU and some memory each. With cgroup v2, where this
// process may make groups below its own that have the memory and cpu controllers, the kernel holds the
// cluster to both; elsewhere resource limits bound its address space (memory and the state it maps from
// disk), and whoever looks after it has to watch what is resident.
#pragma once

#include <cstdint>
#include <string>

namespace millrace {

struct ClusterLimits {
    int64_t cpus = 1;
    int64_t memory_bytes = 0;
    int64_t disk_bytes = 0;
};

// Applies them to a process that has just been started, which is also the first that the kernel ends when the
// machine runs out of memory, and leaves no core files (they would hold secrets). Returns what was done, for
// people: "cgroup v2 /sys/fs/cgroup/..." or "resource limits (why not cgroup v2)". `group` names the cgroup;
// `cgroup_root` is where cgroup v2 is mounted. Groups whose processes have ended are removed.
std::string applyClusterLimits(int64_t pid, const ClusterLimits& limits, const std::string& group,
                               const std::string& cgroup_root = "/sys/fs/cgroup");
}  // namespace millrace
