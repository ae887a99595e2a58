// Records against a model: rows of all types that come and take one another's places, through captures while
// they do, and restores at other parallelisms; from and to what tables write; strings that were lent.
#include "state/keyed_records.h"

#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <set>

#include "base/error.h"
#include "base/random.h"
#include "state/state_backend.h"
#include "state/wide_rows_test_support.h"

namespace millrace {
namespace {

using namespace testing;

constexpr uint32_t kMaxParallelism = 100;  // groups of a restore's parts do not come out even

KeyedRecordsDescriptor descriptor() { return {"records", wideSchema()}; }

using Row = std::vector<std::string>;
using Rows = std::map<int64_t, Row>;  // by number

Rows contents(KeyedRecords& records) {
    const std::vector<std::byte*> rows = records.all();
    EXPECT_EQ(rows.size(), records.rows());
    const std::vector<ColumnPtr> columns = records.load(allFields(wideSchema()), rows);
    Rows contents;
    for (size_t i = 0; i < rows.size(); ++i)
        EXPECT_TRUE(contents.emplace(KeyedRecords::numberOf(rows[i]), textOf(columns, i)).second);
    return contents;
}

// Writes some rows, of which about as many as `replacing` says take the places of others.
void write(KeyedRecords& records, Random& random, size_t most, double replacing, Rows& model) {
    const size_t rows = random.below(most + 1);
    const std::vector<ColumnPtr> columns = someColumns(random, wideSchema(), rows);
    Selection selection;
    for (uint32_t row = 0; row < rows; ++row) {
        if (random.chance(0.8)) selection.push_back(row);
    }
    std::vector<std::byte*> former = records.all(), places;
    std::vector<KeyGroup> groups;
    for (size_t i = 0; i < selection.size(); ++i) {
        places.push_back(nullptr);
        groups.push_back(KeyGroup(static_cast<uint16_t>(random.below(kMaxParallelism))));
        if (former.empty() || !random.chance(replacing)) continue;
        std::swap(former[random.below(former.size())], former.back());
        places.back() = former.back();
        former.pop_back();
    }
    std::vector<int64_t> numbers;
    numbers.reserve(places.size());
    for (const std::byte* place : places)
        numbers.push_back(place == nullptr ? -1 : KeyedRecords::numberOf(place));
    records.write(columns, selection, groups, places);
    for (size_t i = 0; i < selection.size(); ++i) {
        const int64_t number = KeyedRecords::numberOf(places[i]);
        if (numbers[i] >= 0) {
            ASSERT_EQ(number, numbers[i]);
        } else {
            ASSERT_EQ(RowNumbers::groupOf(number), groups[i]);
            ASSERT_FALSE(model.contains(number));
        }
        model[number] = textOf(columns, selection[i]);
    }
}

// The chain of the state, as checkpoints that follow one another have it.
class Chain {
  public:
    std::shared_ptr<const OperatorSnapshot> add(OperatorSnapshot taken) {
        for (KeyedStateSnapshot& state : taken.keyed) {
            if (state.segments.front()->full) segments_.clear();
            segments_.insert(segments_.end(), state.segments.begin(), state.segments.end());
            state.segments = segments_;
        }
        return std::make_shared<const OperatorSnapshot>(std::move(taken));
    }
    size_t size() const { return segments_.size(); }

