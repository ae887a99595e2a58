#include "base/aws_signing.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <map>
#include <vector>

#include "base/error.h"
#include "base/file_system.h"
#include "base/hash.h"
#include "base/http_server.h"
#include "base/text.h"

namespace millrace {

namespace {

std::string hmacSha256(std::string_view key, std::string_view text) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    const auto* const made =
        HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size);
    MILLRACE_CHECK(made, "HMAC failed");
    return {reinterpret_cast<const char*>(digest), size};
}

std::string toHex(std::string_view bytes) {
    std::string hex;
    for (const unsigned char c : bytes)
        hex += fmt::format("{:02x}", c);
    return hex;
}

struct UrlParts {
    std::string host, path, query;
};

UrlParts splitUrl(const std::string& url) {
    const size_t scheme = url.find("://");
    if (scheme == std::string::npos) throw UserError("aws.bad-url", fmt::format("'{}' is not a URL", url));
    const size_t start = scheme + 3;
    const size_t path = std::min(url.find_first_of("/?", start), url.size());
    const size_t question = std::min(url.find('?', path), url.size());
    UrlParts parts;
    parts.host = url.substr(start, path - start);
    parts.path = url.substr(path, question - path);
    if (parts.path.empty()) parts.path = "/";
    parts.query = question < url.size() ? url.substr(question + 1) : "";
    return parts;
}

std::string canonicalQuery(const std::string& query) {
    std::vector<std::string> parameters;
    for (size_t at = 0; at < query.size();) {
        const size_t end = std::min(query.find('&', at), query.size());
        std::string parameter = query.substr(at, end - at);
        if (parameter.find('=') == std::string::npos) parameter += '=';
        parameters.push_back(std::move(parameter));
        at = end + 1;
    }
    std::sort(parameters.begin(), parameters.end());
    std::string joined;
    for (const auto& parameter : parameters)
        joined += (joined.empty() ? "" : "&") + parameter;
    return joined;
}

// The "key = value" lines of one [section].
std::map<std::string, std::string> readProfile(const std::string& text, const std::string& profile) {
    std::map<std::string, std::string> values;
    bool inside = false;
    for (size_t at = 0; at < text.size();) {
        const size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view line = trim(std::string_view(text).substr(at, end - at));
        at = end + 1;
        if (line.empty() || line.front() == '#' || line.front() == ';') continue;
        if (line.front() == '[') {
            inside = line == "[" + profile + "]";
        } else if (const size_t equals = line.find('='); inside && equals != std::string::npos) {
            values[std::string(trim(line.substr(0, equals)))] = trim(line.substr(equals + 1));
        }
    }
    return values;
}

}  // namespace

EnvironmentLookup processEnvironment() {
    return [](const std::string& name) -> std::optional<std::string> {
        const char* const value = std::getenv(name.c_str());
        if (!value || !*value) return std::nullopt;
        return value;
    };
}

std::optional<AwsCredentials> findAwsCredentials(const EnvironmentLookup& environment) {
    const auto key = environment("AWS_ACCESS_KEY_ID");
    const auto secret = environment("AWS_SECRET_ACCESS_KEY");
    if (key && secret) return AwsCredentials{*key, *secret, environment("AWS_SESSION_TOKEN").value_or("")};

    const auto profile = environment("AWS_PROFILE");
    auto path = environment("AWS_SHARED_CREDENTIALS_FILE");
    if (!path && environment("HOME")) path = *environment("HOME") + "/.aws/credentials";
    auto& files = localFileSystem();
    if (!path || !files.exists(*path)) {
        if (profile)
            throw UserError(
                "aws.credentials",
                fmt::format("AWS_PROFILE names '{}', but there is no credentials file", *profile));
        return std::nullopt;
    }
    const auto values = readProfile(readFile(files, *path), profile.value_or("default"));
    if (!values.contains("aws_access_key_id") || !values.contains("aws_secret_access_key")) {
        if (profile)
            throw UserError("aws.credentials",
                            fmt::format("the profile '{}' in {} has no access key", *profile, *path));
        return std::nullopt;
    }
    const auto token = values.find("aws_session_token");
    return AwsCredentials{values.at("aws_access_key_id"), values.at("aws_secret_access_key"),
                          token == values.end() ? "" : token->second};
}

void signAwsRequest(HttpClientRequest& request, const AwsCredentials& credentials, const AwsScope& scope,
                    int64_t epoch_seconds) {
    const UrlParts url = splitUrl(request.url);
    const std::time_t time = epoch_seconds;
    std::tm utc{};
    gmtime_r(&time, &utc);
    const std::string stamp = fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", utc.tm_year + 1900,
                                          utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
    const std::string date = stamp.substr(0, 8);
    const std::string body_hash = sha256Hex(request.body);
    request.headers.emplace_back("X-Amz-Date", stamp);
    if (scope.service == "s3") request.headers.emplace_back("X-Amz-Content-Sha256", body_hash);
    if (!credentials.session_token.empty())
        request.headers.emplace_back("X-Amz-Security-Token", credentials.session_token);

    std::map<std::string, std::string> signed_headers{{"host", url.host}};
    for (const auto& [name, value] : request.headers) {
        auto [at, added] = signed_headers.emplace(lowerCase(name), trim(value));
        if (!added) at->second.append(",").append(trim(value));
    }
    std::string canonical_headers, names;
    for (const auto& [name, value] : signed_headers) {
        canonical_headers += name + ":" + value + "\n";
        names += (names.empty() ? "" : ";") + name;
    }
    const std::string canonical =
        fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method,
                    scope.service == "s3" ? url.path : encodePercent(url.path, true),
                    canonicalQuery(url.query), canonical_headers, names, body_hash);
    const std::string credential_scope =
        fmt::format("{}/{}/{}/aws4_request", date, scope.region, scope.service);
    const std::string to_sign =
        fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", stamp, credential_scope, sha256Hex(canonical));
    const std::string key = hmacSha256(
        hmacSha256(hmacSha256(hmacSha256("AWS4" + credentials.secret_access_key, date), scope.region),
                   scope.service),
        "aws4_request");
    request.headers.emplace_back(
        "Authorization",
        fmt::format("AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}",
                    credentials.access_key_id, credential_scope, names, toHex(hmacSha256(key, to_sign))));
}

}  // namespace millrace
