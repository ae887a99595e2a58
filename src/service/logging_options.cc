#include "service/logging_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "service/api_error.h"

namespace millrace {

namespace {

using Json = nlohmann::json;

Json readOptions(const std::string& stored) { return stored.empty() ? Json::array() : Json::parse(stored); }

void refuseTwice(const Json& options, const std::string& stream_arn) {
    for (const auto& option : options)
        if (option.at("LogStreamARN") == stream_arn)
            throw invalidArgument(fmt::format("The log stream {} is a logging option already.", stream_arn));
}

Json::iterator requireOption(Json& options, const std::string& id) {
    const auto at = std::find_if(options.begin(), options.end(), [&](const Json& option) {
        return option.at("CloudWatchLoggingOptionId") == id;
    });
    if (at == options.end())
        throw resourceNotFound(fmt::format("The application has no CloudWatch logging option {}.", id));
    return at;
}

}  // namespace

Shape loggingOptionShape() {
    return Shape::structure().required("LogStreamARN", Shape::string(1, 2048).arn());
}
Shape partIdShape() { return Shape::string(1, 50).name(); }

std::string addLoggingOption(const std::string& stored, int64_t version_id, const std::string& stream_arn) {
    Json options = readOptions(stored);
    refuseTwice(options, stream_arn);
    options.push_back({{"CloudWatchLoggingOptionId", fmt::format("{}.{}", version_id, options.size() + 1)},
                       {"LogStreamARN", stream_arn}});
    return options.dump();
}

std::string changeLoggingOption(const std::string& stored, const std::string& id,
                                const std::string& stream_arn) {
    Json options = readOptions(stored);
    const auto at = requireOption(options, id);
    if (at->at("LogStreamARN") != stream_arn) refuseTwice(options, stream_arn);
    (*at)["LogStreamARN"] = stream_arn;
    return options.dump();
}

std::string removeLoggingOption(const std::string& stored, const std::string& id) {
    Json options = readOptions(stored);
    options.erase(requireOption(options, id));
    return options.empty() ? "" : options.dump();
}

}  // namespace millrace
