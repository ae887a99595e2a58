#include "service/lifecycle.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/error.h"
#include "base/file_system.h"
#include "base/log.h"

namespace millrace {

namespace {

std::optional<ClusterRecord> findLivingCluster(OperationContext& context) {
    auto cluster = context.service.store.findCluster(context.application.id);
    if (cluster && (cluster->port == 0 || !context.service.engine.isAlive(cluster->process))) cluster.reset();
    return cluster;
}

ClusterRecord requireCluster(OperationContext& context) {
    auto cluster = findLivingCluster(context);
    if (!cluster)
        throw UserError("service.cluster-down", "the application's cluster is not running at the moment");
    return std::move(*cluster);
}

// A savepoint that was completed below the folder, or "". It is complete once it has its _metadata.
std::string findSavepoint(const std::string& folder) {
    auto& files = localFileSystem();
    if (!files.exists(folder)) return "";
    if (files.exists(joinPath(folder, "_metadata"))) return folder;
    for (const auto& entry : files.list(folder))
        if (entry.is_folder && files.exists(joinPath(joinPath(folder, entry.name), "_metadata")))
            return joinPath(folder, entry.name);
    return "";
}

std::string snapshotFolder(const OperationContext& context) {
    return context.service.folder.snapshot(context.application.name,
                                           context.state.at("snapshot").get<std::string>());
}

// Waits a little longer each time, and looks whether the operation may go on.
class Pacing {
  public:
    explicit Pacing(OperationContext& context)
        : context_(context), start_(std::chrono::steady_clock::now()) {}
    void wait() {
        context_.check();
        if (std::chrono::steady_clock::now() - start_ >
            std::chrono::milliseconds(context_.service.configuration.snapshot_timeout_ms))
            throw UserError("service.snapshot-timeout",
                            fmt::format("the snapshot was not complete after {} s",
                                        context_.service.configuration.snapshot_timeout_ms / 1000));
        std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms_));
        pause_ms_ = std::min(pause_ms_ * 2, 50);
    }

  private:
    OperationContext& context_;
    std::chrono::steady_clock::time_point start_;
    int pause_ms_ = 2;
};

}  // namespace

void StartTimeout::check() const {
    context_.check();
    if (std::chrono::steady_clock::now() - started_ >
        std::chrono::milliseconds(context_.service.configuration.start_timeout_ms))
        throw UserError("service.start-timeout",
                        fmt::format("the cluster's job did not run {} s after its launch",
                                    context_.service.configuration.start_timeout_ms / 1000),
                        "the cluster's log says how far it came");
}

void writePackageFor(OperationContext& context, const ApplicationVersion& version,
                     const Deployment& deployment) {
    context.state["kpus"] = kpusOf(version, deployment.parallelism);
    writePackage(context.service, context.application, version, deployment, context.clusterSpec());
}

void noteProcess(OperationContext& context, const ProcessIdentity& process, const std::string& release) {
    context.state["release"] = release;
    context.state["process"] = {
        {"pid", process.pid}, {"startTime", process.start_time}, {"bootId", process.boot_id}};
}

ProcessIdentity notedProcess(const OperationContext& context) {
    const auto& process = context.state.at("process");
    return {process.at("pid"), process.at("startTime"), process.at("bootId")};
}

void launchCluster(OperationContext& context) {
    const std::string release = context.service.engine.release();
    noteProcess(context, context.service.engine.launch(context.clusterSpec()), release);
}

void commitLaunched(OperationContext& context) {
    auto& store = context.service.store;
    ClusterRecord cluster = store.findCluster(context.application.id).value_or(ClusterRecord{});
    cluster.application_id = context.application.id;
    cluster.engine = context.service.engine.name();
    cluster.release = context.state.value("release", "");
    cluster.process = notedProcess(context);
    cluster.port = 0;
    cluster.job_id.clear();
    store.saveCluster(cluster);
}

void awaitReady(OperationContext& context) {
    const auto cluster = context.service.store.findCluster(context.application.id);
    MILLRACE_CHECK(cluster, "a launched cluster has no record");
    const StartTimeout timeout(context);
    const auto report = context.service.engine.awaitReady(context.clusterSpec(), cluster->process, [&] {
        timeout.check();
        return false;
    });
    MILLRACE_CHECK(report, "waiting for a cluster ended without a report");
    if (report->failed()) throw UserError(report->error_code, report->error_message);
    context.state["port"] = report->port;
    context.state["jobId"] = report->job_id;
}

