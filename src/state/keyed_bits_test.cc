// Bits of pairs against a model: through captures while bits are set, and restores at other parallelisms;
// from and to what tables write.
#include "state/keyed_bits.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>

#include "base/hash.h"
#include "base/random.h"
#include "base/unmix_hash.h"
#include "state/state_backend.h"

namespace millrace {
namespace {

constexpr uint32_t kGroupsMax = 16;

using BitsModel = std::map<std::pair<int64_t, int64_t>, uint64_t>;

KeyedBitsDescriptor bitsOf(LogicalType type) { return {"seen", {"value", std::move(type)}}; }

std::unique_ptr<StateBackend> bitsBackend(std::vector<std::shared_ptr<const OperatorSnapshot>> restored = {},
                                          uint32_t subtask = 0, uint32_t parallelism = 1) {
    StateBackendParameters parameters;
    parameters.operator_uid = "test";
    parameters.subtask = SlotIndex(subtask);
    parameters.parallelism = parallelism;
    parameters.max_parallelism = kGroupsMax;
    parameters.restored = std::move(restored);
    return makeHashMapStateBackend(parameters);
}

enum class Order : uint8_t { Any, Up, Down, AllOver };

// Values of a few groups each, values of many, and a single one: pages are found by the one hash or the
// other. Counted groups, which are known by small numbers, or any.
struct Shape {
    uint64_t groups;
    uint64_t values;
    Order order = Order::Any;
    bool counted = false;
};
constexpr Shape kShapes[] = {
    {50, 2000},
    {50, 2000, Order::Any, true},
    {20'000, 3},
    {20'000, 3, Order::Any, true},
    {1000, 60},
    {1000, 60, Order::Any, true},
    {100'000, 1},
    {100'000, 1, Order::Any, true},
    {1, 100'000},
    {1, 100'000, Order::Any, true},
    {500, 20, Order::Up, true},
    {500, 20, Order::Up},
    {500, 2000, Order::Up, true},
    {500, 20, Order::Down, true},
    {20'000, 8, Order::Up, true},
    {100, 1, Order::AllOver},
    {100, 1, Order::AllOver, true},
};
std::string textOf(const Shape& shape) {
    return fmt::format("{} {} groups, {} values, order {}", shape.groups, shape.counted ? "counted" : "any",
                       shape.values, static_cast<int>(shape.order));
}

class Draws {
  public:
    explicit Draws(const Shape& shape) : shape_(shape) {}

    int64_t group(Random& random) const {
        const uint64_t drawn = random.below(shape_.groups);
        // As operators/group_numbers.h gives them.
        return static_cast<int64_t>(shape_.counted ? unmixHash(drawn % kGroupsMax << 32 | drawn)
                                                   : mixHash(drawn));
    }
    int64_t value(Random& random) {
        const auto step = static_cast<int64_t>(drawn_++ / 20);
        const auto drawn = static_cast<int64_t>(random.below(shape_.values));
        switch (shape_.order) {
            case Order::Any:
                return drawn - static_cast<int64_t>(shape_.values / 2);
            case Order::Up:
                return step + drawn;
            case Order::Down:
                return -step - drawn;
            case Order::AllOver:
                break;
        }
        // Some lie together, the others anywhere, and the last ones there are among them.
        const uint64_t kind = random.below(20);
        if (kind == 0) return std::numeric_limits<int64_t>::max();
        if (kind == 1) return std::numeric_limits<int64_t>::min();
        if (kind < 11) return 1'000'000'000'000 + static_cast<int64_t>(random.below(1000));
        return static_cast<int64_t>(random.next());
    }

  private:
    const Shape shape_;
    uint64_t drawn_ = 0;
};

// Sets some bits of random pairs, and checks which of them were new.
void setSome(KeyedBits& bits, BitsModel& model, Random& random, size_t rows, Draws& draws) {
    const bool is_short = bits.descriptor().value.type.physical() == PhysicalType::Int32;
    std::vector<int64_t> of_groups;
    std::vector<Value> of_values;
    std::vector<uint64_t> of_bits;
    Selection selection;
    for (uint32_t row = 0; row < rows; ++row) {
        of_groups.push_back(draws.group(random));
        const int64_t value = draws.value(random);
        of_values.push_back(Value::int64(is_short ? static_cast<int32_t>(value) : value));
        of_bits.push_back(uint64_t{1} << random.below(64));
        if (random.chance(0.9)) selection.push_back(row);
    }
    std::vector<uint64_t> fresh;
    const ColumnPtr column = Column::of(bits.descriptor().value.type, of_values);
    bits.set(of_groups, *column, of_bits, selection, fresh);
    ASSERT_EQ(fresh.size(), selection.size());
    for (size_t i = 0; i < selection.size(); ++i) {
        const uint32_t row = selection[i];
        uint64_t& known = model[{of_groups[row], of_values[row].asInt64()}];
        ASSERT_EQ(fresh[i], of_bits[row] & ~known);
        known |= of_bits[row];
    }
    ASSERT_EQ(bits.pairs(), model.size());
}

// What is there, by what can be added to it.
void expectHolds(KeyedBits& bits, const BitsModel& model, uint32_t subtask = 0, uint32_t parallelism = 1) {
    std::vector<int64_t> groups;
    std::vector<Value> values;
    size_t owned = 0;
    for (const auto& [pair, known] : model) {
        groups.push_back(pair.first);
        values.push_back(Value::int64(pair.second));
        const KeyGroup group = keyGroupOf(mixHash(static_cast<uint64_t>(pair.first)), kGroupsMax);
        owned += ownerOf(group, kGroupsMax, parallelism).value() == subtask;
    }
    ASSERT_EQ(bits.pairs(), owned);
    const std::vector<uint64_t> all(groups.size(), ~uint64_t{0});
    Selection selection(groups.size());
    std::iota(selection.begin(), selection.end(), 0U);
    std::vector<uint64_t> fresh;
    bits.set(groups, *Column::of(bits.descriptor().value.type, values), all, selection, fresh);
    size_t i = 0;
    for (const auto& [pair, known] : model) {
        const KeyGroup group = keyGroupOf(mixHash(static_cast<uint64_t>(pair.first)), kGroupsMax);
        const bool mine = ownerOf(group, kGroupsMax, parallelism).value() == subtask;
        ASSERT_EQ(fresh[i++], mine ? ~known : ~uint64_t{0});
    }
}

TEST(KeyedBits, TellsWhatIsNew) {
    Random random(1);
    for (size_t run = 0; run < 2 * std::size(kShapes); ++run) {
        const Shape shape = kShapes[run / 2];
        const LogicalType type = run % 2 == 0 ? LogicalType::bigint() : LogicalType::integer();
        SCOPED_TRACE(textOf(shape));
        const auto backend = bitsBackend();
        KeyedBits& bits = backend->bits(bitsOf(type));
        BitsModel model;
        Draws draws(shape);
        for (int batch = 0; batch < 40; ++batch)
            setSome(bits, model, random, 2000, draws);  // through many divisions
        EXPECT_GT(bits.pairs(), 18'000U);
        EXPECT_LT(bits.bytes(), bits.pairs() * 60 + MemorySource::kHugePage);  // the last block is not full
        expectHolds(bits, model);
    }
}

TEST(KeyedBits, TakesTwoWordsWhereNumbersAreSmallOrNear) {
    for (const bool counted : {true, false}) {
        for (const Order order : {Order::Any, Order::Up, Order::Down}) {
            Random random(5);
            const auto backend = bitsBackend();
            KeyedBits& bits = backend->bits(bitsOf(LogicalType::bigint()));
            BitsModel model;
            Draws draws({500, 20'000, order, counted});
            setSome(bits, model, random, 50'000, draws);
            EXPECT_EQ(bits.pairsOfTwoWords(), counted ? bits.pairs() : 0);
        }
    }
    // Where a value is far from the others, those that are near one another get pages of their own; and of an
    // uncounted group there may be few.
    Random random(6);
    const auto backend = bitsBackend();
    KeyedBits& bits = backend->bits(bitsOf(LogicalType::bigint()));
    BitsModel model;
    Draws near({500, 20'000, Order::Any, true});
    Draws far({500, 1, Order::AllOver, true});
    Draws any({1, 20'000, Order::Any, false});
    for (int batch = 0; batch < 200; ++batch) {
        setSome(bits, model, random, 500, near);
        setSome(bits, model, random, 5, far);
        if (batch % 50 == 49) setSome(bits, model, random, 1, any);
    }
    EXPECT_GT(bits.pairsOfTwoWords(), bits.pairs() / 2);
    EXPECT_LT(bits.pairsOfTwoWords(), bits.pairs());
    expectHolds(bits, model);
}

TEST(KeyedBits, ValuesThatComeInOrderFillTheirPages) {
    for (const Order order : {Order::Up, Order::Down}) {
        Random random(8);
        const auto backend = bitsBackend();
        KeyedBits& bits = backend->bits(bitsOf(LogicalType::bigint()));
        BitsModel model;
        Draws draws({2000, 1, order, true});
        setSome(bits, model, random, 200'000, draws);
        EXPECT_LT(bits.bytes(), bits.pairs() * 28 + MemorySource::kHugePage);  // they are of 16 bytes
    }
}

// Values around one that ascends by `step`, each of which is seen by many groups. Returns the pairs.
size_t setAscending(KeyedBits& bits, Random& random, size_t rows, int64_t from, int64_t step) {
    constexpr size_t kRows = 500;
    std::vector<std::pair<int64_t, int64_t>> pairs;
    std::vector<uint64_t> fresh;
    const std::vector<uint64_t> one(kRows, 1);
    Selection all(kRows);
    std::iota(all.begin(), all.end(), uint32_t{0});
    uint64_t set = 0;
    for (size_t first = 0; first < rows; first += kRows) {
        std::vector<int64_t> groups;
        std::vector<Value> values;
        for (size_t row = first; row < first + kRows; ++row) {
            groups.push_back(static_cast<int64_t>(unmixHash(random.below(2000))));
            const size_t value = row / 40 + random.below(16);
            values.push_back(Value::int64(from + step * static_cast<int64_t>(value)));
            pairs.emplace_back(groups.back(), values.back().asInt64());
        }
        bits.set(groups, *Column::of(LogicalType::bigint(), values), one, all, fresh);
        set += std::accumulate(fresh.begin(), fresh.end(), uint64_t{0});
    }
    std::sort(pairs.begin(), pairs.end());
    pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
    EXPECT_EQ(set, pairs.size());
    return pairs.size();
}

TEST(KeyedBits, PagesAreBegunAheadOfValuesThatAscend) {
    Random random(9);
    const auto backend = bitsBackend();
    KeyedBits& bits = backend->bits(bitsOf(LogicalType::bigint()));
    const size_t dense = setAscending(bits, random, 800'000, 0, 1);
    size_t bytes = bits.bytes();
    EXPECT_LT(bytes, dense * 24 + MemorySource::kHugePage);  // they are of 16 bytes
    // Values that few groups see: pages would be for many more of them, and then for more than fit.
    for (const int64_t step : {1'000, 1'000'000}) {
        const size_t sparse = setAscending(bits, random, 60'000, step * 1'000'000, step);
        EXPECT_LT(bits.bytes() - bytes, sparse * 60 + 2 * MemorySource::kHugePage) << step;
        bytes = bits.bytes();
    }
}

void captureWhileBitsAreSet(Shape shape) {
    SCOPED_TRACE(textOf(shape));
    Random random(2);
    const auto backend = bitsBackend();
    KeyedBits& bits = backend->bits(bitsOf(LogicalType::bigint()));
    BitsModel model;
    Draws draws(shape);
    std::vector<std::shared_ptr<const StateSegment>> chain;
    for (int round = 0; round < 12; ++round) {
        setSome(bits, model, random, round == 0 ? 20'000 : 500, draws);
        const BitsModel at_barrier = model;
        // A full one in between breaks the chain: the one after it has everything.
        const bool savepoint = round == 6;
        backend->beginCapture(savepoint ? CaptureMode::Full : CaptureMode::Incremental);
        while (!backend->advanceCapture(300))
            setSome(bits, model, random, 200, draws);
        auto snapshot = std::make_shared<OperatorSnapshot>(backend->takeCapture());
        ASSERT_EQ(snapshot->keyed.size(), 1U);
        const auto& segment = snapshot->keyed[0].segments.back();
        EXPECT_EQ(segment->full, round == 0 || round == 6 || round == 7);
        if (segment->full) chain.clear();
        chain.push_back(segment);
        snapshot->keyed[0].segments = chain;
        for (const uint32_t parallelism : {1U, 3U}) {
            for (uint32_t subtask = 0; subtask < parallelism; ++subtask) {
                const auto restored = bitsBackend({snapshot}, subtask, parallelism);
                expectHolds(restored->bits(bitsOf(LogicalType::bigint())), at_barrier, subtask, parallelism);
            }
        }
    }
    EXPECT_GT(chain.size(), 3U);
}

TEST(KeyedBits, CapturesWhatWasThereAtTheBarrierWhileBitsAreSet) {
    for (const Shape shape : kShapes)
        captureWhileBitsAreSet(shape);
}

TEST(KeyedBits, AnIncrementalCaptureHasOnlyWhatChanged) {
    Random random(3);
    const auto backend = bitsBackend();
    KeyedBits& bits = backend->bits(bitsOf(LogicalType::bigint()));
    BitsModel model;
    Draws draws({20, 4000});
    setSome(bits, model, random, 30'000, draws);
    backend->beginCapture(CaptureMode::Incremental);
    ASSERT_TRUE(backend->advanceCapture(SIZE_MAX));
    const uint64_t whole = backend->takeCapture().bytes();
    setSome(bits, model, random, 100, draws);
    backend->beginCapture(CaptureMode::Incremental);
    ASSERT_TRUE(backend->advanceCapture(SIZE_MAX));
    EXPECT_LT(backend->takeCapture().bytes(), whole / 100);
}

TEST(KeyedBits, ReadsWhatTablesWroteAndTheOtherWayRound) {
    for (const LogicalType& type : {LogicalType::bigint(), LogicalType::integer()}) {
        const KeyedStateDescriptor descriptor = bitsOf(type).state();
        const auto backend = bitsBackend();
        KeyedTable& table = backend->table(descriptor);
        std::vector<Value> groups, values;
        for (int64_t i = 0; i < 5000; ++i) {
            groups.push_back(Value::int64(i % 40));
            values.push_back(Value::int64(i - 2500));
        }
        const std::vector<ColumnPtr> keys{Column::of(LogicalType::bigint(), groups),
                                          Column::of(type, values)};
        std::vector<uint64_t> hashes;
        hashKeys(descriptor, keys, groups.size(), kGroupsMax, hashes);
        std::vector<std::byte*> rows;
        table.findOrInsert(0, keys, hashes, {}, rows);
        BitsModel model;
        const size_t field = table.firstValueField();
        for (size_t i = 0; i < rows.size(); ++i) {
            RowLayout::setNull(rows[i], field, false);
            RowLayout::at<uint64_t>(rows[i], table.layout().offset(field)) = i + 1;
            model[{groups[i].asInt64(), values[i].asInt64()}] = i + 1;
        }
        // With an erased row in the chain.
        backend->beginCapture(CaptureMode::Incremental);
        ASSERT_TRUE(backend->advanceCapture(SIZE_MAX));
        auto snapshot = std::make_shared<OperatorSnapshot>(backend->takeCapture());
        for (const bool erases : {false, true}) {
            if (erases) {
                table.erase(0, rows[7]);
                model.erase({groups[7].asInt64(), values[7].asInt64()});
                backend->beginCapture(CaptureMode::Incremental);
                ASSERT_TRUE(backend->advanceCapture(SIZE_MAX));
                auto next = std::make_shared<OperatorSnapshot>(backend->takeCapture());
                auto segments = snapshot->keyed[0].segments;
                segments.push_back(next->keyed[0].segments[0]);
                next->keyed[0].segments = segments;
                snapshot = next;
            }
            const auto restored = bitsBackend({snapshot});
            expectHolds(restored->bits(bitsOf(type)), model);
        }
        // Back: all bits of all pairs are set now.
        const auto as_bits = bitsBackend({snapshot});
        as_bits->bits(bitsOf(type));
        const auto written = std::make_shared<OperatorSnapshot>(as_bits->capture());
        const auto as_table = bitsBackend({written});
        KeyedTable& read = as_table->table(descriptor);
        EXPECT_EQ(read.rows(0), model.size());
        for (const std::byte* row : read.allRows(0)) {
            const int64_t value = loadValue(read.layout(), 1, row).asInt64();
            EXPECT_EQ(loadValue(read.layout(), field, row).asInt64(),
                      static_cast<int64_t>(model.at({loadValue(read.layout(), 0, row).asInt64(), value})));
        }
    }
}

TEST(KeyedBits, RefusesRowsOfAnotherKeyGroup) {
    Random random(4);
    const auto backend = bitsBackend();
    BitsModel model;
    Draws draws({20, 100});
    setSome(backend->bits(bitsOf(LogicalType::bigint())), model, random, 100, draws);
    auto snapshot = std::make_shared<OperatorSnapshot>(backend->capture());
    auto segment = std::make_shared<StateSegment>(*snapshot->keyed[0].segments[0]);
    ASSERT_GT(segment->groups.size(), 1U);
    std::swap(segment->groups[0].group, segment->groups[1].group);
    snapshot->keyed[0].segments = {segment};
    const auto restored = bitsBackend({snapshot});
    EXPECT_THROW(restored->bits(bitsOf(LogicalType::bigint())), UserError);
}

}  // namespace
}  // namespace millrace
