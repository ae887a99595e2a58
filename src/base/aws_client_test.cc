#include "base/aws_client.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
#include <deque>
#include <map>

#include "base/aws_event_stream.h"
#include "base/file_system.h"

namespace millrace {
namespace {

class ScriptedHttp final : public HttpStreamClient {
  public:
    std::map<std::string, std::deque<HttpClientResponse>> answers;  // by URL; the last one stays
    std::vector<HttpClientRequest> requests;

    HttpClientResponse send(const HttpClientRequest& request) override {
        requests.push_back(request);
        auto& planned = answers[request.url];
        if (planned.empty()) throw UserError("http.unreachable", "nobody is at " + request.url);
        const HttpClientResponse answer = planned.front();
        if (planned.size() > 1) planned.pop_front();
        return answer;
    }
    std::string header(size_t request, const std::string& name) const {
        for (const auto& [key, value] : requests.at(request).headers)
            if (key == name) return value;
        return "";
    }
};

class TurnedClock final : public Clock {
  public:
    int64_t ms = 1'700'000'000'000;
    ProcessingTime now() const override { return ProcessingTime(ms); }
    int64_t monotonicNanos() const override { return ms * 1'000'000; }
};

class AwsCredentialsTest : public testing::Test {
  protected:
    std::shared_ptr<ScriptedHttp> http = std::make_shared<ScriptedHttp>();
    TurnedClock clock;

    std::shared_ptr<AwsCredentialsProvider> provider(std::map<std::string, std::string> environment,
                                                     std::map<std::string, std::string> options = {}) {
        AwsCredentialsSetup setup;
        setup.options = std::move(options);
        setup.region = "eu-west-1";
        setup.environment = [environment = std::move(environment)](const std::string& name) {
            const auto found = environment.find(name);
            return found == environment.end() ? std::optional<std::string>() : found->second;
        };
        setup.http = http;
        setup.clock = &clock;
        return makeAwsCredentialsProvider(setup);
    }
    static std::string lease(const std::string& key, const std::string& until) {
        return R"({"AccessKeyId":")" + key + R"(","SecretAccessKey":"s","Token":"t","Expiration":")" + until +
               R"("})";
    }
};

