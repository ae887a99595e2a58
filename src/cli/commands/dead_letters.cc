// millrace dead-letters: what records could not be decoded, by the table they were put into; and back with
// them to where they came from.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <map>

#include "base/file_system.h"
#include "cli/command.h"
#include "cli/row_printer.h"
#include "cli/sql_runner.h"

namespace millrace {

namespace {

const std::atomic<bool> kNeverInterrupted{false};

struct DeadLetterArguments {
    std::string file, table;
    std::string where = "TRUE";
    std::string output = "table";
    std::string source, into;
    std::string record = "`record`";
    cli::SqlRunnerOptions runner;
};

std::string quotedName(const std::string& name) {
    std::string out = "`";
    for (const char c : name) {
        if (c == '`') out += '`';
        out += c == '.' ? "`.`" : std::string(1, c);
    }
    return out + "`";
}

std::string quotedText(const std::string& text) {
    std::string out = "'";
    for (const char c : text)
        out += c == '\'' ? "''" : std::string(1, c);
    return out + "'";
}

// A session in which the file's definitions are made, and nothing is run.
class DeadLetterTables {
  public:
    explicit DeadLetterTables(const DeadLetterArguments& arguments)
        : arguments_(arguments), runner_(arguments.runner, kNeverInterrupted) {
        const std::string text = readFile(localFileSystem(), arguments.file);
        sql::Session& session = runner_.session();
        const auto script = session.parse(text);
        for (size_t i = 0; i < sql::Session::statementCount(*script); ++i)
            session.execute(*script, i);
    }

    std::vector<std::string> columnsOf(const std::string& table) {
        std::vector<std::string> columns;
        for (const auto& row : ask("DESCRIBE " + quotedName(table)).rows)
            columns.push_back(row.front());
        return columns;
    }

    // The options of a table, as its definition has them.
    std::map<std::string, std::string> optionsOf(const std::string& table) {
        const std::string ddl = ask("SHOW CREATE TABLE " + quotedName(table)).rows.front().front();
        std::map<std::string, std::string> options;
        std::vector<std::string> texts;
        for (size_t at = ddl.rfind("\nWITH ("); at < ddl.size();) {
            at = ddl.find('\'', at);
            if (at == std::string::npos) break;
            std::string text;
            for (++at; at < ddl.size() && (ddl[at] != '\'' || (at + 1 < ddl.size() && ddl[at + 1] == '\''));
                 ++at) {
                if (ddl[at] == '\'') ++at;
                text += ddl[at];
            }
            ++at;
            texts.push_back(std::move(text));
        }
        for (size_t i = 0; i + 1 < texts.size(); i += 2)
            options[texts[i]] = texts[i + 1];
        return options;
    }

    // The letters' table with a beginning and an end, where it is a topic.
    std::string bounded() {
        const auto options = optionsOf(arguments_.table);
        const auto connector = options.find("connector");
        std::string text = quotedName(arguments_.table);
        if (connector != options.end() && connector->second == "kafka")
            text +=
                " /*+ OPTIONS('scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = "
                "'latest-offset') */";
        return text;
    }

    bool run(const std::string& text) {
        cli::SqlRunner::Shown shown{[&](const Schema& schema, bool is_bounded) {
                                        return cli::makeRowPrinter(arguments_.output, schema, is_bounded,
                                                                   stdout);
                                    },
                                    false, [](const std::string&) {}};
        return runner_.run(text, [&] { return shown; });
    }

  private:
    sql::ResultTable ask(const std::string& statement) {
        sql::Session& session = runner_.session();
        return session.execute(*session.parse(statement), 0).table;
    }

