#include "connectors/kinesis/kinesis_metadata.h"

namespace millrace {
namespace {

enum class KinesisKey : uint8_t { Timestamp, ShardId, SequenceNumber, PartitionKey };

constexpr int64_t kKinesisMicrosOfMilli = 1000;
constexpr int kIdLengthMax = 128;
constexpr int kPartitionKeyLengthMax = 256;

}  // namespace

// In the order of KinesisKey.
std::vector<MetadataKey> kinesisMetadataKeys() {
    const auto never = [](LogicalType type) { return type.withNullable(false); };
    return {
        {"timestamp", never(LogicalType::timestampLtz(3)), false,
         "About when the record came into the stream."},
        {"shard-id", never(LogicalType::varchar(kIdLengthMax)), false, "The shard that it was read from."},
        {"sequence-number", never(LogicalType::varchar(kIdLengthMax)), false, "Its number within the shard."},
        {"partition-key", never(LogicalType::varchar(kPartitionKeyLengthMax)), false, "Its partition key."}};
}

void appendKinesisMetadata(ColumnBuilder& column, size_t key, const std::string& shard,
                           const KinesisRecords::Raw& raw) {
    switch (static_cast<KinesisKey>(key)) {
        case KinesisKey::Timestamp:
            column.append(raw.arrival_ms * kKinesisMicrosOfMilli);
            break;
        case KinesisKey::ShardId:
            column.appendString(shard);
            break;
        case KinesisKey::SequenceNumber:
            column.appendString(raw.sequence);
            break;
        case KinesisKey::PartitionKey:
            column.appendString(raw.partition_key);
            break;
    }
}

}  // namespace millrace
