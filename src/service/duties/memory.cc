// A cluster that has more memory than its KPUs allow is ended, and restarted like one that died: where no
// cgroup holds it, before it hurts others.
#include <fmt/format.h>
#include <signal.h>

#include "base/log.h"
#include "service/code_package.h"
#include "service/duty.h"

namespace millrace {

namespace {

void look(DutyContext& context) {
    const auto used = anonymousBytes(context.cluster.process);
    const int64_t allowed =
        kpusOf(context.version, context.cluster.parallelism) * context.service.configuration.memory_per_kpu;
    if (!used || *used <= allowed) return;
    logError("service.memory",
             "application {}: its cluster, process {}, has {} MB of memory, more than the {} MB of its KPUs: "
             "it is "
             "ended and restarted (more KPUs have more: Parallelism, ParallelismPerKPU)",
             context.application.name, context.cluster.process.pid, *used >> 20, allowed >> 20);
    signalProcess(context.cluster.process, SIGKILL);
}

}  // namespace

DutyDescription describeDutiesMemory() { return {"memory", look}; }

}  // namespace millrace
