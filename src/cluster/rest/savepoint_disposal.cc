// /savepoint-disposal: removes a savepoint, and nothing that is not one.
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file_system.h"
#include "base/log.h"
#include "cluster/java_throwable.h"
#include "cluster/rest/rest.h"
#include "cluster/rest_operations.h"
#include "runtime/runtime_options.h"
#include "state/snapshot_store.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

// Only a folder whose metadata can be read, and says that it is a savepoint, goes.
void dispose(const std::string& path) {
    FileSystem& files = localFileSystem();
    std::string folder = pathOf(path);
    if (lastComponent(folder) == "_metadata") folder = parentFolder(folder);
    if (readSnapshotLayout(files, folder).kind != SnapshotKind::Savepoint) {
        throw UserError(
            "snapshot.not-a-savepoint",
            fmt::format("{} is a checkpoint: they are removed when newer ones take their place", folder));
    }
    discardSnapshot(files, folder);
    logInfo("cluster.rest", "Savepoint {} was disposed of", folder);
}

HttpResponse trigger(const RestCluster& cluster, const RestRequest& request) {
    const Json body = restBody(request);
    const auto path = body.find("savepoint-path");
    if (path == body.end() || !path->is_string() || path->get<std::string>().empty()) {
        throw RestError(400, "Bad request received: 'savepoint-path' is missing.");
    }
    std::string failure;
    try {
        dispose(path->get<std::string>());
    } catch (const UserError& error) {
        failure = error.what();
    }
    return restAnswer({{"request-id", cluster.operations->settle(failure)}}, 202);
}

HttpResponse status(const RestCluster& cluster, const RestRequest& request) {
    const std::optional<std::string> failure = cluster.operations->settled(request.parameters[0]);
    if (!failure) throw RestError(404, "There is no disposal with triggerId=" + request.parameters[0] + ".");
    Json operation = Json::object();
    if (!failure->empty())
        operation["failure-cause"] = failureCause("org.apache.flink.util.FlinkException", *failure);
    return restAnswer({{"status", {{"id", "COMPLETED"}}}, {"operation", operation}});
}

}  // namespace

std::vector<RestRoute> describeRestSavepointDisposal() {
    return {{"POST", "/savepoint-disposal", trigger, "removes the savepoint at `savepoint-path`"},
            {"GET", "/savepoint-disposal/:triggerid", status, "whether that succeeded"}};
}

}  // namespace millrace
