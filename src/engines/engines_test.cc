#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "base/file_system.h"
#include "base/http_server.h"
#include "engines/flink_rest_client.h"
#include "engines/native/cluster_limits.h"
#include "engines/native/native_engine.h"
#include "engines/process.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

// Answers by "METHOD target", as Apache Flink 1.20 does; remembers what came.
class FakeRest {
  public:
    FakeRest() : server_({}, [this](const HttpRequest& request) { return answer(request); }) {}
    void on(const std::string& request, int status, const std::string& body) {
        answers_[request] = {status, body};
    }
    std::string url() const { return "http://" + server_.address(); }
    std::string lastBody() {
        const std::lock_guard lock(mutex_);
        return last_body_;
    }

  private:
    HttpResponse answer(const HttpRequest& request) {
        const std::lock_guard lock(mutex_);
        last_body_ = request.body;
        HttpResponse response;
        const auto at = answers_.find(request.method + " " + request.target);
        if (at == answers_.end()) {
            response.status = 404;
            response.body = R"({"errors":["Not found: )" + request.target + R"("]})";
        } else {
            response.status = at->second.first;
            response.body = at->second.second;
        }
        return response;
    }

    std::mutex mutex_;
    std::map<std::string, std::pair<int, std::string>> answers_;
    std::string last_body_;
    HttpServer server_;
};

class FlinkRest : public testing::Test {
  protected:
    FakeRest rest;
    std::unique_ptr<HttpClient> http = makeCurlHttpClient();
    FlinkRestClient client{*http, rest.url()};
};

TEST_F(FlinkRest, readsAnswers) {
    rest.on("GET /overview", 200,
            R"({"taskmanagers":1,"slots-total":4,"slots-available":3,"jobs-running":1,"jobs-finished":2,
                "jobs-cancelled":3,"jobs-failed":4,"flink-version":"1.20.0","flink-commit":"x"})");
    const ClusterOverview overview = client.overview();
    EXPECT_EQ(overview.slots_total, 4);
    EXPECT_EQ(overview.jobs_failed, 4);
    EXPECT_EQ(overview.flink_version, "1.20.0");

    rest.on("GET /jobs", 200, R"({"jobs":[{"id":"a","status":"RUNNING"},{"id":"b","status":"FINISHED"}]})");
    EXPECT_EQ(client.jobs(), (std::map<std::string, std::string>{{"a", "RUNNING"}, {"b", "FINISHED"}}));

    rest.on("GET /jobs/a", 200,
            R"({"jid":"a","name":"flights","state":"FAILED","start-time":5,"duration":7,"plan":{"nodes":[]},
                "vertices":[{"id":"v","name":"Source","parallelism":2,"maxParallelism":128,"status":"RUNNING"}]})");
    const JobDetail job = client.job("a");
    EXPECT_EQ(job.name, "flights");
    EXPECT_TRUE(job.ended());
    EXPECT_FALSE(job.finished());
    ASSERT_EQ(job.vertices.size(), 1u);
    EXPECT_EQ(job.vertices[0].max_parallelism, 128);
    EXPECT_EQ(job.plan, R"({"nodes":[]})");

    rest.on("GET /jobs/a/checkpoints", 200,
            R"({"counts":{"restored":1,"total":9,"in_progress":1,"completed":7,"failed":1},
                "latest":{"completed":{"id":8,"external_path":"file:/x/chk-8"},"savepoint":null}})");
    EXPECT_EQ(client.checkpoints("a").completed, 7);
    EXPECT_EQ(client.checkpoints("a").latest_completed_path, "file:/x/chk-8");
    rest.on("GET /jobs/b/checkpoints", 200, R"({"counts":{"completed":0},"latest":{"completed":null}})");
    EXPECT_EQ(client.checkpoints("b").latest_completed_path, "");

    rest.on(
        "GET /jobs/a/exceptions", 200,
        R"({"exceptionHistory":{"entries":[{"exceptionName":"E","stacktrace":"E: why"}],"truncated":false}})");
    EXPECT_EQ(client.rootException("a"), "E: why");
    rest.on("GET /jobs/a/metrics?get=fullRestarts,lastCheckpointSize", 200,
            R"([{"id":"fullRestarts","value":"3"},{"id":"lastCheckpointSize","value":"12"}])");
    EXPECT_EQ(client.metrics("a", {"fullRestarts", "lastCheckpointSize"})["fullRestarts"], "3");
}

