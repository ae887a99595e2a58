// Where everything stands in the service's data folder.
//
//   millrace.db                      metadata (SQLite)
//   service.lock                     held by the one service that works in this folder
//   presigned-urls.key               what links to dashboards are signed with
//   blobs/<SHA-256>                  code packages, one per content
//   buckets/<bucket>/<key>           the local buckets, filled by whoever owns the folder
//   applications/<name>/             cluster.lock, log, and per deployment package-….json, ready-….json
//   applications/<name>/checkpoints/<job id>/chk-<n>/_metadata
//   applications/<name>/snapshots/<snapshot name>/…
#pragma once

#include <string>
#include <vector>

#include "engines/engine.h"

namespace millrace {

class DataFolder {
  public:
    explicit DataFolder(const std::string& path);  // made absolute; created, for its owner alone

    const std::string& path() const { return path_; }
    std::string database() const { return path_ + "/millrace.db"; }
    std::string lock() const { return path_ + "/service.lock"; }
    std::string presignedKey() const { return path_ + "/presigned-urls.key"; }
    std::string blobs() const { return path_ + "/blobs"; }
    std::string buckets() const { return path_ + "/buckets"; }
    std::string application(const std::string& name) const;
    std::string checkpoints(const std::string& application_name) const;
    std::string snapshot(const std::string& application_name, const std::string& snapshot_name) const;
    // What a deployment of this id runs with.
    ClusterSpec cluster(const std::string& application_name, const std::string& deployment_id) const;

  private:
    std::string path_;
};

// The completed checkpoints of the jobs, the jobs in the order given, each job's latest first. A checkpoint
// is complete once it has its _metadata.
std::vector<std::string> completedCheckpoints(const std::string& checkpoints_folder,
                                              const std::vector<std::string>& job_ids);

}  // namespace millrace