TEST_F(AwsCredentialsTest, theContainersComeWithATokenAndAreRenewed) {
    http->answers["http://127.0.0.1:99/role"] = {{200, {}, lease("one", "2023-11-14T23:13:20Z")},
                                                 {200, {}, lease("two", "2023-11-15T03:13:20Z")}};
    const auto found = provider({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:99/role"},
                                 {"AWS_CONTAINER_AUTHORIZATION_TOKEN", "secret"}});
    EXPECT_EQ(found->get().access_key_id, "one");
    EXPECT_EQ(found->get().session_token, "t");
    EXPECT_EQ(http->requests.size(), 1U);
    EXPECT_EQ(http->header(0, "Authorization"), "secret");
    clock.ms += 56 * 60'000;  // they end in four minutes
    EXPECT_EQ(found->get().access_key_id, "two");
    clock.ms += 60'000;
    found->expire();
    EXPECT_EQ(found->get().access_key_id, "two");
    EXPECT_EQ(http->requests.size(), 3U);
    EXPECT_THROW(provider({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://elsewhere.example/role"}})->get(),
                 UserError);
    EXPECT_EQ(http->requests.size(), 3U);  // the token did not go there
}

TEST_F(AwsCredentialsTest, thoseInForceServeWhileThereAreNoOthers) {
    http->answers["http://169.254.170.2/role"] = {{200, {}, lease("one", "2023-11-14T23:13:20Z")},
                                                  {503, {}, ""}};
    const auto found = provider({{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/role"}});
    EXPECT_EQ(found->get().access_key_id, "one");
    clock.ms += 57 * 60'000;
    EXPECT_EQ(found->get().access_key_id, "one");
    clock.ms += 4 * 60'000;
    EXPECT_THROW(found->get(), UserError);
}

TEST_F(AwsCredentialsTest, theInstancesComeAfterAToken) {
    const std::string base = "http://169.254.169.254/latest/";
    http->answers[base + "api/token"] = {{200, {}, "session"}};
    http->answers[base + "meta-data/iam/security-credentials/"] = {{200, {}, "reader\n"}};
    http->answers[base + "meta-data/iam/security-credentials/reader"] = {
        {200, {}, lease("i", "2033-01-01T00:00:00Z")}};
    EXPECT_EQ(provider({})->get().access_key_id, "i");
    EXPECT_EQ(http->requests[0].method, "PUT");
    EXPECT_EQ(http->header(0, "X-aws-ec2-metadata-token-ttl-seconds"), "21600");
    EXPECT_EQ(http->header(2, "X-aws-ec2-metadata-token"), "session");
    try {
        provider({{"AWS_EC2_METADATA_DISABLED", "true"}})->get();
        FAIL();
    } catch (const UserError& error) {
        EXPECT_EQ(error.code(), "aws.credentials");
        EXPECT_NE(std::string(error.what()).find("AWS_ACCESS_KEY_ID"), std::string::npos);
    }
}

TEST_F(AwsCredentialsTest, rolesAreAssumed) {
    const std::string answer =
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>r</AccessKeyId>"
        "<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
        "<Expiration>2023-11-14T23:13:20Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";
    http->answers["https://sts.eu-west-1.amazonaws.com/"] = {{200, {}, answer}};
    const std::string prefix = "aws.credentials.";
    const auto role = provider({}, {{prefix + "provider", "ASSUME_ROLE"},
                                    {prefix + "role.arn", "arn:aws:iam::1:role/r"},
                                    {prefix + "role.externalId", "e&x"},
                                    {prefix + "role.provider", "BASIC"},
                                    {prefix + "role.provider.basic.accesskeyid", "own"},
                                    {prefix + "role.provider.basic.secretkey", "key"}});
    EXPECT_EQ(role->get().access_key_id, "r");
    EXPECT_NE(http->requests[0].body.find("Action=AssumeRole&"), std::string::npos);
    EXPECT_NE(http->requests[0].body.find("RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr"), std::string::npos);
    EXPECT_NE(http->requests[0].body.find("ExternalId=e%26x"), std::string::npos);
    EXPECT_NE(http->header(0, "Authorization").find("Credential=own/20231114/eu-west-1/sts/"),
              std::string::npos);

    char folder[] = "/tmp/millrace-token-XXXXXX";
    ASSERT_TRUE(mkdtemp(folder));
    const std::string file = std::string(folder) + "/token";
    writeFileAtomically(localFileSystem(), file, "identity\n");
    const auto identity =
        provider({{"AWS_ROLE_ARN", "arn:aws:iam::1:role/w"}, {"AWS_WEB_IDENTITY_TOKEN_FILE", file}});
    EXPECT_EQ(identity->get().access_key_id, "r");
    EXPECT_NE(http->requests[1].body.find("WebIdentityToken=identity"), std::string::npos);
    EXPECT_EQ(http->header(1, "Authorization"), "");
    localFileSystem().removeRecursively(folder);

    http->answers["https://sts.eu-west-1.amazonaws.com/"] = {
        {403,
         {},
         "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"}};
    role->expire();
    try {
        role->get();
        FAIL();
    } catch (const UserError& error) {
        EXPECT_NE(std::string(error.what()).find("AccessDenied no"), std::string::npos);
    }
}

TEST_F(AwsCredentialsTest, errorsAreToldByKindAndTriedAgain) {
    const AwsClient client(
        {"http://h", "eu-west-1", "kinesis"},
        provider({}, {{"aws.credentials.basic.accesskeyid", "a"}, {"aws.credentials.basic.secretkey", "b"}}),
        http, clock);
    const auto kind = [&](int status, const std::string& code) {
        http->answers["http://h/"] = {
            {status, {}, R"({"__type":"com.amazonaws#)" + code + R"(","message":"m"})"}};
        try {
            client.call("Kinesis_20131202.GetRecords", "{}");
        } catch (const AwsError& error) {
            EXPECT_EQ(error.serviceCode(), code);
            return error.kind();
        }
        ADD_FAILURE();
        return AwsErrorKind::Invalid;
    };
    EXPECT_EQ(kind(400, "ProvisionedThroughputExceededException"), AwsErrorKind::Throttled);
    EXPECT_EQ(kind(400, "LimitExceededException"), AwsErrorKind::Throttled);
    EXPECT_EQ(kind(400, "ExpiredIteratorException"), AwsErrorKind::ExpiredIterator);
    EXPECT_EQ(kind(403, "ExpiredTokenException"), AwsErrorKind::ExpiredToken);
    EXPECT_EQ(kind(400, "ResourceNotFoundException"), AwsErrorKind::NotFound);
    EXPECT_EQ(kind(400, "ResourceInUseException"), AwsErrorKind::InUse);
    EXPECT_EQ(kind(400, "AccessDeniedException"), AwsErrorKind::AccessDenied);
    EXPECT_EQ(kind(403, "InvalidSignatureException"), AwsErrorKind::AccessDenied);
    EXPECT_EQ(kind(500, "InternalFailure"), AwsErrorKind::Server);
    EXPECT_EQ(kind(400, "ValidationException"), AwsErrorKind::Invalid);
    EXPECT_EQ(awsErrorKind(503, "status 503"), AwsErrorKind::Server);

    Random random(1);
    http->answers["http://h/"] = {{500, {}, "oops"}, {503, {}, ""}, {200, {}, "fine"}};
    http->requests.clear();
    EXPECT_EQ(client.callRetrying("Kinesis_20131202.ListShards", "{}", {3, 1, 2}, random), "fine");
    EXPECT_EQ(http->header(2, "X-Amz-Target"), "Kinesis_20131202.ListShards");
    http->answers["http://h/"] = {{500, {}, ""}};
    http->requests.clear();
    EXPECT_THROW(client.callRetrying("Kinesis_20131202.ListShards", "{}", {3, 1, 2}, random), AwsError);
    EXPECT_EQ(http->requests.size(), 3U);
    http->answers.clear();
    try {
        client.call("Kinesis_20131202.ListShards", "{}");
        FAIL();
    } catch (const AwsError& error) {
        EXPECT_EQ(error.kind(), AwsErrorKind::Network);
    }
    for (int failures = 1; failures < 80; ++failures) {
        const int64_t delay = AwsRetries{50, 300, 1000}.delayMs(failures, random);
        EXPECT_GE(delay, failures == 1 ? 150 : failures == 2 ? 300 : 500);
        EXPECT_LE(delay, failures == 1 ? 300 : failures == 2 ? 600 : 1000);
    }
}

std::string bigEndianText(uint32_t value, size_t size) {
    std::string out;
    for (size_t i = 0; i < size; ++i)
        out += static_cast<char>(value >> (8 * (size - 1 - i)));
    return out;
}

std::string eventOf(const std::string& type, const std::string& payload) {
    const auto checksum = [](const std::string& bytes) {
        return bigEndianText(static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(bytes.data()),
                                                         static_cast<uInt>(bytes.size()))),
                             4);
    };
    const std::string name = ":event-type";
    const std::string headers = std::string(1, static_cast<char>(name.size())) + name + "\x07" +
                                bigEndianText(static_cast<uint32_t>(type.size()), 2) + type +
                                std::string("\x01z\x00", 3) + std::string("\x01n\x04", 3) + "1234";
    std::string message = bigEndianText(static_cast<uint32_t>(16 + headers.size() + payload.size()), 4) +
                          bigEndianText(static_cast<uint32_t>(headers.size()), 4);
    message += checksum(message) + headers + payload;
    return message + checksum(message);
}

TEST(AwsEventStream, eventsComeInPiecesAndWrongOnesAreFound) {
    const std::string bytes = eventOf("first", "abc") + eventOf("second", "");
    for (size_t piece = 1; piece < bytes.size(); ++piece) {
        AwsEventStream stream;
        std::string told;
        for (size_t at = 0; at < bytes.size(); at += piece) {
            stream.append(std::string_view(bytes).substr(at, piece));
            while (const auto event = stream.next())
                told += event->header(":event-type") + "=" + event->payload + event->header("none") + ";";
        }
        ASSERT_EQ(told, "first=abc;second=;");
    }
    for (size_t at = 0; at < bytes.size(); ++at) {  // any byte
        std::string wrong = bytes;
        wrong[at] = static_cast<char>(wrong[at] ^ 0x10);
        AwsEventStream stream;
        stream.append(wrong);
        EXPECT_THROW(
            {
                while (stream.next()) {
                }
            },
            UserError)
            << at;
    }
}

}  // namespace
}  // namespace millrace
