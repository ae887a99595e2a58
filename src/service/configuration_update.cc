#include "service/configuration_update.h"

#include <nlohmann/json.hpp>
#include <string>

#include "base/json_members.h"
#include "service/api_error.h"
#include "service/descriptions.h"
#include "service/logging_options.h"
#include "service/vpc_configurations.h"

namespace millrace {

namespace {

using Json = nlohmann::json;

// `group` with the members of `update`, whose names end in "Update".
Json withUpdates(Json group, const Json& update) {
    constexpr std::string_view kSuffix = "Update";
    if (!update.is_object()) return group;
    for (const auto& [name, value] : update.items())
        if (name.ends_with(kSuffix) && !value.is_null())
            group[name.substr(0, name.size() - kSuffix.size())] = value;
    return group;
}

// What CreateApplication would have to be asked for to get the configuration described, but for its code and
// its VPC configurations.
Json requestOf(const Json& description) {
    const Json& flink = description.at("FlinkApplicationConfigurationDescription");
    Json request{
        {"FlinkApplicationConfiguration",
         {{"CheckpointConfiguration", flink.at("CheckpointConfigurationDescription")},
          {"MonitoringConfiguration", flink.at("MonitoringConfigurationDescription")},
          {"ParallelismConfiguration", flink.at("ParallelismConfigurationDescription")}}},
        {"ApplicationSnapshotConfiguration", description.at("ApplicationSnapshotConfigurationDescription")},
        {"ApplicationSystemRollbackConfiguration",
         description.at("ApplicationSystemRollbackConfigurationDescription")},
        {"ApplicationEncryptionConfiguration",
         description.at("ApplicationEncryptionConfigurationDescription")}};
    if (const Json& properties = memberOf(description, "EnvironmentPropertyDescriptions");
        properties.is_object())
        request["EnvironmentProperties"] = {{"PropertyGroups", properties.at("PropertyGroupDescriptions")}};
    return request;
}

void refuseUnsupported(const Json& update) {
    if (memberOf(update, "SqlApplicationConfigurationUpdate").is_object())
        throw unsupportedOperation(
            "SqlApplicationConfigurationUpdate belongs to the runtime environment SQL-1_0, which is not "
            "supported.");
    if (memberOf(update, "ZeppelinApplicationConfigurationUpdate").is_object())
        throw unsupportedOperation("ZeppelinApplicationConfigurationUpdate is not supported.");
}

}  // namespace

Shape applicationConfigurationUpdateShape() {
    auto vpc = Shape::structure()
                   .required("VpcConfigurationId", partIdShape())
                   .optional("SubnetIdUpdates", subnetIdsShape())
                   .optional("SecurityGroupIdUpdates", securityGroupIdsShape());
    return Shape::structure()
        .optional("SqlApplicationConfigurationUpdate", Shape::structure())
        .optional("ApplicationCodeConfigurationUpdate", codeConfigurationShape("Update"))
        .optional("FlinkApplicationConfigurationUpdate", flinkConfigurationShape("Update"))
        .optional("EnvironmentPropertyUpdates", environmentPropertiesShape())
        .optional("ApplicationSnapshotConfigurationUpdate",
                  Shape::structure()
                      .required("SnapshotsEnabledUpdate", Shape::boolean())
                      .optional("SnapshotModeUpdate", snapshotModeShape()))
        .optional("ApplicationSystemRollbackConfigurationUpdate",
                  Shape::structure().required("RollbackEnabledUpdate", Shape::boolean()))
        .optional("VpcConfigurationUpdates", Shape::list(std::move(vpc)))
        .optional("ZeppelinApplicationConfigurationUpdate", Shape::structure())
        .optional("ApplicationEncryptionConfigurationUpdate",
                  Shape::structure()
                      .optional("KeyIdUpdate", Shape::string(1, 2048))
                      .required("KeyTypeUpdate", Shape::oneOf({"AWS_OWNED_KEY", "CUSTOMER_MANAGED_KEY"})));
}

Json updatedCode(const Json& description, const Json& update) {
    const Json& code = memberOf(update, "ApplicationCodeConfigurationUpdate");
    if (!code.is_object()) return {};
    const Json& present = memberOf(description, "ApplicationCodeConfigurationDescription");
    const Json& content = memberOf(code, "CodeContentUpdate");
    const Json& type = memberOf(code, "CodeContentTypeUpdate");
    const Json& present_type = memberOf(present, "CodeContentType");
    if (!content.is_object()) {
        if (type.is_null() || type == present_type) return {};
        throw invalidArgument("A CodeContentTypeUpdate that changes the type needs a CodeContentUpdate.");
    }
    Json location = memberOf(content, "S3ContentLocationUpdate");
    Json next = withUpdates(Json::object(), content);
    if (location.is_object()) {
        Json merged =
            memberOf(memberOf(present, "CodeContentDescription"), "S3ApplicationCodeLocationDescription");
        if (!merged.is_object()) merged = Json::object();
        // Another object has other versions.
        if (!memberOf(location, "BucketARNUpdate").is_null() ||
            !memberOf(location, "FileKeyUpdate").is_null())
            merged.erase("ObjectVersion");
        merged = withUpdates(std::move(merged), location);
        if (!merged.contains("BucketARN") || !merged.contains("FileKey"))
            throw invalidArgument("S3ContentLocationUpdate needs a BucketARNUpdate and a FileKeyUpdate.");
        next["S3ContentLocation"] = std::move(merged);
    }
    Json configuration{{"CodeContent", std::move(next)}};
    configuration["CodeContentType"] = type.is_null() ? present_type : type;
    if (configuration["CodeContentType"].is_null())
        throw invalidArgument("The application has no code yet: the update needs a CodeContentTypeUpdate.");
    return configuration;
}

Json updateConfiguration(const Json& description, const Json& update, const Json& code_description) {
    refuseUnsupported(update);
    Json request = requestOf(description);
    Json& flink = request["FlinkApplicationConfiguration"];
    const Json& flink_update = memberOf(update, "FlinkApplicationConfigurationUpdate");
    for (const char* group :
         {"CheckpointConfiguration", "MonitoringConfiguration", "ParallelismConfiguration"})
        flink[group] =
            withUpdates(flink[group], memberOf(flink_update, (std::string(group) + "Update").c_str()));
    for (const char* group : {"ApplicationSnapshotConfiguration", "ApplicationSystemRollbackConfiguration",
                              "ApplicationEncryptionConfiguration"})
        request[group] =
            withUpdates(request[group], memberOf(update, (std::string(group) + "Update").c_str()));
    if (const Json& properties = memberOf(update, "EnvironmentPropertyUpdates"); properties.is_object())
        request["EnvironmentProperties"] = properties;

    const Json& present_code = memberOf(description, "ApplicationCodeConfigurationDescription");
    Json next =
        describeConfiguration(request, code_description.is_object() ? code_description : present_code);
    if (description.contains("VpcConfigurationDescriptions"))
        next["VpcConfigurationDescriptions"] = description.at("VpcConfigurationDescriptions");
    if (const Json& vpcs = memberOf(update, "VpcConfigurationUpdates"); vpcs.is_array())
        for (const auto& vpc : vpcs)
            changeVpcConfiguration(next, vpc);
    return next;
}

}  // namespace millrace
