// /jobs/:jobid/explain-analyze, which Flink does not have: EXPLAIN ANALYZE of the job as it runs, {"text":
// ...}.
#include <nlohmann/json.hpp>

#include "cluster/rest/rest.h"

namespace millrace {
namespace {

HttpResponse explainAnalyze(const RestCluster& cluster, const RestRequest&) {
    if (!cluster.explain_measured) throw RestError(404, "The job was not planned from SQL.");
    return restAnswer({{"text", cluster.explain_measured(cluster.job.details())}});
}

}  // namespace

std::vector<RestRoute> describeRestExplainAnalyze() {
    return {{"GET", "/jobs/:jobid/explain-analyze", explainAnalyze,
             "not Flink's: EXPLAIN ANALYZE of the job as it runs, `{\"text\": ...}`"}};
}

}  // namespace millrace
