#include <nlohmann/json.hpp>

#include "service/action.h"
#include "service/descriptions.h"

namespace millrace {

namespace {

std::optional<OperationStatus> statusOf(const nlohmann::json& text) {
    for (const auto status : {OperationStatus::InProgress, OperationStatus::Successful,
                              OperationStatus::Failed, OperationStatus::Cancelled})
        if (text == toText(status)) return status;
    return std::nullopt;
}

nlohmann::json handle(ServiceContext& context, const nlohmann::json& input) {
    const Application application = requireApplication(context, input.at("ApplicationName"));
    const auto limit_given = input.value("Limit", nlohmann::json());
    const auto kind = input.value("Operation", nlohmann::json());
    const int64_t limit = limit_given.is_number() ? limit_given.get<int64_t>() : 50;
    auto operations = context.store.listOperations(
        application.id, pageStart(input), limit + 1, kind.is_string() ? kind.get<std::string>() : "",
        statusOf(input.value("OperationStatus", nlohmann::json())));
    const bool more = static_cast<int64_t>(operations.size()) > limit;
    if (more) operations.pop_back();
    nlohmann::json output{{"ApplicationOperationInfoList", nlohmann::json::array()}};
    for (const auto& operation : operations)
        output["ApplicationOperationInfoList"].push_back(summarizeOperation(operation));
    if (more) output["NextToken"] = pageToken(operations.back().sequence);
    return output;
}

}  // namespace

ActionDescription describeActionsListApplicationOperations() {
    return {
        "ListApplicationOperations",
        "Lists an application's operations, newest first, all or those of a kind and status.",
        Shape::structure()
            .required("ApplicationName", applicationNameShape())
            .optional("Limit", Shape::integer(1, 50))
            .optional("NextToken", Shape::string(1, 512))
            .optional("Operation", Shape::string(1, 64))
            .optional("OperationStatus", Shape::oneOf({"IN_PROGRESS", "CANCELLED", "SUCCESSFUL", "FAILED"})),
        handle};
}

}  // namespace millrace
