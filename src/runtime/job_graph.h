// A job as a graph of sources, operators and sinks. Edges say how rows are dealt to the next node's subtasks.
// Every node has the job's parallelism. Nodes joined by Forward edges become one job vertex (a chain) where
// the next node has one input.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/configuration.h"
#include "runtime/operator.h"
#include "runtime/sink.h"
#include "runtime/source.h"

namespace millrace {

enum class Exchange : uint8_t {
    Forward,    // subtask i to subtask i
    Hash,       // by the key group of the key columns
    Singleton,  // everything to subtask 0
    Broadcast,  // everything to everyone
    Rebalance,  // batches round robin
};

struct JobEdge {
    NodeId from;
    Exchange exchange = Exchange::Forward;
    std::vector<size_t> key;  // Hash: columns of the sender's output
};

struct JobNode {
    NodeId id;
    std::string uid;  // names its state in snapshots; unique in the job
    std::string name;
    std::variant<std::shared_ptr<const Source>, std::shared_ptr<const Operator>, std::shared_ptr<const Sink>>
        what;
    std::vector<JobEdge> inputs;
};

class JobGraph {
  public:
    NodeId addSource(std::string uid, std::shared_ptr<const Source> source);
    NodeId addOperator(std::string uid, std::shared_ptr<const Operator> op, std::vector<JobEdge> inputs);
    NodeId addSink(std::string uid, std::shared_ptr<const Sink> sink, JobEdge input);

    const std::vector<JobNode>& nodes() const { return nodes_; }  // inputs come before those they feed
    const JobNode& node(NodeId id) const { return nodes_[id.value()]; }
    bool bounded() const;  // every source is
    // Throws InternalError unless ids, inputs and uids are consistent.
    void check() const;

    std::string name = "job";
    std::string plan;             // EXPLAIN's text, kept in snapshots
    Configuration configuration;  // what SET and the application say; Flink's keys

  private:
    std::vector<JobNode> nodes_;
};

}  // namespace millrace
