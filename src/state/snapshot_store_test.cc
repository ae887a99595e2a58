#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "state/snapshot_store.h"

namespace millrace {
namespace {

std::string emptyFolder(const std::string& name) {
    const std::string folder = ::testing::TempDir() + "millrace_snapshot_" + name;
    localFileSystem().removeRecursively(folder);
    localFileSystem().createFolders(folder);
    return folder;
}

Snapshot sample(size_t section_bytes) {
    Snapshot snapshot;
    snapshot.kind = SnapshotKind::Savepoint;
    snapshot.id = CheckpointId(42);
    snapshot.timestamp_ms = 1'772'323'200'000;
    snapshot.job_id = "0123456789abcdef0123456789abcdef";
    snapshot.job_name = "flights";
    snapshot.parallelism = 2;
    snapshot.plan = "Sink(table=[delays])\n+- Calc(...)";
    for (uint32_t subtask = 0; subtask < 2; ++subtask) {
        OperatorSnapshot one{"uid-1", "WindowAggregate", SlotIndex(subtask), {}, {}};
        KeyedStateDescriptor descriptor{"window",
                                        Schema({{"origin", LogicalType::string()}}),
                                        Schema({{"n", LogicalType::bigint().withNullable(false)},
                                                {"sum", LogicalType::decimal(20, 3)},
                                                {"seen", LogicalType::multiset(LogicalType::integer())}}),
                                        true,
                                        {}};
        auto segment = std::make_shared<StateSegment>();
        for (uint16_t group = 0; group < 3; ++group) {
            std::string bytes;
            for (size_t i = 0; i < section_bytes; ++i)
                bytes.push_back(static_cast<char>(i * (group + 3) / 7));
            segment->groups.push_back(
                {KeyGroup(static_cast<uint16_t>(subtask * 64 + group)), 5, 0, SectionData(bytes), {}});
        }
        KeyedStateSnapshot keyed{descriptor, {segment}};
        one.keyed.push_back(keyed);
        one.lists.push_back({"splits", Redistribution::Split, {"flights-1.json@17", "", "x"}});
        one.lists.push_back({"offsets", Redistribution::Union, {}});
        snapshot.operators.push_back(std::make_shared<const OperatorSnapshot>(one));
    }
    snapshot.coordinators["source-1"] = std::string("\0\1\2", 3);
    snapshot.committables["sink-1"] = {"part-0-1.tmp", "part-1-1.tmp"};
    return snapshot;
}

void expectEqual(const StateSegment& left, const StateSegment& right) {
    EXPECT_EQ(left.full, right.full);
    EXPECT_EQ(left.dropped, right.dropped);
    ASSERT_EQ(left.groups.size(), right.groups.size());
    for (size_t g = 0; g < left.groups.size(); ++g) {
        const KeyGroupSection& a = left.groups[g];
        const KeyGroupSection& b = right.groups[g];
        EXPECT_EQ(a.group, b.group);
        EXPECT_EQ(a.rows, b.rows);
        EXPECT_EQ(a.erased, b.erased);
        EXPECT_EQ(a.data.bytes.view(), b.data.bytes.view());
        EXPECT_EQ(a.erased_data.bytes.view(), b.erased_data.bytes.view());
    }
}

void expectEqual(const Snapshot& left, const Snapshot& right) {
    EXPECT_EQ(left.kind, right.kind);
    EXPECT_EQ(left.id, right.id);
    EXPECT_EQ(left.timestamp_ms, right.timestamp_ms);
    EXPECT_EQ(left.job_id, right.job_id);
    EXPECT_EQ(left.job_name, right.job_name);
    EXPECT_EQ(left.parallelism, right.parallelism);
    EXPECT_EQ(left.max_parallelism, right.max_parallelism);
    EXPECT_EQ(left.plan, right.plan);
    EXPECT_EQ(left.coordinators, right.coordinators);
    EXPECT_EQ(left.committables, right.committables);
    ASSERT_EQ(left.operators.size(), right.operators.size());
    for (size_t i = 0; i < left.operators.size(); ++i) {
        const OperatorSnapshot& a = *left.operators[i];
        const OperatorSnapshot& b = *right.operators[i];
        EXPECT_EQ(a.uid, b.uid);
        EXPECT_EQ(a.name, b.name);
        EXPECT_EQ(a.subtask, b.subtask);
        ASSERT_EQ(a.keyed.size(), b.keyed.size());
        for (size_t k = 0; k < a.keyed.size(); ++k) {
            EXPECT_EQ(a.keyed[k].descriptor, b.keyed[k].descriptor);
            ASSERT_EQ(a.keyed[k].segments.size(), b.keyed[k].segments.size());
            for (size_t i = 0; i < a.keyed[k].segments.size(); ++i)
                expectEqual(*a.keyed[k].segments[i], *b.keyed[k].segments[i]);
        }
        ASSERT_EQ(a.lists.size(), b.lists.size());
        for (size_t l = 0; l < a.lists.size(); ++l) {
            EXPECT_EQ(a.lists[l].name, b.lists[l].name);
            EXPECT_EQ(a.lists[l].redistribution, b.lists[l].redistribution);
            EXPECT_EQ(a.lists[l].items, b.lists[l].items);
        }
    }
}

TEST(SnapshotStore, ReadsBackWhatItWroteInOneFileOrSeveral) {
    FileSystem& files = localFileSystem();
    for (const bool compress : {false, true}) {
        for (const size_t section_bytes : {0UL, 100UL, 60'000UL, (17UL << 20) + 1}) {
            const std::string folder = emptyFolder("roundtrip") + "/chk-42";
            const Snapshot snapshot = sample(section_bytes);
            const uint64_t written = writeSnapshot(files, folder, snapshot, {.compress = compress}).bytes;
            uint64_t on_disk = 0;
            for (const FileStatus& file : files.list(folder))
                on_disk += file.size;
            EXPECT_EQ(written, on_disk);
            EXPECT_EQ(files.list(folder).size(), section_bytes >= 60'000 ? 3U : 1U);
            if (section_bytes > 60'000) {
                EXPECT_EQ(written < 6 * section_bytes, compress);
            }
            expectEqual(readSnapshot(files, folder), snapshot);
            expectEqual(readSnapshot(files, folder + "/_metadata"), snapshot);
        }
    }
}

// Every way of damaging every file: the reader must say so and name the file and a byte in it.
template <class Damage>
void expectDetected(const std::string& folder, Damage&& damage) {
    FileSystem& files = localFileSystem();
    for (const FileStatus& file : files.list(folder)) {
        const std::string path = joinPath(folder, file.name);
        const std::string sound = readFile(files, path);
        damage(sound, [&](const std::string& bytes) {
            files.create(path)->append(bytes);
            try {
                readSnapshot(files, folder);
                ADD_FAILURE() << path << ": damage not detected";
            } catch (const UserError& error) {
                EXPECT_EQ(error.code(), "snapshot.damaged") << error.what();
                EXPECT_NE(error.problem().message.find(file.name), std::string::npos) << error.what();
                EXPECT_NE(error.problem().message.find(" at byte "), std::string::npos) << error.what();
            }
        });
        files.create(path)->append(sound);
    }
    EXPECT_NO_THROW(readSnapshot(files, folder));
}

std::string written(const std::string& name, size_t section_bytes, bool compress) {
    const std::string folder = emptyFolder(name) + "/chk-42";
    writeSnapshot(localFileSystem(), folder, sample(section_bytes), {.compress = compress});
    return folder;
}

TEST(SnapshotStore, DetectsEveryFlippedByteOfASmallSnapshot) {
    for (const bool compress : {false, true}) {
        expectDetected(written("flip", 50, compress), [](const std::string& sound, auto&& check) {
            for (size_t at = 0; at < sound.size(); ++at) {
                std::string bytes = sound;
                bytes[at] = static_cast<char>(bytes[at] ^ (1 << (at % 8)));
                check(bytes);
            }
        });
    }
}

TEST(SnapshotStore, DetectsFlippedBytesOfStateFiles) {
    expectDetected(written("flip_large", 50'000, false), [](const std::string& sound, auto&& check) {
        for (size_t at = 0; at < sound.size(); at = at < 200 ? at + 1 : at + 997) {
            std::string bytes = sound;
            bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
            check(bytes);
        }
    });
}

TEST(SnapshotStore, DetectsTruncationAndTrailingBytes) {
    expectDetected(written("truncate", 50'000, false), [](const std::string& sound, auto&& check) {
        for (size_t size = 0; size < sound.size(); size = size < 200 ? size + 1 : size + 1009) {
            check(sound.substr(0, size));
        }
        check(sound + "x");
        check(sound + sound.substr(32));
    });
    expectDetected(written("truncate_small", 50, false), [](const std::string& sound, auto&& check) {
        for (size_t size = 0; size < sound.size(); ++size)
            check(sound.substr(0, size));
        check(sound + "x");
    });
}

TEST(SnapshotStore, DetectsFilesOfAnotherCheckpointOrSubtask) {
    FileSystem& files = localFileSystem();
    const std::string folder = written("misdirected", 50'000, false);
    Snapshot later = sample(50'000);
    later.id = CheckpointId(43);
    const std::string other = parentFolder(folder) + "/chk-43";
    writeSnapshot(files, other, later);
    const std::string sound = readFile(files, folder + "/state-1");
    for (const std::string& wrong : {other + "/state-1", folder + "/state-2"}) {
        files.create(folder + "/state-1")->append(readFile(files, wrong));
        EXPECT_THROW(readSnapshot(files, folder), UserError);
    }
    files.remove(folder + "/state-1");
    EXPECT_THROW(readSnapshot(files, folder), UserError);
    files.create(folder + "/state-1")->append(sound);
    EXPECT_NO_THROW(readSnapshot(files, folder));
}

// Checkpoints that have segments in common: the first writes a base, each later one a change.
struct SharedChain {
    std::string job = emptyFolder("shared");
    SnapshotWriteOptions options{.inline_max = 0, .shared_folder = sharedFolder(job)};
    Snapshot snapshot = sample(3000);  // what the next one is to hold

    WrittenSnapshot write(int64_t id, uint64_t inline_max = 0) {
        snapshot.kind = SnapshotKind::Checkpoint;
        snapshot.id = CheckpointId(id);
        options.inline_max = inline_max;
        const WrittenSnapshot written =
            writeSnapshot(localFileSystem(), checkpointFolder(job, snapshot.id), snapshot, options);
        options.first_file += written.files;
        for (size_t i = 0; i < snapshot.operators.size(); ++i) {
            auto next = std::make_shared<OperatorSnapshot>(*snapshot.operators[i]);
            next->keyed = written.operators[i]->keyed;
            auto change = std::make_shared<StateSegment>();
            change->full = false;
            change->dropped = {id, -id};
            const KeyGroup group(static_cast<uint16_t>(i * 64 + static_cast<size_t>(id)));
            change->groups.push_back({group, 1, 2, SectionData(std::string(200, 'r')),
                                      SectionData(fmt::format("erased at {}", id))});
            next->keyed.front().segments.push_back(std::move(change));
            snapshot.operators[i] = std::move(next);
        }
        return written;
    }
    Snapshot read(int64_t id) const {
        return readSnapshot(localFileSystem(), checkpointFolder(job, CheckpointId(id)));
    }
    std::string shared(const std::string& name) const { return joinPath(sharedFolder(job), name); }
};

TEST(SnapshotStore, CheckpointsShareTheFilesOfWhatDidNotChange) {
    SharedChain chain;
    const WrittenSnapshot base = chain.write(1);
    EXPECT_EQ(base.files, 2U);
    for (const auto& one : base.operators) {
        EXPECT_NE(one->keyed.front().segments.front()->file, nullptr);
        EXPECT_TRUE(one->keyed.front().segments.front()->groups.front().data.bytes.view().empty());
    }
    EXPECT_EQ(localFileSystem().list(chain.job + "/chk-1").size(), 1U);
    const WrittenSnapshot inlined = chain.write(2, 100'000);
    EXPECT_EQ(inlined.files, 0U);
    EXPECT_LT(inlined.bytes, base.bytes / 4);
    const WrittenSnapshot third = chain.write(3);
    EXPECT_LT(third.bytes, base.bytes / 4);

    const std::vector<std::string> bases{"1-1", "1-2"};
    EXPECT_EQ(sharedFilesOf(localFileSystem(), chain.job + "/chk-1"), bases);
    EXPECT_EQ(sharedFilesOf(localFileSystem(), chain.job + "/chk-2"), bases);
    std::vector<std::string> all = sharedFilesOf(localFileSystem(), chain.job + "/chk-3");
    std::sort(all.begin(), all.end());
    EXPECT_EQ(all, (std::vector<std::string>{"1-1", "1-2", "3-3", "3-4"}));

    const Snapshot restored = chain.read(3);
    for (size_t i = 0; i < 2; ++i) {
        const auto& segments = restored.operators[i]->keyed.front().segments;
        ASSERT_EQ(segments.size(), 3U);
        expectEqual(*segments[0], *sample(3000).operators[i]->keyed.front().segments.front());
        EXPECT_EQ(segments[1]->dropped, (std::vector<int64_t>{1, -1}));
        EXPECT_EQ(segments[2]->groups.front().erased_data.bytes.view(), "erased at 2");
        EXPECT_EQ(restored.operators[i]->lists.front().items, sample(1).operators[i]->lists.front().items);
    }
    // A savepoint of it has everything in one folder.
    Snapshot savepoint = chain.snapshot;
    const std::string folder = emptyFolder("shared_savepoint") + "/savepoint-1";
    const WrittenSnapshot complete = writeSnapshot(localFileSystem(), folder, savepoint, {.inline_max = 0});
    EXPECT_EQ(complete.files, 2U);
    EXPECT_TRUE(sharedFilesOf(localFileSystem(), folder).empty());
    localFileSystem().removeRecursively(chain.job);
    EXPECT_EQ(readSnapshot(localFileSystem(), folder).operators[0]->keyed.front().segments.size(), 4U);
}

TEST(SnapshotStore, DamageInAnyFileOfAChainIsFoundAndNamed) {
    FileSystem& files = localFileSystem();
    SharedChain chain;
    for (int64_t id = 1; id <= 4; ++id)
        chain.write(id);
    size_t damaged = 0;
    for (const std::string& name : sharedFilesOf(files, chain.job + "/chk-4")) {
        const std::string path = chain.shared(name);
        const std::string sound = readFile(files, path);
        // Of a file of changes all of it belongs to the chain; every file is tried at many places.
        for (size_t at = 0; at < sound.size(); at += 37) {
            std::string bytes = sound;
            bytes[at] = static_cast<char>(bytes[at] ^ 0x40);
            files.create(path)->append(bytes);
            try {
                chain.read(4);
                // Lists of earlier checkpoints lie in the file, too: nobody needs them any more.
                continue;
            } catch (const UserError& error) {
                EXPECT_EQ(error.code(), "snapshot.damaged") << error.what();
                EXPECT_NE(error.problem().message.find("/" + name + " is damaged at byte "),
                          std::string::npos)
                    << error.what();
                ++damaged;
            }
        }
        files.create(path)->append(sound.substr(0, sound.size() - 1));
        EXPECT_THROW(chain.read(4), UserError);
        files.create(path)->append(readFile(files, chain.shared(name == "1-1" ? "1-2" : "1-1")));
        EXPECT_THROW(chain.read(4), UserError);
        files.remove(path);
        EXPECT_THROW(chain.read(4), UserError);
        files.create(path)->append(sound);
    }
    EXPECT_GT(damaged, 200U);
    EXPECT_NO_THROW(chain.read(4));
}

TEST(SnapshotStore, ListsOnlyCompleteCheckpointsNewestFirst) {
    FileSystem& files = localFileSystem();
    const std::string job = emptyFolder("list");
    EXPECT_TRUE(listCheckpoints(files, job + "/none").empty());
    for (const int64_t id : {9, 10, 100}) {
        Snapshot snapshot = sample(10);
        snapshot.id = CheckpointId(id);
        writeSnapshot(files, checkpointFolder(job, snapshot.id), snapshot);
    }
    files.createFolders(job + "/chk-101");  // never completed
    files.createFolders(job + "/chk-x");
    files.create(job + "/chk-7")->append("not a folder");
    EXPECT_EQ(listCheckpoints(files, job),
              (std::vector<std::string>{job + "/chk-100", job + "/chk-10", job + "/chk-9"}));
    discardSnapshot(files, job + "/chk-10");
    discardSnapshot(files, job + "/chk-10");
    EXPECT_EQ(listCheckpoints(files, job), (std::vector<std::string>{job + "/chk-100", job + "/chk-9"}));
}

TEST(SnapshotStore, SaysWhatIsNotASnapshot) {
    FileSystem& files = localFileSystem();
    const std::string folder = emptyFolder("missing");
    files.create(folder + "/file")->append("text");
    for (const std::string& path : {folder, folder + "/none", folder + "/none/_metadata", folder + "/file"}) {
        try {
            readSnapshot(files, path);
            ADD_FAILURE() << path;
        } catch (const UserError& error) {
            EXPECT_EQ(error.code(), "snapshot.not-found");
        }
    }
}

}  // namespace
}  // namespace millrace
