// What this process uses of the machine, and what it may use: from /proc, cgroup v2 and the system.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace millrace {

int64_t residentMemoryBytes();
int64_t processCpuNanos();  // since it began, of all its threads

// The least that a cgroup above this process allows, else what the machine has.
int64_t memoryLimitBytes();
double cpuLimitCores();

int64_t physicalMemoryBytes();
int64_t freeMemoryBytes();
// Of the file system that `path` lies on, or its nearest folder that exists: how much is in use, 0 to 1.
double diskUse(const std::string& path);

struct ThreadFigures {
    int64_t id = 0;
    std::string name;
    std::string state;     // "running", "sleeping", "waiting for the disk", "stopped"
    std::string waits_in;  // the kernel's function it sleeps in; "" if that is not told
    int64_t user_cpu_ms = 0, system_cpu_ms = 0;
};
std::vector<ThreadFigures> threads();  // by id

}  // namespace millrace
