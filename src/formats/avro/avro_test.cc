#include "formats/avro/avro_test_support.h"

namespace millrace {
namespace {

using namespace testing;

TEST(AvroSchema, OfATable) {
    const auto text = [](const Schema& schema, bool legacy) {
        return avro::Schema::ofColumns(schema, legacy)->text();
    };
    EXPECT_EQ(
        text(Schema({{"id", LogicalType::bigint().withNullable(false)},
                     {"at", LogicalType::timestamp(3)},
                     {"who", LogicalType::row({{"name", LogicalType::string()}})}}),
             true),
        R"({"type":"record","name":"record","namespace":"org.apache.flink.avro.generated","fields":[)"
        R"({"name":"id","type":"long"},)"
        R"({"name":"at","type":["null",{"type":"long","logicalType":"timestamp-millis"}],"default":null},)"
        R"({"name":"who","type":["null",{"type":"record","name":"record_who",)"
        R"("namespace":"org.apache.flink.avro.generated","fields":[)"
        R"({"name":"name","type":["null","string"],"default":null}]}],"default":null}]})");
    const Schema times({{"a", LogicalType::timestamp(6)}, {"b", LogicalType::timestampLtz(3)}});
    EXPECT_NE(text(times, false).find("local-timestamp-micros"), std::string::npos);
    EXPECT_NE(text(times, false).find("\"timestamp-millis\""), std::string::npos);
    EXPECT_NE(text(Schema({{"a", LogicalType::timestamp(9)}}), false).find("local-timestamp-nanos"),
              std::string::npos);
    EXPECT_EQ(errorOf([&] { text(times, true); }),
              "config.bad-value: column 'a': TIMESTAMP(6) has no counterpart in Avro");
    EXPECT_EQ(errorOf([&] { text(Schema({times[1]}), true); }),
              "config.bad-value: column 'b': TIMESTAMP_LTZ(3) has no counterpart in Avro");
}

TEST(AvroSchema, ColumnsOfIt) {
    const auto columns = [](const std::string& fields, bool legacy = true) {
        return avro::columnsOf(*avro::Schema::parse(record(fields)), legacy).toString();
    };
    EXPECT_EQ(columns(field("id", R"("long")") + "," +
                      field("status", R"({"type":"enum","name":"Status","symbols":["NEW","PAID"]})") + "," +
                      field("note", R"(["null","string"])", R"(,"default":null)") + "," +
                      field("last", R"(["null","Status"])") + "," +
                      field("price", R"({"type":"bytes","logicalType":"decimal","precision":10,"scale":2})") +
                      "," + field("at", R"({"type":"long","logicalType":"timestamp-millis"})") + "," +
                      field("hash", R"({"type":"fixed","name":"Md5","size":16})") + "," +
                      field("tags", R"({"type":"array","items":["null","string"]})") + "," +
                      field("props", R"({"type":"map","values":"int"})") + "," +
                      field("when", R"({"type":"int","logicalType":"date"})")),
              "(id BIGINT NOT NULL, status STRING NOT NULL, note STRING, last STRING, price DECIMAL(10, 2) "
              "NOT NULL, "
              "at TIMESTAMP(3) NOT NULL, hash VARBINARY(16) NOT NULL, tags ARRAY<STRING> NOT NULL, "
              "props MAP<STRING NOT NULL, INT NOT NULL> NOT NULL, when DATE NOT NULL)");
    EXPECT_EQ(columns(field("at", R"({"type":"long","logicalType":"timestamp-micros"})") + "," +
                          field("local", R"({"type":"long","logicalType":"local-timestamp-millis"})") + "," +
                          field("fine", R"({"type":"long","logicalType":"timestamp-nanos"})"),
                      false),
              "(at TIMESTAMP_LTZ(6) NOT NULL, local TIMESTAMP(3) NOT NULL, fine TIMESTAMP_LTZ(9) NOT NULL)");
    EXPECT_EQ(
        errorOf([&] { columns(field("x", R"(["int","string"])")); }),
        "avro.bad-schema: the Avro schema gives no columns: x: a union of int, string has no type in SQL");
    EXPECT_EQ(errorOf([&] { columns(field("next", R"(["null","R"])")); }).substr(0, 20),
              "avro.bad-schema: the");
}

TEST(AvroSchema, ErrorsSayWhatIsWrong) {
    const auto error = [](const std::string& text) {
        const std::string whole = errorOf([&] { avro::Schema::parse(text); });
        const std::string lead = "avro.bad-schema: the Avro schema cannot be used: ";
        EXPECT_EQ(whole.substr(0, lead.size()), lead) << text;
        return whole.size() < lead.size() ? whole : whole.substr(lead.size());
    };
    EXPECT_EQ(error("{"), "it is not JSON (byte 2)");
    EXPECT_EQ(error(record(field("a", R"("lnog")"))), "a: there is no type 'lnog'");
    EXPECT_EQ(error(record(field("a", R"("int")") + "," + field("a", R"("int")"))),
              "a: the field is there twice");
    EXPECT_EQ(error(record(field("a b", R"("int")"))), "a b: 'a b' is no name for a field");
    EXPECT_EQ(error(record(field("a", R"(["int",["null"]])"))), "a: a union holds another one");
    EXPECT_EQ(error(record(field("a", R"(["int","int"])"))), "a: a union holds int twice");
    EXPECT_EQ(error(record(field("a", R"({"type":"enum","name":"E","symbols":["A"],"default":"B"})"))),
              "a: the default of shop.E is none of its symbols");
    EXPECT_EQ(error(record(field("a", R"({"type":"array"})"))), "a: a array needs 'items'");
    std::string deep = R"("int")";
    for (int i = 0; i < 5000; ++i)
        deep = R"({"type":"array","items":)" + deep + "}";
    EXPECT_NE(error(record(field("a", deep))).find("nested too deeply"), std::string::npos);
    EXPECT_EQ(avro::Schema::parse("string")->root().kind, avro::Kind::String);
    EXPECT_EQ(avro::Schema::parse(R"({"type":"record","name":"a.b.C","fields":[]})")->root().name, "a.b.C");
    // Names are looked up in the namespace around them, and then without one.
    EXPECT_EQ(avro::Schema::parse(record(field("a", R"({"type":"fixed","name":"F","size":2})") + "," +
                                         field("b", R"("F")") + "," + field("c", R"("shop.F")")))
                  ->root()
                  .fields[2]
                  .type->name,
              "shop.F");
}

TEST(AvroRecords, EveryTypeThereAndBack) {
    const avro::SchemaPtr schema = avro::Schema::ofColumns(everyType(), true);
    const RecordWriter writer(schema, everyType());
    for (const bool given : {false, true}) {
        RecordReader reader(schema, given ? schema : nullptr, everyType());
        const Batch rows = randomRows(everyType(), 300, 7);
        for (size_t row = 0; row < rows.rows(); ++row) {
            std::string bytes;
            writer.write(rows, row, bytes);
            ASSERT_EQ(readRow(reader, everyType(), bytes), rowText(rows, row));
            // Cut short anywhere, it is no record; nothing beyond the cut is looked at.
            for (size_t size = 0; size < bytes.size(); size += 1 + bytes.size() / 7)
                EXPECT_NE(readRow(reader, everyType(), bytes.substr(0, size)).find(": "), std::string::npos);
        }
    }
}

TEST(AvroRecords, Promotions) {
    const auto read = [](const std::string& writer, const std::string& reader, const LogicalType& type,
                         const std::string& bytes) {
        return resolved(record(field("v", writer)), reader.empty() ? "" : record(field("v", reader)),
                        Schema({{"v", type}}), bytes);
    };
    const std::string seven = longs({7});
    EXPECT_EQ(read(R"("int")", R"("long")", LogicalType::bigint(), seven), "7");
    EXPECT_EQ(read(R"("int")", "", LogicalType::bigint(), seven), "7");
    EXPECT_EQ(read(R"("int")", R"("float")", LogicalType::of(TypeKind::Float), seven), "7.0");
    EXPECT_EQ(read(R"("long")", R"("double")", LogicalType::doublePrecision(), seven), "7.0");
    EXPECT_EQ(read(R"("long")", R"("float")", LogicalType::of(TypeKind::Float), seven), "7.0");
    EXPECT_EQ(read(R"("bytes")", R"("string")", LogicalType::string(), "\x04hi"), "hi");
    EXPECT_EQ(read(R"("string")", R"("bytes")", LogicalType::of(TypeKind::Varbinary), "\x04hi"), "hi");
    EXPECT_EQ(read(R"("int")", R"(["null","long"])", LogicalType::bigint(), seven), "7");
    EXPECT_EQ(
        read(R"(["null","int"])", R"("int")", LogicalType::integer().withNullable(false), longs({1, 7})),
        "7");
    EXPECT_EQ(read(R"(["null","int"])", R"("int")", LogicalType::integer().withNullable(false), longs({0})),
              "v: it is null, and its column is NOT NULL");
    EXPECT_EQ(read(R"(["int","string"])", "", LogicalType::string(), std::string("\x02\x04hi")), "hi");
    EXPECT_EQ(read(R"(["int","string"])", "", LogicalType::string(), longs({0, 5})),
              "v: a int cannot be STRING");
    EXPECT_EQ(
        read(R"("long")", R"("int")", LogicalType::integer(), seven),
        "avro.schema-mismatch: records of the writer's Avro schema cannot be rows of the table: field 'v': a "
        "long cannot be read as the int of the table's schema");
    EXPECT_EQ(
        read(R"("string")", "", LogicalType::integer(), seven),
        "avro.schema-mismatch: records of the writer's Avro schema cannot be rows of the table: field 'v': a "
        "string cannot be INT");
    EXPECT_EQ(read(R"("int")", "", LogicalType::of(TypeKind::TinyInt), longs({200})),
              "v: 200 is not a TINYINT");
}

TEST(AvroRecords, LogicalTypes) {
    const auto read = [](const std::string& kind, const std::string& logical, const LogicalType& type,
                         int64_t value) {
        return resolved(
            record(field("v", R"({"type":")" + kind + R"(","logicalType":")" + logical + R"("})")), "",
            Schema({{"v", type}}), longs({value}));
    };
    EXPECT_EQ(read("int", "date", LogicalType::of(TypeKind::Date), 19000), "2022-01-08");
    EXPECT_EQ(read("int", "time-millis", LogicalType::time(3), 3'723'004), "01:02:03.004");
    EXPECT_EQ(read("long", "time-micros", LogicalType::time(3), 3'723'004'005), "01:02:03.004");
    EXPECT_EQ(read("int", "time-millis", LogicalType::time(3), 86'400'000),
              "v: 86400000 milliseconds are no time of day");
    EXPECT_EQ(read("long", "timestamp-millis", LogicalType::timestamp(3), 1'700'000'000'123),
              "2023-11-14 22:13:20.123");
    EXPECT_EQ(read("long", "timestamp-micros", LogicalType::timestamp(6), 1'700'000'000'123'456),
              "2023-11-14 22:13:20.123456");
    EXPECT_EQ(read("long", "timestamp-micros", LogicalType::timestamp(3), -1), "1969-12-31 23:59:59.999");
    EXPECT_EQ(read("long", "timestamp-nanos", LogicalType::timestamp(6), 1'700'000'000'123'456'789),
              "2023-11-14 22:13:20.123456");
    EXPECT_EQ(read("long", "timestamp-nanos", LogicalType::timestamp(9), -1),
              "1969-12-31 23:59:59.999999999");
    EXPECT_EQ(read("long", "local-timestamp-nanos", LogicalType::timestampLtz(8), 123'456'789),
              "1970-01-01 00:00:00.12345678");
    EXPECT_EQ(read("long", "timestamp-millis", LogicalType::timestamp(9), 1),
              "1970-01-01 00:00:00.001000000");
    EXPECT_EQ(read("long", "local-timestamp-micros", LogicalType::timestamp(6), 1'000'001),
              "1970-01-01 00:00:01.000001");
    EXPECT_EQ(read("long", "timestamp-millis", LogicalType::bigint(), 12), "12");
    EXPECT_EQ(read("long", "timestamp-millis", LogicalType::timestamp(3), INT64_MAX),
              "v: it is too far from 1970");

    const auto decimal = [](const std::string& type, const LogicalType& column, const std::string& bytes) {
        return resolved(record(field("v", type)), "", Schema({{"v", column}}), bytes);
    };
    const std::string of_bytes = R"({"type":"bytes","logicalType":"decimal","precision":6,"scale":2})";
    EXPECT_EQ(decimal(of_bytes, LogicalType::decimal(6, 2), std::string("\x04\x04\xD2", 3)), "12.34");
    EXPECT_EQ(decimal(of_bytes, LogicalType::decimal(6, 2), std::string("\x02\xFF", 2)), "-0.01");
    EXPECT_EQ(decimal(of_bytes, LogicalType::decimal(6, 1), std::string("\x04\x04\xD3", 3)), "12.4");
    EXPECT_EQ(decimal(of_bytes, LogicalType::decimal(3, 2), std::string("\x04\x04\xD2", 3)), "NULL");
    EXPECT_EQ(decimal(of_bytes, LogicalType::decimal(38, 2),
                      std::string("\x22", 1) + std::string(16, '\0') + "\x07"),
              "0.07");
    EXPECT_EQ(
        decimal(R"({"type":"fixed","name":"D","size":4,"logicalType":"decimal","precision":6,"scale":2})",
                LogicalType::decimal(6, 2), std::string("\xFF\xFF\xFB\x2E", 4)),
        "-12.34");
    EXPECT_EQ(decimal(R"({"type":"fixed","name":"U","size":16,"logicalType":"uuid"})", LogicalType::string(),
                      std::string("\x12\x3e\x45\x67\xe8\x9b\x12\xd3\xa4\x56\x42\x66\x14\x17\x40\x00", 16)),
              "123e4567-e89b-12d3-a456-426614174000");
    // What does not fit its type is no logical type.
    EXPECT_EQ(
        decimal(R"({"type":"string","logicalType":"decimal","precision":6})", LogicalType::string(), "\x02x"),
        "x");
}

TEST(AvroRecords, FieldsComeAndGo) {
    const std::string writer =
        record(field("gone", R"({"type":"array","items":{"type":"map","values":"string"}})") + "," +
               field("b", R"("string")") + "," + field("a", R"("int")"));
    std::string bytes;
    avro::appendLong(1, bytes);  // an array with a map with two entries
    avro::appendLong(2, bytes);
    for (const char* text : {"k", "v", "l", "w"})
        avro::appendBytes(text, bytes);
    bytes += std::string(2, '\0');
    avro::appendBytes("text", bytes);
    avro::appendLong(-5, bytes);
    const Schema columns(
        {{"a", LogicalType::integer()}, {"b", LogicalType::string()}, {"c", LogicalType::string()}});
    EXPECT_EQ(resolved(writer, "", columns, bytes), "-5|text|NULL");
    // A block that tells its size is passed over at once.
    std::string sized;
    avro::appendLong(-1, sized);
    avro::appendLong(3, sized);
    sized += "???" + std::string(1, '\0') + std::string("\x02x\x02", 3);
    EXPECT_EQ(resolved(writer, "", columns, sized), "1|x|NULL");

    const std::string reader =
        record(field("a", R"("long")") + "," + field("renamed", R"("string")", R"(,"aliases":["b"])") + "," +
               field("c", R"(["string","null"])", R"(,"default":"none")") + "," +
               field("d", R"({"type":"array","items":"int"})", R"(,"default":[1,2])") + "," +
               field("e", R"({"type":"bytes","logicalType":"decimal","precision":4,"scale":1})",
                     R"(,"default":"\u00FF")") +
               "," +
               field("f", R"({"type":"record","name":"F","fields":[{"name":"x","type":"int","default":3}]})",
                     R"(,"default":{})"));
    EXPECT_EQ(resolved(writer, reader,
                       Schema({{"a", LogicalType::bigint()},
                               {"renamed", LogicalType::string()},
                               {"c", LogicalType::string()},
                               {"d", LogicalType::array(LogicalType::integer())},
                               {"e", LogicalType::decimal(4, 1)},
                               {"f", LogicalType::row({{"x", LogicalType::integer()}})}}),
                       bytes),
              "-5|text|none|[1, 2]|-0.1|(3)");
    EXPECT_EQ(
        resolved(writer, "", Schema({{"n", LogicalType::integer().withNullable(false)}}), bytes),
        "avro.schema-mismatch: records of the writer's Avro schema cannot be rows of the table: there is no "
        "field 'n', and its column is NOT NULL");
    EXPECT_EQ(
        resolved(writer, record(field("n", R"("int")")), Schema({{"n", LogicalType::integer()}}), bytes),
        "avro.schema-mismatch: records of the writer's Avro schema cannot be rows of the table: there is no "
        "field 'n', and the table's schema has no default for it");
    EXPECT_EQ(resolved(writer, record(field("n", R"("int")", R"(,"default":"x")")),
                       Schema({{"n", LogicalType::integer()}}), bytes),
              "avro.bad-schema: the Avro schema cannot be used: the default of the field 'n' is no int");
}

TEST(AvroRecords, Enums) {
    const auto type = [](const std::string& symbols, const std::string& more = "") {
        return record(field("s", R"({"type":"enum","name":"S","symbols":[)" + symbols + "]" + more + "}"));
    };
    const Schema columns({{"s", LogicalType::string()}});
    const std::string writer = type(R"("NEW","PAID","LOST")");
    EXPECT_EQ(resolved(writer, "", columns, longs({2})), "LOST");
    EXPECT_EQ(resolved(writer, type(R"("PAID","NEW","OTHER")", R"(,"default":"OTHER")"), columns, longs({0})),
              "NEW");
    EXPECT_EQ(resolved(writer, type(R"("PAID","NEW","OTHER")", R"(,"default":"OTHER")"), columns, longs({2})),
              "OTHER");
    EXPECT_EQ(resolved(writer, type(R"("PAID","NEW")"), columns, longs({2})),
              "s: its symbol is none of the enum of the table's schema, which has no default");
    EXPECT_EQ(resolved(writer, "", columns, longs({3})), "s: the enum has no symbol 3");

    const RecordWriter records(avro::Schema::parse(writer), columns);
    std::string bytes;
    BatchBuilder rows(columns, 2);
    for (const char* symbol : {"PAID", "paid"}) {
        rows.column(0).appendString(symbol);
        rows.endRow();
    }
    const Batch batch = rows.finish();
    records.write(batch, 0, bytes);
    EXPECT_EQ(bytes, longs({1}));
    EXPECT_EQ(
        errorOf([&] { records.write(batch, 1, bytes); }),
        "data.unwritable: a row cannot be written as Avro: field 's': 'paid' is none of the enum's symbols");
}

TEST(AvroRecords, WrittenUnderAGivenSchema) {
    const avro::SchemaPtr schema = avro::Schema::parse(record(
        field("id", R"("long")") + "," + field("note", R"(["string","null"])") + "," +
        field("source", R"({"type":"enum","name":"E","symbols":["WEB","APP"]})", R"(,"default":"APP")") +
        "," +
        field("price",
              R"({"type":"fixed","name":"P","size":3,"logicalType":"decimal","precision":6,"scale":3})")));
    const Schema columns({{"price", LogicalType::decimal(6, 2)},
                          {"id", LogicalType::integer()},
                          {"note", LogicalType::string()}});
    const RecordWriter writer(schema, columns);
    BatchBuilder rows(columns, 4);
    const std::vector<std::vector<Value>> values = {
        {Value::int64(-150), Value::int64(3), Value::null()},
        {Value::int64(150), Value::null(), Value::string("x")},
        {Value::int64(999'999), Value::int64(1), Value::null()},
    };
    for (const auto& row : values)
        rows.appendRow(row);
    const Batch batch = rows.finish();
    std::string bytes;
    writer.write(batch, 0, bytes);
    EXPECT_EQ(bytes, longs({3, 1, 1}) + std::string("\xFF\xFA\x24", 3));  // -1.500
    EXPECT_EQ(errorOf([&] { writer.write(batch, 1, bytes); }),
              "data.unwritable: a row cannot be written as Avro: field 'id': it is NULL, and the schema has "
              "no null "
              "there");
    EXPECT_EQ(errorOf([&] { writer.write(batch, 2, bytes); }),
              "data.unwritable: a row cannot be written as Avro: field 'price': 9999.99 is too large for "
              "decimal(6, 3)");
    EXPECT_EQ(errorOf([&] {
                  RecordWriter(schema, Schema({{"id", LogicalType::bigint()}}));
              }),
              "avro.schema-mismatch: rows of the table cannot be records of the Avro schema: field 'note': "
              "the table "
              "has no column for it, and it has no default");
    EXPECT_EQ(errorOf([&] {
                  RecordWriter(schema, Schema({{"idd", LogicalType::bigint()}}));
              }),
              "avro.schema-mismatch: rows of the table cannot be records of the Avro schema: the schema has "
              "no field "
              "'idd'");
}

TEST(AvroRecords, HostileBytes) {
    const auto read = [](const std::string& type, const LogicalType& column, const std::string& bytes) {
        return resolved(record(field("v", type)), "", Schema({{"v", column}}), bytes);
    };
    const std::string cut = "v: the record ends within it, or its length is none";
    EXPECT_EQ(read(R"("string")", LogicalType::string(), longs({INT64_MAX})), cut);
    EXPECT_EQ(read(R"("string")", LogicalType::string(), longs({-1})), cut);
    EXPECT_EQ(read(R"("long")", LogicalType::bigint(), std::string(11, '\xFF')), cut);
    EXPECT_EQ(read(R"("string")", LogicalType::string(), "\x02\xFF"), "v: the text is not UTF-8");
    EXPECT_EQ(read(R"(["null","int"])", LogicalType::integer(), longs({2})), "v: the union has no branch 2");
    EXPECT_EQ(read(R"("boolean")", LogicalType::boolean(), "\x02"), "v: 2 is no boolean");
    // Elements without bytes cost nothing to send.
    EXPECT_EQ(read(R"({"type":"array","items":"null"})", LogicalType::array(LogicalType::integer()),
                   longs({INT64_MAX})),
              "v: it has too many elements");
    EXPECT_EQ(read(R"({"type":"array","items":"int"})", LogicalType::array(LogicalType::integer()),
                   longs({INT64_MIN, 1})),
              cut);
    // A record within itself, as deep as one likes.
    EXPECT_NE(resolved(record(field("next", R"(["null","R"])") + "," + field("v", R"("int")")), "",
                       Schema({{"v", LogicalType::integer()}}), std::string(100'000, '\x02'))
                  .find("nested too deeply"),
              std::string::npos);
}

}  // namespace
}  // namespace millrace
