// /logs: an application's log, its lines chosen by time, level and text, newest last.
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <nlohmann/json.hpp>

#include "base/file_system.h"
#include "service/page.h"

namespace millrace {

namespace {

using Json = nlohmann::json;

constexpr int64_t kLimit = 1'000, kLimitMax = 10'000;
constexpr size_t kFileMax = 64 << 20;  // of each file its end, if it is longer

struct Wanted {
    int64_t from_ms = 0;
    int64_t to_ms = INT64_MAX;
    std::string text;
    std::string level;
};

// The log's files, oldest first: cluster.10.log … cluster.1.log, cluster.log.
std::vector<std::string> logFiles(const std::string& folder) {
    auto& files = localFileSystem();
    std::vector<std::pair<int64_t, std::string>> found;
    if (!files.exists(folder)) return {};
    for (const auto& entry : files.list(folder)) {
        if (entry.is_folder || !entry.name.starts_with("cluster.") || !entry.name.ends_with("log")) continue;
        const int64_t age = entry.name == "cluster.log" ? 0 : std::atoll(entry.name.c_str() + 8);
        found.emplace_back(-age, joinPath(folder, entry.name));
    }
    std::sort(found.begin(), found.end());
    std::vector<std::string> paths;
    paths.reserve(found.size());
    for (auto& [age, path] : found)
        paths.push_back(std::move(path));
    return paths;
}

std::string endOf(const std::string& path) {
    const auto file = localFileSystem().openToRead(path);
    const uint64_t size = file->size();
    const uint64_t begin = size > kFileMax ? size - kFileMax : 0;
    std::string text(static_cast<size_t>(size - begin), '\0');
    text.resize(file->readAt(begin, text.data(), text.size()));
    return text;
}

bool fits(const Json& line, const Wanted& wanted) {
    if (!line.is_object()) return false;
    const Json time = line.value("timestamp", Json());
    if (time.is_number_integer() &&
        (time.get<int64_t>() < wanted.from_ms || time.get<int64_t>() >= wanted.to_ms))
        return false;
    const Json level = line.value("messageType", Json());
    return wanted.level.empty() || level == wanted.level;
}

HttpResponse handle(ServiceContext& context, const HttpRequest& request) {
    const Application application = requireApplicationOf(context, request);
    Wanted wanted;
    wanted.from_ms = integerParameter(request, "from", 0) * 1000;
    if (request.queryParameter("to") != nullptr) wanted.to_ms = integerParameter(request, "to", 0) * 1000;
    if (const auto* text = request.queryParameter("text")) wanted.text = *text;
    if (const auto* level = request.queryParameter("level")) wanted.level = *level;
    const int64_t limit = std::clamp<int64_t>(integerParameter(request, "limit", kLimit), 1, kLimitMax);

    std::deque<std::string> lines;
    for (const auto& path : logFiles(context.folder.application(application.name))) {
        const std::string text = endOf(path);
        for (size_t at = 0; at < text.size();) {
            const size_t end = std::min(text.find('\n', at), text.size());
            std::string line = text.substr(at, end - at);
            at = end + 1;
            // What has the text in it is looked at more closely: parsing is what takes long.
            if (!wanted.text.empty() && line.find(wanted.text) == std::string::npos) continue;
            if (!fits(Json::parse(line, nullptr, false), wanted)) continue;
            lines.push_back(std::move(line));
            if (static_cast<int64_t>(lines.size()) > limit) lines.pop_front();
        }
    }
    HttpResponse response;
    response.content_type = "application/x-ndjson";
    for (const auto& line : lines)
        response.body += line + "\n";
    return response;
}

}  // namespace

PageDescription describePagesLogs() {
    return {"/logs",
            "The lines of an application's log, the last `limit` (1000) of those with `text` and `level`, "
            "between "
            "`from` and `to` (seconds since the epoch).",
            handle};
}

}  // namespace millrace
