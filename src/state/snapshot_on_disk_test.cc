// Snapshots of state that does not fit memory: captured, written, read and restored by way of a local disk,
// they are those of state that does.
#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "base/file_system.h"
#include "state/keyed_bits.h"
#include "state/keyed_logs.h"
#include "state/keyed_records.h"
#include "state/snapshot_store.h"
#include "state/spilling_memory.h"
#include "state/test_support.h"

namespace millrace {
namespace {

using namespace millrace::testing;

constexpr uint32_t kFewGroups = 2;  // so that each is large
constexpr int64_t kKeys = 60'000;

std::string diskFolder() { return ::testing::TempDir() + "/snapshot_on_disk"; }

class SnapshotOnDisk : public ::testing::Test {
  protected:
    std::unique_ptr<StateBackend> backend(
        std::shared_ptr<SpillBudget> spill,
        const std::vector<std::shared_ptr<const OperatorSnapshot>>& restored = {}) {
        StateBackendParameters parameters;
        parameters.operator_uid = parameters.operator_name = "test";
        parameters.max_parallelism = kFewGroups;
        parameters.restored = restored;
        parameters.spill = std::move(spill);
        return makeHashMapStateBackend(parameters);
    }
    static KeyedTable& table(StateBackend& backend) {
        return backend.table(descriptorOf({LogicalType::bigint(), LogicalType::string()}, false));
    }
    static KeyedLogs& logs(StateBackend& backend) {
        return backend.logs(
            {{"log", Schema({{"key", LogicalType::bigint()}}), Schema({{"text", LogicalType::string()}})}});
    }
    static KeyedBits& bits(StateBackend& backend) {
        return backend.bits({"seen", {"value", LogicalType::bigint()}});
    }

    static KeyedRecords& records(StateBackend& backend) {
        return backend.records({"records", Schema({{"text", LogicalType::string()}})});
    }

    // Counts every `step`-th key, appends a row to its log, sets a bit of it and writes a record, which takes
    // another's place where there are enough.
    static void write(StateBackend& backend, int64_t step) {
        std::vector<std::vector<Value>> keys;
        std::vector<Value> numbers, texts;
        std::vector<int64_t> groups;
        for (int64_t key = 0; key < kKeys; key += step) {
            texts.push_back(Value::string(fmt::format("a text that does not fit a view: {}", key)));
            keys.push_back({Value::int64(key), texts.back()});
            numbers.push_back(Value::int64(key));
            groups.push_back(key % 100);
        }
        Probe(table(backend), keys).count(table(backend), 0);
        const ColumnPtr number = Column::of(LogicalType::bigint(), numbers);
        std::vector<uint64_t> hashes, fresh;
        hashColumns({&number, 1}, numbers.size(), hashes);
        std::vector<std::byte*> entries;
        Selection all(numbers.size());
        std::iota(all.begin(), all.end(), 0U);
        logs(backend).findOrInsert({&number, 1}, hashes, {}, entries);
        const ColumnPtr text = Column::of(LogicalType::string(), texts);
        logs(backend).append(0, entries, {&text, 1}, all);
        bits(backend).set(groups, *number, std::vector<uint64_t>(numbers.size(), 1), all, fresh);
        std::vector<std::byte*> places = records(backend).all();
        places.resize(numbers.size());
        std::vector<KeyGroup> of_record;
        for (size_t i = 0; i < numbers.size(); ++i)
            of_record.push_back(KeyGroup(static_cast<uint16_t>(i % kFewGroups)));
        records(backend).write({&text, 1}, all, of_record, places);
    }

    static std::shared_ptr<const OperatorSnapshot> capture(StateBackend& backend, CaptureMode mode) {
        backend.beginCapture(mode);
        while (!backend.advanceCapture(1000)) {
        }
        return std::make_shared<const OperatorSnapshot>(backend.takeCapture());
    }

    static void expectSame(const OperatorSnapshot& left, const OperatorSnapshot& right) {
        ASSERT_EQ(left.keyed.size(), right.keyed.size());
        for (size_t i = 0; i < left.keyed.size(); ++i) {
            ASSERT_EQ(left.keyed[i].segments.size(), right.keyed[i].segments.size());
            for (size_t s = 0; s < left.keyed[i].segments.size(); ++s) {
                const auto& groups = left.keyed[i].segments[s]->groups;
                const auto& others = right.keyed[i].segments[s]->groups;
                ASSERT_EQ(groups.size(), others.size());
                for (size_t g = 0; g < groups.size(); ++g) {
                    EXPECT_EQ(groups[g].rows, others[g].rows);
                    EXPECT_TRUE(groups[g].data.bytes.view() == others[g].data.bytes.view());
                }
            }
        }
    }

    const std::shared_ptr<SpillBudget> none_ = std::make_shared<SpillBudget>(diskFolder(), 0);
};

TEST_F(SnapshotOnDisk, IsThatOfStateInMemory) {
    const auto on_disk = backend(none_);
    const auto in_memory = backend(nullptr);
    write(*on_disk, 1);
    write(*in_memory, 1);
    const auto first = capture(*on_disk, CaptureMode::Incremental);
    EXPECT_GT(first->bytes(), 6U << 20);
    expectSame(*first, *capture(*in_memory, CaptureMode::Incremental));
    write(*on_disk, 3);
    write(*in_memory, 3);
    expectSame(*capture(*on_disk, CaptureMode::Incremental), *capture(*in_memory, CaptureMode::Incremental));
    expectSame(*capture(*on_disk, CaptureMode::Full), *capture(*in_memory, CaptureMode::Full));
}

TEST_F(SnapshotOnDisk, IsReadAndRestored) {
    FileSystem& files = localFileSystem();
    const auto written = backend(none_);
    write(*written, 1);
    Snapshot snapshot;
    snapshot.id = CheckpointId(1);
    snapshot.max_parallelism = kFewGroups;
    snapshot.operators = {capture(*written, CaptureMode::Full)};
    const std::string folder = diskFolder() + "/savepoint";
    files.removeRecursively(folder);
    writeSnapshot(files, folder, snapshot);

    const Snapshot read = readSnapshot(files, folder, none_.get());
    expectSame(*read.operators.front(), *readSnapshot(files, folder).operators.front());
    const auto restored = backend(none_, read.operators);
    EXPECT_EQ(contents(table(*restored)), contents(table(*written)));
    EXPECT_EQ(logs(*restored).rows(0), logs(*written).rows(0));
    EXPECT_EQ(bits(*restored).pairs(), static_cast<size_t>(kKeys));
    EXPECT_EQ(records(*restored).rows(), static_cast<size_t>(kKeys));
    const auto texts = [](KeyedRecords& records) {
        const size_t field = 0;
        const ColumnPtr column = records.load({&field, 1}, records.all())[0];
        std::set<std::string> texts;
        for (size_t i = 0; i < column->size(); ++i)
            texts.insert(column->textAt(i));
        return texts;
    };
    EXPECT_TRUE(texts(records(*restored)) == texts(records(*written)));
}

}  // namespace
}  // namespace millrace
