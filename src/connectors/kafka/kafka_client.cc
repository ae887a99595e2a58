#include "connectors/kafka/kafka_client.h"

#include <fmt/format.h>
#include <re2/re2.h>
#include <syslog.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <string_view>
#include <thread>

#include "base/configuration.h"
#include "base/error.h"
#include "base/log.h"

namespace millrace {
namespace {

constexpr std::string_view kPrefix = "properties.";
constexpr int kBrokenHandshakesMax = 3;  // in a row: then it is no broker that just stops

// Of the Java client (or of Flink), and without a meaning here.
const std::set<std::string, std::less<>>& withoutMeaning() {
    static const std::set<std::string, std::less<>> keys = {
        "key.deserializer",
        "value.deserializer",
        "key.serializer",
        "value.serializer",
        "client.dns.lookup",
        "metric.reporters",
        "interceptor.classes",
        "max.poll.records",
        "enable.auto.commit",
        "partitioner.class",
        "default.api.timeout.ms",
        "auto.commit.interval.ms",
        "max.block.ms",
        "metrics.num.samples",
        "partition.discovery.interval.ms",
        "ssl.truststore.type",
        "ssl.keystore.type",
        "ssl.truststore.password",
        "allow.auto.create.topics",
        "commit.offsets.on.checkpoint",  // of KafkaOptions
    };
    return keys;
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kRenamed{{
    {"fetch.max.wait.ms", "fetch.wait.max.ms"},
    {"max.request.size", "message.max.bytes"},
    {"send.buffer.bytes", "socket.send.buffer.bytes"},
    {"receive.buffer.bytes", "socket.receive.buffer.bytes"},
    {"ssl.truststore.location", "ssl.ca.location"},
    {"ssl.truststore.certificates", "ssl.ca.pem"},
    {"ssl.keystore.certificate.chain", "ssl.certificate.pem"},
    {"ssl.keystore.key", "ssl.key.pem"},
    {"sasl.mechanism", "sasl.mechanisms"},
    {"socket.connection.setup.timeout.max.ms", "socket.connection.setup.timeout.ms"},
    {"retry.backoff.max.ms", "reconnect.backoff.max.ms"},
}};

std::string jaasValue(const std::string& table, const std::string& jaas, const char* name) {
    std::string value;
    if (!RE2::PartialMatch(jaas, std::string(name) + R"(\s*=\s*"((?:[^"\\]|\\.)*)\")", &value))
        throw UserError(
            "config.bad-value",
            fmt::format("table '{}': 'properties.sasl.jaas.config' has no {}=\"...\"", table, name),
            "such as: ...LoginModule required username=\"me\" password=\"secret\";");
    RE2::GlobalReplace(&value, R"(\\(.))", R"(\1)");
    return value;
}

// The client says some things every second for as long as they are so.
bool wasJustLogged(const char* message) {
    constexpr std::chrono::minutes kOnceIn{1};
    static std::mutex mutex;
    static std::map<std::string, std::chrono::steady_clock::time_point> logged;
    const auto now = std::chrono::steady_clock::now();
    const std::lock_guard lock(mutex);
    std::erase_if(logged, [&](const auto& one) { return now - one.second >= kOnceIn; });
    return !logged.try_emplace(message, now).second;
}

void logOf(const rd_kafka_t*, int level, const char*, const char* message) {
    if (level <= LOG_WARNING && wasJustLogged(message)) return;
    if (level <= LOG_ERR)
        logError("connectors.kafka", "{}", message);
    else if (level <= LOG_WARNING)
        logWarn("connectors.kafka", "{}", message);
    else
        logDebug("connectors.kafka", "{}", message);
}

// What clients told of not being let in. They tell it on threads of their own, and the callback knows only
// the client; the opaque pointer is the producers'.
class KafkaRefusals {
  public:
    struct Refusal {
        rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
        std::string words;
        int times = 0;
    };

    static KafkaRefusals& ofProcess() {
        static KafkaRefusals refusals;
        return refusals;
    }
    void note(const rd_kafka_t* client, rd_kafka_resp_err_t error, const char* words, int times = 1) {
        const std::lock_guard lock(mutex_);
        Refusal& refusal = refusals_[client];
        refusal = {error, words, refusal.times + times};
        any_.store(true, std::memory_order_relaxed);
    }
    void forget(const rd_kafka_t* client) {
        if (!any_.load(std::memory_order_relaxed)) return;
        const std::lock_guard lock(mutex_);
        refusals_.erase(client);
        any_.store(!refusals_.empty(), std::memory_order_relaxed);
    }
    Refusal of(const rd_kafka_t* client) {
        if (!any_.load(std::memory_order_relaxed)) return {};
        const std::lock_guard lock(mutex_);
        const auto found = refusals_.find(client);
        return found == refusals_.end() ? Refusal() : found->second;
    }

  private:
    std::atomic<bool> any_{false};  // to be asked at every turn
    std::mutex mutex_;
    std::map<const rd_kafka_t*, Refusal> refusals_;
};

void noteError(rd_kafka_t* client, int error, const char* reason, void* /*opaque*/) {
    // One side does not like the other's certificate. With TLS 1.3 a broker says so once the handshake is
    // over, and then it is no error of TLS for the library.
    const std::string_view words(reason);
    if (words.find("certificate verify failed") != words.npos ||
        (words.find("SSL routines") != words.npos && words.find(" alert ") != words.npos)) {
        KafkaRefusals::ofProcess().note(client, RD_KAFKA_RESP_ERR__SSL, reason, kBrokenHandshakesMax);
        return;
    }
    switch (error) {
        case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
        case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
        case RD_KAFKA_RESP_ERR__SSL:
            KafkaRefusals::ofProcess().note(client, static_cast<rd_kafka_resp_err_t>(error), reason);
            return;
        default:
            logWarn("connectors.kafka", "{}", reason);
    }
}

void checkKeyStoreFile(const std::string& table, const std::string& option, const std::string& value) {
    if (!value.ends_with(".jks") && !value.ends_with(".JKS")) return;
    throw UserError(
        "config.bad-value",
        fmt::format("table '{}': '{}' is '{}': Java key stores cannot be read", table, option, value),
        "give a PEM file (or, for the key, a PKCS12 file); keytool -exportcert -rfc makes one");
}

}  // namespace

void destroyKafkaClient(rd_kafka_t* client) {
    rd_kafka_destroy(client);
    KafkaRefusals::ofProcess().forget(client);
}

KafkaSettings kafkaSettings(const std::string& table, const std::map<std::string, std::string>& options) {
    KafkaSettings settings;
    for (const auto& [option, value] : options) {
        if (!option.starts_with(kPrefix)) continue;
        const std::string key = option.substr(kPrefix.size());
        const bool store_type = key == "ssl.truststore.type" || key == "ssl.keystore.type";
        if (store_type && value != "PEM" && !(key == "ssl.keystore.type" && value == "PKCS12"))
            throw UserError(
                "config.bad-value",
                fmt::format("table '{}': '{}' is '{}': Java key stores cannot be read", table, option, value),
                "give a PEM file (or, for the key, a PKCS12 file); keytool -exportcert -rfc makes one");
        if (withoutMeaning().contains(key)) continue;
        if (key == "ssl.truststore.location" || key == "ssl.keystore.location")
            checkKeyStoreFile(table, option, value);
        if (key == "sasl.jaas.config") {
            settings["sasl.username"] = jaasValue(table, value, "username");
            settings["sasl.password"] = jaasValue(table, value, "password");
        } else if (key == "buffer.memory") {
            settings["queue.buffering.max.kbytes"] =
                std::to_string(std::max<int64_t>(1, parseConfigValue<int64_t>(option, value) / 1024));
        } else if (key == "auto.offset.reset") {
            settings[key] = value == "none" ? "error" : value;
        } else if (key == "ssl.endpoint.identification.algorithm") {
            settings[key] = value.empty() ? "none" : value;
        } else if (key == "ssl.keystore.location") {
            // PKCS12 is one file; PEM holds the certificates and the key.
            const auto type = options.find("properties.ssl.keystore.type");
            const bool pem = type != options.end() && type->second == "PEM";
            settings[pem ? "ssl.certificate.location" : key] = value;
            if (pem) settings["ssl.key.location"] = value;
        } else {
            const auto* const renamed = std::find_if(kRenamed.begin(), kRenamed.end(),
                                                     [&](const auto& pair) { return pair.first == key; });
            settings[renamed == kRenamed.end() ? key : std::string(renamed->second)] = value;
        }
    }
    return settings;
}

KafkaPtr<rd_kafka_conf_t> kafkaConf(const std::string& table, const KafkaSettings& settings) {
    KafkaPtr<rd_kafka_conf_t> conf(rd_kafka_conf_new());
    rd_kafka_conf_set_log_cb(conf.get(), logOf);
    rd_kafka_conf_set_error_cb(conf.get(), noteError);
    std::array<char, 512> why{};
    if (!settings.contains("reconnect.backoff.ms"))  // as Java's client; else up to 10 s after a restart
        rd_kafka_conf_set(conf.get(), "reconnect.backoff.max.ms", "1000", why.data(), why.size());
    for (const auto& [key, value] : settings) {
        const auto done = rd_kafka_conf_set(conf.get(), key.c_str(), value.c_str(), why.data(), why.size());
        if (done != RD_KAFKA_CONF_OK)
            throw UserError(done == RD_KAFKA_CONF_UNKNOWN ? "config.unknown-option" : "config.bad-value",
                            fmt::format("table '{}': 'properties.{}': {}", table, key, why.data()),
                            "the names are those of Kafka's clients");
    }
    return conf;
}

KafkaPtr<rd_kafka_t> kafkaClient(rd_kafka_type_t type, const std::string& table,
                                 KafkaPtr<rd_kafka_conf_t> conf) {
    std::array<char, 512> why{};
    rd_kafka_t* const client = rd_kafka_new(type, conf.get(), why.data(), why.size());
    if (client == nullptr)
        throw UserError("config.bad-value", fmt::format("table '{}': {}", table, why.data()),
                        "look at the options properties.*");
    static_cast<void>(conf.release());  // the client's now
    return KafkaPtr<rd_kafka_t>(client);
}

KafkaPtr<rd_kafka_t> kafkaClient(rd_kafka_type_t type, const std::string& table,
                                 const KafkaSettings& settings) {
    return kafkaClient(type, table, kafkaConf(table, settings));
}

void throwKafka(const std::string& table, const std::string& doing, rd_kafka_resp_err_t error,
                const std::string& words) {
    const std::string said = words.empty() ? rd_kafka_err2str(error) : words;
    std::string code = "kafka.failed";
    std::string hint;
    switch (error) {
        case RD_KAFKA_RESP_ERR__TRANSPORT:
        case RD_KAFKA_RESP_ERR__TIMED_OUT:
        case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        case RD_KAFKA_RESP_ERR__RESOLVE:
            code = "kafka.unreachable";
            hint = "do the brokers of 'properties.bootstrap.servers' run, and can they be reached from here?";
            break;
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
            code = "kafka.unknown-topic";
            hint = "create the topic, or correct 'topic'";
            break;
        case RD_KAFKA_RESP_ERR__FENCED:
        case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
            code = "kafka.fenced";
            hint = "does another job write with the same 'sink.transactional-id-prefix'?";
            break;
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
            code = "kafka.message-too-large";
            hint =
                "raise 'properties.max.request.size', which is 1000000 bytes unless said otherwise, and the "
                "topic's 'max.message.bytes'";
            break;
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
            code = "kafka.denied";
            hint = "look at the credentials in properties.* and at the brokers' access rules";
            break;
        default:
            break;
    }
    throw UserError(code, fmt::format("table '{}': {} failed: {}", table, doing, said), hint);
}

KafkaPtr<rd_kafka_topic_partition_list_t> onePartition(const std::string& topic, int32_t partition,
                                                       int64_t offset) {
    KafkaPtr<rd_kafka_topic_partition_list_t> list(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = offset;
    return list;
}

void checkKafkaAccess(const std::string& table, rd_kafka_t* client) {
    const KafkaRefusals::Refusal refusal = KafkaRefusals::ofProcess().of(client);
    if (refusal.error == RD_KAFKA_RESP_ERR__SSL) {
        if (refusal.times < kBrokenHandshakesMax) return;
        throw UserError(
            "kafka.tls",
            fmt::format("table '{}': no TLS connection to the brokers: {}", table, refusal.words),
            "look at properties.ssl.*, and at whether the listener speaks TLS and wants a client's "
            "certificate");
    }
    if (refusal.error == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    constexpr int kScramMended = 0x020601ff;  // librdkafka 2.6.1: it repeats its nonce no more
    if (refusal.words.find("SCRAM") != std::string::npos && rd_kafka_version() < kScramMended)
        throw UserError("kafka.denied",
                        fmt::format("table '{}': the brokers do not let us in: {}", table, refusal.words),
                        fmt::format("look at properties.sasl.jaas.config; and brokers from Kafka 4.0 on take "
                                    "SCRAM from librdkafka 2.6.1 on only, and this one is {}: install a "
                                    "newer librdkafka.so.1",
                                    rd_kafka_version_str()));
    throw UserError("kafka.denied",
                    fmt::format("table '{}': the brokers do not let us in: {}", table, refusal.words),
                    "look at properties.security.protocol, properties.sasl.mechanism and "
                    "properties.sasl.jaas.config");
}

void noteKafkaAccess(rd_kafka_t* client) { KafkaRefusals::ofProcess().forget(client); }

void askKafka(const std::string& table, const std::string& doing, rd_kafka_t* client,
              const std::function<rd_kafka_resp_err_t(int timeout_ms)>& ask,
              rd_kafka_resp_err_t passing_too) {
    constexpr int kSliceMs = 1'000;
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(kKafkaTimeoutMs);
    for (;;) {
        const rd_kafka_resp_err_t error = ask(kSliceMs);
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return;
        rd_kafka_poll(client, 0);
        checkKafkaAccess(table, client);
        const bool passing = error == RD_KAFKA_RESP_ERR__TIMED_OUT || error == RD_KAFKA_RESP_ERR__TRANSPORT ||
                             error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
                             error == RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE ||
                             error == RD_KAFKA_RESP_ERR__WAIT_COORD ||
                             error == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE || error == passing_too;
        if (!passing || std::chrono::steady_clock::now() > until) throwKafka(table, doing, error);
        if (error != RD_KAFKA_RESP_ERR__TIMED_OUT) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
}

void askKafkaCommitted(const std::string& table, const std::string& doing, rd_kafka_t* consumer,
                       rd_kafka_topic_partition_list_t* partitions) {
    askKafka(table, doing, consumer, [&](int timeout_ms) {
        const rd_kafka_resp_err_t error = rd_kafka_committed(consumer, partitions, timeout_ms);
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return error;
        // Time is up, too, where the group may not be used; that is told among the messages.
        const KafkaPtr<rd_kafka_message_t> told(rd_kafka_consumer_poll(consumer, 0));
        return told && told->err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ? told->err : error;
    });
    for (int i = 0; i < partitions->cnt; ++i)
        checkKafka(table, doing, partitions->elems[i].err);
}

int32_t kafkaPartitionsOf(const std::string& table, rd_kafka_t* client, rd_kafka_topic_t* topic,
                          bool may_be_made) {
    int32_t partitions = 0;
    const std::string doing = fmt::format("asking for the topic '{}'", rd_kafka_topic_name(topic));
    const auto ask = [&](int timeout_ms) {
        const rd_kafka_metadata_t* found = nullptr;
        const rd_kafka_resp_err_t error = rd_kafka_metadata(client, 0, topic, &found, timeout_ms);
        const KafkaPtr<const rd_kafka_metadata_t> metadata(found);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR || metadata->topic_cnt != 1) return error;
        partitions = metadata->topics[0].partition_cnt;
        return metadata->topics[0].err;
    };
    askKafka(table, doing, client, ask,
             may_be_made ? RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART : RD_KAFKA_RESP_ERR_NO_ERROR);
    return partitions;
}

void checkKafka(const std::string& table, const std::string& doing, rd_kafka_resp_err_t error) {
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) throwKafka(table, doing, error);
}

void checkKafka(const std::string& table, const std::string& doing, rd_kafka_error_t* error) {
    if (error == nullptr) return;
    const KafkaPtr<rd_kafka_error_t> owner(error);
    throwKafka(table, doing, rd_kafka_error_code(error), rd_kafka_error_string(error));
}

}  // namespace millrace
