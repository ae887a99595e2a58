// Rooms: connectors
//
// Jobs between real connectors in the simulator: files of JSON lines, the exactly-once file sink.

#include <algorithm>
#include <map>

#include "base/random.h"
#include "connectors/connectors.h"
#include "runtime/simulator/probe.h"
#include "simulation/harness.h"

namespace millrace {
namespace {

const ConnectorDescriptor& filesystem() {
    for (const ConnectorDescriptor& connector : connectorDescriptors()) {
        if (connector.name == "filesystem") return connector;
    }
    throw InternalError("there is no filesystem connector");
}

TableSpec table(const std::string& name, const Schema& schema, std::map<std::string, std::string> options) {
    TableSpec spec;
    spec.name = name;
    spec.schema = schema;
    for (size_t i = 0; i < schema.size(); ++i)
        spec.projection.push_back({i});
    options["connector"] = "filesystem";
    spec.options = std::move(options);
    return spec;
}

std::shared_ptr<JobGraph> newGraph() {
    auto graph = std::make_shared<JobGraph>();
    graph->configuration = Configuration(std::map<std::string, std::string>{
        {"execution.checkpointing.interval", "15 ms"},
        {"execution.checkpointing.dir", "/checkpoints"},
        {"restart-strategy.type", "fixed-delay"},
        {"restart-strategy.fixed-delay.attempts", "20"},
        {"restart-strategy.fixed-delay.delay", "5 ms"},
        {"millrace.batch.rows-max", "5"},
        {"millrace.checker", "true"},
    });
    return graph;
}

// Files of different lengths, the last line of some without an end.
void writeInput(FileSystem& files) {
    files.createFolders("/in");
    Random random(7);
    int64_t value = 0;
    for (int file = 0; file < 6; ++file) {
        std::string text;
        const uint64_t rows = random.below(80);
        for (uint64_t row = 0; row < rows; ++row, ++value) {
            text += fmt::format("{}{{\"key\": {}, \"value\": {}, \"ts\": {}}}", row == 0 ? "" : "\n",
                                random.below(7), value, value);
        }
        if (file % 2 == 0) text += "\n";
        const auto out = files.create(fmt::format("/in/part-{}.json", file));
        out->append(text);
        out->sync();
    }
    files.syncFolder("/in");
}

// Files in, windows by key, files out in a folder for each key.
std::shared_ptr<JobGraph> windowsOfFiles() {
    auto graph = newGraph();
    const NodeId source =
        graph->addSource("source", filesystem().make_source(table("events", probeSourceSchema(),
                                                                  {{"path", "/in"}, {"format", "json"}})));
    const auto op = makeProbeWindow(20);
    const NodeId window = graph->addOperator("window", op, {{source, Exchange::Hash, {0}}});
    TableSpec out = table("windows", op->outputSchema(), {{"path", "/out"}, {"format", "json"}});
    out.partition_keys = {"key"};
    graph->addSink("sink", filesystem().make_sink(out), {window, Exchange::Forward, {}});
    return graph;
}

// The rows themselves, through two exchanges.
std::shared_ptr<JobGraph> copyOfFiles() {
    auto graph = newGraph();
    const NodeId source =
        graph->addSource("source", filesystem().make_source(table("events", probeSourceSchema(),
                                                                  {{"path", "/in"}, {"format", "json"}})));
    const NodeId twice =
        graph->addOperator("twice", makeProbeUnion(probeSourceSchema()),
                           {{source, Exchange::Hash, {0}}, {source, Exchange::Rebalance, {}}});
    graph->addSink(
        "sink",
        filesystem().make_sink(table("copy", probeSourceSchema(), {{"path", "/out"}, {"format", "json"}})),
        {twice, Exchange::Rebalance, {}});
    return graph;
}

TEST(ConnectorSimulation, WindowsOfFiles) {
    simulateSeeds({"windows of files", windowsOfFiles,
                   [](FileSystem& files) { return visibleLines(files, "/out"); }, writeInput});
}

TEST(ConnectorSimulation, CopyOfFiles) {
    simulateSeeds({"copy of files", copyOfFiles,
                   [](FileSystem& files) { return visibleLines(files, "/out"); }, writeInput});
}

}  // namespace
}  // namespace millrace
