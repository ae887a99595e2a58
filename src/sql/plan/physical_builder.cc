#include "sql/plan/physical_builder.h"

#include <algorithm>
#include <cctype>

#include "base/hash.h"
#include "base/text.h"
#include "sql/plan/connectors.h"
#include "sql/plan/nodes/sink.h"

namespace millrace::sql {

namespace {

const ConfigOption<Duration> kStateTtl{"table.exec.state.ttl", Duration{0},
                                       "How long state that is not touched is kept; 0 is for ever."};

const ConfigOption<std::string> kAggregatePhases{"table.optimizer.agg-phase-strategy", "AUTO",
                                                 "Whether rows are aggregated before they are dealt out by "
                                                 "key: ONE_PHASE, TWO_PHASE, or AUTO, where there "
                                                 "is more than one slot and it is likely to pay."};
// What either asks for is here a matter of the first phase.
const ConfigOption<bool> kMiniBatch{"table.exec.mini-batch.enabled", false,
                                    "With several slots, GROUP BY aggregates rows before they are dealt out "
                                    "by key, some milliseconds' at a time."};
const ConfigOption<bool> kSplitDistinct{"table.optimizer.distinct-agg.split.enabled", false,
                                        "The same for DISTINCT aggregates alone: their values are dealt out "
                                        "by key once each, if they can be remembered."};
const ConfigOption<std::string> kRuntimeMode{
    "execution.runtime-mode", "streaming",
    "streaming tells how results change; batch takes only input that ends, and tells results once, when they "
    "are final."};
const ConfigOption<int64_t> kParallelism{"parallelism.default", 1, ""};

}  // namespace

PhysicalBuilder::PhysicalBuilder(const RelRoots& roots, const PlanOptions& options)
    : roots_(roots), options_(options) {
    for (const RelPtr& root : roots_) {
        const LogicalSink& logical = *root->get<SinkRel>()->sink;
        std::shared_ptr<const Sink> sink;
        if (logical.table()) {
            sink = makeTableSink(logical, options_);
        } else if (options_.select_sink) {
            sink = options_.select_sink(logical.input()->schema());
        }
        accepts_[root.get()] = sink ? sink->accepts() : ChangelogMode::All;
        sinks_[root.get()] = std::move(sink);
    }
    modes_ = inferChangelogModes(roots_, accepts_);
}

PhysicalPlan PhysicalBuilder::build() {
    for (const RelPtr& root : roots_)
        add(*root);
    return std::move(plan_);
}

PhysicalBuilder::AggregatePhases PhysicalBuilder::aggregatePhases() const {
    const std::string strategy = lowerCase(options_.configuration.get(kAggregatePhases));
    if (strategy == "one_phase") return AggregatePhases::One;
    if (strategy == "two_phase") return AggregatePhases::Two;
    if (strategy != "auto") {
        throw UserError(
            "config.bad-value",
            fmt::format("'{}' is '{}'", kAggregatePhases.key, options_.configuration.get(kAggregatePhases)),
            "use AUTO, ONE_PHASE or TWO_PHASE");
    }
    return AggregatePhases::Auto;
}

bool PhysicalBuilder::aggregatesInTwoPhases() const {
    const AggregatePhases phases = aggregatePhases();
    return phases == AggregatePhases::Two ||
           (phases == AggregatePhases::Auto && options_.configuration.get(kParallelism) > 1);
}

bool PhysicalBuilder::aggregatesGroupsInTwoPhases(bool few, bool distinct) const {
    return aggregatesInTwoPhases() &&
           (few || aggregatePhases() == AggregatePhases::Two || options_.configuration.get(kMiniBatch) ||
            (distinct && options_.configuration.get(kSplitDistinct)));
}

Duration PhysicalBuilder::stateTtl() const { return options_.configuration.get(kStateTtl); }

size_t PhysicalBuilder::add(const Rel& rel) {
    if (const auto found = done_.find(&rel); found != done_.end()) return found->second;
    std::vector<size_t> inputs;
    for (const RelPtr& input : rel.inputs)
        inputs.push_back(add(*input));
    return done_[&rel] = rel.what->place(*this, rel, inputs);
}

std::string PhysicalBuilder::uidOf(const std::string& kind, const Rel& rel) {
    return unique(
        fmt::format("{}-v{}-{}", kind, kCanonicalVersion, sha256Hex(rel.origin->canonical()).substr(0, 16)));
}

std::string PhysicalBuilder::unique(const std::string& uid) {
    const size_t uses = ++uids_[uid];
    return uses == 1 ? uid : fmt::format("{}-{}", uid, uses);
}

size_t PhysicalBuilder::push(PhysicalNode node) {
    for (const PhysicalInput& input : node.inputs)
        node.bounded = node.bounded && plan_.nodes[input.from].bounded;
    plan_.nodes.push_back(std::move(node));
    return plan_.nodes.size() - 1;
}

size_t PhysicalBuilder::addSource(const Rel& rel, std::string uid, std::shared_ptr<const Source> source) {
    PhysicalNode node;
    node.name = source->name();
    node.uid = std::move(uid);
    node.schema = source->outputSchema();
    node.changelog = modes_.at(&rel);
    node.bounded = source->boundedness() == Boundedness::Bounded;
    if (!node.bounded && runsInBatch(options_.configuration)) {
        throw UserError({"sql.unbounded",
                         fmt::format("in batch mode every source must end, and {} does not", node.name),
                         "SET 'execution.runtime-mode' = 'streaming'", rel.origin->where()});
    }
    MILLRACE_CHECK(source->outputSchema().size() == rel.schema.size(), "{} produces {}, not {}", node.name,
                   source->outputSchema().toString(), rel.schema.toString());
    node.what = std::move(source);
    return push(std::move(node));
}

size_t PhysicalBuilder::addOperator(const Rel& rel, std::string uid, std::shared_ptr<const Operator> op,
                                    std::vector<PhysicalInput> inputs) {
    return addOperator(std::move(uid), std::move(op), std::move(inputs), modes_.at(&rel));
}

size_t PhysicalBuilder::addOperator(std::string uid, std::shared_ptr<const Operator> op,
                                    std::vector<PhysicalInput> inputs, const Changelog& changelog) {
    PhysicalNode node;
    node.name = op->name();
    node.uid = std::move(uid);
    node.schema = op->outputSchema();
    node.changelog = changelog;
    node.inputs = std::move(inputs);
    node.what = std::move(op);
    return push(std::move(node));
}

size_t PhysicalBuilder::addSink(const Rel& rel, std::string uid, const Changelog& changelog,
                                PhysicalInput input) {
    PhysicalNode node;
    std::shared_ptr<const Sink> sink = sinks_.at(&rel);
    node.name = sink ? sink->name() : "Sink(select)";
    node.uid = std::move(uid);
    node.schema = rel.schema;
    node.changelog = changelog;
    node.inputs = {std::move(input)};
    node.what = std::move(sink);
    return push(std::move(node));
}

bool runsInBatch(const Configuration& configuration) {
    std::string mode = configuration.get(kRuntimeMode);
    std::transform(mode.begin(), mode.end(), mode.begin(),
                   [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
    if (mode != "streaming" && mode != "batch") {
        throw UserError("config.bad-value", fmt::format("'{}' is '{}'", kRuntimeMode.key, mode),
                        "it is one of streaming, batch");
    }
    return mode == "batch";
}

PhysicalPlan makePhysicalPlan(const RelRoots& roots, const PlanOptions& options) {
    return PhysicalBuilder(roots, options).build();
}

}  // namespace millrace::sql
