// The job graph as job vertices: chains of nodes that run as one task in each slot, and the edges between
// them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/job_graph.h"

namespace millrace {

struct PlannedEdge {
    NodeId from;
    size_t from_vertex = 0;
    size_t to_vertex = 0;
    size_t input = 0;  // of the vertex's first node
    JobEdge edge;
    bool local = false;  // subtask i to subtask i
};

struct PlannedVertex {
    std::string id;
    std::string name;
    std::vector<NodeId>
        nodes;  // the first one is fed by channels or is a source; each other one by one before it
    std::vector<size_t> in_edges;  // of ExecutionPlan::edges, by input
    std::vector<size_t> out_edges;
};

struct ExecutionPlan {
    std::shared_ptr<const JobGraph> graph;
    uint32_t parallelism = 1;
    std::vector<PlannedVertex> vertices;  // upstream first
    std::vector<PlannedEdge> edges;

    // A node joins its input's chain if the edge is Forward (at parallelism 1 any edge is) and it has one
    // input.
    static ExecutionPlan make(std::shared_ptr<const JobGraph> graph, uint32_t parallelism);
};

}  // namespace millrace
