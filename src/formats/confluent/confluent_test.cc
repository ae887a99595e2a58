#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "formats/confluent/avro_confluent.h"

namespace millrace {
namespace {

using nlohmann::json;

// A registry of two or three schemas, that fails as often as it is told to.
class ScriptedRegistry final : public HttpClient {
  public:
    HttpClientResponse send(const HttpClientRequest& request) override {
        requests.push_back(request.method + " " + request.url);
        authorization = "";
        for (const auto& [name, value] : request.headers)
            if (name == "Authorization") authorization = value;
        if (failures > 0) {
            --failures;
            if (failures % 2 == 0) throw UserError("http.unreachable", "cannot reach it");
            return {503, {}, R"({"message":"busy"})"};
        }
        const std::string path = request.url.substr(request.url.find("/", 8));
        if (path.starts_with("/schemas/ids/")) {
            const auto found = schemas.find(std::stoi(path.substr(13)));
            if (found == schemas.end())
                return {404, {}, R"({"error_code":40403,"message":"Schema not found"})"};
            return {200, {}, json{{"schema", found->second}}.dump()};
        }
        const std::string subject = path.substr(10, path.find('/', 10) - 10);
        if (request.method == "GET") {
            if (!latest.contains(subject)) return {404, {}, "{}"};
            const int id = latest[subject];
            return {200, {}, json{{"subject", subject}, {"id", id}, {"schema", schemas[id]}}.dump()};
        }
        const std::string schema = json::parse(request.body)["schema"];
        for (const auto& [id, text] : schemas)
            if (text == schema) return {200, {}, json{{"id", id}}.dump()};
        if (!path.ends_with("/versions")) return {404, {}, "{}"};
        if (refuses) return {409, {}, R"({"error_code":409,"message":"it is incompatible"})"};
        const int id = 100 + static_cast<int>(schemas.size());
        schemas[id] = schema;
        latest[subject] = id;
        return {200, {}, json{{"id", id}}.dump()};
    }

    std::map<int, std::string> schemas;
    std::map<std::string, int> latest;
    std::vector<std::string> requests;
    std::string authorization;
    int failures = 0;
    bool refuses = false;
};

const char* const kOld =
    R"({"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"int"}]})";
const char* const kNew =
    R"({"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"},)"
    R"({"name":"status","type":{"type":"enum","name":"Status","symbols":["NEW","PAID"]}},)"
    R"({"name":"note","type":["null","string"],"default":null},{"name":"source","type":"string","default":"web"}]})";

Schema orders() { return Schema({{"id", LogicalType::bigint()}, {"status", LogicalType::string()}}); }

class AvroConfluent : public ::testing::Test {
  protected:
    AvroConfluentOptions options(std::map<std::string, std::string> more = {}) {
        std::map<std::string, std::string> all{{"avro-confluent.url", "http://registry:8081"},
                                               {kMessageTopic, "orders"},
                                               {kMessagePart, "value"}};
        all.merge(more);
        AvroConfluentOptions read = AvroConfluentOptions::from(all);
        read.retry_ms = 0;
        return read;
    }
    // Messages of rows "id|status", as hexadecimal text of the number and the rest.
    std::string write(const AvroConfluentOptions& options, const Schema& schema,
                      const std::vector<Value>& row) {
        BatchBuilder builder(schema, 1);
        builder.appendRow(row);
        std::string out;
        Encoder::Messages messages;
        makeAvroConfluentEncoder(schema, options, registry)->encodeMessages(builder.finish(), out, messages);
        EXPECT_EQ(messages.size(), 1U);
        return out;
    }
    std::string read(Decoder& decoder, std::string message) {
        const size_t size = message.size();
        message.append(kDecoderPadding, '\0');
        BatchBuilder out(orders(), 1);
        if (!decoder.decodeMessage({message.data(), size}, {"topic 'orders', partition 0", 0, 5}, out))
            return "no";
        const Batch batch = out.finish();
        return batch.column(0)->textAt(0) + "|" + batch.column(1)->textAt(0);
    }
    static std::string message(int id, const std::string& body) {
        return std::string(1, '\0') + std::string(3, '\0') + static_cast<char>(id) + body;
    }
    static std::string errorOf(const std::function<void()>& f) {
        try {
            f();
        } catch (const UserError& error) {
            return error.code() + ": " + error.problem().message;
        }
        return "";
    }

    std::shared_ptr<ScriptedRegistry> registry = std::make_shared<ScriptedRegistry>();
};

