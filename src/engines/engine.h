// The cluster interface. An Engine deploys a cluster, one per running application; after that everything is
// said to the cluster through the Flink REST API (flink_rest_client.h), whichever engine it is.
//
// A cluster outlives whoever launched it. At most one runs for an application: a deployment first ends what a
// launcher that died may have left behind, and holds a lock that only the cluster itself then keeps.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "engines/process.h"

namespace millrace {

struct ClusterSpec {
    std::string application_name;
    std::string data_dir;            // the service's data folder, absolute
    std::string application_folder;  // the application's own in it
    std::string package_path;        // what to run: docs/formats/application-package.md
    std::string ready_path;          // where the cluster says that it is ready, or why it cannot be
};

struct ReadyReport {
    uint16_t port = 0;  // of the REST API, on 127.0.0.1
    std::string job_id;
    // Set instead when the code could not be loaded or planned, or the cluster ended before it was ready.
    std::string error_code;
    std::string error_message;
    bool failed() const { return !error_message.empty(); }
};

class Engine {
  public:
    virtual ~Engine() = default;
    virtual std::string name() const = 0;

    // Ends what still runs for the application, then starts the cluster; returns without waiting for it to be
    // ready. UserError when it cannot be started at all.
    virtual ProcessIdentity launch(const ClusterSpec& spec) = 0;
    // Waits for the report; nullopt when `interrupted` became true, which is asked every few milliseconds.
    virtual std::optional<ReadyReport> awaitReady(const ClusterSpec& spec, const ProcessIdentity& process,
                                                  const std::function<bool()>& interrupted) = 0;
    virtual bool isAlive(const ProcessIdentity& process) = 0;
    // Readable once the cluster has ended; invalid if it already has.
    virtual FileDescriptor watch(const ProcessIdentity& process) = 0;
    // Ends every cluster of the application, recorded or not; `grace_ms` 0 kills at once. Returns when they
    // are gone.
    virtual void end(const ClusterSpec& spec, int grace_ms) = 0;
};

}  // namespace millrace
