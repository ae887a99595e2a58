// millrace nexmark: the events of the Nexmark benchmark as a file, for other engines to read.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "base/clock.h"
#include "base/error.h"
#include "base/file_system.h"
#include "cli/assignments.h"
#include "cli/command.h"
#include "connectors/nexmark/nexmark_table.h"
#include "formats/format.h"

namespace millrace {

namespace {

struct GenerateOptions {
    int64_t events = 0;
    int64_t seed = 0;
    std::string base_time;
    std::string format = "json";
    std::string kind = "all";
    std::string output;
    std::vector<std::string> options;
    std::optional<uint32_t> generator;
};

const std::vector<std::string> kKinds{"person", "auction", "bid"};

// The fields of one kind of events as columns, or whole events.
TableSpec tableOf(const GenerateOptions& options) {
    TableSpec table;
    table.name = "nexmark";
    table.schema = nexmarkSchema();
    table.options = cli::parseAssignments("--option", options.options);
    table.options["events.num"] = std::to_string(options.events);
    table.options["seed"] = std::to_string(options.seed);
    if (!options.base_time.empty()) table.options["base-time"] = options.base_time;
    checkOptions("nexmark generate", table.options, NexmarkOptions::descriptions());
    const auto kind = std::find(kKinds.begin(), kKinds.end(), options.kind);
    if (kind == kKinds.end()) {
        table.projectAll();
        return table;
    }
    const auto column = static_cast<size_t>(kind - kKinds.begin());
    for (size_t field = 0; field < table.schema[column + 1].type.fields().size(); ++field)
        table.projection.push_back({column + 1, field});
    table.filters = {{0, {Value::int64(static_cast<int64_t>(column))}}};
    return table;
}

// As the table's, with a ROW's fields by their own names.
Schema writtenSchema(const TableSpec& table) {
    std::vector<Field> fields;
    for (const ColumnPath& path : table.projection) {
        Field field = fieldAt(table.schema, path);
        if (path.size() > 1) field.name = table.schema[path[0]].type.fields()[path[1]].name;
        fields.push_back(std::move(field));
    }
    return Schema(std::move(fields));
}

int generate(const GenerateOptions& options) {
    if (options.events <= 0) throw UserError("cli.bad-argument", "--events must be more than 0");
    if (options.format == "csv" && options.kind == "all") {
        throw UserError("cli.bad-argument", "a line of CSV does not hold the ROW columns of whole events",
                        "choose --kind person, auction or bid, or --format json");
    }
    const TableSpec table = tableOf(options);
    const NexmarkOptions events = NexmarkOptions::from(table.options);
    const NexmarkOutput output = nexmarkOutput(table);
    const auto encoder = findFormat(options.format).make_encoder(writtenSchema(table), {});
    const int64_t base_ms = events.base_time_ms.value_or(systemClock().now().value());
    const uint32_t count = events.generators.value_or(1);
    if (options.generator && *options.generator >= count) {
        throw UserError("cli.bad-argument", fmt::format("there is no generator {}: they are 0 to {}",
                                                        *options.generator, count - 1));
    }
    std::vector<NexmarkGenerator> generators;
    for (uint32_t i = 0; i < count; ++i) {
        if (!options.generator || *options.generator == i)
            generators.emplace_back(output, NexmarkTimeline(events, events.seed, base_ms, count, i));
    }

    constexpr uint64_t kStep = 1000;
    constexpr size_t kWriteBytes = size_t{1} << 20;
    const auto file = localFileSystem().create(options.output);
    std::string text;
    encoder->header(text);
    // Generators take turns, so that the file is in the order of event time but for a step.
    bool more = true;
    for (uint64_t at = 0; more; at += kStep) {
        more = false;
        for (NexmarkGenerator& generator : generators) {
            const uint64_t end = std::min(at + kStep, generator.timeline().events());
            if (at >= end) continue;
            more = true;
            encoder->encode(generator.generate(at, end), text);
            if (text.size() < kWriteBytes) continue;
            file->append(text);
            text.clear();
        }
    }
    file->append(text);
    return 0;
}

}  // namespace

Command describeCommandsNexmark() {
    Command command;
    command.name = "nexmark";
    command.documentation = "Writes the events of the Nexmark benchmark to a file";
    command.declare = [](CLI::App& app) {
        auto options = std::make_shared<GenerateOptions>();
        app.require_subcommand(1);
        CLI::App* sub = app.add_subcommand("generate", "Writes the events that a nexmark table has");
        sub->add_option("--events", options->events, "how many events there are, of all kinds")->required();
        sub->add_option("--output", options->output, "the file, replaced if it is there")->required();
        sub->add_option("--seed", options->seed, "as the table's option");
        sub->add_option("--base-time", options->base_time, "as the table's option");
        sub->add_option("--format", options->format, "json or csv")->check(CLI::IsMember({"json", "csv"}));
        sub->add_option("--kind", options->kind, "all, or the fields of one kind: person, auction or bid")
            ->check(CLI::IsMember({"all", "person", "auction", "bid"}));
        sub->add_option(
            "--generator", options->generator,
            "writes the events of this one alone, where the option 'generators' makes several; from 0");
        sub->add_option("--option", options->options, "key=value: another option of the table")
            ->allow_extra_args(false);
        return [options]() -> int { return generate(*options); };
    };
    return command;
}

}  // namespace millrace
