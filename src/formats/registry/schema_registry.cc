#include "formats/registry/schema_registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/error.h"
#include "base/log.h"

namespace millrace {
namespace {

using RegistryJson = nlohmann::json;

using RegistryClock = std::chrono::steady_clock;

// A slot waits for the answers. After so long the job's restart strategy is what goes on trying.
constexpr std::chrono::milliseconds kRegistryPatience{5'000};
constexpr std::chrono::milliseconds kRegistryAnswer{2'000};  // of one request
constexpr int kRegistryTries = 6;
constexpr const char* kRegistryMediaType = "application/vnd.schemaregistry.v1+json";

std::string escapeSubject(const std::string& subject) {
    std::string out;
    for (const char c : subject) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                           c == '-' || c == '_' || c == '.' || c == '~';
        out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<uint8_t>(c));
    }
    return out;
}

[[noreturn]] void refused(const std::string& what, const std::string& why) {
    throw UserError("avro.registry-refused", fmt::format("the schema registry refuses {}: {}", what, why));
}

RegistryJson parsed(const std::string& what, const std::string& body) {
    RegistryJson document = RegistryJson::parse(body, nullptr, false);
    if (!document.is_object()) refused(what, "its answer is no JSON object");
    return document;
}

std::string schemaText(const std::string& what, const RegistryJson& document) {
    const auto type = document.find("schemaType");
    if (type != document.end() && type->is_string() && *type != "AVRO")
        refused(what, fmt::format("the schema is {}, and not AVRO", type->get<std::string>()));
    const auto references = document.find("references");
    if (references != document.end() && references->is_array() && !references->empty())
        refused(what, "the schema refers to other subjects, which is not supported: register it whole");
    const auto text = document.find("schema");
    if (text == document.end() || !text->is_string()) refused(what, "its answer has no 'schema'");
    return text->get<std::string>();
}

int32_t schemaId(const std::string& what, const RegistryJson& document) {
    const auto id = document.find("id");
    if (id == document.end() || !id->is_number_integer() || id->get<int64_t>() < 0 ||
        id->get<int64_t>() > INT32_MAX)
        refused(what, "its answer has no 'id'");
    return id->get<int32_t>();
}

}  // namespace

SchemaRegistry::SchemaRegistry(SchemaRegistryOptions options, std::shared_ptr<HttpClient> client,
                               int retry_ms)
    : options_(std::move(options)), client_(std::move(client)), retry_ms_(retry_ms) {}

std::optional<std::string> SchemaRegistry::ask(const std::string& method, const std::string& path,
                                               const std::string& body) {
    std::string failure;
    const RegistryClock::time_point deadline = RegistryClock::now() + kRegistryPatience;
    std::chrono::milliseconds pause(retry_ms_), left = kRegistryPatience;
    for (int attempt = 0; attempt < kRegistryTries; ++attempt) {
        if (attempt > 0) {
            left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - RegistryClock::now()) -
                   pause;
            if (left < kRegistryAnswer / 2) break;
            logWarn("formats.registry", "{}; it is tried again in {} ms", failure, pause.count());
            std::this_thread::sleep_for(pause);
            pause *= 2;
        }
        const std::string& url = options_.urls[next_url_ % options_.urls.size()];
        HttpClientRequest request;
        request.method = method;
        request.url = url + path;
        request.headers = {{"Accept", fmt::format("{}, application/json", kRegistryMediaType)}};
        if (!body.empty()) request.headers.emplace_back("Content-Type", kRegistryMediaType);
        if (!options_.authorization.empty())
            request.headers.emplace_back("Authorization", options_.authorization);
        request.body = body;
        request.timeout_ms = static_cast<int>(std::min(left, kRegistryAnswer).count());
        request.response_size_max = 8 << 20;
        try {
            HttpClientResponse answer = client_->send(request);
            if (answer.status >= 200 && answer.status < 300) return std::move(answer.body);
            if (answer.status == 404) return std::nullopt;
            std::string why = fmt::format("HTTP status {}", answer.status);
            const RegistryJson told = RegistryJson::parse(answer.body, nullptr, false);
            if (told.is_object() && told.contains("message") && told["message"].is_string())
                why = told["message"].get<std::string>();
            if (answer.status != 429 && answer.status < 500)
                refused(fmt::format("{} {}", method, request.url), why);
            failure = fmt::format("{}: {}", request.url, why);
        } catch (const UserError& error) {
            if (!error.code().starts_with("http.")) throw;
            failure = error.problem().message;
        }
        ++next_url_;
    }
    throw UserError("avro.registry-unreachable",
                    fmt::format("the schema registry cannot be asked: {}", failure),
                    "see whether it runs, and whether the option 'url' of the format leads to it");
}

std::optional<std::string> SchemaRegistry::schemaOfId(int32_t id) {
    const std::string what = fmt::format("the schema {}", id);
    const std::optional<std::string> body = ask("GET", fmt::format("/schemas/ids/{}", id), "");
    if (!body) return std::nullopt;
    return schemaText(what, parsed(what, *body));
}

std::optional<RegisteredSchema> SchemaRegistry::latest(const std::string& subject) {
    const std::string what = fmt::format("the subject '{}'", subject);
    const std::optional<std::string> body =
        ask("GET", fmt::format("/subjects/{}/versions/latest", escapeSubject(subject)), "");
    if (!body) return std::nullopt;
    const RegistryJson document = parsed(what, *body);
    return RegisteredSchema{schemaId(what, document), schemaText(what, document)};
}

std::optional<int32_t> SchemaRegistry::idOf(const std::string& subject, const std::string& schema) {
    const std::optional<std::string> body =
        ask("POST", "/subjects/" + escapeSubject(subject), RegistryJson{{"schema", schema}}.dump());
    if (!body) return std::nullopt;
    const std::string what = fmt::format("the subject '{}'", subject);
    return schemaId(what, parsed(what, *body));
}

int32_t SchemaRegistry::registerSchema(const std::string& subject, const std::string& schema) {
    const std::string what = fmt::format("to register a schema under '{}'", subject);
    const std::optional<std::string> body =
        ask("POST", fmt::format("/subjects/{}/versions", escapeSubject(subject)),
            RegistryJson{{"schema", schema}}.dump());
    if (!body) refused(what, "it answers 404: the option 'url' does not lead to the registry's API");
    return schemaId(what, parsed(what, *body));
}

}  // namespace millrace
