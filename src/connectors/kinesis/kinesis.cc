// The kinesis connector: streams of Amazon Kinesis Data Streams as tables, with Flink's option names.
#include "connectors/kinesis/kinesis_metadata.h"
#include "connectors/kinesis/kinesis_options.h"
#include "connectors/kinesis/kinesis_sink.h"
#include "connectors/kinesis/kinesis_source.h"
#include "formats/format.h"

namespace millrace {

ConnectorDescriptor describeKinesis() {
    ConnectorDescriptor connector;
    connector.name = "kinesis";
    connector.documentation =
        "Reads a stream of Amazon Kinesis Data Streams without end, every key's records in order also where "
        "shards are split and merged, with its positions in the job's checkpoints; writes a stream, at least "
        "once.";
    connector.options = KinesisOptions::describe();
    connector.uses_format = true;
    connector.nested_projection = [](const TableSpec& spec) {
        return findFormat(KinesisOptions::from(spec).format).nested_projection;
    };
    connector.reads_changes = [](const TableSpec& spec) {
        return findFormat(KinesisOptions::from(spec).format).changelog;
    };
    connector.keeps_dead_letters = true;
    connector.metadata = [](const TableSpec&) { return kinesisMetadataKeys(); };
    connector.make_source = [](const TableSpec& spec) { return makeKinesisSource(spec); };
    connector.make_sink = [](const TableSpec& spec) { return makeKinesisSink(spec); };
    return connector;
}

}  // namespace millrace