void commitReady(OperationContext& context) {
    auto& store = context.service.store;
    auto cluster = store.findCluster(context.application.id);
    MILLRACE_CHECK(cluster, "a launched cluster has no record");
    cluster->port = context.state.at("port");
    cluster->job_id = context.state.at("jobId");
    cluster->ready_time_ms = context.service.clock.now().value();
    cluster->job_ids.insert(cluster->job_ids.begin(), cluster->job_id);
    // Restarts without an end must not grow the record: what is older has no checkpoint that would still be
    // chosen.
    constexpr size_t kJobsMax = 100;
    if (cluster->job_ids.size() > kJobsMax) cluster->job_ids.resize(kJobsMax);
    store.saveCluster(*cluster);
    if (const auto version = store.findVersion(context.application.id, cluster->version_id))
        store.beginUsage(context.application, version->version_id, kpusOf(*version, cluster->parallelism),
                         cluster->ready_time_ms);
}

void endCluster(OperationContext& context) {
    context.service.engine.end(context.clusterSpec(), context.service.configuration.stop_grace_ms);
}

void killCluster(OperationContext& context) { context.service.engine.end(context.clusterSpec(), 0); }

void forgetCluster(OperationContext& context) {
    context.service.store.deleteCluster(context.application.id);
    context.service.store.endUsage(context.application.arn, context.service.clock.now().value());
}

void removeCheckpoints(OperationContext& context) {
    localFileSystem().removeRecursively(context.service.folder.checkpoints(context.application.name));
}

SnapshotRecord requireReadySnapshot(const OperationContext& context, const std::string& name) {
    auto snapshot = context.service.store.findSnapshot(context.application.id, name);
    if (!snapshot || snapshot->status != SnapshotStatus::Ready)
        throw UserError("service.no-snapshot",
                        fmt::format("the snapshot {} does not exist, or is not READY", name));
    return std::move(*snapshot);
}

void takeCheckpoint(OperationContext& context, const ClusterRecord& cluster) {
    FlinkRestClient client(context.service.http, clusterUrl(cluster));
    try {
        const std::string request = client.triggerCheckpoint(cluster.job_id);
        for (Pacing pacing(context); !client.checkpointDone(cluster.job_id, request);)
            pacing.wait();
    } catch (const UserError& e) {
        // Restarting, ended, or an engine that takes none on request: who wanted it goes on without.
        logInfo("service.lifecycle", "application {}: no checkpoint on request: {}", context.application.name,
                e.what());
    }
}

void triggerSavepoint(OperationContext& context, bool stop) {
    const std::string folder = snapshotFolder(context);
    if (const std::string saved = findSavepoint(folder); !saved.empty() && !findLivingCluster(context)) {
        context.state["location"] = saved;  // it ended after the stop that an earlier attempt asked for
        return;
    }
    const ClusterRecord cluster = requireCluster(context);
    FlinkRestClient client(context.service.http, clusterUrl(cluster));
    for (Pacing pacing(context);; pacing.wait()) {
        const JobDetail job = client.job(cluster.job_id);
        if (job.ended()) {
            // The stop that an earlier attempt asked for, or the end of the job's input.
            const std::string location = findSavepoint(folder);
            if (!location.empty())
                context.state["location"] = location;
            else if (job.finished())
                context.state["nothingToSave"] = true;
            else
                throw UserError("service.job-ended",
                                fmt::format("the job is {}: there is no state to save", job.state));
            return;
        }
        try {
            context.state["requestId"] = stop ? client.stopWithSavepoint(cluster.job_id, folder, false)
                                              : client.triggerSavepoint(cluster.job_id, folder);
            return;
        } catch (const FlinkRestError& e) {
            // Busy (409, 503): with the savepoint of an earlier attempt, or with restarting the job.
            if (e.status() != 409 && e.status() != 503) throw;
            logInfo("service.lifecycle", "application {}: {}; trying again", context.application.name,
                    e.what());
        }
    }
}

void awaitSavepoint(OperationContext& context) {
    if (!context.state.contains("requestId") || context.state.contains("location")) return;
    const std::string folder = snapshotFolder(context);
    const auto cluster = context.service.store.findCluster(context.application.id);
    MILLRACE_CHECK(cluster, "a cluster that takes a savepoint has no record");
    FlinkRestClient client(context.service.http, clusterUrl(*cluster));
    for (Pacing pacing(context);; pacing.wait()) {
        try {
            const SavepointReport status =
                client.savepointStatus(cluster->job_id, context.state.at("requestId"));
            if (!status.completed) continue;
            if (status.location.empty())
                throw UserError("service.savepoint-failed",
                                fmt::format("the savepoint failed: {}", status.failure));
            constexpr std::string_view kScheme = "file://";  // Flink gives a URI
            std::string location = status.location;
            if (location.starts_with(kScheme))
                location = location.substr(kScheme.size());
            else if (location.starts_with("file:"))
                location = location.substr(5);
            context.state["location"] = location;
            return;
        } catch (const UserError& e) {
            if (!e.code().starts_with("http.")) throw;
            if (context.service.engine.isAlive(cluster->process)) continue;
            const std::string location = findSavepoint(folder);
            if (location.empty())
                throw UserError("service.cluster-down",
                                "the cluster ended before the savepoint was complete");
            context.state["location"] = location;
            return;
        }
    }
}

}  // namespace millrace
