#include "service/service.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/http_server.h"
#include "base/log.h"
#include "engines/native/native_engine.h"
#include "service/caretaker.h"
#include "service/context.h"
#include "service/dispatcher.h"
#include "service/health.h"
#include "service/operation_runner.h"
#include "service/page.h"
#include "service/presigned_urls.h"
#include "service/request_counters.h"
#include "service/supervisor.h"

namespace millrace {

namespace {

// A zip of 50 MiB in base64, and the rest of the request.
constexpr size_t kBodyMax = 72 << 20;

ServiceConfiguration completed(ServiceConfiguration configuration) {
    const auto environment = processEnvironment();
    if (configuration.cluster_binary.empty())
        configuration.cluster_binary = std::filesystem::read_symlink("/proc/self/exe").string();
    for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"})
        if (configuration.region.empty()) configuration.region = environment(name).value_or("");
    if (configuration.region.empty()) configuration.region = "us-east-1";
    if (configuration.account_id.empty()) configuration.account_id = "000000000000";
    if (configuration.account_id.size() != 12 ||
        configuration.account_id.find_first_not_of("0123456789") != std::string::npos)
        throw UserError("service.account", fmt::format("'{}' is not an account id", configuration.account_id),
                        "an account id has 12 digits");
    if (configuration.s3_endpoint.empty())
        configuration.s3_endpoint = environment("AWS_ENDPOINT_URL_S3").value_or("");
    return configuration;
}

FileDescriptor lockFolder(const DataFolder& folder) {
    FileDescriptor lock(open(folder.lock().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!lock.valid())
        throw UserError("io.failed", fmt::format("cannot open {}: {}", folder.lock(), strerror(errno)),
                        "the data folder must be writable");
    if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
        throw UserError("service.data-dir-in-use",
                        fmt::format("another service works in the data folder {}", folder.path()),
                        "stop it first, or choose another --data-dir");
    return lock;
}

}  // namespace

class Service::Implementation {
  public:
    explicit Implementation(ServiceConfiguration configuration)
        : configuration_(completed(std::move(configuration))),
          stop_requested_(eventfd(0, EFD_CLOEXEC)),
          folder_(configuration_.data_dir),
          lock_(lockFolder(folder_)),
          store_(folder_.database()),
          blobs_(folder_.blobs()),
          engine_(makeNativeEngine(configuration_.cluster_binary)),
          http_(makeCurlHttpClient()),
          presigned_urls_(folder_.presignedKey()),
          context_{configuration_,  systemClock(), folder_,   store_,
                   blobs_,          *engine_,      *http_,    processEnvironment(),
                   presigned_urls_, health_,       requests_, [this] { changed(); }} {
        MILLRACE_CHECK(stop_requested_.valid(), "no eventfd");
    }

    ~Implementation() { stop(); }

    void start() {
        const auto [host, port] = parseHostAndPort(configuration_.listen);
        blobs_.collect(store_.usedCode());
        supervisor_.start();
        caretaker_.start();
        started_ = true;
        runner_.schedule();
        context_.address = configuration_.listen;  // known before anybody can ask, but for a port of 0
        HttpServerOptions options;
        options.host = host;
        options.port = port;
        options.threads = 6;  // some may wait for a cluster
        options.body_size_max = kBodyMax;
        server_.emplace(options, [this](const HttpRequest& request) {
            const PageDescription* const page = findPage(request);
            return page ? answerPage(*page, context_, request) : dispatch(context_, request);
        });
        if (context_.address != server_->address()) context_.address = server_->address();
        logInfo("service", "listening on http://{} with the data folder {}", server_->address(),
                folder_.path());
    }

    void wait() {
        uint64_t count = 0;
        while (read(stop_requested_.get(), &count, sizeof count) < 0 && errno == EINTR) {
        }
    }

    void requestStop() {
        const uint64_t one = 1;
        [[maybe_unused]] const ssize_t written = write(stop_requested_.get(), &one, sizeof one);
    }

    void stop() {
        if (!started_) return;
        started_ = false;
        if (server_) server_->stop();
        if (configuration_.on_exit == OnExit::StopClusters) stopClusters();
        caretaker_.stop();
        supervisor_.stop();
        runner_.stop();
        server_.reset();
        logInfo("service", "stopped");
    }

    std::string address() const { return server_ ? server_->address() : configuration_.listen; }

  private:
    void changed() {
        runner_.schedule();
        supervisor_.wake();
    }

    // As StopApplication for every application that runs; those that cannot be stopped are left running.
    void stopClusters() {
        HttpRequest request;
        request.method = "POST";
        request.path = "/";
        request.headers = {{"X-Amz-Target", "KinesisAnalytics_20180523.StopApplication"}};
        for (const auto& cluster : store_.listClusters()) {
            const auto application = store_.findApplication(cluster.application_id);
            if (!application) continue;
            request.body = nlohmann::json{{"ApplicationName", application->name}}.dump();
            const HttpResponse response = dispatch(context_, request);
            if (response.status != 200)
                logWarn("service", "application {} could not be stopped: {}", application->name,
                        response.body);
        }
        if (!runner_.awaitIdle(configuration_.snapshot_timeout_ms))
            logWarn(
                "service",
                "some applications have not stopped yet; they go on stopping when the service starts again");
    }

    const ServiceConfiguration configuration_;
    FileDescriptor stop_requested_;
    DataFolder folder_;
    FileDescriptor lock_;
    Store store_;
    BlobStore blobs_;
    std::unique_ptr<Engine> engine_;
    std::unique_ptr<HttpClient> http_;
    PresignedUrls presigned_urls_;
    HealthBoard health_;
    RequestCounters requests_;
    ServiceContext context_;
    OperationRunner runner_{context_, [this] { supervisor_.wake(); }};
    Supervisor supervisor_{context_};
    Caretaker caretaker_{context_};
    std::optional<HttpServer> server_;
    bool started_ = false;
};

Service::Service(ServiceConfiguration configuration)
    : implementation_(std::make_unique<Implementation>(std::move(configuration))) {
    mallopt(M_ARENA_MAX, 2);  // a service that idles should not hold an arena for every thread it ever had
}
Service::~Service() = default;
void Service::start() { implementation_->start(); }
void Service::wait() { implementation_->wait(); }
void Service::requestStop() { implementation_->requestStop(); }
void Service::stop() { implementation_->stop(); }
std::string Service::address() const { return implementation_->address(); }

}  // namespace millrace
