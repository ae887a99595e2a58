#include "base/aws_credentials.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/error.h"
#include "base/file_system.h"
#include "base/http_server.h"
#include "base/json_members.h"
#include "base/text.h"

namespace millrace {
namespace {

constexpr int64_t kRenewBeforeMs = 5 * 60'000;
constexpr int kEndpointTimeoutMs = 1'000;
constexpr const char* kInstanceEndpoint = "http://169.254.169.254";
constexpr const char* kContainerEndpoint = "http://169.254.170.2";

[[noreturn]] void noCredentials(const std::string& message, const std::string& hint = "") {
    throw UserError("aws.credentials", message, hint);
}

std::string jsonText(const nlohmann::json& object, const char* name) {
    const nlohmann::json& value = memberOf(object, name);
    return value.is_string() ? value.get<std::string>() : "";
}

// As containers and instances tell them.
AwsLease leaseOf(const std::string& body, const std::string& from) {
    const nlohmann::json told = nlohmann::json::parse(body, nullptr, false);
    AwsLease lease{
        {jsonText(told, "AccessKeyId"), jsonText(told, "SecretAccessKey"), jsonText(told, "Token")},
        awsTime(jsonText(told, "Expiration"))};
    if (lease.credentials.access_key_id.empty() || lease.credentials.secret_access_key.empty())
        noCredentials(fmt::format("{} gave no credentials", from));
    return lease;
}

std::string xmlText(const std::string& body, const std::string& element) {
    const std::string open = "<" + element + ">";
    const size_t begin = body.find(open);
    const size_t end = begin == std::string::npos ? begin : body.find("</" + element + ">", begin);
    if (end == std::string::npos) return "";
    return body.substr(begin + open.size(), end - begin - open.size());
}

class BasicCredentials final : public AwsCredentialsProvider {
  public:
    BasicCredentials(const Clock& clock, AwsCredentials given)
        : AwsCredentialsProvider(clock), given_(std::move(given)) {}

  private:
    AwsLease fetch() override { return {given_, std::nullopt}; }
    const AwsCredentials given_;
};

// The environment's or a profile's, which may change; looked at again from time to time.
class FoundCredentials final : public AwsCredentialsProvider {
  public:
    FoundCredentials(const Clock& clock, EnvironmentLookup environment, std::string missing)
        : AwsCredentialsProvider(clock),
          now_(clock),
          environment_(std::move(environment)),
          missing_(std::move(missing)) {}

  private:
    AwsLease fetch() override {
        if (const auto found = findAwsCredentials(environment_))
            return {*found, now_.now().value() + 2 * kRenewBeforeMs};
        noCredentials(missing_);
    }
    const Clock& now_;
    const EnvironmentLookup environment_;
    const std::string missing_;
};

class ContainerCredentials final : public AwsCredentialsProvider {
  public:
    ContainerCredentials(const Clock& clock, EnvironmentLookup environment, std::shared_ptr<HttpClient> http)
        : AwsCredentialsProvider(clock), environment_(std::move(environment)), http_(std::move(http)) {}

  private:
    AwsLease fetch() override {
        HttpClientRequest request;
        request.timeout_ms = request.connect_timeout_ms = kEndpointTimeoutMs;
        if (const auto relative = environment_("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")) {
            request.url = kContainerEndpoint + *relative;
        } else {
            request.url = environment_("AWS_CONTAINER_CREDENTIALS_FULL_URI").value_or("");
            checkFullUri(request.url);
        }
        if (const auto file = environment_("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")) {
            request.headers.emplace_back("Authorization", trim(readFile(localFileSystem(), *file)));
        } else if (const auto token = environment_("AWS_CONTAINER_AUTHORIZATION_TOKEN")) {
            request.headers.emplace_back("Authorization", *token);
        }
        const HttpClientResponse response = http_->send(request);
        if (response.status != 200)
            noCredentials(
                fmt::format("the container's endpoint for credentials answers {}", response.status));
        return leaseOf(response.body, "the container's endpoint");
    }

