// The log of the cluster and what it says on standard output, under /jobmanager and
// /taskmanagers/:taskmanagerid alike: they are one process.
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file_system.h"
#include "cluster/rest/rest.h"

namespace millrace {
namespace {

// So much of a file's end is answered, from the beginning of a line: it has to fit into memory.
constexpr uint64_t kShownMax = 16 << 20;

// The file behind a descriptor of this process; "" for a terminal, a pipe or what has been removed.
std::string fileBehind(int descriptor) {
    struct stat status {};
    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) return "";
    std::array<char, PATH_MAX> path{};
    const ssize_t length =
        readlink(("/proc/self/fd/" + std::to_string(descriptor)).c_str(), path.data(), path.size());
    return length > 0 && localFileSystem().exists(std::string(path.data(), static_cast<size_t>(length)))
               ? std::string(path.data(), static_cast<size_t>(length))
               : "";
}

std::string logPath(const RestCluster& cluster) {
    return cluster.identity.log_path.empty() ? fileBehind(STDERR_FILENO) : cluster.identity.log_path;
}

// "cluster.log" and the older "cluster.1.log", "cluster.2.log"..., newest first.
std::vector<FileStatus> logFiles(const RestCluster& cluster) {
    const std::string path = logPath(cluster);
    if (path.empty()) return {};
    const std::string name = lastComponent(path);
    const size_t dot = name.rfind('.');
    const std::string stem = name.substr(0, dot == 0 ? std::string::npos : dot);
    const std::string ending = name.substr(stem.size());
    std::vector<std::pair<unsigned long, FileStatus>> found;
    for (const FileStatus& file : localFileSystem().list(parentFolder(path))) {
        if (file.is_folder) continue;
        if (file.name == name) {
            found.emplace_back(0, file);
            continue;
        }
        if (!file.name.starts_with(stem + ".") || !file.name.ends_with(ending)) continue;
        if (file.name.size() <= stem.size() + 1 + ending.size()) continue;
        const std::string number =
            file.name.substr(stem.size() + 1, file.name.size() - stem.size() - 1 - ending.size());
        if (number.size() > 6 || number.find_first_not_of("0123456789") != std::string::npos) continue;
        found.emplace_back(std::stoul(number), file);
    }
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<FileStatus> files;
    files.reserve(found.size());
    for (auto& [number, file] : found)
        files.push_back(std::move(file));
    return files;
}

// How much of a file's end is asked for; RestError 400.
uint64_t wantedBytes(const RestRequest& request) {
    const std::string* const tail = request.http.queryParameter("tail");
    if (tail == nullptr) return kShownMax;
    if (tail->empty() || tail->size() > 12 || tail->find_first_not_of("0123456789") != std::string::npos)
        throw RestError(400, "tail is not a number of bytes: " + *tail);
    return std::min<uint64_t>(std::stoull(*tail), kShownMax);
}

HttpResponse textAnswer(const std::string& path, uint64_t wanted) {
    const auto file = localFileSystem().openToRead(path);
    const uint64_t size = file->size();
    const uint64_t from = size > wanted ? size - wanted : 0;
    HttpResponse response;
    response.content_type = "text/plain; charset=UTF-8";
    response.body.resize(size - from);
    response.body.resize(file->readAt(from, response.body.data(), response.body.size()));
    if (from > 0) response.body.erase(0, response.body.find('\n') + 1);
    return response;
}

HttpResponse list(const RestCluster& cluster) {
    nlohmann::json logs = nlohmann::json::array();
    for (const FileStatus& file : logFiles(cluster))
        logs.push_back({{"name", file.name}, {"size", file.size}, {"mtime", file.modified_ms}});
    return restAnswer({{"logs", logs}});
}

HttpResponse newest(const RestCluster& cluster, const RestRequest& request) {
    const std::string path = logPath(cluster);
    if (path.empty()) throw RestError(404, "The cluster writes its log to no file.");
    return textAnswer(path, wantedBytes(request));
}

HttpResponse named(const RestCluster& cluster, const RestRequest& request) {
    const std::string& name = request.parameters.back();
    for (const FileStatus& file : logFiles(cluster)) {
        if (file.name == name)
            return textAnswer(joinPath(parentFolder(logPath(cluster)), name), wantedBytes(request));
    }
    throw RestError(404, "There is no log file '" + name + "'.");
}

HttpResponse standardOutput(const RestCluster&, const RestRequest& request) {
    const std::string path = fileBehind(STDOUT_FILENO);
    if (path.empty()) throw RestError(404, "The cluster's standard output goes to no file.");
    return textAnswer(path, wantedBytes(request));
}

// For the task manager of the path's first parameter.
template <class Answer>
auto ofTaskManager(Answer answer) {
    return [answer](const RestCluster& cluster, const RestRequest& request) {
        if (request.parameters[0] != cluster.task_manager_id) {
            throw RestError(404, "Could not find TaskExecutor " + request.parameters[0] + ".");
        }
        return answer(cluster, request);
    };
}

}  // namespace

std::vector<RestRoute> describeRestLogs() {
    const auto all = [](const RestCluster& cluster, const RestRequest&) { return list(cluster); };
    return {{"GET", "/jobmanager/log", newest,
             "the end of the log, at most 16 MB, or `tail` bytes; each of these begins with a whole line"},
            {"GET", "/jobmanager/stdout", standardOutput, "the end of standard output, where that is a file"},
            {"GET", "/jobmanager/logs", all, "the log's files, newest first: name, size, time"},
            {"GET", "/jobmanager/logs/:filename", named, "the end of one of them"},
            {"GET", "/taskmanagers/:taskmanagerid/log", ofTaskManager(newest), "the same: it is one process"},
            {"GET", "/taskmanagers/:taskmanagerid/stdout", ofTaskManager(standardOutput), "the same"},
            {"GET", "/taskmanagers/:taskmanagerid/logs", ofTaskManager(all), "the same"},
            {"GET", "/taskmanagers/:taskmanagerid/logs/:filename", ofTaskManager(named), "the same"}};
}

}  // namespace millrace
