#include "service/vpc_configurations.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "service/api_error.h"

namespace millrace {

namespace {

using Json = nlohmann::json;

constexpr const char* kMember = "VpcConfigurationDescriptions";

std::string vpcIdOf(const Json& subnets) { return "vpc-" + sha256Hex(subnets.dump()).substr(0, 17); }

Json& requireVpc(Json& configuration, const std::string& id) {
    if (configuration.contains(kMember))
        for (auto& vpc : configuration[kMember])
            if (vpc.at("VpcConfigurationId") == id) return vpc;
    throw resourceNotFound(fmt::format("The application has no VPC configuration {}.", id));
}

}  // namespace

Shape subnetIdsShape() { return Shape::list(Shape::string(1), 1, 16); }
Shape securityGroupIdsShape() { return Shape::list(Shape::string(1), 1, 5); }
Shape vpcConfigurationShape() {
    return Shape::structure()
        .required("SubnetIds", subnetIdsShape())
        .required("SecurityGroupIds", securityGroupIdsShape());
}

Json addVpcConfiguration(Json& configuration, int64_t version_id, const Json& vpc) {
    if (configuration.contains(kMember))
        throw invalidApplicationConfiguration("An application has at most one VPC configuration.");
    Json description{{"VpcConfigurationId", fmt::format("{}.1", version_id)},
                     {"VpcId", vpcIdOf(vpc.at("SubnetIds"))},
                     {"SubnetIds", vpc.at("SubnetIds")},
                     {"SecurityGroupIds", vpc.at("SecurityGroupIds")}};
    configuration[kMember] = Json::array({description});
    return description;
}

void changeVpcConfiguration(Json& configuration, const Json& update) {
    Json& vpc = requireVpc(configuration, update.at("VpcConfigurationId"));
    if (const Json subnets = update.value("SubnetIdUpdates", Json()); subnets.is_array()) {
        vpc["SubnetIds"] = subnets;
        vpc["VpcId"] = vpcIdOf(subnets);
    }
    if (const Json groups = update.value("SecurityGroupIdUpdates", Json()); groups.is_array())
        vpc["SecurityGroupIds"] = groups;
}

void removeVpcConfiguration(Json& configuration, const std::string& id) {
    requireVpc(configuration, id);
    configuration.erase(kMember);
}

}  // namespace millrace
