#include "connectors/kafka/kafka_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "runtime/backlog.h"

namespace millrace {
namespace {

constexpr int64_t kPauseMaxMs = 8;
constexpr int64_t kLagEveryMs = 500;
constexpr int kLastCommitsTimeoutMs = 5'000;  // of those under way when the reader ends
constexpr int kResetTimeoutMs = 10'000;       // of looking where a partition begins and ends

KafkaSettings readerSettings(const KafkaOptions& options) {
    KafkaSettings settings = options.settings;
    settings.try_emplace("group.id", "millrace");
    settings.try_emplace("isolation.level", "read_uncommitted");  // as Kafka's own client has it
    settings["auto.offset.reset"] = "error";                      // goOnFromWhatThereIs() is what resets
    settings["enable.auto.commit"] = "false";
    settings["enable.auto.offset.store"] = "false";
    settings["enable.partition.eof"] = "true";
    return settings;
}

}  // namespace

KafkaReader::KafkaReader(const KafkaOptions& options, const KafkaColumns& columns,
                         std::unique_ptr<Decoder> value, std::unique_ptr<Decoder> key,
                         const std::optional<Schema>& dead_letters, SourceReaderContext& context)
    : options_(options),
      context_(context),
      bytes_in_(context.metrics().counter("numBytesIn")),
      skipped_(context.metrics().counter("numRecordsSkipped")),
      lag_max_(context.metrics().counter("records_lag_max")),
      pending_(context.metrics().counter("pendingRecords")),
      backlog_(context.metrics().counter(kProcessingBacklogMetric)),
      current_offsets_(context.metrics().counter("currentoffsets")),
      committed_offsets_(context.metrics().counter("committedoffsets")),
      commits_succeeded_(context.metrics().counter("commitsSucceeded")),
      commits_failed_(context.metrics().counter("commitsFailed")),
      dead_letters_(DeadLetterRows::make(dead_letters, options.table, context)),
      rows_(options.upsert, columns, std::move(value), std::move(key), dead_letters_.get()),
      messages_(context.batchRowsMax()) {}

KafkaReader::~KafkaReader() {
    queue_.reset();
    for (int waited_ms = 0; commits_under_way_ > 0 && waited_ms < kLastCommitsTimeoutMs; waited_ms += 50)
        rd_kafka_queue_poll_callback(commits_.get(), 50);
    commits_.reset();
    if (consumer_) rd_kafka_consumer_close(consumer_.get());
}

void KafkaReader::open() {
    KafkaSettings settings = readerSettings(options_);
    prefetch_.emplace(settings);
    consumer_ = kafkaClient(RD_KAFKA_CONSUMER, options_.table, settings);
    checkKafka(options_.table, "reading", rd_kafka_poll_set_consumer(consumer_.get()));
    queue_.reset(rd_kafka_queue_get_consumer(consumer_.get()));
    commits_.reset(rd_kafka_queue_new(consumer_.get()));
}

// Partitions are added to those that are read, and no other is taken away: librdkafka ends the process when
// one is taken away twice before it has stopped, as happens when all are assigned anew again and again.
void KafkaReader::addSplits(std::vector<SourceSplit> splits) {
    if (!consumer_) open();
    const KafkaPtr<rd_kafka_topic_partition_list_t> added(
        rd_kafka_topic_partition_list_new(static_cast<int>(splits.size())));
    for (const SourceSplit& encoded : splits) {
        KafkaSplit split = KafkaSplit::decode(encoded);
        std::string origin = fmt::format("topic '{}', partition {}", split.topic, split.partition);
        const auto key = std::pair(split.topic, split.partition);
        Partition& partition = partitions_[key] = {std::move(split), encoded.id, std::move(origin)};
        if (partition.split.done()) {
            partition.finished = true;
            context_.splitFinished(partition.id);
            continue;
        }
        rd_kafka_topic_partition_list_add(added.get(), key.first.c_str(), key.second)->offset =
            partition.split.next;
    }
    last_ = nullptr;
    if (added->cnt > 0)
        checkKafka(options_.table, "reading", rd_kafka_incremental_assign(consumer_.get(), added.get()));
}

bool KafkaReader::pauseSplits(const std::set<std::string>& ids) {
    for (auto& [key, partition] : partitions_) {
        const bool pause = ids.contains(partition.id);
        if (pause == partition.paused || partition.finished) continue;
        partition.paused = pause;
        const auto list = onePartition(key.first, key.second);
        checkKafka(
            options_.table, "reading",
            (pause ? rd_kafka_pause_partitions : rd_kafka_resume_partitions)(consumer_.get(), list.get()));
    }
    return true;
}

ReadStatus KafkaReader::poll(Output& output) {
    const auto unfinished =
        std::any_of(partitions_.begin(), partitions_.end(), [](const auto& p) { return !p.second.finished; });
    if (!unfinished) return no_more_ ? ReadStatus::EndOfInput : ReadStatus::Nothing;
    const ssize_t count = rd_kafka_consume_batch_queue(queue_.get(), 0, messages_.data(), messages_.size());
    if (count < 0) throwKafka(options_.table, "reading", rd_kafka_last_error());
    std::exception_ptr failure;
    bool heard = false;
    size_t bytes = 0;
    for (ssize_t i = 0; i < count; ++i) {
        const KafkaPtr<rd_kafka_message_t> message(messages_[static_cast<size_t>(i)]);
        heard = heard || message->rkt != nullptr;
        bytes += message->len;
        if (failure) continue;
        try {
            take(*message, output);
        } catch (...) {
            failure = std::current_exception();
        }
    }
    if (dead_letters_) dead_letters_->flush();
    emit(output);  // what comes before a failure is counted
    if (failure) std::rethrow_exception(failure);
    if (commits_under_way_ > 0) rd_kafka_queue_poll_callback(commits_.get(), 0);
    if (prefetch_->isDue(rd_kafka_queue_length(queue_.get()), static_cast<size_t>(count), bytes))
        wakeFetching();
    measureLag();
    if (heard) noteKafkaAccess(consumer_.get());
    if (count > 0) {
        pause_ms_ = 1;
        return ReadStatus::More;
    }
    checkKafkaAccess(options_.table, consumer_.get());
    context_.wakeAt(ProcessingTime(context_.now().value() + pause_ms_));
    pause_ms_ = std::min(2 * pause_ms_, kPauseMaxMs);
    return ReadStatus::Nothing;
}

void KafkaReader::wakeFetching() {
    const KafkaPtr<rd_kafka_topic_partition_list_t> reading(
        rd_kafka_topic_partition_list_new(static_cast<int>(partitions_.size())));
    for (const auto& [key, partition] : partitions_)
        if (!partition.finished && !partition.paused)
            rd_kafka_topic_partition_list_add(reading.get(), key.first.c_str(), key.second);
    if (reading->cnt > 0) KafkaPrefetch::wake(consumer_.get(), reading.get());
}

// Rows of one partition make a batch of their own where somebody follows the splits.
void KafkaReader::turnTo(Partition& partition, Output& output) {
    last_ = &partition;
    if (!context_.splitsMatter()) return;
    emit(output);
    context_.ofSplit(partition.id);
}

void KafkaReader::take(const rd_kafka_message_t& message, Output& output) {
    if (message.rkt == nullptr) {
        fail(message);
        return;
    }
    auto topic = topics_.find(message.rkt);
    if (topic == topics_.end()) topic = topics_.emplace(message.rkt, rd_kafka_topic_name(message.rkt)).first;
    if (last_ == nullptr || last_->split.partition != message.partition ||
        last_->split.topic != topic->second) {
        const auto found = partitions_.find(std::pair(topic->second, message.partition));
        if (found == partitions_.end()) return;
        turnTo(found->second, output);
    }
    Partition& partition = *last_;
    if (partition.finished) return;
    if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (partition.split.end && message.offset >= *partition.split.end) finish(partition, output);
        return;
    }
    if (message.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
        message.err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
        goOnFromWhatThereIs(partition, output);
        return;
    }
    if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fail(message);
        return;
    }
    if (partition.split.end && message.offset >= *partition.split.end) {
        finish(partition, output);
        return;
    }
    if (message.offset < partition.split.next) return;
    bytes_in_.add(static_cast<int64_t>(message.len));
    if (!rows_.add(message, partition.split.topic,
                   {partition.origin, 0, static_cast<uint64_t>(message.offset)}))
        skipped_.add(1);
    partition.split.next = message.offset + 1;
    if (partition.split.done()) finish(partition, output);
}

