// The rows of the metadata store (docs/formats/metadata.md). Times are whole seconds since the epoch, as the
// API shows them; configurations are JSON texts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engines/process.h"

namespace millrace {

// The API's own names, as stored: toText(ApplicationStatus::ForceStopping) is "FORCE_STOPPING".
enum class ApplicationStatus {
    Ready,
    Starting,
    Running,
    Stopping,
    ForceStopping,
    Deleting,
    Updating,
    Autoscaling,
    Maintenance,
    RollingBack,
    RolledBack,  // as READY, after a rollback of what was not running any more
};
enum class OperationStatus { InProgress, Successful, Failed, Cancelled };
enum class SnapshotStatus { Creating, Ready, Deleting, Failed };

const char* toText(ApplicationStatus status);
const char* toText(OperationStatus status);
const char* toText(SnapshotStatus status);

struct Application {
    int64_t id = 0;
    std::string name;
    std::string arn;
    std::string description;
    std::string runtime_environment;
    std::string service_execution_role;
    std::string mode;
    ApplicationStatus status = ApplicationStatus::Ready;
    int64_t version_id = 1;      // the version shown and started
    int64_t version_id_max = 1;  // the highest ever given out
    int64_t create_time = 0;
    int64_t last_update_time = 0;
    std::string run_configuration;  // RunConfigurationDescription, or "" before the first start
    std::string logging_options;    // CloudWatchLoggingOptionDescriptions, or ""
    std::string tags;               // [{Key, Value}], or ""
    int64_t changes = 0;            // of what is shown: counts up with every version and every rollback
    std::optional<int64_t> rolled_back_from;  // the version that was rolled back to the one shown
    std::string maintenance_start = "06:00";  // UTC, of a window of 8 hours
    int64_t parallelism = 0;                  // that autoscaling has chosen; 0: the configuration's

    // Nothing runs, nothing is under way.
    bool idle() const {
        return status == ApplicationStatus::Ready || status == ApplicationStatus::RolledBack;
    }
};

// One version: immutable, but for where it was rolled back to.
struct ApplicationVersion {
    int64_t application_id = 0;
    int64_t version_id = 1;
    std::string configuration;  // ApplicationConfigurationDescription without TextContent and
                                // RunConfigurationDescription
    std::string
        code_sha256;  // the version's own copy of the code package in the blob store, or "" without code
    int64_t create_time = 0;
    std::optional<int64_t> updated_from;
    std::string runtime_environment;
    std::string service_execution_role;
    std::string logging_options;  // as an application's
    std::optional<int64_t> rolled_back_to;
};

// Makes `version` the one that the application shows and runs: all that a version decides.
void show(Application& application, const ApplicationVersion& version);

struct SnapshotRecord {
    int64_t id = 0;
    int64_t application_id = 0;
    std::string name;
    SnapshotStatus status = SnapshotStatus::Creating;
    bool manual = true;  // by CreateApplicationSnapshot; false: by the service, when it stopped or changed it
    int64_t version_id = 1;
    std::string runtime_environment;
    int64_t create_time = 0;
    std::string location;  // of the savepoint, once READY
};

struct Operation {
    int64_t sequence = 0;  // order of all operations
    std::string id;
    int64_t application_id = 0;
    std::string kind;  // the API action's name, or one of the service's own doings
    bool listed = true;
    OperationStatus status = OperationStatus::InProgress;
    int64_t start_time = 0;
    std::optional<int64_t> end_time;
    int64_t step = 0;      // the next step to do
    bool undoing = false;  // failed or cancelled: what was done is being undone
    bool cancel_requested = false;
    std::string error;
    std::string state;  // JSON: the input, and what the steps have found out
};

// The cluster of a running application.
struct ClusterRecord {
    int64_t application_id = 0;
    std::string engine;
    ProcessIdentity process;
    int64_t port = 0;    // 0 until ready
    std::string job_id;  // "" until ready
    std::vector<std::string>
        job_ids;         // of this run, newest first: their checkpoints are what a restart restores
    std::string origin;  // the savepoint that this run started from, or ""
    std::vector<std::string> damaged;  // checkpoints that could not be restored
    int64_t full_restarts = 0;
    int64_t restarts_in_a_row = 0;
    int64_t ready_time_ms = 0;
    int64_t restart_not_before_ms = 0;
    int64_t version_id = 1;   // of the application, that it runs
    int64_t parallelism = 0;  // 0: the version's
    std::string release;      // of the engine, that it was launched with
};

// A stretch of time for which an application had a cluster of so many KPUs. Outlives the application.
struct UsageRecord {
    std::string application_name;
    std::string application_arn;
    int64_t version_id = 1;
    int64_t kpus = 1;
    int64_t start_ms = 0;
    std::optional<int64_t> end_ms;  // absent while it goes on
};

}  // namespace millrace
