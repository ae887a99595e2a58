#include "base/aws_signing.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "base/error.h"
#include "base/file_system.h"

namespace millrace {
namespace {

std::string headerOf(const HttpClientRequest& request, const std::string& name) {
    for (const auto& [key, value] : request.headers)
        if (key == name) return value;
    return "";
}

EnvironmentLookup environmentOf(std::map<std::string, std::string> values) {
    return [values](const std::string& name) -> std::optional<std::string> {
        const auto at = values.find(name);
        if (at == values.end()) return std::nullopt;
        return at->second;
    };
}

// The examples AWS publishes: "get-vanilla" of the test suite, and "GET Object" of the S3 documentation.
TEST(AwsSigning, publishedExamples) {
    HttpClientRequest vanilla;
    vanilla.url = "https://example.amazonaws.com/";
    signAwsRequest(vanilla, {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""},
                   {"us-east-1", "service"}, 1440938160);
    EXPECT_EQ(headerOf(vanilla, "Authorization"),
              "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
              "SignedHeaders=host;x-amz-date, "
              "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");

    HttpClientRequest object;
    object.url = "https://examplebucket.s3.amazonaws.com/test.txt";
    object.headers = {{"Range", "bytes=0-9"}};
    signAwsRequest(object, {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""},
                   {"us-east-1", "s3"}, 1369353600);
    EXPECT_EQ(headerOf(object, "Authorization"),
              "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
              "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
              "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");

    HttpClientRequest listing;
    listing.url = "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J";
    signAwsRequest(listing, {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""},
                   {"us-east-1", "s3"}, 1369353600);
    EXPECT_TRUE(headerOf(listing, "Authorization")
                    .ends_with("Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

TEST(AwsSigning, credentialsFromTheEnvironmentThenTheProfile) {
    const auto direct = findAwsCredentials(environmentOf(
        {{"AWS_ACCESS_KEY_ID", "a"}, {"AWS_SECRET_ACCESS_KEY", "b"}, {"AWS_SESSION_TOKEN", "c"}}));
    ASSERT_TRUE(direct);
    EXPECT_EQ(direct->session_token, "c");
    EXPECT_FALSE(findAwsCredentials(environmentOf({})));

    char folder[] = "/tmp/millrace-credentials-XXXXXX";
    ASSERT_TRUE(mkdtemp(folder));
    const std::string path = std::string(folder) + "/credentials";
    writeFileAtomically(
        localFileSystem(), path,
        "# mine\n[default]\naws_access_key_id = one\naws_secret_access_key=two\n"
        "[other]\naws_access_key_id=three\naws_secret_access_key=four\naws_session_token=five\n[empty]\n");
    EXPECT_EQ(findAwsCredentials(environmentOf({{"AWS_SHARED_CREDENTIALS_FILE", path}}))->secret_access_key,
              "two");
    const auto other =
        findAwsCredentials(environmentOf({{"AWS_SHARED_CREDENTIALS_FILE", path}, {"AWS_PROFILE", "other"}}));
    EXPECT_EQ(other->access_key_id, "three");
    EXPECT_EQ(other->session_token, "five");
    EXPECT_THROW(
        findAwsCredentials(environmentOf({{"AWS_SHARED_CREDENTIALS_FILE", path}, {"AWS_PROFILE", "empty"}})),
        UserError);
    localFileSystem().removeRecursively(folder);
}

}  // namespace
}  // namespace millrace
