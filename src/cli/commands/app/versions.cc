// millrace app versions list, describe
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
    auto limit = std::make_shared<size_t>(20);
    app.add_option("--limit", *limit, "at most so many, the newest first")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    return [=](const AppContext& context) {
        const Json answer = context.api.callPages("ListApplicationVersions", {{"ApplicationName", *name}},
                                                  "ApplicationVersionSummaries", *limit);
        context.print(answer, [&] {
            TextTable table({"VERSION", "STATUS"});
            for (const Json& one : answer.at("ApplicationVersionSummaries"))
                table.add({shown(one, "ApplicationVersionId"), shown(one, "ApplicationStatus")});
            return table.render();
        });
    };
}

AppBody declareDescribe(CLI::App& app) {
    auto name = declareApplication(app);
    auto version = std::make_shared<int64_t>(0);
    app.add_option("VERSION", *version, "its number")->required()->check(CLI::PositiveNumber);
    return [=](const AppContext& context) {
        const Json answer = context.api.call(
            "DescribeApplicationVersion", {{"ApplicationName", *name}, {"ApplicationVersionId", *version}});
        context.print(answer, [&] { return applicationText(memberOf(answer, "ApplicationVersionDetail")); });
    };
}

}  // namespace

std::vector<AppCommand> describeCommandsAppVersions() {
    return {{"versions", "list", "Lists an application's versions", declareList},
            {"versions", "describe", "Shows what an application was at a version", declareDescribe}};
}

}  // namespace millrace::cli
