// VPC configurations: accepted, kept with the version and shown. There are no VPCs here: they change nothing
// about the network that an application uses, and the VpcId that the API's shape demands is made from the
// subnets.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "service/shape.h"

namespace millrace {

Shape vpcConfigurationShape();
Shape subnetIdsShape();
Shape securityGroupIdsShape();

// `configuration` is an ApplicationConfigurationDescription, changed in place; at most one VPC configuration
// is in it (InvalidApplicationConfigurationException), as AWS has it. Returns its description.
nlohmann::json addVpcConfiguration(nlohmann::json& configuration, int64_t version_id,
                                   const nlohmann::json& vpc);
// `update` is a VpcConfigurationUpdate. ResourceNotFoundException for an id that is not there; likewise
// below.
void changeVpcConfiguration(nlohmann::json& configuration, const nlohmann::json& update);
void removeVpcConfiguration(nlohmann::json& configuration, const std::string& id);

}  // namespace millrace
