// A cluster that an earlier release of the service launched is replaced, in the application's maintenance
// window.
#include "base/log.h"
#include "service/descriptions.h"
#include "service/duty.h"

namespace millrace {

namespace {

bool inWindow(const std::string& start, int64_t now_s) {
    constexpr int64_t kDayMinutes = 24 * 60, kWindowMinutes = 8 * 60;
    const int64_t begins =
        ((start[0] - '0') * 10 + (start[1] - '0')) * 60 + (start[3] - '0') * 10 + (start[4] - '0');
    const int64_t now = now_s / 60 % kDayMinutes;
    return (now - begins + kDayMinutes) % kDayMinutes < kWindowMinutes;
}

void look(DutyContext& context) {
    if (context.cluster.release == context.service.engine.release()) return;
    if (!snapshotsEnabled(context.version)) return;  // its state would be lost
    if (!inWindow(context.application.maintenance_start, context.service.nowSeconds())) return;
    if (beginChange(context, "ApplicationMaintenance", ApplicationStatus::Maintenance,
                    context.application.parallelism))
        logInfo("service.maintenance",
                "application {}: its cluster is of another release and is replaced in the maintenance window",
                context.application.name);
}

}  // namespace

DutyDescription describeDutiesMaintenance() { return {"maintenance", look}; }

}  // namespace millrace