    // Without TLS the token goes to this machine and to the hosts that AWS's containers have for it only.
    static void checkFullUri(const std::string& url) {
        if (url.starts_with("https://")) return;
        for (const char* const host :
             {"127.0.0.1", "localhost", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"}) {
            const std::string start = std::string("http://") + host;
            if (url.starts_with(start) &&
                (url.size() == start.size() || url[start.size()] == ':' || url[start.size()] == '/'))
                return;
        }
        noCredentials(fmt::format("AWS_CONTAINER_CREDENTIALS_FULL_URI is '{}'", url),
                      "it must be an https URL, or one of this machine or of a container's own endpoint");
    }

    const EnvironmentLookup environment_;
    const std::shared_ptr<HttpClient> http_;
};

// The metadata service of an EC2 instance, in its second version: a token first.
class InstanceCredentials final : public AwsCredentialsProvider {
  public:
    InstanceCredentials(const Clock& clock, EnvironmentLookup environment, std::shared_ptr<HttpClient> http)
        : AwsCredentialsProvider(clock), environment_(std::move(environment)), http_(std::move(http)) {}

  private:
    AwsLease fetch() override {
        const std::string roles = "/latest/meta-data/iam/security-credentials/";
        const std::string token =
            ask("PUT", "/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds", "21600"});
        const std::pair<std::string, std::string> header("X-aws-ec2-metadata-token", token);
        std::string role = ask("GET", roles, header);
        role = trim(std::string_view(role).substr(0, role.find('\n')));
        return leaseOf(ask("GET", roles + role, header), "the instance's metadata service");
    }
    std::string ask(const char* method, const std::string& path,
                    const std::pair<std::string, std::string>& header) {
        HttpClientRequest request;
        request.method = method;
        request.url = environment_("AWS_EC2_METADATA_SERVICE_ENDPOINT").value_or(kInstanceEndpoint) + path;
        request.headers = {header};
        request.timeout_ms = request.connect_timeout_ms = kEndpointTimeoutMs;
        const HttpClientResponse response = http_->send(request);
        if (response.status != 200)
            noCredentials(fmt::format("the instance's metadata service answers {}", response.status));
        return response.body;
    }

    const EnvironmentLookup environment_;
    const std::shared_ptr<HttpClient> http_;
};

struct RoleSetup {
    std::string arn, session_name, external_id, sts_endpoint, region, token_file;
};

// Credentials of a role from the security token service: with other credentials, or with an identity token.
class RoleCredentials final : public AwsCredentialsProvider {
  public:
    RoleCredentials(const Clock& clock, RoleSetup role, std::shared_ptr<AwsCredentialsProvider> own,
                    std::shared_ptr<HttpClient> http)
        : AwsCredentialsProvider(clock),
          now_(clock),
          role_(std::move(role)),
          own_(std::move(own)),
          http_(std::move(http)) {}

  private:
    AwsLease fetch() override {
        const std::string action = own_ ? "AssumeRole" : "AssumeRoleWithWebIdentity";
        std::vector<std::pair<std::string, std::string>> form{{"Action", action},
                                                              {"Version", "2011-06-15"},
                                                              {"RoleArn", role_.arn},
                                                              {"RoleSessionName", role_.session_name}};
        if (!role_.external_id.empty()) form.emplace_back("ExternalId", role_.external_id);
        if (!own_) form.emplace_back("WebIdentityToken", trim(readFile(localFileSystem(), role_.token_file)));
        HttpClientRequest request;
        request.method = "POST";
        request.url = role_.sts_endpoint + "/";
        request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
        for (const auto& [name, value] : form)
            request.body += (request.body.empty() ? "" : "&") + name + "=" + encodePercent(value, false);
        if (own_) signAwsRequest(request, own_->get(), {role_.region, "sts"}, now_.now().value() / 1000);
        const HttpClientResponse response = http_->send(request);
        if (response.status != 200)
            noCredentials(fmt::format("the role '{}' cannot be assumed: {} {}", role_.arn,
                                      xmlText(response.body, "Code"), xmlText(response.body, "Message")));
        AwsLease lease{{xmlText(response.body, "AccessKeyId"), xmlText(response.body, "SecretAccessKey"),
                        xmlText(response.body, "SessionToken")},
                       awsTime(xmlText(response.body, "Expiration"))};
        if (lease.credentials.access_key_id.empty() || lease.credentials.secret_access_key.empty())
            noCredentials(fmt::format("{} of the role '{}' gave no credentials", action, role_.arn));
        return lease;
    }

