// One lifecycle operation: steps that are done one after the other, each of them durable. Each operation
// stands in a file of its own below states/.
//
// A step is `run`, which works on the world outside (clusters, files), then `commit`, which changes the
// metadata; commit, the operation's state and the step's number are stored in one transaction. The service
// may die at any instant and does the step again when it is back: `run` must be idempotent. What a step finds
// out for later ones goes into `state`. A step that throws, or is cancelled, turns the operation round:
// `undo` (idempotent too), then `undone` with the operation's end, in one transaction.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "service/context.h"

namespace millrace {

// Thrown by OperationContext::check: the operation was cancelled, or the service stops and goes on later.
struct OperationInterrupted {
    bool cancelled = false;
};

struct OperationContext {
    ServiceContext& service;
    Application application;  // as stored when the step, or the commit, began
    Operation operation;
    nlohmann::json& state;
    std::function<void()> check;  // throws OperationInterrupted; long steps call it every few milliseconds

    ClusterSpec clusterSpec() const;  // of the deployment named by state["deployment"]
    // Changes the application's status, unless something else has changed it since.
    void moveStatus(ApplicationStatus from, ApplicationStatus to);
};

struct OperationStep {
    const char* name;
    void (*run)(OperationContext&);     // or nullptr
    void (*commit)(OperationContext&);  // or nullptr
};

struct OperationDescription {
    std::string kind;
    std::vector<OperationStep> steps;
    void (*undo)(OperationContext&);
    void (*undone)(OperationContext&);
};

const std::vector<OperationDescription>& operationDescriptions();
const OperationDescription& operationDescription(const std::string& kind);

}  // namespace millrace
