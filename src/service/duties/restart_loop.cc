// An update after which the job restarts again and again is rolled back, for those who have asked for it.
#include "base/log.h"
#include "service/descriptions.h"
#include "service/duty.h"

namespace millrace {

namespace {

void look(DutyContext& context) {
    const auto& settings = context.settings;
    const auto& version = context.version;
    if (!settings.restart_loop_rollback || !systemRollbackEnabled(version) || !version.updated_from) return;
    const int64_t now_ms = context.service.clock.now().value();
    if (now_ms - context.cluster.ready_time_ms > settings.restart_loop_window.ms) return;
    const int64_t restarts = fullRestartsOf(context.client, context.cluster);
    if (restarts < settings.restart_loop_restarts) return;
    logError("service.restart-loop",
             "application {}: {} restarts since version {} runs: it is rolled back to version {}",
             context.application.name, restarts, version.version_id, *version.updated_from);
    beginSystemRollback(context, *version.updated_from);
}

}  // namespace

DutyDescription describeDutiesRestartLoop() { return {"restart-loop", look}; }

}  // namespace millrace
