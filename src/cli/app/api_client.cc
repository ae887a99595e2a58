#include "cli/app/api_client.h"

#include <fmt/format.h>

#include <ctime>
#include <nlohmann/json.hpp>

#include "base/aws_signing.h"
#include "base/error.h"
#include "cli/app/failure.h"

namespace millrace::cli {

using Json = nlohmann::json;

namespace {

constexpr const char* kTargetPrefix = "KinesisAnalytics_20180523.";

AppFailure unreachable(const std::string& endpoint, const std::string& why) {
    return {ExitStatus::Unreachable, "ServiceUnreachable",
            fmt::format("no service answers at {}: {}", endpoint, why),
            "`millrace serve` runs one; --endpoint or MILLRACE_ENDPOINT says where it listens"};
}

std::string text(const Json& object, std::initializer_list<const char*> names) {
    for (const char* name : names)
        if (const auto at = object.find(name); at != object.end() && at->is_string()) return *at;
    return "";
}

}  // namespace

ApiClient::ApiClient(std::string endpoint, std::string region, int timeout_ms)
    : endpoint_(std::move(endpoint)),
      region_(std::move(region)),
      timeout_ms_(timeout_ms),
      http_(makeCurlHttpClient()) {
    while (endpoint_.ends_with('/'))
        endpoint_.pop_back();
}

Json ApiClient::call(const std::string& action, const Json& input) const {
    HttpClientRequest request;
    request.method = "POST";
    request.url = endpoint_ + "/";
    request.headers = {{"Content-Type", "application/x-amz-json-1.1"},
                       {"X-Amz-Target", kTargetPrefix + action}};
    request.body = input.dump(-1, ' ', false, Json::error_handler_t::replace);
    request.timeout_ms = timeout_ms_;
    request.connect_timeout_ms = std::min(request.connect_timeout_ms, timeout_ms_);
    if (const auto credentials = findAwsCredentials(processEnvironment()))
        signAwsRequest(request, *credentials, {region_, "kinesisanalytics"}, std::time(nullptr));
    HttpClientResponse response;
    try {
        response = http_->send(request);
    } catch (const UserError& error) {
        throw unreachable(endpoint_, error.what());
    }
    Json answer = response.body.empty() ? Json::object() : Json::parse(response.body, nullptr, false);
    if (response.status == 200 && answer.is_object()) return answer;
    std::string type = answer.is_object() ? text(answer, {"__type"}) : "";
    if (type.empty())
        throw unreachable(endpoint_, fmt::format("what is there answers {} with status {}: {}", action,
                                                 response.status, response.body.substr(0, 200)));
    type = type.substr(type.find('#') + 1);
    throw apiFailure(action, response.status, type, text(answer, {"Message", "message"}));
}

Json ApiClient::callPages(const std::string& action, Json input, const std::string& list,
                          size_t count_max) const {
    constexpr size_t kPage = 50;
    Json all = Json::array();
    while (all.size() < count_max) {
        input["Limit"] = std::min(kPage, count_max - all.size());
        Json page = call(action, input);
        for (auto& element : page[list])
            all.push_back(std::move(element));
        const std::string next = text(page, {"NextToken"});
        if (next.empty()) break;
        input["NextToken"] = next;
    }
    return {{list, std::move(all)}};
}

std::string ApiClient::textPage(const std::string& path) const {
    HttpClientRequest request;
    request.url = endpoint_ + path;
    request.timeout_ms = timeout_ms_;
    HttpClientResponse response;
    try {
        response = http_->send(request);
    } catch (const UserError& error) {
        throw unreachable(endpoint_, error.what());
    }
    const std::string said = response.body.substr(0, response.body.find('\n'));
    if (response.status == 404) throw AppFailure(ExitStatus::NotFound, "NotFound", said, "");
    if (response.status >= 400 && response.status < 500)
        throw AppFailure(ExitStatus::Refused, "Refused", said, "");
    if (response.status != 200)
        throw unreachable(endpoint_, fmt::format("what is there answers {} with status {}: {}", path,
                                                 response.status, said.substr(0, 200)));
    return std::move(response.body);
}

Json ApiClient::page(const std::string& path) const {
    Json answer = Json::parse(textPage(path), nullptr, false);
    if (!answer.is_object())
        throw unreachable(endpoint_, fmt::format("what is there answers {} with something else", path));
    return answer;
}

std::string chosenEndpoint(const std::string& option) {
    if (!option.empty()) return option.find("://") == std::string::npos ? "http://" + option : option;
    const auto environment = processEnvironment();
    if (const auto given = environment("MILLRACE_ENDPOINT"); given && !given->empty())
        return chosenEndpoint(*given);
    return "http://127.0.0.1:8090";
}

std::string chosenRegion(const std::string& option) {
    if (!option.empty()) return option;
    const auto environment = processEnvironment();
    for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"})
        if (const auto given = environment(name); given && !given->empty()) return *given;
    return "us-east-1";
}

}  // namespace millrace::cli
