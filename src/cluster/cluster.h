// `millrace cluster`: the process the service starts for one running application. It runs the application's
// job and answers the Flink REST API until it is told to end (SIGTERM). A job that has ended stays answered
// for: it is the service that decides what comes next.
#pragma once

#include <string>

namespace millrace {

struct ClusterOptions {
    std::string package_path;
    std::string rest_address;  // "127.0.0.1:0": the system chooses a port
    std::string ready_path;    // "" for none
};

// Once the job runs and REST answers, writes `ready_path`: {"pid", "port", "jobId"}; if the code cannot be
// loaded, planned or started, {"error": {"code", "message"}}, and returns 1. SIGTERM and SIGINT must be
// blocked in the calling thread before any other thread starts (blockEndingSignals).
int runCluster(const ClusterOptions& options);

void blockEndingSignals();

}  // namespace millrace
