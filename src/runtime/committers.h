// The sinks' committers, made on first use, for the life of the job. Used on the executor alone.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/hooks.h"
#include "runtime/job_graph.h"

namespace millrace {

class Committers {
  public:
    Committers(std::shared_ptr<const JobGraph> graph, Environment environment, StepHooks* hooks);

    // By sink uid. A uid without a sink in this job is passed over, with a warning: its state was left out
    // too.
    void commit(const std::map<std::string, std::vector<std::string>>& committables);
    void cleanUp(const std::string& job_id);

  private:
    Committer* committerOf(const JobNode& node);

    std::shared_ptr<const JobGraph> graph_;
    Environment environment_;
    StepHooks* hooks_;
    std::map<std::string, std::unique_ptr<Committer>> committers_;
};

}  // namespace millrace
