// One action of the API. Each stands in a file of its own below actions/, which defines its descriptor; the
// build collects them, and routing, validation and the reference documentation come from the list.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "service/context.h"
#include "service/shape.h"

namespace millrace {

struct ActionDescription {
    std::string name;     // as in X-Amz-Target
    std::string summary;  // one sentence, for the reference
    Shape input;
    // Called with an input that satisfies `input`. Throws ApiError.
    nlohmann::json (*handle)(ServiceContext&, const nlohmann::json& input);
};

const std::vector<ActionDescription>& actionDescriptions();

}  // namespace millrace
