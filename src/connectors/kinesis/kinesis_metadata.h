// What a record's METADATA columns can be: what Kinesis knows of it beside its data.
#pragma once

#include <vector>

#include "batch/batch.h"
#include "connectors/kinesis/kinesis_records.h"
#include "types/metadata_key.h"

namespace millrace {

// "timestamp", "shard-id", "sequence-number", as Flink's, and "partition-key".
std::vector<MetadataKey> kinesisMetadataKeys();

// One row's value of the key at that place of kinesisMetadataKeys().
void appendKinesisMetadata(ColumnBuilder& column, size_t key, const std::string& shard,
                           const KinesisRecords::Raw& raw);

}  // namespace millrace
