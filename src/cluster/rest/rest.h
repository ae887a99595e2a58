// The Flink REST API of a running cluster: routes, collected by the build from src/cluster/rest/*.cc, one
// file an endpoint family, each ending in `std::vector<RestRoute> describeRest<Family>()`. Shapes are those
// of Flink 1.20's "REST API" documentation; errors are {"errors": [...]}.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/http_server.h"
#include "runtime/job.h"

namespace millrace {

class MetricHistory;
class RestOperations;

// How finely Prometheus' text tells of the job: AWS' MetricsLevel, each level with those before it.
enum class MetricsLevel : uint8_t { Application, Task, Operator, Parallelism };

// Whose cluster it is, and where it writes.
struct RestIdentity {
    std::string application_name;
    std::string application_version_id;
    MetricsLevel metrics_level = MetricsLevel::Application;
    std::string log_path;  // "": standard error
    // Whose REST API is spoken: "2.2" for an application that is written for FLINK-2_2.
    std::string flink_version = "1.20";
};

std::shared_ptr<RestOperations> makeRestOperations();

// The cluster that answers; outlives the server.
struct RestCluster {
    Job& job;
    const JobGraph& graph;
    int64_t full_restarts = 0;  // of this run before this cluster
    std::string task_manager_id;
    int64_t start_ms = 0;
    // The plan with what each operator has done so far, as text; of SQL.
    std::function<std::string(const JobDetails&)> explain_measured = {};
    RestIdentity identity = {};
    const MetricHistory* history = nullptr;  // without it rates are not known
    std::shared_ptr<RestOperations> operations = makeRestOperations();

    // The job's details, with rates.
    JobDetails details() const;
    // Flink 2 answers without what 1.x had given up on, and with fields of its own.
    bool speaksFlink2() const { return !identity.flink_version.starts_with("1."); }
};

// Answered with `status` and {"errors": [message]}.
class RestError : public std::exception {
  public:
    RestError(int status, std::string message) : status_(status), message_(std::move(message)) {}
    int status() const { return status_; }
    const char* what() const noexcept override { return message_.c_str(); }

  private:
    int status_;
    std::string message_;
};

// A request with the values of its path's parameters, in the path's order. A ":jobid" was checked already and
// is not among them.
struct RestRequest {
    const HttpRequest& http;
    std::vector<std::string> parameters;

    // The comma-separated values of a query parameter; empty if it is absent.
    std::vector<std::string> listParameter(std::string_view name) const;
};

struct RestRoute {
    std::string method;
    std::string path;  // "/jobs/:jobid/vertices/:vertexid"
    std::function<HttpResponse(const RestCluster&, const RestRequest&)> handle;
    std::string summary;  // for docs/flink-rest-api.md
};

const std::vector<std::vector<RestRoute>>& restRouteFamilies();  // collected by the build

// Takes out of an object what Flink 2 does not know: its clients refuse it.
void dropIfFlink2(const RestCluster& cluster, nlohmann::json& object,
                  std::initializer_list<const char*> names);

HttpResponse restAnswer(const nlohmann::json& body, int status = 200);
// The request's body as an object; an absent one is an empty object. RestError 400.
nlohmann::json restBody(const RestRequest& request);

// Answers one request, whatever it is.
HttpResponse answerRest(const RestCluster& cluster, const HttpRequest& request);

}  // namespace millrace
