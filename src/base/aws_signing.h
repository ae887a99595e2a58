// Signing requests to AWS-compatible servers (Signature Version 4), and finding the credentials to sign with.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/http_client.h"

namespace millrace {

struct AwsCredentials {
    std::string access_key_id;
    std::string secret_access_key;
    std::string session_token;  // "" for long-lived keys
};

// How the environment is read; production passes one that calls getenv.
using EnvironmentLookup = std::function<std::optional<std::string>(const std::string& name)>;
EnvironmentLookup processEnvironment();

// AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN), else the profile AWS_PROFILE (or
// "default") of AWS_SHARED_CREDENTIALS_FILE (or ~/.aws/credentials); nullopt when there are none. UserError
// "aws.credentials" for a profile that is named but cannot be used.
std::optional<AwsCredentials> findAwsCredentials(const EnvironmentLookup& environment);

struct AwsScope {
    std::string region;
    std::string service;
};

// Adds X-Amz-Date, X-Amz-Content-Sha256, X-Amz-Security-Token and Authorization, signing those, Host and all
// the other headers that are there. The URL's path and query are signed as they stand, so they must be
// percent-encoded already; S3 paths are not encoded twice, others are.
void signAwsRequest(HttpClientRequest& request, const AwsCredentials& credentials, const AwsScope& scope,
                    int64_t epoch_seconds);

}  // namespace millrace
