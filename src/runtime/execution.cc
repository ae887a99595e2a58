#include "runtime/execution.h"

#include "base/error.h"

namespace millrace {

Execution::Execution(const ExecutionPlan& plan, const ExecutionParameters& parameters) : plan_(plan) {
    const uint32_t parallelism = plan.parallelism;
    for (uint32_t index = 0; index < parallelism; ++index) {
        SlotSurroundings surroundings = parameters.surroundings;
        surroundings.slot = SlotIndex(index);
        surroundings.restored = !parameters.restored->empty();
        slots_.push_back(std::make_unique<Slot>(std::move(surroundings)));
        slots_.back()->restoreFrom(parameters.restored);
    }
    // channels[edge][from][to]; local edges have only [i][0], which leads to i.
    std::vector<std::vector<std::vector<Channel*>>> channels(plan.edges.size());
    for (size_t e = 0; e < plan.edges.size(); ++e) {
        for (uint32_t from = 0; from < parallelism; ++from) {
            auto& out = channels[e].emplace_back();
            for (uint32_t to = 0; to < parallelism; ++to) {
                if (plan.edges[e].local && to != from) continue;
                channels_.push_back(std::make_unique<Channel>(slots_[from]->waker(), slots_[to]->waker()));
                out.push_back(channels_.back().get());
            }
        }
    }
    for (uint32_t index = 0; index < parallelism; ++index) {
        Slot& slot = *slots_[index];
        for (size_t v = 0; v < plan.vertices.size(); ++v) {
            const PlannedVertex& vertex = plan.vertices[v];
            std::map<NodeId, ChainNode*> by_id;
            std::vector<std::unique_ptr<ChainNode>> nodes;
            std::vector<std::unique_ptr<ExchangeWriter>> writers;
            for (const NodeId id : vertex.nodes) {
                const JobNode& node = plan.graph->node(id);
                nodes.push_back(makeChainNode(node, slot.surroundings()));
                by_id[id] = nodes.back().get();
                if (nodes.size() > 1) by_id.at(node.inputs[0].from)->feeds(*nodes.back());
            }
            for (const size_t e : vertex.out_edges) {
                writers.push_back(std::make_unique<ExchangeWriter>(plan.edges[e].edge, channels[e][index],
                                                                   slot.surroundings().max_parallelism));
                by_id.at(plan.edges[e].from)->leavesBy(*writers.back());
            }
            std::vector<InputChannel> inputs;
            for (const size_t e : vertex.in_edges) {
                const PlannedEdge& edge = plan.edges[e];
                for (uint32_t from = 0; from < parallelism; ++from) {
                    if (edge.local && from != index) continue;
                    inputs.push_back({channels[e][from][edge.local ? 0 : index], edge.input});
                }
            }
            slot.add(std::make_unique<Task>(v, vertex.name, slot.surroundings(), std::move(nodes),
                                            std::move(writers), std::move(inputs)));
        }
    }
    for (size_t v = 0; v < plan.vertices.size(); ++v) {
        if (plan.vertices[v].in_edges.empty()) source_vertices_.push_back(v);
    }
}

std::vector<Slot*> Execution::slots() {
    std::vector<Slot*> out;
    for (const auto& slot : slots_)
        out.push_back(slot.get());
    return out;
}

size_t Execution::vertexOf(NodeId source) const {
    for (const size_t v : source_vertices_) {
        if (plan_.vertices[v].nodes.front() == source) return v;
    }
    MILLRACE_CHECK(false, "node {} is no source", source.value());
    return 0;
}

void Execution::assign(NodeId source, SlotIndex reader, SourceSplit split) {
    slots_.at(reader.value())->post(vertexOf(source), [split = std::move(split)](Task& task) {
        task.addSplit(split);
    });
}

void Execution::noMoreSplits(NodeId source, SlotIndex reader) {
    slots_.at(reader.value())->post(vertexOf(source), [](Task& task) { task.noMoreSplits(); });
}

void Execution::trigger(const Barrier& barrier, AtBarrier then) {
    for (const auto& slot : slots_) {
        for (const size_t v : source_vertices_) {
            slot->post(v, [barrier, then](Task& task) {
                if (then == AtBarrier::Drain) task.drain();
                task.trigger(barrier);
                if (then == AtBarrier::Suspend) task.suspend();
            });
        }
    }
}

void Execution::checkpointComplete(CheckpointId id) {
    for (const auto& slot : slots_) {
        for (const size_t v : source_vertices_) {
            slot->post(v, [id](Task& task) { task.checkpointComplete(id); });
        }
    }
}

void Execution::deliverMessages() {
    for (const auto& slot : slots_)
        slot->deliverMessages();
}

void Execution::resume() {
    for (const auto& slot : slots_) {
        for (const size_t v : source_vertices_) {
            slot->post(v, [](Task& task) { task.resume(); });
        }
    }
}

}  // namespace millrace
