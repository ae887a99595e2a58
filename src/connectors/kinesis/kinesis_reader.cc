#include "connectors/kinesis/kinesis_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "connectors/kinesis/kinesis_enumerator.h"
#include "connectors/kinesis/kinesis_metadata.h"
#include "runtime/backlog.h"

namespace millrace {
namespace {

constexpr int64_t kKinesisPauseMaxMs = 8;
constexpr int64_t kKinesisMeasureEveryMs = 500;

}  // namespace

KinesisReader::KinesisReader(const KinesisOptions& options, const KinesisColumns& columns,
                             std::unique_ptr<Decoder> decoder, const std::optional<Schema>& dead_letters,
                             const MakeFetcher& make_fetcher, SourceReaderContext& context)
    : options_(options),
      decoder_(std::move(decoder)),
      context_(context),
      events_(dynamic_cast<ReaderEventSender&>(context)),
      bytes_in_(context.metrics().counter("numBytesIn")),
      skipped_(context.metrics().counter("numRecordsSkipped")),
      behind_max_(context.metrics().counter("millisBehindLatest")),
      backlog_(context.metrics().counter(kProcessingBacklogMetric)),
      throttled_(context.metrics().counter("numRequestsThrottled")),
      expired_(context.metrics().counter("numIteratorsExpired")),
      columns_(columns),
      rows_(columns.decoded),
      metadata_(columns.metadata),
      dead_letters_(DeadLetterRows::make(dead_letters, options.table, context)),
      fetcher_(make_fetcher(context.random().next())) {
    if (dead_letters_) decoder_->rejectTo(dead_letters_.get());
}

void KinesisReader::addSplits(std::vector<SourceSplit> splits) {
    for (const SourceSplit& encoded : splits) {
        if (isNoteTaken(encoded)) {
            finished_.erase(encoded.id);
            context_.splitFinished(encoded.id);  // it is none
            continue;
        }
        if (isRelease(encoded)) {
            context_.splitFinished(encoded.id);
            if (const auto held = held_.extract(encoded.id)) context_.splitFinished(held.mapped());
            continue;
        }
        KinesisSplit split = KinesisSplit::decode(encoded);
        const std::string id = split.shard;
        if (split.finished) {  // restored
            finished_[id] = std::move(split);
            held_[id] = encoded.id;
            events_.sendToEnumerator(shardPassed(id));
            continue;
        }
        fetcher_->add(split);
        shards_[id] = {std::move(split), encoded.id, fmt::format("stream '{}', {}", options_.stream_arn, id)};
    }
}

ReadStatus KinesisReader::poll(Output& output) {
    measure();
    if (!current_ && !takeNext()) {
        context_.wakeAt(ProcessingTime(context_.now().value() + pause_ms_));
        pause_ms_ = std::min(2 * pause_ms_, kKinesisPauseMaxMs);
        return ReadStatus::Nothing;
    }
    pause_ms_ = 1;
    const auto shard = shards_.find(current_->shard);
    read(shard->second, output);
    if (next_record_ == current_->records.records.size()) {
        const bool end = current_->end;
        current_.reset();
        if (end) finish(shard->first);
    }
    return ReadStatus::More;
}

bool KinesisReader::takeNext() {
    current_ = fetcher_->queue().pop([this](const std::string& shard) { return !paused_.contains(shard); });
    next_record_ = 0;
    if (!current_) return false;
    Shard& shard = shards_.at(current_->shard);
    shard.behind_ms = current_->records.behind_ms;
    shard.caught_up |= shard.behind_ms == 0;
    // The user records of a raw record read in part that were read before the restore.
    const KinesisRecords& records = current_->records;
    while (next_record_ < records.records.size()) {
        const KinesisRecords::Record& record = records.records[next_record_];
        if (shard.split.sequence.empty() || records.raws[record.raw].sequence != shard.split.sequence ||
            (shard.split.user_records >= 0 && record.user >= shard.split.user_records))
            break;
        ++next_record_;
    }
    return true;
}

// As many rows as a batch may have; what comes before a failure is counted.
void KinesisReader::read(Shard& shard, Output& output) {
    const KinesisRecords& records = current_->records;
    const KinesisRecords::Record* done = nullptr;
    std::exception_ptr failure;
    while (next_record_ < records.records.size() && rows_.rows() < context_.batchRowsMax()) {
        const KinesisRecords::Record& record = records.records[next_record_];
        try {
            decode(shard, record);
        } catch (...) {
            failure = std::current_exception();
            break;
        }
        done = &record;
        ++next_record_;
    }
    if (done != nullptr) {
        shard.split.sequence = records.raws[done->raw].sequence;
        shard.split.user_records = done->last ? -1 : done->user + 1;
    }
    context_.ofSplit(shard.id);
    if (dead_letters_) dead_letters_->flush();
    emit(output);
    if (failure) std::rethrow_exception(failure);
}

void KinesisReader::decode(const Shard& shard, const KinesisRecords::Record& record) {
    bytes_in_.add(static_cast<int64_t>(record.size));
    const RecordOrigin origin{shard.origin, 0, next_record_};
    const KinesisRecords::Raw& raw = current_->records.raws[record.raw];
    const size_t before = rows_.rows();
    const uint64_t rejected = dead_letters_ ? dead_letters_->count() : 0;
    if (dead_letters_) dead_letters_->fromStream(options_.stream_arn, raw.sequence);
    try {
        if (!decoder_->decodeMessage(current_->records.data(record), origin, rows_) &&
            (!dead_letters_ || dead_letters_->count() == rejected))
            skipped_.add(1);
    } catch (const UserError& error) {
        throw UserError(error.code(),
                        fmt::format("{} (sequence number {})", error.problem().message, raw.sequence),
                        error.problem().hint);
    }
    if (columns_.metadata_keys.empty()) return;
    for (size_t row = before; row < rows_.rows(); ++row) {
        for (size_t i = 0; i < columns_.metadata_keys.size(); ++i)
            appendKinesisMetadata(metadata_.column(i), columns_.metadata_keys[i], shard.split.shard, raw);
        metadata_.endRow();
    }
}

void KinesisReader::emit(Output& output) {
    if (rows_.rows() == 0) return;
    const Batch decoded = rows_.finish();
    if (columns_.metadata_keys.empty()) {
        output.emit(decoded);
        return;
    }
    const Batch metadata = metadata_.finish();
    std::vector<ColumnPtr> columns;
    columns.reserve(columns_.sources.size());
    for (const KinesisColumns::Source& source : columns_.sources)
        columns.push_back((source.metadata ? metadata : decoded).column(source.index));
    output.emit(decoded.withColumns(std::move(columns)));
}

bool KinesisReader::pauseSplits(const std::set<std::string>& ids) {
    paused_.clear();
    for (const auto& [shard, reading] : shards_)
        if (ids.contains(reading.id)) paused_.insert(shard);
    return true;
}

void KinesisReader::finish(const std::string& shard) {
    logInfo("connectors.kinesis", "table '{}': {} was read to its end", options_.table, shard);
    auto node = shards_.extract(shard);
    KinesisSplit split = std::move(node.mapped().split);
    held_[split.shard] = node.mapped().id;
    split.finished = true;
    const std::string id = split.shard;
    finished_[id] = std::move(split);
    events_.sendToEnumerator(shardFinished(id));
}

void KinesisReader::measure() {
    const int64_t now = context_.now().value();
    if (now - measured_ms_ < kKinesisMeasureEveryMs) return;
    measured_ms_ = now;
    int64_t behind = 0;
    bool backlog = false;
    for (const auto& [id, shard] : shards_) {
        behind = std::max(behind, shard.behind_ms);
        backlog |= shard.behind_ms > 0 && !shard.caught_up;
    }
    behind_max_.set(behind);
    backlog_.set(backlog);
    throttled_.set(fetcher_->throttled());
    expired_.set(fetcher_->expired());
}

std::vector<SourceSplit> KinesisReader::snapshot() const {
    std::vector<SourceSplit> splits;
    for (const auto& [id, shard] : shards_)
        splits.push_back(shard.split.encode());
    for (const auto& [id, split] : finished_)
        splits.push_back(split.encode());
    return splits;
}

}  // namespace millrace
