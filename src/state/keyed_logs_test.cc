// Logs against a model: rows of all types, two logs under one index, through captures while rows come, and
// restores at other parallelisms; from and to what tables write.
#include "state/keyed_logs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "base/random.h"
#include "state/state_backend.h"
#include "state/wide_rows_test_support.h"

namespace millrace {
namespace {

using namespace testing;

constexpr uint32_t kMaxParallelism = 16;

const Schema kKey({{"number", LogicalType::bigint()}, {"text", LogicalType::string()}});

const std::vector<KeyedLogDescriptor>& descriptors() {
    static const std::vector<KeyedLogDescriptor> both{
        {"wide", kKey, wideSchema()}, {"narrow", kKey, Schema({{"n", LogicalType::bigint()}})}};
    return both;
}

using Row = std::vector<std::string>;
using Rows = std::map<std::pair<size_t, int64_t>, std::vector<Row>>;  // by log and key

std::string textOfKey(int64_t key) { return fmt::format("the key, and too long to be inline: {}", key); }

class Batches {
  public:
    explicit Batches(Random& random) : random_(random) {}

    void make(size_t log, size_t rows, size_t distinct) {
        keys_.clear();
        std::vector<Value> numbers, texts;
        for (size_t i = 0; i < rows; ++i)
            keys_.push_back(static_cast<int64_t>(random_.below(distinct)));
        if (random_.chance(0.5)) std::sort(keys_.begin(), keys_.end());  // then they make runs
        for (const int64_t key : keys_) {
            numbers.push_back(Value::int64(key));
            texts.push_back(Value::string(textOfKey(key)));
        }
        key_columns = {Column::of(kKey[0].type, numbers), Column::of(kKey[1].type, texts)};
        hashColumns(key_columns, rows, hashes);
        columns = someColumns(random_, descriptors()[log].value, rows);
    }
    int64_t key(size_t row) const { return keys_[row]; }
    Row text(size_t row) const { return textOf(columns, row); }

    std::vector<ColumnPtr> key_columns, columns;
    std::vector<uint64_t> hashes;

  private:
    Random& random_;
    std::vector<int64_t> keys_;
};

void add(KeyedLogs& logs, size_t log, const Batches& batch, Random& random, Rows& model) {
    Selection selection;
    for (uint32_t row = 0; row < batch.hashes.size(); ++row) {
        if (random.chance(0.7)) selection.push_back(row);
    }
    if (selection.empty()) return;
    std::vector<std::byte*> entries;
    logs.findOrInsert(batch.key_columns, batch.hashes, selection, entries);
    logs.append(log, entries, batch.columns, selection);
    for (const uint32_t row : selection)
        model[{log, batch.key(row)}].push_back(batch.text(row));
}

std::vector<size_t> fieldsOf(size_t log) { return allFields(descriptors()[log].value); }

// What the logs have under the keys below `distinct`.
Rows contents(KeyedLogs& logs, size_t distinct) {
    Rows contents;
    std::vector<Value> numbers, texts;
    for (size_t key = 0; key < distinct; ++key) {
        numbers.push_back(Value::int64(static_cast<int64_t>(key)));
        texts.push_back(Value::string(textOfKey(static_cast<int64_t>(key))));
    }
    const std::vector<ColumnPtr> keys{Column::of(kKey[0].type, numbers), Column::of(kKey[1].type, texts)};
    std::vector<uint64_t> hashes;
    hashColumns(keys, distinct, hashes);
    std::vector<std::byte*> entries, rows;
    logs.find(keys, hashes, {}, entries);
    std::erase(entries, nullptr);
    for (size_t log = 0; log < logs.count(); ++log) {
        logs.collect(log, entries, rows);
        const ColumnPtr number = logs.loadKey(log, 0, rows);
        const std::vector<ColumnPtr> columns = logs.load(log, fieldsOf(log), rows);
        for (size_t i = 0; i < rows.size(); ++i) {
            Row row;
            for (const ColumnPtr& column : columns)
                row.push_back(column->textAt(i));
            contents[{log, number->valueAt(i).asInt64()}].push_back(std::move(row));
        }
        EXPECT_EQ(rows.size(), logs.rows(log));
    }
    return contents;
}

// The chain of each state, as checkpoints that follow one another have it.
class Chains {
  public:
    std::shared_ptr<const OperatorSnapshot> add(OperatorSnapshot taken) {
        for (KeyedStateSnapshot& state : taken.keyed) {
            auto& chain = chains_[state.descriptor.name];
            if (state.segments.front()->full) chain.clear();
            chain.insert(chain.end(), state.segments.begin(), state.segments.end());
            state.segments = chain;
        }
        return std::make_shared<const OperatorSnapshot>(std::move(taken));
    }

