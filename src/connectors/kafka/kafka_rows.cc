#include "connectors/kafka/kafka_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace millrace {
namespace {

// What a deletion tells is its key.
void addNulls(BatchBuilder& rows) {
    for (size_t column = 0; column < rows.columnCount(); ++column)
        rows.column(column).appendNull();
    rows.endRow();
}

}  // namespace

bool KafkaColumns::fromValueAlone() const {
    return std::all_of(sources.begin(), sources.end(),
                       [](const Source& source) { return source.from == From::Value; });
}

KafkaRows::KafkaRows(bool upsert, const KafkaColumns& columns, std::unique_ptr<Decoder> value,
                     std::unique_ptr<Decoder> key, DeadLetterRows* dead_letters)
    : upsert_(upsert),
      columns_(columns),
      value_(std::move(value)),
      key_(std::move(key)),
      dead_letters_(dead_letters),
      value_rows_(columns.value),
      key_rows_(columns.key),
      metadata_(columns.metadata_keys, columns.metadata),
      value_alone_(columns.fromValueAlone()) {
    if (dead_letters_ == nullptr) return;
    value_->rejectTo(dead_letters_);
    if (key_) key_->rejectTo(dead_letters_);
}

std::string_view KafkaRows::copied(const void* bytes, size_t size) {
    // A line end behind it is what the text formats are quickest with.
    if (buffer_.size() < size + 1 + kDecoderPadding) buffer_.resize(2 * (size + 1 + kDecoderPadding));
    if (size > 0) std::memcpy(buffer_.data(), bytes, size);
    buffer_[size] = '\n';
    return {buffer_.data(), size};
}

bool KafkaRows::add(const rd_kafka_message_t& message, const std::string& topic, const RecordOrigin& origin) {
    if (message.payload == nullptr && !upsert_) return true;  // of no row
    if (dead_letters_ != nullptr) {
        dead_letters_->from(topic, message.partition);
        dead_letters_->message({static_cast<const char*>(message.key), message.key_len},
                               {static_cast<const char*>(message.payload), message.len});
    }
    const size_t before = value_rows_.rows(), keys_before = key_rows_.rows();
    const uint64_t rejected_before = rejected();
    bool taken = false;
    try {
        taken = addKey(message, origin) && addValue(message, origin);
        if (key_) matchKeys(message, origin, value_rows_.rows());
    } catch (...) {
        value_rows_.truncate(before);
        key_rows_.truncate(keys_before);
        throw;
    }
    const size_t made = value_rows_.rows() - before;
    metadata_.append(message, topic, made);
    if (upsert_)
        kinds_.insert(kinds_.end(), made,
                      message.payload == nullptr ? RowKind::Delete : RowKind::UpdateAfter);
    return taken || rejected() > rejected_before;  // not passed over, but kept elsewhere
}

// False where the message is a dead letter for its key: no row comes of its value.
bool KafkaRows::addKey(const rd_kafka_message_t& message, const RecordOrigin& origin) {
    if (message.key != nullptr) {
        if (!key_) return true;
        const uint64_t before = rejected();
        key_->decodeMessage(copied(message.key, message.key_len), origin, key_rows_);
        return rejected() == before;
    }
    if (!upsert_) return true;
    const std::string error =
        fmt::format("{}, offset {}: the message has no key", origin.source, message.offset);
    if (dead_letters_ == nullptr)
        throw UserError("data.malformed", error,
                        "a table of the connector upsert-kafka has one row for each key");
    dead_letters_->reject({"", cause::kMissing, error, 0, origin.offset});
    return false;
}

bool KafkaRows::addValue(const rd_kafka_message_t& message, const RecordOrigin& origin) {
    if (message.payload != nullptr)
        return value_->decodeMessage(copied(message.payload, message.len), origin, value_rows_);
    addNulls(value_rows_);
    return true;
}

// A row of the key for each one of the value: NULLs for a message without a key, and one that is passed over.
void KafkaRows::matchKeys(const rd_kafka_message_t& message, const RecordOrigin& origin, size_t rows) {
    while (key_rows_.rows() < rows) {
        const size_t before = key_rows_.rows();
        if (message.key != nullptr)
            key_->decodeMessage(copied(message.key, message.key_len), origin, key_rows_);
        if (key_rows_.rows() == before) addNulls(key_rows_);
    }
    key_rows_.truncate(rows);
}

Batch KafkaRows::finish() {
    Batch values = value_rows_.finish();
    if (upsert_) values.setKinds(std::exchange(kinds_, {}));
    if (value_alone_) return values;
    const Batch keys = key_ ? key_rows_.finish() : Batch();
    const std::vector<ColumnPtr> metadata = metadata_.finish();
    std::vector<ColumnPtr> columns;
    columns.reserve(columns_.sources.size());
    for (const auto& [from, index] : columns_.sources)
        columns.push_back(from == KafkaColumns::From::Metadata ? metadata[index]
                          : from == KafkaColumns::From::Key    ? keys.column(index)
                                                               : values.column(index));
    return values.withColumns(std::move(columns));
}

}  // namespace millrace
