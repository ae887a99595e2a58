// What the API accepts, refuses and answers, without clusters being started.
#include <zip.h>

#include <algorithm>
#include <mutex>

#include "base/http_server.h"
#include "base/source_file.h"
#include "service/action.h"
#include "service/shape.h"
#include "service/test_support.h"

namespace millrace {
namespace {

std::string zipOf(const std::vector<std::pair<std::string, std::string>>& files) {
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t* const out = zip_source_buffer_create(nullptr, 0, 0, &error);
    zip_source_keep(out);
    zip_t* const archive = zip_open_from_source(out, ZIP_TRUNCATE, &error);
    for (const auto& [name, content] : files)
        zip_file_add(archive, name.c_str(), zip_source_buffer(archive, content.data(), content.size(), 0),
                     ZIP_FL_ENC_UTF_8);
    zip_close(archive);
    zip_stat_t status;
    zip_source_stat(out, &status);
    std::string bytes(status.size, '\0');
    zip_source_open(out);
    EXPECT_EQ(zip_source_read(out, bytes.data(), bytes.size()), static_cast<zip_int64_t>(bytes.size()));
    zip_source_close(out);
    zip_source_free(out);
    return bytes;
}

class Api : public testing::Test {
  protected:
    Api() {
        service_ = std::make_unique<Service>(testConfiguration(folder_));
        service_->start();
        client_ = std::make_unique<TestClient>(service_->address());
    }
    Json request(const std::string& name) {
        return {{"ApplicationName", name},
                {"RuntimeEnvironment", "FLINK-1_20"},
                {"ServiceExecutionRole", "arn:aws:iam::123456789012:role/r"}};
    }
    Answer createWithCode(const std::string& name, const std::string& type, const Json& content) {
        Json input = request(name);
        input["ApplicationConfiguration"]["ApplicationCodeConfiguration"] = {{"CodeContentType", type},
                                                                             {"CodeContent", content}};
        return client_->call("CreateApplication", input);
    }
    Answer createWith(const std::string& member, const Json& value) {
        Json input = request("x");
        input[member] = value;
        return client_->call("CreateApplication", input);
    }

