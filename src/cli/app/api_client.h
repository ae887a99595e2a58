// The service's API as `millrace app` uses it: over HTTP, like any client's.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/http_client.h"

namespace millrace::cli {

class ApiClient {
  public:
    // Requests are signed for the region if the environment has AWS credentials.
    ApiClient(std::string endpoint, std::string region, int timeout_ms = 60'000);

    // One action. AppFailure for an error of the API, and where no service answers.
    nlohmann::json call(const std::string& action, const nlohmann::json& input) const;
    // All pages of an action that lists, as one answer: `list` is the member that holds the elements.
    // At most `count_max` of them.
    nlohmann::json callPages(const std::string& action, nlohmann::json input, const std::string& list,
                             size_t count_max) const;
    // A page of the service beside the API, "/usage?application=x", as JSON. AppFailure likewise.
    nlohmann::json page(const std::string& path) const;
    std::string textPage(const std::string& path) const;
    const std::string& endpoint() const { return endpoint_; }

  private:
    std::string endpoint_;
    std::string region_;
    int timeout_ms_;
    std::unique_ptr<HttpClient> http_;
};

// --endpoint, else MILLRACE_ENDPOINT, else http://127.0.0.1:8090; --region, else AWS_REGION,
// AWS_DEFAULT_REGION, us-east-1.
std::string chosenEndpoint(const std::string& option);
std::string chosenRegion(const std::string& option);

}  // namespace millrace::cli
