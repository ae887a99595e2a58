// Tags of an application: at most 50, [{Key, Value}] as stored.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "service/context.h"
#include "service/shape.h"

namespace millrace {

Shape tagsShape();

// `stored` ("" for none) with `given` put in, sorted by key; "" if there are none. TooManyTagsException;
// InvalidArgumentException if `given` has a key twice.
std::string mergeTags(const std::string& stored, const nlohmann::json& given);
std::string withoutTags(const std::string& stored, const std::vector<std::string>& keys);

// The application that a ResourceARN names, or ResourceNotFoundException.
Application requireTaggedApplication(ServiceContext& context, const std::string& resource_arn);

}  // namespace millrace
