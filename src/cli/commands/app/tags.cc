// millrace app tags list, set, remove
#include "cli/app/tags.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/app/command.h"
#include "cli/app/output.h"
#include "cli/app/waiting.h"

namespace millrace::cli {

using Json = nlohmann::json;

namespace {

std::string arnOf(const AppContext& context, const std::string& name) {
    return shown(describeApplication(context, name), "ApplicationARN");
}

void printTags(const AppContext& context, const std::string& arn) {
    const Json answer = context.api.call("ListTagsForResource", {{"ResourceARN", arn}});
    context.print(answer, [&] {
        TextTable table({"KEY", "VALUE"});
        for (const Json& tag : memberOf(answer, "Tags"))
            table.add({shown(tag, "Key"), shown(tag, "Value")});
        return table.render();
    });
}

AppBody declareList(CLI::App& app) {
    auto name = declareApplication(app);
    return [=](const AppContext& context) { printTags(context, arnOf(context, *name)); };
}

AppBody declareSet(CLI::App& app) {
    auto name = declareApplication(app);
    auto tags = std::make_shared<std::vector<std::string>>();
    app.add_option("TAGS", *tags, "key=value, any number")->required()->type_name("TAG");
    return [=](const AppContext& context) {
        const std::string arn = arnOf(context, *name);
        context.api.call("TagResource", {{"ResourceARN", arn}, {"Tags", parseTags(*tags)}});
        printTags(context, arn);
    };
}

AppBody declareRemove(CLI::App& app) {
    auto name = declareApplication(app);
    auto keys = std::make_shared<std::vector<std::string>>();
    app.add_option("KEYS", *keys, "any number; those that are not there are passed over")
        ->required()
        ->type_name("KEY");
    return [=](const AppContext& context) {
        const std::string arn = arnOf(context, *name);
        context.api.call("UntagResource", {{"ResourceARN", arn}, {"TagKeys", *keys}});
        printTags(context, arn);
    };
}

}  // namespace

std::vector<AppCommand> describeCommandsAppTags() {
    return {{"tags", "list", "Lists an application's tags", declareList},
            {"tags", "set", "Adds tags, or gives those that are there another value", declareSet},
            {"tags", "remove", "Removes tags", declareRemove}};
}

}  // namespace millrace::cli
