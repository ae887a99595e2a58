// EXPLAIN ANALYZE: a physical plan with what its operators did.
#include <algorithm>

#include "runtime/job.h"
#include "runtime/runtime_options.h"
#include "sql/plan/physical.h"

namespace millrace::sql {

namespace {

// Takes the rows of a SELECT of which only the number is wanted.
class DroppingSink final : public Sink {
  public:
    explicit DroppingSink(Schema schema) : schema_(std::move(schema)) {}
    std::string name() const override { return "Sink(select, rows counted and dropped)"; }
    const Schema& inputSchema() const override { return schema_; }
    ChangelogMode accepts() const override { return ChangelogMode::All; }
    std::unique_ptr<SinkWriter> createWriter(SinkWriterContext&, std::vector<std::string>) const override {
        return std::make_unique<Writer>();
    }

  private:
    class Writer final : public SinkWriter {
      public:
        void write(const Batch&) override {}
        void flush() override {}
        std::vector<std::string> prepareCommit() override { return {}; }
        std::vector<std::string> snapshot() override { return {}; }
    };
    Schema schema_;
};

// A metric of one operator over its subtasks.
struct Spread {
    int64_t sum = 0;
    int64_t most = 0;
    size_t subtasks = 0;
    bool known = false;
};

Spread spreadOf(const OperatorDetails& op, const std::string& metric) {
    Spread spread;
    spread.subtasks = op.metrics.size();
    for (const auto& metrics : op.metrics) {
        const auto found = metrics.find(metric);
        if (found == metrics.end()) continue;
        spread.known = true;
        spread.sum += found->second;
        spread.most = std::max(spread.most, found->second);
    }
    return spread;
}

double share(int64_t part, int64_t all) {
    return all == 0 ? 0 : static_cast<double>(part) / static_cast<double>(all);
}

std::string timeText(const Spread& nanos, int64_t all_ns) {
    return fmt::format("time {:.3f} ms ({:.1f} %)", static_cast<double>(nanos.sum) / 1e6,
                       100 * share(nanos.sum, all_ns));
}

std::string nodeText(const PhysicalNode& node, const OperatorDetails& op, int64_t all_ns) {
    const bool reads = !node.inputs.empty();
    const bool writes = !std::holds_alternative<std::shared_ptr<const Sink>>(node.what);
    const Spread in = spreadOf(op, "numRecordsIn");
    const Spread out = spreadOf(op, "numRecordsOut");
    std::vector<std::string> parts;
    if (reads) parts.push_back(fmt::format("rows in {}", in.sum));
    if (writes) parts.push_back(fmt::format("rows out {}", out.sum));
    if (const Spread late = spreadOf(op, "numLateRecordsDropped"); late.sum > 0)
        parts.push_back(fmt::format("late rows dropped {}", late.sum));
    if (const Spread time = spreadOf(op, "selfTimeNs"); time.known) parts.push_back(timeText(time, all_ns));
    if (const Spread rows = spreadOf(op, "stateRowsMax"); rows.sum > 0) {
        parts.push_back(fmt::format("state {} rows, {} bytes", rows.sum, spreadOf(op, "stateBytesMax").sum));
    } else if (const Spread bytes = spreadOf(op, "stateBytes"); !rows.known && bytes.sum > 0) {
        parts.push_back(fmt::format("state {} bytes", bytes.sum));
    }
    const Spread& dealt = reads ? in : out;
    if (dealt.subtasks > 1 && dealt.sum > 0) {
        parts.push_back(
            fmt::format("skew {:.2f}", share(dealt.most * static_cast<int64_t>(dealt.subtasks), dealt.sum)));
    }
    return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace

PlannedJob planMeasuredJob(const LogicalPlan& plan, PlanOptions options) {
    options.configuration.set(kOperatorDetailKey, "true");
    options.select_sink = [](const Schema& schema) { return std::make_shared<DroppingSink>(schema); };
    PlannedJob job = planJob(plan, options);
    for (const PhysicalNode& node : job.plan->nodes) {
        if (!node.inputs.empty() || node.bounded) continue;
        throw UserError(
            "sql.unbounded",
            fmt::format("EXPLAIN ANALYZE runs its statement to the end, but {} has none", node.name),
            "bound it by the table's options, as 'number-of-rows' does for datagen; EXPLAIN tells "
            "of the plan without running it");
    }
    return job;
}

std::string explainMeasured(const PlannedJob& job, const JobDetails& details) {
    const std::vector<PhysicalNode>& nodes = job.plan->nodes;
    std::vector<const OperatorDetails*> measured(nodes.size(), nullptr);
    int64_t all_ns = 0;
    bool timed = false;
    for (const VertexDetails& vertex : details.vertices) {
        for (const OperatorDetails& op : vertex.operators) {
            const Spread time = spreadOf(op, "selfTimeNs");
            measured.at(op.node.value()) = &op;
            all_ns += time.sum + spreadOf(op, "exchangeTimeNs").sum;
            timed |= time.known;
        }
    }
    std::vector<PhysicalPlan::Notes> notes(nodes.size());
    for (size_t i = 0; i < nodes.size(); ++i) {
        if (measured[i] == nullptr) continue;
        notes[i].node = nodeText(nodes[i], *measured[i], all_ns);
        if (const Spread time = spreadOf(*measured[i], "exchangeTimeNs"); time.known)
            notes[i].exchange = timeText(time, all_ns);
    }
    std::string total = details.end_ms < 0
                            ? "not ended yet"
                            : fmt::format("{} ms from start to end", details.end_ms - details.start_ms);
    total += fmt::format(" in {} slot{}", details.parallelism, details.parallelism == 1 ? "" : "s");
    if (timed) {
        total += fmt::format(", {:.3f} ms of their time in operators and exchanges",
                             static_cast<double>(all_ns) / 1e6);
    }
    return "== Optimized Physical Plan ==\n" + job.plan->explain(notes) + "\n== Total ==\n" + total + "\n";
}

}  // namespace millrace::sql
