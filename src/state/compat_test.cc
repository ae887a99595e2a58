// Snapshots that earlier versions of the format wrote, saved in tests/compat, are restored.
#include "base/error.h"
#include "base/source_file.h"
#include "state/snapshot_store.h"
#include "state/test_support.h"

namespace millrace {
namespace {

using namespace testing;

KeyedStateDescriptor savedDescriptor() {
    KeyedStateDescriptor descriptor;
    descriptor.name = "rows";
    descriptor.key = Schema({{"name", LogicalType::string()}, {"part", LogicalType::integer()}});
    descriptor.value = Schema({{"count", LogicalType::bigint()},
                               {"sum", LogicalType::decimal(30, 2)},
                               {"mean", LogicalType::doublePrecision()},
                               {"text", LogicalType::string()},
                               {"distinct", LogicalType::parse("MAP<STRING, BIGINT>")},
                               {"flag", LogicalType::boolean()},
                               {"at", LogicalType::timestamp(3)}});
    descriptor.namespaced = true;
    return descriptor;
}

// Row `i` as the snapshot was made with it: key, then value.
std::vector<Value> savedRow(int64_t i) {
    const auto map = [&] {
        return Value::list({Value::string("a"), Value::int64(i), Value::string("b"), Value::int64(i + 1)});
    };
    return {Value::string(fmt::format("a name with a number {}", i)),
            i % 11 == 0 ? Value::null() : Value::int64(i % 7),
            Value::int64(i * 3),
            Value::int128(Int128(i) * 1'000'000'000'000'000'000 * 100 + 5),
            Value::float64(static_cast<double>(i) / 4),
            i % 5 == 0 ? Value::null() : Value::string(fmt::format("text {} of some length", i)),
            i % 3 == 0 ? map() : Value::null(),
            Value::boolean(i % 2 == 0),
            Value::int64(1'772'323'200'000'000 + i)};
}

void expectRestored(const std::string& name, SnapshotKind kind, int64_t rows) {
    const Snapshot snapshot = readSnapshot(localFileSystem(), sourceFile("tests/compat/" + name));
    EXPECT_EQ(snapshot.kind, kind);
    EXPECT_EQ(snapshot.id, CheckpointId(7));
    EXPECT_EQ(snapshot.job_name, "compat");
    EXPECT_EQ(snapshot.coordinators.at("source-1"), "17");
    EXPECT_EQ(snapshot.committables.at("sink-1"), (std::vector<std::string>{"part-0", "part-1"}));
    ASSERT_EQ(snapshot.operators.size(), 2U);
    std::map<std::string, std::vector<Value>> found;
    for (uint32_t subtask = 0; subtask < 3; ++subtask) {
        const auto backend = makeHashMapStateBackend(
            {"uid-1", "GroupAggregate", SlotIndex(subtask), 3, kMaxParallelism, snapshot.operators});
        KeyedTable& table = backend->table(savedDescriptor());
        for (const int64_t name_space : table.namespaces()) {
            for (const std::byte* row : table.allRows(name_space)) {
                std::vector<Value> values;
                for (size_t field = 0; field < table.layout().fieldCount(); ++field)
                    values.push_back(loadValue(table.layout(), field, row));
                EXPECT_EQ(name_space, values[2].asInt64() % 2 != 0 ? 10'000 : 20'000);
                EXPECT_TRUE(found.emplace(values[0].asString(), values).second);
            }
        }
        EXPECT_EQ(backend->list("watermark", Redistribution::Union),
                  (std::vector<std::string>{"1000", "1001"}));
        EXPECT_EQ(backend->list("splits", Redistribution::Split).size(), 2U);
    }
    EXPECT_EQ(found.size(), static_cast<size_t>(rows));
    for (int64_t i = 0; i < rows; ++i)
        EXPECT_EQ(found[savedRow(i)[0].asString()], savedRow(i));
}

TEST(Compatibility, RestoresCheckpointsOfVersion1) {
    expectRestored("version-1", SnapshotKind::Checkpoint, 200);
}

TEST(Compatibility, RestoresSavepointsOfVersion1WithStateFiles) {
    expectRestored("version-1-files", SnapshotKind::Savepoint, 5000);
}

}  // namespace
}  // namespace millrace
