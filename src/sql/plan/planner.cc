#include "sql/plan/planner.h"

#include <map>

#include "runtime/dead_letters.h"
#include "sql/plan/connectors.h"
#include "sql/plan/physical.h"
#include "sql/plan/rel.h"
#include "sql/plan/rewrites.h"

namespace millrace::sql {

namespace {

const ConfigOption<std::string> kPipelineName{"pipeline.name", "", "The job's name."};

// The relational nodes, with what connectors say of how rows change.
RelRoots relationalPlan(const LogicalPlan& plan, const PlanOptions& options) {
    RelRoots roots = translate(plan);
    for (Rel* rel : inOrder(roots)) {
        if (auto* const scan = rel->get<ScanRel>()) scan->changes = readsChanges(*scan->table, options);
    }
    return roots;
}

PhysicalPlan physicalPlan(const LogicalPlan& plan, const PlanOptions& options) {
    MILLRACE_CHECK(!plan.sinks.empty(), "a plan without sinks");
    RelRoots roots = relationalPlan(plan, options);
    optimise(roots, options);
    return makePhysicalPlan(roots, options);
}

std::string jobName(const LogicalPlan& plan, const Configuration& configuration) {
    if (std::string name = configuration.get(kPipelineName); !name.empty()) return name;
    std::string name;
    for (const auto& sink : plan.sinks) {
        if (!name.empty()) name += ",";
        name += sink->table() ? "insert-into_" + sink->table()->path.toString() : "collect";
    }
    return name;
}

// With the sink of its dead letters, if it has one. `letter_sinks` counts those of each table.
NodeId addSource(const std::string& uid, const std::shared_ptr<const Source>& source,
                 std::map<std::string, int>& letter_sinks, JobGraph& graph) {
    const auto* const with_letters = dynamic_cast<const SourceWithDeadLetters*>(source.get());
    if (with_letters == nullptr) return graph.addSource(uid, source);
    const NodeId id = graph.addSource(uid, with_letters->source());
    const int number = ++letter_sinks[with_letters->table()];
    graph.addSink(fmt::format("dead-letters-{}{}", with_letters->table(),
                              number == 1 ? "" : fmt::format("-{}", number)),
                  with_letters->deadLetters(), {id, Exchange::Forward, {}});
    return id;
}

}  // namespace

PlannedJob planJob(const LogicalPlan& plan, const PlanOptions& options) {
    PlannedJob job;
    job.plan = std::make_shared<const PhysicalPlan>(physicalPlan(plan, options));
    const PhysicalPlan& physical = *job.plan;
    job.physical_plan = physical.explain();
    job.graph = std::make_shared<JobGraph>();
    std::vector<NodeId> ids;
    std::map<std::string, int> letter_sinks;
    for (const PhysicalNode& node : physical.nodes) {
        std::vector<JobEdge> inputs;
        for (const PhysicalInput& input : node.inputs) {
            inputs.push_back({ids[input.from], input.exchange, input.key});
        }
        if (const auto* source = std::get_if<std::shared_ptr<const Source>>(&node.what)) {
            ids.push_back(addSource(node.uid, *source, letter_sinks, *job.graph));
        } else if (const auto* op = std::get_if<std::shared_ptr<const Operator>>(&node.what)) {
            ids.push_back(job.graph->addOperator(node.uid, *op, std::move(inputs)));
        } else {
            const auto& sink = std::get<std::shared_ptr<const Sink>>(node.what);
            MILLRACE_CHECK(sink != nullptr, "a SELECT is planned to be run without a sink for its rows");
            ids.push_back(job.graph->addSink(node.uid, sink, std::move(inputs.front())));
        }
    }
    job.graph->name = jobName(plan, options.configuration);
    job.graph->plan = job.physical_plan;
    job.graph->configuration = options.configuration;
    job.graph->check();
    return job;
}

std::string explain(const LogicalPlan& plan, const PlanOptions& options) {
    MILLRACE_CHECK(!plan.sinks.empty(), "a plan without sinks");
    RelRoots roots = relationalPlan(plan, options);
    const std::vector<std::string> told = optimiseTelling(roots, options);
    const PhysicalPlan physical = makePhysicalPlan(roots, options);
    const std::string state = physical.explainState(options.configuration);
    std::string text = "== Abstract Syntax Tree ==\n" + plan.explain() + "\n== Optimized Physical Plan ==\n" +
                       physical.explain() + "\n== State ==\n" + (state.empty() ? "none\n" : state) +
                       "\n== Rewrites ==\n";
    for (const std::string& line : told)
        text += line + "\n";
    if (told.empty()) text += "none\n";
    return text;
}

}  // namespace millrace::sql