    const Clock& now_;
    const RoleSetup role_;
    const std::shared_ptr<AwsCredentialsProvider> own_;  // none with an identity token
    const std::shared_ptr<HttpClient> http_;
};

// The first that has any; which it was is kept.
class ChainedCredentials final : public AwsCredentialsProvider {
  public:
    ChainedCredentials(const Clock& clock, std::vector<std::shared_ptr<AwsCredentialsProvider>> chain)
        : AwsCredentialsProvider(clock), now_(clock), chain_(std::move(chain)) {}

  private:
    AwsLease fetch() override {
        std::string reasons;
        for (const auto& provider : chain_) {
            try {
                AwsCredentials found = provider->get();
                chain_ = {provider};
                return {std::move(found), now_.now().value()};  // asked again each time: it keeps its own
            } catch (const UserError& error) {
                reasons += (reasons.empty() ? "" : "; ") + error.problem().message;
            }
        }
        noCredentials(fmt::format("no credentials for AWS: {}", reasons),
                      "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or say 'aws.credentials.provider'");
    }
    void expire() override {
        AwsCredentialsProvider::expire();
        for (const auto& provider : chain_)
            provider->expire();
    }
    const Clock& now_;
    std::vector<std::shared_ptr<AwsCredentialsProvider>> chain_;
};

class ProviderMaker {
  public:
    explicit ProviderMaker(const AwsCredentialsSetup& setup) : setup_(setup), clock_(*setup.clock) {}

    // `key` says which provider; its options are below `prefix`.
    std::shared_ptr<AwsCredentialsProvider> make(const std::string& key, const std::string& prefix) const {
        const bool basic = has(prefix + ".basic.accesskeyid") && has(prefix + ".basic.secretkey");
        const std::string type = has(key) ? get(key) : basic ? "BASIC" : "AUTO";
        if (type == "AUTO") return chain();
        if (type == "BASIC")
            return std::make_shared<BasicCredentials>(
                clock_,
                AwsCredentials{need(prefix + ".basic.accesskeyid"), need(prefix + ".basic.secretkey"), ""});
        if (type == "ENV_VAR") return fromEnvironment();
        if (type == "PROFILE") return fromProfile(prefix);
        if (type == "ASSUME_ROLE")
            return std::make_shared<RoleCredentials>(
                clock_, role(prefix), make(prefix + ".role.provider", prefix + ".role.provider"),
                setup_.http);
        if (type == "WEB_IDENTITY_TOKEN") {
            RoleSetup asked = role(prefix);
            asked.token_file = has(prefix + ".webIdentityToken.file")
                                   ? get(prefix + ".webIdentityToken.file")
                                   : setup_.environment("AWS_WEB_IDENTITY_TOKEN_FILE").value_or("");
            if (asked.token_file.empty()) need(prefix + ".webIdentityToken.file");
            return std::make_shared<RoleCredentials>(clock_, asked, nullptr, setup_.http);
        }
        throw UserError("config.bad-value", fmt::format("'{}' is '{}'", key, type),
                        "AUTO, BASIC, ENV_VAR, PROFILE, ASSUME_ROLE or WEB_IDENTITY_TOKEN; classes of Java "
                        "(CUSTOM) and their properties (SYS_PROP) cannot be had");
    }

  private:
    bool has(const std::string& key) const { return setup_.options.contains(key); }
    std::string get(const std::string& key) const { return has(key) ? setup_.options.at(key) : ""; }
    std::string need(const std::string& key) const {
        if (!has(key)) throw UserError("config.missing-option", fmt::format("'{}' is missing", key));
        return get(key);
    }

