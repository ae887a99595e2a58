#include "cluster/cluster.h"

#include <malloc.h>
#include <signal.h>
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

JobOptions jobOptionsOf(const ApplicationPackage& package) {
    JobOptions options;
    options.job_id = package.job_id;
    options.restore_path = package.restore_path;
    options.allow_non_restored_state = package.allow_non_restored_state;
    options.environment.seed = entropySeed();
    return options;
}

void runUntilTold(const ClusterOptions& options) {
    const ApplicationPackage package = readApplicationPackage(options.package_path);
    configureLog(logConfigurationOf(package));
    const RestIdentity identity = restIdentityOf(package);
    const auto [host, port] = parseHostAndPort(options.rest_address);
    const sql::PlannedJob planned = planApplication(package);
    const std::shared_ptr<const JobGraph> graph = planned.graph;
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