    TestFolder folder_;
    std::unique_ptr<Service> service_;
    std::unique_ptr<TestClient> client_;
};

TEST_F(Api, protocol) {
    auto& c = *client_;
    EXPECT_EQ(c.callRaw("KinesisAnalytics_20180523.NoSuchAction", "{}").type(), "UnknownOperationException");
    EXPECT_EQ(c.callRaw("DynamoDB_20120810.ListTables", "{}").type(), "UnknownOperationException");
    for (const char* bad : {"{", "[1]", "\"x\"", "nonsense", "{\"ApplicationName\": \"\xff\"}", "null"}) {
        const Answer answer = c.callRaw("KinesisAnalytics_20180523.DescribeApplication", bad);
        EXPECT_EQ(answer.status, 400) << bad;
        EXPECT_EQ(answer.type(), "SerializationException") << bad;
    }
    EXPECT_EQ(c.callRaw("KinesisAnalytics_20180523.ListApplications", "").status, 200);
    const std::string deep = "{\"x\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}";
    EXPECT_EQ(c.callRaw("KinesisAnalytics_20180523.ListApplications", deep).type(), "SerializationException");
    // What is not known is ignored, and null is as good as nothing.
    EXPECT_EQ(c.call("ListApplications", {{"NoSuchMember", {1, 2}}, {"Limit", nullptr}}).status, 200);
    EXPECT_EQ(c.call("ListApplications", {{"Limit", "ten"}}).type(), "SerializationException");
    EXPECT_EQ(c.call("ListApplications", {{"Limit", 1.5}}).type(), "SerializationException");
    EXPECT_EQ(c.call("ListApplications", {{"Limit", 51}}).type(), "InvalidArgumentException");
    EXPECT_EQ(c.call("ListApplications", {{"Limit", 18446744073709551615ull}}).type(),
              "SerializationException");
}

TEST_F(Api, actionsOfOtherRuntimes) {
    EXPECT_EQ(client_->call("DiscoverInputSchema", Json::object()).type(), "UnsupportedOperationException");
    EXPECT_EQ(client_->call("AddApplicationInput", Json::object()).type(), "InvalidRequestException");
}

TEST_F(Api, namesAndConstraints) {
    const auto message = [&](const std::string& member, const Json& value) {
        const Answer answer = createWith(member, value);
        EXPECT_EQ(answer.type(), "InvalidArgumentException") << member << " " << answer.body;
        return answer.message();
    };
    EXPECT_EQ(message("ApplicationName", "a b"),
              "1 validation error detected: Value 'a b' at 'applicationName' failed to satisfy constraint: "
              "Member must satisfy "
              "regular expression pattern: [a-zA-Z0-9_.-]+");
    EXPECT_NE(message("ApplicationName", "").find("length greater than or equal to 1"), std::string::npos);
    EXPECT_NE(message("ApplicationName", std::string(129, 'a')).find("length less than or equal to 128"),
              std::string::npos);
    EXPECT_NE(message("RuntimeEnvironment", "FLINK-9_9").find("enum value set: [SQL-1_0, "),
              std::string::npos);
    EXPECT_NE(message("ServiceExecutionRole", "role").find("arn:.*"), std::string::npos);
    EXPECT_NE(message("ServiceExecutionRole", nullptr).find("Value null at 'serviceExecutionRole'"),
              std::string::npos);
    EXPECT_EQ(createWith("ApplicationName", 5).type(), "SerializationException");
    EXPECT_EQ(client_->call("CreateApplication", Json::object()).message().substr(0, 30),
              "3 validation errors detected: ");
    const Json group{{"PropertyGroupId", "g"}, {"PropertyMap", {{"password", std::string(3000, 's')}}}};
    const std::string secret =
        message("ApplicationConfiguration", {{"EnvironmentProperties", {{"PropertyGroups", {group}}}}});
    EXPECT_NE(secret.find("propertyGroups.1.member.propertyMap.password"), std::string::npos) << secret;
    EXPECT_EQ(secret.find("ssss"), std::string::npos);
    message("ApplicationConfiguration",
            {{"FlinkApplicationConfiguration",
              {{"ParallelismConfiguration", {{"ConfigurationType", "CUSTOM"}, {"ParallelismPerKPU", 9}}}}}});
}

TEST_F(Api, whatIsNotSupportedSaysSo) {
    for (const char* runtime : {"SQL-1_0", "ZEPPELIN-FLINK-3_0"})
        EXPECT_EQ(createWith("RuntimeEnvironment", runtime).type(), "UnsupportedOperationException");
    EXPECT_EQ(createWith("ApplicationMode", "INTERACTIVE").type(), "UnsupportedOperationException");
    EXPECT_EQ(
        createWith("ApplicationConfiguration", {{"ApplicationEncryptionConfiguration",
                                                 {{"KeyType", "CUSTOMER_MANAGED_KEY"}, {"KeyId", "k"}}}})
            .type(),
        "UnsupportedOperationException");
    EXPECT_EQ(createWithCode("jar", "ZIPFILE",
                             {{"ZipFileContent",
                               encodeBase64(zipOf({{"META-INF/MANIFEST.MF", "Manifest-Version: 1.0"}}))}})
                  .type(),
              "UnsupportedOperationException");
    for (const char* runtime : {"FLINK-1_19", "FLINK-1_20", "FLINK-2_2", "MILLRACE-1_0"}) {
        Json input = request(runtime);
        input["RuntimeEnvironment"] = runtime;
        EXPECT_EQ(client_->must("CreateApplication", input)["ApplicationDetail"]["RuntimeEnvironment"],
                  runtime);
    }
}

TEST_F(Api, createTwice) {
    client_->create("a", "X");
    const Answer again = client_->call("CreateApplication", request("a"));
    EXPECT_EQ(again.type(), "ResourceInUseException");
    EXPECT_EQ(client_->call("DescribeApplication", {{"ApplicationName", "b"}}).type(),
              "ResourceNotFoundException");
    EXPECT_EQ(client_->call("ListApplicationSnapshots", {{"ApplicationName", "b"}}).type(),
              "InvalidArgumentException");
    EXPECT_EQ(client_->call("StopApplication", {{"ApplicationName", "a"}}).type(), "ResourceInUseException");
    EXPECT_EQ(
        client_->call("CreateApplicationSnapshot", {{"ApplicationName", "a"}, {"SnapshotName", "s"}}).type(),
        "InvalidRequestException");
    EXPECT_EQ(client_->call("DescribeApplicationOperation", {{"ApplicationName", "a"}, {"OperationId", "x"}})
                  .type(),
              "ResourceNotFoundException");
}

TEST_F(Api, anApplicationWithoutCodeDoesNotStart) {
    client_->must("CreateApplication", request("a"));
    EXPECT_EQ(client_->call("StartApplication", {{"ApplicationName", "a"}}).type(),
              "InvalidApplicationConfigurationException");
    EXPECT_EQ(client_->status("a"), "READY");
}

TEST_F(Api, listsInPages) {
    std::vector<std::string> names;
    for (int i = 0; i < 7; ++i) {
        names.push_back("app-" + std::to_string(i));
        client_->create(names.back(), "X");
    }
    std::vector<std::string> seen;
    Json input{{"Limit", 3}};
    for (int pages = 1;; ++pages) {
        const Json page = client_->must("ListApplications", input);
        for (const auto& summary : page["ApplicationSummaries"])
            seen.push_back(summary["ApplicationName"]);
        if (!page.contains("NextToken")) {
            EXPECT_EQ(pages, 3);
            break;
        }
        input["NextToken"] = page["NextToken"];
    }
    EXPECT_EQ(seen, names);
    for (const char* bad : {"x", "ZnJvbTo=", "!!!!"})
        EXPECT_EQ(
            client_->call("ListApplicationOperations", {{"ApplicationName", "app-1"}, {"NextToken", bad}})
                .type(),
            "InvalidArgumentException");
}

TEST_F(Api, defaultForcesDefaultsAndCustomFillsIn) {
    const Json given{
        {"FlinkApplicationConfiguration",
         {{"CheckpointConfiguration",
           {{"ConfigurationType", "DEFAULT"}, {"CheckpointingEnabled", false}, {"CheckpointInterval", 5}}},
          {"ParallelismConfiguration", {{"ConfigurationType", "CUSTOM"}, {"Parallelism", 4}}}}}};
    client_->create("a", "X", given);
    const Json flink = client_->describe(
        "a")["ApplicationConfigurationDescription"]["FlinkApplicationConfigurationDescription"];
    EXPECT_EQ(flink["CheckpointConfigurationDescription"]["CheckpointInterval"], 60000);
    EXPECT_EQ(flink["CheckpointConfigurationDescription"]["CheckpointingEnabled"], true);
    EXPECT_EQ(flink["ParallelismConfigurationDescription"], (Json{{"ConfigurationType", "CUSTOM"},
                                                                  {"Parallelism", 4},
                                                                  {"CurrentParallelism", 4},
                                                                  {"ParallelismPerKPU", 1},
                                                                  {"AutoScalingEnabled", true}}));
}

TEST_F(Api, codeInAZip) {
    const std::string zip = zipOf({{"b.sql", "INSERT"}, {"a.sql", "CREATE"}, {"README.md", "hello"}});
    const Answer made = createWithCode("zip", "ZIPFILE", {{"ZipFileContent", encodeBase64(zip)}});
    ASSERT_EQ(made.status, 200) << made.body;
    const Json code = made.body["ApplicationDetail"]["ApplicationConfigurationDescription"]
                               ["ApplicationCodeConfigurationDescription"];
    EXPECT_EQ(code["CodeContentType"], "ZIPFILE");
    EXPECT_EQ(code["CodeContentDescription"]["CodeSize"], zip.size());
    EXPECT_EQ(code["CodeContentDescription"]["CodeMD5"].get<std::string>().size(), 32u);
    client_->start("zip");
    EXPECT_EQ(client_->plan("zip")["package"]["files"], (Json{{"a.sql", "CREATE"}, {"b.sql", "INSERT"}}));

    const auto refused = [&](const Json& content) {
        return createWithCode("bad", "ZIPFILE", content).type();
    };
    EXPECT_EQ(refused({{"ZipFileContent", encodeBase64("not a zip")}}), "CodeValidationException");
    EXPECT_EQ(refused({{"ZipFileContent", encodeBase64(zipOf({{"../x.sql", "X"}}))}}),
              "CodeValidationException");
    EXPECT_EQ(refused({{"ZipFileContent", encodeBase64(zipOf({{"x.txt", "X"}}))}}),
              "CodeValidationException");
    EXPECT_EQ(refused({{"ZipFileContent", encodeBase64(zipOf({{"x.sql", "\xff\xfe"}}))}}),
              "CodeValidationException");
    EXPECT_EQ(refused({{"ZipFileContent", "a"}}), "SerializationException");
    EXPECT_EQ(refused({{"TextContent", "X"}}), "InvalidArgumentException");
    EXPECT_EQ(refused(Json::object()), "InvalidArgumentException");
    EXPECT_EQ(createWithCode("bad", "PLAINTEXT", {{"TextContent", std::string(102'401, 'x')}}).type(),
              "InvalidArgumentException");
    EXPECT_EQ(client_->status("bad"), "ResourceNotFoundException");
}

TEST_F(Api, codeInALocalBucket) {
    auto& files = localFileSystem();
    files.createFolders(folder_.path() + "/buckets/my-bucket/apps");
    writeFileAtomically(files, folder_.path() + "/buckets/my-bucket/apps/a.sql", "SELECT 1");
    const auto location = [](const std::string& key, const std::string& arn = "arn:aws:s3:::my-bucket") {
        return Json{{"S3ContentLocation", {{"BucketARN", arn}, {"FileKey", key}}}};
    };
    const Answer made = createWithCode("a", "PLAINTEXT", location("apps/a.sql"));
    ASSERT_EQ(made.status, 200) << made.body;
    const Json content = made.body["ApplicationDetail"]["ApplicationConfigurationDescription"]
                                  ["ApplicationCodeConfigurationDescription"]["CodeContentDescription"];
    EXPECT_EQ(content["S3ApplicationCodeLocationDescription"],
              (Json{{"BucketARN", "arn:aws:s3:::my-bucket"}, {"FileKey", "apps/a.sql"}}));
    EXPECT_FALSE(content.contains("TextContent"));
    // The version has its own copy: the object may change or go.
    files.remove(folder_.path() + "/buckets/my-bucket/apps/a.sql");
    client_->start("a");
    EXPECT_EQ(client_->plan("a")["package"]["sql"], "SELECT 1");

    const Answer missing = createWithCode("b", "PLAINTEXT", location("apps/none.sql"));
    EXPECT_EQ(missing.type(), "InvalidArgumentException");
    EXPECT_TRUE(
        missing.message().starts_with("Please check the role provided or validity of S3 location you "
                                      "provided. We are unable to get the specified fileKey: "
                                      "apps/none.sql in the specified bucket: arn:aws:s3:::my-bucket"))
        << missing.message();
    for (const char* key :
         {"../../millrace.db", "apps/../../../millrace.db", "/etc/passwd", "apps//a.sql", "."})
        EXPECT_EQ(createWithCode("b", "PLAINTEXT", location(key)).type(), "InvalidArgumentException") << key;
    for (const char* arn :
         {"arn:aws:s3:::..", "arn:aws:s3:::a/b", "arn:aws:s3", "arn:aws:sqs:::my-bucket", "arn:"})
        EXPECT_EQ(createWithCode("b", "PLAINTEXT", location("x", arn)).type(), "InvalidArgumentException")
            << arn;
}

TEST(ApiS3, codeBehindAnEndpoint) {
    std::mutex mutex;
    std::vector<std::string> targets;
    HttpServer s3({}, [&](const HttpRequest& request) {
        std::lock_guard lock(mutex);
        targets.push_back(request.target);
        HttpResponse response;
        if (request.path != "/my-bucket/a b/x.sql") response.status = 404;
        response.body = request.header("authorization") ? "signed" : "SELECT 2";
        return response;
    });
    TestFolder folder;
    auto configuration = testConfiguration(folder);
    configuration.s3_endpoint = "http://" + s3.address();
    Service service(configuration);
    service.start();
    TestClient client(service.address());
    const auto create = [&](const std::string& name, const std::string& key) {
        return client.call("CreateApplication", {{"ApplicationName", name},
                                                 {"RuntimeEnvironment", "FLINK-1_20"},
                                                 {"ServiceExecutionRole", "arn:aws:iam::123456789012:role/r"},
                                                 {"ApplicationConfiguration",
                                                  {{"ApplicationCodeConfiguration",
                                                    {{"CodeContentType", "PLAINTEXT"},
                                                     {"CodeContent",
                                                      {{"S3ContentLocation",
                                                        {{"BucketARN", "arn:aws:s3:::my-bucket"},
                                                         {"FileKey", key},
                                                         {"ObjectVersion", "v/1"}}}}}}}}}});
    };
    const Answer made = create("a", "a b/x.sql");
    EXPECT_EQ(made.status, 200) << made.body;
    EXPECT_EQ(targets.at(0), "/my-bucket/a%20b/x.sql?versionId=v%2F1");
    EXPECT_EQ(create("b", "none.sql").type(), "InvalidArgumentException");
    s3.stop();
    EXPECT_EQ(create("b", "a b/x.sql").type(), "InvalidArgumentException");
}

TEST(Actions, areDocumented) {
    const std::string page = readFile(localFileSystem(), sourceFile("docs/api.md"));
    std::vector<std::string> names;
    for (const auto& action : actionDescriptions()) {
        EXPECT_NE(page.find(action.name), std::string::npos) << action.name;
        EXPECT_TRUE(action.summary.ends_with(".")) << action.name;
        EXPECT_EQ(std::find(names.begin(), names.end(), action.name), names.end()) << action.name;
        names.push_back(action.name);
    }
}

TEST(Base64, bothWays) {
    for (const std::string text : {"", "a", "ab", "abc", "abcd", "\xff\x00\x10"})
        EXPECT_EQ(decodeBase64(encodeBase64(text), "x"), text);
    EXPECT_EQ(encodeBase64("hello"), "aGVsbG8=");
}

}  // namespace
}  // namespace millrace
