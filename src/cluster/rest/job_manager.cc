// /jobmanager: the settings and the surroundings of this process, which is job manager and task manager in
// one.
#include <sys/utsname.h>

#include <nlohmann/json.hpp>

#include "cluster/job_view.h"
#include "cluster/process_view.h"
#include "cluster/rest/rest.h"
#include "cluster/version.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

HttpResponse config(const RestCluster& cluster, const RestRequest&) {
    Json entries = Json::array();
    for (const auto& [key, value] : shownSettings(cluster.graph.configuration))
        entries.push_back({{"key", key}, {"value", value}});
    return restAnswer(entries);
}

// Flink's shape asks for a virtual machine: there is none, and it says so.
HttpResponse environment(const RestCluster&, const RestRequest&) {
    utsname system{};
    uname(&system);
    return restAnswer({{"jvm",
                        {{"version", std::string("none: Millrace ") + kMillraceVersion + " is native code"},
                         {"arch", system.machine},
                         {"options", Json::array()}}},
                       {"classpath", Json::array()}});
}

HttpResponse metrics(const RestCluster& cluster, const RestRequest& request) {
    const JobDetails job = cluster.job.details();
    std::map<std::string, std::string> known = processMetrics(cluster);
    known["numRegisteredTaskManagers"] = "1";
    known["numRunningJobs"] = hasEnded(job) ? "0" : "1";
    known["taskSlotsTotal"] = std::to_string(job.parallelism);
    known["taskSlotsAvailable"] = std::to_string(hasEnded(job) ? job.parallelism : 0);
    return metricAnswer(known, request);
}

HttpResponse threadDump(const RestCluster&, const RestRequest&) { return threadDumpAnswer(); }

}  // namespace

std::vector<RestRoute> describeRestJobManager() {
    return {{"GET", "/jobmanager/config", config, "the settings in force; secret ones as `******`"},
            {"GET", "/jobmanager/environment", environment, "the machine's architecture; there is no JVM"},
            {"GET", "/jobmanager/metrics", metrics, "of the process (`get`)"},
            {"GET", "/jobmanager/thread-dump", threadDump, "the threads: state, CPU time, what they wait in"},
            {"GET", "/jobs/:jobid/jobmanager/config", config, "the same for the job"},
            {"GET", "/jobs/:jobid/jobmanager/environment", environment, "the same for the job"}};
}

}  // namespace millrace
