#include <nlohmann/json.hpp>

#include "base/json_members.h"
#include "service/action.h"
#include "service/descriptions.h"
#include "service/paging.h"

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
    const auto& kind = memberOf(input, "Operation");
    const int64_t limit = pageLimit(input);
    const auto operations = context.store.listOperations(application.id, pageStart(input), limit + 1,
                                                         kind.is_string() ? kind.get<std::string>() : "",
                                                         statusOf(memberOf(input, "OperationStatus")));
    return pageOf(operations, limit, "ApplicationOperationInfoList", summarizeOperation,
                  [](const auto& operation) { return pageToken(operation.sequence); });
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
