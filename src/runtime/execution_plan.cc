#include "runtime/execution_plan.h"

#include "base/hash.h"

namespace millrace {

ExecutionPlan ExecutionPlan::make(std::shared_ptr<const JobGraph> graph, uint32_t parallelism) {
    ExecutionPlan plan;
    plan.graph = std::move(graph);
    plan.parallelism = parallelism;
    std::vector<size_t> vertex_of;
    for (const JobNode& node : plan.graph->nodes()) {
        const auto is_local = [&](const JobEdge& edge) {
            return parallelism == 1 || edge.exchange == Exchange::Forward;
        };
        if (node.inputs.size() == 1 && is_local(node.inputs[0])) {
            const size_t vertex = vertex_of[node.inputs[0].from.value()];
            vertex_of.push_back(vertex);
            plan.vertices[vertex].nodes.push_back(node.id);
            plan.vertices[vertex].name += " -> " + node.name;
            continue;
        }
        const size_t vertex = plan.vertices.size();
        vertex_of.push_back(vertex);
        plan.vertices.push_back({sha256Hex(node.uid).substr(0, 32), node.name, {node.id}, {}, {}});
        for (size_t input = 0; input < node.inputs.size(); ++input) {
            const JobEdge& edge = node.inputs[input];
            const size_t from_vertex = vertex_of[edge.from.value()];
            plan.vertices[vertex].in_edges.push_back(plan.edges.size());
            plan.vertices[from_vertex].out_edges.push_back(plan.edges.size());
            plan.edges.push_back({edge.from, from_vertex, vertex, input, edge, is_local(edge)});
        }
    }
    return plan;
}

}  // namespace millrace
