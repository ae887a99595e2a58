// The physical plan as EXPLAIN shows it.
#include <set>

#include "operators/stateful_operator.h"
#include "sql/plan/physical.h"

namespace millrace::sql {

namespace {

void print(const PhysicalPlan& plan, const std::vector<PhysicalPlan::Notes>& notes, size_t index,
           size_t depth, std::set<size_t>& seen, std::string& out) {
    const auto line = [&](const std::string& text, const std::string& note) {
        if (depth > 0) out += std::string((depth - 1) * 3, ' ') + "+- ";
        out += text + "\n";
        if (!note.empty()) out += std::string(depth * 3 + 3, ' ') + note + "\n";
    };
    const PhysicalNode& node = plan.nodes[index];
    // A source is one line, and shown again; what it did is not.
    if (!seen.insert(index).second && (!node.inputs.empty() || !notes.empty())) {
        line(node.name + " (shared, as above)", "");
        return;
    }
    const bool is_sink = std::holds_alternative<std::shared_ptr<const Sink>>(node.what);
    line(node.name + ", changelogMode=[" + (is_sink ? "NONE" : node.changelog.toString()) + "]",
         notes.empty() ? "" : notes[index].node);
    ++depth;
    for (const PhysicalInput& input : node.inputs) {
        const PhysicalNode& from = plan.nodes[input.from];
        if (input.exchange == Exchange::Forward) {
            print(plan, notes, input.from, depth, seen, out);
            continue;
        }
        std::string keys;
        for (const size_t key : input.key)
            keys += (keys.empty() ? "" : ", ") + from.schema[key].name;
        line(fmt::format("Exchange(distribution=[{}]), changelogMode=[{}]",
                         input.exchange == Exchange::Hash ? "hash[" + keys + "]" : "single",
                         from.changelog.toString()),
             notes.empty() || seen.contains(input.from) ? "" : notes[input.from].exchange);
        ++depth;
        print(plan, notes, input.from, depth, seen, out);
        --depth;
    }
}

}  // namespace

std::string PhysicalPlan::explain(const std::vector<Notes>& notes) const {
    std::string out;
    std::set<size_t> seen;
    for (size_t i = 0; i < nodes.size(); ++i) {
        if (!std::holds_alternative<std::shared_ptr<const Sink>>(nodes[i].what)) continue;
        if (!out.empty()) out += "\n";
        print(*this, notes, i, 0, seen, out);
    }
    return out;
}

std::string PhysicalPlan::explainState(const Configuration& configuration) const {
    std::string out;
    for (const PhysicalNode& node : nodes) {
        const auto* op = std::get_if<std::shared_ptr<const Operator>>(&node.what);
        if (op == nullptr) continue;
        const auto* stateful = dynamic_cast<const StatefulOperator*>(op->get());
        if (stateful == nullptr) continue;
        out += node.name + "\n";
        for (const std::string& line : describeState(*stateful, configuration))
            out += "+- " + line + "\n";
    }
    return out;
}

}  // namespace millrace::sql
