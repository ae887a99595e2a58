// `millrace cluster`: the process the service starts for one running application. It runs the application's
// job and answers the Flink REST API until it is told to end (SIGTERM). A job that has ended stays answered
// for: it is the service that decides what comes next.
//
// A cluster can be made ready beside the one that runs, so that little is left to do when it takes its place:
// with an activation file it plans the job and checks it against the state it will have to go on from, says
// so, and waits until the file is there, which says what to restore.
#pragma once

#include <string>

namespace millrace {

struct ClusterOptions {
    std::string package_path;
    std::string rest_address;     // "127.0.0.1:0": the system chooses a port
    std::string ready_path;       // "" for none
    std::string activation_path;  // "": the job starts at once
    int lock_descriptor = -1;  // with an activation file: the application's lock, taken before the job starts
};

// Once the job runs and REST answers, writes `ready_path`: {"pid", "port", "jobId"}; before that, if it waits
// for its activation, {"pid", "prepared": true}; if the code cannot be loaded, planned or started, or not go
// on from the state, {"error": {"code", "message"}}, and returns 1. SIGTERM and SIGINT must be
// blocked in the calling thread before any other thread starts (blockEndingSignals).
int runCluster(const ClusterOptions& options);

void blockEndingSignals();

}  // namespace millrace