  private:
    std::map<std::string, std::vector<std::shared_ptr<const StateSegment>>> chains_;
};

OperatorSnapshot captureBySlices(StateBackend& backend, Random& random) {
    while (!backend.advanceCapture(1 + random.below(40))) {
    }
    return backend.takeCapture();
}

TEST(KeyedLogs, HoldWhatWasAddedThroughCapturesAndRestores) {
    constexpr size_t kDistinct = 40;
    for (uint64_t seed = 1; seed <= 10; ++seed) {
        SCOPED_TRACE(seed);
        Random random(seed);
        Batches batch(random);
        Rows model;
        auto backend = backendOf(kMaxParallelism, {});
        KeyedLogs* logs = &backend->logs(descriptors());
        Chains chains;
        for (int step = 0; step < 12; ++step) {
            const size_t log = random.below(2);
            batch.make(log, random.below(300), kDistinct);
            add(*logs, log, batch, random, model);
            ASSERT_EQ(contents(*logs, kDistinct), model);
            if (!random.chance(0.5)) continue;
            const Rows at_barrier = model;
            backend->beginCapture(CaptureMode::Incremental);
            add(*logs, log, batch, random, model);  // while it is under way: no part of it
            auto taken = chains.add(captureBySlices(*backend, random));
            if (!random.chance(0.4)) continue;
            backend = backendOf(kMaxParallelism, {taken});
            logs = &backend->logs(descriptors());
            chains = {};
            model = at_barrier;
            ASSERT_EQ(contents(*logs, kDistinct), model);
        }
    }
}

TEST(KeyedLogs, KeepTheOrderOfAKeysRowsAtAnotherParallelism) {
    constexpr size_t kDistinct = 200;
    Random random(7);
    Batches batch(random);
    Rows model;
    auto one = backendOf(kMaxParallelism, {});
    for (const size_t log : {size_t{0}, size_t{1}, size_t{1}, size_t{0}}) {
        batch.make(log, 900, kDistinct);
        add(one->logs(descriptors()), log, batch, random, model);
    }
    const auto taken = std::make_shared<const OperatorSnapshot>(one->capture());
    std::vector<std::shared_ptr<const OperatorSnapshot>> parts;
    size_t rows = 0;
    for (uint32_t subtask = 0; subtask < 3; ++subtask) {
        const auto part = backendOf(kMaxParallelism, {taken}, subtask, 3);
        rows += part->logs(descriptors()).rows(1);
        batch.make(1, 50, 1);
        parts.push_back(std::make_shared<const OperatorSnapshot>(part->capture()));
    }
    EXPECT_EQ(rows, one->logs(descriptors()).rows(1));
    auto again = backendOf(kMaxParallelism, parts);
    EXPECT_EQ(contents(again->logs(descriptors()), kDistinct), model);
}

TEST(KeyedLogs, StringsStayWhenTheLogIsGone) {
    Random random(3);
    Batches batch(random);
    Rows model;
    ColumnPtr texts;
    {
        auto backend = backendOf(kMaxParallelism, {});
        KeyedLogs& logs = backend->logs(descriptors());
        batch.make(0, 500, 1);
        add(logs, 0, batch, random, model);
        std::vector<std::byte*> entries, rows;
        const Selection first{0};
        logs.find(batch.key_columns, batch.hashes, first, entries);
        logs.collect(0, entries, rows);
        texts = logs.load(0, fieldsOf(0), rows)[1];
    }
    for (size_t i = 0; i < texts->size(); ++i)
        ASSERT_EQ(texts->textAt(i), (model.at({0, 0})[i][1]));
}

TEST(KeyedLogs, RowsOfAKeyThatFollowOneAnotherTakeLess) {
    constexpr uint32_t kRows = 8192, kTimes = 160;
    const auto bytes = [](uint32_t keys, bool sorted) {
        auto backend = backendOf(kMaxParallelism, {});
        KeyedLogs& logs = backend->logs(descriptors());
        std::vector<Value> numbers, texts;
        for (int64_t row = 0; row < kRows; ++row) {
            const int64_t key = sorted ? row * keys / kRows : row % keys;
            numbers.push_back(Value::int64(key));
            texts.push_back(Value::string(textOfKey(key)));
        }
        const std::vector<ColumnPtr> columns{Column::of(kKey[0].type, numbers),
                                             Column::of(kKey[1].type, texts)};
        std::vector<uint64_t> hashes;
        hashColumns(columns, kRows, hashes);
        Selection all(kRows);
        std::iota(all.begin(), all.end(), uint32_t{0});
        std::vector<std::byte*> entries;
        logs.findOrInsert(columns, hashes, {}, entries);
        for (uint32_t times = 0; times < kTimes; ++times)
            logs.append(1, entries, std::span(columns).first(1), all);
        return static_cast<double>(logs.bytes()) / (kTimes * kRows);
    };
    // A key's address and a number, and for each run a word.
    EXPECT_NEAR(bytes(64, false), 24, 3);
    EXPECT_NEAR(bytes(64, true), 16, 3);
}

TEST(KeyedLogs, RowsOfNothingAreNull) {
    auto backend = backendOf(kMaxParallelism, {});
    KeyedLogs& logs = backend->logs(descriptors());
    const std::vector<std::byte*> rows(3, logs.nothing(0));
    for (const ColumnPtr& column : logs.load(0, fieldsOf(0), rows))
        EXPECT_TRUE(column->isNull(2));
    EXPECT_TRUE(logs.loadKey(0, 1, rows)->isNull(0));
}

// A table that keeps a key's rows by number, the first one counting them, and is written to as one.
class NumberedTable {
  public:
    NumberedTable(StateBackend& backend, const KeyedStateDescriptor& descriptor)
        : table_(backend.table(descriptor)) {}

