// The snapshot manager: snapshots on a schedule, of which the latest are kept.
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "service/descriptions.h"
#include "service/duty.h"

namespace millrace {

namespace {

constexpr const char* kPrefix = "scheduled-";

// "20261126T133000Z"
std::string utcText(int64_t seconds) {
    const auto time = static_cast<time_t>(seconds);
    tm utc{};
    gmtime_r(&time, &utc);
    char text[32];
    return {text, strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &utc)};
}

std::vector<SnapshotRecord> scheduledOf(DutyContext& context) {
    constexpr int64_t kAll = 100'000;
    auto all = context.service.store.listSnapshots(context.application.id, std::nullopt, kAll);
    std::erase_if(all,
                  [](const SnapshotRecord& one) { return one.manual || !one.name.starts_with(kPrefix); });
    return all;  // newest first
}

void take(DutyContext& context) {
    auto& store = context.service.store;
    SnapshotRecord snapshot;
    snapshot.application_id = context.application.id;
    snapshot.create_time = context.service.nowSeconds();
    snapshot.name = kPrefix + utcText(snapshot.create_time);
    snapshot.manual = false;
    snapshot.version_id = context.application.version_id;
    snapshot.runtime_environment = context.application.runtime_environment;
    bool begun = false;
    store.transaction([&] {
        const auto application = store.findApplication(context.application.id);
        if (!application || application->status != ApplicationStatus::Running ||
            !store.operationsInProgress(application->id).empty() ||
            store.findSnapshot(application->id, snapshot.name))
            return;
        store.insertSnapshot(snapshot);
        store.insertOperation(newOperation(context.service, *application, "CreateApplicationSnapshot",
                                           nlohmann::json{{"snapshot", snapshot.name}}.dump()));
        begun = true;
    });
    if (begun) context.service.operations_changed();
}

// All but the latest that are READY; a failed one goes once a later one is there.
void removeOld(DutyContext& context, const std::vector<SnapshotRecord>& scheduled) {
    auto& store = context.service.store;
    int64_t kept = 0;
    for (const auto& one : scheduled) {
        const bool ready = one.status == SnapshotStatus::Ready;
        if (ready && kept < context.settings.snapshots_retain) {
            ++kept;
            continue;
        }
        if (!(ready || (one.status == SnapshotStatus::Failed && kept > 0))) continue;
        // What the present run would have to go back to stays.
        if (one.location == context.cluster.origin) continue;
        store.transaction([&] {
            auto snapshot = store.findSnapshot(context.application.id, one.name);
            if (!snapshot || snapshot->status != one.status) return;
            snapshot->status = SnapshotStatus::Deleting;
            store.updateSnapshot(*snapshot);
            store.insertOperation(newOperation(context.service, context.application,
                                               "DeleteApplicationSnapshot",
                                               nlohmann::json{{"snapshot", one.name}}.dump()));
        });
        logInfo("service.snapshots",
                "application {}: the scheduled snapshot {} is deleted: {} later ones are kept",
                context.application.name, one.name, kept);
        context.service.operations_changed();
    }
}

void look(DutyContext& context) {
    const int64_t interval_ms = context.settings.snapshots_interval.ms;
    if (interval_ms <= 0 || !snapshotsEnabled(context.version)) return;
    const auto scheduled = scheduledOf(context);
    removeOld(context, scheduled);
    const int64_t now_ms = context.service.clock.now().value();
    const int64_t last_ms =
        std::max(context.cluster.ready_time_ms, scheduled.empty() ? 0 : scheduled.front().create_time * 1000);
    if (now_ms - last_ms >= interval_ms) take(context);
}

}  // namespace

DutyDescription describeDutiesScheduledSnapshots() { return {"scheduled-snapshots", look}; }

}  // namespace millrace
