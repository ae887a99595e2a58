#include "service/dispatcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/log.h"
#include "service/action.h"
#include "service/api_error.h"
#include "service/request_counters.h"

namespace millrace {

namespace {

using Json = nlohmann::json;

constexpr std::string_view kTargetPrefix = "KinesisAnalytics_20180523.";
constexpr int kDepthMax = 64;
constexpr size_t kValuesMax = 100'000;  // what the model allows is far below

// Actions of the service model that are not done here, those of SQL-1_0 and of enhanced snapshots, and
// whether the model lets them say so with UnsupportedOperationException; else it is InvalidRequestException.
const std::map<std::string, bool>& unsupportedActions() {
    static const std::map<std::string, bool> actions{
        {"AddApplicationInput", false},
        {"AddApplicationInputProcessingConfiguration", false},
        {"AddApplicationOutput", false},
        {"AddApplicationReferenceDataSource", false},
        {"CreateSnapshot", true},
        {"DeleteApplicationInputProcessingConfiguration", false},
        {"DeleteApplicationOutput", false},
        {"DeleteApplicationReferenceDataSource", false},
        {"DeleteSnapshot", true},
        {"DescribeSnapshot", true},
        {"DescribeSnapshotOperation", true},
        {"DiscoverInputSchema", true},
        {"ExportSnapshot", true},
        {"ImportSnapshot", true},
        {"ListSnapshotOperations", true},
        {"ListSnapshots", true},
    };
    return actions;
}

// Nesting and the number of values are bounded before anything is built from them: a value takes up to fifty
// times the memory of its text.
void checkExtent(const std::string& body) {
    int depth = 0;
    size_t values = 0;
    bool in_string = false;
    for (size_t i = 0; i < body.size(); ++i) {
        const char c = body[i];
        if (in_string) {
            if (c == '\\')
                ++i;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == ',' || c == ':') {
            if (++values > kValuesMax) throw serializationError("The request's body has too many members.");
        } else if (c == '{' || c == '[') {
            if (++depth > kDepthMax) throw serializationError("The request's body is nested too deeply.");
        } else if (c == '}' || c == ']') {
            --depth;
        }
    }
}

Json parseBody(const std::string& body) {
    if (body.empty()) return Json::object();
    checkExtent(body);
    try {
        return Json::parse(body);
    } catch (const Json::exception& e) {
        // "[json.exception.parse_error.101] parse error at line 1, column 5: …": from "parse error" on it is
        // for people.
        const std::string reason = e.what();
        const size_t at = reason.find("] ");
        throw serializationError(fmt::format("The request's body is not valid JSON: {}",
                                             at == std::string::npos ? reason : reason.substr(at + 2)));
    }
}

HttpResponse answer(int status, const Json& body) {
    HttpResponse response;
    response.status = status;
    response.content_type = "application/x-amz-json-1.1";
    response.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
    return response;
}

HttpResponse errorAnswer(int status, const std::string& type, const std::string& message) {
    // Two spellings, as in the service model.
    return answer(status,
                  {{"__type", type}, {type == "TooManyTagsException" ? "message" : "Message", message}});
}

HttpResponse handleAction(ServiceContext& context, const HttpRequest& request) {
    const std::string* const target = request.header("x-amz-target");
    if (request.method != "POST" || request.path != "/" || !target || !target->starts_with(kTargetPrefix)) {
        return errorAnswer(
            400, "UnknownOperationException",
            "Requests are POST / with the header X-Amz-Target: KinesisAnalytics_20180523.<Action>.");
    }
    const std::string name = target->substr(kTargetPrefix.size());
    for (const auto& action : actionDescriptions()) {
        if (action.name != name) continue;
        const Json input = parseBody(request.body);
        action.input.validate(input);
        return answer(200, action.handle(context, input));
    }
    if (const auto unsupported = unsupportedActions().find(name); unsupported != unsupportedActions().end())
        return errorAnswer(400,
                           unsupported->second ? "UnsupportedOperationException" : "InvalidRequestException",
                           fmt::format("{} is not supported by this version of Millrace.", name));
    return errorAnswer(400, "UnknownOperationException",
                       fmt::format("There is no action '{}'.", name.substr(0, 100)));
}

// The action that a request names, if there is one of that name: others would be counted without an end.
std::string countedAs(const HttpRequest& request) {
    const std::string* const target = request.header("x-amz-target");
    if (!target || !target->starts_with(kTargetPrefix)) return "";
    const std::string name = target->substr(kTargetPrefix.size());
    const auto& all = actionDescriptions();
    const bool known =
        std::any_of(all.begin(), all.end(), [&](const auto& action) { return action.name == name; });
    return known ? name : "";
}

}  // namespace

HttpResponse dispatch(ServiceContext& context, const HttpRequest& request) {
    const auto begun = std::chrono::steady_clock::now();
    HttpResponse response;
    std::string error;
    try {
        response = handleAction(context, request);
    } catch (const ApiError& e) {
        error = e.type();
        response = errorAnswer(400, e.type(), e.what());
    } catch (const UserError& e) {
        // Not the caller's fault: the store or the disk. Clients try again after a 500.
        logError("service.api", "a request failed: {}: {}", e.code(), e.what());
        error = "InternalFailure";
        response = errorAnswer(500, error, e.what());
    }
    context.requests.add(countedAs(request), error,
                         std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count());
    response.headers.emplace_back("x-amzn-RequestId", randomId());
    return response;
}

}  // namespace millrace
