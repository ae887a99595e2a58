#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "service/action.h"
#include "service/api_error.h"
#include "service/descriptions.h"

namespace millrace {

namespace {

using Json = nlohmann::json;

constexpr int64_t kManualSnapshotsMax = 1'000;

Json handle(ServiceContext& context, const Json& input) {
    const std::string name = input.at("SnapshotName");
    context.store.transaction([&] {
        const Application application = requireApplication(context, input.at("ApplicationName"));
        if (application.idle())
            throw invalidRequest(
                fmt::format("Application {} is READY: only a RUNNING one has state to take a snapshot of.",
                            application.name));
        if (application.status != ApplicationStatus::Running)
            throw resourceInUse(fmt::format("Application {} is {}, not RUNNING.", application.name,
                                            toText(application.status)));
        const auto version = context.store.findVersion(application.id, application.version_id);
        if (!version || !snapshotsEnabled(*version))
            throw invalidApplicationConfiguration(
                fmt::format("Snapshots are disabled for application {}.", application.name));
        if (context.store.findSnapshot(application.id, name))
            throw resourceInUse(
                fmt::format("The snapshot {} of application {} already exists.", name, application.name));
        if (context.store.countManualSnapshots(application.id) >= kManualSnapshotsMax)
            throw limitExceeded(
                fmt::format("An application has at most {} snapshots: delete some.", kManualSnapshotsMax));
        SnapshotRecord snapshot;
        snapshot.application_id = application.id;
        snapshot.name = name;
        snapshot.version_id = application.version_id;
        snapshot.runtime_environment = application.runtime_environment;
        snapshot.create_time = context.nowSeconds();
        context.store.insertSnapshot(snapshot);
        context.store.insertOperation(
            newOperation(context, application, "CreateApplicationSnapshot", Json{{"snapshot", name}}.dump()));
    });
    context.operations_changed();
    return Json::object();
}

}  // namespace

ActionDescription describeActionsCreateApplicationSnapshot() {
    return {"CreateApplicationSnapshot",
            "Takes a snapshot of a RUNNING application, which runs on; CREATING, then READY or FAILED.",
            Shape::structure()
                .required("ApplicationName", applicationNameShape())
                .required("SnapshotName", snapshotNameShape()),
            handle};
}

}  // namespace millrace
