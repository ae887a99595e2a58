// What actions and operations work with. Everything outside comes in through here.
#pragma once

#include <functional>
#include <mutex>
#include <string>

#include "base/aws_signing.h"
#include "base/clock.h"
#include "base/http_client.h"
#include "engines/engine.h"
#include "service/configuration.h"
#include "service/data_folder.h"
#include "service/store/blob_store.h"
#include "service/store/store.h"

namespace millrace {

class FlinkRestClient;
class HealthBoard;
class PresignedUrls;
class RequestCounters;

struct ServiceContext {
    const ServiceConfiguration& configuration;
    const Clock& clock;
    const DataFolder& folder;
    Store& store;
    BlobStore& blobs;
    Engine& engine;
    HttpClient& http;
    EnvironmentLookup environment;
    PresignedUrls& presigned_urls;
    HealthBoard& health;
    RequestCounters& requests;
    // Call after a transaction that added operations, or asked for one to be cancelled.
    std::function<void()> operations_changed;
    // Held from putting a code package to committing the version that pins it, and while unused ones are
    // removed.
    std::mutex code_mutex = {};
    std::string address = {};  // where the service answers, "127.0.0.1:8090"

    int64_t nowSeconds() const { return clock.now().value() / 1000; }
    std::string applicationArn(const std::string& name) const;
};

// The application, or ResourceNotFoundException.
Application requireApplication(ServiceContext& context, const std::string& name);

// A new operation for the application, not stored yet; `state` is JSON.
Operation newOperation(ServiceContext& context, const Application& application, std::string kind,
                       std::string state);

// A CREATING snapshot that the service takes by itself, of the version shown; returns its name.
std::string insertServiceSnapshot(ServiceContext& context, const Application& application);

// 22 letters and digits: operation ids, and names of the service's own snapshots.
std::string randomId();

// Where the cluster's REST API answers.
std::string clusterUrl(const ClusterRecord& cluster);
// How often the job has restarted in this run, by itself or with its cluster.
int64_t fullRestartsOf(FlinkRestClient& client, const ClusterRecord& cluster);

}  // namespace millrace
