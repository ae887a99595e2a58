#include "connectors/kafka/kafka_transaction.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/log.h"

namespace millrace {
namespace {

[[noreturn]] void committableDamaged() {
    throw UserError("snapshot.damaged", "what a Kafka sink has to commit cannot be read from the snapshot");
}

KafkaSettings producerSettings(const KafkaOptions& options, const std::string& transactional_id) {
    KafkaSettings settings = options.settings;
    settings.erase("group.id");
    settings.erase("auto.offset.reset");
    settings.erase("isolation.level");
    settings.try_emplace("enable.idempotence",
                         options.guarantee == KafkaOptions::Guarantee::None ? "false" : "true");
    settings.try_emplace("partitioner", "murmur2_random");  // the Java client's
    settings.try_emplace("queue.buffering.max.kbytes", "65536");
    settings.try_emplace("queue.buffering.max.messages", "500000");
    if (transactional_id.empty()) return settings;
    settings["enable.idempotence"] = "true";
    settings["transactional.id"] = transactional_id;
    settings.try_emplace("transaction.timeout.ms", "600000");
    return settings;
}

}  // namespace

std::string transactionalId(const std::string& prefix, uint32_t subtask, uint32_t number) {
    return fmt::format("{}-{}-{}", prefix, subtask, number);
}

// "1\n<transactional id>\n<topic>\n<parallelism> <numbers>\n", then a line "<partition> <first> <count>" a
// range.
std::string KafkaCommittable::encode() const {
    std::string out = fmt::format("1\n{}\n{}\n{} {}\n", transactional_id, topic, parallelism, numbers);
    for (const KafkaRange& range : ranges)
        out += fmt::format("{} {} {}\n", range.partition, range.first, range.count);
    return out;
}

KafkaCommittable KafkaCommittable::decode(std::string_view text) {
    const auto line = [&] {
        const size_t end = text.find('\n');
        if (end == std::string_view::npos) committableDamaged();
        const std::string_view found = text.substr(0, end);
        text.remove_prefix(end + 1);
        return found;
    };
    const auto number = [](std::string_view& in, auto& value) {
        const auto [stop, error] = std::from_chars(in.data(), in.data() + in.size(), value);
        if (error != std::errc() || std::cmp_less(value, 0)) committableDamaged();
        in.remove_prefix(static_cast<size_t>(stop - in.data()));
        if (!in.empty() && in.front() == ' ') in.remove_prefix(1);
    };
    if (line() != "1") committableDamaged();
    KafkaCommittable out;
    out.transactional_id = line();
    out.topic = line();
    std::string_view writers = line();
    number(writers, out.parallelism);
    number(writers, out.numbers);
    if (!writers.empty()) committableDamaged();
    while (!text.empty()) {
        std::string_view rest = line();
        KafkaRange range;
        number(rest, range.partition);
        number(rest, range.first);
        number(rest, range.count);
        if (!rest.empty() || range.count == 0) committableDamaged();
        out.ranges.push_back(range);
    }
    if (out.transactional_id.empty() || out.topic.empty() || out.ranges.empty()) committableDamaged();
    return out;
}

KafkaProducer::KafkaProducer(const KafkaOptions& options, const std::string& transactional_id)
    : options_(options), transactional_id_(transactional_id) {
    auto conf = kafkaConf(options.table, producerSettings(options, transactional_id));
    rd_kafka_conf_set_dr_msg_cb(conf.get(), delivered);
    rd_kafka_conf_set_opaque(conf.get(), this);
    client_ = kafkaClient(RD_KAFKA_PRODUCER, options.table, std::move(conf));
    topic_.reset(rd_kafka_topic_new(client_.get(), options.topics.front().c_str(), nullptr));
    if (transactional_id.empty()) return;
    const std::string doing = fmt::format("beginning with the transactional id '{}'", transactional_id);
    askKafka(options.table, doing, client_.get(), [&](int timeout_ms) {
        const KafkaPtr<rd_kafka_error_t> error(rd_kafka_init_transactions(client_.get(), timeout_ms));
        if (!error) return RD_KAFKA_RESP_ERR_NO_ERROR;
        return rd_kafka_error_is_retriable(error.get()) ? RD_KAFKA_RESP_ERR__TIMED_OUT
                                                        : rd_kafka_error_code(error.get());
    });
}

// What is on its way is given up: of a transaction, the broker aborts it when the id is used again.
KafkaProducer::~KafkaProducer() {
    rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(client_.get(), 0);
    topic_.reset();
}

void KafkaProducer::delivered(rd_kafka_t* client, const rd_kafka_message_t* message, void* self) {
    auto& producer = *static_cast<KafkaProducer*>(self);
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (producer.failed_ == RD_KAFKA_RESP_ERR_NO_ERROR) producer.failed_ = message->err;
        return;
    }
    noteKafkaAccess(client);
    if (producer.transactional_id_.empty()) return;
    auto& ranges = producer.ranges_[message->partition];
    if (!ranges.empty() && ranges.back().first + ranges.back().count == message->offset)
        ++ranges.back().count;
    else
        ranges.push_back({message->partition, message->offset, 1});
}

void KafkaProducer::throwFailure() const {
    if (failed_ != RD_KAFKA_RESP_ERR_NO_ERROR) {
        // Of the messages it is only told that they were given up.
        std::array<char, 512> why{};
        const rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(client_.get(), why.data(), why.size());
        const bool known = fatal != RD_KAFKA_RESP_ERR_NO_ERROR;
        throwKafka(options_.table, fmt::format("writing to the topic '{}'", options_.topics.front()),
                   known ? fatal : failed_, why.data());
    }
    checkKafkaAccess(options_.table, client_.get());
}

