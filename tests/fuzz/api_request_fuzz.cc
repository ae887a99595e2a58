// Rooms: service
// Whatever bytes come as a request, the API answers: a status that HTTP knows, a body that is JSON, an error
// that is named. The first line is X-Amz-Target's action, the rest the body. Applications are created and
// deleted for real, in a store in memory; no operation is done, so no cluster is started.
#include <stdlib.h>

#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "base/file_system.h"
#include "service/dispatcher.h"
#include "service/health.h"
#include "service/presigned_urls.h"
#include "service/request_counters.h"

namespace millrace {
namespace {

class NoEngine final : public Engine {
  public:
    std::string name() const override { return "none"; }
    std::string release() const override { return ""; }
    ProcessIdentity launch(const ClusterSpec&) override {
        throw InternalError("a request launched a cluster");
    }
    std::optional<ReadyReport> awaitReady(const ClusterSpec&, const ProcessIdentity&,
                                          const std::function<bool()>&) override {
        throw InternalError("a request waited for a cluster");
    }
    ProcessIdentity prepare(const ClusterSpec&) override {
        throw InternalError("a request prepared a cluster");
    }
    std::optional<ReadyReport> awaitPrepared(const ClusterSpec&, const ProcessIdentity&,
                                             const std::function<bool()>&) override {
        throw InternalError("a request waited for a cluster");
    }
    void activate(const ClusterSpec&, const std::string&) override {
        throw InternalError("a request activated a cluster");
    }
    bool isAlive(const ProcessIdentity&) override { return false; }
    FileDescriptor watch(const ProcessIdentity&) override { return {}; }
    void end(const ClusterSpec&, int) override { throw InternalError("a request ended a cluster"); }
    void endDeployment(const ClusterSpec&) override { throw InternalError("a request ended a cluster"); }
};

class NoNetwork final : public HttpClient {
  public:
    HttpClientResponse send(const HttpClientRequest&) override {
        throw UserError("http.unreachable", "there is no network");
    }
};

struct World {
    std::string path = [] {
        char made[] = "/tmp/millrace-api-fuzz-XXXXXX";
        return std::string(mkdtemp(made));
    }();
    ServiceConfiguration configuration = [] {
        ServiceConfiguration made;
        made.region = "us-east-1";
        made.account_id = "000000000000";
        return made;
    }();
    DataFolder folder{path};
    Store store{":memory:"};
    BlobStore blobs{folder.blobs()};
    NoEngine engine;
    NoNetwork network;
    PresignedUrls presigned_urls{folder.presignedKey()};
    HealthBoard health;
    RequestCounters requests;
    ServiceContext context{
        configuration,  systemClock(), folder,   store,
        blobs,          engine,        network,  [](const std::string&) { return std::nullopt; },
        presigned_urls, health,        requests, [] {}};
    ~World() { localFileSystem().removeRecursively(path); }
};

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace millrace;
    static int requests = 0;
    static std::unique_ptr<World> world;
    if (requests++ % 1000 == 0) world = std::make_unique<World>();  // what is stored stays small

    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const size_t line = std::min(input.find('\n'), size);
    HttpRequest request;
    request.method = "POST";
    request.path = "/";
    request.headers = {{"X-Amz-Target", "KinesisAnalytics_20180523." + std::string(input.substr(0, line))}};
    request.body = line < size ? std::string(input.substr(line + 1)) : "";
    const HttpResponse response = dispatch(world->context, request);
    MILLRACE_CHECK(response.status == 200 || response.status == 400, "status {}: {}", response.status,
                   response.body);
    const auto body = nlohmann::json::parse(response.body);
    MILLRACE_CHECK(response.status == 200 || body.at("__type").is_string(), "an error without a type");
    return 0;
}