    const DeadLetterArguments& arguments_;
    cli::SqlRunner runner_;
};

int listDeadLetters(const DeadLetterArguments& arguments) {
    DeadLetterTables tables(arguments);
    std::string columns;
    for (const std::string& column : tables.columnsOf(arguments.table)) {
        if (column == "record" || column == "record_key") continue;  // bytes are not to be looked at
        columns += (columns.empty() ? "" : ", ") + quotedName(column);
    }
    return tables.run(fmt::format("SELECT {} FROM {} WHERE {};", columns.empty() ? "*" : columns,
                                  tables.bounded(), arguments.where))
               ? 0
               : 130;
}

// The options of a table that the records are written to as they are.
std::map<std::string, std::string> replayOptions(const DeadLetterArguments& arguments,
                                                 const std::map<std::string, std::string>& source,
                                                 bool has_key) {
    std::map<std::string, std::string> out;
    const auto get = [&](const char* key) {
        const auto found = source.find(key);
        return found == source.end() ? std::string() : found->second;
    };
    const std::string connector = out["connector"] = get("connector");
    if (connector == "kafka") {
        for (const auto& [key, value] : source)
            if (key.starts_with("properties.")) out[key] = value;
        out["topic"] = arguments.into.empty() ? get("topic") : arguments.into;
        out["value.format"] = "raw";
        if (has_key) {
            out["key.format"] = "raw";
            out["key.fields"] = "record_key";
            out["value.fields-include"] = "EXCEPT_KEY";
        }
        return out;
    }
    if (connector != "filesystem") {
        throw UserError("cli.cannot-replay",
                        fmt::format("records cannot be written to '{}': its connector is '{}'",
                                    arguments.source, connector),
                        "records of kafka and of filesystem tables can be replayed");
    }
    if (get("format").starts_with("avro")) {
        throw UserError(
            "cli.cannot-replay",
            fmt::format("the letters of '{}' are pieces of Avro files, which are no files of their own",
                        arguments.source),
            "mend the file that 'source_name' names");
    }
    out["path"] = arguments.into.empty() ? get("path") : arguments.into;
    out["format"] = "raw";
    return out;
}

int replayDeadLetters(const DeadLetterArguments& arguments) {
    DeadLetterTables tables(arguments);
    const std::vector<std::string> columns = tables.columnsOf(arguments.table);
    const auto has = [&](const char* column) {
        return std::find(columns.begin(), columns.end(), column) != columns.end();
    };
    const auto source = tables.optionsOf(arguments.source);
    const bool has_key = has("record_key") && source.contains("topic");
    std::string options;
    for (const auto& [key, value] : replayOptions(arguments, source, has_key))
        options += fmt::format("{}{} = {}", options.empty() ? "" : ", ", quotedText(key), quotedText(value));
    std::string condition = "(" + arguments.where + ")";
    if (has("table_name")) {
        const size_t dot = arguments.source.rfind('.');
        condition += fmt::format(" AND table_name = {}",
                                 quotedText(arguments.source.substr(dot == std::string::npos ? 0 : dot + 1)));
    }
    return tables.run(
               fmt::format("CREATE TEMPORARY TABLE `replayed records` ({}`record` BYTES) WITH ({});\n"
                           "INSERT INTO `replayed records` SELECT {}CAST({} AS BYTES) FROM {} WHERE {};",
                           has_key ? "record_key BYTES, " : "", options, has_key ? "record_key, " : "",
                           arguments.record, tables.bounded(), condition))
               ? 0
               : 130;
}

void declareTables(CLI::App& app, DeadLetterArguments& arguments) {
    app.add_option("FILE", arguments.file, "the SQL that defines the tables; its queries are not run")
        ->required();
    app.add_option("TABLE", arguments.table, "the table of dead letters")->required();
    app.add_option("--where", arguments.where, "a condition on the letters, such as \"cause = 'type'\"");
    app.add_option("--param", arguments.runner.parameters, "name=value: fills ${name} in the text")
        ->allow_extra_args(false);
}

}  // namespace

Command describeCommandsDeadLetters() {
    Command command;
    command.name = "dead-letters";
    command.documentation =
        "Lists the records that could not be decoded, and sends them back to where they came from";
    command.declare = [](CLI::App& app) {
        auto arguments = std::make_shared<DeadLetterArguments>();
        app.require_subcommand(1);
        CLI::App* const list = app.add_subcommand("list", "the letters, without their bytes");
        declareTables(*list, *arguments);
        list->add_option("--output", arguments->output, "table, json or csv")
            ->check(CLI::IsMember({"table", "json", "csv"}));
        CLI::App* const replay = app.add_subcommand(
            "replay", "writes the records, as they came, to the topic or the folder of a table");
        declareTables(*replay, *arguments);
        replay->add_option("--source", arguments->source, "the table whose records they are")->required();
        replay->add_option("--into", arguments->into, "another topic, or another folder");
        replay->add_option(
            "--record", arguments->record,
            "an expression of the letters' columns that makes the record anew; `record` by default");
        return [=]() -> int {
            arguments->runner.text_name = arguments->file;
            return list->parsed() ? listDeadLetters(*arguments) : replayDeadLetters(*arguments);
        };
    };
    return command;
}

}  // namespace millrace
