#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/log.h"
#include "cluster/metric_history.h"
#include "cluster/rest/rest.h"

namespace millrace {
namespace {

std::vector<std::string> segments(std::string_view path) {
    std::vector<std::string> all;
    while (!path.empty()) {
        const size_t slash = path.find('/');
        if (slash != 0) all.emplace_back(path.substr(0, slash));
        if (slash == std::string_view::npos) break;
        path.remove_prefix(slash + 1);
    }
    if (!all.empty() && all.front() == "v1") all.erase(all.begin());
    return all;
}

// The parameters if the path fits the pattern. More literal segments win: "/jobs/overview" over
// "/jobs/:jobid".
struct Match {
    const RestRoute* route = nullptr;
    size_t literals = 0;
    std::string job_id;
    std::vector<std::string> parameters;
};

bool fits(const RestRoute& route, const std::vector<std::string>& path, Match& match) {
    const std::vector<std::string> pattern = segments(route.path);
    if (pattern.size() != path.size()) return false;
    match = {&route, 0, "", {}};
    for (size_t i = 0; i < pattern.size(); ++i) {
        if (pattern[i] == ":jobid") {
            match.job_id = path[i];
        } else if (pattern[i].starts_with(':')) {
            match.parameters.push_back(path[i]);
        } else if (pattern[i] == path[i]) {
            ++match.literals;
        } else {
            return false;
        }
    }
    return true;
}

HttpResponse errorAnswer(int status, const std::string& message) {
    return restAnswer({{"errors", nlohmann::json::array({message})}}, status);
}

HttpResponse route(const RestCluster& cluster, const HttpRequest& request) {
    const std::vector<std::string> path = segments(request.path);
    Match best;
    bool other_method = false;
    for (const std::vector<RestRoute>& family : restRouteFamilies()) {
        for (const RestRoute& one : family) {
            Match match;
            if (!fits(one, path, match)) continue;
            if (one.method != request.method) {
                other_method = true;
            } else if (best.route == nullptr || match.literals > best.literals) {
                best = std::move(match);
            }
        }
    }
    if (best.route == nullptr) {
        if (other_method) throw RestError(405, fmt::format("{} is not allowed here.", request.method));
        throw RestError(404, fmt::format("Not found: {}", request.path));
    }
    if (!best.job_id.empty() && best.job_id != cluster.job.details().job_id) {
        throw RestError(404, fmt::format("Job {} not found", best.job_id));
    }
    return best.route->handle(cluster, {request, best.parameters});
}

}  // namespace

std::vector<std::string> RestRequest::listParameter(std::string_view name) const {
    std::vector<std::string> values;
    const std::string* text = http.queryParameter(name);
    if (text == nullptr) return values;
    for (size_t start = 0; start <= text->size();) {
        const size_t comma = std::min(text->find(',', start), text->size());
        if (comma > start) values.push_back(text->substr(start, comma - start));
        start = comma + 1;
    }
    return values;
}

JobDetails RestCluster::details() const {
    JobDetails details = job.details();
    if (history != nullptr) history->addRates(details);
    return details;
}

void dropIfFlink2(const RestCluster& cluster, nlohmann::json& object,
                  std::initializer_list<const char*> names) {
    if (!cluster.speaksFlink2()) return;
    for (const char* name : names)
        object.erase(name);
}

HttpResponse restAnswer(const nlohmann::json& body, int status) {
    HttpResponse response;
    response.status = status;
    response.content_type = "application/json; charset=UTF-8";
    // Names and messages may hold what is not UTF-8: it is replaced, not a reason to fail.
    response.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    return response;
}

nlohmann::json restBody(const RestRequest& request) {
    if (request.http.body.empty()) return nlohmann::json::object();
    nlohmann::json body = nlohmann::json::parse(request.http.body, nullptr, false);
    if (!body.is_object()) throw RestError(400, "Bad request received: the body is not a JSON object.");
    return body;
}

HttpResponse answerRest(const RestCluster& cluster, const HttpRequest& request) {
    try {
        return route(cluster, request);
    } catch (const RestError& error) {
        return errorAnswer(error.status(), error.what());
    } catch (const UserError& error) {
        return errorAnswer(400, error.what());
    } catch (const nlohmann::json::exception& error) {
        return errorAnswer(400, fmt::format("Bad request received: {}", error.what()));
    } catch (const std::exception& error) {
        logError("cluster.rest", "{} {} failed: {}", request.method, request.target, error.what());
        return errorAnswer(500, "Internal server error.");
    }
}

}  // namespace millrace
