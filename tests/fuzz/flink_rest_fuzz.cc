// Any request to a cluster's REST API: it is answered, whatever it is. The first line of the input is the
// method and the target, the rest is the body.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/http_server.h"
#include "base/log.h"
#include "cluster/rest/rest.h"
#include "cluster/scripted_job.h"

using namespace millrace;

namespace {

struct Cluster {
    Cluster() {
        configureLog({.level = LogLevel::Off});
        job.said = runningJob(graph);
        job.savepoints["trigger-1"] = {SavepointStatus::State::Completed, "/s/savepoint-1", ""};
        CheckpointRecord record;
        record.id = CheckpointId(4);
        record.status = "COMPLETED";
        record.tasks = {{{true, 1, 2, 3}, {}}, {{}, {}}};
        job.statistics.history = {record};
    }
    JobGraph graph;
    ScriptedJob job;
    RestCluster rest{job, graph, 0, "tm-1", 0};
};

void splitQuery(std::string_view text, HttpRequest& request) {
    while (!text.empty()) {
        const size_t end = std::min(text.find('&'), text.size());
        const size_t equals = std::min(text.find('='), end);
        const auto name = decodePercent(text.substr(0, equals), true);
        const auto value = decodePercent(equals < end ? text.substr(equals + 1, end - equals - 1) : "", true);
        if (name && value) request.query.emplace_back(*name, *value);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static Cluster cluster;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const size_t line = std::min(text.find('\n'), text.size());
    const std::string_view head = text.substr(0, line);
    const size_t space = std::min(head.find(' '), head.size());
    HttpRequest request;
    request.method = head.substr(0, space);
    request.target = space < head.size() ? head.substr(space + 1) : "";
    const size_t mark = std::min(request.target.find('?'), request.target.size());
    const auto path = decodePercent(std::string_view(request.target).substr(0, mark), false);
    if (!path) return 0;  // the server answers that itself
    request.path = *path;
    // What is on this machine's disk stays there.
    if (request.path.find("savepoint-disposal") != std::string::npos) return 0;
    if (mark < request.target.size()) splitQuery(std::string_view(request.target).substr(mark + 1), request);
    if (line < text.size()) request.body = text.substr(line + 1);
    const HttpResponse response = answerRest(cluster.rest, request);
    if (response.status < 200 || response.status > 599 || response.status == 500) std::abort();
    if (response.content_type.starts_with("application/json") && !nlohmann::json::accept(response.body))
        std::abort();
    return 0;
}
