#include <gtest/gtest.h>

#include "base/error.h"
#include "formats/debezium/debezium_json.h"

namespace millrace {
namespace {

using Rows = std::vector<std::string>;
using Options = std::map<std::string, std::string>;

const Schema& products() {
    static const Schema schema({{"id", LogicalType::integer().withNullable(false)},
                                {"name", LogicalType::string()},
                                {"weight", LogicalType::decimal(5, 2)}});
    return schema;
}

Rows rowsOf(const Batch& batch) {
    Rows rows;
    for (size_t row = 0; row < batch.rows(); ++row) {
        rows.emplace_back(shortName(batch.kind(row)));
        for (const ColumnPtr& column : batch.columns())
            rows.back() += " " + column->textAt(row);
    }
    return rows;
}

Rows decode(std::string text, const Options& options = {}, const std::vector<std::string>& metadata = {},
            const std::vector<ColumnPath>& projection = wholeColumns(products())) {
    const size_t size = text.size();
    text.append(kDecoderPadding, '}');
    std::vector<Field> fields = schemaOf(products(), projection).fields();
    for (const std::string& key : metadata)
        for (const MetadataKey& known : debeziumMetadata())
            if (known.name == key) fields.push_back({key, known.type});
    BatchBuilder out{Schema(fields), 8};
    try {
        const auto decoder =
            makeDebeziumJsonDecoder(products(), projection, metadata, DebeziumJsonOptions::from(options));
        const DecodeResult result = decoder->decode({text.data(), size}, true, 1000, {"changes", 1, 0}, out);
        EXPECT_EQ(result.bytes, size);
        Rows rows = rowsOf(out.finish());
        if (result.skipped > 0) rows.push_back(std::to_string(result.skipped) + " skipped");
        return rows;
    } catch (const UserError& error) {
        return {error.what()};
    }
}

const std::string kUpdate =
    R"({"before":{"id":1,"name":"jacket","weight":0.2},"after":{"id":1,"name":"coat",)"
    R"("weight":"0.50"},"source":{"db":"shop","schema":"s","table":"products","ts_ms":17},)"
    R"("op":"u","ts_ms":1589362330904,"transaction":null})";

TEST(DebeziumJson, EveryKindOfChange) {
    EXPECT_EQ(
        decode(R"({"before":null,"after":{"id":1,"name":"a","weight":null},"op":"c"})"
               "\n"
               R"({"after":{"id":2,"weight":3},"op":"r","more":[1]})"
               "\n\n" +
               kUpdate +
               "\n"
               R"({"before":{"id":2},"after":null,"op":"d"})"),
        (Rows{"+I 1 a NULL", "+I 2 NULL 3.00", "-U 1 jacket 0.20", "+U 1 coat 0.50", "-D 2 NULL NULL"}));
    EXPECT_EQ(decode(kUpdate, {}, {}, {{1}}), (Rows{"-U jacket", "+U coat"}));
    EXPECT_EQ(decode(kUpdate, {}, {}, {}), (Rows{"-U", "+U"}));
}

TEST(DebeziumJson, SchemaBesideThePayload) {
    const Options include{{"debezium-json.schema-include", "true"}};
    const std::string text = R"({"schema":{"type":"struct"},"payload":)" + kUpdate + "}";
    EXPECT_EQ(decode(text, include), (Rows{"-U 1 jacket 0.20", "+U 1 coat 0.50"}));
    EXPECT_EQ(decode(text, include, {"schema", "source.table"}),
              (Rows{R"(-U 1 jacket 0.20 {"type":"struct"} products)",
                    R"(+U 1 coat 0.50 {"type":"struct"} products)"}));
    EXPECT_EQ(decode(text).front(), "changes, line 1: the message is not Debezium's: it has no field 'op'");
}

TEST(DebeziumJson, Metadata) {
    EXPECT_EQ(decode(kUpdate, {},
                     {"ingestion-timestamp", "source.timestamp", "source.database", "source.schema"}, {{0}})
                  .back(),
              "+U 1 2020-05-13 09:32:10.904 1970-01-01 00:00:00.017 shop s");
    EXPECT_EQ(decode(kUpdate, {}, {"source.properties"}, {{0}}).back(),
              "+U 1 {db=shop, schema=s, table=products, ts_ms=17}");
    EXPECT_EQ(decode(R"({"after":{"id":1},"op":"c"})", {}, {"source.table", "ingestion-timestamp"}, {{0}}),
              Rows{"+I 1 NULL NULL"});
}

TEST(DebeziumJson, ErrorsSayWhatIsWrong) {
    const auto error = [](const std::string& text) { return decode("\n" + text).front(); };
    EXPECT_EQ(
        error(R"({"before":null,"after":{"id":1},"op":"u"})"),
        "changes, line 2: the message is not Debezium's: its field 'before' is null, and its 'op' is 'u'; a "
        "PostgreSQL table needs REPLICA IDENTITY FULL");
    EXPECT_EQ(error(R"({"after":{"id":1},"op":"x"})"),
              "changes, line 2: the message is not Debezium's: its field 'op' is 'x', which is none of c, r, "
              "u and d");
    EXPECT_EQ(error(R"({"after":{"name":"a"},"op":"c"})"),
              "changes, line 2: the message is not Debezium's: field 'after.id': it is null or missing, and "
              "its column "
              "is NOT NULL");
    EXPECT_NE(error(R"({"after":{"id":"a"},"op":"c"})").find("'a' is not an INT"), std::string::npos);
    EXPECT_NE(error("{broken").find("not valid JSON"), std::string::npos);
    EXPECT_EQ(decode("{broken\n"
                     R"({"after":{"id":1},"op":"x"})"
                     "\n" +
                         kUpdate,
                     {{"debezium-json.ignore-parse-errors", "true"}}),
              (Rows{"-U 1 jacket 0.20", "+U 1 coat 0.50", "2 skipped"}));
    try {
        DebeziumJsonOptions::from({{"debezium-json.map-null-key.mode", "x"}});
        FAIL();
    } catch (const UserError& error) {
        EXPECT_NE(std::string(error.what()).find("'debezium-json.map-null-key.mode' has the value 'x'"),
                  std::string::npos);
    }
}

TEST(DebeziumJson, Written) {
    BatchBuilder builder(products(), 4);
    const std::vector<Value> row{Value::int64(1), Value::string("a"), Value::int64(150)};
    for (const RowKind kind : {RowKind::Insert, RowKind::UpdateBefore, RowKind::UpdateAfter, RowKind::Delete})
        builder.appendRow(row, kind);
    std::string out;
    makeDebeziumJsonEncoder(products(), DebeziumJsonOptions::from({}))->encode(builder.finish(), out);
    const std::string inserted = R"({"before":null,"after":{"id":1,"name":"a","weight":1.5},"op":"c"})"
                                 "\n";
    const std::string deleted = R"({"before":{"id":1,"name":"a","weight":1.5},"after":null,"op":"d"})"
                                "\n";
    EXPECT_EQ(out, inserted + deleted + inserted + deleted);
    EXPECT_EQ(decode(out), (Rows{"+I 1 a 1.50", "-D 1 a 1.50", "+I 1 a 1.50", "-D 1 a 1.50"}));
}

}  // namespace
}  // namespace millrace
