#include "runtime/simulator/simulated_file_system.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"

namespace millrace {
namespace {

class AtOperation final : public DiskFaults {
  public:
    AtOperation(DiskOperation operation, DiskFault fault) : operation_(operation), fault_(fault) {}
    DiskFault next(DiskOperation operation, const std::string&) override {
        return operation == operation_ ? fault_ : DiskFault::None;
    }

  private:
    DiskOperation operation_;
    DiskFault fault_;
};

TEST(SimulatedFileSystem, SyncedBytesAndNamesSurviveEveryCrash) {
    for (uint64_t seed = 0; seed < 200; ++seed) {
        SimulatedFileSystem disk(systemClock(), Random(seed));
        disk.createFolders("/data");
        writeFileAtomically(disk, "/data/a", "hello");
        disk.crash();
        EXPECT_EQ(readFile(disk, "/data/a"), "hello");
        EXPECT_FALSE(disk.exists("/data/.a.tmp"));
    }
}

TEST(SimulatedFileSystem, WhatWasNotSyncedIsSometimesLostSometimesTornSometimesKept) {
    int lost_name = 0, whole = 0, shorter = 0, torn = 0;
    for (uint64_t seed = 0; seed < 300; ++seed) {
        SimulatedFileSystem disk(systemClock(), Random(seed));
        auto file = disk.create("/a");
        file->append("0123456789");
        disk.crash();
        if (!disk.exists("/a")) {
            ++lost_name;
            continue;
        }
        const std::string left = readFile(disk, "/a");
        if (left == "0123456789") ++whole;
        if (left.size() < 10) ++shorter;
        if (left.find('\0') != std::string::npos) ++torn;
    }
    EXPECT_GT(lost_name, 0);
    EXPECT_GT(whole, 0);
    EXPECT_GT(shorter, 0);
    EXPECT_GT(torn, 0);
}

TEST(SimulatedFileSystem, ARenameKeepsOneOfTheNames) {
    int old_name = 0, new_name = 0;
    for (uint64_t seed = 0; seed < 300; ++seed) {
        SimulatedFileSystem disk(systemClock(), Random(seed));
        auto file = disk.create("/a");
        file->append("x");
        file->sync();
        disk.syncFolder("/");
        disk.rename("/a", "/b");
        disk.crash();
        EXPECT_TRUE(disk.exists("/a") || disk.exists("/b"));
        old_name += disk.exists("/a");
        new_name += disk.exists("/b");
    }
    EXPECT_GT(old_name, 0);
    EXPECT_GT(new_name, 0);
}

TEST(SimulatedFileSystem, FaultsAreErrorsOrCrashes) {
    SimulatedFileSystem disk(systemClock(), Random(1));
    auto file = disk.create("/a");
    AtOperation no_space(DiskOperation::Append, DiskFault::NoSpace);
    disk.setFaults(&no_space);
    try {
        file->append("0123456789");
        FAIL();
    } catch (const UserError& error) {
        EXPECT_EQ(error.code(), "io.no-space");
    }
    AtOperation crash(DiskOperation::Sync, DiskFault::CrashBefore);
    disk.setFaults(&crash);
    EXPECT_THROW(file->sync(), SimulatedCrash);
    disk.setFaults(nullptr);
    disk.crash();
    EXPECT_THROW(file->append("more"), InternalError);
}

TEST(SimulatedFileSystem, RemovedFilesMayComeBackUntilTheirFolderIsSynced) {
    int back = 0;
    for (uint64_t seed = 0; seed < 100; ++seed) {
        SimulatedFileSystem disk(systemClock(), Random(seed));
        disk.createFolders("/f/g");
        writeFileAtomically(disk, "/f/g/a", "x");
        disk.removeRecursively("/f");
        disk.crash();
        back += disk.exists("/f/g/a");
        EXPECT_NO_THROW(disk.list("/"));
    }
    EXPECT_GT(back, 0);
}

}  // namespace
}  // namespace millrace
