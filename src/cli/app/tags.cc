#include "cli/app/tags.h"

#include <nlohmann/json.hpp>

namespace millrace::cli {

nlohmann::json parseTags(const std::vector<std::string>& arguments) {
    nlohmann::json tags = nlohmann::json::array();
    for (const std::string& argument : arguments) {
        const size_t equals = argument.find('=');
        nlohmann::json tag{{"Key", argument.substr(0, equals)}};
        if (equals != std::string::npos) tag["Value"] = argument.substr(equals + 1);
        tags.push_back(std::move(tag));
    }
    return tags;
}

}  // namespace millrace::cli
