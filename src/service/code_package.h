// Code packages: taken in when an application is created, checked, and later written out for a cluster to
// run.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "service/context.h"

namespace millrace {

struct CodePackage {
    std::string type;   // PLAINTEXT or ZIPFILE
    std::string bytes;  // the SQL text, or the archive
};

inline constexpr int64_t kTextContentMax = 102'400;
inline constexpr int64_t kZipFileContentMax = 52'428'800;

// The package that an ApplicationCodeConfiguration names: inline, or an object in a local bucket or behind
// the S3 endpoint. Checked: a zip must be readable, safe, and hold SQL files in UTF-8. ApiError says what is
// wrong.
CodePackage takeInCode(ServiceContext& context, const nlohmann::json& code_configuration);

// ApplicationCodeConfigurationDescription of what was taken in from `code_configuration`.
nlohmann::json describeCode(const nlohmann::json& code_configuration, const CodePackage& package);

// The SQL files of an archive by name.
std::map<std::string, std::string> sqlFilesOf(const std::string& zip_bytes);

// Writes the cluster's package (docs/formats/application-package.md) to `spec.package_path`.
struct Deployment {
    std::string restore;  // savepoint or checkpoint folder, or ""
    std::string
        check_against;        // of a cluster that is prepared: what its job must be able to go on from, or ""
    int64_t parallelism = 0;  // instead of the version's
    bool allow_non_restored_state = false;
    int64_t full_restarts = 0;
};
// Of a version, with the parallelism that autoscaling has `chosen` for it, or 0. A KPU is one vCPU with 4 GB.
int64_t parallelismOf(const ApplicationVersion& version, int64_t chosen);
int64_t kpusOf(const ApplicationVersion& version, int64_t chosen);

void writePackage(ServiceContext& context, const Application& application, const ApplicationVersion& version,
                  const Deployment& deployment, const ClusterSpec& spec);

}  // namespace millrace
