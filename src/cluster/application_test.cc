#include "cluster/application.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace millrace {
namespace {

const std::string kSql = R"(
CREATE TABLE a (id INT) WITH ('connector' = 'filesystem', 'path' = '${app.dir}/in', 'format' = 'json');
CREATE TABLE b (id INT) WITH ('connector' = 'blackhole');
)";
const std::string kInsert = "INSERT INTO b SELECT id FROM a;\n";

ApplicationPackage packageOf(std::vector<std::pair<std::string, std::string>> files) {
    ApplicationPackage package;
    package.application_name = "orders";
    package.sql_files = std::move(files);
    package.parameters = {{"app.dir", "/data"}};
    package.configuration = Configuration({{"parallelism.default", "3"},
                                           {"execution.checkpointing.interval", "10 s"},
                                           {"table.local-time-zone", "UTC"}});
    return package;
}

Problem problemOf(const ApplicationPackage& package) {
    try {
        planApplication(package);
    } catch (const UserError& error) {
        return error.problem();
    }
    ADD_FAILURE() << "it can be planned";
    return {};
}

TEST(Application, IsPlannedWithWhatTheServiceControlsAndWhatItSetsItself) {
    const auto graph = planApplication(packageOf({{"",
                                                   "SET 'table.local-time-zone' = 'Europe/Vienna'; SET "
                                                   "'pipeline.name' = 'mine';" +
                                                       kSql + kInsert}}))
                           .graph;
    EXPECT_EQ(graph->name, "mine");
    EXPECT_EQ(graph->configuration.find("parallelism.default"), "3");
    EXPECT_EQ(graph->configuration.find("execution.checkpointing.interval"), "10 s");
    EXPECT_EQ(graph->configuration.find("table.local-time-zone"), "Europe/Vienna");
    EXPECT_EQ(planApplication(packageOf({{"", kSql + kInsert}})).graph->name, "orders");
}

TEST(Application, MayNotSetWhatTheServiceControls) {
    const Problem problem = problemOf(packageOf(
        {{"", "SET 'restart-strategy.type' = 'none'; SET 'parallelism.default' = '3';" + kSql + kInsert}}));
    EXPECT_EQ(problem.code, "application.controlled-settings");
    EXPECT_EQ(
        problem.message,
        "Not allowed configuration change(s) were detected: parallelism.default, restart-strategy.type");
    for (const char* key :
         {"execution.checkpointing.interval", "state.backend", "state.backend.type", "rest.port",
          "state.checkpoints.dir", "metrics.scope.jm", "taskmanager.numberOfTaskSlots"}) {
        EXPECT_TRUE(isControlledSetting(key)) << key;
    }
    for (const char* key :
         {"execution.checkpointing.interval-during-backlog", "table.exec.state.ttl", "pipeline.name",
          "pipeline.max-parallelism", "execution.runtime-mode", "restful"}) {
        EXPECT_FALSE(isControlledSetting(key)) << key;
    }
}

TEST(Application, ShowsEveryProblemInItsFile) {
    const Problem problem = problemOf(packageOf({{"1-tables.sql", kSql},
                                                 {"2-more.sql", "\n\nINSERT INTO b SELECT it FROM a;\n"},
                                                 {"3-last.sql", "INSERT INTO c SELECT id FROM a;"}}));
    EXPECT_EQ(problem.code, "sql.unknown-column");
    EXPECT_NE(problem.message.find("2-more.sql:3:22"), std::string::npos) << problem.message;
    EXPECT_NE(problem.message.find("3-last.sql:1:13"), std::string::npos) << problem.message;
}

TEST(ApplicationPackage, IsReadAndCheckedMemberByMember) {
    const ApplicationPackage package = parseApplicationPackage(
        R"({"applicationName":"a","applicationVersionId":7,"files":{"b.sql":"B","a.sql":"A"},
            "properties":{"g":{"k":"v"}},"configuration":{"millrace.job-id":"j"},"restore":"/s",
            "allowNonRestoredState":true,"fullRestarts":2,"logLevel":"WARN","unknown":[1]})",
        "package.json");
    EXPECT_EQ(package.application_version_id, "7");
    ASSERT_EQ(package.sql_files.size(), 2U);
    EXPECT_EQ(package.sql_files[0].second, "A");
    EXPECT_EQ(package.parameters, (std::map<std::string, std::string>{{"g.k", "v"}}));
    EXPECT_EQ(package.job_id, "j");
    EXPECT_EQ(package.restore_path, "/s");
    EXPECT_TRUE(package.allow_non_restored_state);
    EXPECT_EQ(package.full_restarts, 2);
    EXPECT_EQ(package.log_level, LogLevel::Warn);
    for (const char* text :
         {"", "[]", "{}", R"({"sql":""})", R"({"sql":7})", R"({"sql":"S","files":{"a":"A"}})",
          R"({"sql":"S","configuration":{"a":1}})", R"({"sql":"S","properties":{"g":"v"}})",
          R"({"sql":"S","logLevel":"LOUD"})", R"({"sql":"S","allowNonRestoredState":"yes"})"}) {
        try {
            parseApplicationPackage(text, "package.json");
            ADD_FAILURE() << text;
        } catch (const UserError& error) {
            EXPECT_EQ(error.code(), "package.malformed") << text;
        }
    }
}

}  // namespace
}  // namespace millrace