  private:
    std::vector<std::shared_ptr<const StateSegment>> segments_;
};

TEST(KeyedRecords, HoldWhatWasWrittenThroughCapturesAndRestores) {
    size_t longest = 0;
    for (uint64_t seed = 1; seed <= 8; ++seed) {
        SCOPED_TRACE(seed);
        Random random(seed);
        Rows model;
        auto backend = backendOf(kMaxParallelism, {});
        KeyedRecords* records = &backend->records(descriptor());
        Chain chain;
        std::vector<ColumnPtr> held;  // columns that rows were lent to, and what they said
        std::vector<Row> held_texts;
        for (int step = 0; step < 25; ++step) {
            write(*records, random, 200, model.size() < 500 ? 0.5 : 1, model);
            ASSERT_EQ(contents(*records), model);
            if (!held.empty()) {
                for (size_t i = 0; i < held_texts.size(); ++i)
                    ASSERT_EQ(textOf(held, i), held_texts[i]);
            }
            if (random.chance(0.3)) {
                held = records->load(allFields(wideSchema()), records->all());
                held_texts.clear();
                for (size_t i = 0; i < records->rows(); ++i)
                    held_texts.push_back(textOf(held, i));
            }
            if (!random.chance(0.6)) continue;
            const Rows at_barrier = model;
            backend->beginCapture(random.chance(0.9) ? CaptureMode::Incremental : CaptureMode::Full);
            while (!backend->advanceCapture(1 + random.below(40)))
                write(*records, random, 40, 0.9, model);  // while it is under way: no part of it
            auto taken = chain.add(backend->takeCapture());
            longest = std::max(longest, chain.size());
            ASSERT_EQ(contents(backendOf(kMaxParallelism, {taken})->records(descriptor())), at_barrier);
            if (!random.chance(0.2)) continue;
            backend = backendOf(kMaxParallelism, {taken});
            records = &backend->records(descriptor());
            chain = {};
            model = at_barrier;
        }
    }
    EXPECT_GT(longest, 3U);
}

TEST(KeyedRecords, AnIncrementalCaptureHasWhatChanged) {
    Random random(5);
    Rows model;
    auto backend = backendOf(kMaxParallelism, {});
    KeyedRecords& records = backend->records(descriptor());
    while (records.rows() < 2000)
        write(records, random, 200, 0, model);
    const auto captured = [&] {
        backend->beginCapture(CaptureMode::Incremental);
        EXPECT_TRUE(backend->advanceCapture(SIZE_MAX));
        const OperatorSnapshot taken = backend->takeCapture();
        size_t rows = 0;
        for (const KeyGroupSection& section : taken.keyed[0].segments[0]->groups)
            rows += section.rows;
        return rows;
    };
    EXPECT_EQ(captured(), model.size());
    EXPECT_EQ(captured(), 0U);
    std::set<int64_t> written;
    const std::vector<ColumnPtr> columns = someColumns(random, wideSchema(), 10);
    Selection selection(10);
    std::iota(selection.begin(), selection.end(), 0U);
    for (int again = 0; again < 3; ++again) {
        std::vector<std::byte*> places = records.all();
        places.resize(9);
        places.push_back(nullptr);
        records.write(columns, selection, std::vector<KeyGroup>(10, KeyGroup(3)), places);
        for (const std::byte* place : places)
            written.insert(KeyedRecords::numberOf(place));
    }
    EXPECT_EQ(captured(), written.size());
}

TEST(KeyedRecords, GoToOtherSubtasksByTheirKeyGroups) {
    Random random(7);
    Rows model;
    auto one = backendOf(kMaxParallelism, {});
    for (int i = 0; i < 10; ++i)
        write(one->records(descriptor()), random, 200, 0.3, model);
    const auto taken = std::make_shared<const OperatorSnapshot>(one->capture());
    std::vector<std::shared_ptr<const OperatorSnapshot>> parts;
    size_t rows = 0;
    for (uint32_t subtask = 0; subtask < 3; ++subtask) {
        const auto part = backendOf(kMaxParallelism, {taken}, subtask, 3);
        rows += part->records(descriptor()).rows();
        EXPECT_GT(part->records(descriptor()).rows(), 0U);
        parts.push_back(std::make_shared<const OperatorSnapshot>(part->capture()));
    }
    EXPECT_EQ(rows, model.size());
    auto again = backendOf(kMaxParallelism, parts);
    EXPECT_EQ(contents(again->records(descriptor())), model);
    const size_t before = model.size();  // and new numbers are new
    write(again->records(descriptor()), random, 200, 0, model);
    EXPECT_GT(model.size(), before);
    EXPECT_EQ(contents(again->records(descriptor())), model);
}

TEST(KeyedRecords, MemoryOfRowsWhosePlacesAreTakenIsUsedAgain) {
    Random random(9);
    Rows model;
    auto backend = backendOf(kMaxParallelism, {});
    KeyedRecords& records = backend->records(descriptor());
    while (records.rows() < 300)
        write(records, random, 100, 0, model);
    for (int i = 0; i < 300; ++i)
        write(records, random, 100, 1, model);
    const size_t bytes = records.bytes();
    for (int i = 0; i < 600; ++i)
        write(records, random, 100, 1, model);
    EXPECT_LT(records.bytes(), bytes * 2);
    EXPECT_EQ(contents(records), model);
}

TEST(KeyedRecords, StringsThatWereLentStay) {
    Random random(11);
    Rows model;
    std::vector<std::vector<ColumnPtr>> held;
    std::vector<std::vector<Row>> texts;
    {
        auto backend = backendOf(kMaxParallelism, {});
        KeyedRecords& records = backend->records(descriptor());
        while (records.rows() < 200)
            write(records, random, 100, 0, model);
        // So many wait for loans that are held that the last ones are copies.
        for (int i = 0; i < 400; ++i) {
            if (i % 100 == 0 || i == 399) {
                held.push_back(records.load(allFields(wideSchema()), records.all()));
                texts.emplace_back();
                for (size_t row = 0; row < records.rows(); ++row)
                    texts.back().push_back(textOf(held.back(), row));
            }
            write(records, random, 200, 1, model);
        }
    }
    for (size_t i = 0; i < held.size(); ++i) {
        for (size_t row = 0; row < texts[i].size(); ++row)
            ASSERT_EQ(textOf(held[i], row), texts[i][row]);
    }
}

// A table with the same rows, which can erase them and let them expire.
class NumberedTable {
  public:
    NumberedTable(StateBackend& backend, Duration ttl, const Schema& value)
        : numbers_(kMaxParallelism), table_(backend.table(ofRecords(ttl, value))) {}

