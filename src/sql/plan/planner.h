// From a logical plan to a job: rewrites it (columns pruned down to the sources, filters pushed, projections
// and filters merged, windows fused with their aggregation), works out what kind of changelog flows where,
// places exchanges, and names every stateful operator by what it computes.
//
//   PlannedJob job = planJob(logical, options);      -- job.graph goes to Job::start()
//   std::string text = explain(logical, options);    -- EXPLAIN
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/configuration.h"
#include "runtime/job_graph.h"
#include "sql/bind/logical_plan.h"
#include "sql/session.h"

namespace millrace {
struct JobDetails;
}

namespace millrace::sql {

struct PlanOptions {
    std::shared_ptr<const ConnectorRegistry> registry;
    Configuration configuration;  // the session's; becomes the graph's
    // Makes the sink of a LogicalSink without table, given the rows it will get. If absent, such a plan can
    // be explained and checked but not run.
    std::function<std::shared_ptr<const Sink>(const Schema& schema)> select_sink;
};

struct PhysicalPlan;

struct PlannedJob {
    std::shared_ptr<JobGraph> graph;
    std::shared_ptr<const PhysicalPlan> plan;  // node i of which is node i of the graph
    std::string physical_plan;                 // the optimised plan with changelog modes, as in EXPLAIN
};

// Throws UserError with a place in the statement: a connector that is unknown, cannot be read or written or
// whose options do not fit; a query that updates its result into a sink that takes only inserts
// ("sql.sink-needs-inserts"); what cannot run on unbounded input ("sql.unbounded").
PlannedJob planJob(const LogicalPlan& plan, const PlanOptions& options);

// EXPLAIN's text: "== Abstract Syntax Tree ==", "== Optimized Physical Plan ==" (Flink's
// headings), "== State ==" with what operators keep and for how long, and "== Rewrites ==" with the rules
// that changed the plan.
std::string explain(const LogicalPlan& plan, const PlanOptions& options);

// For EXPLAIN ANALYZE: a job that is measured operator by operator, where a SELECT's rows are counted and
// dropped. UserError "sql.unbounded" if it would not end.
PlannedJob planMeasuredJob(const LogicalPlan& plan, PlanOptions options);
// EXPLAIN ANALYZE's text, also of a job that was not planned to be measured or has not ended: the physical
// plan, and below each operator its rows and its skew (the most rows of a subtask by their mean), its own
// time and the most state it held as far as they were measured.
std::string explainMeasured(const PlannedJob& job, const JobDetails& details);

}  // namespace millrace::sql
