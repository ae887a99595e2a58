#include "service/application_change.h"

#include <fmt/format.h>

#include "service/api_error.h"
#include "service/code_package.h"
#include "service/descriptions.h"

namespace millrace {

namespace {

using Json = nlohmann::json;

// Until the run that is being changed has ended, it has the parallelism that scaling chose; what is changed
// in the configuration takes its place.
int64_t nextParallelism(const ApplicationChange& change, const ApplicationVersion& present) {
    const int64_t chosen = change.application.parallelism;
    return chosen > 0 && parallelismOf(present, 0) == parallelismOf(change.version, 0) &&
                   kpusOf(present, 0) == kpusOf(change.version, 0)
               ? chosen
               : 0;
}

}  // namespace

Shape changeShape() {
    constexpr int64_t kVersionMax = 999'999'999;
    return Shape::structure()
        .required("ApplicationName", applicationNameShape())
        .optional("CurrentApplicationVersionId", Shape::integer(1, kVersionMax))
        .optional("ConditionalToken", Shape::string(1, 512).token());
}

void requireCurrentVersion(const Application& application, const Json& input) {
    const Json version = input.value("CurrentApplicationVersionId", Json());
    const Json token = input.value("ConditionalToken", Json());
    if (version.is_null() && token.is_null())
        throw invalidArgument("Either CurrentApplicationVersionId or ConditionalToken must be given.");
    if (version.is_number() && version.get<int64_t>() != application.version_id)
        throw concurrentModification(
            fmt::format("Application {} has the version {}, not {}: it was changed meanwhile. "
                        "DescribeApplication shows it.",
                        application.name, application.version_id, version.get<int64_t>()));
    if (token.is_string() && token != conditionalToken(application))
        throw concurrentModification(fmt::format(
            "The ConditionalToken is not that of application {} any more: it was changed meanwhile. "
            "DescribeApplication shows it.",
            application.name));
}

ApplicationChange changeApplication(ServiceContext& context, const Json& input,
                                    const std::function<void(ApplicationChange&)>& edit) {
    ApplicationChange change;
    context.store.transaction([&] {
        auto& store = context.store;
        change.application = requireApplication(context, input.at("ApplicationName"));
        Application& application = change.application;
        requireCurrentVersion(application, input);
        const bool running = application.status == ApplicationStatus::Running;
        if (!running && !application.idle())
            throw resourceInUse(fmt::format("Application {} cannot be changed now: it is {}.",
                                            application.name, toText(application.status)));
        const ApplicationVersion present = *store.findVersion(application.id, application.version_id);
        change.version = present;
        change.configuration = Json::parse(present.configuration);
        change.version.version_id = application.version_id_max + 1;
        change.version.updated_from = present.version_id;
        change.version.rolled_back_to.reset();
        change.version.create_time = context.nowSeconds();
        edit(change);
        change.version.configuration = change.configuration.dump();
        store.insertVersion(change.version);

        Json state{{"deployment", randomId()},
                   {"fromVersion", present.version_id},
                   {"targetVersion", change.version.version_id},
                   {"fromParallelism", application.parallelism},
                   {"parallelism", nextParallelism(change, present)}};
        if (running) {
            change.run.checkSnapshot(context, application);
            change.run.writeTo(state);
            if (snapshotsEnabled(present)) state["snapshot"] = insertServiceSnapshot(context, application);
            application.run_configuration = change.run.describe();
            application.status = ApplicationStatus::Updating;
        } else {
            application.status = ApplicationStatus::Ready;
        }
        Operation operation = newOperation(context, application, "UpdateApplication", state.dump());
        if (!running) {
            operation.status = OperationStatus::Successful;
            operation.end_time = operation.start_time;
        }
        show(application, change.version);
        application.version_id_max = change.version.version_id;
        application.rolled_back_from.reset();
        application.last_update_time = context.nowSeconds();
        store.updateApplication(application);
        store.insertOperation(operation);
        change.operation_id = operation.id;
    });
    context.operations_changed();
    return change;
}

}  // namespace millrace
