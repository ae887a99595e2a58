// Options, settings and what is kept in snapshots. What needs a broker is tested with a real one
// (tests/e2e/kafka_test.py).
#include "base/error.h"
#include "connectors/kafka/kafka_enumerator.h"
#include "connectors/kafka/kafka_metadata.h"
#include "connectors/kafka/kafka_options.h"
#include "connectors/kafka/kafka_prefetch.h"
#include "connectors/kafka/kafka_rows.h"
#include "connectors/kafka/kafka_split.h"
#include "connectors/kafka/kafka_transaction.h"
#include "connectors/shared/source_test_harness.h"

namespace millrace {
namespace {

TableSpec kafkaTable(std::map<std::string, std::string> options) {
    TableSpec spec;
    spec.name = "t";
    spec.schema = Schema({{"id", LogicalType::bigint()}, {"k_name", LogicalType::string()}});
    spec.projectAll();
    spec.options = {{"connector", "kafka"},
                    {"topic", "a"},
                    {"properties.bootstrap.servers", "localhost:1"},
                    {"format", "json"}};
    spec.options.merge(options);
    for (const auto& [key, value] : options)  // those that were there already
        spec.options[key] = value;
    std::erase_if(spec.options, [](const auto& option) { return option.second == "-"; });
    return spec;
}

std::string sourceError(const std::map<std::string, std::string>& options) {
    try {
        collectedConnector("kafka").make_source(kafkaTable(options));
        return "";
    } catch (const UserError& error) {
        return std::string(error.code()) + ": " + error.what();
    }
}

TEST(KafkaOptions, whatDoesNotGoTogetherIsAnError) {
    const std::map<std::string, std::string> earliest{{"scan.startup.mode", "earliest-offset"}};
    EXPECT_EQ(sourceError(earliest), "");
    const auto with = [&](std::map<std::string, std::string> more) {
        more.merge(std::map<std::string, std::string>(earliest));
        return sourceError(more);
    };
    EXPECT_NE(sourceError({}).find("'properties.group.id'"), std::string::npos);
    EXPECT_NE(with({{"topic", "-"}}).find("topic"), std::string::npos);
    EXPECT_NE(with({{"topic-pattern", "a.*"}}).find("topic-pattern"), std::string::npos);
    EXPECT_NE(with({{"topic", "-"}, {"topic-pattern", "("}}).find("not a regular expression"),
              std::string::npos);
    EXPECT_NE(with({{"key.format", "json"}}).find("'key.fields'"), std::string::npos);
    EXPECT_NE(with({{"key.fields", "id"}}).find("'key.format'"), std::string::npos);
    EXPECT_NE(with({{"key.format", "json"}, {"key.fields", "nobody"}}).find("'nobody'"), std::string::npos);
    EXPECT_NE(with({{"key.format", "json"}, {"key.fields", "k_name"}, {"key.fields-prefix", "k_"}})
                  .find("EXCEPT_KEY"),
              std::string::npos);
    EXPECT_NE(with({{"value.format", "json"}}).find("the same option"), std::string::npos);
    EXPECT_NE(with({{"scan.startup.mode", "timestamp"}}).find("timestamp-millis"), std::string::npos);
    for (const char* text : {"", "partition:0", "partition:0,offset:x", "0:1", "partition:0,offset:1;;"})
        EXPECT_NE(with({{"scan.startup.mode", "specific-offsets"}, {"scan.startup.specific-offsets", text}})
                      .find("specific-offsets"),
                  std::string::npos)
            << text;
    EXPECT_NE(with({{"topic", "a;b"},
                    {"scan.startup.mode", "specific-offsets"},
                    {"scan.startup.specific-offsets", "partition:0,offset:1"}})
                  .find("single"),
              std::string::npos);
    EXPECT_NE(with({{"sink.partitioner", "org.example.Mine"}}).find("classes of Java"), std::string::npos);
    EXPECT_NE(with({{"properties.linger.ms", "soon"}}).find("linger.ms"), std::string::npos);
}

TEST(KafkaOptions, columnsOfKeyAndValue) {
    const TableSpec spec = kafkaTable({{"key.format", "csv"},
                                       {"key.fields", "k_name"},
                                       {"key.fields-prefix", "k_"},
                                       {"key.csv.null-literal", "n"},
                                       {"value.fields-include", "EXCEPT_KEY"}});
    const KafkaOptions options = KafkaOptions::from(spec);
    EXPECT_EQ(options.keySchema(spec.schema)[0].name, "name");
    EXPECT_EQ(options.valueSchema(spec.schema).size(), 1u);
    EXPECT_EQ(options.key_format_options.at("csv.null-literal"), "n");
    EXPECT_FALSE(options.format_options.contains("key.csv.null-literal"));
}

TEST(KafkaOptions, offsetsAreCommittedWhereThereIsAGroup) {
    EXPECT_FALSE(KafkaOptions::from(kafkaTable({})).commit_offsets);
    const std::string commit = "properties.commit.offsets.on.checkpoint";
    const KafkaOptions grouped = KafkaOptions::from(kafkaTable({{"properties.group.id", "g"}}));
    EXPECT_TRUE(grouped.commit_offsets);
    EXPECT_FALSE(grouped.settings.contains("commit.offsets.on.checkpoint"));
    EXPECT_FALSE(
        KafkaOptions::from(kafkaTable({{"properties.group.id", "g"}, {commit, "false"}})).commit_offsets);
    EXPECT_NE(sourceError({{"scan.startup.mode", "earliest-offset"}, {commit, "true"}})
                  .find("'properties.group.id'"),
              std::string::npos);
}

TEST(KafkaOptions, anUpsertTableIsKeyedByItsPrimaryKey) {
    const std::map<std::string, std::string> options{
        {"connector", "upsert-kafka"}, {"format", "-"}, {"key.format", "csv"}, {"value.format", "json"}};
    TableSpec spec = kafkaTable(options);
    spec.primary_key = {"k_name"};
    const KafkaOptions upsert = KafkaOptions::from(spec);
    EXPECT_EQ(upsert.key_columns, std::vector<size_t>{1});
    EXPECT_EQ(upsert.value_columns, (std::vector<size_t>{0, 1}));
    EXPECT_EQ(upsert.start.kind, KafkaPosition::Kind::Earliest);
    const auto error = [&](std::map<std::string, std::string> more,
                           std::vector<std::string> key) -> std::string {
        for (const auto& option : options)
            more.insert(option);
        TableSpec wrong = kafkaTable(more);
        wrong.primary_key = std::move(key);
        try {
            KafkaOptions::from(wrong);
            return "";
        } catch (const UserError& failure) {
            return std::string(failure.code()) + ": " + failure.what();
        }
    };
    EXPECT_EQ(error({}, {"id"}), "");
    EXPECT_NE(error({}, {}).find("sql.no-primary-key"), std::string::npos);
    EXPECT_NE(error({{"key.format", "-"}}, {"id"}).find("'key.format'"), std::string::npos);
    EXPECT_NE(error({{"value.format", "-"}}, {"id"}).find("'value.format'"), std::string::npos);
    EXPECT_NE(error({{"sink.buffer-flush.max-rows", "10"}}, {"id"}).find("buffers nothing"),
              std::string::npos);
    EXPECT_EQ(error({{"sink.buffer-flush.max-rows", "10"}, {"sink.buffer-flush.interval", "1s"}}, {"id"}),
              "");
}

// Column by column, what lies in the message itself. What the client library keeps behind it (headers, the
// timestamp) takes a message of a broker: tests/e2e/kafka_test.py.
TEST(KafkaMetadata, columnsOfAMessage) {
    const std::vector<std::string> names{"topic", "partition", "offset", "leader-epoch"};
    const std::vector<MetadataKey> keys = kafkaMetadataKeys(KafkaOptions::from(kafkaTable({})));
    std::vector<Field> fields;
    for (const std::string& name : names)
        for (const MetadataKey& key : keys)
            if (key.name == name) fields.push_back({name, key.type});
    ASSERT_EQ(fields.size(), names.size());
    KafkaMetadataReader reader(names, Schema(fields));
    rd_kafka_message_t message{};
    message.partition = 3;
    message.offset = 42;
    reader.append(message, "orders", 2);
    const std::vector<ColumnPtr> columns = reader.finish();
    std::string text;
    for (const ColumnPtr& column : columns) {
        ASSERT_EQ(column->size(), 2u);
        text += column->textAt(1) + " ";
    }
    EXPECT_EQ(text, "orders 3 42 NULL ");
    EXPECT_EQ(kafkaFormatMetadata("value.source.table"), "source.table");
    EXPECT_EQ(kafkaFormatMetadata("timestamp"), std::nullopt);
}

TEST(KafkaMetadata, whatCannotBeWrittenIsAnError) {
    const KafkaMetadataWriter writer({{0, "timestamp"}});
    const auto batch = [](int64_t micros) {
        return Batch(1, {Column::constant(LogicalType::timestampLtz(3), Value::int64(micros), 1)});
    };
    EXPECT_EQ(writer.timestampMs(batch(1'999), 0), 1);
    EXPECT_THROW(writer.timestampMs(batch(0), 0), UserError);
    EXPECT_THROW(writer.timestampMs(batch(-1), 0), UserError);
    EXPECT_EQ(writer.headers(batch(1), 0), nullptr);
}

// Messages of a key and a value of JSON texts, with their offsets; "-" for none.
class KafkaRowsOf {
  public:
    explicit KafkaRowsOf(bool upsert) {
        columns.value = Schema({{"v", LogicalType::integer()}});
        columns.key = Schema({{"k", LogicalType::integer()}});
        columns.metadata = Schema({{"offset", LogicalType::bigint()}});
        columns.metadata_keys = {"offset"};
        using From = KafkaColumns::From;
        columns.sources = {{From::Key, 0}, {From::Value, 0}, {From::Metadata, 0}};
        const auto decoder = [](const Schema& schema, const char* name) {
            return findFormat(name).make_decoder(schema, wholeColumns(schema), {});
        };
        rows.emplace(upsert, columns, decoder(columns.value, "json"), decoder(columns.key, "csv"), nullptr);
    }
    std::string add(std::string key, std::string value) {
        rd_kafka_message_t message{};
        message.offset = offset++;
        if (key != "-") message.key = key.data(), message.key_len = key.size();
        if (value != "-") message.payload = value.data(), message.len = value.size();
        try {
            rows->add(message, "t", {"topic 't', partition 0", 0, static_cast<uint64_t>(message.offset)});
            return "";
        } catch (const UserError& error) {
            return error.problem().message;
        }
    }
    std::string finish() {
        const Batch batch = rows->finish();
        std::string text;
        for (size_t row = 0; row < batch.rows(); ++row)
            text += batch.column(0)->textAt(row) + "|" + batch.column(1)->textAt(row) + "|" +
                    batch.column(2)->textAt(row) + " ";
        return text;
    }
    KafkaColumns columns;
    std::optional<KafkaRows> rows;
    int64_t offset = 0;
};

TEST(KafkaRows, aMessageThatFailsLeavesNothing) {
    KafkaRowsOf messages(false);
    EXPECT_EQ(messages.add("1", R"({"v":10})"), "");
    EXPECT_EQ(messages.add("x", R"({"v":20})"),
              "topic 't', partition 0, offset 1, column 1: field 'k': 'x' is not an INT");
    EXPECT_NE(messages.add("3", R"({"v":)"), "");
    EXPECT_EQ(messages.add("4", "-"), "");
    EXPECT_EQ(messages.add("-", R"({"v":50})"), "");
    EXPECT_EQ(messages.finish(), "1|10|0 NULL|50|4 ");
    KafkaRowsOf upserts(true);
    EXPECT_EQ(upserts.add("1", "-"), "");
    EXPECT_NE(upserts.add("-", "-"), "");
    EXPECT_NE(upserts.add("x", "-"), "");
    EXPECT_EQ(upserts.add("2", R"({"v":20})"), "");
    EXPECT_EQ(upserts.finish(), "1|NULL|0 2|20|3 ");
}

TEST(KafkaSettings, javaNamesAreUnderstood) {
    const auto of = [](const std::map<std::string, std::string>& options) {
        return kafkaSettings("t", options);
    };
    EXPECT_EQ(of({{"properties.sasl.jaas.config", R"(org.Plain required username="me" password="a\"b\\c";)"},
                  {"properties.sasl.mechanism", "PLAIN"},
                  {"topic", "x"}}),
              (KafkaSettings{
                  {"sasl.username", "me"}, {"sasl.password", R"(a"b\c)"}, {"sasl.mechanisms", "PLAIN"}}));
    EXPECT_EQ(of({{"properties.ssl.truststore.type", "PEM"},
                  {"properties.ssl.truststore.location", "/ca.pem"},
                  {"properties.ssl.keystore.type", "PEM"},
                  {"properties.ssl.keystore.location", "/me.pem"},
                  {"properties.ssl.endpoint.identification.algorithm", ""}}),
              (KafkaSettings{{"ssl.ca.location", "/ca.pem"},
                             {"ssl.certificate.location", "/me.pem"},
                             {"ssl.key.location", "/me.pem"},
                             {"ssl.endpoint.identification.algorithm", "none"}}));
    EXPECT_EQ(of({{"properties.auto.offset.reset", "none"},
                  {"properties.buffer.memory", "33554432"},
                  {"properties.key.deserializer", "x"}}),
              (KafkaSettings{{"auto.offset.reset", "error"}, {"queue.buffering.max.kbytes", "32768"}}));
    EXPECT_THROW(of({{"properties.ssl.truststore.type", "JKS"}}), UserError);
    EXPECT_THROW(of({{"properties.ssl.truststore.location", "/trust.jks"}}), UserError);
    EXPECT_THROW(of({{"properties.sasl.jaas.config", "username=me"}}), UserError);
    EXPECT_THROW(kafkaConf("t", {{"no.such.thing", "1"}}), UserError);
}

TEST(KafkaPrefetch, threadsThatFoundTheQueueFullAreWokenOnceItIsNot) {
    KafkaSettings settings = {{"queued.min.messages", "1000"}};
    KafkaPrefetch prefetch(settings);
    EXPECT_EQ(settings.at("queued.min.messages"), "1000");
    EXPECT_EQ(settings.at("queued.max.messages.kbytes"), "32768");
    if (rd_kafka_version() >= 0x020200ff) {  // a setting does it
        EXPECT_EQ(settings.at("fetch.queue.backoff.ms"), "10");
        return;
    }
    EXPECT_FALSE(prefetch.isDue(100, 100, 100)) << "it was never full";
    EXPECT_FALSE(prefetch.isDue(900, 100, 100));
    EXPECT_FALSE(prefetch.isDue(500, 400, 400));
    EXPECT_TRUE(prefetch.isDue(400, 100, 100));
    EXPECT_FALSE(prefetch.isDue(0, 400, 400)) << "once is enough";
    EXPECT_TRUE(prefetch.isDue(0, 1000, 1000)) << "all of it at once";
    constexpr size_t kMegabyte = 1 << 20;
    EXPECT_TRUE(prefetch.isDue(1, 31, 31 * kMegabyte)) << "full by its bytes";
}

TEST(KafkaSplit, isReadAsItWasWritten) {
    const KafkaSplit split{"my.topic-1", 7, 1LL << 40, 1LL << 41};
    const KafkaSplit read = KafkaSplit::decode(split.encode());
    EXPECT_EQ(read.id(), "my.topic-1-7");
    EXPECT_EQ(read.next, split.next);
    EXPECT_EQ(read.end, split.end);
    EXPECT_EQ(KafkaSplit::decode(KafkaSplit{"a", 0, 0, std::nullopt}.encode()).end, std::nullopt);
    for (const char* text :
         {"", "1", "1 2 3 4", "2 0 0 -1 a", "1 -1 0 -1 a", "1 99999999999 0 -1 a", "1 0 x -1 a"})
        EXPECT_THROW(KafkaSplit::decode({"a", text}), UserError) << text;
}

TEST(KafkaEnumerator, aCheckpointBeforeTheFirstLookLeavesItToCome) {
    const KafkaOptions options = KafkaOptions::from(kafkaTable({{"scan.startup.mode", "latest-offset"}}));
    EXPECT_EQ(KafkaEnumerator(options, std::nullopt).snapshot(), "");
    EXPECT_EQ(KafkaEnumerator(options, "").snapshot(), "");
    EXPECT_EQ(KafkaEnumerator(options, "1\n").snapshot(), "1\n");
    EXPECT_EQ(KafkaEnumerator(options, "1\na-0\na-1\n").snapshot(), "1\na-0\na-1\n");
    EXPECT_THROW(KafkaEnumerator(options, "1\na-0"), UserError);
    EXPECT_THROW(KafkaEnumerator(options, "2\n"), UserError);
}

TEST(KafkaProducers, transactionalIdsAreThoseOfOneSink) {
    KafkaOptions one, other;
    one.table = "one";
    other.table = "other";
    one.transactional_id_prefix = other.transactional_id_prefix = "p";
    {
        const KafkaProducers::Claim first(one, "p-0-"), second_subtask(one, "p-1-"), restarted(one, "p-0-");
        try {
            const KafkaProducers::Claim shared(other, "p-0-");
            FAIL() << "both have them";
        } catch (const UserError& error) {
            EXPECT_EQ(error.code(), "kafka.shared-prefix");
            EXPECT_NE(std::string(error.what()).find("'one' and 'other'"), std::string::npos) << error.what();
        }
        const KafkaProducers::Claim apart(other, "q-0-");
    }
    const KafkaProducers::Claim later(other, "p-0-");
}

TEST(KafkaCommittable, isReadAsItWasWritten) {
    const KafkaCommittable one{"p-0-1", "topic", 3, 2, {{0, 10, 5}, {0, 17, 1}, {2, 0, 1LL << 33}}};
    const KafkaCommittable read = KafkaCommittable::decode(one.encode());
    EXPECT_EQ(read.transactional_id, one.transactional_id);
    EXPECT_EQ(read.topic, one.topic);
    EXPECT_EQ(read.parallelism, 3u);
    EXPECT_EQ(read.numbers, 2u);
    EXPECT_EQ(read.ranges, one.ranges);
    const std::string text = one.encode();
    for (size_t size = 0; size < text.size(); ++size) {
        if (size > 0 && text[size - 1] == '\n' && size > text.find("0 10 5"))
            continue;  // whole, with fewer ranges
        EXPECT_THROW(KafkaCommittable::decode(text.substr(0, size)), UserError) << size;
    }
    for (const char* wrong : {"2\na\nb\n1 1\n0 0 1\n", "1\na\nb\n1 1\n0 0 0\n", "1\na\nb\n1 1\n0 0 -1\n",
                              "1\na\nb\n1 1\n0 0 1 9\n", "1\n\nb\n1 1\n0 0 1\n"})
        EXPECT_THROW(KafkaCommittable::decode(wrong), UserError) << wrong;
}

}  // namespace
}  // namespace millrace
