// Rooms: connectors
// Messages of a topic, whoever wrote them: key and value in several formats, with and without dead letters,
// tombstones, metadata; and what a snapshot keeps of a source and of transactions. The first byte says which.
#include <librdkafka/rdkafka.h>

#include <array>
#include <optional>
#include <string>

#include "base/error.h"
#include "connectors/kafka/kafka_rows.h"
#include "connectors/kafka/kafka_split.h"
#include "connectors/kafka/kafka_transaction.h"
#include "runtime/dead_letters.h"

namespace millrace {
namespace {

constexpr std::array kValueFormats{"json", "csv", "raw", "debezium-json", "avro"};
constexpr std::array kKeyFormats{"", "csv", "json", "raw"};

class Reading final : public SourceReaderContext, public Output {
  public:
    const Environment& environment() const override { return environment_; }
    MetricGroup& metrics() override { return metrics_; }
    ProcessingTime now() const override { return ProcessingTime(0); }
    Random& random() override { return random_; }
    SlotIndex subtask() const override { return SlotIndex(0); }
    uint32_t parallelism() const override { return 1; }
    size_t batchRowsMax() const override { return 4096; }
    void requestSplit() override {}
    void wakeAt(ProcessingTime) override {}
    void emit(Batch batch) override { letters += batch.rows(); }
    void emitWatermark(EventTime) override {}
    void emitIdle(bool) override {}
    size_t letters = 0;

  private:
    Environment environment_;
    MetricGroup metrics_;
    Random random_{1};
};

// Each: a byte of flags (1: a key, 2: a value), the sizes of both in a byte each, and the two.
class Messages {
  public:
    explicit Messages(std::string_view bytes) : left_(bytes) {}
    bool next(rd_kafka_message_t& message) {
        if (left_.size() < 3) return false;
        const auto flags = static_cast<uint8_t>(left_[0]);
        const size_t key_size = static_cast<uint8_t>(left_[1]), value_size = static_cast<uint8_t>(left_[2]);
        left_.remove_prefix(3);
        key_ = take(key_size);
        value_ = take(value_size);
        message.key = (flags & 1) != 0 ? key_.data() : nullptr;
        message.key_len = (flags & 1) != 0 ? key_.size() : 0;
        message.payload = (flags & 2) != 0 ? value_.data() : nullptr;
        message.len = (flags & 2) != 0 ? value_.size() : 0;
        ++message.offset;
        return true;
    }

  private:
    std::string take(size_t size) {
        const std::string taken(left_.substr(0, size));
        left_.remove_prefix(taken.size());
        return taken;
    }
    std::string_view left_;
    std::string key_, value_;
};

KafkaColumns columnsOf(bool has_key) {
    using From = KafkaColumns::From;
    KafkaColumns columns;
    columns.metadata = Schema({{"topic", LogicalType::string()}, {"offset", LogicalType::bigint()}});
    columns.metadata_keys = {"topic", "offset"};
    columns.sources = {{From::Value, 0}, {From::Metadata, 1}, {From::Metadata, 0}};
    if (!has_key) return columns;
    columns.key = Schema({{"k", LogicalType::string()}});
    columns.sources.push_back({From::Key, 0});
    return columns;
}

void checkRows(const Batch& batch, size_t columns) {
    MILLRACE_CHECK(batch.columns().size() == columns, "columns are missing");
    for (size_t column = 0; column < columns; ++column) {
        MILLRACE_CHECK(batch.column(column)->size() == batch.rows(), "a column has other rows");
        for (size_t row = 0; row < batch.rows(); ++row)
            batch.column(column)->textAt(row);
    }
}

void readMessages(uint8_t how, uint8_t more, std::string_view bytes) {
    const std::string value_format = kValueFormats[how % kValueFormats.size()];
    const std::string key_format = kKeyFormats[more % kKeyFormats.size()];
    const bool upsert = (more & 16) != 0 && !key_format.empty() && value_format != "debezium-json";
    KafkaColumns columns = columnsOf(!key_format.empty());
    columns.value = value_format == "raw" ? Schema({{"v", LogicalType::string()}})
                                          : Schema({{"v", LogicalType::bigint()},
                                                    {"text", LogicalType::string()},
                                                    {"at", LogicalType::timestamp(3)}});
    const auto decoder = [](const std::string& format, const Schema& schema) {
        return findFormat(format).make_decoder(schema, wholeColumns(schema), {});
    };
    Reading reading;
    std::optional<DeadLetterRows> letters;
    if ((more & 32) != 0) letters.emplace(deadLetterColumns(), "t", reading, reading);
    KafkaRows rows(upsert, columns, decoder(value_format, columns.value),
                   key_format.empty() ? nullptr : decoder(key_format, columns.key),
                   letters ? &*letters : nullptr);
    Messages messages(bytes);
    rd_kafka_message_t message{};
    message.partition = 3;
    while (messages.next(message)) {
        try {
            rows.add(message, "t", {"topic 't', partition 3", 0, static_cast<uint64_t>(message.offset)});
        } catch (const UserError& error) {
            MILLRACE_CHECK(!letters, "a message that fails although there are dead letters: {}",
                           error.problem().message);
        }
    }
    if (letters) letters->flush();
    MILLRACE_CHECK(!letters || letters->count() == reading.letters, "dead letters are lost");
    if (!rows.empty()) checkRows(rows.finish(), columns.sources.size());
}

void keepSnapshots(bool of_sink, const std::string& text) {
    try {
        if (of_sink) {
            const KafkaCommittable one = KafkaCommittable::decode(text);
            MILLRACE_CHECK(KafkaCommittable::decode(one.encode()).encode() == one.encode(),
                           "a committable changes");
        } else {
            const KafkaSplit one = KafkaSplit::decode({"a", text});
            MILLRACE_CHECK(KafkaSplit::decode(one.encode()).encode() == one.encode(), "a split changes");
        }
    } catch (const UserError& error) {
        MILLRACE_CHECK(error.code() == "snapshot.damaged", "an error of another kind: {}", error.code());
    }
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace millrace;
    if (size < 2) return 0;
    const std::string bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
    if (data[0] >= 250) {
        keepSnapshots(data[0] % 2 == 0, bytes);
    } else {
        readMessages(data[0], data[1], bytes);
    }
    return 0;
}