TEST_F(AvroConfluent, SchemasAreFetchedOnceAndMayChange) {
    registry->schemas = {{1, kOld}, {2, kNew}};
    const auto decoder = makeAvroConfluentDecoder(orders(), wholeColumns(orders()), options(), registry);
    EXPECT_EQ(read(*decoder, message(1, "\x0E")), "7|NULL");
    EXPECT_EQ(read(*decoder, message(2, std::string("\x10\x02\x00\x06web", 7))), "8|PAID");
    EXPECT_EQ(read(*decoder, message(1, "\x12")), "9|NULL");
    EXPECT_EQ(registry->requests, (std::vector<std::string>{"GET http://registry:8081/schemas/ids/1",
                                                            "GET http://registry:8081/schemas/ids/2"}));
}

TEST_F(AvroConfluent, WhatCannotBeReadSaysWhy) {
    registry->schemas = {{1, kOld}, {3, R"("string")"}, {4, "{"}};
    const auto decoder = makeAvroConfluentDecoder(orders(), wholeColumns(orders()), options(), registry);
    const std::string lead = "data.malformed: topic 'orders', partition 0, offset 5: ";
    EXPECT_EQ(errorOf([&] { read(*decoder, "{}"); }),
              lead + "it does not begin with a zero byte and the number of a schema");
    EXPECT_EQ(errorOf([&] { read(*decoder, message(9, "\x02")); }),
              lead + "schema 9: the registry does not have it");
    EXPECT_EQ(
        errorOf([&] { read(*decoder, message(3, "\x02")); }),
        lead + "schema 3: records of the writer's Avro schema cannot be rows of the table: it is a string");
    EXPECT_NE(
        errorOf([&] { read(*decoder, message(4, "\x02")); }).find("schema 4: the Avro schema cannot be used"),
        std::string::npos);
    const size_t asked = registry->requests.size();
    errorOf([&] { read(*decoder, message(9, "\x02")); });
    EXPECT_EQ(registry->requests.size(), asked);

    struct Keeper final : RejectedRecords {
        void reject(const RejectedRecord& record) override { causes.emplace_back(record.cause); }
        std::vector<std::string> causes;
    } keeper;
    decoder->rejectTo(&keeper);
    EXPECT_EQ(read(*decoder, message(9, "\x02")), "no");
    EXPECT_EQ(read(*decoder, "?"), "no");
    EXPECT_EQ(read(*decoder, message(1, "\x80")), "no");
    EXPECT_EQ(keeper.causes, (std::vector<std::string>{"schema", "malformed", "malformed"}));
}

TEST_F(AvroConfluent, ARegistryThatIsDownIsAskedAgain) {
    registry->schemas = {{1, kOld}};
    registry->failures = 4;
    const auto decoder = makeAvroConfluentDecoder(orders(), wholeColumns(orders()), options(), registry);
    EXPECT_EQ(read(*decoder, message(1, "\x0E")), "7|NULL");
    EXPECT_EQ(registry->requests.size(), 5U);
    // In the end it is a failure of the job, and never of the record.
    registry->failures = 1000;
    struct Keeper final : RejectedRecords {
        void reject(const RejectedRecord&) override { FAIL() << "the record is not to blame"; }
    } keeper;
    decoder->rejectTo(&keeper);
    EXPECT_EQ(errorOf([&] { read(*decoder, message(2, "\x0E")); }),
              "avro.registry-unreachable: the schema registry cannot be asked: cannot reach it");
}

TEST_F(AvroConfluent, WritesUnderTheSubjectsSchema) {
    registry->schemas = {{7, kNew}};
    registry->latest = {{"orders-value", 7}};
    // Enums stay enums, a field without a column gets its default, and nothing is registered.
    EXPECT_EQ(write(options(), orders(), {Value::int64(8), Value::string("PAID")}),
              message(7, std::string("\x10\x02\x00\x06web", 7)));
    EXPECT_EQ(registry->requests,
              (std::vector<std::string>{"GET http://registry:8081/subjects/orders-value/versions/latest"}));
    EXPECT_EQ(
        errorOf([&] {
            write(options(), Schema({{"idd", LogicalType::bigint()}}), {Value::int64(8)});
        }),
        "avro.schema-mismatch: subject 'orders-value', schema 7: rows of the table cannot be records of the "
        "Avro schema: the schema has no field 'idd'");
}

