// The cluster interface. An Engine deploys a cluster, one per running application; after that everything is
// said to the cluster through the Flink REST API (flink_rest_client.h), whichever engine it is.
//
// A cluster outlives whoever launched it. At most one runs for an application: a deployment first ends what a
// launcher that died may have left behind, and holds a lock that only the cluster itself then keeps. Beside
// the one that runs, another can be prepared: it loads and plans its code, and starts its job only when it is
// activated, once the first has ended.
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
    std::string activation_path;     // what a prepared cluster waits for
    int64_t kpus = 1;                // what it may use: of each a CPU, and
    int64_t memory_per_kpu = int64_t{4} << 30;
    int64_t disk_per_kpu = int64_t{50} << 30;
};

struct ReadyReport {
    uint16_t port = 0;  // of the REST API, on 127.0.0.1
    std::string job_id;
    bool prepared = false;  // instead: it is planned and checked, and waits to be activated
    // Set instead when the code could not be loaded or planned, or the cluster ended before it was ready.
    std::string error_code;
    std::string error_message;
    bool failed() const { return !error_message.empty(); }
};

class Engine {
  public:
    virtual ~Engine() = default;
    virtual std::string name() const = 0;
    // Says which program a cluster would run that is launched now; another text, once there is another.
    virtual std::string release() const = 0;

    // Ends what still runs for the application, then starts the cluster; returns without waiting for it to be
    // ready. UserError when it cannot be started at all.
    virtual ProcessIdentity launch(const ClusterSpec& spec) = 0;
    // Starts a cluster that prepares itself beside the application's running one, which stays untouched; an
    // earlier one of the same deployment is ended.
    virtual ProcessIdentity prepare(const ClusterSpec& spec) = 0;
    // Waits until it has said that it is prepared, or why it cannot be; nullopt as below.
    virtual std::optional<ReadyReport> awaitPrepared(const ClusterSpec& spec, const ProcessIdentity& process,
                                                     const std::function<bool()>& interrupted) = 0;
    // Ends every other cluster of the application, at once, and has the prepared one start its job from
    // `restore`, a savepoint or checkpoint folder, or from nothing ("").
    virtual void activate(const ClusterSpec& spec, const std::string& restore) = 0;
    // Waits for the report of a launched or activated cluster; nullopt when `interrupted` became true, which
    // is asked every few milliseconds.
    virtual std::optional<ReadyReport> awaitReady(const ClusterSpec& spec, const ProcessIdentity& process,
                                                  const std::function<bool()>& interrupted) = 0;
    virtual bool isAlive(const ProcessIdentity& process) = 0;
    // Readable once the cluster has ended; invalid if it already has.
    virtual FileDescriptor watch(const ProcessIdentity& process) = 0;
    // Ends every cluster of the application, recorded or not; `grace_ms` 0 kills at once. Returns when they
    // are gone.
    virtual void end(const ClusterSpec& spec, int grace_ms) = 0;
    // Kills the cluster of this deployment alone.
    virtual void endDeployment(const ClusterSpec& spec) = 0;
};

}  // namespace millrace
