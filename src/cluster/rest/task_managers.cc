// /taskmanagers: this process, which is the cluster's only one.
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "cluster/job_view.h"
#include "cluster/process_figures.h"
#include "cluster/process_view.h"
#include "cluster/rest/rest.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

constexpr int64_t kMegabyte = 1 << 20;

int64_t managedMemoryBytes(const RestCluster& cluster) {
    const auto size = cluster.graph.configuration.getOptional<MemorySize>("taskmanager.memory.managed.size");
    return size ? size->bytes : 0;
}

// Of so many of the job's slots; all of them share the process' memory.
Json resources(const RestCluster& cluster, uint32_t slots, uint32_t of) {
    const int64_t managed = managedMemoryBytes(cluster);
    const auto share = [&](int64_t bytes) { return of == 0 ? 0 : bytes / kMegabyte * slots / of; };
    return {{"cpuCores", slots},
            {"taskHeapMemory", share(std::max<int64_t>(0, memoryLimitBytes() - managed))},
            {"taskOffHeapMemory", 0},
            {"managedMemory", share(managed)},
            {"networkMemory", 0},
            {"extendedResources", Json::object()}};
}

Json taskManagerJson(const RestCluster& cluster, const JobDetails& job) {
    const uint32_t free_slots = hasEnded(job) ? job.parallelism : 0;
    const int64_t managed = managedMemoryBytes(cluster);
    return {{"id", cluster.task_manager_id},
            {"path", "process:" + std::to_string(getpid())},
            {"dataPort", -1},
            {"jmxPort", -1},
            {"timeSinceLastHeartbeat", nowMs()},
            {"slotsNumber", job.parallelism},
            {"freeSlots", free_slots},
            {"totalResource", resources(cluster, job.parallelism, job.parallelism)},
            {"freeResource", resources(cluster, free_slots, job.parallelism)},
            {"hardware",
             {{"cpuCores", std::thread::hardware_concurrency()},
              {"physicalMemory", physicalMemoryBytes()},
              {"freeMemory", freeMemoryBytes()},
              {"managedMemory", managed}}},
            {"memoryConfiguration",
             {{"frameworkHeap", 0},
              {"taskHeap", std::max<int64_t>(0, memoryLimitBytes() - managed)},
              {"frameworkOffHeap", 0},
              {"taskOffHeap", 0},
              {"networkMemory", 0},
              {"managedMemory", managed},
              {"jvmMetaspace", 0},
              {"jvmOverhead", 0},
              {"totalFlinkMemory", memoryLimitBytes()},
              {"totalProcessMemory", memoryLimitBytes()}}}};
}

// Without a virtual machine there is one kind of memory: what the process holds, shown as the heap.
Json memoryJson() {
    Json figures = {{"heapUsed", residentMemoryBytes()},
                    {"heapCommitted", residentMemoryBytes()},
                    {"heapMax", memoryLimitBytes()},
                    {"garbageCollectors", Json::array()}};
    for (const char* none :
         {"nonHeapUsed", "nonHeapCommitted", "nonHeapMax", "directCount", "directUsed", "directMax",
          "mappedCount", "mappedUsed", "mappedMax", "memorySegmentsAvailable", "memorySegmentsTotal",
          "nettyShuffleMemorySegmentsAvailable", "nettyShuffleMemorySegmentsUsed",
          "nettyShuffleMemorySegmentsTotal", "nettyShuffleMemoryAvailable", "nettyShuffleMemoryUsed",
          "nettyShuffleMemoryTotal"}) {
        figures[none] = 0;
    }
    return figures;
}

void checkId(const RestCluster& cluster, const RestRequest& request) {
    if (request.parameters[0] != cluster.task_manager_id) {
        throw RestError(404, "Could not find TaskExecutor " + request.parameters[0] + ".");
    }
}

HttpResponse all(const RestCluster& cluster, const RestRequest&) {
    return restAnswer({{"taskmanagers", Json::array({taskManagerJson(cluster, cluster.job.details())})}});
}

HttpResponse one(const RestCluster& cluster, const RestRequest& request) {
    checkId(cluster, request);
    const JobDetails job = cluster.job.details();
    Json body = taskManagerJson(cluster, job);
    body["metrics"] = memoryJson();
    dropIfFlink2(cluster, body["metrics"], {"memorySegmentsAvailable", "memorySegmentsTotal"});
    body["allocatedSlots"] = Json::array();
    for (uint32_t slot = 0; !hasEnded(job) && slot < job.parallelism; ++slot) {
        body["allocatedSlots"].push_back(
            {{"jobId", job.job_id}, {"resource", resources(cluster, 1, job.parallelism)}});
    }
    return restAnswer(body);
}

HttpResponse metrics(const RestCluster& cluster, const RestRequest& request) {
    checkId(cluster, request);
    return metricAnswer(processMetrics(cluster), request);
}

HttpResponse aggregatedMetrics(const RestCluster& cluster, const RestRequest& request) {
    const std::vector<std::string> wanted = request.listParameter("taskmanagers");
    std::map<std::string, std::vector<double>> values;
    if (wanted.empty() || std::find(wanted.begin(), wanted.end(), cluster.task_manager_id) != wanted.end()) {
        for (const auto& [name, value] : processMetrics(cluster))
            values[name].push_back(std::stod(value));
    }
    return aggregatedAnswer(values, request);
}

HttpResponse threadDump(const RestCluster& cluster, const RestRequest& request) {
    checkId(cluster, request);
    return threadDumpAnswer();
}

}  // namespace

std::vector<RestRoute> describeRestTaskManagers() {
    return {
        {"GET", "/taskmanagers", all, "this process, as the one task manager: slots, resources, hardware"},
        {"GET", "/taskmanagers/metrics", aggregatedMetrics,
         "of the process, in the shape of an aggregate (`get`, `agg`, `taskmanagers`)"},
        {"GET", "/taskmanagers/:taskmanagerid", one, "the same, with its memory and its slots"},
        {"GET", "/taskmanagers/:taskmanagerid/metrics", metrics, "of the process (`get`)"},
        {"GET", "/taskmanagers/:taskmanagerid/thread-dump", threadDump,
         "the threads: state, CPU time, what they wait in"}};
}

}  // namespace millrace
