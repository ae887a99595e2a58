// Where credentials for AWS come from: given outright, or found by the usual chain; renewed before their time
// is up.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/aws_signing.h"
#include "base/clock.h"

namespace millrace {

// With the time at which they end, if they do.
struct AwsLease {
    AwsCredentials credentials;
    std::optional<int64_t> expires_ms;
};

// Safe on several threads at once; a request for credentials is made on the thread that needs them.
class AwsCredentialsProvider {
  public:
    virtual ~AwsCredentialsProvider() = default;
    // Those in force. UserError "aws.credentials" when there are none to be had.
    AwsCredentials get();
    virtual void expire();  // the service says that their time is up

  protected:
    explicit AwsCredentialsProvider(const Clock& clock) : clock_(clock) {}
    virtual AwsLease fetch() = 0;

  private:
    const Clock& clock_;
    std::mutex mutex_;
    std::optional<AwsLease> lease_;
};

struct AwsCredentialsSetup {
    std::map<std::string, std::string> options;  // a table's; those of "aws.credentials." count
    std::string region;
    EnvironmentLookup environment;
    std::shared_ptr<HttpClient> http;
    const Clock* clock = &systemClock();
};

// As Flink's connectors for AWS: "aws.credentials.provider" is AUTO, BASIC, ENV_VAR, PROFILE, ASSUME_ROLE or
// WEB_IDENTITY_TOKEN, with their own options below "aws.credentials."; without it, BASIC where its keys are
// given, else AUTO: the environment, a web identity, the profile file, the container's endpoint, the
// instance's. UserError "config.bad-value" or "config.missing-option".
std::shared_ptr<AwsCredentialsProvider> makeAwsCredentialsProvider(const AwsCredentialsSetup& setup);

// "2026-01-31T12:00:00Z", as services tell times; milliseconds since the epoch.
std::optional<int64_t> awsTime(const std::string& text);

}  // namespace millrace
