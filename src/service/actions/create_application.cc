#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "service/action.h"
#include "service/api_error.h"
#include "service/code_package.h"
#include "service/descriptions.h"
#include "service/logging_options.h"
#include "service/runtime_environments.h"
#include "service/tags.h"

namespace millrace {

namespace {

using Json = nlohmann::json;

Json handle(ServiceContext& context, const Json& input) {
    Application application;
    application.name = input.at("ApplicationName");
    application.runtime_environment = input.at("RuntimeEnvironment");
    application.service_execution_role = input.at("ServiceExecutionRole");
    requireFlinkRuntime(application.runtime_environment);
    const Json mode = input.value("ApplicationMode", Json());
    application.mode = mode.is_string() ? mode.get<std::string>() : "STREAMING";
    if (application.mode != "STREAMING")
        throw unsupportedOperation("The application mode INTERACTIVE is not supported.");
    if (const Json text = input.value("ApplicationDescription", Json()); text.is_string())
        application.description = text;
    if (const Json tags = input.value("Tags", Json()); tags.is_array())
        application.tags = mergeTags("", tags);
    if (const Json options = input.value("CloudWatchLoggingOptions", Json()); options.is_array())
        for (const auto& option : options)
            application.logging_options =
                addLoggingOption(application.logging_options, 1, option.at("LogStreamARN"));
    application.arn = context.applicationArn(application.name);

    const auto refuse_existing = [&] {
        if (context.store.findApplication(application.name))
            throw resourceInUse(fmt::format("Application already exists: {}", application.name));
    };
    refuse_existing();  // before code is fetched
    const Json configuration = input.value("ApplicationConfiguration", Json());
    describeConfiguration(configuration, {});
    const Json code =
        configuration.is_object() ? configuration.value("ApplicationCodeConfiguration", Json()) : Json();
    std::optional<CodePackage> package;
    if (code.is_object()) package = takeInCode(context, code);

    std::lock_guard lock(context.code_mutex);
    ApplicationVersion version;
    if (package) version.code_sha256 = context.blobs.put(package->bytes);
    version.configuration =
        describeConfiguration(configuration, package ? describeCode(code, *package) : Json()).dump();
    Json detail;
    context.store.transaction([&] {
        refuse_existing();
        application.create_time = application.last_update_time = version.create_time = context.nowSeconds();
        application.id = version.application_id = context.store.insertApplication(application);
        version.runtime_environment = application.runtime_environment;
        version.service_execution_role = application.service_execution_role;
        version.logging_options = application.logging_options;
        context.store.insertVersion(version);
        detail = describeApplication(context, application);
    });
    return {{"ApplicationDetail", std::move(detail)}};
}

}  // namespace

ActionDescription describeActionsCreateApplication() {
    auto input = Shape::structure()
                     .required("ApplicationName", applicationNameShape())
                     .optional("ApplicationDescription", Shape::string(0, 1024))
                     .required("RuntimeEnvironment", runtimeEnvironmentShape())
                     .required("ServiceExecutionRole", Shape::string(1, 2048).arn())
                     .optional("ApplicationConfiguration", applicationConfigurationShape())
                     .optional("CloudWatchLoggingOptions", Shape::list(loggingOptionShape()))
                     .optional("Tags", tagsShape())
                     .optional("ApplicationMode", Shape::oneOf({"STREAMING", "INTERACTIVE"}));
    return {"CreateApplication",
            "Creates an application, version 1, in the status READY; keeps its own copy of the code.",
            std::move(input), handle};
}

}  // namespace millrace
