#include "service/context.h"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <cstdlib>

#include "base/error.h"
#include "engines/flink_rest_client.h"
#include "service/api_error.h"

namespace millrace {

std::string ServiceContext::applicationArn(const std::string& name) const {
    return fmt::format("arn:aws:kinesisanalytics:{}:{}:application/{}", configuration.region,
                       configuration.account_id, name);
}

Application requireApplication(ServiceContext& context, const std::string& name) {
    auto application = context.store.findApplication(name);
    if (!application)
        throw resourceNotFound(fmt::format("The application {} does not exist in account {} and region {}.",
                                           name, context.configuration.account_id,
                                           context.configuration.region));
    return std::move(*application);
}

Operation newOperation(ServiceContext& context, const Application& application, std::string kind,
                       std::string state) {
    Operation operation;
    operation.id = randomId();
    operation.application_id = application.id;
    operation.kind = std::move(kind);
    operation.start_time = context.nowSeconds();
    operation.state = std::move(state);
    return operation;
}

std::string insertServiceSnapshot(ServiceContext& context, const Application& application) {
    SnapshotRecord snapshot;
    snapshot.application_id = application.id;
    snapshot.name = randomId();
    snapshot.manual = false;
    snapshot.version_id = application.version_id;
    snapshot.runtime_environment = application.runtime_environment;
    snapshot.create_time = context.nowSeconds();
    context.store.insertSnapshot(snapshot);
    return snapshot.name;
}

std::string randomId() {
    constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    std::string id;
    while (id.size() < 22) {
        unsigned char bytes[32];
        MILLRACE_CHECK(RAND_bytes(bytes, sizeof bytes) == 1, "no random bytes");
        for (const unsigned char byte : bytes)
            if (byte < 248 && id.size() < 22)
                id += kLetters[byte % 62];  // 248 = 4 * 62: no letter is favoured
    }
    return id;
}

std::string clusterUrl(const ClusterRecord& cluster) {
    return fmt::format("http://127.0.0.1:{}", cluster.port);
}

int64_t fullRestartsOf(FlinkRestClient& client, const ClusterRecord& cluster) {
    constexpr const char* kMetric = "fullRestarts";
    const auto metrics = client.metrics(cluster.job_id, {kMetric});
    const auto at = metrics.find(kMetric);
    return at == metrics.end() ? cluster.full_restarts : std::atoll(at->second.c_str());
}

}  // namespace millrace
