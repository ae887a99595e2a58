// CloudWatch logging options: accepted, kept with the version and shown. The log itself is the service's own
// (docs/api.md); the ARN's last part names the stream in it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "service/shape.h"

namespace millrace {

Shape loggingOptionShape();
Shape partIdShape();  // of a logging option or a VPC configuration

// `stored` is CloudWatchLoggingOptionDescriptions as JSON text, or "". All return it anew.
// InvalidArgumentException for what is there already, ResourceNotFoundException for an id that is not.
std::string addLoggingOption(const std::string& stored, int64_t version_id, const std::string& stream_arn);
std::string changeLoggingOption(const std::string& stored, const std::string& id,
                                const std::string& stream_arn);
std::string removeLoggingOption(const std::string& stored, const std::string& id);

}  // namespace millrace