void KafkaProducer::begin() {
    ranges_.clear();
    checkKafka(options_.table, "beginning a transaction", rd_kafka_begin_transaction(client_.get()));
}

void KafkaProducer::produce(const rd_kafka_message_t& message) {
    rd_kafka_message_t one = message;
    while (rd_kafka_produce_batch(topic_.get(), RD_KAFKA_PARTITION_UA,
                                  RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_PARTITION, &one, 1) == 0) {
        makeRoom(one.err);
        one.err = RD_KAFKA_RESP_ERR_NO_ERROR;
    }
}

void KafkaProducer::produce(const rd_kafka_message_t& message, int64_t timestamp_ms,
                            KafkaPtr<rd_kafka_headers_t> headers) {
    for (;;) {
        const rd_kafka_resp_err_t error = rd_kafka_producev(
            client_.get(), RD_KAFKA_V_RKT(topic_.get()), RD_KAFKA_V_PARTITION(message.partition),
            RD_KAFKA_V_VALUE(message.payload, message.len), RD_KAFKA_V_KEY(message.key, message.key_len),
            RD_KAFKA_V_TIMESTAMP(timestamp_ms), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_HEADERS(headers.get()), RD_KAFKA_V_END);
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR) break;
        makeRoom(error);
    }
    std::ignore = headers.release();  // the message's now
}

// After a message could not be taken: waits, if that is because too much is on its way.
void KafkaProducer::makeRoom(rd_kafka_resp_err_t error) {
    if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL)
        throwKafka(options_.table, fmt::format("writing to the topic '{}'", options_.topics.front()), error);
    rd_kafka_poll(client_.get(), 10);
    throwFailure();
}

void KafkaProducer::poll() {
    rd_kafka_poll(client_.get(), 0);
    throwFailure();
}

void KafkaProducer::flush() {
    for (;;) {
        const rd_kafka_resp_err_t error = rd_kafka_flush(client_.get(), 1'000);
        throwFailure();
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return;
        if (error != RD_KAFKA_RESP_ERR__TIMED_OUT) throwKafka(options_.table, "flushing", error);
    }
}

// Until it is done: what is retriable is tried again, for kKafkaTimeoutMs each time.
void KafkaProducer::commit() {
    constexpr int kTries = 4;
    for (int tries = 1;; ++tries) {
        KafkaPtr<rd_kafka_error_t> error(rd_kafka_commit_transaction(client_.get(), kKafkaTimeoutMs));
        if (!error) return;
        if (!rd_kafka_error_is_retriable(error.get()) || tries == kTries)
            checkKafka(options_.table, "committing a transaction", error.release());
    }
}

std::vector<KafkaRange> KafkaProducer::takeRanges() {
    std::vector<KafkaRange> all;
    for (const auto& [partition, ranges] : ranges_)
        all.insert(all.end(), ranges.begin(), ranges.end());
    ranges_.clear();
    return all;
}

KafkaProducers& KafkaProducers::ofProcess() {
    static KafkaProducers producers;
    return producers;
}

KafkaProducers::Claim::Claim(const KafkaOptions& sink, const std::string& transactional_id_prefix)
    : prefix_(transactional_id_prefix) {
    KafkaProducers& producers = ofProcess();
    const std::lock_guard lock(producers.mutex_);
    Claimed& claimed = producers.claimed_[prefix_];
    if (claimed.times > 0 && claimed.sink != &sink)
        throw UserError("kafka.shared-prefix",
                        fmt::format("two sinks, of the tables '{}' and '{}', have the same "
                                    "'sink.transactional-id-prefix', '{}'",
                                    claimed.table, sink.table, sink.transactional_id_prefix),
                        "give each table its own; several INSERTs into one table can be one, with UNION ALL");
    claimed = {&sink, sink.table, claimed.times + 1};
}

KafkaProducers::Claim::~Claim() {
    KafkaProducers& producers = ofProcess();
    const std::lock_guard lock(producers.mutex_);
    const auto claimed = producers.claimed_.find(prefix_);
    if (--claimed->second.times == 0) producers.claimed_.erase(claimed);
}

void KafkaProducers::await(std::unique_ptr<KafkaProducer> producer) {
    const std::lock_guard lock(mutex_);
    awaiting_[producer->transactionalId()] = std::move(producer);
}

void KafkaProducers::giveBack(std::unique_ptr<KafkaProducer> producer) {
    const std::lock_guard lock(mutex_);
    free_[producer->transactionalId()] = std::move(producer);
}

namespace {
std::unique_ptr<KafkaProducer> takeFrom(std::map<std::string, std::unique_ptr<KafkaProducer>>& producers,
                                        const std::string& transactional_id) {
    const auto found = producers.find(transactional_id);
    if (found == producers.end()) return nullptr;
    auto producer = std::move(found->second);
    producers.erase(found);
    return producer;
}
}  // namespace

std::unique_ptr<KafkaProducer> KafkaProducers::takeAwaiting(const std::string& transactional_id) {
    const std::lock_guard lock(mutex_);
    return takeFrom(awaiting_, transactional_id);
}

std::unique_ptr<KafkaProducer> KafkaProducers::takeFree(const std::string& transactional_id) {
    const std::lock_guard lock(mutex_);
    return takeFrom(free_, transactional_id);
}

void KafkaProducers::drop(const std::string& transactional_id_prefix) {
    const std::lock_guard lock(mutex_);
    const auto ours = [&](const auto& entry) { return entry.first.starts_with(transactional_id_prefix); };
    std::erase_if(awaiting_, ours);
    std::erase_if(free_, ours);
}

}  // namespace millrace
