// millrace app usage
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/http_server.h"
#include "cli/app/command.h"
#include "cli/app/output.h"

namespace millrace::cli {

using Json = nlohmann::json;

namespace {

std::string usageText(const Json& answer) {
    TextTable table({"APPLICATION", "VERSION", "KPUS", "FROM", "TO", "KPU-SECONDS"});
    for (const Json& one : memberOf(answer, "usage")) {
        const Json end = one.value("endMs", Json());
        table.add({shown(one, "application"), shown(one, "version"), shown(one, "kpus"),
                   localTime(one.value("startMs", int64_t{0}) / 1000),
                   end.is_number() ? localTime(end.get<int64_t>() / 1000) : "",
                   fmt::format("{:.1f}", one.value("kpuSeconds", 0.0))});
    }
    return table.render() + fmt::format("{:.1f} KPU-seconds in all\n", answer.value("kpuSeconds", 0.0));
}

AppBody declareUsage(CLI::App& app) {
    auto name = std::make_shared<std::string>();
    auto from = std::make_shared<int64_t>(0);
    auto to = std::make_shared<int64_t>(0);
    app.add_option("NAME", *name, "the application; without one, all of them");
    app.add_option("--from", *from, "seconds since the epoch");
    app.add_option("--to", *to, "seconds since the epoch");
    return [=](const AppContext& context) {
        std::string path = "/usage?application=" + encodePercent(*name);
        if (*from > 0) path += fmt::format("&from={}", *from);
        if (*to > 0) path += fmt::format("&to={}", *to);
        const Json answer = context.api.page(path);
        context.print(answer, [&] { return usageText(answer); });
    };
}

}  // namespace

std::vector<AppCommand> describeCommandsAppUsage() {
    return {{"", "usage", "Shows what was metered, by application and version", declareUsage}};
}

}  // namespace millrace::cli