TEST_F(AvroConfluent, RegistersWhatIsNotThere) {
    const std::string written = write(options(), orders(), {Value::int64(8), Value::null()});
    EXPECT_EQ(written, message(100, std::string("\x02\x10\x00", 3)));
    EXPECT_EQ(registry->latest.at("orders-value"), 100);
    EXPECT_NE(registry->schemas.at(100).find("org.apache.flink.avro.generated"), std::string::npos);
    // As it was given, byte by byte.
    const auto given = options({{"avro-confluent.schema", kNew}, {"avro-confluent.subject", "a b"}});
    write(given, orders(), {Value::int64(8), Value::string("NEW")});
    EXPECT_EQ(registry->schemas.at(101), kNew);
    EXPECT_EQ(registry->requests.back(), "POST http://registry:8081/subjects/a%20b/versions");
    registry->refuses = true;
    EXPECT_EQ(errorOf([&] {
                  write(options({{"avro-confluent.subject", "s"}}), Schema({{"x", LogicalType::bigint()}}),
                        {Value::int64(1)});
              }),
              "avro.registry-refused: the schema registry refuses POST "
              "http://registry:8081/subjects/s/versions: it is "
              "incompatible");
    EXPECT_EQ(errorOf([&] {
                  write(options({{"avro-confluent.subject", "s"},
                                 {"avro-confluent.auto.register.schemas", "false"}}),
                        Schema({{"x", LogicalType::bigint()}}), {Value::int64(1)});
              }),
              "avro.no-subject: the schema registry's subject 's' does not have the schema of the table, and "
              "'avro-confluent.auto.register.schemas' is false");
}

TEST_F(AvroConfluent, SubjectsAreNamedByStrategies) {
    const avro::SchemaPtr schema = avro::Schema::parse(kNew);
    const auto subject = [&](const std::string& key, const std::string& strategy) {
        return options({{"avro-confluent." + key, strategy}}).subjectOf(schema.get());
    };
    EXPECT_EQ(options().subjectOf(nullptr), "orders-value");
    EXPECT_EQ(subject("subject-name-strategy", "RecordName"), "shop.Order");
    EXPECT_EQ(subject("subject-name-strategy", "TopicRecordName"), "orders-shop.Order");
    EXPECT_EQ(subject("properties.value.subject.name.strategy",
                      "io.confluent.kafka.serializers.subject.RecordNameStrategy"),
              "shop.Order");
    EXPECT_EQ(errorOf([&] { subject("subject-name-strategy", "Best"); }).substr(0, 17), "config.bad-value:");
    EXPECT_EQ(errorOf([&] {
                  options({{"avro-confluent.subject-name-strategy", "RecordName"}}).subjectOf(nullptr);
              }),
              "config.missing-option: the format needs the option 'avro-confluent.subject'");
}

TEST_F(AvroConfluent, ColumnsAreInferred) {
    registry->schemas = {{7, kNew}};
    registry->latest = {{"orders-value", 7}};
    EXPECT_EQ(inferConfluentColumns(options(), registry).toString(),
              "(id BIGINT NOT NULL, status STRING NOT NULL, note STRING, source STRING NOT NULL)");
    EXPECT_EQ(inferConfluentColumns(options({{"avro-confluent.schema", kOld}}), registry).toString(),
              "(id INT NOT NULL)");
    EXPECT_EQ(errorOf([&] {
                  inferConfluentColumns(options({{"avro-confluent.subject", "x"}}), registry);
              }),
              "avro.no-subject: the table names no columns, and the schema registry has no subject 'x' to "
              "take them "
              "from");
}

TEST_F(AvroConfluent, Credentials) {
    registry->schemas = {{1, kOld}};
    const auto sent = [&](std::map<std::string, std::string> more) {
        const auto made = options(std::move(more));
        read(*makeAvroConfluentDecoder(orders(), wholeColumns(orders()), made, registry), message(1, "\x0E"));
        return registry->authorization;
    };
    EXPECT_EQ(sent({}), "");
    EXPECT_EQ(sent({{"avro-confluent.basic-auth.credentials-source", "USER_INFO"},
                    {"avro-confluent.basic-auth.user-info", "ann:secret"}}),
              "Basic YW5uOnNlY3JldA==");
    EXPECT_EQ(sent({{"avro-confluent.properties.bearer.auth.token", "t0ken"}}), "Bearer t0ken");
    EXPECT_EQ(errorOf([&] {
                  sent({{"avro-confluent.ssl.truststore.location", "/x/trust.jks"}});
              }),
              "config.bad-value: 'avro-confluent.ssl.truststore.location' is '/x/trust.jks': key stores of "
              "Java cannot "
              "be read");
    AvroConfluentOptions with_user =
        AvroConfluentOptions::from({{"avro-confluent.url", "http://ann:secret@one:1/, http://two:2/apis"}});
    EXPECT_EQ(with_user.registry.urls, (std::vector<std::string>{"http://one:1", "http://two:2/apis"}));
    EXPECT_EQ(with_user.registry.authorization, "Basic YW5uOnNlY3JldA==");
    EXPECT_EQ(errorOf([] { AvroConfluentOptions::from({}); }),
              "config.missing-option: the format needs the option 'avro-confluent.url'");
}

}  // namespace
}  // namespace millrace
