#include "service/tags.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "service/api_error.h"

namespace millrace {

namespace {

using Json = nlohmann::json;

constexpr size_t kTagsMax = 50;

std::map<std::string, std::string> readTags(const std::string& stored) {
    std::map<std::string, std::string> tags;
    if (stored.empty()) return tags;
    for (const auto& tag : Json::parse(stored))
        tags[tag.at("Key")] = tag.at("Value");
    return tags;
}

std::string writeTags(const std::map<std::string, std::string>& tags) {
    if (tags.empty()) return "";
    Json stored = Json::array();
    for (const auto& [key, value] : tags)
        stored.push_back({{"Key", key}, {"Value", value}});
    return stored.dump();
}

}  // namespace

Shape tagsShape() {
    return Shape::list(
        Shape::structure().required("Key", Shape::string(1, 128)).optional("Value", Shape::string(0, 256)), 1,
        200);
}

std::string mergeTags(const std::string& stored, const Json& given) {
    std::map<std::string, std::string> added;
    for (const auto& tag : given) {
        const std::string key = tag.at("Key");
        const Json value = tag.value("Value", Json());
        if (!added.emplace(key, value.is_string() ? value.get<std::string>() : "").second)
            throw invalidArgument(fmt::format("The tag '{}' is given twice.", key));
    }
    auto tags = readTags(stored);
    for (auto& [key, value] : added)
        tags[key] = value;
    if (tags.size() > kTagsMax)
        throw tooManyTags(fmt::format("An application has at most {} tags.", kTagsMax));
    return writeTags(tags);
}

std::string withoutTags(const std::string& stored, const std::vector<std::string>& keys) {
    auto tags = readTags(stored);
    for (const auto& key : keys)
        tags.erase(key);
    return writeTags(tags);
}

Application requireTaggedApplication(ServiceContext& context, const std::string& resource_arn) {
    const size_t slash = resource_arn.find('/');
    const std::string name = slash == std::string::npos ? "" : resource_arn.substr(slash + 1);
    auto application = context.store.findApplication(name);
    if (!application || application->arn != resource_arn)
        throw resourceNotFound(fmt::format("There is no application with the ARN {}.", resource_arn));
    return std::move(*application);
}

}  // namespace millrace
