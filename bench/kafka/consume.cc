// What librdkafka's own consumer does with a topic, and nothing more: the bound for a source.
//
// usage: bench_kafka_consume BROKERS TOPIC MESSAGES     prints JSON: messages, seconds, cpu_seconds
#include <librdkafka/rdkafka.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

double cpuSeconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 4) return 2;
    const long wanted = std::atol(arguments[3]);
    char why[512];
    rd_kafka_conf_t* const conf = rd_kafka_conf_new();
    for (const auto& [key, value] : std::vector<std::pair<const char*, const char*>>{
             {"bootstrap.servers", arguments[1]}, {"group.id", "bench"}, {"enable.auto.commit", "false"}})
        if (rd_kafka_conf_set(conf, key, value, why, sizeof why) != RD_KAFKA_CONF_OK) return 1;
    rd_kafka_t* const consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    rd_kafka_poll_set_consumer(consumer);
    rd_kafka_topic_t* const topic = rd_kafka_topic_new(consumer, arguments[2], nullptr);
    const rd_kafka_metadata_t* metadata = nullptr;
    if (rd_kafka_metadata(consumer, 0, topic, &metadata, 10'000) != RD_KAFKA_RESP_ERR_NO_ERROR) return 1;
    rd_kafka_topic_partition_list_t* const list = rd_kafka_topic_partition_list_new(1);
    for (int i = 0; i < metadata->topics[0].partition_cnt; ++i)
        rd_kafka_topic_partition_list_add(list, arguments[2], i)->offset = 0;
    const auto begun = std::chrono::steady_clock::now();
    const double cpu = cpuSeconds();
    rd_kafka_assign(consumer, list);
    rd_kafka_queue_t* const queue = rd_kafka_queue_get_consumer(consumer);
    std::vector<rd_kafka_message_t*> messages(4096);
    long got = 0, bytes = 0;
    while (got < wanted) {
        // Not more than are left: it would wait for the rest of them.
        const size_t most = std::min(messages.size(), static_cast<size_t>(wanted - got));
        const ssize_t many = rd_kafka_consume_batch_queue(queue, 100, messages.data(), most);
        for (ssize_t i = 0; i < many; ++i) {
            rd_kafka_message_t* const message = messages[static_cast<size_t>(i)];
            got += message->err == RD_KAFKA_RESP_ERR_NO_ERROR ? 1 : 0;
            bytes += static_cast<long>(message->len);
            rd_kafka_message_destroy(message);
        }
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begun;
    std::printf("{\"messages\": %ld, \"bytes\": %ld, \"seconds\": %.3f, \"cpu_seconds\": %.3f}\n", got, bytes,
                seconds.count(), cpuSeconds() - cpu);
    std::fflush(stdout);
    std::_Exit(0);  // what the client still has is of no interest
}
