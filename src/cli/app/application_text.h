// An application as `millrace app describe` shows it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace millrace::cli {

// `detail` is ApplicationDetail or ApplicationVersionDetail.
std::string applicationText(const nlohmann::json& detail);
// Of ApplicationOperationInfoList, ApplicationOperationInfoDetails and SnapshotSummaries.
std::string operationsText(const nlohmann::json& operations, const char* indent = "");
std::string operationText(const nlohmann::json& details, const std::string& operation_id);
std::string snapshotsText(const nlohmann::json& snapshots, const char* indent = "");
// "READY, version 3" for the last line of a command
std::string statusText(const nlohmann::json& detail);

}  // namespace millrace::cli
