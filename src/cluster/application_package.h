// An application package: what the service hands to a cluster to run (docs/formats/application-package.md).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/configuration.h"
#include "base/log.h"

namespace millrace {

struct ApplicationPackage {
    std::string application_name;
    std::string application_arn;
    std::string application_version_id;
    std::vector<std::pair<std::string, std::string>> sql_files;  // name ("" for inline text), text; in order
    std::map<std::string, std::string> parameters;               // "group.key" -> value
    Configuration configuration;  // what the service controls, and its defaults
    std::string job_id;           // "" if the cluster chooses
    std::string restore_path;     // "" starts empty
    std::string check_path;       // a snapshot that the job will go on from or one like it, or ""
    bool allow_non_restored_state = false;
    int64_t full_restarts = 0;  // of this run before this cluster
    LogLevel log_level = LogLevel::Info;
    std::string log_path;                       // "" for standard error
    std::string runtime_environment;            // "FLINK-1_20"
    std::string metrics_level = "APPLICATION";  // or TASK, OPERATOR, PARALLELISM
};

// UserError "package.malformed" names what is missing or of the wrong kind; "io.*" if it cannot be read.
ApplicationPackage readApplicationPackage(const std::string& path);
ApplicationPackage parseApplicationPackage(const std::string& text, const std::string& path);

}  // namespace millrace
