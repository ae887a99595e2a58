#include "runtime/committers.h"

#include <algorithm>

#include "base/log.h"

namespace millrace {

Committers::Committers(std::shared_ptr<const JobGraph> graph, Environment environment, StepHooks* hooks)
    : graph_(std::move(graph)), environment_(environment), hooks_(hooks) {}

Committer* Committers::committerOf(const JobNode& node) {
    const auto* sink = std::get_if<std::shared_ptr<const Sink>>(&node.what);
    if (sink == nullptr) return nullptr;
    const auto found = committers_.find(node.uid);
    if (found != committers_.end()) return found->second.get();
    return committers_.emplace(node.uid, (*sink)->createCommitter(environment_)).first->second.get();
}

void Committers::commit(const std::map<std::string, std::vector<std::string>>& committables) {
    for (const auto& [uid, items] : committables) {
        if (items.empty()) continue;
        const auto& nodes = graph_->nodes();
        const auto node = std::find_if(nodes.begin(), nodes.end(),
                                       [&name = uid](const JobNode& n) { return n.uid == name; });
        Committer* committer = node == nodes.end() ? nullptr : committerOf(*node);
        if (committer == nullptr) {
            logWarn("runtime.commit", "{} committables of '{}' have no sink in this job", items.size(), uid);
            continue;
        }
        atStep(hooks_, CheckpointStep::Commit);
        committer->commit(items);
    }
}

void Committers::cleanUp(const std::string& job_id) {
    for (const JobNode& node : graph_->nodes()) {
        if (Committer* committer = committerOf(node)) {
            atStep(hooks_, CheckpointStep::CleanUp);
            committer->cleanUp(job_id);
        }
    }
}

}  // namespace millrace
