// Rooms: connectors
// Whatever Kinesis answers, or somebody in its place: GetRecords, events of SubscribeToShard, records that
// the producer library aggregated, and positions in snapshots. The first byte says which.
#include <string>

#include "base/aws_event_stream.h"
#include "base/error.h"
#include "connectors/kinesis/kinesis_lineage.h"
#include "connectors/kinesis/kinesis_records.h"

namespace millrace {
namespace {

void checkRecords(const KinesisRecords& records) {
    size_t end = 0;
    for (const KinesisRecords::Record& record : records.records) {
        MILLRACE_CHECK(record.raw < records.raws.size() && record.offset == end, "records do not follow");
        end = record.offset + record.size + 1;
        MILLRACE_CHECK(end <= records.bytes.size() && records.bytes[end - 1] == '\n',
                       "a record without its end");
    }
}

void takeEvents(std::string_view bytes) {
    AwsEventStream stream;
    for (size_t at = 0; at < bytes.size(); at += 7) {
        stream.append(bytes.substr(at, 7));
        while (auto event = stream.next())
            checkRecords(parseKinesisRecords(std::move(event->payload)));
    }
}

void keepState(const std::string& text) {
    const KinesisSplit split = KinesisSplit::decode({"a", text});
    MILLRACE_CHECK(KinesisSplit::decode(split.encode()).encode() == split.encode(), "a split changes");
}

void keepLineage(const std::string& text) {
    KinesisLineage lineage(ShardAssigner::Uniform, 3, true), again(ShardAssigner::Uniform, 3, true);
    lineage.restore(text);
    again.restore(lineage.encode());
    MILLRACE_CHECK(again.encode() == lineage.encode(), "a lineage changes");
    for (const auto& assignment : lineage.take())
        MILLRACE_CHECK(assignment.reader < 3, "a reader that there is not");
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace millrace;
    if (size == 0) return 0;
    const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    try {
        switch (data[0] % 5) {
            case 0:
                checkRecords(parseKinesisRecords(bytes));
                break;
            case 1:
                takeEvents(bytes);
                break;
            case 2: {
                KinesisRecords records;
                appendKinesisRecord(records, {"1", "k", 0}, bytes);
                padKinesisRecords(records);
                checkRecords(records);
                break;
            }
            case 3:
                keepState(bytes);
                break;
            default:
                keepLineage(bytes);
        }
    } catch (const UserError& error) {
        MILLRACE_CHECK(error.code() == "kinesis.bad-answer" || error.code() == "aws.bad-event" ||
                           error.code() == "snapshot.damaged",
                       "an error of another kind: {}", error.code());
    }
    return 0;
}