void KafkaReader::finish(Partition& partition, Output& output) {
    partition.finished = true;
    if (context_.splitsMatter()) emit(output);
    context_.splitFinished(partition.id);
    const auto list = onePartition(partition.split.topic, partition.split.partition);
    checkKafka(options_.table, "reading", rd_kafka_pause_partitions(consumer_.get(), list.get()));
}

// The position is not there. The client would go elsewhere by itself, but not say where to: a topic that was
// made anew begins before the position, and what comes from there would be taken for what was read.
void KafkaReader::goOnFromWhatThereIs(Partition& partition, Output& output) {
    KafkaSplit& split = partition.split;
    int64_t begin = 0, end = 0;
    checkKafka(options_.table, fmt::format("asking for the offsets of '{}'", partition.id),
               rd_kafka_query_watermark_offsets(consumer_.get(), split.topic.c_str(), split.partition, &begin,
                                                &end, kResetTimeoutMs));
    if (split.next < begin || split.next > end) {
        const std::string what = fmt::format("{}: offset {}, to go on from, is not there: it has {} to {}",
                                             partition.origin, split.next, begin, end);
        if (options_.reset == KafkaOptions::Reset::Error)
            throw UserError(
                "kafka.offset-out-of-range", fmt::format("table '{}': {}", options_.table, what),
                "the messages are no longer there (look at the topic's retention), or the topic was made "
                "anew; set 'properties.auto.offset.reset' to 'earliest' or 'latest' to go on from others");
        split.next = options_.reset == KafkaOptions::Reset::Earliest ? begin : end;
        logWarn("connectors.kafka",
                "table '{}': {}; reading goes on from {}, as 'properties.auto.offset.reset' says",
                options_.table, what, split.next);
    }
    if (split.done()) return finish(partition, output);
    // A partition that the client gave up cannot be sought in.
    const auto list = onePartition(split.topic, split.partition, split.next);
    checkKafka(options_.table, "reading", rd_kafka_incremental_unassign(consumer_.get(), list.get()));
    checkKafka(options_.table, "reading", rd_kafka_incremental_assign(consumer_.get(), list.get()));
}

