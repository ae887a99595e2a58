#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "base/hash.h"
#include "base/random.h"
#include "batch/batch.h"
#include "batch/row_layout.h"
#include "types/decimal.h"

namespace millrace {
namespace {

const char* const kTypes[] = {"BOOLEAN",
                              "INT",
                              "BIGINT",
                              "DECIMAL(10, 2)",
                              "DECIMAL(30, 2)",
                              "FLOAT",
                              "DOUBLE",
                              "STRING",
                              "TIMESTAMP(3)",
                              "ARRAY<INT>",
                              "MAP<STRING, BIGINT>",
                              "ROW<`a` INT, `b` ARRAY<STRING>>",
                              "MULTISET<STRING>"};

Value randomValue(const LogicalType& type, Random& random, int depth = 0) {
    if (random.chance(0.2)) return Value::null();
    const auto key = [&] {
        return Value::string(std::string(random.below(30), static_cast<char>('a' + random.below(26))));
    };
    switch (type.physical()) {
        case PhysicalType::Bool:
            return Value::boolean(random.chance(0.5));
        case PhysicalType::Int32:
            return Value::int64(static_cast<int32_t>(random.next()));
        case PhysicalType::Int64:
            return Value::int64(static_cast<int64_t>(random.next()));
        case PhysicalType::Int128:
            return Value::int128(static_cast<Int128>(random.next()) * 1000000007);
        case PhysicalType::Float32:
            return Value::float64(static_cast<float>(random.unit()));
        case PhysicalType::Float64:
            return Value::float64(random.unit());
        case PhysicalType::String:
            return key();
        case PhysicalType::Struct: {
            Value::List list;
            for (const Field& field : type.fields())
                list.push_back(randomValue(field.type, random, depth + 1));
            return Value::list(std::move(list));
        }
        case PhysicalType::List: {
            std::map<Value, Value> entries;
            Value::List list;
            for (uint64_t i = random.below(4); i > 0; --i) {
                if (type.kind() == TypeKind::Array) {
                    list.push_back(randomValue(type.element(), random, depth + 1));
                } else {
                    entries[key()] = Value::int64(static_cast<int64_t>(random.below(100)));
                }
            }
            for (const auto& [k, v] : entries)
                list.insert(list.end(), {k, v});
            return Value::list(std::move(list));
        }
    }
    return {};
}

std::vector<Value> randomValues(const LogicalType& type, size_t count, Random& random) {
    std::vector<Value> values;
    for (size_t i = 0; i < count; ++i)
        values.push_back(randomValue(type, random));
    return values;
}

void expectSame(const Column& column, const std::vector<Value>& values) {
    ASSERT_EQ(column.size(), values.size());
    for (size_t i = 0; i < values.size(); ++i) {
        ASSERT_EQ(column.valueAt(i), values[i]) << column.type().toString() << " row " << i;
        ASSERT_EQ(column.isNull(i), values[i].isNull());
    }
}

TEST(Column, KeepsGathersSlicesAndConcatenatesEveryType) {
    Random random(7);
    for (const char* name : kTypes) {
        const LogicalType type = LogicalType::parse(name);
        const auto values = randomValues(type, 300, random);
        const ColumnPtr column = Column::of(type, values);
        expectSame(*column, values);

        Selection selection;
        std::vector<Value> chosen;
        for (uint32_t i = 0; i < 300; i += 1 + static_cast<uint32_t>(random.below(3))) {
            selection.push_back(i);
            chosen.push_back(values[i]);
        }
        expectSame(*Column::gather(column, selection), chosen);
        const ColumnPtr slice = Column::slice(column, 100, 250);
        expectSame(*slice, {values.begin() + 100, values.begin() + 250});
        const std::vector<ColumnPtr> parts = {Column::slice(column, 0, 100), slice,
                                              Column::slice(column, 250, 300)};
        expectSame(*Column::concat(parts), values);
        expectSame(*Column::constant(type, values[5], 3), {values[5], values[5], values[5]});
        expectSame(*Column::constant(type, Value::null(), 2), {Value::null(), Value::null()});
        expectSame(*Column::slice(column, 7, 7), {});

        ColumnBuilder copy(type, 4);
        for (size_t i = 0; i < 300; ++i)
            copy.appendFrom(*column, i);
        copy.truncate(200);
        expectSame(*copy.finish(), {values.begin(), values.begin() + 200});
        copy.appendValue(values[0]);
        expectSame(*copy.finish(), {values[0]});
    }
}

TEST(Column, StringsOutliveTheirSource) {
    ColumnPtr kept;
    {
        ColumnBuilder builder(LogicalType::string());
        for (int i = 0; i < 5000; ++i)
            builder.appendString("a string that is not inline " + std::to_string(i));
        const ColumnPtr column = builder.finish();
        const Selection selection = {4999};
        kept = Column::retyped(Column::slice(Column::gather(column, selection), 0, 1),
                               LogicalType::varchar(100));
    }
    EXPECT_EQ(kept->textAt(0), "a string that is not inline 4999");
    EXPECT_EQ(kept->type(), LogicalType::varchar(100));
}

TEST(Column, RetypedSharesUntilItIsWritten) {
    const std::vector<Value> values = {Value::int64(1), Value::null(), Value::int64(3)};
    const ColumnPtr column = Column::of(LogicalType::timestamp(3), values);
    auto view = std::const_pointer_cast<Column>(Column::retyped(column, LogicalType::timestamp(6)));
    EXPECT_EQ(view->data<int64_t>(), column->data<int64_t>());
    view->setNull(0);
    EXPECT_FALSE(column->isNull(0));
    EXPECT_TRUE(view->isNull(0));
    EXPECT_TRUE(view->isNull(1));
    EXPECT_TRUE(column->hasNulls());
    EXPECT_THROW(Column::retyped(column, LogicalType::integer()), InternalError);
}

TEST(Buffer, IsAlignedPooledAndCrossesThreads) {
    Buffer moved;
    std::thread([&] {
        for (size_t bytes : {0, 1, 256, 257, 5000, 100000, 5000000}) {
            Buffer buffer(bytes);
            ASSERT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 64, 0U);
            ASSERT_GE(buffer.capacity(), bytes);
            std::memset(buffer.data(), 1, buffer.capacity());
            moved = std::move(buffer);
        }
        const std::byte* first = Buffer(1000).data();
        EXPECT_EQ(Buffer(1000).data(), first);
    }).join();
    EXPECT_EQ(moved.data()[4999999], std::byte{1});
}

TEST(Hash, IsStableAndSeesThroughRepresentation) {
    const auto hashOf = [](const LogicalType& type, const Value& value) {
        std::vector<uint64_t> out;
        const std::vector<ColumnPtr> columns = {Column::constant(type, value, 1)};
        hashColumns(columns, 1, out);
        return out[0];
    };
    EXPECT_EQ(hashOf(LogicalType::integer(), Value::int64(-5)),
              hashOf(LogicalType::bigint(), Value::int64(-5)));
    EXPECT_EQ(hashOf(LogicalType::doublePrecision(), Value::float64(-0.0)),
              hashOf(LogicalType::doublePrecision(), Value::float64(0.0)));
    EXPECT_EQ(hashOf(LogicalType::doublePrecision(), Value::float64(std::nan("1"))),
              hashOf(LogicalType::doublePrecision(), Value::float64(-std::nan("2"))));
    EXPECT_EQ(hashOf(LogicalType::integer(), Value::null()), hashOf(LogicalType::string(), Value::null()));
    EXPECT_NE(hashOf(LogicalType::string(), Value::string("a")),
              hashOf(LogicalType::string(), Value::string("b")));
    // Written into snapshots through key groups: these never change.
    EXPECT_EQ(hashOf(LogicalType::bigint(), Value::int64(42)), mixHash(42));
    Random random(8);
    for (const char* name : kTypes) {
        const LogicalType type = LogicalType::parse(name);
        const ColumnPtr varied = Column::of(type, randomValues(type, 200, random));
        const ColumnPtr constant = Column::constant(type, randomValue(type, random), 200);
        const ColumnPtr nulls = Column::constant(type, Value::null(), 200);
        for (const auto& [first, second] : {std::pair{varied, varied}, std::pair{varied, constant},
                                            std::pair{constant, varied}, std::pair{nulls, constant}}) {
            const std::vector<ColumnPtr> whole = {first, second};
            std::vector<uint64_t> hashes;
            hashColumns(whole, 200, hashes);
            for (size_t i = 0; i < 200; ++i) {
                std::vector<uint64_t> one;
                const std::vector<ColumnPtr> single = {Column::slice(first, i, i + 1),
                                                       Column::slice(second, i, i + 1)};
                hashColumns(single, 1, one);
                ASSERT_EQ(one[0], hashes[i]) << name;
            }
        }
    }
}

TEST(Column, RepeatsOneValueOnlyIfAllRowsDo) {
    for (const Value& value :
         {Value::null(), Value::string("a day"), Value::string("too long to be inline")}) {
        std::vector<Value> values(5, value);
        EXPECT_TRUE(Column::constant(LogicalType::string(), value, 5)->repeatsOneValue());
        values.back() = Value::string("another");
        EXPECT_FALSE(Column::of(LogicalType::string(), values)->repeatsOneValue());
    }
    EXPECT_TRUE(Column::of(LogicalType::bigint(), std::vector(1, Value::int64(7)))->repeatsOneValue());
    EXPECT_FALSE(Column::of(LogicalType::bigint(), {})->repeatsOneValue());
    const std::vector<Value> last_is_null = {Value::int64(0), Value::int64(0), Value::null()};
    EXPECT_FALSE(Column::of(LogicalType::bigint(), last_is_null)->repeatsOneValue());
}

TEST(Batch, KindsFollowTheRows) {
    BatchBuilder builder(Schema({{"a", LogicalType::integer()}, {"b", LogicalType::string()}}));
    const auto row = [](int64_t a, const char* b) {
        return std::vector<Value>{Value::int64(a), Value::string(b)};
    };
    builder.appendRow(row(1, "x"));
    builder.column(0).append(int32_t(9));
    builder.rollbackRow();
    builder.appendRow(row(2, "y"), RowKind::UpdateBefore);
    builder.appendRow(row(3, "z"), RowKind::UpdateAfter);
    const Batch batch = builder.finish();
    ASSERT_EQ(batch.rows(), 3U);
    EXPECT_EQ(batch.kind(0), RowKind::Insert);
    EXPECT_STREQ(shortName(batch.kind(1)), "-U");
    const Selection selection = {2};
    EXPECT_EQ(batch.gather(selection).kind(0), RowKind::UpdateAfter);
    EXPECT_EQ(batch.slice(1, 3).kind(0), RowKind::UpdateBefore);
    builder.appendRow(row(4, "w"));
    const Batch plain = builder.finish();
    EXPECT_EQ(plain.kinds(), nullptr);
    const std::vector<Batch> both = {plain, batch};
    const Batch joined = Batch::concat(both);
    ASSERT_EQ(joined.rows(), 4U);
    EXPECT_EQ(joined.kind(0), RowKind::Insert);
    EXPECT_EQ(joined.kind(3), RowKind::UpdateAfter);
    EXPECT_EQ(joined.column(1)->textAt(3), "z");
    EXPECT_GT(joined.bytes(), 0U);
}

TEST(BatchBuilder, TakesBackRowsAndAppendsNullsInRuns) {
    const Schema schema({{"a", LogicalType::bigint()},
                         {"b", LogicalType::string()},
                         {"c", LogicalType::array(LogicalType::integer())}});
    BatchBuilder builder(schema, 16);
    const auto appendRuns = [&](size_t count) {
        for (size_t i = 0; i < count; ++i)
            builder.column(0).append<int64_t>(static_cast<int64_t>(builder.rows() + i));
        builder.column(1).appendNulls(count);
        builder.column(2).appendNulls(count);
        builder.endRows(count);
    };
    appendRuns(0);
    appendRuns(1);
    appendRuns(100);
    builder.appendRow(
        std::vector<Value>{Value::int64(-1), Value::string("a text on the heap"), Value::null()},
        RowKind::Delete);
    appendRuns(50);
    builder.truncate(102);
    appendRuns(3);
    const Batch batch = builder.finish();
    ASSERT_EQ(batch.rows(), 105U);
    for (size_t row = 0; row < batch.rows(); ++row) {
        EXPECT_EQ(batch.column(0)->data<int64_t>()[row], row == 101 ? -1 : static_cast<int64_t>(row));
        EXPECT_EQ(batch.column(1)->isNull(row), row != 101);
        EXPECT_TRUE(batch.column(2)->isNull(row));
        EXPECT_EQ(batch.kind(row), row == 101 ? RowKind::Delete : RowKind::Insert);
    }
    EXPECT_EQ(batch.column(1)->textAt(101), "a text on the heap");
}

TEST(StringView, OfPaddedIsTheSame) {
    const std::string text = "twenty-four characters..";
    for (uint32_t size = 0; size <= text.size(); ++size)
        EXPECT_EQ(StringView::ofPadded(text.data(), size),
                  StringView(std::string_view(text).substr(0, size)));
}

TEST(RowLayout, StoresLoadsEncodesAndComparesEveryType) {
    Random random(9);
    std::vector<LogicalType> types;
    for (const char* name : kTypes)
        types.push_back(LogicalType::parse(name));
    const RowLayout layout(types);
    RowHeap heap;
    constexpr size_t kRows = 100;
    std::vector<ColumnPtr> columns;
    for (const auto& type : types)
        columns.push_back(Column::of(type, randomValues(type, kRows, random)));
    std::vector<std::vector<uint64_t>> memory(kRows, std::vector<uint64_t>(layout.rowBytes() / 8));
    std::vector<std::byte*> rows;
    for (auto& row : memory)
        rows.push_back(reinterpret_cast<std::byte*>(row.data()));
    for (size_t i = 0; i < kRows; ++i) {
        for (size_t f = 0; f < types.size(); ++f)
            storeField(layout, f, *columns[f], i, rows[i], heap);
    }
    std::vector<uint64_t> decoded_memory(layout.rowBytes() / 8);
    auto* decoded = reinterpret_cast<std::byte*>(decoded_memory.data());
    for (size_t f = 0; f < types.size(); ++f) {
        const ColumnPtr loaded = loadColumn(layout, f, rows);
        ColumnBuilder built(types[f]);
        for (size_t i = 0; i < kRows; ++i) {
            ASSERT_EQ(loaded->valueAt(i), columns[f]->valueAt(i)) << kTypes[f];
            ASSERT_EQ(loadValue(layout, f, rows[i]), columns[f]->valueAt(i));
            ASSERT_TRUE(fieldEquals(layout, f, rows[i], *columns[f], i));
            const size_t other = (i + 1) % kRows;
            ASSERT_EQ(fieldEquals(layout, f, rows[i], *columns[f], other),
                      columns[f]->valueAt(i) == columns[f]->valueAt(other));
            loadInto(layout, f, rows[i], built);
        }
        expectSame(*built.finish(), [&] {
            std::vector<Value> values;
            for (size_t i = 0; i < kRows; ++i)
                values.push_back(columns[f]->valueAt(i));
            return values;
        }());
    }
    for (size_t i = 0; i < kRows; ++i) {
        std::string bytes;
        encodeRow(layout, rows[i], bytes);
        std::string_view in = bytes;
        decodeRow(layout, in, decoded, heap);
        EXPECT_TRUE(in.empty());
        for (size_t f = 0; f < types.size(); ++f)
            ASSERT_TRUE(fieldEquals(layout, f, decoded, *columns[f], i));
        releaseRow(layout, decoded, heap);
        for (size_t cut = 0; cut < bytes.size(); cut += 3) {
            std::string_view torn = std::string_view(bytes).substr(0, cut);
            EXPECT_THROW(decodeRow(layout, torn, decoded, heap), UserError);
            releaseRow(layout, decoded, heap);
        }
        releaseRow(layout, rows[i], heap);
        for (uint64_t word : memory[i])
            EXPECT_EQ(word, 0U);
    }
}

TEST(RowHeap, ReusesWhatWasReleased) {
    RowHeap heap;
    Random random(10);
    std::vector<std::pair<StringView, std::string>> held(50);
    size_t bytes_after_warm_up = 0;
    for (int round = 0; round < 20000; ++round) {
        auto& [slot, text] = held[random.below(held.size())];
        text = std::string(random.below(round % 100 == 0 ? 6000 : 200),
                           static_cast<char>('a' + random.below(26)));
        heap.replace(slot, text);
        if (round == 10000) bytes_after_warm_up = heap.bytes();
    }
    for (auto& [slot, text] : held)
        EXPECT_EQ(slot.view(), text);
    EXPECT_LT(heap.bytes(), bytes_after_warm_up * 3 / 2);
}

TEST(RowHeap, WhatIsLentStaysAsItIs) {
    std::vector<StringView> lent;
    std::vector<std::string> texts;
    std::shared_ptr<const void> loan;
    {
        RowHeap heap;
        std::vector<StringView> held;
        const auto store = [&](char letter) {
            for (size_t size = 13; size < 6000; size += 97)
                held.push_back(heap.store(std::string(size, letter)));
        };
        const auto release = [&] {
            for (const StringView text : held)
                heap.release(text);
            held.clear();
        };
        store('a');
        lent = held;
        for (const StringView text : held)
            texts.emplace_back(text.view());
        loan = heap.lend();
        ASSERT_NE(loan, nullptr);
        release();
        store('b');
        release();
        for (size_t i = 0; i < lent.size(); ++i)
            EXPECT_EQ(lent[i].view(), texts[i]);
        // What was released meanwhile is used again once nobody has it.
        const auto another = heap.lend();
        heap.store("a string that is held");
        loan = another;
    }
    for (size_t i = 0; i < lent.size(); ++i)
        EXPECT_EQ(lent[i].view(), texts[i]);
}

TEST(RowHeap, LoansThatEndGiveTheirMemoryBack) {
    RowHeap heap;
    const StringView held = heap.store(std::string(100, 'h'));
    size_t bytes_after_warm_up = 0;
    std::shared_ptr<const void> loan;  // there is always one
    for (int round = 0; round < 200; ++round) {
        loan = heap.lend();
        std::vector<StringView> texts;
        for (int i = 0; i < 500; ++i)
            texts.push_back(heap.store(std::string(100, 't')));
        for (const StringView text : texts)
            heap.release(text);
        if (round == 10) bytes_after_warm_up = heap.bytes();
    }
    EXPECT_LE(heap.bytes(), bytes_after_warm_up * 2);
    EXPECT_EQ(held.view(), std::string(100, 'h'));
}

}  // namespace
}  // namespace millrace
