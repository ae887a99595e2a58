// millrace functions: the built-in functions, from their descriptors; docs/functions.md is what --markdown
// writes.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "cli/command.h"
#include "functions/flink_functions.h"
#include "functions/function.h"

namespace millrace {

namespace {

struct Entry {
    std::string name;
    std::vector<std::string> names;  // with the aliases
    std::string signature;
    std::string documentation;
    std::vector<FunctionExample> examples;
};

template <class Function>
Entry entryOf(const Function& function) {
    Entry entry{
        function.name, {function.name}, function.signature, function.documentation, function.examples};
    entry.names.insert(entry.names.end(), function.aliases.begin(), function.aliases.end());
    return entry;
}

std::vector<Entry> allEntries() {
    std::vector<Entry> entries;
    for (const auto& family : scalarFunctionFamilies()) {
        for (const ScalarFunction& function : family)
            entries.push_back(entryOf(function));
    }
    for (const auto& family : aggregateFunctionFamilies()) {
        for (const AggregateFunction& function : family)
            entries.push_back(entryOf(function));
    }
    std::erase_if(entries, [](const Entry& entry) { return entry.name.starts_with('$'); });
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
    return entries;
}

constexpr std::string_view kOwn = "Beside Flink's";

// By Flink's sections, in Flink's order; what Flink has not comes last.
std::vector<std::pair<std::string_view, std::vector<const Entry*>>> sections(
    const std::vector<Entry>& entries) {
    std::vector<std::pair<std::string_view, std::vector<const Entry*>>> all;
    std::set<const Entry*> placed;
    const auto place = [&](std::string_view section, const Entry& entry) {
        if (!placed.insert(&entry).second) return;
        if (all.empty() || all.back().first != section) all.push_back({section, {}});
        all.back().second.push_back(&entry);
    };
    for (const FlinkFunction& flink : flinkFunctions()) {
        for (const Entry& entry : entries) {
            if (std::find(entry.names.begin(), entry.names.end(), flink.name) != entry.names.end())
                place(flink.section, entry);
        }
    }
    for (const Entry& entry : entries)
        place(kOwn, entry);
    return all;
}

std::string cell(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '|') out.push_back('\\');
        out.push_back(c);
    }
    return out;
}

std::string code(std::string_view text) {
    const bool ticks = text.find('`') != std::string_view::npos;
    return (ticks ? "`` " : "`") + cell(text) + (ticks ? " ``" : "`");
}

constexpr std::string_view kHead = R"(# Functions

This page is written by `millrace functions --markdown`, from the descriptions that stand beside the functions' code; every
example is a test. `SHOW FUNCTIONS` lists the names, and a name that is not known is answered with the nearest one.

A function is NULL where an argument is, if its description does not say otherwise. Strings are counted in characters (code
points): one outside the basic plane is one. Arguments are converted without being asked where nothing can be lost; a number
and a string are not: CAST one of them.

## Regular expressions

REGEXP and its kin, SIMILAR TO and the delimiters of STR_TO_MAP are matched by RE2, in time that is linear in the text.
Its syntax is that of Java's `java.util.regex` but for what cannot be had in linear time:

| Java | Here |
|---|---|
| back-references `\1`, look-ahead `(?=...)`, `(?!...)`, look-behind `(?<=...)`, `(?<!...)` | an expression with them is malformed |
| possessive `a*+`, atomic groups `(?>...)` | malformed |
| `\Z`, `\G`, `\R`, `\h`, `\X`, class intersection `[a-z&&[^b]]` | malformed; write the class out, `\z` is the end |
| `$` before a last line end | only at the very end, unless `(?m)` |
| named groups `(?<name>...)` | `(?P<name>...)` |
| repetitions `{n,m}` of any size | up to 1000 |
| `\w`, `\d`, `\s`, `\b` | the same: ASCII; `\p{L}` and other Unicode classes are there |

A malformed expression fails the job in REGEXP and STR_TO_MAP; the other functions are NULL then.
)";

void printMarkdown() {
    const std::vector<Entry> entries = allEntries();
    std::string out(kHead);
    const auto to = std::back_inserter(out);
    for (const auto& [section, of_section] : sections(entries)) {
        fmt::format_to(to, "\n## {}\n\n| Function | | Example |\n|---|---|---|\n", section);
        for (const Entry* entry : of_section) {
            std::string examples;
            for (const FunctionExample& example : entry->examples) {
                if (!examples.empty()) examples += "<br>";
                examples +=
                    code(example.sql) + " → " + (example.result.empty() ? "(empty)" : code(example.result));
            }
            std::string also;
            for (size_t i = 1; i < entry->names.size(); ++i)
                also += (also.empty() ? " Also: " : ", ") + code(entry->names[i]);
            if (!also.empty()) also += ".";
            fmt::format_to(to, "| {} | {}{} | {} |\n", code(entry->signature), cell(entry->documentation),
                           also, examples);
        }
    }
    std::set<std::string_view> known;
    for (const Entry& entry : entries)
        known.insert(entry.names.begin(), entry.names.end());
    std::string syntax;
    std::string missing;
    for (const FlinkFunction& flink : flinkFunctions()) {
        if (known.contains(flink.name)) continue;
        if (flink.is_syntax) {
            syntax += (syntax.empty() ? "" : ", ") + code(flink.name);
        } else {
            fmt::format_to(std::back_inserter(missing), "| {} | {} | {} |\n", code(flink.name), flink.section,
                           cell(flink.missing_because));
        }
    }
    fmt::format_to(
        to,
        "\n## Part of the language\n\nThese stand among Flink's functions and are syntax, which "
        "[SQL](sql.md) describes: {}.\n\n## What Flink has and Millrace does not yet\n\n| Function | "
        "Section | Why |\n|---|---|---|\n{}",
        syntax, missing);
    fmt::print("{}", out);
}

void printText() {
    for (const Entry& entry : allEntries())
        fmt::print("{}\n    {}\n", entry.signature, entry.documentation);
}

}  // namespace

Command describeCommandsFunctions() {
    Command command;
    command.name = "functions";
    command.documentation = "Describes the built-in functions";
    command.declare = [](CLI::App& app) {
        auto markdown = std::make_shared<bool>(false);
        app.add_flag("--markdown", *markdown, "as the page docs/functions.md, with examples and by section");
        return [=]() -> int {
            *markdown ? printMarkdown() : printText();
            return 0;
        };
    };
    return command;
}

}  // namespace millrace