TEST_F(FlinkRest, savepoints) {
    rest.on("POST /jobs/a/savepoints", 202, R"({"request-id":"r1"})");
    EXPECT_EQ(client.triggerSavepoint("a", "/s"), "r1");
    EXPECT_EQ(Json::parse(rest.lastBody()), (Json{{"target-directory", "/s"}, {"cancel-job", false}}));
    rest.on("POST /jobs/a/stop", 202, R"({"request-id":"r2"})");
    EXPECT_EQ(client.stopWithSavepoint("a", "/s", true), "r2");
    EXPECT_EQ(Json::parse(rest.lastBody()), (Json{{"targetDirectory", "/s"}, {"drain", true}}));

    rest.on("GET /jobs/a/savepoints/r1", 200, R"({"status":{"id":"IN_PROGRESS"},"operation":null})");
    EXPECT_FALSE(client.savepointStatus("a", "r1").completed);
    rest.on("GET /jobs/a/savepoints/r1", 200,
            R"({"status":{"id":"COMPLETED"},"operation":{"location":"file:/s/1"}})");
    EXPECT_EQ(client.savepointStatus("a", "r1").location, "file:/s/1");
    rest.on(
        "GET /jobs/a/savepoints/r1", 200,
        R"({"status":{"id":"COMPLETED"},"operation":{"failure-cause":{"class":"C","stack-trace":"C: no"}}})");
    EXPECT_EQ(client.savepointStatus("a", "r1").failure, "C: no");
    EXPECT_EQ(client.savepointStatus("a", "r1").location, "");

    rest.on("PATCH /jobs/a?mode=cancel", 202, "{}");
    client.cancel("a");
}

TEST_F(FlinkRest, errorsSayWhatTheClusterSaid) {
    try {
        client.job("../x y");
        FAIL();
    } catch (const FlinkRestError& e) {
        EXPECT_EQ(e.status(), 404);
        EXPECT_NE(std::string(e.what()).find("Not found: /jobs/..%2Fx%20y"), std::string::npos) << e.what();
    }
    for (const char* nonsense : {"", "[]", "<html>", "{\"request-id\": 7}"}) {
        rest.on("POST /jobs/a/savepoints", 200, nonsense);
        EXPECT_THROW(client.triggerSavepoint("a", "/s"), FlinkRestError) << nonsense;
    }
    rest.on("GET /jobs/a", 200, R"({"jid":5,"state":null,"vertices":"none","start-time":"x"})");
    EXPECT_EQ(client.job("a").state, "");
}

