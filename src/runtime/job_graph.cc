#include "runtime/job_graph.h"

#include <algorithm>
#include <set>

#include "base/error.h"

namespace millrace {

NodeId JobGraph::addSource(std::string uid, std::shared_ptr<const Source> source) {
    const NodeId id(static_cast<uint32_t>(nodes_.size()));
    std::string name = "Source: " + source->name();
    nodes_.push_back({id, std::move(uid), std::move(name), std::move(source), {}});
    return id;
}

NodeId JobGraph::addOperator(std::string uid, std::shared_ptr<const Operator> op,
                             std::vector<JobEdge> inputs) {
    const NodeId id(static_cast<uint32_t>(nodes_.size()));
    std::string name = op->name();
    nodes_.push_back({id, std::move(uid), std::move(name), std::move(op), std::move(inputs)});
    return id;
}

NodeId JobGraph::addSink(std::string uid, std::shared_ptr<const Sink> sink, JobEdge input) {
    const NodeId id(static_cast<uint32_t>(nodes_.size()));
    std::string name = sink->name();
    std::vector<JobEdge> inputs;
    inputs.push_back(std::move(input));
    nodes_.push_back({id, std::move(uid), std::move(name), std::move(sink), std::move(inputs)});
    return id;
}

bool JobGraph::bounded() const {
    return std::all_of(nodes_.begin(), nodes_.end(), [](const JobNode& node) {
        const auto* source = std::get_if<std::shared_ptr<const Source>>(&node.what);
        return source == nullptr || (*source)->boundedness() == Boundedness::Bounded;
    });
}

void JobGraph::check() const {
    std::set<std::string> uids;
    for (const JobNode& node : nodes_) {
        MILLRACE_CHECK(&nodes_[node.id.value()] == &node);
        MILLRACE_CHECK(!node.uid.empty(), "node '{}' has no uid", node.name);
        MILLRACE_CHECK(uids.insert(node.uid).second, "the uid '{}' names two nodes", node.uid);
        size_t wanted = 1;
        if (std::holds_alternative<std::shared_ptr<const Source>>(node.what)) wanted = 0;
        if (const auto* op = std::get_if<std::shared_ptr<const Operator>>(&node.what)) {
            wanted = (*op)->inputCount();
        }
        MILLRACE_CHECK(node.inputs.size() == wanted, "node '{}' has {} inputs and wants {}", node.name,
                       node.inputs.size(), wanted);
        for (const JobEdge& edge : node.inputs) {
            MILLRACE_CHECK(edge.from < node.id, "node '{}' comes before its input", node.name);
            const JobNode& from = nodes_[edge.from.value()];
            MILLRACE_CHECK(!std::holds_alternative<std::shared_ptr<const Sink>>(from.what),
                           "node '{}' reads from a sink", node.name);
            MILLRACE_CHECK(edge.exchange == Exchange::Hash || edge.key.empty());
            const Schema& schema = std::holds_alternative<std::shared_ptr<const Source>>(from.what)
                                       ? std::get<std::shared_ptr<const Source>>(from.what)->outputSchema()
                                       : std::get<std::shared_ptr<const Operator>>(from.what)->outputSchema();
            for (const size_t column : edge.key) {
                MILLRACE_CHECK(column < schema.size(), "node '{}' is keyed by column {} of {}", node.name,
                               column, schema.size());
            }
        }
    }
}

}  // namespace millrace
