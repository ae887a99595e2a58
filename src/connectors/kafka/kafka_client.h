// librdkafka behind owners, with Kafka's own (Java) names for its settings and UserErrors for its failures.
#pragma once

#include <librdkafka/rdkafka.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

namespace millrace {

void destroyKafkaClient(rd_kafka_t* client);

struct KafkaDeleter {
    void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
    void operator()(rd_kafka_t* client) const { destroyKafkaClient(client); }
    void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
    void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
    void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
    void operator()(rd_kafka_headers_t* headers) const { rd_kafka_headers_destroy(headers); }
    void operator()(rd_kafka_error_t* error) const { rd_kafka_error_destroy(error); }
    void operator()(const rd_kafka_metadata_t* metadata) const { rd_kafka_metadata_destroy(metadata); }
    void operator()(rd_kafka_topic_partition_list_t* list) const {
        rd_kafka_topic_partition_list_destroy(list);
    }
    void operator()(rd_kafka_consumer_group_metadata_t* group) const {
        rd_kafka_consumer_group_metadata_destroy(group);
    }
};
template <class T>
using KafkaPtr = std::unique_ptr<T, KafkaDeleter>;

using KafkaSettings = std::map<std::string, std::string>;  // of librdkafka

// A table's `properties.*` as librdkafka has them. Settings that only the Java client knows are left out;
// UserError "config.bad-value" for those that mean something and cannot be had (a Java key store).
KafkaSettings kafkaSettings(const std::string& table, const std::map<std::string, std::string>& options);

// The settings, checked. UserError "config.unknown-option" names the property.
KafkaPtr<rd_kafka_conf_t> kafkaConf(const std::string& table, const KafkaSettings& settings);
KafkaPtr<rd_kafka_t> kafkaClient(rd_kafka_type_t type, const std::string& table,
                                 KafkaPtr<rd_kafka_conf_t> conf);
KafkaPtr<rd_kafka_t> kafkaClient(rd_kafka_type_t type, const std::string& table,
                                 const KafkaSettings& settings);

// UserError "kafka.<...>": "table 't': <doing> failed: <librdkafka's words>".
[[noreturn]] void throwKafka(const std::string& table, const std::string& doing, rd_kafka_resp_err_t error,
                             const std::string& words = "");
void checkKafka(const std::string& table, const std::string& doing, rd_kafka_resp_err_t error);
// Of the functions that return an error object or nullptr.
void checkKafka(const std::string& table, const std::string& doing, rd_kafka_error_t* error);

// librdkafka goes on trying for ever where it is not let in: a wrong password, a certificate that is not
// trusted. What it has told of that in callbacks (they are served by polling the client) becomes a UserError
// "kafka.denied" or "kafka.tls". A broken handshake counts only when it comes again and again: a broker that
// stops breaks one, too.
void checkKafkaAccess(const std::string& table, rd_kafka_t* client);
// Messages have come, or were delivered: what was told before is past.
void noteKafkaAccess(rd_kafka_t* client);

// Calls `ask` with a time-out in milliseconds until it succeeds, fails for good, is not let in, or
// kKafkaTimeoutMs are over; UserError.
void askKafka(const std::string& table, const std::string& doing, rd_kafka_t* client,
              const std::function<rd_kafka_resp_err_t(int timeout_ms)>& ask,
              rd_kafka_resp_err_t passing_too = RD_KAFKA_RESP_ERR_NO_ERROR);
// The offsets that a consumer's group has committed, into the list. UserError.
void askKafkaCommitted(const std::string& table, const std::string& doing, rd_kafka_t* consumer,
                       rd_kafka_topic_partition_list_t* partitions);
// The partitions of a topic, once there is one: `may_be_made`, as brokers make topics that somebody writes
// to.
int32_t kafkaPartitionsOf(const std::string& table, rd_kafka_t* client, rd_kafka_topic_t* topic,
                          bool may_be_made);

KafkaPtr<rd_kafka_topic_partition_list_t> onePartition(const std::string& topic, int32_t partition,
                                                       int64_t offset = RD_KAFKA_OFFSET_INVALID);

inline constexpr int kKafkaTimeoutMs = 30'000;  // of what is asked of the brokers and waited for

}  // namespace millrace
