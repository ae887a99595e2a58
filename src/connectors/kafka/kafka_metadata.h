// Metadata columns of a Kafka table: what the reader takes from messages, and the writer puts into them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/kafka/kafka_client.h"
#include "connectors/kafka/kafka_options.h"

namespace millrace {

// The keys of a table's metadata: the value format's as "value.<name>", then the messages' own.
std::vector<MetadataKey> kafkaMetadataKeys(const KafkaOptions& options);
// The format's name of a key such as "value.source.timestamp"; nothing for one of the messages' own.
std::optional<std::string> kafkaFormatMetadata(const std::string& key);

// Columns of messages' own keys, built message by message.
class KafkaMetadataReader {
  public:
    // `schema` has a field for each of `keys`, which are kafkaMetadataKeys() or of equal type but for NULL.
    KafkaMetadataReader(const std::vector<std::string>& keys, const Schema& schema);

    bool empty() const { return keys_.empty(); }
    // A message that made so many rows.
    void append(const rd_kafka_message_t& message, std::string_view topic, size_t rows);
    std::vector<ColumnPtr> finish();

  private:
    enum class Key : uint8_t { Topic, Partition, Headers, LeaderEpoch, Offset, Timestamp, TimestampType };
    static void appendOne(Key key, ColumnBuilder& to, const rd_kafka_message_t& message,
                          std::string_view topic);

    std::vector<Key> keys_;
    std::vector<ColumnBuilder> columns_;
};

// The columns of a sink's rows that become a message's headers and its timestamp.
class KafkaMetadataWriter {
  public:
    explicit KafkaMetadataWriter(const std::vector<MetadataColumn>& metadata);

    bool empty() const { return !headers_ && !timestamp_; }
    int64_t timestampMs(const Batch& batch, size_t row) const;  // 0: when it is sent
    KafkaPtr<rd_kafka_headers_t> headers(const Batch& batch, size_t row) const;

  private:
    std::optional<size_t> headers_, timestamp_;
};

}  // namespace millrace
