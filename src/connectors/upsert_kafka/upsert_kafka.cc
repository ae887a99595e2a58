// The upsert-kafka connector: a topic as a table of the newest value of each key. A message replaces the one
// of its key, and one without a value (a tombstone) deletes it.
#include "connectors/kafka/kafka_metadata.h"
#include "connectors/kafka/kafka_options.h"
#include "connectors/kafka/kafka_sink.h"
#include "connectors/kafka/kafka_source.h"

namespace millrace {

ConnectorDescriptor describeUpsertKafka() {
    ConnectorDescriptor connector;
    connector.name = kUpsertKafka;
    connector.documentation =
        "A topic of Apache Kafka as a table of the newest value of each key, which is the table's primary "
        "key: read from its beginning as a changelog, and written with a message for each change.";
    connector.options = KafkaOptions::describeUpsert();
    connector.uses_format = true;
    connector.uses_key_format = true;
    connector.reads_upserts = true;
    connector.reads_changes = kafkaReadsChanges;
    connector.keeps_dead_letters = true;
    connector.metadata = [](const TableSpec& spec) { return kafkaMetadataKeys(KafkaOptions::from(spec)); };
    connector.make_source = makeKafkaSource;
    connector.make_sink = makeKafkaSink;
    return connector;
}

}  // namespace millrace
