// A command of `millrace app`: a verb, or a noun and a verb. A file below src/cli/commands/app/ describes
// those of a noun and ends in `std::vector<AppCommand> describeCommandsApp<Noun>()`.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/app/api_client.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace millrace::cli {

// What a command runs with.
struct AppContext {
    const ApiClient& api;
    bool json;  // standard output is one JSON document

    // The document, if JSON is wanted; else what the text function makes of it.
    void print(const nlohmann::json& document, const std::function<std::string()>& text) const;
};

using AppBody = std::function<void(const AppContext&)>;  // AppFailure says why it could not

struct AppCommand {
    std::string noun;  // "" for the applications themselves
    std::string name;
    std::string documentation;
    std::function<AppBody(CLI::App&)> declare;  // declares its own options; the common ones are there
};

const std::vector<std::vector<AppCommand>>& appCommandFamilies();  // collected by the build

// What the values of an option are, for shell completion and help.
constexpr const char* kApplicationValue = "APPLICATION";
constexpr const char* kSnapshotValue = "SNAPSHOT";
constexpr const char* kFileValue = "FILE";

// The application that a command is about, its first argument.
std::shared_ptr<std::string> declareApplication(CLI::App& app);

// How long a command waits for what it began: --no-wait, --timeout (parseTimeout in waiting.h).
struct Waiting {
    bool none = false;
    std::shared_ptr<std::string> timeout;
};
std::shared_ptr<std::string> declareTimeout(CLI::App& app);
std::shared_ptr<Waiting> declareWaiting(CLI::App& app);

}  // namespace millrace::cli
