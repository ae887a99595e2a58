// millrace app: the service's applications, for people and scripts.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/app/command.h"
#include "cli/app/failure.h"
#include "cli/app/waiting.h"
#include "cli/command.h"

namespace millrace {

namespace cli {

namespace {

struct CommonOptions {
    std::string endpoint, region;
    bool json = false;
};

void report(const AppFailure& failure, bool json) {
    if (json) {
        nlohmann::json document{{"__type", failure.type()}, {"Message", failure.what()}};
        if (!failure.hint().empty()) document["Hint"] = failure.hint();
        std::fputs((document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n").c_str(),
                   stderr);
        return;
    }
    std::fputs(renderProblem({failure.type(), failure.what(), failure.hint(), {}}).c_str(), stderr);
}

int run(const CommonOptions& common, const AppBody& body) {
    try {
        const ApiClient api(chosenEndpoint(common.endpoint), chosenRegion(common.region));
        body({api, common.json});
        return static_cast<int>(ExitStatus::Done);
    } catch (const AppFailure& failure) {
        report(failure, common.json);
        return static_cast<int>(failure.status());
    } catch (const UserError& error) {  // a file that cannot be read, a value that is none
        const bool usage = error.code() == "config.bad-value";
        const AppFailure failure(usage ? ExitStatus::Usage : ExitStatus::Failed, error.code(), error.what(),
                                 error.problem().hint);
        report(failure, common.json);
        return static_cast<int>(failure.status());
    }
}

// So that nothing has begun when the command line turns out to be wrong.
std::string checkTimeout(const std::string& text) {
    try {
        parseTimeout(text);
        return "";
    } catch (const AppFailure& failure) {
        return failure.what();
    }
}

const std::map<std::string, std::string>& nouns() {
    static const std::map<std::string, std::string> documentation{
        {"versions", "What an application was at each change"},
        {"operations", "What was done with an application, and what came of it"},
        {"snapshots", "The states that an application can be started from"},
        {"tags", "Names and values for your own order"},
    };
    return documentation;
}

}  // namespace

std::shared_ptr<std::string> declareApplication(CLI::App& app) {
    auto name = std::make_shared<std::string>();
    app.add_option("NAME", *name, "of the application")->required()->type_name(kApplicationValue);
    return name;
}

std::shared_ptr<std::string> declareTimeout(CLI::App& app) {
    auto timeout = std::make_shared<std::string>("15min");
    app.add_option("--timeout", *timeout, "how long to wait: 30, 30s, 5min")
        ->type_name("DURATION")
        ->capture_default_str()
        ->check(CLI::Validator(checkTimeout, ""));
    return timeout;
}

std::shared_ptr<Waiting> declareWaiting(CLI::App& app) {
    auto waiting = std::make_shared<Waiting>();
    app.add_flag("--no-wait", waiting->none, "returns as soon as the service has begun");
    waiting->timeout = declareTimeout(app);
    return waiting;
}

void AppContext::print(const nlohmann::json& document, const std::function<std::string()>& text) const {
    const std::string shown =
        json ? document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n" : text();
    std::fputs(shown.c_str(), stdout);
}

}  // namespace cli

Command describeCommandsApp() {
    Command command;
    command.name = "app";
    command.documentation = "Creates, runs and changes the applications of a service, by its API";
    command.declare = [](CLI::App& app) {
        app.require_subcommand(1);
        auto chosen = std::make_shared<std::function<int()>>();
        std::map<std::string, CLI::App*> by_noun;
        for (const auto& family : cli::appCommandFamilies())
            for (const auto& one : family) {
                CLI::App* parent = &app;
                if (!one.noun.empty()) {
                    CLI::App*& noun = by_noun[one.noun];
                    if (!noun) {
                        noun = app.add_subcommand(one.noun, cli::nouns().at(one.noun));
                        noun->require_subcommand(1);
                    }
                    parent = noun;
                }
                CLI::App* sub = parent->add_subcommand(one.name, one.documentation);
                auto common = std::make_shared<cli::CommonOptions>();
                const auto body = one.declare(*sub);
                sub->add_option("--endpoint", common->endpoint,
                                "of the service; else MILLRACE_ENDPOINT, http://127.0.0.1:8090")
                    ->type_name("URL");
                sub->add_option("--region", common->region,
                                "requests are signed for; else AWS_REGION, AWS_DEFAULT_REGION, us-east-1")
                    ->type_name("REGION");
                sub->add_flag("--json", common->json, "prints one JSON document, the API's own");
                sub->callback([chosen, common, body] { *chosen = [=] { return cli::run(*common, body); }; });
            }
        return [chosen]() -> int { return (*chosen)(); };
    };
    return command;
}

}  // namespace millrace
