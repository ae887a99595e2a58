#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "service/action.h"
#include "service/api_error.h"

namespace millrace {

namespace {

nlohmann::json handle(ServiceContext& context, const nlohmann::json& input) {
    const std::string name = input.at("SnapshotName");
    context.store.transaction([&] {
        const Application application = requireApplication(context, input.at("ApplicationName"));
        if (!application.idle() && application.status != ApplicationStatus::Running)
            throw resourceInUse(fmt::format("Application {} is {}: its snapshots cannot be deleted now.",
                                            application.name, toText(application.status)));
        auto snapshot = context.store.findSnapshot(application.id, name);
        if (!snapshot)
            throw resourceNotFound(
                fmt::format("The snapshot {} of application {} does not exist.", name, application.name));
        if (std::floor(input.at("SnapshotCreationTimestamp").get<double>()) !=
            static_cast<double>(snapshot->create_time))
            throw invalidArgument(
                fmt::format("The SnapshotCreationTimestamp is not that of snapshot {}: "
                            "DescribeApplicationSnapshot gives it.",
                            name));
        if (snapshot->status == SnapshotStatus::Creating || snapshot->status == SnapshotStatus::Deleting)
            throw resourceInUse(fmt::format("The snapshot {} is {}.", name, toText(snapshot->status)));
        const auto cluster = context.store.findCluster(application.id);
        if (cluster && !snapshot->location.empty() && cluster->origin == snapshot->location &&
            completedCheckpoints(context.folder.checkpoints(application.name), cluster->job_ids).empty())
            throw resourceInUse(fmt::format(
                "Application {} was restored from snapshot {} and has no checkpoint of its own yet.",
                application.name, name));
        snapshot->status = SnapshotStatus::Deleting;
        context.store.updateSnapshot(*snapshot);
        context.store.insertOperation(newOperation(context, application, "DeleteApplicationSnapshot",
                                                   nlohmann::json{{"snapshot", name}}.dump()));
    });
    context.operations_changed();
    return nlohmann::json::object();
}

}  // namespace

ActionDescription describeActionsDeleteApplicationSnapshot() {
    return {"DeleteApplicationSnapshot", "Deletes a snapshot: DELETING until its files are gone.",
            Shape::structure()
                .required("ApplicationName", applicationNameShape())
                .required("SnapshotName", snapshotNameShape())
                .required("SnapshotCreationTimestamp", Shape::timestamp()),
            handle};
}

}  // namespace millrace
