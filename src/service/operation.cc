#include "service/operation.h"

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace millrace {

ClusterSpec OperationContext::clusterSpec() const {
    ClusterSpec spec = service.folder.cluster(application.name, state.value("deployment", "none"));
    spec.kpus = state.value("kpus", int64_t{1});
    spec.memory_per_kpu = service.configuration.memory_per_kpu;
    return spec;
}

void OperationContext::moveStatus(ApplicationStatus from, ApplicationStatus to) {
    if (application.status != from) return;
    application.status = to;
    service.store.updateApplication(application);
}

const OperationDescription& operationDescription(const std::string& kind) {
    for (const auto& description : operationDescriptions())
        if (description.kind == kind) return description;
    throw UserError("store.damaged",
                    fmt::format("the metadata store holds an operation of unknown kind '{}'", kind),
                    "it was written by a later version of Millrace");
}

}  // namespace millrace
