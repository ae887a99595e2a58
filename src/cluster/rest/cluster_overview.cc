// /overview, /config
#include <nlohmann/json.hpp>

#include "cluster/rest/rest.h"
#include "cluster/version.h"

namespace millrace {
namespace {

HttpResponse overview(const RestCluster& cluster, const RestRequest&) {
    const JobDetails job = cluster.job.details();
    const bool finished = job.status == JobStatus::Finished;
    const bool cancelled = job.status == JobStatus::Canceled;
    const bool failed = job.status == JobStatus::Failed;
    const bool running = !finished && !cancelled && !failed;
    return restAnswer({{"taskmanagers", 1},
                       {"slots-total", job.parallelism},
                       {"slots-available", running ? 0 : job.parallelism},
                       {"jobs-running", running ? 1 : 0},
                       {"jobs-finished", finished ? 1 : 0},
                       {"jobs-cancelled", cancelled ? 1 : 0},
                       {"jobs-failed", failed ? 1 : 0},
                       {"flink-version", kFlinkVersion},
                       {"flink-commit", kMillraceVersion}});
}

HttpResponse config(const RestCluster&, const RestRequest&) {
    return restAnswer(
        {{"refresh-interval", 3000},
         {"timezone-name", "Coordinated Universal Time"},
         {"timezone-offset", 0},
         {"flink-version", kFlinkVersion},
         {"flink-revision", std::string("Millrace ") + kMillraceVersion},
         {"features",
          {{"web-submit", false}, {"web-cancel", true}, {"web-rescale", false}, {"web-history", false}}}});
}

}  // namespace

std::vector<RestRoute> describeRestClusterOverview() {
    return {{"GET", "/overview", overview}, {"GET", "/config", config}};
}

}  // namespace millrace