    void put(int64_t key, int64_t number, int64_t size, int64_t n) {
        std::byte* row = find(key, number);
        set(row, 3, size);
        set(row, 4, n);
    }
    void erase(int64_t key, int64_t number) { table_.erase(0, find(key, number)); }

  private:
    std::byte* find(int64_t key, int64_t number) {
        const Value number_of_key = Value::int64(key), text = Value::string(textOfKey(key)),
                    of_row = Value::int64(number);
        const std::vector<ColumnPtr> columns{Column::of(kKey[0].type, {&number_of_key, 1}),
                                             Column::of(kKey[1].type, {&text, 1}),
                                             Column::of(LogicalType::bigint(), {&of_row, 1})};
        std::vector<uint64_t> hashes;
        hashKeys(table_.descriptor(), columns, 1, kMaxParallelism, hashes);
        std::vector<std::byte*> rows;
        table_.findOrInsert(0, columns, hashes, {}, rows);
        return rows[0];
    }
    void set(std::byte* row, size_t field, int64_t value) {
        RowLayout::setNull(row, field, false);
        RowLayout::at<int64_t>(row, table_.layout().offset(field)) = value;
    }
    KeyedTable& table_;
};

std::vector<std::string> narrowRows(StateBackend& backend, int64_t key) {
    Rows all = contents(backend.logs(descriptors()), 5);
    std::vector<std::string> texts;
    for (const Row& row : all[{1, key}])
        texts.push_back(row[0]);
    return texts;
}

TEST(KeyedLogs, ReadWhatTablesWrote) {
    for (const Duration ttl : {Duration{0}, Duration{3'600'000}}) {
        SCOPED_TRACE(ttl.ms);
        KeyedStateDescriptor descriptor = descriptors()[1].state();
        descriptor.ttl = ttl;
        auto backend = backendOf(kMaxParallelism, {});
        Chains chains;
        Random random(1);
        NumberedTable table(*backend, descriptor);
        const auto capture = [&] {
            backend->beginCapture(CaptureMode::Incremental);
            return chains.add(captureBySlices(*backend, random));
        };
        table.put(1, 0, 1, 10);
        table.put(2, 0, 2, 20);
        table.put(2, 1, 0, 21);
        capture();
        table.put(1, 0, 2, 10);  // counts again, and is part of the next checkpoint again
        table.put(1, 1, 0, 11);
        auto taken = capture();
        if (ttl.ms > 0) {
            table.erase(2, 0);
            taken = capture();
        }
        const auto restored = backendOf(kMaxParallelism, {taken});
        EXPECT_EQ(narrowRows(*restored, 1), (std::vector<std::string>{"10", "11"}));
        EXPECT_EQ(narrowRows(*restored, 2),
                  ttl.ms > 0 ? std::vector<std::string>{"21"} : (std::vector<std::string>{"20", "21"}));
    }
}

TEST(KeyedLogs, ADamagedSectionIsAnError) {
    Random random(5);
    Batches batch(random);
    Rows model;
    auto backend = backendOf(kMaxParallelism, {});
    batch.make(0, 200, 3);
    add(backend->logs(descriptors()), 0, batch, random, model);
    const OperatorSnapshot whole = backend->capture();
    size_t refused = 0;
    for (int i = 0; i < 300; ++i) {
        OperatorSnapshot damaged = whole;
        for (KeyedStateSnapshot& state : damaged.keyed) {
            if (state.segments[0]->groups.empty()) continue;
            auto segment = std::make_shared<StateSegment>(*state.segments[0]);
            KeyGroupSection& section = segment->groups[random.below(segment->groups.size())];
            std::string bytes(section.data.bytes.view());
            bytes[random.below(bytes.size())] ^= static_cast<char>(1 + random.below(255));
            if (random.chance(0.3)) bytes.resize(random.below(bytes.size()));
            section.data = SectionData(std::move(bytes));
            state.segments[0] = segment;
        }
        try {
            backendOf(kMaxParallelism, {std::make_shared<const OperatorSnapshot>(damaged)})
                ->logs(descriptors());
        } catch (const UserError& error) {
            EXPECT_EQ(error.code(), "snapshot.damaged");
            ++refused;
        }
    }
    EXPECT_GT(refused, 100U);
}

}  // namespace
}  // namespace millrace
