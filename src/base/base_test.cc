#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <set>
#include <vector>

#include "base/configuration.h"
#include "base/error.h"
#include "base/file_system.h"
#include "base/hash.h"
#include "base/random.h"

namespace millrace {
namespace {

TEST(Error, RendersPlaceLineCaretAndHelp) {
    const Problem problem{
        "sql.unknown-column", "unknown column 'depature'", "did you mean 'departure'?", {2, 8, 8}};
    EXPECT_EQ(renderProblem(problem, "SELECT\n       depature\nFROM t", "job.sql"),
              "error[sql.unknown-column]: unknown column 'depature'\n"
              " --> job.sql:2:8\n"
              "  |\n"
              "2 |        depature\n"
              "  |        ^^^^^^^^\n"
              "  help: did you mean 'departure'?\n");
}

TEST(Error, SuggestsOnlyWhatIsClose) {
    const std::vector<std::string> names = {"origin", "destination", "delay"};
    EXPECT_EQ(nearestName("ORIGN", names), "origin");
    EXPECT_EQ(nearestName("temperature", names), "");
}

TEST(Configuration, ReadsFlinkDurationsAndSizes) {
    EXPECT_EQ(parseConfigValue<Duration>("k", "10 s").ms, 10000);
    EXPECT_EQ(parseConfigValue<Duration>("k", "5min").ms, 300000);
    EXPECT_EQ(parseConfigValue<Duration>("k", "PT1M30S").ms, 90000);
    EXPECT_EQ(parseConfigValue<Duration>("k", "250").ms, 250);
    EXPECT_EQ(parseConfigValue<MemorySize>("k", "64 mb").bytes, 64 << 20);
    EXPECT_THROW(parseConfigValue<Duration>("k", "10 parsecs"), UserError);
    EXPECT_THROW(parseConfigValue<Duration>("k", "9223372036854775807 d"), UserError);
    EXPECT_THROW(parseConfigValue<Duration>("k", "PT6e40S"), UserError);
    EXPECT_EQ(formatDuration({90250}), "1 min 30 s 250 ms");
}

TEST(Configuration, UnknownOptionNamesTheNearest) {
    const std::vector<OptionDescription> known = {{"json.ignore-parse-errors", "boolean", "false", ""},
                                                  {"path", "string", "", "the folder", true}};
    try {
        checkOptions("table 't'", {{"json.ignore-parse-error", "true"}, {"path", "/x"}}, known);
        FAIL();
    } catch (const UserError& error) {
        EXPECT_EQ(error.problem().hint, "did you mean 'json.ignore-parse-errors'?");
    }
    EXPECT_THROW(checkOptions("table 't'", {}, known), UserError);
}

TEST(Hash, Crc32cOfThePublishedVector) {
    EXPECT_EQ(crc32c("123456789"), 0xE3069283U);  // RFC 3720, appendix B.4
    EXPECT_EQ(crc32c("6789", crc32c("12345")), 0xE3069283U);
}

TEST(Hash, EverySubtaskOwnsAContiguousRangeOfKeyGroups) {
    for (uint32_t parallelism : {1U, 2U, 3U, 7U, 128U}) {
        std::set<uint32_t> owners;
        uint32_t last = 0;
        for (uint16_t group = 0; group < 128; ++group) {
            const uint32_t owner = ownerOf(KeyGroup(group), 128, parallelism).value();
            EXPECT_GE(owner, last);
            last = owner;
            owners.insert(owner);
        }
        EXPECT_EQ(owners.size(), parallelism);
    }
}

TEST(Random, RepeatsFromItsSeedAndStaysInBounds) {
    Random a(7), b(7);
    for (int i = 0; i < 1000; ++i) {
        const uint64_t value = a.below(10);
        EXPECT_EQ(value, b.below(10));
        EXPECT_LT(value, 10U);
    }
}

TEST(FileSystem, WritesAtomicallyAndNamesWhatIsMissing) {
    FileSystem& files = localFileSystem();
    const std::string folder = ::testing::TempDir() + "millrace_fs_test";
    files.removeRecursively(folder);
    files.createFolders(folder + "/a/b");
    writeFileAtomically(files, folder + "/a/b/c.txt", "hello");
    EXPECT_EQ(readFile(files, folder + "/a/b/c.txt"), "hello");
    EXPECT_EQ(files.list(folder + "/a/b").size(), 1U);
    try {
        readFile(files, folder + "/missing");
        FAIL();
    } catch (const UserError& error) {
        EXPECT_EQ(error.code(), "io.not-found");
        EXPECT_NE(std::string(error.what()).find(folder + "/missing"), std::string::npos);
    }
    files.removeRecursively(folder);
}

TEST(FileSystem, WritesTheSameBytesPastTheCacheAsThroughIt) {
    FileSystem& files = localFileSystem();
    const std::string folder = ::testing::TempDir() + "millrace_fs_uncached_test";
    files.removeRecursively(folder);
    files.createFolders(folder);
    constexpr size_t kBytes = 64 * kDirectUnit;
    const std::unique_ptr<char, decltype(&std::free)> memory(
        static_cast<char*>(std::aligned_alloc(kDirectUnit, kBytes)), &std::free);
    Random random(7);
    for (size_t i = 0; i < kBytes; ++i)
        memory.get()[i] = static_cast<char>('a' + random.below(26));
    // Appends from aligned memory and from anywhere, of whole units and of any size, in any order.
    for (int round = 0; round < 60; ++round) {
        const std::string path = folder + "/" + std::to_string(round);
        const auto file = files.createUncached(path);
        std::string expected;
        for (uint64_t left = 1 + random.below(6); left > 0; --left) {
            const bool whole = random.below(3) > 0;
            const size_t unit = whole ? kDirectUnit : 1;
            const size_t at = random.below(32 * kDirectUnit / unit) * unit;
            const size_t size = random.below(32 * kDirectUnit / unit) * unit;
            file->append({memory.get() + at, size});
            expected.append(memory.get() + at, size);
        }
        EXPECT_EQ(file->size(), expected.size());
        file->sync();
        EXPECT_EQ(readFile(files, path), expected) << round;
    }
    files.removeRecursively(folder);
}

}  // namespace
}  // namespace millrace
