#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/hash.h"
#include "service/action.h"
#include "service/api_error.h"
#include "service/code_package.h"
#include "service/descriptions.h"

namespace millrace {

namespace {

using Json = nlohmann::json;

constexpr size_t kTagsMax = 50;

void checkRuntime(const std::string& runtime) {
    if (runtime == "SQL-1_0" || runtime.starts_with("ZEPPELIN-"))
        throw unsupportedOperation(
            fmt::format("The runtime environment {} is not supported: choose a FLINK- one, or MILLRACE-1_0, "
                        "and write Flink SQL.",
                        runtime));
}

Json describeTags(const Json& input) {
    const Json tags = input.value("Tags", Json());
    if (!tags.is_array()) return {};
    if (tags.size() > kTagsMax)
        throw tooManyTags(fmt::format("An application has at most {} tags.", kTagsMax));
    Json stored = Json::array();
    std::set<std::string> keys;
    for (const auto& tag : tags) {
        const std::string key = tag.at("Key");
        if (!keys.insert(key).second) throw invalidArgument(fmt::format("The tag '{}' is given twice.", key));
        const Json value = tag.value("Value", Json());
        stored.push_back({{"Key", key}, {"Value", value.is_string() ? value : Json("")}});
    }
    return stored;
}

Json describeLogging(const Json& input) {
    const Json options = input.value("CloudWatchLoggingOptions", Json());
    if (!options.is_array() || options.empty()) return {};
    Json stored = Json::array();
    for (const auto& option : options)
        stored.push_back({{"CloudWatchLoggingOptionId", fmt::format("1.{}", stored.size() + 1)},
                          {"LogStreamARN", option.at("LogStreamARN")}});
    return stored;
}

Json describeCode(const Json& configuration, const CodePackage& package) {
    Json content{{"CodeMD5", md5Hex(package.bytes)}, {"CodeSize", package.bytes.size()}};
    const Json& given = configuration.at("CodeContent");
    if (const auto s3 = given.find("S3ContentLocation"); s3 != given.end() && s3->is_object()) {
        Json location{{"BucketARN", s3->at("BucketARN")}, {"FileKey", s3->at("FileKey")}};
        if (s3->contains("ObjectVersion") && s3->at("ObjectVersion").is_string())
            location["ObjectVersion"] = s3->at("ObjectVersion");
        content["S3ApplicationCodeLocationDescription"] = std::move(location);
    }
    return {{"CodeContentType", package.type}, {"CodeContentDescription", std::move(content)}};
}

Json handle(ServiceContext& context, const Json& input) {
    Application application;
    application.name = input.at("ApplicationName");
    application.runtime_environment = input.at("RuntimeEnvironment");
    application.service_execution_role = input.at("ServiceExecutionRole");
    checkRuntime(application.runtime_environment);
    const Json mode = input.value("ApplicationMode", Json());
    application.mode = mode.is_string() ? mode.get<std::string>() : "STREAMING";
    if (application.mode != "STREAMING")
        throw unsupportedOperation("The application mode INTERACTIVE is not supported.");
    if (const Json text = input.value("ApplicationDescription", Json()); text.is_string())
        application.description = text;
    if (const Json tags = describeTags(input); !tags.is_null()) application.tags = tags.dump();
    if (const Json logging = describeLogging(input); !logging.is_null())
        application.logging_options = logging.dump();
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
        context.store.insertVersion(version);
        detail = describeApplication(context, application, "");
    });
    return {{"ApplicationDetail", std::move(detail)}};
}

}  // namespace

ActionDescription describeActionsCreateApplication() {
    auto input =
        Shape::structure()
            .required("ApplicationName", applicationNameShape())
            .optional("ApplicationDescription", Shape::string(0, 1024))
            .required("RuntimeEnvironment",
                      Shape::oneOf({"SQL-1_0", "FLINK-1_6", "FLINK-1_8", "ZEPPELIN-FLINK-1_0", "FLINK-1_11",
                                    "FLINK-1_13", "ZEPPELIN-FLINK-2_0", "FLINK-1_15", "ZEPPELIN-FLINK-3_0",
                                    "FLINK-1_18", "FLINK-1_19", "FLINK-1_20", "FLINK-2_2", "FLINK-2_3",
                                    "MILLRACE-1_0"}))
            .required("ServiceExecutionRole", Shape::string(1, 2048).arn())
            .optional("ApplicationConfiguration", applicationConfigurationShape())
            .optional("CloudWatchLoggingOptions",
                      Shape::list(Shape::structure().required("LogStreamARN", Shape::string(1, 2048).arn())))
            .optional("Tags", Shape::list(Shape::structure()
                                              .required("Key", Shape::string(1, 128))
                                              .optional("Value", Shape::string(0, 256)),
                                          1, 200))
            .optional("ApplicationMode", Shape::oneOf({"STREAMING", "INTERACTIVE"}));
    return {"CreateApplication",
            "Creates an application, version 1, in the status READY; keeps its own copy of the code.",
            std::move(input), handle};
}

}  // namespace millrace
