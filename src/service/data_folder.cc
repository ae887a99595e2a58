#include "service/data_folder.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/error.h"
#include "base/file_system.h"
#include "base/hash.h"

namespace millrace {

namespace {

// Names of the API may be "." or "..", and longer than a file's name may be.
std::string componentOf(const std::string& name) {
    if (name.find_first_not_of('.') == std::string::npos || name.size() > 200)
        return "sha256-" + sha256Hex(name);
    return name;
}

}  // namespace

DataFolder::DataFolder(const std::string& path) {
    std::error_code error;
    path_ = std::filesystem::absolute(path, error).lexically_normal().string();
    while (path_.size() > 1 && path_.back() == '/')
        path_.pop_back();
    if (error || path.empty())
        throw UserError("service.data-dir", fmt::format("'{}' cannot be a data folder", path));
    auto& files = localFileSystem();
    if (!files.exists(path_)) {
        files.createFolders(path_);
        chmod(path_.c_str(), 0700);  // property groups may hold secrets
    }
    files.createFolders(path_ + "/applications");
    files.createFolders(buckets());
}

std::string DataFolder::application(const std::string& name) const {
    return path_ + "/applications/" + componentOf(name);
}

std::string DataFolder::checkpoints(const std::string& application_name) const {
    return application(application_name) + "/checkpoints";
}

std::string DataFolder::snapshot(const std::string& application_name,
                                 const std::string& snapshot_name) const {
    return application(application_name) + "/snapshots/" + componentOf(snapshot_name);
}

ClusterSpec DataFolder::cluster(const std::string& application_name, const std::string& deployment_id) const {
    ClusterSpec spec;
    spec.application_name = application_name;
    spec.data_dir = path_;
    spec.application_folder = application(application_name);
    spec.package_path = spec.application_folder + "/package-" + deployment_id + ".json";
    spec.ready_path = spec.application_folder + "/ready-" + deployment_id + ".json";
    spec.activation_path = spec.application_folder + "/activation-" + deployment_id + ".json";
    return spec;
}

std::vector<std::string> completedCheckpoints(const std::string& checkpoints_folder,
                                              const std::vector<std::string>& job_ids) {
    auto& files = localFileSystem();
    std::vector<std::string> all;
    for (const auto& job_id : job_ids) {
        const std::string folder = joinPath(checkpoints_folder, job_id);
        if (job_id.empty() || job_id.find('/') != std::string::npos || !files.exists(folder)) continue;
        std::vector<std::pair<int64_t, std::string>> found;
        for (const auto& entry : files.list(folder)) {
            constexpr std::string_view kPrefix = "chk-";
            if (!entry.is_folder || !entry.name.starts_with(kPrefix)) continue;
            int64_t number = 0;
            const char* const end = entry.name.data() + entry.name.size();
            const auto [stop, error] = std::from_chars(entry.name.data() + kPrefix.size(), end, number);
            const std::string path = joinPath(folder, entry.name);
            if (error == std::errc() && stop == end && files.exists(joinPath(path, "_metadata")))
                found.emplace_back(number, path);
        }
        std::sort(found.rbegin(), found.rend());
        for (auto& [number, path] : found)
            all.push_back(std::move(path));
    }
    return all;
}

}  // namespace millrace