    int64_t next(uint16_t group) { return numbers_.next(KeyGroup(group)); }
    void put(int64_t number, int64_t value) {
        std::byte* const row = find(number);
        RowLayout::setNull(row, 2, false);
        RowLayout::at<int64_t>(row, table_.layout().offset(2)) = value;
    }
    void erase(int64_t number) { table_.erase(0, find(number)); }

  private:
    static KeyedStateDescriptor ofRecords(Duration ttl, const Schema& value) {
        KeyedStateDescriptor descriptor = KeyedRecordsDescriptor{"records", value}.state();
        descriptor.ttl = ttl;
        return descriptor;
    }
    std::byte* find(int64_t number) {
        const RowNumbers::Keys keys = numbers_.keysOf({&number, 1});
        std::vector<std::byte*> rows;
        table_.findOrInsert(0, keys.columns, keys.hashes, {}, rows);
        return rows[0];
    }
    RowNumbers numbers_;
    KeyedTable& table_;
};

const Schema kCount({{"n", LogicalType::bigint()}});

TEST(KeyedRecords, ReadWhatTablesWrote) {
    for (const Duration ttl : {Duration{0}, Duration{3'600'000}}) {
        SCOPED_TRACE(ttl.ms);
        auto backend = backendOf(kMaxParallelism, {});
        NumberedTable table(*backend, ttl, kCount);
        Chain chain;
        const auto capture = [&] {
            backend->beginCapture(CaptureMode::Incremental);
            EXPECT_TRUE(backend->advanceCapture(SIZE_MAX));
            return chain.add(backend->takeCapture());
        };
        const int64_t first = table.next(1), second = table.next(99), third = table.next(1);
        table.put(first, 10);
        table.put(second, 20);
        table.put(third, 30);
        capture();
        table.put(first, 11);
        table.erase(second);
        const auto taken = capture();
        ASSERT_EQ(chain.size(), 2U);

        auto restored = backendOf(kMaxParallelism, {taken});
        KeyedRecords& records = restored->records({"records", kCount});
        std::map<int64_t, int64_t> contents;
        const size_t field = 0;
        for (std::byte* row : records.all())
            contents[KeyedRecords::numberOf(row)] =
                records.load({&field, 1}, {&row, 1})[0]->data<int64_t>()[0];
        EXPECT_EQ(contents, (std::map<int64_t, int64_t>{{first, 11}, {third, 30}}));
    }
}

TEST(KeyedRecords, WriteWhatTablesRead) {
    Random random(13);
    Rows model;
    auto backend = backendOf(kMaxParallelism, {});
    KeyedRecords& records = backend->records(descriptor());
    for (int i = 0; i < 5; ++i)
        write(records, random, 200, 0.3, model);
    auto restored =
        backendOf(kMaxParallelism, {std::make_shared<const OperatorSnapshot>(backend->capture())});
    KeyedTable& table = restored->table(descriptor().state());
    const std::vector<std::byte*> rows = table.allRows(0);
    const ColumnPtr numbers = loadColumn(table.layout(), RowNumbers::kNumberField, rows);
    std::vector<ColumnPtr> columns;
    for (size_t field = 0; field < wideSchema().size(); ++field)
        columns.push_back(loadColumn(table.layout(), table.firstValueField() + field, rows));
    Rows contents;
    for (size_t i = 0; i < rows.size(); ++i)
        contents[numbers->data<int64_t>()[i]] = textOf(columns, i);
    EXPECT_EQ(contents, model);
}

TEST(KeyedRecords, ANumberOfAnotherKeyGroupIsDamage) {
    auto backend = backendOf(kMaxParallelism, {});
    KeyedRecords& records = backend->records({"records", kCount});
    const Value one = Value::int64(1);
    const ColumnPtr column = Column::of(LogicalType::bigint(), {&one, 1});
    const Selection selection{0};
    std::vector<std::byte*> places{nullptr};
    const KeyGroup group(5);
    records.write({&column, 1}, selection, {&group, 1}, places);
    OperatorSnapshot taken = backend->capture();
    auto segment = std::make_shared<StateSegment>(*taken.keyed[0].segments[0]);
    for (const char wrong : {'\x06', '\x7f'}) {
        std::string bytes(segment->groups[0].data.bytes.view());
        ASSERT_EQ(bytes[10], '\x05');  // the number, behind the route and two validity bytes
        bytes[10] = wrong;
        auto damaged = std::make_shared<StateSegment>(*segment);
        damaged->groups[0].data = SectionData(std::move(bytes));
        taken.keyed[0].segments[0] = std::move(damaged);
        const auto restored = backendOf(kMaxParallelism, {std::make_shared<const OperatorSnapshot>(taken)});
        try {
            restored->records({"records", kCount});
            FAIL() << "it was restored";
        } catch (const UserError& error) {
            EXPECT_EQ(error.code(), "snapshot.damaged");
        }
    }
}

}  // namespace
}  // namespace millrace
