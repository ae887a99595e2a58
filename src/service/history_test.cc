// Concurrent clients of one application, with operations that are cut off at random points between their
// steps and runners that come and go: whatever happens, versions have a legal order and nothing is left over.
//
// MILLRACE_HISTORIES says how many histories (200), MILLRACE_HISTORY_SEED with which seed to begin.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/file_system.h"
#include "base/random.h"
#include "service/dispatcher.h"
#include "service/health.h"
#include "service/operation_runner.h"
#include "service/presigned_urls.h"
#include "service/request_counters.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

// Clusters as entries of a table. Code with the word BAD cannot be planned, with LATE cannot be started.
class SimulatedClusters final : public Engine, public HttpClient {
  public:
    std::string name() const override { return "simulated"; }
    std::string release() const override { return "1"; }

    ProcessIdentity launch(const ClusterSpec& spec) override {
        std::lock_guard lock(mutex_);
        for (auto& [pid, cluster] : clusters_)
            cluster.alive = false;
        return add(spec);
    }
    ProcessIdentity prepare(const ClusterSpec& spec) override {
        std::lock_guard lock(mutex_);
        endIf([&](const Cluster& cluster) { return cluster.package == spec.package_path; });
        return add(spec);
    }
    std::optional<ReadyReport> awaitPrepared(const ClusterSpec& spec, const ProcessIdentity& process,
                                             const std::function<bool()>& interrupted) override {
        return report(spec, process, interrupted, "BAD");
    }
    void activate(const ClusterSpec& spec, const std::string&) override {
        std::lock_guard lock(mutex_);
        endIf([&](const Cluster& cluster) { return cluster.package != spec.package_path; });
    }
    std::optional<ReadyReport> awaitReady(const ClusterSpec& spec, const ProcessIdentity& process,
                                          const std::function<bool()>& interrupted) override {
        return report(spec, process, interrupted, "LATE");
    }
    bool isAlive(const ProcessIdentity& process) override {
        std::lock_guard lock(mutex_);
        return clusters_[process.pid].alive;
    }
    FileDescriptor watch(const ProcessIdentity&) override { return {}; }
    void end(const ClusterSpec&, int) override {
        std::lock_guard lock(mutex_);
        endIf([](const Cluster&) { return true; });
    }
    void endDeployment(const ClusterSpec& spec) override {
        std::lock_guard lock(mutex_);
        endIf([&](const Cluster& cluster) { return cluster.package == spec.package_path; });
    }

    HttpClientResponse send(const HttpClientRequest& request) override {
        const std::filesystem::path path(request.url.substr(std::string("http://127.0.0.1:").size()));
        std::vector<std::string> parts;
        for (const auto& part : path)
            parts.push_back(part.string());
        std::lock_guard lock(mutex_);
        Cluster& cluster = clusters_[std::stoll(parts.at(0))];
        if (!cluster.alive) throw UserError("http.unreachable", "nobody is there");
        const std::string what = parts.size() > 3 ? parts[3] : "";
        if (what.empty())
            return json({{"jid", parts[2]},
                         {"state", cluster.finished ? "FINISHED" : "RUNNING"},
                         {"vertices", Json::array()}});
        if (request.method == "POST" && (what == "stop" || what == "savepoints")) {
            const Json body = Json::parse(request.body);
            const std::string folder =
                body.value("targetDirectory", body.value("target-directory", "")) + "/savepoint";
            std::filesystem::create_directories(folder);
            std::ofstream(folder + "/_metadata") << "whole";
            cluster.savepoint = folder;
            cluster.finished = what == "stop";
            return json({{"request-id", "1"}});
        }
        if (what == "savepoints")
            return json(
                {{"status", {{"id", "COMPLETED"}}}, {"operation", {{"location", cluster.savepoint}}}});
        return json({{"errors", {"not found"}}}, 404);
    }

    std::vector<int64_t> alive() {
        std::lock_guard lock(mutex_);
        std::vector<int64_t> all;
        for (const auto& [pid, cluster] : clusters_)
            if (cluster.alive) all.push_back(pid);
        return all;
    }

  private:
    struct Cluster {
        std::string package;
        std::string code;
        std::string savepoint;
        bool alive = false;
        bool finished = false;
    };

    static HttpClientResponse json(const Json& body, int status = 200) { return {status, {}, body.dump()}; }

    ProcessIdentity add(const ClusterSpec& spec) {
        const int64_t pid = 1000 + static_cast<int64_t>(clusters_.size());
        const Json package = Json::parse(readFile(localFileSystem(), spec.package_path));
        clusters_[pid] = {spec.package_path, package.at("sql"), "", true, false};
        return {pid, pid, "boot"};
    }
    template <class Condition>
    void endIf(Condition condition) {
        for (auto& [pid, cluster] : clusters_)
            if (condition(cluster)) cluster.alive = false;
    }
    std::optional<ReadyReport> report(const ClusterSpec&, const ProcessIdentity& process,
                                      const std::function<bool()>& interrupted, const char* fails_with) {
        if (interrupted()) return std::nullopt;
        std::lock_guard lock(mutex_);
        const Cluster& cluster = clusters_[process.pid];
        ReadyReport ready;
        if (!cluster.alive || cluster.code.find(fails_with) != std::string::npos) {
            ready.error_code = "simulated";
            ready.error_message = cluster.alive ? "it cannot" : "it has ended";
            return ready;
        }
        ready.port = static_cast<uint16_t>(process.pid);
        ready.job_id = fmt::format("job{}", process.pid);
        return ready;
    }

