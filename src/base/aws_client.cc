#include "base/aws_client.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/json_members.h"
#include "base/log.h"

namespace millrace {
namespace {

constexpr size_t kErrorBodyMax = 64 << 10;

const char* hintOf(AwsErrorKind kind) {
    switch (kind) {
        case AwsErrorKind::AccessDenied:
            return "look at the credentials ('aws.credentials.provider') and at what they are allowed to do";
        case AwsErrorKind::ExpiredToken:
            return "the credentials' time is up: renew them";
        case AwsErrorKind::NotFound:
            return "look at the ARN, 'aws.region' and 'aws.endpoint'";
        case AwsErrorKind::Network:
            return "is 'aws.endpoint' right, and can it be reached from here?";
        case AwsErrorKind::Throttled:
            return "more is asked than the stream allows: add shards, or ask for less";
        default:
            return "";
    }
}

// "com.amazonaws.kinesis#ResourceNotFoundException:http://..." is called by what is between.
std::string plainCode(std::string code) {
    if (const size_t hash = code.rfind('#'); hash != std::string::npos) code.erase(0, hash + 1);
    return code.substr(0, code.find(':'));
}

std::string textOf(const nlohmann::json& object, const char* name) {
    const nlohmann::json& value = memberOf(object, name);
    return value.is_string() ? value.get<std::string>() : "";
}

}  // namespace

AwsErrorKind awsErrorKind(int status, std::string_view code) {
    const auto has = [&](std::string_view part) { return code.find(part) != std::string_view::npos; };
    if (has("ExpiredIterator")) return AwsErrorKind::ExpiredIterator;
    if (has("ExpiredToken")) return AwsErrorKind::ExpiredToken;
    if (has("Throttl") || has("ProvisionedThroughputExceeded") || has("LimitExceeded") || has("SlowDown") ||
        has("TooManyRequests") || status == 429)
        return AwsErrorKind::Throttled;
    if (has("ResourceNotFound")) return AwsErrorKind::NotFound;
    if (has("ResourceInUse")) return AwsErrorKind::InUse;
    if (has("AccessDenied") || has("UnrecognizedClient") || has("InvalidSignature") ||
        has("IncompleteSignature") || has("MissingAuthenticationToken") || has("InvalidClientTokenId") ||
        has("OptInRequired") || status == 401 || status == 403)
        return AwsErrorKind::AccessDenied;
    if (has("InternalFailure") || has("ServiceUnavailable") || status >= 500) return AwsErrorKind::Server;
    return AwsErrorKind::Invalid;
}

AwsError::AwsError(AwsErrorKind kind, std::string service_code, const std::string& message,
                   const std::string& hint)
    : UserError("aws.request", message, hint), kind_(kind), service_code_(std::move(service_code)) {}

bool AwsError::mayPass() const {
    return kind_ == AwsErrorKind::Throttled || kind_ == AwsErrorKind::Server ||
           kind_ == AwsErrorKind::Network || kind_ == AwsErrorKind::ExpiredToken;
}

int64_t AwsRetries::delayMs(int failures, Random& random) const {
    const int64_t whole = std::min(delay_max_ms, delay_min_ms << std::clamp(failures - 1, 0, 20));
    return whole - static_cast<int64_t>(random.below(static_cast<uint64_t>(whole / 2 + 1)));
}

AwsClient::AwsClient(AwsEndpoint endpoint, std::shared_ptr<AwsCredentialsProvider> credentials,
                     std::shared_ptr<HttpStreamClient> http, const Clock& clock)
    : endpoint_(std::move(endpoint)),
      credentials_(std::move(credentials)),
      http_(std::move(http)),
      clock_(clock) {}

HttpClientRequest AwsClient::request(const std::string& target, std::string body, int timeout_ms) const {
    HttpClientRequest request;
    request.method = "POST";
    request.url = endpoint_.url + "/";
    request.headers = {{"Content-Type", "application/x-amz-json-1.1"}, {"X-Amz-Target", target}};
    request.body = std::move(body);
    request.timeout_ms = timeout_ms;
    signAwsRequest(request, credentials_->get(), {endpoint_.region, endpoint_.service},
                   clock_.now().value() / 1000);
    return request;
}

void AwsClient::fail(int status, const std::string& target, const std::string& body) const {
    const nlohmann::json told = nlohmann::json::parse(body, nullptr, false);
    std::string code = plainCode(textOf(told, "__type"));
    if (code.empty()) code = "status " + std::to_string(status);
    std::string message = textOf(told, "message");
    if (message.empty()) message = textOf(told, "Message");
    const AwsErrorKind kind = awsErrorKind(status, code);
    if (kind == AwsErrorKind::ExpiredToken) credentials_->expire();
    throw AwsError(kind, code,
                   fmt::format("{}: {}{}{}", target.substr(target.find('.') + 1), code,
                               message.empty() ? "" : ": ", message),
                   hintOf(kind));
}

std::string AwsClient::call(const std::string& target, std::string body, int timeout_ms) const {
    HttpClientResponse response;
    try {
        response = http_->send(request(target, std::move(body), timeout_ms));
    } catch (const UserError& error) {
        if (!error.code().starts_with("http.")) throw;
        throw AwsError(AwsErrorKind::Network, error.code(),
                       fmt::format("{}: {}", target.substr(target.find('.') + 1), error.problem().message),
                       hintOf(AwsErrorKind::Network));
    }
    if (response.status != 200) fail(response.status, target, response.body);
    return std::move(response.body);
}

std::string AwsClient::callRetrying(const std::string& target, const std::string& body,
                                    const AwsRetries& retries, Random& random,
                                    const std::function<bool()>& stopped) const {
    for (int failures = 0;;) {
        try {
            return call(target, body);
        } catch (const AwsError& error) {
            if (!error.mayPass() || ++failures >= retries.attempts_max || (stopped && stopped())) throw;
            logWarn("aws", "{}; attempt {} of {} follows", error.problem().message, failures + 1,
                    retries.attempts_max);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(retries.delayMs(failures, random)));
    }
}

void AwsClient::receive(const std::string& target, std::string body, int timeout_ms,
                        const std::function<bool(std::string_view)>& data,
                        const std::function<bool()>& idle) const {
    int status = 0;
    std::string refused;
    HttpReceiver receiver;
    receiver.begin = [&](int told) { status = told; };
    receiver.data = [&](std::string_view bytes) {
        if (status == 200) return data(bytes);
        refused.append(bytes.substr(0, kErrorBodyMax - std::min(kErrorBodyMax, refused.size())));
        return true;
    };
    receiver.idle = idle;
    try {
        http_->receive(request(target, std::move(body), timeout_ms), receiver);
    } catch (const UserError& error) {
        if (!error.code().starts_with("http.")) throw;
        throw AwsError(AwsErrorKind::Network, error.code(),
                       fmt::format("{}: {}", target.substr(target.find('.') + 1), error.problem().message),
                       hintOf(AwsErrorKind::Network));
    }
    if (status != 200 && status != 0) fail(status, target, refused);
}

}  // namespace millrace
