// The metadata store: what the service must remember, in SQLite. Every change is durable when its transaction
// has ended. Safe to use from several threads: a transaction has the store to itself.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "service/store/database.h"
#include "service/store/records.h"

namespace millrace {

class Store {
  public:
    explicit Store(const std::string& path);  // or ":memory:"

    // Runs `work` in one transaction: all of its changes or, if it throws, none. May be nested.
    void transaction(const std::function<void()>& work);

    // Applications.
    int64_t insertApplication(const Application& application);
    std::optional<Application> findApplication(const std::string& name);
    std::optional<Application> findApplication(int64_t id);
    // In name order, from after the name `after`.
    std::vector<Application> listApplications(const std::string& after, int64_t limit);
    void updateApplication(const Application& application);
    void deleteApplication(int64_t id);  // with all that belongs to it
    void insertVersion(const ApplicationVersion& version);
    void noteRolledBack(int64_t application_id, int64_t version_id, int64_t to);
    // Newest first, from before the version `before`.
    std::vector<ApplicationVersion> listVersions(int64_t application_id, std::optional<int64_t> before,
                                                 int64_t limit);
    std::optional<ApplicationVersion> findVersion(int64_t application_id, int64_t version_id);
    std::vector<std::string> usedCode();  // SHA-256 of every code package that a version pins

    // Snapshots; lists are newest first, from before the id `before`.
    int64_t insertSnapshot(const SnapshotRecord& snapshot);
    std::optional<SnapshotRecord> findSnapshot(int64_t application_id, const std::string& name);
    // The latest READY one, of any version or of that one.
    std::optional<SnapshotRecord> findLatestSnapshot(int64_t application_id,
                                                     std::optional<int64_t> version_id = std::nullopt);
    std::vector<SnapshotRecord> listSnapshots(int64_t application_id, std::optional<int64_t> before,
                                              int64_t limit);
    int64_t countManualSnapshots(int64_t application_id);
    void updateSnapshot(const SnapshotRecord& snapshot);
    void deleteSnapshot(int64_t id);

    // Operations.
    int64_t insertOperation(const Operation& operation);
    std::optional<Operation> findOperation(int64_t sequence);
    std::optional<Operation> findOperation(int64_t application_id, const std::string& id);  // listed ones
    std::vector<Operation> listOperations(int64_t application_id, std::optional<int64_t> before,
                                          int64_t limit, const std::string& kind,
                                          std::optional<OperationStatus> status);
    std::vector<Operation> operationsInProgress();  // of all applications, oldest first
    std::vector<Operation> operationsInProgress(int64_t application_id);
    void updateOperation(const Operation& operation);  // all but `cancel_requested`
    void requestCancel(int64_t application_id);        // of every operation in progress
    void trimOperations(int64_t application_id, int64_t keep);

    // Clusters.
    void saveCluster(const ClusterRecord& cluster);
    std::optional<ClusterRecord> findCluster(int64_t application_id);
    std::vector<ClusterRecord> listClusters();
    void deleteCluster(int64_t application_id);

    // Metering. From now on the application has a cluster of so many KPUs that runs that version; what was
    // noted before goes on if it is the same, and ends if not.
    void beginUsage(const Application& application, int64_t version_id, int64_t kpus, int64_t now_ms);
    void endUsage(const std::string& application_arn, int64_t now_ms);
    // What falls between the times, oldest first; of all applications, or of those of that name.
    std::vector<UsageRecord> listUsage(const std::string& application_name, int64_t from_ms, int64_t to_ms);

  private:
    using Lock = std::lock_guard<std::recursive_mutex>;
    std::recursive_mutex mutex_;
    Database database_;
    int depth_ = 0;
};

}  // namespace millrace
