// /taskmanagers: this process, which is the cluster's only one.
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/file_system.h"
#include "cluster/job_view.h"
#include "cluster/rest/rest.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

constexpr int64_t kMegabyte = 1 << 20;

int64_t physicalMemory() { return static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE); }
int64_t freeMemory() { return static_cast<int64_t>(sysconf(_SC_AVPHYS_PAGES)) * sysconf(_SC_PAGESIZE); }
int64_t residentMemory() {
    long total = 0, resident = 0;
    const std::string text = readFile(localFileSystem(), "/proc/self/statm");
    if (std::sscanf(text.c_str(), "%ld %ld", &total, &resident) != 2) return 0;
    return static_cast<int64_t>(resident) * sysconf(_SC_PAGESIZE);
}
int64_t processCpuNanos() {
    timespec spent{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return spent.tv_sec * 1'000'000'000LL + spent.tv_nsec;
}

Json resources(double cores) {
    return {{"cpuCores", cores},
            {"taskHeapMemory", physicalMemory() / kMegabyte},
            {"taskOffHeapMemory", 0},
            {"managedMemory", 0},
            {"networkMemory", 0}};
}

Json taskManagerJson(const RestCluster& cluster) {
    const JobDetails job = cluster.job.details();
    const uint32_t free_slots = job.end_ms >= 0 ? job.parallelism : 0;
    return {
        {"id", cluster.task_manager_id},
        {"path", "process:" + std::to_string(getpid())},
        {"dataPort", -1},
        {"jmxPort", -1},
        {"timeSinceLastHeartbeat", nowMs()},
        {"slotsNumber", job.parallelism},
        {"freeSlots", free_slots},
        {"totalResource", resources(job.parallelism)},
        {"freeResource", resources(free_slots)},
        {"hardware",
         {{"cpuCores", std::thread::hardware_concurrency()},
          {"physicalMemory", physicalMemory()},
          {"freeMemory", freeMemory()},
          {"managedMemory", 0}}},
        {"memoryConfiguration", {{"taskHeap", physicalMemory()}, {"totalProcessMemory", physicalMemory()}}},
        {"blocked", false}};
}

void checkId(const RestCluster& cluster, const RestRequest& request) {
    if (request.parameters[0] != cluster.task_manager_id) {
        throw RestError(404, "Could not find TaskExecutor " + request.parameters[0] + ".");
    }
}

HttpResponse all(const RestCluster& cluster, const RestRequest&) {
    return restAnswer({{"taskmanagers", Json::array({taskManagerJson(cluster)})}});
}

HttpResponse one(const RestCluster& cluster, const RestRequest& request) {
    checkId(cluster, request);
    return restAnswer(taskManagerJson(cluster));
}

// Under the names that Flink's task managers use. Load is the average since the cluster started, of one core;
// who wants the load of a while takes the difference of CPU times.
HttpResponse metrics(const RestCluster& cluster, const RestRequest& request) {
    checkId(cluster, request);
    const auto elapsed_ns = static_cast<double>(durationMs(cluster.start_ms, -1)) * 1e6;
    const std::vector<std::pair<std::string, std::string>> known = {
        {"Status.JVM.CPU.Load",
         std::to_string(elapsed_ns > 0 ? static_cast<double>(processCpuNanos()) / elapsed_ns : 0)},
        {"Status.JVM.CPU.Time", std::to_string(processCpuNanos())},
        {"Status.JVM.Memory.Heap.Used", std::to_string(residentMemory())},
        {"Status.JVM.Memory.Heap.Max", std::to_string(physicalMemory())},
    };
    Json answer = Json::array();
    const bool listed = request.http.queryParameter("get") == nullptr;
    const std::vector<std::string> wanted = request.listParameter("get");
    for (const auto& [name, value] : known) {
        if (listed) {
            answer.push_back({{"id", name}});
        } else if (std::find(wanted.begin(), wanted.end(), name) != wanted.end()) {
            answer.push_back({{"id", name}, {"value", value}});
        }
    }
    return restAnswer(answer);
}

}  // namespace

std::vector<RestRoute> describeRestTaskManagers() {
    return {{"GET", "/taskmanagers", all},
            {"GET", "/taskmanagers/:taskmanagerid", one},
            {"GET", "/taskmanagers/:taskmanagerid/metrics", metrics}};
}

}  // namespace millrace
