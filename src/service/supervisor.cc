#include "service/supervisor.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "engines/flink_rest_client.h"

namespace millrace {

namespace {
constexpr int kAskEveryMs = 1'000;
constexpr int kAskTimeoutMs = 1'000;
constexpr int64_t kStableAfterMs = 60'000;  // a cluster that ran this long begins a new row of restarts
}  // namespace

int64_t restartBackoffMs(int64_t restarts_in_a_row, int64_t max_ms) {
    if (restarts_in_a_row <= 0) return 0;
    return std::min<int64_t>(max_ms, int64_t{1000} << std::min<int64_t>(restarts_in_a_row - 1, 20));
}

Supervisor::Supervisor(ServiceContext& context)
    : context_(context), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    MILLRACE_CHECK(wake_.valid(), "no eventfd");
}

void Supervisor::start() {
    thread_ = std::thread([this] { run(); });
}

Supervisor::~Supervisor() { stop(); }

void Supervisor::wake() {
    const uint64_t one = 1;
    if (write(wake_.get(), &one, sizeof one) < 0) return;  // full: it is awake already
}

void Supervisor::stop() {
    if (!thread_.joinable()) return;
    stopping_ = true;
    wake();
    thread_.join();
}

void Supervisor::run() {
    auto next_ask = std::chrono::steady_clock::now();
    while (!stopping_) {
        int wait_ms = kAskEveryMs;
        try {
            const auto now = std::chrono::steady_clock::now();
            const bool ask = now >= next_ask;
            if (ask) next_ask = now + std::chrono::milliseconds(kAskEveryMs);
            wait_ms = look(ask);
        } catch (const std::exception& e) {
            logError("service.supervisor", "looking after the clusters failed, and is tried again: {}",
                     e.what());
            wait_ms = kAskEveryMs / 2;
        }
        const auto until_ask =
            std::chrono::duration_cast<std::chrono::milliseconds>(next_ask - std::chrono::steady_clock::now())
                .count();
        wait_ms = watched_.empty() ? wait_ms : std::clamp<int>(static_cast<int>(until_ask) + 1, 0, wait_ms);
        std::vector<pollfd> waits{{wake_.get(), POLLIN, 0}};
        for (const auto& [id, watched] : watched_)
            if (watched.pidfd.valid()) waits.push_back({watched.pidfd.get(), POLLIN, 0});
        poll(waits.data(), waits.size(), watched_.empty() && wait_ms >= kAskEveryMs ? -1 : wait_ms);
        uint64_t count;
        while (read(wake_.get(), &count, sizeof count) > 0) {
        }
    }
}

int Supervisor::look(bool ask_jobs) {
    const auto clusters = context_.store.listClusters();
    std::erase_if(watched_, [&](const auto& entry) {
        return std::none_of(clusters.begin(), clusters.end(),
                            [&](const auto& c) { return c.application_id == entry.first; });
    });
    int wait_ms = kAskEveryMs;
    for (const auto& cluster : clusters)
        lookAt(cluster, ask_jobs, wait_ms);
    return wait_ms;
}

void Supervisor::lookAt(const ClusterRecord& cluster, bool ask_job, int& wait_ms) {
    const auto application = context_.store.findApplication(cluster.application_id);
    const bool ours = application && application->status == ApplicationStatus::Running &&
                      context_.store.operationsInProgress(cluster.application_id).empty();
    if (!ours) {  // an operation has it
        watched_.erase(cluster.application_id);
        return;
    }
    Watched& watched = watched_[cluster.application_id];
    if (watched.process != cluster.process)
        watched = Watched{cluster.process, context_.engine.watch(cluster.process)};
    // A pidfd that has become readable stays so: the process is gone.
    if (!watched.pidfd.valid() || !context_.engine.isAlive(cluster.process)) {
        watched.pidfd = FileDescriptor();
        const int64_t now = context_.clock.now().value();
        if (cluster.restart_not_before_ms > now)
            wait_ms = std::min<int>(wait_ms, static_cast<int>(cluster.restart_not_before_ms - now));
        else
            request(cluster, "RestartCluster");
        return;
    }
    if (ask_job && cluster.port != 0) askJob(cluster, application->name, watched);
}

void Supervisor::askJob(const ClusterRecord& cluster, const std::string& application, Watched& watched) {
    const auto asked = std::chrono::steady_clock::now();
    try {
        const JobDetail job =
            FlinkRestClient(context_.http, clusterUrl(cluster), kAskTimeoutMs).job(cluster.job_id);
        watched.silent_since.reset();
        if (job.state == "FAILED")
            request(cluster, "RestartCluster");
        else if (job.ended())
            request(cluster, "CompleteApplication");
    } catch (const UserError& e) {
        logDebug("service.supervisor", "application {}: its cluster does not answer: {}", application,
                 e.what());
        if (!watched.silent_since) watched.silent_since = asked;
        const auto silent = std::chrono::steady_clock::now() - *watched.silent_since;
        if (silent < std::chrono::milliseconds(context_.configuration.unresponsive_after_ms)) return;
        logError("service.supervisor",
                 "application {}: its cluster, process {}, has not answered for {} s: restarting it",
                 application, cluster.process.pid,
                 std::chrono::duration_cast<std::chrono::seconds>(silent).count());
        request(cluster, "RestartCluster");
    }
}

void Supervisor::request(const ClusterRecord& seen, const char* kind) {
    bool requested = false;
    context_.store.transaction([&] {
        auto cluster = context_.store.findCluster(seen.application_id);
        const auto application = context_.store.findApplication(seen.application_id);
        if (!cluster || !application || application->status != ApplicationStatus::Running ||
            cluster->process != seen.process ||
            !context_.store.operationsInProgress(seen.application_id).empty())
            return;
        const int64_t now = context_.clock.now().value();
        if (std::string_view(kind) == "RestartCluster") {
            if (cluster->restart_not_before_ms > now) return;
            if (cluster->port != 0 && now - cluster->ready_time_ms > kStableAfterMs)
                cluster->restarts_in_a_row = 0;
            ++cluster->restarts_in_a_row;
            // What the next one, if there is one, has to wait for.
            cluster->restart_not_before_ms =
                now +
                restartBackoffMs(cluster->restarts_in_a_row, context_.configuration.restart_backoff_max_ms);
            context_.store.saveCluster(*cluster);
        }
        Operation operation =
            newOperation(context_, *application, kind, nlohmann::json{{"deployment", randomId()}}.dump());
        operation.listed = false;
        context_.store.insertOperation(operation);
        requested = true;
    });
    if (requested) context_.operations_changed();
}

}  // namespace millrace
