// For the service's tests: a service in a data folder of its own, whose clusters are
// tests/doubles/fake_cluster.py.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "base/file_system.h"
#include "base/http_client.h"
#include "base/source_file.h"
#include "engines/process.h"
#include "service/service.h"

namespace millrace {

using Json = nlohmann::json;

struct Answer {
    int status = 0;
    Json body;
    std::string type() const { return body.value("__type", ""); }
    std::string message() const { return body.value("Message", ""); }
};

class TestFolder {
  public:
    TestFolder() {
        char path[] = "/tmp/millrace-service-XXXXXX";
        path_ = mkdtemp(path);
    }
    ~TestFolder() {
        for (const auto& process : findProcesses({"--data-dir", path_}))
            endProcess(process, 0);
        localFileSystem().removeRecursively(path_);
    }
    TestFolder(const TestFolder&) = delete;
    TestFolder& operator=(const TestFolder&) = delete;
    const std::string& path() const { return path_; }
    std::vector<ProcessIdentity> clusters() const { return findProcesses({"--data-dir", path_}); }

  private:
    std::string path_;
};

inline ServiceConfiguration testConfiguration(const TestFolder& folder) {
    ServiceConfiguration configuration;
    configuration.listen = "127.0.0.1:0";
    configuration.data_dir = folder.path();
    configuration.cluster_binary = sourceFile("tests/doubles/fake_cluster.py");
    configuration.region = "eu-west-1";
    configuration.account_id = "123456789012";
    configuration.start_timeout_ms = 20'000;
    configuration.snapshot_timeout_ms = 20'000;
    configuration.stop_grace_ms = 5'000;
    configuration.restart_backoff_max_ms = 200;
    configuration.caretaker_pause_ms = 20;
    return configuration;
}

class TestClient {
  public:
    explicit TestClient(std::string address) : address_(std::move(address)), http_(makeCurlHttpClient()) {}

    Answer callRaw(const std::string& target, const std::string& body) {
        HttpClientRequest request;
        request.method = "POST";
        request.url = "http://" + address_ + "/";
        request.headers = {{"Content-Type", "application/x-amz-json-1.1"}, {"X-Amz-Target", target}};
        request.body = body;
        const auto response = http_->send(request);
        return {response.status, Json::parse(response.body)};
    }
    // A page beside the API.
    HttpClientResponse get(const std::string& path) {
        HttpClientRequest request;
        request.url = path.starts_with("http://") ? path : "http://" + address_ + path;
        return http_->send(request);
    }
    Answer call(const std::string& action, const Json& input) {
        return callRaw("KinesisAnalytics_20180523." + action, input.dump());
    }
    Json must(const std::string& action, const Json& input) {
        const Answer answer = call(action, input);
        EXPECT_EQ(answer.status, 200) << action << ": " << answer.body;
        return answer.body;
    }
    void create(const std::string& name, const std::string& sql, const Json& more = Json::object()) {
        Json configuration{{"ApplicationCodeConfiguration",
                            {{"CodeContentType", "PLAINTEXT"}, {"CodeContent", {{"TextContent", sql}}}}}};
        configuration.update(more);
        must("CreateApplication", {{"ApplicationName", name},
                                   {"RuntimeEnvironment", "FLINK-1_20"},
                                   {"ServiceExecutionRole", "arn:aws:iam::123456789012:role/r"},
                                   {"ApplicationConfiguration", configuration}});
    }
    Json describe(const std::string& name, bool additional = false) {
        return must("DescribeApplication", {{"ApplicationName", name},
                                            {"IncludeAdditionalDetails", additional}})["ApplicationDetail"];
    }
    std::string status(const std::string& name) {
        const Answer answer = call("DescribeApplication", {{"ApplicationName", name}});
        return answer.status == 200 ? answer.body["ApplicationDetail"]["ApplicationStatus"].get<std::string>()
                                    : answer.type();
    }
    // What the fake cluster tells of itself in the job's plan.
    Json plan(const std::string& name) {
        const Json detail = describe(name, true);
        const auto& flink =
            detail["ApplicationConfigurationDescription"]["FlinkApplicationConfigurationDescription"];
        return flink.contains("JobPlanDescription")
                   ? Json::parse(flink["JobPlanDescription"].get<std::string>())
                   : Json();
    }
    template <class Condition>
    bool eventually(Condition condition, int timeout_ms = 10'000) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
        while (!condition()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        return true;
    }
    bool reaches(const std::string& name, const std::string& wanted) {
        return eventually([&] { return status(name) == wanted; });
    }
    Json operation(const std::string& name, const std::string& id) {
        return must("DescribeApplicationOperation",
                    {{"ApplicationName", name}, {"OperationId", id}})["ApplicationOperationInfoDetails"];
    }
    // Waits for the operation's end and gives its details.
    Json finish(const std::string& name, const std::string& id) {
        EXPECT_TRUE(eventually([&] { return operation(name, id)["OperationStatus"] != "IN_PROGRESS"; }));
        return operation(name, id);
    }
    void start(const std::string& name, const Json& run = Json::object()) {
        const std::string id =
            must("StartApplication", {{"ApplicationName", name}, {"RunConfiguration", run}})["OperationId"];
        const Json details = finish(name, id);
        EXPECT_EQ(details["OperationStatus"], "SUCCESSFUL") << details;
        EXPECT_EQ(status(name), "RUNNING");
    }
    void stop(const std::string& name, bool force = false) {
        const std::string id =
            must("StopApplication", {{"ApplicationName", name}, {"Force", force}})["OperationId"];
        const Json details = finish(name, id);
        EXPECT_EQ(details["OperationStatus"], "SUCCESSFUL") << details;
        EXPECT_EQ(status(name), "READY");
    }
    // UpdateApplication with the present version; the answer's OperationId.
    Json update(const std::string& name, Json input) {
        input["ApplicationName"] = name;
        input["CurrentApplicationVersionId"] = describe(name)["ApplicationVersionId"];
        return must("UpdateApplication", input);
    }
    Json updateSql(const std::string& name, const std::string& sql, Json more = Json::object()) {
        more["ApplicationConfigurationUpdate"]["ApplicationCodeConfigurationUpdate"] = {
            {"CodeContentUpdate", {{"TextContentUpdate", sql}}}};
        return update(name, more);
    }
    Json operations(const std::string& name) {
        return must("ListApplicationOperations", {{"ApplicationName", name}})["ApplicationOperationInfoList"];
    }
    Json snapshots(const std::string& name) {
        return must("ListApplicationSnapshots", {{"ApplicationName", name}})["SnapshotSummaries"];
    }

  private:
    std::string address_;
    std::unique_ptr<HttpClient> http_;
};

class ServiceTest : public testing::Test {
  protected:
    ServiceTest() { begin(); }
    void begin() {
        service_ = std::make_unique<Service>(configuration_);
        service_->start();
        client_ = std::make_unique<TestClient>(service_->address());
    }
    void restartService() {
        service_->stop();
        service_.reset();
        begin();
    }

    TestFolder folder_;
    ServiceConfiguration configuration_ = testConfiguration(folder_);
    std::unique_ptr<Service> service_;
    std::unique_ptr<TestClient> client_;
};

}  // namespace millrace