    std::shared_ptr<AwsCredentialsProvider> fromEnvironment() const {
        const auto only_keys = [environment = setup_.environment](const std::string& name) {
            static constexpr std::array names{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
                                              "AWS_SESSION_TOKEN"};
            return std::find(names.begin(), names.end(), name) == names.end() ? std::optional<std::string>()
                                                                              : environment(name);
        };
        return std::make_shared<FoundCredentials>(clock_, only_keys,
                                                  "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set");
    }
    std::shared_ptr<AwsCredentialsProvider> fromProfile(const std::string& prefix) const {
        const auto profile =
            [environment = setup_.environment, path = get(prefix + ".profile.path"),
             name = get(prefix + ".profile.name")](const std::string& asked) -> std::optional<std::string> {
            if (asked == "AWS_SHARED_CREDENTIALS_FILE" && !path.empty()) return path;
            if (asked == "AWS_PROFILE" && !name.empty()) return name;
            if (asked.starts_with("AWS_ACCESS") || asked.starts_with("AWS_SECRET")) return std::nullopt;
            return environment(asked);
        };
        return std::make_shared<FoundCredentials>(clock_, profile, "there is no profile with an access key");
    }
    RoleSetup role(const std::string& prefix) const {
        RoleSetup out;
        out.arn = need(prefix + ".role.arn");
        out.session_name = has(prefix + ".role.sessionName") ? get(prefix + ".role.sessionName") : "millrace";
        out.external_id = get(prefix + ".role.externalId");
        out.region = setup_.region;
        out.sts_endpoint = get(prefix + ".role.stsEndpoint");
        if (out.sts_endpoint.empty())
            out.sts_endpoint = fmt::format("https://sts.{}.amazonaws.com", setup_.region);
        while (out.sts_endpoint.ends_with('/'))
            out.sts_endpoint.pop_back();
        return out;
    }

    std::shared_ptr<AwsCredentialsProvider> chain() const {
        const auto& environment = setup_.environment;
        std::vector<std::shared_ptr<AwsCredentialsProvider>> chain{fromEnvironment()};
        const auto arn = environment("AWS_ROLE_ARN");
        const auto token_file = environment("AWS_WEB_IDENTITY_TOKEN_FILE");
        if (arn && token_file) {
            RoleSetup asked;
            asked.arn = *arn;
            asked.session_name = environment("AWS_ROLE_SESSION_NAME").value_or("millrace");
            asked.sts_endpoint = environment("AWS_ENDPOINT_URL_STS")
                                     .value_or(fmt::format("https://sts.{}.amazonaws.com", setup_.region));
            asked.region = setup_.region;
            asked.token_file = *token_file;
            chain.push_back(std::make_shared<RoleCredentials>(clock_, asked, nullptr, setup_.http));
        }
        chain.push_back(fromProfile("aws.credentials"));
        if (environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") ||
            environment("AWS_CONTAINER_CREDENTIALS_FULL_URI"))
            chain.push_back(std::make_shared<ContainerCredentials>(clock_, environment, setup_.http));
        else if (lowerCase(environment("AWS_EC2_METADATA_DISABLED").value_or("")) != "true")
            chain.push_back(std::make_shared<InstanceCredentials>(clock_, environment, setup_.http));
        return std::make_shared<ChainedCredentials>(clock_, std::move(chain));
    }

    const AwsCredentialsSetup& setup_;
    const Clock& clock_;
};

}  // namespace

AwsCredentials AwsCredentialsProvider::get() {
    const std::lock_guard lock(mutex_);
    const int64_t now = clock_.now().value();
    if (lease_ && (!lease_->expires_ms || now < *lease_->expires_ms - kRenewBeforeMs))
        return lease_->credentials;
    try {
        lease_ = fetch();
    } catch (const UserError&) {
        // Whoever gives them may be away for a while; what is there is good until it ends.
        if (!lease_ || !lease_->expires_ms || now >= *lease_->expires_ms) throw;
    }
    return lease_->credentials;
}

void AwsCredentialsProvider::expire() {
    const std::lock_guard lock(mutex_);
    lease_.reset();
}

std::shared_ptr<AwsCredentialsProvider> makeAwsCredentialsProvider(const AwsCredentialsSetup& setup) {
    return ProviderMaker(setup).make("aws.credentials.provider", "aws.credentials");
}

std::optional<int64_t> awsTime(const std::string& text) {
    std::tm utc{};
    const char* const rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &utc);
    if (rest == nullptr) return std::nullopt;
    return int64_t{timegm(&utc)} * 1000;
}

}  // namespace millrace
