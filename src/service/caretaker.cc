#include "service/caretaker.h"

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "base/log.h"
#include "service/health.h"

namespace millrace {

namespace {
constexpr int kAskTimeoutMs = 2'000;
}

Caretaker::~Caretaker() { stop(); }

void Caretaker::start() {
    thread_ = std::thread([this] { run(); });
}

void Caretaker::stop() {
    if (!thread_.joinable()) return;
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void Caretaker::run() {
    const std::chrono::milliseconds pause(context_.configuration.caretaker_pause_ms);
    for (std::unique_lock lock(mutex_); !changed_.wait_for(lock, pause, [this] { return stopping_; });) {
        lock.unlock();
        try {
            lookAtAll();
        } catch (const std::exception& e) {
            logError("service.caretaker", "looking after the applications failed, and is tried again: {}",
                     e.what());
        }
        lock.lock();
    }
}

void Caretaker::lookAtAll() {
    const auto clusters = context_.store.listClusters();
    const auto runs = [&](int64_t application) {
        return std::any_of(clusters.begin(), clusters.end(),
                           [&](const auto& cluster) { return cluster.application_id == application; });
    };
    std::erase_if(remembered_, [&](const auto& entry) { return !runs(entry.first); });
    context_.health.keep(runs);
    for (const auto& cluster : clusters)
        lookAt(cluster);
}

void Caretaker::lookAt(const ClusterRecord& cluster) {
    const auto application = context_.store.findApplication(cluster.application_id);
    if (!application || application->status != ApplicationStatus::Running || cluster.port == 0 ||
        !context_.store.operationsInProgress(cluster.application_id).empty())
        return;
    Remembered& remembered = remembered_[application->id];
    if (remembered.changes != application->changes || remembered.parallelism != application->parallelism)
        remembered = Remembered{application->changes, application->parallelism, {}};
    FlinkRestClient client(context_.http, clusterUrl(cluster), kAskTimeoutMs);
    try {
        const auto version = context_.store.findVersion(application->id, application->version_id);
        const ServiceSettings settings = readServiceSettings(*version);
        const JobDetail job = client.job(cluster.job_id);
        for (const auto& duty : dutyDescriptions()) {
            DutyContext work{context_, *application, *version, cluster,
                             settings, job,          client,   remembered.duties[duty.name]};
            duty.look(work);
        }
    } catch (const UserError& e) {
        context_.health.set(application->id, {{"the cluster does not answer: " + std::string(e.what())}});
        logDebug("service.caretaker", "application {}: {}", application->name, e.what());
    }
}

}  // namespace millrace
