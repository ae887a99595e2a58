// millrace app operations list, describe
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/app/application_text.h"
#include "cli/app/command.h"
#include "cli/app/output.h"

namespace millrace::cli {

using Json = nlohmann::json;

namespace {

AppBody declareList(CLI::App& app) {
    auto name = declareApplication(app);
    auto operation = std::make_shared<std::string>();
    auto status = std::make_shared<std::string>();
    auto limit = std::make_shared<size_t>(20);
    app.add_option("--operation", *operation, "only those, such as UpdateApplication")->type_name("ACTION");
    app.add_option("--status", *status, "only those")
        ->check(CLI::IsMember({"IN_PROGRESS", "CANCELLED", "SUCCESSFUL", "FAILED"}));
    app.add_option("--limit", *limit, "at most so many, the newest first")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    return [=](const AppContext& context) {
        Json input{{"ApplicationName", *name}};
        if (!operation->empty()) input["Operation"] = *operation;
        if (!status->empty()) input["OperationStatus"] = *status;
        const Json answer =
            context.api.callPages("ListApplicationOperations", input, "ApplicationOperationInfoList", *limit);
        context.print(answer, [&] { return operationsText(answer.at("ApplicationOperationInfoList")); });
    };
}

AppBody declareDescribe(CLI::App& app) {
    auto name = declareApplication(app);
    auto id = std::make_shared<std::string>();
    app.add_option("ID", *id, "of the operation")->required()->type_name("OPERATION");
    return [=](const AppContext& context) {
        const Json answer = context.api.call("DescribeApplicationOperation",
                                             {{"ApplicationName", *name}, {"OperationId", *id}});
        context.print(
            answer, [&] { return operationText(memberOf(answer, "ApplicationOperationInfoDetails"), *id); });
    };
}

}  // namespace

std::vector<AppCommand> describeCommandsAppOperations() {
    return {{"operations", "list", "Lists an application's operations", declareList},
            {"operations", "describe", "Shows an operation, and why it failed", declareDescribe}};
}

}  // namespace millrace::cli
