#include "runtime/checkpoint_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/random.h"
#include "state/snapshot_store.h"
#include "state/state_backend.h"

namespace millrace {
namespace {

using Counts = std::map<int64_t, int64_t>;

const KeyedStateDescriptor& counting() {
    static const KeyedStateDescriptor descriptor{"counts", Schema({{"key", LogicalType::bigint()}}),
                                                 Schema({{"count", LogicalType::bigint()}}), false,
                                                 Duration{}};
    return descriptor;
}

// One operator that counts keys, checkpointed through a store.
class Counting {
  public:
    using Snapshots = std::vector<std::shared_ptr<const OperatorSnapshot>>;
    explicit Counting(const Snapshots& restored = {}) { restore(restored); }
    void restore(const Snapshots& restored) {
        backend_ = makeHashMapStateBackend({"uid", "op", SlotIndex(0), 1, 128, restored});
        table_ = &backend_->table(counting());
    }

    void add(int64_t first, int64_t count) {
        auto column = std::make_shared<Column>(LogicalType::bigint(), static_cast<size_t>(count));
        for (int64_t i = 0; i < count; ++i)
            column->mutableData<int64_t>()[i] = first + i;
        const std::vector<ColumnPtr> keys{column};
        std::vector<uint64_t> hashes;
        hashColumns(keys, static_cast<size_t>(count), hashes);
        std::vector<std::byte*> rows;
        table_->findOrInsert(0, keys, hashes, {}, rows);
        for (std::byte* row : rows) {
            RowLayout::setNull(row, 1, false);
            ++RowLayout::at<int64_t>(row, table_->layout().offset(1));
        }
    }
    Counts contents() {
        Counts counts;
        for (const std::byte* row : table_->allRows(0))
            counts[loadValue(table_->layout(), 0, row).asInt64()] =
                loadValue(table_->layout(), 1, row).asInt64();
        return counts;
    }
    std::shared_ptr<const OperatorSnapshot> capture() {
        backend_->beginCapture(CaptureMode::Incremental);
        while (!backend_->advanceCapture(100)) {
        }
        return std::make_shared<const OperatorSnapshot>(backend_->takeCapture());
    }

  private:
    std::unique_ptr<StateBackend> backend_;
    KeyedTable* table_ = nullptr;
};

class CheckpointStoreTest : public ::testing::Test {
  protected:
    CheckpointStoreTest() {
        configureLog({.level = LogLevel::Error, .path = "/dev/null"});
        files_.removeRecursively(dir_);
        open();
    }
    void open(const std::string& dir = "?", uint64_t inline_max = 0) {
        store_.emplace(files_, CheckpointStoreOptions{dir == "?" ? dir_ : dir, 2, false, inline_max}, "job",
                       nullptr);
    }
    static Snapshot snapshotOf(int64_t id, std::vector<std::shared_ptr<const OperatorSnapshot>> captured) {
        Snapshot snapshot;
        snapshot.id = CheckpointId(id);
        snapshot.job_id = "job";
        snapshot.operators = std::move(captured);
        return snapshot;
    }
    uint64_t write(int64_t id, std::vector<std::shared_ptr<const OperatorSnapshot>> captured) {
        return store_->write(snapshotOf(id, std::move(captured))).bytes;
    }
    static Counts contents(const Snapshot& snapshot) { return Counting(snapshot.operators).contents(); }
    std::vector<std::string> shared() {
        std::vector<std::string> names;
        for (const FileStatus& file : files_.list(dir_ + "/job/shared"))
            names.push_back(file.name);
        return names;
    }

