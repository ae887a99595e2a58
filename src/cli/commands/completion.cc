// millrace completion bash|zsh|fish: a script for the shell, which asks `millrace completion words` what can
// come next, so that commands, options and the names of applications are known in one place.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/app/api_client.h"
#include "cli/app/command.h"
#include "cli/app/failure.h"
#include "cli/app/output.h"
#include "cli/command.h"
#include "cli/completion.h"

namespace millrace {

namespace {

using namespace cli;

constexpr const char* kFilesToo = ":files";
constexpr int kPatienceMs = 500;  // nobody wants to wait for a suggestion

constexpr const char* kBash = R"(# millrace completion for bash: source <(millrace completion bash)
_millrace() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        if [[ $line == ":files" ]]; then
            compopt -o default
        else
            COMPREPLY+=("${line%%$'\t'*}")
        fi
    done < <("${COMP_WORDS[0]}" completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _millrace millrace
)";

constexpr const char* kZsh = R"(#compdef millrace
# millrace completion for zsh: source <(millrace completion zsh)
_millrace() {
    local -a described
    local line files=0
    while IFS= read -r line; do
        if [[ $line == ":files" ]]; then
            files=1
        else
            described+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
        fi
    done < <("${words[1]}" completion words -- "${(@)words[2,CURRENT]}" 2>/dev/null)
    (( ${#described} )) && _describe millrace described
    (( files )) && _files
}
compdef _millrace millrace
)";

constexpr const char* kFish = R"(# millrace completion for fish: millrace completion fish | source
function __millrace_words
    set -l words (commandline -opc)[2..-1]
    set -l last (commandline -ct)
    for line in (millrace completion words -- $words "$last" 2>/dev/null)
        if test "$line" = ":files"
            __fish_complete_path "$last"
        else
            echo $line
        end
    end
end
complete -c millrace -f -a '(__millrace_words)'
)";

// The value of an option among the words, or "".
std::string optionAmong(const std::vector<std::string>& words, const std::string& name) {
    for (size_t i = 0; i < words.size(); ++i) {
        if (words[i] == name && i + 1 < words.size()) return words[i + 1];
        if (words[i].starts_with(name + "=")) return words[i].substr(name.size() + 1);
    }
    return "";
}

// Asks the service that the words are about. Without an answer there are no suggestions.
std::vector<std::string> lookUp(const std::string& kind, const std::vector<std::string>& words) {
    std::vector<std::string> names;
    try {
        const ApiClient api(chosenEndpoint(optionAmong(words, "--endpoint")),
                            chosenRegion(optionAmong(words, "--region")), kPatienceMs);
        const auto collect = [&](const char* action, nlohmann::json input, const char* list,
                                 const char* member) {
            constexpr size_t kSuggestionsMax = 200;
            const auto answer = api.callPages(action, std::move(input), list, kSuggestionsMax);
            for (const auto& one : answer.at(list))
                names.push_back(shown(one, member));
        };
        if (kind == kApplicationValue)
            collect("ListApplications", nlohmann::json::object(), "ApplicationSummaries", "ApplicationName");
        // Of the application that is named: behind `app start`, or behind `app snapshots describe`.
        const size_t at = words.size() > 2 && words[1] == "snapshots" ? 3 : 2;
        if (kind == kSnapshotValue && words.size() > at + 1)
            collect("ListApplicationSnapshots", {{"ApplicationName", words[at]}}, "SnapshotSummaries",
                    "SnapshotName");
    } catch (const AppFailure&) {
        names.clear();
    }
    return names;
}

int printWords(const CLI::App& root, std::vector<std::string> words) {
    if (words.empty()) words.emplace_back();
    const Completion completion = complete(root, words, lookUp);
    for (const Candidate& candidate : completion.candidates)
        fmt::print("{}\t{}\n", candidate.text, candidate.documentation);
    if (completion.files) fmt::print("{}\n", kFilesToo);
    return 0;
}

}  // namespace

Command describeCommandsCompletion() {
    Command command;
    command.name = "completion";
    command.documentation =
        "Prints a shell's script that completes commands, options and names of applications";
    command.declare = [](CLI::App& app) {
        app.require_subcommand(1);
        auto script = std::make_shared<const char*>("");
        for (const auto& [name, text] :
             {std::pair{"bash", kBash}, std::pair{"zsh", kZsh}, std::pair{"fish", kFish}})
            app.add_subcommand(name, fmt::format("The script for {}", name))->callback([script, text = text] {
                *script = text;
            });
        auto words = std::make_shared<std::vector<std::string>>();
        CLI::App* ask = app.add_subcommand("words", "What can come next; the scripts ask this");
        ask->add_option("WORDS", *words,
                        "behind --: the words behind millrace, the last being the one to complete")
            ->type_name("WORD");
        return [=, &app]() -> int {
            if (ask->parsed()) return printWords(*app.get_parent(), *words);
            std::fputs(*script, stdout);
            return 0;
        };
    };
    return command;
}

}  // namespace millrace
