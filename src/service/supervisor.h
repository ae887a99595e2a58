// Looks after the clusters of running applications: sees one die at once (pidfd), asks each once a second how
// its job is (Flink REST API), and has it restarted or completed, as operations that the runner does. One
// that lives but has not answered for unresponsive_after_ms is restarted like a dead one.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <thread>

#include "engines/process.h"
#include "service/context.h"

namespace millrace {

class Supervisor {
  public:
    explicit Supervisor(ServiceContext& context);
    ~Supervisor();  // stops; clusters run on

    // Begins with the clusters that the store knows: those that live are found again, the dead are restarted.
    void start();
    // Something has changed in the store. From any thread.
    void wake();
    void stop();

  private:
    struct Watched {
        ProcessIdentity process;
        FileDescriptor pidfd;
        // Since when it has not answered; nothing while it does.
        std::optional<std::chrono::steady_clock::time_point> silent_since;
    };
    void run();
    // What to do now for each cluster; returns the milliseconds until there may be something to do again.
    int look(bool ask_jobs);
    void lookAt(const ClusterRecord& cluster, bool ask_job, int& wait_ms);
    void askJob(const ClusterRecord& cluster, const std::string& application, Watched& watched);
    void request(const ClusterRecord& cluster, const char* kind);

    ServiceContext& context_;
    FileDescriptor wake_;
    std::map<int64_t, Watched> watched_;  // by application
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

// How long the n-th restart in a row waits for: 0, 1 s, 2 s, 4 s… up to the maximum.
int64_t restartBackoffMs(int64_t restarts_in_a_row, int64_t max_ms);

}  // namespace millrace