    FileSystem& files_ = localFileSystem();
    const std::string dir_ = ::testing::TempDir() + "millrace_checkpoint_store";
    std::optional<CheckpointStore> store_;
    Counting counting_;
};

TEST_F(CheckpointStoreTest, WritesWhatChangedAndRestoresAll) {
    counting_.add(0, 50'000);
    const uint64_t base = write(1, {counting_.capture()});
    counting_.add(100, 500);
    EXPECT_LT(write(2, {counting_.capture()}), base / 20);
    EXPECT_LT(write(3, {counting_.capture()}), base / 50);  // nothing: the index alone
    EXPECT_EQ(contents(*store_->newestSound()->snapshot), counting_.contents());
}

// Failed checkpoints leave what they captured to the next one.
TEST_F(CheckpointStoreTest, JoinsWhatSeveralCaptured) {
    counting_.add(0, 1000);
    write(1, {counting_.capture()});
    counting_.add(0, 10);
    const auto failed = counting_.capture();
    counting_.add(500, 10);
    write(3, {failed, counting_.capture()});
    EXPECT_EQ(contents(*store_->newestSound()->snapshot), counting_.contents());
    // A full one makes up for everything before.
    Counting other;
    other.add(7, 1);
    write(4, {failed, other.capture()});
    EXPECT_EQ(contents(*store_->newestSound()->snapshot), other.contents());
}

TEST_F(CheckpointStoreTest, AWriteThatFailsChangesNothing) {
    counting_.add(0, 1000);
    write(1, {counting_.capture()});
    counting_.add(0, 100);
    const auto captured = counting_.capture();
    files_.removeRecursively(dir_ + "/job/shared");
    files_.create(dir_ + "/job/shared")->append("in the way");
    EXPECT_THROW(write(2, {captured}), UserError);
    files_.remove(dir_ + "/job/shared");
    counting_.add(50, 100);
    EXPECT_NO_THROW(write(3, {captured, counting_.capture()}));  // the base is gone, which only reading tells
    EXPECT_THROW(store_->newestSound(), UserError);
    // A new execution begins with everything, and is sound again.
    Counting again;
    again.add(3, 5);
    write(4, {again.capture()});
    EXPECT_EQ(contents(*store_->newestSound()->snapshot), again.contents());
}

TEST_F(CheckpointStoreTest, ASavepointIsCompleteAndLeavesTheChainAsItIs) {
    counting_.add(0, 1000);
    write(1, {counting_.capture()});
    counting_.add(0, 100);
    const auto captured = counting_.capture();
    store_->writeSavepoint(dir_ + "/savepoint", snapshotOf(2, {captured}));
    write(2, {captured});
    files_.rename(dir_ + "/savepoint", dir_ + "/moved");
    EXPECT_EQ(contents(*store_->newestSound()->snapshot), counting_.contents());
    files_.removeRecursively(dir_ + "/job");
    const Snapshot savepoint = readSnapshot(files_, dir_ + "/moved");
    EXPECT_EQ(savepoint.kind, SnapshotKind::Savepoint);
    EXPECT_EQ(contents(savepoint), counting_.contents());
}

TEST_F(CheckpointStoreTest, RemovesFilesThatNothingRefersToAndNoOthers) {
    Random random(3);
    counting_.add(0, 3000);
    size_t most = 0;
    for (int64_t id = 1; id <= 60; ++id) {
        write(id, {counting_.capture()});
        store_->discardOlderThan(CheckpointId(id));
        store_->compact();
        most = std::max(most, shared().size());
        if (id % 7 == 0) {  // the process starts again: what it knew is gone, what is kept is read
            open();
            const auto newest = store_->newestSound();
            ASSERT_EQ(newest->snapshot->id, CheckpointId(id));
            ASSERT_EQ(contents(*newest->snapshot), counting_.contents());
            counting_.restore(newest->snapshot->operators);
        }
        for (const std::string& path : listCheckpoints(files_, dir_ + "/job"))
            ASSERT_NO_THROW(readSnapshot(files_, path)) << path;
        counting_.add(static_cast<int64_t>(random.below(2900)), 100);
    }
    EXPECT_EQ(listCheckpoints(files_, dir_ + "/job").size(), 2U);
    EXPECT_LT(most, 25U);
    // What a former life left behind goes with the next clean-up.
    files_.create(dir_ + "/job/shared/55-3")->append("left behind");
    write(61, {counting_.capture()});
    store_->discardOlderThan(CheckpointId(61));
    const std::vector<std::string> left = shared();
    EXPECT_EQ(std::count(left.begin(), left.end(), "55-3"), 0);
}

TEST_F(CheckpointStoreTest, FallsBackToTheCheckpointWhoseFilesAreSound) {
    counting_.add(0, 1000);
    write(1, {counting_.capture()});
    const Counts first = counting_.contents();
    counting_.add(0, 100);
    write(2, {counting_.capture()});
    const std::vector<std::string> of_both = sharedFilesOf(files_, dir_ + "/job/chk-1");
    std::string changes;
    for (const std::string& name : sharedFilesOf(files_, dir_ + "/job/chk-2")) {
        if (name != of_both.front()) changes = dir_ + "/job/shared/" + name;
    }
    std::string bytes = readFile(files_, changes);
    bytes[bytes.size() / 2] ^= 1;
    files_.create(changes)->append(bytes);
    const auto fallback = store_->newestSound();
    EXPECT_EQ(fallback->snapshot->id, CheckpointId(1));
    EXPECT_EQ(contents(*fallback->snapshot), first);
}

TEST_F(CheckpointStoreTest, KeepsTheNewestInMemoryWithoutAFolder) {
    open("");
    counting_.add(0, 2000);
    write(1, {counting_.capture()});
    for (int64_t id = 2; id <= 40; ++id) {
        counting_.add(id * 10, 100);
        EXPECT_LT(write(id, {counting_.capture()}), 5000U);
        store_->compact();
        const Snapshot& snapshot = *store_->newestSound()->snapshot;
        EXPECT_LE(snapshot.operators.front()->keyed.front().segments.size(), 12U);
        ASSERT_EQ(contents(snapshot), counting_.contents());
    }
    EXPECT_EQ(store_->nextId(), CheckpointId(41));
}

TEST_F(CheckpointStoreTest, LittleStateLiesInTheMetadataAlone) {
    open("?", 256 << 10);
    counting_.add(0, 1000);
    for (int64_t id = 1; id <= 10; ++id) {
        write(id, {counting_.capture()});
        store_->compact();
        EXPECT_FALSE(files_.exists(dir_ + "/job/shared"));
        EXPECT_EQ(contents(*store_->newestSound()->snapshot), counting_.contents());
        counting_.add(id, 10);
    }
}

}  // namespace
}  // namespace millrace
