// A service that is killed between any two steps of any operation finishes it, or undoes it, when it starts
// again. Each point is met in a real child process, which ends itself there with SIGKILL; a second one then
// has to set things right.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <functional>

#include "base/error.h"
#include "base/source_file.h"
#include "service/test_support.h"

namespace millrace {
namespace {

// What is done to a service, and what must be true in the end, whether a kill came between or not.
struct Scenario {
    const char* name;
    std::function<void(TestClient&)> prepare;  // without kills
    std::function<void(TestClient&)> act;      // may find the service gone
    std::function<void(TestClient&, TestFolder&)> expect;
    std::vector<std::string> kinds;  // whose points are met
};

bool isReady(TestClient& c) { return c.status("a") == "READY"; }
bool isRunning(TestClient& c) { return c.status("a") == "RUNNING"; }
std::string lastOperationStatus(TestClient& c) {
    const Json all =
        c.must("ListApplicationOperations", {{"ApplicationName", "a"}})["ApplicationOperationInfoList"];
    return all.empty() ? "" : all[0]["OperationStatus"].get<std::string>();
}
Json snapshots(TestClient& c) {
    return c.must("ListApplicationSnapshots", {{"ApplicationName", "a"}})["SnapshotSummaries"];
}

Json updateTo(const std::string& sql) {
    return {
        {"ApplicationName", "a"},
        {"CurrentApplicationVersionId", 1},
        {"ApplicationConfigurationUpdate",
         {{"ApplicationCodeConfigurationUpdate", {{"CodeContentUpdate", {{"TextContentUpdate", sql}}}}}}}};
}
// The one cluster, with that code of that version, and the state that was there before.
void expectRuns(TestClient& c, const TestFolder& folder, const std::string& sql, int64_t version) {
    EXPECT_EQ(c.describe("a")["ApplicationVersionId"], version);
    Json plan;
    EXPECT_TRUE(c.eventually([&] {
        plan = c.plan("a");
        return !plan.is_null();
    }));
    EXPECT_EQ(plan["package"]["sql"], sql);
    EXPECT_GE(plan["count"], 3);
    EXPECT_EQ(folder.clusters().size(), 1u);
}

Json settings(const Json& properties) {
    return {{"EnvironmentProperties",
             {{"PropertyGroups", {{{"PropertyGroupId", "millrace"}, {"PropertyMap", properties}}}}}}};
}
int64_t currentParallelism(TestClient& c) {
    return c.describe("a")["ApplicationConfigurationDescription"]["FlinkApplicationConfigurationDescription"]
                          ["ParallelismConfigurationDescription"]["CurrentParallelism"];
}

const std::string* current_folder = nullptr;

std::vector<ProcessIdentity> clusters() { return findProcesses({"--data-dir", *current_folder}); }

std::string programPath() { return *current_folder + "/fake_cluster.py"; }
// The program that clusters run, of that release.
void installProgram(const std::string& release) {
    auto& files = localFileSystem();
    const std::string text = readFile(files, sourceFile("tests/doubles/fake_cluster.py"));
    writeFileAtomically(files, programPath() + ".new", text + "# " + release + "\n");
    EXPECT_EQ(chmod((programPath() + ".new").c_str(), 0755), 0);
    EXPECT_EQ(rename((programPath() + ".new").c_str(), programPath().c_str()), 0);
}

std::vector<Scenario> scenarios() {
    const auto create = [](TestClient& c) { c.create("a", "X"); };
    const auto createAndStart = [](TestClient& c) {
        c.create("a", "X");
        c.start("a");
    };
    return {
        {"start",
         create,
         [](TestClient& c) {
             c.call("StartApplication", {{"ApplicationName", "a"}});
         },
         [](TestClient& c, TestFolder& folder) {
             EXPECT_TRUE(c.eventually([&] { return isRunning(c); }));
             EXPECT_EQ(lastOperationStatus(c), "SUCCESSFUL");
             EXPECT_EQ(folder.clusters().size(), 1u);
             EXPECT_GE(c.plan("a")["count"], 0);
             c.stop("a");
         },
         {"StartApplication"}},
        {"failing start",
         [](TestClient& c) { c.create("a", "BROKEN"); },
         [](TestClient& c) {
             c.call("StartApplication", {{"ApplicationName", "a"}});
         },
         [](TestClient& c, TestFolder& folder) {
             EXPECT_TRUE(c.eventually([&] { return isReady(c); }));
             EXPECT_EQ(lastOperationStatus(c), "FAILED");
             EXPECT_TRUE(folder.clusters().empty());
         },
         {"StartApplication"}},
        {"stop",
         createAndStart,
         [](TestClient& c) {
             c.call("StopApplication", {{"ApplicationName", "a"}});
         },
         [](TestClient& c, TestFolder& folder) {
             EXPECT_TRUE(c.eventually([&] { return isReady(c); }));
             EXPECT_EQ(lastOperationStatus(c), "SUCCESSFUL");
             EXPECT_TRUE(folder.clusters().empty());
             const Json all = snapshots(c);
             ASSERT_EQ(all.size(), 1u);
             EXPECT_EQ(all[0]["SnapshotStatus"], "READY");
             c.start("a");
             EXPECT_NE(c.plan("a")["restored"].dump().find("/snapshots/"), std::string::npos);
             c.stop("a");
         },
         {"StopApplication"}},
        {"force stop",
         createAndStart,
         [](TestClient& c) {
             c.call("StopApplication", {{"ApplicationName", "a"}, {"Force", true}});
         },
         [](TestClient& c, TestFolder& folder) {
             EXPECT_TRUE(c.eventually([&] { return isReady(c); }));
             EXPECT_TRUE(folder.clusters().empty());
             EXPECT_TRUE(snapshots(c).empty());
         },
         {"StopApplication"}},
        {"failing stop",
         [](TestClient& c) {
             c.create("a", "FAILING_SAVEPOINT");
             c.start("a");
         },
         [](TestClient& c) {
             c.call("StopApplication", {{"ApplicationName", "a"}});
         },
         [](TestClient& c, TestFolder& folder) {
             EXPECT_TRUE(c.eventually([&] { return isRunning(c); }));
             EXPECT_EQ(lastOperationStatus(c), "FAILED");
             EXPECT_TRUE(snapshots(c).empty());
             EXPECT_EQ(folder.clusters().size(), 1u);
         },
         {"StopApplication"}},
        {"snapshot",
         createAndStart,
         [](TestClient& c) {
             c.call("CreateApplicationSnapshot", {{"ApplicationName", "a"}, {"SnapshotName", "s"}});
         },
         [](TestClient& c, TestFolder& folder) {
             EXPECT_TRUE(c.eventually(
                 [&] { return snapshots(c).size() == 1 && snapshots(c)[0]["SnapshotStatus"] == "READY"; }));
             EXPECT_EQ(c.status("a"), "RUNNING");
             EXPECT_EQ(folder.clusters().size(), 1u);
             c.stop("a", true);
             c.start("a");
             EXPECT_NE(c.plan("a")["restored"].dump().find("/snapshots/s/"), std::string::npos);
             c.stop("a", true);
         },
         {"CreateApplicationSnapshot"}},
        {"delete snapshot",
         [](TestClient& c) {
             c.create("a", "X");
             c.start("a");
             c.stop("a");
         },
         [](TestClient& c) {
             const Json snapshot = snapshots(c)[0];
             c.call("DeleteApplicationSnapshot",
                    {{"ApplicationName", "a"},
                     {"SnapshotName", snapshot["SnapshotName"]},
                     {"SnapshotCreationTimestamp", snapshot["SnapshotCreationTimestamp"]}});
         },
         [](TestClient& c, TestFolder& folder) {
             EXPECT_TRUE(c.eventually([&] { return snapshots(c).empty(); }));
             EXPECT_TRUE(localFileSystem().list(folder.path() + "/applications/a/snapshots").empty());
             c.start("a");
             EXPECT_TRUE(c.plan("a")["restored"].is_null());
             c.stop("a", true);
         },
         {"DeleteApplicationSnapshot"}},
        {"delete",
         createAndStart,
         [](TestClient& c) {
             c.call("DeleteApplication",
                    {{"ApplicationName", "a"}, {"CreateTimestamp", c.describe("a")["CreateTimestamp"]}});
         },
         [](TestClient& c, TestFolder& folder) {
             EXPECT_TRUE(c.reaches("a", "ResourceNotFoundException"));
             EXPECT_TRUE(folder.clusters().empty());
             EXPECT_FALSE(localFileSystem().exists(folder.path() + "/applications/a"));
             c.create("a", "X");
             c.start("a");
             EXPECT_TRUE(c.plan("a")["restored"].is_null());
             c.stop("a", true);
         },
         {"DeleteApplication"}},
        {"restart of a cluster that died",
         createAndStart,
         [](TestClient& c) {
             EXPECT_TRUE(c.eventually([&] { return c.plan("a")["count"] >= 3; }));
             for (const auto& process : clusters())
                 signalProcess(process, SIGKILL);
         },
         [](TestClient& c, TestFolder& folder) {
             EXPECT_TRUE(c.eventually([&] {
                 const Json plan = c.plan("a");
                 return !plan.is_null() && plan["package"]["fullRestarts"] >= 1;
             }));
             EXPECT_GE(c.plan("a")["count"], 3);
             EXPECT_EQ(folder.clusters().size(), 1u);
             c.stop("a");
         },
         {"RestartCluster"}},
        {"update",
         createAndStart,
         [](TestClient& c) {
             EXPECT_TRUE(c.eventually([&] { return c.plan("a")["count"] >= 3; }));
             c.call("UpdateApplication", updateTo("Y"));
         },
         [](TestClient& c, TestFolder& folder) {
             EXPECT_TRUE(c.eventually([&] { return isRunning(c); }));
             EXPECT_EQ(lastOperationStatus(c), "SUCCESSFUL");
             expectRuns(c, folder, "Y", 2);
             EXPECT_EQ(snapshots(c).size(), 1u);
             c.stop("a");
         },
         {"UpdateApplication"}},
        {"update that cannot be planned",
         createAndStart,
         [](TestClient& c) {
             EXPECT_TRUE(c.eventually([&] { return c.plan("a")["count"] >= 3; }));
             c.call("UpdateApplication", updateTo("BROKEN"));
         },
         [](TestClient& c, TestFolder& folder) {
             EXPECT_TRUE(c.eventually([&] { return isRunning(c); }));
             EXPECT_EQ(lastOperationStatus(c), "FAILED");
             expectRuns(c, folder, "X", 1);
             EXPECT_TRUE(snapshots(c).empty());
             c.stop("a");
         },
         {"UpdateApplication"}},
        {"update that cannot restore",
         createAndStart,
         [](TestClient& c) { c.call("UpdateApplication", updateTo("LATE_FAILURE")); },
         [](TestClient& c, TestFolder& folder) {
             EXPECT_TRUE(c.eventually([&] { return isReady(c); }));
             EXPECT_EQ(lastOperationStatus(c), "FAILED");
             EXPECT_TRUE(folder.clusters().empty());
             ASSERT_EQ(snapshots(c).size(), 1u);
             EXPECT_EQ(snapshots(c)[0]["SnapshotStatus"], "READY");
         },
         {"UpdateApplication"}},
        {"update that is rolled back by the system",
         [](TestClient& c) {
             c.create("a", "X", {{"ApplicationSystemRollbackConfiguration", {{"RollbackEnabled", true}}}});
             c.start("a");
         },
         [](TestClient& c) {
             EXPECT_TRUE(c.eventually([&] { return c.plan("a")["count"] >= 3; }));
             c.call("UpdateApplication", updateTo("LATE_FAILURE"));
         },
         [](TestClient& c, TestFolder& folder) {
             EXPECT_TRUE(c.eventually([&] { return isRunning(c) && c.operations("a").size() == 3; }));
             EXPECT_EQ(c.operations("a")[0]["Operation"], "SystemRollbackApplication");
             EXPECT_EQ(lastOperationStatus(c), "SUCCESSFUL");
             expectRuns(c, folder, "X", 1);
             c.stop("a");
         },
         {"UpdateApplication", "SystemRollbackApplication"}},
        {"rollback",
         [createAndStart](TestClient& c) {
             createAndStart(c);
             EXPECT_TRUE(c.eventually([&] { return c.plan("a")["count"] >= 3; }));
             c.finish("a", c.must("UpdateApplication", updateTo("Y"))["OperationId"]);
         },
         [](TestClient& c) {
             c.call("RollbackApplication", {{"ApplicationName", "a"}, {"CurrentApplicationVersionId", 2}});
         },
         [](TestClient& c, TestFolder& folder) {
             EXPECT_TRUE(c.eventually([&] { return isRunning(c); }));
             EXPECT_EQ(lastOperationStatus(c), "SUCCESSFUL");
             expectRuns(c, folder, "X", 1);
             c.stop("a");
         },
         {"RollbackApplication"}},
        {"rollback of an update",
         createAndStart,
         [](TestClient& c) {
             EXPECT_TRUE(c.eventually([&] { return c.plan("a")["count"] >= 3; }));
             const auto before = clusters();
             c.call("UpdateApplication", updateTo("NEVER_READY"));
             // Always as far: the old cluster is gone, the new one never becomes ready.
             EXPECT_TRUE(c.eventually([&] {
                 const auto now = clusters();
                 return c.status("a") == "UPDATING" && now.size() == 1 && now != before;
             }));
             c.call("RollbackApplication", {{"ApplicationName", "a"}, {"CurrentApplicationVersionId", 2}});
         },
         [](TestClient& c, TestFolder& folder) {
             // Killed before the rollback was asked for, the update is still under way.
             EXPECT_TRUE(c.eventually([&] { return isRunning(c) || c.status("a") == "UPDATING"; }));
             if (!isRunning(c))
                 c.must("RollbackApplication",
                        {{"ApplicationName", "a"}, {"CurrentApplicationVersionId", 2}});
             EXPECT_TRUE(c.eventually([&] { return isRunning(c); }));
             expectRuns(c, folder, "X", 1);
             c.stop("a");
         },
         {"UpdateApplication", "RollbackApplication"}},
        {"autoscaling",
         [](TestClient& c) {
             c.create("a", "LAGGING",
                      settings({{"autoscaling.up.lag", "1"},
                                {"autoscaling.point", "20 ms"},
                                {"autoscaling.up.points", "5"},
                                {"autoscaling.cooldown", "0 s"}}));
         },
         [](TestClient& c) {
             c.start("a");
             EXPECT_TRUE(c.eventually([&] { return currentParallelism(c) == 2 && isRunning(c); }));
         },
         [](TestClient& c, TestFolder& folder) {
             // What was undone is decided again: it still lags.
             EXPECT_TRUE(c.eventually([&] { return currentParallelism(c) == 2 && isRunning(c); }));
             EXPECT_EQ(c.operations("a")[0]["Operation"], "AutoscaleApplication");
             EXPECT_EQ(lastOperationStatus(c), "SUCCESSFUL");
             EXPECT_FALSE(c.plan("a")["restored"].is_null());
             expectRuns(c, folder, "LAGGING", 1);
             c.stop("a");
         },
         {"AutoscaleApplication"}},
        {"maintenance",
         [](TestClient& c) {
             c.create("a", "X");
             const int64_t hour = (std::time(nullptr) / 3600 + 23) % 24;  // the window began an hour ago
             c.must("UpdateApplicationMaintenanceConfiguration",
                    {{"ApplicationName", "a"},
                     {"ApplicationMaintenanceConfigurationUpdate",
                      {{"ApplicationMaintenanceWindowStartTimeUpdate", fmt::format("{:02}:00", hour)}}}});
             c.start("a");
             EXPECT_TRUE(c.eventually([&] { return c.plan("a")["count"] >= 3; }));
         },
         [](TestClient& c) {
             installProgram("another release");
             EXPECT_TRUE(c.eventually([&] { return c.operations("a").size() == 2 && isRunning(c); }));
         },
         [](TestClient& c, TestFolder& folder) {
             EXPECT_TRUE(c.eventually([&] {
                 return c.operations("a")[0]["Operation"] == "ApplicationMaintenance" &&
                        lastOperationStatus(c) == "SUCCESSFUL";
             }));
             EXPECT_TRUE(isRunning(c));
             EXPECT_FALSE(c.plan("a")["restored"].is_null());
             expectRuns(c, folder, "X", 1);
             c.stop("a");
         },
         {"ApplicationMaintenance"}},
        {"end of the input",
         [](TestClient& c) { c.create("a", "BOUNDED"); },
         [](TestClient& c) {
             c.call("StartApplication", {{"ApplicationName", "a"}});
         },
         [](TestClient& c, TestFolder& folder) {
             EXPECT_TRUE(c.eventually([&] { return isReady(c); }));
             EXPECT_TRUE(c.eventually([&] { return folder.clusters().empty(); }));
             EXPECT_EQ(lastOperationStatus(c), "SUCCESSFUL");
         },
         {"CompleteApplication"}},
    };
}

// A service in a child process. `point` "" does not kill; points that are reached are written to the pipe.
struct Child {
    pid_t pid = -1;
    int points = -1;   // lines: every point reached
    int address = -1;  // one line
};

Child beginService(const TestFolder& folder, const std::string& point,
                   const std::vector<std::string>& kinds) {
    int points[2], address[2];
    EXPECT_EQ(pipe2(points, O_CLOEXEC), 0);
    EXPECT_EQ(pipe2(address, O_CLOEXEC), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        auto configuration = testConfiguration(folder);
        configuration.cluster_binary = programPath();
        const int out = points[1];
        configuration.fault_point = [point, kinds, out](const std::string& reached) {
            bool ours = false;
            for (const auto& kind : kinds)
                ours = ours || reached.starts_with(kind + ".");
            if (!ours) return;
            const std::string line = reached + "\n";
            if (write(out, line.data(), line.size()) < 0) _exit(9);
            if (reached == point) kill(getpid(), SIGKILL);
        };
        Service service(configuration);
        service.start();
        const std::string line = service.address() + "\n";
        if (write(address[1], line.data(), line.size()) < 0) _exit(9);
        service.wait();
        _exit(0);
    }
    close(points[1]);
    close(address[1]);
    return {pid, points[0], address[0]};
}

std::string readLine(int fd) {
    std::string line;
    char c;
    while (read(fd, &c, 1) == 1 && c != '\n')
        line += c;
    return line;
}

std::vector<std::string> endService(Child& child, int signal) {
    kill(child.pid, signal);
    waitpid(child.pid, nullptr, 0);
    std::vector<std::string> reached;
    for (std::string line; !(line = readLine(child.points)).empty();)
        reached.push_back(line);
    close(child.points);
    close(child.address);
    return reached;
}

bool diedBySigkill(Child& child, int timeout_ms) {
    for (int waited = 0; waited < timeout_ms; waited += 2) {
        siginfo_t info{};
        if (waitid(P_PID, static_cast<id_t>(child.pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
            info.si_pid == child.pid)
            return info.si_code == CLD_KILLED && info.si_status == SIGKILL;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return false;
}

void runScenario(const Scenario& scenario, const std::string& point, std::vector<std::string>* reached) {
    SCOPED_TRACE(fmt::format("{}, killed at {}", scenario.name, point.empty() ? "no point" : point));
    TestFolder folder;
    current_folder = &folder.path();
    installProgram("first release");
    {
        Child calm = beginService(folder, "", {});
        TestClient client(readLine(calm.address));
        scenario.prepare(client);
        endService(calm, SIGTERM);
    }
    {
        Child killed = beginService(folder, point, scenario.kinds);
        TestClient client(readLine(killed.address));
        try {
            scenario.act(client);
        } catch (const UserError&) {
            // It died before it could answer.
        }
        if (point.empty()) {
            scenario.expect(client, folder);
            for (auto& seen : endService(killed, SIGKILL))
                reached->push_back(std::move(seen));
            return;
        }
        EXPECT_TRUE(diedBySigkill(killed, 10'000)) << "the point was not reached";
        endService(killed, SIGKILL);
    }
    Child after = beginService(folder, "", {});
    TestClient client(readLine(after.address));
    scenario.expect(client, folder);
    endService(after, SIGTERM);
}

class Recovery : public testing::TestWithParam<size_t> {};

TEST_P(Recovery, atEveryPoint) {
    const Scenario scenario = scenarios()[GetParam()];
    std::vector<std::string> all;
    runScenario(scenario, "", &all);
    std::vector<std::string> points;  // in the order in which they were first reached
    for (const auto& point : all)
        if (std::find(points.begin(), points.end(), point) == points.end()) points.push_back(point);
    EXPECT_GE(points.size(), 4u) << scenario.name;
    // Each in a process of its own, a few at a time: they mostly wait.
    constexpr size_t kAtATime = 6;
    std::vector<pid_t> workers;
    std::vector<std::string> failed;  // told at the end: a worker inherits what has failed by then
    for (size_t ended = 0; ended < points.size();) {
        if (workers.size() < points.size() && workers.size() - ended < kAtATime) {
            const pid_t pid = fork();
            ASSERT_GE(pid, 0);
            if (pid == 0) {
                runScenario(scenario, points[workers.size()], nullptr);
                fflush(stdout);
                _exit(HasFailure() ? 1 : 0);
            }
            workers.push_back(pid);
        } else {
            int status = 0;
            ASSERT_EQ(waitpid(workers[ended], &status, 0), workers[ended]);
            if (status != 0) failed.push_back(points[ended]);
            ++ended;
        }
    }
    EXPECT_EQ(failed, std::vector<std::string>()) << scenario.name << ", killed there, failed as told above";
    RecordProperty("points", static_cast<int>(points.size()));
}

INSTANTIATE_TEST_SUITE_P(Scenarios, Recovery, testing::Range<size_t>(0, scenarios().size()),
                         [](const auto& info) {
                             std::string name = scenarios()[info.param].name;
                             std::replace(name.begin(), name.end(), ' ', '_');
                             return name;
                         });

}  // namespace
}  // namespace millrace
