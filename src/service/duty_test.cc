// What the service does by itself for applications that run, and the pages beside the API.
#include <algorithm>
#include <sstream>

#include "base/error.h"
#include "base/source_file.h"
#include "service/presigned_urls.h"
#include "service/service_settings.h"
#include "service/test_support.h"

namespace millrace {
namespace {

class DutyTest : public ServiceTest {
  protected:
    void create(const std::string& sql, const Json& settings, const Json& more = Json::object()) {
        Json configuration{
            {"EnvironmentProperties",
             {{"PropertyGroups", {{{"PropertyGroupId", "millrace"}, {"PropertyMap", settings}}}}}}};
        configuration.update(more);
        client_->create("a", sql, configuration);
    }
    int64_t parallelism() {
        return client_->describe(
            "a")["ApplicationConfigurationDescription"]["FlinkApplicationConfigurationDescription"]
                ["ParallelismConfigurationDescription"]["CurrentParallelism"];
    }
    bool sees(const std::string& operation, const std::string& status = "SUCCESSFUL") {
        return client_->eventually([&] {
            const Json all = client_->operations("a");
            return std::any_of(all.begin(), all.end(), [&](const Json& one) {
                return one["Operation"] == operation && one["OperationStatus"] == status;
            });
        });
    }
    bool health(const std::string& status, const std::string& reason = "") {
        return client_->eventually(
            [&] {
                const Json health = client_->describe("a").value("Health", Json());
                return health.is_object() && health["Status"] == status &&
                       health["Reasons"].dump().find(reason) != std::string::npos;
            },
            30'000);
    }
};

TEST_F(DutyTest, scalesUpWhileBusyAndDownWhileIdle) {
    auto& c = *client_;
    create("BUSY IDLE_AT_2", {{"autoscaling.point", "150 ms"},
                              {"autoscaling.up.cpu", "8"},
                              {"autoscaling.up.points", "2"},
                              {"autoscaling.down.cpu", "4"},
                              {"autoscaling.down.points", "3"},
                              {"autoscaling.cooldown", "0 s"},
                              {"autoscaling.parallelism-max", "2"}});
    c.start("a");
    EXPECT_EQ(parallelism(), 1);
    EXPECT_TRUE(c.eventually([&] { return parallelism() == 2 && c.status("a") == "RUNNING"; }));
    EXPECT_EQ(c.describe("a")["ApplicationVersionId"], 1);
    EXPECT_TRUE(sees("AutoscaleApplication"));
    // The lowest is what the configuration says; it is idle at two, so it goes back to it.
    EXPECT_TRUE(c.eventually([&] {
        const Json all = c.operations("a");
        return std::count_if(all.begin(), all.end(),
                             [](const Json& one) { return one["Operation"] == "AutoscaleApplication"; }) >= 2;
    }));
    EXPECT_TRUE(c.eventually([&] { return c.status("a") == "RUNNING"; }));
    EXPECT_NE(c.plan("a")["restored"], nullptr);
}

TEST_F(DutyTest, scalesUpWhileASourceLagsOrATaskStandsUnderBackPressure) {
    auto& c = *client_;
    const Json quick{{"autoscaling.point", "50 ms"},
                     {"autoscaling.up.cpu", "100"},
                     {"autoscaling.up.points", "2"},
                     {"autoscaling.cooldown", "0 s"},
                     {"autoscaling.parallelism-max", "8"}};
    for (const auto& [name, word, key, limit, not_reached] :
         {std::tuple("lag", "LAGGING", "autoscaling.up.lag", "5000", "5001"),
          std::tuple("pressure", "BACK_PRESSURED", "autoscaling.up.back-pressure", "80", "81")}) {
        for (const char* at : {limit, not_reached}) {
            const std::string application = fmt::format("{}-{}", name, at);
            Json settings = quick;
            settings[key] = at;
            c.create(
                application, word,
                {{"EnvironmentProperties",
                  {{"PropertyGroups", {{{"PropertyGroupId", "millrace"}, {"PropertyMap", settings}}}}}}});
            c.start(application);
        }
        const auto chosen = [&](const char* at) {
            return c.describe(fmt::format(
                "{}-{}", name,
                at))["ApplicationConfigurationDescription"]["FlinkApplicationConfigurationDescription"]
                    ["ParallelismConfigurationDescription"]["CurrentParallelism"];
        };
        EXPECT_TRUE(c.eventually([&] { return chosen(limit) == 2; })) << name;
        EXPECT_TRUE(c.reaches(fmt::format("{}-{}", name, limit), "RUNNING"));
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
        EXPECT_EQ(chosen(limit), 2) << "it lags no more";
        EXPECT_EQ(chosen(not_reached), 1) << name;
    }
}

TEST_F(DutyTest, doesNotScaleWhatIsNotToBeScaled) {
    auto& c = *client_;
    create(
        "BUSY",
        {{"autoscaling.point", "50 ms"},
         {"autoscaling.up.cpu", "1"},
         {"autoscaling.up.points", "1"},
         {"autoscaling.cooldown", "0 s"}},
        {{"FlinkApplicationConfiguration",
          {{"ParallelismConfiguration", {{"ConfigurationType", "CUSTOM"}, {"AutoScalingEnabled", false}}}}}});
    c.start("a");
    std::this_thread::sleep_for(std::chrono::milliseconds(600));
    EXPECT_EQ(c.operations("a").size(), 1u);
    EXPECT_EQ(parallelism(), 1);
}

TEST_F(DutyTest, takesSnapshotsOnScheduleAndKeepsTheLatest) {
    auto& c = *client_;
    create("X", {{"snapshots.interval", "1 s"}, {"snapshots.retain", "2"}});
    c.start("a");
    EXPECT_TRUE(sees("DeleteApplicationSnapshot"));
    const Json all = c.snapshots("a");
    EXPECT_LE(all.size(), 4u);
    EXPECT_EQ(all[all.size() - 1]["SnapshotName"].get<std::string>().find("scheduled-"), 0u);
    EXPECT_EQ(c.status("a"), "RUNNING");
}

TEST_F(DutyTest, rollsBackAnUpdateThatFallsIntoARestartLoop) {
    auto& c = *client_;
    create("X", {{"system-rollback.restart-loop", "true"}},
           {{"ApplicationSystemRollbackConfiguration", {{"RollbackEnabled", true}}}});
    c.start("a");
    EXPECT_TRUE(c.eventually([&] { return c.plan("a")["count"] >= 3; }));
    EXPECT_EQ(c.finish("a", c.updateSql("a", "RESTARTING")["OperationId"])["OperationStatus"], "SUCCESSFUL");
    EXPECT_TRUE(sees("SystemRollbackApplication"));
    EXPECT_TRUE(c.reaches("a", "RUNNING"));
    EXPECT_EQ(c.describe("a")["ApplicationVersionId"], 1);
    EXPECT_EQ(c.plan("a")["package"]["sql"], "X");
    EXPECT_GE(c.plan("a")["count"], 3);
}

TEST_F(DutyTest, healthSaysWhy) {
    auto& c = *client_;
    create("X", {{"snapshots.retain", "1"}});
    EXPECT_FALSE(c.describe("a").contains("Health"));
    c.start("a");
    EXPECT_TRUE(health("HEALTHY"));
    c.finish("a", c.updateSql("a", "FAILING_TASK")["OperationId"]);
    EXPECT_TRUE(health("UNHEALTHY", "the task 'Source' is FAILING"));
    c.stop("a");
    EXPECT_FALSE(c.describe("a").contains("Health"));
}

TEST_F(DutyTest, healthIsMoreThanTasksThatRun) {
    auto& c = *client_;
    create("STILL_WATERMARK FAILING_CHECKPOINTS", {{"health.watermark-timeout", "1 s"}});
    c.start("a");
    EXPECT_TRUE(health("UNHEALTHY", "checkpoints in a row have failed"));
    EXPECT_TRUE(health("UNHEALTHY", "the watermark of 'Source' has not advanced for "));
    c.finish("a", c.updateSql("a", "X")["OperationId"]);
    EXPECT_TRUE(health("HEALTHY"));
}

TEST_F(DutyTest, anotherReleaseIsPutInPlaceInTheMaintenanceWindow) {
    service_->stop();
    service_.reset();
    // A program of its own, so that there can be another release of it.
    auto& files = localFileSystem();
    const std::string program = folder_.path() + "/fake_cluster.py";
    const std::string text = readFile(files, configuration_.cluster_binary);
    writeFileAtomically(files, program, text);
    ASSERT_EQ(chmod(program.c_str(), 0755), 0);
    configuration_.cluster_binary = program;
    begin();
    auto& again = *client_;
    create("X", {{"snapshots.retain", "1"}});
    const auto window = [&](int64_t hours_from_now) {
        const int64_t hour = (std::time(nullptr) / 3600 + hours_from_now) % 24;
        again.must("UpdateApplicationMaintenanceConfiguration",
                   {{"ApplicationName", "a"},
                    {"ApplicationMaintenanceConfigurationUpdate",
                     {{"ApplicationMaintenanceWindowStartTimeUpdate", fmt::format("{:02}:00", hour)}}}});
    };
    window(10);
    again.start("a");
    const auto before = folder_.clusters();
    writeFileAtomically(files, program, text + "# another release\n");
    ASSERT_EQ(chmod(program.c_str(), 0755), 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    EXPECT_EQ(folder_.clusters(), before);
    window(23);  // began an hour ago
    EXPECT_TRUE(sees("ApplicationMaintenance"));
    EXPECT_TRUE(again.reaches("a", "RUNNING"));
    EXPECT_NE(folder_.clusters(), before);
    EXPECT_NE(again.plan("a")["restored"], nullptr);
}

TEST_F(DutyTest, oneThatTakesTooMuchMemoryIsRestartedAndHurtsNobody) {
    service_->stop();
    service_.reset();
    configuration_.memory_per_kpu = int64_t{120} << 20;
    begin();
    auto& c = *client_;
    c.create("modest", "X");
    c.start("modest");
    create("HUNGRY", {{"snapshots.retain", "1"}});
    c.start("a");
    EXPECT_TRUE(c.eventually([&] {
        const Json plan = c.plan("a");
        return !plan.is_null() && plan["package"]["fullRestarts"] >= 1;
    }));
    EXPECT_EQ(c.status("a"), "RUNNING");
    EXPECT_EQ(c.plan("modest")["package"]["fullRestarts"], 0);
    c.stop("a", true);
}

TEST_F(DutyTest, settingsAreCheckedWhenAVersionIsMade) {
    auto& c = *client_;
    create("X", {{"snapshots.interval", "1 h"}});
    for (const auto& [key, value] :
         {std::pair("snapshots.intervall", "1 h"), std::pair("snapshots.interval", "soon"),
          std::pair("autoscaling.up.points", "0"), std::pair("engine", "spark")}) {
        const Answer answer =
            c.call("UpdateApplication",
                   {{"ApplicationName", "a"},
                    {"CurrentApplicationVersionId", 1},
                    {"ApplicationConfigurationUpdate",
                     {{"EnvironmentPropertyUpdates",
                       {{"PropertyGroups",
                         {{{"PropertyGroupId", "millrace"}, {"PropertyMap", {{key, value}}}}}}}}}}});
        EXPECT_EQ(answer.type(), "InvalidApplicationConfigurationException") << key;
        EXPECT_NE(answer.message().find(key), std::string::npos) << answer.message();
    }
    EXPECT_EQ(c.describe("a")["ApplicationVersionId"], 1);
    const std::string page = readFile(localFileSystem(), sourceFile("docs/service-settings.md"));
    for (const auto& option : serviceSettingsOptions())
        EXPECT_NE(page.find("| `" + option.key + "` |"), std::string::npos) << option.key;
}

TEST_F(DutyTest, whatRanIsMetered) {
    auto& c = *client_;
    create("X", {{"snapshots.retain", "1"}},
           {{"FlinkApplicationConfiguration",
             {{"ParallelismConfiguration", {{"ConfigurationType", "CUSTOM"}, {"Parallelism", 3}}}}}});
    c.start("a");
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    c.finish("a", c.updateSql("a", "Y")["OperationId"]);
    c.stop("a");
    c.must("DeleteApplication",
           {{"ApplicationName", "a"}, {"CreateTimestamp", c.describe("a")["CreateTimestamp"]}});
    EXPECT_TRUE(c.reaches("a", "ResourceNotFoundException"));
    const Json body = Json::parse(c.get("/usage?application=a").body);
    const Json& usage = body["usage"];
    ASSERT_EQ(usage.size(), 2u);  // of each version, and one cluster at a time
    EXPECT_EQ(usage[0]["version"], 1);
    EXPECT_EQ(usage[1]["version"], 2);
    EXPECT_EQ(usage[0]["kpus"], 3);
    EXPECT_LE(usage[0]["endMs"], usage[1]["startMs"]);
    EXPECT_GE(usage[0]["seconds"], 0.3);
    EXPECT_DOUBLE_EQ(body["kpuSeconds"].get<double>(),
                     usage[0]["kpuSeconds"].get<double>() + usage[1]["kpuSeconds"].get<double>());
    EXPECT_EQ(c.get("/usage?format=csv").body.find("application,arn,version,kpus,start_ms,end_ms,seconds"),
              0u);
    EXPECT_EQ(c.get("/usage?format=xml").status, 400);
    EXPECT_EQ(c.get("/usage?from=yesterday").status, 400);
    EXPECT_EQ(Json::parse(c.get("/usage?application=b").body)["kpuSeconds"], 0);
}

TEST_F(DutyTest, aPresignedUrlOpensTheRestApiForReading) {
    auto& c = *client_;
    create("X", {{"snapshots.retain", "1"}});
    const Json asked{{"ApplicationName", "a"}, {"UrlType", "FLINK_DASHBOARD_URL"}};
    EXPECT_EQ(c.call("CreateApplicationPresignedUrl", asked).type(), "ResourceInUseException");
    c.start("a");
    const std::string url = c.must("CreateApplicationPresignedUrl", asked)["AuthorizedUrl"];
    const size_t query = url.find("/flinkdashboard?authToken=");
    ASSERT_NE(query, std::string::npos);
    const std::string base = url.substr(0, query) + "/flinkdashboard";
    const std::string token = url.substr(url.find('?'));
    const auto first = c.get(url);
    EXPECT_EQ(first.status, 200);
    EXPECT_NE(first.header("set-cookie").find("HttpOnly"), std::string::npos);
    const Json jobs = Json::parse(c.get(base + "/jobs" + token).body);
    const std::string job = jobs["jobs"][0]["id"];
    EXPECT_EQ(Json::parse(c.get(base + "/jobs/" + job + token).body)["state"], "RUNNING");
    EXPECT_EQ(c.get(base + "/jobs/none" + token).status, 404);
    EXPECT_EQ(c.get(base + "/jobs").status, 403);
    EXPECT_EQ(c.get(base + "/jobs" + token + "x").status, 403);
    // Only for reading.
    HttpClientRequest cancel;
    cancel.method = "PATCH";
    cancel.url = base + "/jobs/" + job + token;
    EXPECT_EQ(makeCurlHttpClient()->send(cancel).status, 405);
    EXPECT_EQ(c.status("a"), "RUNNING");
    EXPECT_EQ(
        c.call("CreateApplicationPresignedUrl", {{"ApplicationName", "a"}, {"UrlType", "ZEPPELIN_UI_URL"}})
            .type(),
        "InvalidArgumentException");
    const Json targets = Json::parse(c.get("/prometheus/targets").body);
    ASSERT_EQ(targets.size(), 1u);
    EXPECT_EQ(targets[0]["labels"]["application"], "a");
}

TEST_F(DutyTest, aBrowserIsLedToThePageOfItsApplication) {
    auto& c = *client_;
    create("X", {{"snapshots.retain", "1"}});
    const auto navigate = [&](const std::string& url, const std::string& cookie = "") {
        HttpClientRequest request;
        request.url = url;
        request.headers = {{"Accept", "text/html,*/*;q=0.8"}};
        if (!cookie.empty()) request.headers.emplace_back("Cookie", cookie);
        return makeCurlHttpClient()->send(request);
    };
    c.start("a");
    const std::string url =
        c.must("CreateApplicationPresignedUrl",
               {{"ApplicationName", "a"}, {"UrlType", "FLINK_DASHBOARD_URL"}})["AuthorizedUrl"];
    const std::string base = url.substr(0, url.find('?'));
    const std::string token = url.substr(url.find('=') + 1);
    const size_t port = url.rfind(':') + 1;
    const std::string name = "millrace-dashboard-" + url.substr(port, url.find('/', port) - port) + "=";
    const auto led = navigate(url);
    EXPECT_EQ(led.status, 303);
    EXPECT_EQ(led.header("location"), "/flinkdashboard/@a/");
    EXPECT_EQ(led.header("set-cookie"), name + token + "; Path=/flinkdashboard/@a; HttpOnly; SameSite=Lax");
    EXPECT_EQ(navigate(base + "/@a", "x=1; " + name + token).header("location"), "/flinkdashboard/@a/");
    const auto asked = navigate(base + "/@a/jobs", name + token);
    EXPECT_EQ(asked.status, 200);
    EXPECT_EQ(Json::parse(asked.body)["jobs"].size(), 1u);
    EXPECT_EQ(navigate(base + "/@b/jobs", name + token).status, 403);
    EXPECT_EQ(navigate(base + "/@a/jobs", "millrace-dashboard-1=" + token).status,
              403);  // of another service

    // Another application's page is not opened; what the path holds is written as text.
    const auto other = navigate(base + "/@%3Cb%3E/", name + token);
    EXPECT_EQ(other.status, 403);
    EXPECT_EQ(other.header("content-type"), "text/html; charset=utf-8");
    EXPECT_NE(other.body.find("millrace app url &lt;b&gt;"), std::string::npos) << other.body;
    EXPECT_EQ(other.body.find("<b>"), std::string::npos);
    c.stop("a");
    const auto stopped = navigate(base + "/@a/", name + token);
    EXPECT_EQ(stopped.status, 503);
    EXPECT_NE(stopped.body.find("millrace app start a"), std::string::npos) << stopped.body;
    EXPECT_EQ(c.get(base + "/jobs?authToken=" + token).body,
              "The application is READY: it has no running cluster at the moment.\n");
}

TEST_F(DutyTest, theServicesOwnFigures) {
    auto& c = *client_;
    create("X", {{"snapshots.retain", "1"}});
    c.start("a");
    EXPECT_TRUE(health("HEALTHY"));
    c.call("StartApplication", {{"ApplicationName", "a"}});
    const std::string text = c.get("/metrics").body;
    for (const char* line :
         {"millrace_applications{status=\"RUNNING\"} 1\n",
          "millrace_application_running{application=\"a\"} 1\n",
          "millrace_application_healthy{application=\"a\"} 1\n",
          "millrace_application_kpus{application=\"a\"} 1\n",
          "millrace_api_requests_total{action=\"StartApplication\",error=\"\"} 1\n",
          "millrace_api_requests_total{action=\"StartApplication\",error=\"ResourceInUseException\"} 1\n",
          "millrace_kpu_seconds_total{application=\"a\",application_version=\"1\"} "})
        EXPECT_NE(text.find(line), std::string::npos) << line << text;
}

TEST_F(DutyTest, logsAreSearched) {
    auto& c = *client_;
    create("X", {{"snapshots.retain", "1"}});
    auto& files = localFileSystem();
    const std::string folder = folder_.path() + "/applications/a";
    files.createFolders(folder);
    const auto line = [](int64_t seconds, const std::string& level, const std::string& message) {
        return Json{{"timestamp", seconds * 1000}, {"messageType", level}, {"message", message}}.dump() +
               "\n";
    };
    writeFileAtomically(files, folder + "/cluster.1.log", line(10, "INFO", "one") + line(20, "ERROR", "two"));
    writeFileAtomically(files, folder + "/cluster.log",
                        line(30, "INFO", "three") + "not JSON\n" + line(40, "INFO", "four"));
    const auto found = [&](const std::string& query) {
        std::string messages;
        std::istringstream body(c.get("/logs?application=a" + query).body);
        for (std::string one; std::getline(body, one);)
            messages += Json::parse(one)["message"].get<std::string>() + " ";
        return messages;
    };
    EXPECT_EQ(found(""), "one two three four ");
    EXPECT_EQ(found("&from=20&to=40"), "two three ");
    EXPECT_EQ(found("&level=ERROR"), "two ");
    EXPECT_EQ(found("&text=t"), "one two three four ");  // of the whole line
    EXPECT_EQ(found("&text=thr"), "three ");
    EXPECT_EQ(found("&limit=1"), "four ");
    EXPECT_EQ(c.get("/logs").status, 400);
    EXPECT_EQ(c.get("/logs?application=b").status, 404);
}

TEST(PresignedUrls, endWhenTheyAreNotUsedAndWhenTheirSessionDoes) {
    TestFolder folder;
    PresignedUrls urls(folder.path() + "/key");
    const std::string token = urls.issue(7, 1800, 1000);
    EXPECT_EQ(urls.open(token, 1000 + 179), 7);
    EXPECT_EQ(urls.open(token, 1000 + 1799), 7);
    EXPECT_EQ(urls.open(token, 1000 + 1800), std::nullopt);
    const std::string late = urls.issue(7, 1800, 1000);
    EXPECT_EQ(urls.open(late, 1000 + 180), std::nullopt);
    // The key is kept; a token of another service, or one that was changed, opens nothing.
    const std::string fresh = urls.issue(8, 1800, 1000);
    EXPECT_EQ(PresignedUrls(folder.path() + "/key").open(fresh, 1001), 8);
    EXPECT_EQ(PresignedUrls(folder.path() + "/other").open(fresh, 1001), std::nullopt);
    EXPECT_EQ(urls.open("9" + fresh.substr(1), 1001), std::nullopt);
    for (const char* wrong : {"", "....", "a.b.c.d.e", "1.2"})
        EXPECT_EQ(urls.open(wrong, 1001), std::nullopt) << wrong;
}

}  // namespace
}  // namespace millrace
