#include "base/scratch_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <random>

#include "base/error.h"

namespace millrace {
namespace {

// Texts of all sizes that grow side by side in one file.
TEST(ScratchFile, GivesBackWhatWasAppended) {
    std::mt19937_64 random(1);
    const auto file = std::make_shared<ScratchFile>(::testing::TempDir());
    std::vector<ScratchText> texts(5, ScratchText(file));
    std::vector<std::string> expected(texts.size());
    for (int step = 0; step < 300; ++step) {
        const size_t at = random() % texts.size();
        std::string piece(random() % (step % 6 == 0 ? 3'000'000 : 50'000), '\0');
        for (size_t i = 0; i < piece.size(); i += 7)
            piece[i] = static_cast<char>(random());
        if (at == 4) piece.clear();
        ASSERT_TRUE(texts[at].append(piece));
        expected[at] += piece;
    }
    std::vector<std::pair<std::shared_ptr<const void>, std::string_view>> views;
    views.reserve(texts.size());
    for (const ScratchText& text : texts)
        views.push_back(text.view());
    texts.clear();
    for (size_t i = 0; i < views.size(); ++i)
        EXPECT_TRUE(views[i].second == expected[i]) << expected[i].size() << " bytes";
    EXPECT_GT(expected[0].size(), 4U << 20);
}

// A file that may not grow stands for a disk that is full.
TEST(ScratchFile, AFullDiskChangesNothing) {
    const auto file = std::make_shared<ScratchFile>(::testing::TempDir());
    ScratchText text(file);
    const std::string piece(700'000, 'a');
    ASSERT_TRUE(text.append(piece));
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{3 << 20, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    const bool appended = text.append(std::string(8 << 20, 'b'));
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    std::signal(SIGXFSZ, handler);
    EXPECT_FALSE(appended);
    EXPECT_TRUE(text.view().second == piece);
    EXPECT_FALSE(text.append("c"));  // for good
}

TEST(ScratchFile, SaysWhereNoneCanBeMade) {
    try {
        const ScratchFile file("/no/such/folder");
        FAIL();
    } catch (const UserError& error) {
        EXPECT_EQ(error.code(), "state.spill");
        EXPECT_NE(std::string(error.what()).find("/no/such/folder"), std::string::npos);
    }
}

}  // namespace
}  // namespace millrace
