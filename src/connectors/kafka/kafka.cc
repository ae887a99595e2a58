// The kafka connector: topics as tables, with Flink's option names; written exactly once on request.
#include "connectors/kafka/kafka_metadata.h"
#include "connectors/kafka/kafka_options.h"
#include "connectors/kafka/kafka_sink.h"
#include "connectors/kafka/kafka_source.h"
#include "formats/format.h"

namespace millrace {

ConnectorDescriptor describeKafka() {
    ConnectorDescriptor connector;
    connector.name = "kafka";
    connector.documentation =
        "Reads topics of Apache Kafka from a position to the end or without end, with its positions in the "
        "job's "
        "checkpoints; writes a topic, at least once or exactly once.";
    connector.options = KafkaOptions::describe();
    connector.uses_format = true;
    connector.uses_key_format = true;
    connector.nested_projection = [](const TableSpec& spec) {
        const KafkaOptions options = KafkaOptions::from(spec);
        return options.key_columns.empty() && findFormat(options.value_format).nested_projection;
    };
    connector.reads_changes = kafkaReadsChanges;
    connector.keeps_dead_letters = true;
    connector.metadata = [](const TableSpec& spec) { return kafkaMetadataKeys(KafkaOptions::from(spec)); };
    connector.make_source = makeKafkaSource;
    connector.make_sink = makeKafkaSink;
    return connector;
}

}  // namespace millrace
