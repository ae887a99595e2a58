#include "state/spilling_memory.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <random>

#include "base/error.h"

namespace millrace {
namespace {

constexpr size_t kExtent = MemorySource::kHugePage;

std::string folder() { return ::testing::TempDir() + "/spill"; }

// Blocks of all sizes with known contents: taken, written to, given back, while little may stay in memory.
TEST(SpillingMemory, KeepsContentsAndAddresses) {
    std::mt19937_64 random(1);
    const auto budget = std::make_shared<SpillBudget>(folder(), 3 * static_cast<int64_t>(kExtent));
    SpillingMemory memory(budget);
    struct Block {
        std::byte* at;
        size_t bytes;
        uint64_t seed;
    };
    const auto fill = [](Block& block, uint64_t seed) {
        block.seed = seed;
        for (size_t i = 0; i < block.bytes; i += 512) {
            const uint64_t value = seed * 31 + i;
            std::memcpy(block.at + i, &value, sizeof(value));
        }
    };
    const auto check = [](const Block& block) {
        for (size_t i = 0; i < block.bytes; i += 512) {
            uint64_t value = 0;
            std::memcpy(&value, block.at + i, sizeof(value));
            ASSERT_EQ(value, block.seed * 31 + i) << block.bytes << " bytes, at " << i;
        }
    };
    std::vector<Block> blocks;
    bool spilled = false;
    for (int step = 0; step < 3000; ++step) {
        const uint64_t choice = random() % 10;
        if (choice < 4) {
            // Mostly small ones; up to 8 MiB.
            const size_t bytes = MemorySource::kSmallest << (random() % (random() % 20 == 0 ? 15 : 12));
            Block block{memory.take(bytes), bytes, 0};
            ASSERT_EQ(reinterpret_cast<uintptr_t>(block.at) % (bytes < kExtent ? 64 : kExtent), 0u);
            fill(block, random());
            blocks.push_back(block);
        } else if (choice < 6 && !blocks.empty()) {
            const size_t at = random() % blocks.size();
            check(blocks[at]);
            memory.give(blocks[at].at, blocks[at].bytes);
            blocks[at] = blocks.back();
            blocks.pop_back();
        } else if (!blocks.empty()) {
            Block& block = blocks[random() % blocks.size()];
            check(block);
            if (choice < 8) fill(block, random());
        }
        memory.relieve();
        spilled |= budget->spilled.load() > 0;
    }
    for (const Block& block : blocks)
        check(block);
    EXPECT_TRUE(spilled);
}

TEST(SpillingMemory, TakesNoMoreMemoryThanItMay) {
    const auto budget = std::make_shared<SpillBudget>(folder(), 4 * static_cast<int64_t>(kExtent));
    {
        SpillingMemory memory(budget);
        std::vector<std::byte*> blocks;
        for (int i = 0; i < 40; ++i) {
            blocks.push_back(memory.take(kExtent));
            std::memset(blocks.back(), i, kExtent);
            EXPECT_LE(budget->used.load(), budget->bytes());
        }
        EXPECT_GE(budget->spilled.load(), 36 * static_cast<int64_t>(kExtent));
        // A page that is written to comes back, is seen, and goes again.
        for (std::byte* block : blocks)
            block[5000] = std::byte{99};
        for (int i = 0; i < 40; ++i)
            memory.relieve();
        EXPECT_LE(budget->used.load(), budget->bytes());
        for (int i = 0; i < 40; ++i) {
            std::byte* const block = blocks[static_cast<size_t>(i)];
            EXPECT_EQ(block[4999], std::byte(i));
            EXPECT_EQ(block[5000], std::byte{99});
            memory.give(block, kExtent);
        }
        EXPECT_EQ(budget->used.load(), 0);
    }
    EXPECT_EQ(budget->used.load(), 0);
    EXPECT_EQ(budget->spilled.load(), 0);
    EXPECT_TRUE(std::filesystem::is_empty(folder()));
}

TEST(SpillingMemory, OneBudgetIsForAll) {
    const auto budget = std::make_shared<SpillBudget>(folder(), 4 * static_cast<int64_t>(kExtent));
    SpillingMemory first(budget), second(budget);
    std::byte* const block = first.take(4 * kExtent);
    std::memset(block, 1, 4 * kExtent);
    second.take(kExtent);  // has nothing to move out
    EXPECT_GT(budget->used.load(), budget->bytes());
    first.relieve();
    EXPECT_LE(budget->used.load(), budget->bytes());
    EXPECT_EQ(block[kExtent], std::byte{1});
}

// A file that may not grow stands for a disk that is full.
TEST(SpillingMemory, StaysInMemoryWhereTheDiskIsFull) {
    const auto budget = std::make_shared<SpillBudget>(folder(), 0);
    SpillingMemory memory(budget);
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{3 << 20, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    std::byte* const blocks[] = {memory.take(kExtent), memory.take(kExtent), memory.take(kExtent)};
    for (std::byte* block : blocks)
        std::memset(block, 7, kExtent);
    for (int i = 0; i < 10; ++i)
        memory.relieve();
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_EQ(budget->spilled.load(), static_cast<int64_t>(kExtent));
    EXPECT_EQ(budget->used.load(), 2 * static_cast<int64_t>(kExtent));
    for (const std::byte* block : blocks) {
        EXPECT_EQ(block[0], std::byte{7});
        EXPECT_EQ(block[kExtent - 1], std::byte{7});
    }
    memory.relieve();  // there is room again
    EXPECT_EQ(budget->used.load(), 0);
    std::signal(SIGXFSZ, handler);
}

TEST(SpillingMemory, AFolderThatCannotBeWrittenIsNamed) {
    try {
        SpillBudget("/proc/no-such-folder", 1);
        FAIL() << "made a file in /proc";
    } catch (const UserError& error) {
        EXPECT_EQ(error.problem().code, "config.bad-value");
        EXPECT_NE(error.problem().message.find("/proc/no-such-folder"), std::string::npos);
    }
}

}  // namespace
}  // namespace millrace
