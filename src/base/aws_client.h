// Requests to services of AWS that speak its JSON protocol (Kinesis and others): signed, sent to the region's
// endpoint or another, and their errors told by kind.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/aws_credentials.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/http_stream.h"
#include "base/random.h"

namespace millrace {

// What can be done about it differs.
enum class AwsErrorKind : uint8_t {
    Throttled,        // too much at once: again, later
    Server,           // 5xx: again
    Network,          // no answer: again
    ExpiredToken,     // of the credentials: again with others
    ExpiredIterator,  // of a shard: a new one
    NotFound,
    InUse,
    AccessDenied,
    Invalid,  // the request
};

class AwsError final : public UserError {
  public:
    AwsError(AwsErrorKind kind, std::string service_code, const std::string& message,
             const std::string& hint);

    AwsErrorKind kind() const { return kind_; }
    const std::string& serviceCode() const { return service_code_; }  // "ResourceNotFoundException"
    bool mayPass() const;                                             // by itself

  private:
    AwsErrorKind kind_;
    std::string service_code_;
};

// How often and after which pauses to try again.
struct AwsRetries {
    int attempts_max = 50;
    int64_t delay_min_ms = 300;
    int64_t delay_max_ms = 1000;

    // Before attempt `failures` + 1: doubled each time, up to the maximum, and any part of its second half.
    int64_t delayMs(int failures, Random& random) const;
};

struct AwsEndpoint {
    std::string url;     // "https://kinesis.us-east-1.amazonaws.com"
    std::string region;  // that requests are signed for
    std::string service;
};

class AwsClient {
  public:
    AwsClient(AwsEndpoint endpoint, std::shared_ptr<AwsCredentialsProvider> credentials,
              std::shared_ptr<HttpStreamClient> http, const Clock& clock);

    // One attempt of the operation "Kinesis_20131202.GetRecords"; the answer's body. AwsError.
    std::string call(const std::string& target, std::string body, int timeout_ms = 30'000) const;
    // As often as `retries` allows, while the error may pass and `stopped` is not true.
    std::string callRetrying(const std::string& target, const std::string& body, const AwsRetries& retries,
                             Random& random, const std::function<bool()>& stopped = {}) const;
    // An answer of events, for at most timeout_ms. AwsError where it is none.
    void receive(const std::string& target, std::string body, int timeout_ms,
                 const std::function<bool(std::string_view)>& data, const std::function<bool()>& idle) const;

    const AwsEndpoint& endpoint() const { return endpoint_; }

  private:
    HttpClientRequest request(const std::string& target, std::string body, int timeout_ms) const;
    [[noreturn]] void fail(int status, const std::string& target, const std::string& body) const;

    const AwsEndpoint endpoint_;
    const std::shared_ptr<AwsCredentialsProvider> credentials_;
    const std::shared_ptr<HttpStreamClient> http_;
    const Clock& clock_;
};

// The kind of an error by its name and status.
AwsErrorKind awsErrorKind(int status, std::string_view service_code);

}  // namespace millrace
