// What the tests of Avro share: schemas, records and rows of every type.
#pragma once

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/random.h"
#include "formats/avro/avro_bytes.h"
#include "formats/avro/avro_format.h"
#include "formats/avro/avro_reader.h"
#include "formats/avro/avro_writer.h"

namespace millrace::testing {

using avro::RecordReader;
using avro::RecordWriter;
using Rows = std::vector<std::string>;

inline std::string padded(std::string bytes) { return bytes.append(kDecoderPadding, '\x7F'); }

inline std::string rowText(const Batch& batch, size_t row) {
    std::string out;
    for (size_t i = 0; i < batch.columns().size(); ++i)
        out += (i == 0 ? "" : "|") + batch.column(i)->textAt(row);
    return out;
}

// The record's row, or why there is none.
inline std::string readRow(RecordReader& reader, const Schema& columns, const std::string& record) {
    const std::string bytes = padded(record);
    BatchBuilder out(columns, 4);
    avro::Cursor in{bytes.data(), bytes.data() + record.size()};
    if (!reader.read(in, out)) {
        EXPECT_EQ(out.rows(), 0U);
        for (size_t i = 0; i < out.columnCount(); ++i)
            EXPECT_EQ(out.column(i).size(), 0U);
        return reader.fault().field + ": " + reader.fault().reason;
    }
    return rowText(out.finish(), 0);
}

inline std::string resolved(const std::string& writer, const std::string& reader, const Schema& columns,
                            const std::string& record) {
    try {
        RecordReader made(avro::Schema::parse(writer), reader.empty() ? nullptr : avro::Schema::parse(reader),
                          columns);
        return readRow(made, columns, record);
    } catch (const UserError& error) {
        return error.code() + ": " + error.problem().message;
    }
}

inline std::string record(const std::string& fields) {
    return R"({"type":"record","name":"R","namespace":"shop","fields":[)" + fields + "]}";
}
inline std::string field(const std::string& name, const std::string& type, const std::string& more = "") {
    return R"({"name":")" + name + R"(","type":)" + type + more + "}";
}

inline std::string longs(std::initializer_list<int64_t> values) {
    std::string out;
    for (const int64_t value : values)
        avro::appendLong(value, out);
    return out;
}

inline std::string errorOf(const std::function<void()>& f) {
    try {
        f();
    } catch (const UserError& error) {
        return error.code() + ": " + error.problem().message;
    }
    return "";
}

inline const Schema& everyType() {
    static const Schema schema({
        {"a", LogicalType::boolean()},
        {"b", LogicalType::of(TypeKind::TinyInt)},
        {"c", LogicalType::of(TypeKind::SmallInt)},
        {"d", LogicalType::integer().withNullable(false)},
        {"e", LogicalType::bigint()},
        {"f", LogicalType::of(TypeKind::Float)},
        {"g", LogicalType::doublePrecision()},
        {"h", LogicalType::string()},
        {"i", LogicalType::of(TypeKind::Varbinary)},
        {"j", LogicalType::decimal(10, 2)},
        {"k", LogicalType::decimal(38, 9)},
        {"l", LogicalType::of(TypeKind::Date)},
        {"m", LogicalType::time(3)},
        {"n", LogicalType::timestamp(3)},
        {"o", LogicalType::array(LogicalType::integer())},
        {"p", LogicalType::map(LogicalType::string(), LogicalType::doublePrecision())},
        {"q",
         LogicalType::row({{"x", LogicalType::integer()},
                           {"y", LogicalType::array(LogicalType::row({{"z", LogicalType::string()}}))}})},
        {"r", LogicalType::multiset(LogicalType::string())},
    });
    return schema;
}

inline Value randomValue(const LogicalType& type, Random& random) {
    if (type.nullable() && random.below(6) == 0) return Value::null();
    switch (type.kind()) {
        case TypeKind::Boolean:
            return Value::boolean(random.below(2) == 0);
        case TypeKind::TinyInt:
            return Value::int64(static_cast<int8_t>(random.next()));
        case TypeKind::SmallInt:
            return Value::int64(static_cast<int16_t>(random.next()));
        case TypeKind::Integer:
        case TypeKind::Date:
            return Value::int64(static_cast<int32_t>(random.next()) >> random.below(32));
        case TypeKind::BigInt:
            return Value::int64(static_cast<int64_t>(random.next()) >> random.below(64));
        case TypeKind::Float:
        case TypeKind::Double:
            return Value::float64(static_cast<double>(random.below(1000)) / 8);
        case TypeKind::Time:
            return Value::int64(static_cast<int64_t>(random.below(86'400'000)));
        case TypeKind::Timestamp:
        case TypeKind::TimestampLtz:
            return Value::int64((static_cast<int64_t>(random.below(1ULL << 40)) - (1LL << 39)) * 1000);
        case TypeKind::Decimal:
            if (type.precision() <= 18)
                return Value::int64(static_cast<int64_t>(random.below(10'000'000'000)) *
                                    (random.below(2) == 0 ? 1 : -1));
            return Value::int128(Int128{static_cast<int64_t>(random.next())} * 1'000'000'007);
        case TypeKind::Array:
        case TypeKind::Multiset:
        case TypeKind::Map: {
            Value::List list;
            for (uint64_t i = random.below(4); i > 0; --i) {
                if (type.kind() != TypeKind::Array) list.push_back(Value::string("k" + std::to_string(i)));
                list.push_back(type.kind() == TypeKind::Map ? randomValue(type.mapValue(), random)
                               : type.kind() == TypeKind::Multiset
                                   ? Value::int64(static_cast<int64_t>(random.below(9)))
                                   : randomValue(type.element(), random));
            }
            return Value::list(std::move(list));
        }
        case TypeKind::Row: {
            Value::List list;
            for (const Field& one : type.fields())
                list.push_back(randomValue(one.type, random));
            return Value::list(std::move(list));
        }
        default: {
            std::string text;
            for (uint64_t i = random.below(20); i > 0; --i)
                text += "xé"[random.below(2) * 0];
            return Value::string(text + (type.isCharacter() ? "é" : "\xFF"));
        }
    }
}

inline Batch randomRows(const Schema& schema, size_t rows, uint64_t seed) {
    Random random(seed);
    BatchBuilder builder(schema, rows);
    for (size_t i = 0; i < rows; ++i) {
        std::vector<Value> values;
        for (const Field& one : schema)
            values.push_back(randomValue(one.type, random));
        builder.appendRow(values);
    }
    return builder.finish();
}

inline Rows textsOf(const Batch& batch) {
    Rows rows;
    for (size_t row = 0; row < batch.rows(); ++row)
        rows.push_back(rowText(batch, row));
    return rows;
}

}  // namespace millrace::testing
