// /overview, /config, /datasets
#include <nlohmann/json.hpp>

#include "cluster/job_view.h"
#include "cluster/rest/rest.h"
#include "cluster/version.h"

namespace millrace {
namespace {

HttpResponse overview(const RestCluster& cluster, const RestRequest&) {
    const JobDetails job = cluster.job.details();
    const bool finished = job.status == JobStatus::Finished;
    const bool cancelled = job.status == JobStatus::Canceled;
    const bool failed = job.status == JobStatus::Failed;
    const bool running = !hasEnded(job);
    return restAnswer({{"taskmanagers", 1},
                       {"slots-total", job.parallelism},
                       {"slots-available", running ? 0 : job.parallelism},
                       {"jobs-running", running ? 1 : 0},
                       {"jobs-finished", finished ? 1 : 0},
                       {"jobs-cancelled", cancelled ? 1 : 0},
                       {"jobs-failed", failed ? 1 : 0},
                       {"flink-version", cluster.identity.flink_version + ".0"},
                       {"flink-commit", kMillraceVersion}});
}

// What the dashboard may offer: to cancel the job, as Flink's does. Code comes and goes through the service.
HttpResponse config(const RestCluster& cluster, const RestRequest&) {
    constexpr int kRefreshMs = 3000;
    return restAnswer(
        {{"refresh-interval", kRefreshMs},
         {"timezone-name", "Coordinated Universal Time"},
         {"timezone-offset", 0},
         {"flink-version", cluster.identity.flink_version + ".0"},
         {"flink-revision", std::string("Millrace ") + kMillraceVersion},
         {"features",
          {{"web-submit", false}, {"web-cancel", true}, {"web-rescale", false}, {"web-history", false}}}});
}

HttpResponse dataSets(const RestCluster&, const RestRequest&) {
    return restAnswer({{"dataSets", nlohmann::json::array()}});
}

}  // namespace

std::vector<RestRoute> describeRestClusterOverview() {
    return {{"GET", "/overview", overview, "task managers, slots, and jobs by how they are"},
            {"GET", "/config", config, "what the dashboard needs: versions, what it may offer"},
            {"GET", "/datasets", dataSets, "none: an empty list"}};
}

}  // namespace millrace