TEST(Process, isKnownByMoreThanItsNumber) {
    const pid_t pid = fork();
    if (pid == 0) {
        for (;;)
            pause();
    }
    const auto process = identifyProcess(pid);
    ASSERT_TRUE(process);
    EXPECT_TRUE(isAlive(*process));
    ProcessIdentity earlier = *process;
    --earlier.start_time;
    EXPECT_FALSE(isAlive(earlier));
    EXPECT_FALSE(signalProcess(earlier, SIGKILL));
    EXPECT_TRUE(isAlive(*process));
    ProcessIdentity other_boot = *process;
    other_boot.boot_id = "another";
    EXPECT_FALSE(isAlive(other_boot));
    EXPECT_FALSE(awaitEnd(*process, 10));
    EXPECT_TRUE(signalProcess(*process, SIGKILL));
    EXPECT_TRUE(awaitEnd(*process, 5'000));
    EXPECT_FALSE(isAlive(*process));
    EXPECT_FALSE(watchProcess(*process).valid());
    EXPECT_EQ(waitpid(pid, nullptr, WNOHANG), -1) << "it was not reaped";
    EXPECT_FALSE(identifyProcess(1 << 30));
}

class NativeEngineTest : public testing::Test {
  protected:
    NativeEngineTest() {
        char path[] = "/tmp/millrace-engine-XXXXXX";
        folder_ = mkdtemp(path);
        spec_.application_name = "a";
        spec_.data_dir = folder_;
        spec_.application_folder = folder_ + "/applications/a";
        spec_.package_path = folder_ + "/package.json";
        spec_.ready_path = spec_.application_folder + "/ready.json";
    }
    ~NativeEngineTest() override {
        for (const auto& process : findProcesses({"--data-dir", folder_}))
            endProcess(process, 0);
        localFileSystem().removeRecursively(folder_);
    }
    std::unique_ptr<Engine> engineOf(const std::string& script) {
        const std::string path = folder_ + "/binary";
        writeFileAtomically(localFileSystem(), path, "#!/bin/bash\n" + script);
        chmod(path.c_str(), 0755);
        return makeNativeEngine(path);
    }
    std::optional<ReadyReport> report(Engine& engine) {
        const auto process = engine.launch(spec_);
        return engine.awaitReady(spec_, process, [] { return false; });
    }

    std::string folder_;
    ClusterSpec spec_;
};

TEST_F(NativeEngineTest, launchesAndEnds) {
    // The arguments are: cluster --application a --data-dir D --package P --rest A --ready-file F
    auto engine = engineOf(
        "echo \"$@\"; read -r _ _ _ _ _ session _ < /proc/$$/stat; [ $$ = $session ] || exit 8\n"
        "echo '{\"pid\": 1, \"port\": 4711, \"jobId\": \"j\"}' > ${11}.part; mv ${11}.part ${11}\n"
        "while true; do sleep 0.02; done\n");
    const auto process = engine->launch(spec_);
    const auto ready = engine->awaitReady(spec_, process, [] { return false; });
    ASSERT_TRUE(ready);
    EXPECT_EQ(ready->error_message, "");
    EXPECT_EQ(ready->port, 4711);
    EXPECT_EQ(ready->job_id, "j");
    EXPECT_TRUE(engine->isAlive(process));
    EXPECT_TRUE(engine->watch(process).valid());
    EXPECT_EQ(readFile(localFileSystem(), spec_.application_folder + "/log"),
              "cluster --application a --data-dir " + folder_ + " --package " + spec_.package_path +
                  " --rest 127.0.0.1:0 --ready-file " + spec_.ready_path + "\n");

    // Another engine (a service that was started again) that launches ends this one first: never two.
    auto other = makeNativeEngine(folder_ + "/binary");
    const auto second = other->launch(spec_);
    EXPECT_FALSE(engine->isAlive(process));
    EXPECT_TRUE(other->isAlive(second));
    other->end(spec_, 0);
    EXPECT_FALSE(other->isAlive(second));
    other->end(spec_, 0);  // again: nothing to do
}

TEST_F(NativeEngineTest, saysWhyThereIsNoCluster) {
    auto engine =
        engineOf("echo '{\"error\": {\"code\": \"sql.x\", \"message\": \"why\"}}' > ${11}; exit 1\n");
    EXPECT_EQ(report(*engine)->error_code, "sql.x");
    EXPECT_EQ(report(*engine)->error_message, "why");
    EXPECT_EQ(report(*engineOf("echo nonsense > ${11}\n"))->error_code, "cluster.bad-report");
    const auto silent = report(*engineOf("echo first; echo last words; exit 3\n"));
    EXPECT_EQ(silent->error_code, "cluster.ended");
    EXPECT_NE(silent->error_message.find("last words"), std::string::npos) << silent->error_message;
    EXPECT_THROW(makeNativeEngine(folder_ + "/none")->launch(spec_), UserError);
    bool asked = false;
    auto never = engineOf("while true; do sleep 0.02; done\n");
    const auto process = never->launch(spec_);
    EXPECT_FALSE(never->awaitReady(spec_, process, [&] { return std::exchange(asked, true); }));
}

TEST(ClusterLimits, sayWhatHolds) {
    const pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    char root[] = "/tmp/millrace-cgroup-XXXXXX";
    ASSERT_NE(mkdtemp(root), nullptr);
    // No cgroup v2: resource limits, and why.
    const ClusterLimits limits{2, int64_t{8} << 30, int64_t{100} << 30};
    EXPECT_EQ(applyClusterLimits(child, limits, "one", root),
              "resource limits (cgroup v2 has no memory and cpu controllers here)");
    rlimit data{}, core{};
    ASSERT_EQ(prlimit(child, RLIMIT_DATA, nullptr, &data), 0);
    EXPECT_EQ(data.rlim_max, static_cast<rlim_t>(limits.memory_bytes + limits.disk_bytes));
    ASSERT_EQ(prlimit(child, RLIMIT_CORE, nullptr, &core), 0);
    EXPECT_EQ(core.rlim_max, 0u);
    // A folder that looks like cgroup v2's root: what the kernel would be told.
    auto& files = localFileSystem();
    std::string own = root;
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);)
        if (line.starts_with("0::/") && line.size() > 4) own += line.substr(3);
    files.createFolders(own);
    writeFileAtomically(files, own + "/cgroup.controllers", "cpuset cpu io memory pids\n");
    writeFileAtomically(files, own + "/cgroup.subtree_control", "\n");
    const std::string folder = own + "/millrace-two";
    EXPECT_EQ(applyClusterLimits(child, limits, "two", root), "cgroup v2 " + folder);
    EXPECT_EQ(readFile(files, own + "/cgroup.subtree_control"), "+memory +cpu");
    EXPECT_EQ(readFile(files, folder + "/memory.max"), std::to_string(limits.memory_bytes));
    EXPECT_EQ(readFile(files, folder + "/cpu.max"), "200000 100000");
    EXPECT_EQ(readFile(files, folder + "/cgroup.procs"), std::to_string(child));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    files.removeRecursively(root);
}

}  // namespace
}  // namespace millrace
