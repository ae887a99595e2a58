// Keeps a consumer's queue from running dry after it was full.
//
// librdkafka fetches until the queue holds queued.min.messages or queued.max.messages.kbytes. Then a broker's
// thread sleeps, for up to a second, and nothing that is taken from the queue wakes it: a reader that takes
// more than the queue holds within that time waits for the rest of it. Newer libraries have a setting for the
// length of the sleep (fetch.queue.backoff.ms); the thread of an older one is woken by a request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "connectors/kafka/kafka_client.h"

namespace millrace {

class KafkaPrefetch {
  public:
    // Sets what of it is not set.
    explicit KafkaPrefetch(KafkaSettings& settings);

    // After messages of so many bytes were taken from the queue: whether the fetching threads are to be
    // woken.
    bool isDue(size_t left, size_t taken, size_t taken_bytes);
    // Asks the partitions' leaders for something, without waiting for the answer.
    static void wake(rd_kafka_t* client, rd_kafka_topic_partition_list_t* partitions);

  private:
    double messages_max_ = 0, bytes_max_ = 0;
    bool sleeps_ = false;       // the library's threads may
    bool was_full_ = false;     // or nearly
    double message_bytes_ = 0;  // on average, of late
};

}  // namespace millrace