// Errors that the client does not get over by itself.
void KafkaReader::fail(const rd_kafka_message_t& message) const {
    switch (message.err) {
        case RD_KAFKA_RESP_ERR__TRANSPORT:
        case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        case RD_KAFKA_RESP_ERR__TIMED_OUT:
        case RD_KAFKA_RESP_ERR__RESOLVE:
            logWarn("connectors.kafka", "table '{}': {}; it is tried again", options_.table,
                    rd_kafka_message_errstr(&message));
            return;
        case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
            return;  // reading needs no group, and commits say so themselves
        default:
            throwKafka(options_.table, "reading", message.err, rd_kafka_message_errstr(&message));
    }
}

void KafkaReader::emit(Output& output) {
    if (!rows_.empty()) output.emit(rows_.finish());
}

// By what the consumer knows of the partitions' ends from its last fetches.
void KafkaReader::measureLag() {
    const int64_t now = context_.now().value();
    if (now - lag_measured_ms_ < kLagEveryMs) return;
    lag_measured_ms_ = now;
    int64_t max = 0, sum = 0, read = 0;
    bool behind = false;
    for (auto& [key, partition] : partitions_) {
        int64_t low = 0, high = 0;
        read += partition.split.next;
        if (partition.finished ||
            rd_kafka_get_watermark_offsets(consumer_.get(), key.first.c_str(), key.second, &low, &high) !=
                RD_KAFKA_RESP_ERR_NO_ERROR)
            continue;
        const int64_t lag = std::max<int64_t>(0, high - partition.split.next);
        max = std::max(max, lag);
        sum += lag;
        if (partition.backlog_end < 0) partition.backlog_end = high;
        behind |= lag > 0 && partition.split.next < partition.backlog_end;
    }
    lag_max_.set(max);
    pending_.set(sum);
    current_offsets_.set(read);
    backlog_.set(behind);
}

std::vector<SourceSplit> KafkaReader::snapshot() const {
    std::vector<SourceSplit> splits;
    for (const auto& [key, partition] : partitions_)
        if (!partition.finished) splits.push_back(partition.split.encode());
    return splits;
}

std::string KafkaReader::progress() const {
    std::string out;
    if (!options_.commit_offsets) return out;
    for (const auto& [key, partition] : partitions_)
        if (partition.split.next >= 0)
            out += fmt::format("{} {} {}\n", key.second, partition.split.next, key.first);
    return out;
}

// The result is only told: what counts is the checkpoint, and the next one commits anew.
void KafkaReader::onCheckpointComplete(const std::string& progress) {
    if (!consumer_ || progress == last_committed_) return;
    last_committed_ = progress;
    const KafkaPtr<rd_kafka_topic_partition_list_t> offsets(
        rd_kafka_topic_partition_list_new(static_cast<int>(partitions_.size())));
    for (size_t at = 0; at < progress.size();) {
        const size_t end = progress.find('\n', at);
        int32_t partition = 0;
        int64_t offset = 0;
        const char* const limit = progress.data() + end;
        const char* here = std::from_chars(progress.data() + at, limit, partition).ptr + 1;
        here = std::from_chars(here, limit, offset).ptr + 1;
        rd_kafka_topic_partition_list_add(offsets.get(), std::string(here, limit).c_str(), partition)
            ->offset = offset;
        at = end + 1;
    }
    const rd_kafka_resp_err_t error =
        rd_kafka_commit_queue(consumer_.get(), offsets.get(), commits_.get(), committed, this);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        committed(consumer_.get(), error, nullptr, this);
    } else {
        ++commits_under_way_;
    }
}

void KafkaReader::committed(rd_kafka_t* /*client*/, rd_kafka_resp_err_t error,
                            rd_kafka_topic_partition_list_t* offsets, void* self) {
    auto& reader = *static_cast<KafkaReader*>(self);
    if (reader.commits_under_way_ > 0) --reader.commits_under_way_;
    const bool told = error == std::exchange(reader.commit_failure_, error);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        reader.commits_succeeded_.add(1);
        int64_t sum = 0;
        for (int i = 0; offsets != nullptr && i < offsets->cnt; ++i)
            sum += offsets->elems[i].offset;
        reader.committed_offsets_.set(sum);
        return;
    }
    reader.commits_failed_.add(1);
    reader.last_committed_.clear();
    if (told) return;  // checkpoints are many
    logWarn("connectors.kafka", "table '{}': the offsets of the group '{}' were not committed: {}",
            reader.options_.table, reader.options_.settings.at("group.id"), rd_kafka_err2str(error));
}

}  // namespace millrace