    std::mutex mutex_;
    std::map<int64_t, Cluster> clusters_;
};

// One application, its service and its clients.
class History {
  public:
    History(uint64_t seed, std::string folder)
        : seed_(seed),
          configuration_(configurationOf(folder)),
          folder_(folder),
          store_(":memory:"),
          blobs_(folder_.blobs()),
          urls_(folder_.presignedKey()),
          context_{configuration_, systemClock(), folder_,   store_,
                   blobs_,         clusters_,     clusters_, [](const std::string&) { return std::nullopt; },
                   urls_,          health_,       requests_, [this] { changed(); }} {
        restartRunner();
    }

    void run() {
        must("CreateApplication",
             {{"ApplicationName", "a"},
              {"RuntimeEnvironment", "FLINK-1_20"},
              {"ServiceExecutionRole", "arn:aws:iam::123456789012:role/r"},
              {"ApplicationConfiguration",
               {{"ApplicationSystemRollbackConfiguration", {{"RollbackEnabled", seed_ % 2 == 0}}},
                {"ApplicationCodeConfiguration",
                 {{"CodeContentType", "PLAINTEXT"}, {"CodeContent", {{"TextContent", "GOOD"}}}}}}}});
        must("StartApplication", {{"ApplicationName", "a"}});
        std::vector<std::thread> clients;
        for (uint64_t client = 0; client < kClients; ++client)
            clients.emplace_back([this, client] { act(Random(seed_ * kClients + client)); });
        for (int i = 0; i < 3; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
            restartRunner();
        }
        for (auto& client : clients)
            client.join();
        cutting_ = false;
        restartRunner();
        ASSERT_TRUE(runner_->awaitIdle(20'000)) << "seed " << seed_ << ": operations do not end";
        check();
    }

    int64_t cuts() const { return cuts_; }
    int64_t changes() const { return static_cast<int64_t>(changes_.size()); }

  private:
    static constexpr uint64_t kClients = 3;
    struct Change {
        std::string token;  // the change was asked for with
        int64_t from = 0;   // the version shown with that token
        int64_t to = 0;
    };

    ServiceConfiguration configurationOf(const std::string& folder) {
        ServiceConfiguration configuration;
        configuration.data_dir = folder;
        configuration.region = "eu-west-1";
        configuration.account_id = "123456789012";
        configuration.snapshot_timeout_ms = 5'000;
        // As if the service had been killed there: the operation is left as it is, and gone on with later.
        configuration.fault_point = [this](const std::string&) {
            uint64_t state = seed_ * 7919 + static_cast<uint64_t>(points_++);
            if (!cutting_ || Random(state).unit() >= 0.15) return;
            ++cuts_;
            throw OperationInterrupted{false};
        };
        return configuration;
    }

    void changed() {
        std::lock_guard lock(runner_mutex_);
        if (runner_) runner_->schedule();
    }
    void restartRunner() {
        std::lock_guard lock(runner_mutex_);
        runner_.reset();
        runner_.emplace(context_, [] {});
        runner_->schedule();
    }

    HttpResponse call(const std::string& action, const Json& input) {
        HttpRequest request;
        request.method = "POST";
        request.path = "/";
        request.headers = {{"X-Amz-Target", "KinesisAnalytics_20180523." + action}};
        request.body = input.dump();
        return dispatch(context_, request);
    }
    Json must(const std::string& action, const Json& input) {
        const HttpResponse answer = call(action, input);
        EXPECT_EQ(answer.status, 200) << "seed " << seed_ << ": " << answer.body;
        return Json::parse(answer.body);
    }

    void act(Random random) {
        for (int i = 0; i < 6; ++i) {
            const Json detail = must("DescribeApplication", {{"ApplicationName", "a"}})["ApplicationDetail"];
            const int64_t version = detail["ApplicationVersionId"];
            switch (random.below(8)) {
                case 0:
                case 1:
                case 2:
                    update(detail, random.below(4));
                    break;
                case 3:
                    call("RollbackApplication",
                         {{"ApplicationName", "a"}, {"CurrentApplicationVersionId", version}});
                    break;
                case 4:
                    call("StopApplication", {{"ApplicationName", "a"}, {"Force", random.chance(0.5)}});
                    break;
                case 5:
                case 6:
                    call("StartApplication", {{"ApplicationName", "a"}});
                    break;
                case 7:
                    call("CreateApplicationSnapshot",
                         {{"ApplicationName", "a"}, {"SnapshotName", fmt::format("s{}", names_++)}});
                    break;
            }
            if (random.chance(0.5)) std::this_thread::sleep_for(std::chrono::milliseconds(random.below(4)));
        }
    }

    void update(const Json& detail, uint64_t kind) {
        const char* const code = kind == 0 ? "BAD" : kind == 1 ? "LATE" : "GOOD";
        const HttpResponse answer =
            call("UpdateApplication", {{"ApplicationName", "a"},
                                       {"ConditionalToken", detail["ConditionalToken"]},
                                       {"ApplicationConfigurationUpdate",
                                        {{"ApplicationCodeConfigurationUpdate",
                                          {{"CodeContentUpdate", {{"TextContentUpdate", code}}}}}}}});
        if (answer.status != 200) return;
        const Json next = Json::parse(answer.body)["ApplicationDetail"];
        std::lock_guard lock(changes_mutex_);
        changes_.push_back(
            {detail["ConditionalToken"], detail["ApplicationVersionId"], next["ApplicationVersionId"]});
    }

    void check() {
        SCOPED_TRACE(fmt::format("seed {}", seed_));
        const Application application = *store_.findApplication("a");
        // Each change was made to what its caller had seen, and to nobody else's change of it.
        std::set<std::string> tokens;
        std::set<int64_t> given;
        for (const auto& change : changes_) {
            EXPECT_TRUE(tokens.insert(change.token).second) << "two changes of one state";
            EXPECT_TRUE(given.insert(change.to).second) << "version " << change.to << " was given twice";
            EXPECT_EQ(store_.findVersion(application.id, change.to)->updated_from, change.from);
            EXPECT_LT(change.from, change.to);
        }
        // Versions are numbered without a gap, and the one shown is one of them.
        const auto versions = store_.listVersions(application.id, std::nullopt, 1000);
        ASSERT_EQ(static_cast<int64_t>(versions.size()), application.version_id_max);
        EXPECT_EQ(versions.size(), changes_.size() + 1);
        EXPECT_TRUE(store_.findVersion(application.id, application.version_id));
        // All is at rest, and what runs is what is shown.
        const auto alive = clusters_.alive();
        const auto cluster = store_.findCluster(application.id);
        if (application.status == ApplicationStatus::Running) {
            ASSERT_TRUE(cluster);
            EXPECT_EQ(alive, (std::vector<int64_t>{cluster->process.pid}));
            EXPECT_EQ(cluster->version_id, application.version_id);
        } else {
            EXPECT_TRUE(application.idle()) << toText(application.status);
            EXPECT_TRUE(alive.empty());
            EXPECT_FALSE(cluster);
        }
        for (const auto& snapshot : store_.listSnapshots(application.id, std::nullopt, 1000)) {
            EXPECT_NE(snapshot.status, SnapshotStatus::Creating) << snapshot.name;
            if (snapshot.status != SnapshotStatus::Ready) continue;
            EXPECT_TRUE(localFileSystem().exists(snapshot.location + "/_metadata")) << snapshot.name;
        }
        // One cluster is metered at a time, and only while there is one.
        const auto usage = store_.listUsage("a", 0, INT64_MAX);
        for (size_t i = 0; i + 1 < usage.size(); ++i) {
            ASSERT_TRUE(usage[i].end_ms);
            EXPECT_LE(*usage[i].end_ms, usage[i + 1].start_ms);
        }
        if (!usage.empty()) {
            EXPECT_EQ(usage.back().end_ms.has_value(), !cluster.has_value());
        }
    }

    const uint64_t seed_;
    std::atomic<int64_t> points_{0}, cuts_{0}, names_{0};
    std::atomic<bool> cutting_{true};
    const ServiceConfiguration configuration_;
    DataFolder folder_;
    Store store_;
    BlobStore blobs_;
    SimulatedClusters clusters_;
    PresignedUrls urls_;
    HealthBoard health_;
    RequestCounters requests_;
    std::mutex changes_mutex_;
    std::vector<Change> changes_;
    std::mutex runner_mutex_;
    ServiceContext context_;
    std::optional<OperationRunner> runner_;
};

int64_t environmentNumber(const char* name, int64_t otherwise) {
    const char* const text = std::getenv(name);
    return text != nullptr ? std::atoll(text) : otherwise;
}

TEST(Histories, ofConcurrentClientsAreLegal) {
    const int64_t histories = environmentNumber("MILLRACE_HISTORIES", 200);
    const int64_t first = environmentNumber("MILLRACE_HISTORY_SEED", 1);
    char folder[] = "/tmp/millrace-histories-XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    int64_t cuts = 0, changes = 0;
    for (int64_t seed = first; seed < first + histories && !testing::Test::HasFailure(); ++seed) {
        const std::string own = fmt::format("{}/{}", folder, seed);
        {
            History history(static_cast<uint64_t>(seed), own);
            history.run();
            cuts += history.cuts();
            changes += history.changes();
        }
        std::filesystem::remove_all(own);
    }
    std::filesystem::remove_all(folder);
    // A run in which nothing was cut off, or changed, proves nothing; on a busy machine it is less.
    EXPECT_GT(cuts, histories / 2);
    EXPECT_GT(changes, histories / 4);
    std::printf("%ld histories, %ld versions, %ld cuts\n", histories, changes, cuts);
}

}  // namespace
}  // namespace millrace
