#include "runtime/task_states.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/log.h"
#include "runtime/traces.h"

namespace millrace {
namespace {

// The log goes to a file while it lives.
class LogFile {
  public:
    LogFile() : path_(::testing::TempDir() + "task-states.log") {
        std::ofstream(path_, std::ios::trunc).flush();
        configureLog({.level = LogLevel::Info, .json = true, .path = path_});
    }
    ~LogFile() { configureLog({}); }
    std::string text() const {
        std::ifstream file(path_);
        std::stringstream text;
        text << file.rdbuf();
        return text.str();
    }

  private:
    const std::string path_;
};

class TaskStatesTest : public ::testing::Test {
  protected:
    TaskStatesTest() {
        plan_.parallelism = 2;
        plan_.vertices = {{"aa", "Source: flights", {}, {}, {}}, {"bb", "Sink: out", {}, {}, {}}};
    }
    JobDetails described(const TaskStates& states) {
        JobDetails job;
        for (const PlannedVertex& vertex : plan_.vertices)
            job.vertices.push_back({vertex.id, vertex.name, {}, std::vector<SubtaskDetails>(2)});
        states.describe(job);
        return job;
    }
    ExecutionPlan plan_;
};

TEST_F(TaskStatesTest, EveryChangeIsALineOfTheLog) {
    const LogFile log;
    TaskStates states(plan_, 100);
    states.enterAll(TaskState::Scheduled, 110);
    states.enterAll(TaskState::Deploying, 120);
    states.enterAll(TaskState::Initializing, 130);
    states.enterSlot(1, TaskState::Running, 140);
    const std::string text = log.text();
    EXPECT_NE(text.find("Source: flights (1/2) switched from CREATED to SCHEDULED."), std::string::npos);
    EXPECT_NE(text.find("Source: flights (2/2) switched from INITIALIZING to RUNNING."), std::string::npos);
    EXPECT_NE(text.find("Sink: out (2/2) switched from INITIALIZING to RUNNING."), std::string::npos);
    EXPECT_EQ(text.find("Sink: out (1/2) switched from INITIALIZING to RUNNING."), std::string::npos);
    const JobDetails job = described(states);
    EXPECT_EQ(job.vertices[0].subtasks[0].status, "INITIALIZING");
    EXPECT_EQ(job.vertices[0].subtasks[1].status, "RUNNING");
    EXPECT_EQ(job.vertices[1].subtasks[1].status_times_ms,
              (std::map<std::string, int64_t>{{"CREATED", 100},
                                              {"SCHEDULED", 110},
                                              {"DEPLOYING", 120},
                                              {"INITIALIZING", 130},
                                              {"RUNNING", 140}}));
}

TEST_F(TaskStatesTest, OneThatFailsTakesTheOthersWithIt) {
    const LogFile log;
    TaskStates states(plan_, 100);
    states.enterAll(TaskState::Running, 110);
    states.fail("Sink: out (1/2)", 120);
    const std::string text = log.text();
    EXPECT_NE(text.find("Sink: out (1/2) switched from RUNNING to FAILED."), std::string::npos);
    EXPECT_NE(text.find("Source: flights (1/2) switched from RUNNING to CANCELING."), std::string::npos);
    EXPECT_NE(text.find("Source: flights (1/2) switched from CANCELING to CANCELED."), std::string::npos);
    EXPECT_EQ(described(states).vertices[1].subtasks[0].status, "FAILED");
    EXPECT_EQ(described(states).vertices[1].subtasks[1].status, "CANCELED");
    states.beginAttempt(130);
    EXPECT_EQ(described(states).vertices[1].subtasks[0].status, "CREATED");
    states.cancel(140);  // nothing was deployed: nothing to cancel
    EXPECT_EQ(described(states).vertices[1].subtasks[0].status_times_ms,
              (std::map<std::string, int64_t>{{"CREATED", 130}, {"CANCELED", 140}}));
    states.enterAll(TaskState::Running, 150);  // an end is an end
    EXPECT_EQ(described(states).vertices[1].subtasks[0].status, "CANCELED");
}

TEST(Traces, AreFlinksText) {
    CheckpointRecord record;
    record.id = CheckpointId(9774);
    record.status = "COMPLETED";
    record.trigger_ms = 1718779769305;
    record.end_ms = 1718779769542;
    record.bytes = 9585;
    record.state_bytes = 9600;
    EXPECT_EQ(
        checkpointTrace("1b41", record),
        "SimpleSpan{scope=org.apache.flink.runtime.checkpoint.CheckpointStatsTracker, name=Checkpoint, "
        "startTsMillis=1718779769305, endTsMillis=1718779769542, attributes={jobId=1b41, checkpointId=9774, "
        "checkpointStatus=COMPLETED, fullSize=9600, checkpointedSize=9585, isSavepoint=false}}");
    JobInitialization start;
    start.start_ms = 1;
    start.end_ms = 9;
    start.initialize_state_ms_max = 3;
    start.initialize_state_ms_sum = 5;
    EXPECT_EQ(initializationTrace("1b41", start).find("checkpointId"), std::string::npos);
    start.from = CheckpointId(270);
    start.restored_bytes = 26;
    start.download_ms = 2;
    EXPECT_EQ(initializationTrace("1b41", start),
              "SimpleSpan{scope=org.apache.flink.runtime.checkpoint.CheckpointStatsTracker, "
              "name=JobInitialization, "
              "startTsMillis=1, endTsMillis=9, attributes={jobId=1b41, initializationStatus=COMPLETED, "
              "checkpointId=270, "
              "fullSize=26, sumRestoredStateSizeBytes.REMOTE=26, maxDownloadStateDurationMs=2, "
              "sumDownloadStateDurationMs=2, maxInitializeStateDurationMs=3, sumInitializeStateDurationMs=5, "
              "maxMailboxStartDurationMs=0, sumMailboxStartDurationMs=0}}");
}

}  // namespace
}  // namespace millrace
