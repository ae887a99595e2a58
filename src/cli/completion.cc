#include "cli/completion.h"

#include <CLI/CLI.hpp>

#include "cli/app/command.h"

namespace millrace::cli {

namespace {

// The commands and options that an App has itself, by the word.
const CLI::App* commandNamed(const CLI::App& app, const std::string& word) {
    for (const CLI::App* one : app.get_subcommands([](const CLI::App*) { return true; }))
        if (one->get_name() == word) return one;
    return nullptr;
}

const CLI::Option* optionNamed(const CLI::App& app, const std::string& word) {
    for (const CLI::Option* one : app.get_options())
        if (one->check_name(word)) return one;
    return nullptr;
}

std::vector<const CLI::Option*> positionals(const CLI::App& app) {
    std::vector<const CLI::Option*> found;
    for (const CLI::Option* one : app.get_options())
        if (one->get_positional()) found.push_back(one);
    return found;
}

class Completer {
  public:
    Completer(const std::vector<std::string>& words, const ValueLookup& lookup)
        : words_(words), lookup_(lookup), last_(words.back()) {}

    Completion run(const CLI::App& root) {
        const CLI::App* app = &root;
        size_t positional = 0;
        for (size_t i = 0; i + 1 < words_.size(); ++i) {
            const std::string& word = words_[i];
            if (word.starts_with("-")) {
                const CLI::Option* option = optionNamed(*app, word.substr(0, word.find('=')));
                if (!option || option->get_items_expected_max() == 0 || word.find('=') != std::string::npos)
                    continue;
                if (++i + 1 >= words_.size()) {
                    addValues(*option);
                    return std::move(result_);
                }
            } else if (const CLI::App* next = commandNamed(*app, word)) {
                app = next;
                positional = 0;
            } else {
                ++positional;
            }
        }
        if (last_.starts_with("-")) {
            addOptions(*app);
            return std::move(result_);
        }
        for (const CLI::App* one : app->get_subcommands([](const CLI::App*) { return true; }))
            add(one->get_name(), one->get_description());
        // The last one may be there any number of times.
        if (const auto values = positionals(*app); !values.empty())
            addValues(*values[std::min(positional, values.size() - 1)]);
        return std::move(result_);
    }

  private:
    void add(const std::string& text, const std::string& documentation) {
        if (text.starts_with(last_)) result_.candidates.push_back({text, documentation});
    }

    void addOptions(const CLI::App& app) {
        for (const CLI::Option* one : app.get_options()) {
            if (!one->get_lnames().empty())
                add("--" + one->get_lnames().front(), one->get_description());
            else if (!one->get_snames().empty())
                add("-" + one->get_snames().front(), one->get_description());
        }
    }

    // The type is "TEXT:{leave,stop}" where values are listed, and a word of ours where the service knows
    // them.
    void addValues(const CLI::Option& option) {
        const std::string type = option.get_type_name();
        const size_t open = type.find('{'), close = type.rfind('}');
        if (open != std::string::npos && close != std::string::npos && open < close) {
            for (const std::string& value : CLI::detail::split(type.substr(open + 1, close - open - 1), ','))
                add(value, "");
            return;
        }
        const std::string kind = type.substr(0, type.find(':'));
        if (kind == kApplicationValue || kind == kSnapshotValue) {
            for (const std::string& value : lookup_(kind, words_))
                add(value, "");
            return;
        }
        result_.files = kind == "TEXT" || kind == kFileValue;
    }

    const std::vector<std::string>& words_;
    const ValueLookup& lookup_;
    const std::string& last_;
    Completion result_;
};

}  // namespace

Completion complete(const CLI::App& root, const std::vector<std::string>& words, const ValueLookup& lookup) {
    return Completer(words, lookup).run(root);
}

}  // namespace millrace::cli
