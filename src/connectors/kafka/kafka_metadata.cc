#include "connectors/kafka/kafka_metadata.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "formats/format.h"
#include "formats/text/is_utf8.h"

namespace millrace {
namespace {

constexpr std::string_view kFormatMetadataPrefix = "value.";
constexpr int64_t kMicrosPerMilli = 1000;

LogicalType headersType() {
    return LogicalType::map(LogicalType::string().withNullable(false),
                            LogicalType::varbinary(LogicalType::kMaxLength));
}

const char* timestampTypeName(rd_kafka_timestamp_type_t type) {
    switch (type) {  // as Kafka's Java client calls them
        case RD_KAFKA_TIMESTAMP_CREATE_TIME:
            return "CreateTime";
        case RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME:
            return "LogAppendTime";
        default:
            return "NoTimestampType";
    }
}

void appendHeaders(const rd_kafka_message_t& message, ColumnBuilder& to) {
    rd_kafka_headers_t* headers = nullptr;
    if (rd_kafka_message_headers(&message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        ColumnBuilder& entries = to.child(0);
        const bool null_values = entries.type().fields()[1].type.nullable();
        const char* name = nullptr;
        const void* value = nullptr;
        size_t size = 0;
        const size_t count = rd_kafka_header_cnt(headers);
        for (size_t i = 0; i < count; ++i) {
            if (rd_kafka_header_get_all(headers, i, &name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR)
                break;
            // A map has a key once; of headers of one name the last one counts.
            bool again = false;
            for (size_t j = i + 1; j < count && !again; ++j) {
                const char* other = nullptr;
                again = rd_kafka_header_get_all(headers, j, &other, &value, &size) ==
                            RD_KAFKA_RESP_ERR_NO_ERROR &&
                        std::string_view(other) == name;
            }
            if (again) continue;
            rd_kafka_header_get_all(headers, i, &name, &value, &size);
            entries.child(0).appendString(text::toUtf8(name));  // clients may give any bytes
            if (value == nullptr && null_values)
                entries.child(1).appendNull();
            else
                entries.child(1).appendString(value == nullptr
                                                  ? std::string_view()
                                                  : std::string_view(static_cast<const char*>(value), size));
            entries.endStruct();
        }
    }
    to.endList();
}

}  // namespace

std::vector<MetadataKey> kafkaMetadataKeys(const KafkaOptions& options) {
    std::vector<MetadataKey> keys;
    for (MetadataKey key : findFormat(options.value_format).metadata) {
        key.name = std::string(kFormatMetadataPrefix) + key.name;
        key.writable = false;
        keys.push_back(std::move(key));
    }
    const auto never = [](const LogicalType& type) { return type.withNullable(false); };
    keys.push_back({"topic", never(LogicalType::string()), false, "The topic of the message."});
    keys.push_back({"partition", never(LogicalType::integer()), false, "The partition of the message."});
    keys.push_back({"headers", never(headersType()), true,
                    "The message's headers; of headers of one name the last one."});
    keys.push_back({"leader-epoch", LogicalType::integer(), false,
                    "The epoch of the partition's leader; NULL, as the client library does not tell it."});
    keys.push_back({"offset", never(LogicalType::bigint()), false, "The offset in the partition."});
    keys.push_back({"timestamp", never(LogicalType::timestampLtz(3)), true, "The message's timestamp."});
    keys.push_back({"timestamp-type", never(LogicalType::string()), false,
                    "Of the timestamp: 'NoTimestampType', 'CreateTime' or 'LogAppendTime'."});
    return keys;
}

std::optional<std::string> kafkaFormatMetadata(const std::string& key) {
    if (!key.starts_with(kFormatMetadataPrefix)) return std::nullopt;
    return key.substr(kFormatMetadataPrefix.size());
}

KafkaMetadataReader::KafkaMetadataReader(const std::vector<std::string>& keys, const Schema& schema) {
    static constexpr std::array<std::pair<std::string_view, Key>, 7> kKeys{
        {{"topic", Key::Topic},
         {"partition", Key::Partition},
         {"headers", Key::Headers},
         {"leader-epoch", Key::LeaderEpoch},
         {"offset", Key::Offset},
         {"timestamp", Key::Timestamp},
         {"timestamp-type", Key::TimestampType}}};
    for (size_t i = 0; i < keys.size(); ++i) {
        const auto* const found =
            std::find_if(kKeys.begin(), kKeys.end(), [&](const auto& one) { return one.first == keys[i]; });
        MILLRACE_CHECK(found != kKeys.end(), "no metadata key '{}'", keys[i]);
        keys_.push_back(found->second);
        columns_.emplace_back(schema[i].type);
    }
}

void KafkaMetadataReader::append(const rd_kafka_message_t& message, std::string_view topic, size_t rows) {
    for (size_t i = 0; i < keys_.size(); ++i) {
        for (size_t row = 0; row < rows; ++row)
            appendOne(keys_[i], columns_[i], message, topic);
    }
}

void KafkaMetadataReader::appendOne(Key key, ColumnBuilder& to, const rd_kafka_message_t& message,
                                    std::string_view topic) {
    switch (key) {
        case Key::Topic:
            to.appendString(topic);
            return;
        case Key::Partition:
            to.append<int32_t>(message.partition);
            return;
        case Key::Headers:
            appendHeaders(message, to);
            return;
        case Key::LeaderEpoch:
            to.appendNull();
            return;
        case Key::Offset:
            to.append<int64_t>(message.offset);
            return;
        case Key::Timestamp:
        case Key::TimestampType: {
            rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
            const int64_t timestamp_ms = rd_kafka_message_timestamp(&message, &type);
            if (key == Key::Timestamp)
                to.append<int64_t>(timestamp_ms * kMicrosPerMilli);
            else
                to.appendString(timestampTypeName(type));
            return;
        }
    }
}

std::vector<ColumnPtr> KafkaMetadataReader::finish() {
    std::vector<ColumnPtr> out;
    out.reserve(columns_.size());
    for (ColumnBuilder& column : columns_)
        out.push_back(column.finish());
    return out;
}

KafkaMetadataWriter::KafkaMetadataWriter(const std::vector<MetadataColumn>& metadata) {
    for (const MetadataColumn& column : metadata)
        (column.key == "headers" ? headers_ : timestamp_) = column.column;
}

int64_t KafkaMetadataWriter::timestampMs(const Batch& batch, size_t row) const {
    if (!timestamp_ || batch.column(*timestamp_)->isNull(row)) return 0;
    const int64_t micros = batch.column(*timestamp_)->data<int64_t>()[row];
    const int64_t ms = micros / kMicrosPerMilli - (micros % kMicrosPerMilli < 0 ? 1 : 0);
    if (ms <= 0)
        throw UserError("kafka.bad-timestamp",
                        "a message of a Kafka topic cannot have a timestamp that is not after 1970-01-01",
                        "the metadata column 'timestamp' has such a value");
    return ms;
}

KafkaPtr<rd_kafka_headers_t> KafkaMetadataWriter::headers(const Batch& batch, size_t row) const {
    if (!headers_ || batch.column(*headers_)->isNull(row)) return nullptr;
    const Column& map = *batch.column(*headers_);
    const int32_t* const offsets = map.data<int32_t>();
    const Column& names = *map.children()[0]->children()[0];
    const Column& values = *map.children()[0]->children()[1];
    KafkaPtr<rd_kafka_headers_t> out(
        rd_kafka_headers_new(static_cast<size_t>(offsets[row + 1] - offsets[row])));
    for (auto i = static_cast<size_t>(offsets[row]); i < static_cast<size_t>(offsets[row + 1]); ++i) {
        if (names.isNull(i))
            throw UserError("kafka.bad-header", "a header of a Kafka message cannot have the name NULL",
                            "the metadata column 'headers' has such a key");
        const std::string_view name = names.data<StringView>()[i].view();
        const bool null = values.isNull(i);
        const std::string_view value = null ? std::string_view() : values.data<StringView>()[i].view();
        rd_kafka_header_add(out.get(), name.data(), static_cast<ssize_t>(name.size()),
                            null ? nullptr : value.data(), null ? -1 : static_cast<ssize_t>(value.size()));
    }
    return out;
}

}  // namespace millrace
