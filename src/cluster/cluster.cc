#include "cluster/cluster.h"

#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file_system.h"
#include "base/http_server.h"
#include "base/log.h"
#include "cluster/application.h"
#include "cluster/job_view.h"
#include "cluster/metric_history.h"
#include "cluster/package_settings.h"
#include "cluster/rest/rest.h"
#include "runtime/restore.h"

namespace millrace {
namespace {

constexpr std::string_view kLogger = "cluster";

sigset_t endingSignals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
}

void report(const ClusterOptions& options, const nlohmann::json& body) {
    if (options.ready_path.empty()) return;
    const std::string text = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    writeFileAtomically(localFileSystem(), options.ready_path, text + "\n");
}

int reportFailure(const ClusterOptions& options, const std::string& code, const std::string& message) {
    logError(kLogger, "The application cannot be started: {}", message);
    report(options, {{"error", {{"code", code}, {"message", message}}}});
    return 1;
}

// {"restore": path}, or {} to start empty.
std::string parseActivation(const std::string& text) {
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object() || (json.contains("restore") && !json["restore"].is_string()))
        throw UserError("package.malformed",
                        "the activation file is not a JSON object with a 'restore' path");
    return json.value("restore", "");
}

// Waits for the activation file and takes the application's lock. False if a signal came first.
bool awaitActivation(const ClusterOptions& options) {
    auto& files = localFileSystem();
    const sigset_t signals = endingSignals();
    const auto told_to_end = [&](int64_t wait_ns) {
        const timespec wait{0, wait_ns};
        return sigtimedwait(&signals, nullptr, &wait) > 0;
    };
    const int changes = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (changes >= 0) inotify_add_watch(changes, parentFolder(options.activation_path).c_str(), IN_MOVED_TO);
    while (!files.exists(options.activation_path)) {
        pollfd wait{changes, POLLIN, 0};
        poll(&wait, 1, changes >= 0 ? 50 : 2);
        char events[4096];
        while (changes >= 0 && read(changes, events, sizeof events) > 0) {
        }
        if (told_to_end(0)) {
            close(changes);
            return false;
        }
    }
    close(changes);
    constexpr int64_t kRetryNanos = 1'000'000;
    while (options.lock_descriptor >= 0 && flock(options.lock_descriptor, LOCK_EX | LOCK_NB) != 0) {
        if (told_to_end(kRetryNanos)) return false;
    }
    return true;
}

JobOptions jobOptionsOf(const ApplicationPackage& package) {
    JobOptions options;
    options.job_id = package.job_id;
    options.restore_path = package.restore_path;
    options.allow_non_restored_state = package.allow_non_restored_state;
    options.environment.seed = entropySeed();
    return options;
}

void runUntilTold(const ClusterOptions& options) {
    ApplicationPackage package = readApplicationPackage(options.package_path);
    configureLog(logConfigurationOf(package));
    const RestIdentity identity = restIdentityOf(package);
    const auto [host, port] = parseHostAndPort(options.rest_address);
    const sql::PlannedJob planned = planApplication(package);
    const std::shared_ptr<const JobGraph> graph = planned.graph;
    if (!options.activation_path.empty()) {
        if (!package.check_path.empty()) {
            checkStateCompatibility(*graph, package.check_path, package.allow_non_restored_state, {});
        }
        report(options, {{"pid", getpid()}, {"prepared", true}});
        logInfo(kLogger, "The application is planned and waits to take over");
        if (!awaitActivation(options)) return;
        package.restore_path = parseActivation(readFile(localFileSystem(), options.activation_path));
    }
    const auto job = Job::start(graph, jobOptionsOf(package));
    const std::string job_id = job->details().job_id;
    const MetricHistory history(*job);
    const RestCluster cluster{
        *job,
        *graph,
        package.full_restarts,
        "tm-" + job_id.substr(0, 8),
        nowMs(),
        [&planned](const JobDetails& details) { return sql::explainMeasured(planned, details); },
        identity,
        &history};
    HttpServerOptions server_options;
    server_options.host = host;
    server_options.port = port;
    server_options.threads = 1;
    HttpServer server(server_options,
                      [&](const HttpRequest& request) { return answerRest(cluster, request); });
    report(options, {{"pid", getpid()}, {"port", server.port()}, {"jobId", job_id}});
    logInfo(kLogger, "Job {} ({}) is running; REST on {}", job_id, graph->name, server.address());
    ::malloc_trim(0);  // planning is over: what it needed is not needed again

    const sigset_t signals = endingSignals();
    int signal = 0;
    while (sigwait(&signals, &signal) != 0) {
    }
    logInfo(kLogger, "Ending on {}", signal == SIGTERM ? "SIGTERM" : "SIGINT");
    server.stop();
    job->cancel();
    job->waitForEnd();
}

}  // namespace

void blockEndingSignals() {
    const sigset_t signals = endingSignals();
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

int runCluster(const ClusterOptions& options) {
    // Few arenas: memory that one thread freed is used by the others, so an idle cluster stays small.
    ::mallopt(M_ARENA_MAX, 2);
    std::signal(SIGPIPE, SIG_IGN);
    try {
        runUntilTold(options);
        return 0;
    } catch (const UserError& error) {
        const Problem& problem = error.problem();
        return reportFailure(
            options, error.code(),
            problem.hint.empty() ? problem.message : fmt::format("{} ({})", problem.message, problem.hint));
    } catch (const std::exception& error) {
        return reportFailure(options, "internal", error.what());
    }
}

}  // namespace millrace
