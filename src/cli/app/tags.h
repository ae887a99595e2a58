// Tags on the command line.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace millrace::cli {

// "key=value" or "key" alone -> the API's Tags
nlohmann::json parseTags(const std::vector<std::string>& arguments);

}  // namespace millrace::cli
