// INSERT OVERWRITE's commit, cut off at every step.
#include "connectors/filesystem/overwrite.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"

namespace millrace {
namespace {

// Fails at one of the calls that change something, and at all behind it.
class CutOffFiles final : public FileSystem {
  public:
    explicit CutOffFiles(int calls) : left_(calls) {}
    std::unique_ptr<ReadableFile> openToRead(const std::string& path) override {
        return localFileSystem().openToRead(path);
    }
    std::unique_ptr<WritableFile> create(const std::string& path) override {
        change();
        return localFileSystem().create(path);
    }
    std::vector<FileStatus> list(const std::string& folder) override {
        return localFileSystem().list(folder);
    }
    bool exists(const std::string& path) override { return localFileSystem().exists(path); }
    FileStatus status(const std::string& path) override { return localFileSystem().status(path); }
    void createFolders(const std::string& path) override {
        change();
        localFileSystem().createFolders(path);
    }
    void rename(const std::string& from, const std::string& to) override {
        change();
        localFileSystem().rename(from, to);
    }
    void remove(const std::string& path) override {
        change();
        localFileSystem().remove(path);
    }
    void removeRecursively(const std::string& path) override {
        change();
        localFileSystem().removeRecursively(path);
    }
    void syncFolder(const std::string& folder) override {
        change();
        localFileSystem().syncFolder(folder);
    }

  private:
    void change() {
        if (left_-- <= 0) throw UserError("io.failed", "cut off");
    }
    int left_;
};

class OverwriteTest : public testing::Test {
  protected:
    OverwriteTest() : folder_(testing::TempDir() + "overwrite_test." + std::to_string(::getpid())) {}
    ~OverwriteTest() override { std::filesystem::remove_all(folder_); }

    void put(const std::string& name, const std::string& text) const {
        std::filesystem::create_directories(std::filesystem::path(folder_ + "/" + name).parent_path());
        std::ofstream(folder_ + "/" + name) << text;
    }
    // Two partitions, one of which is written to, and a file that is no part of the table.
    std::vector<FileCommittable> prepare() const {
        std::filesystem::remove_all(folder_);
        put("dt=1/old-1", "old");
        put("dt=1/old-2", "old");
        put("dt=1/_SUCCESS", "");
        put("dt=2/other", "old");
        put("dt=1/.new-1", "new");
        put("dt=1/.new-2", "newer");
        put(".part-1-overwrite-7.inprogress.job", "");
        return {{folder_ + "/dt=1", ".new-1", "new-1", 3}, {folder_ + "/dt=1", ".new-2", "new-2", 5}};
    }
    std::string token() const { return folder_ + "/.part-1-overwrite-7.inprogress.job"; }
    std::set<std::string> names() const {
        std::set<std::string> names;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_)) {
            if (entry.is_regular_file())
                names.insert(std::filesystem::relative(entry.path(), folder_).string());
        }
        return names;
    }

    const std::string folder_;
};

const std::set<std::string> kOverwritten = {"dt=1/_SUCCESS", "dt=1/new-1", "dt=1/new-2", "dt=2/other"};

TEST_F(OverwriteTest, GoesOnWhereItWasCutOff) {
    int cut = 0;
    for (;; ++cut) {
        const std::vector<FileCommittable> written = prepare();
        CutOffFiles files(cut);
        try {
            overwriteFiles(written, token(), "", files);
            break;
        } catch (const UserError& error) {
            ASSERT_EQ(error.code(), "io.failed");
        }
        // Nothing is lost on the way: the old files are there, or all of the new ones.
        const std::set<std::string> now = names();
        const bool old = now.count("dt=1/old-1") + now.count("dt=1/old-2") == 2;
        const bool fresh = now.count("dt=1/new-1") + now.count("dt=1/new-2") == 2;
        EXPECT_TRUE(old || fresh) << "cut off at step " << cut;
        overwriteFiles(written, token(), "", localFileSystem());
        std::set<std::string> after = names();
        std::erase_if(after, [](const std::string& name) { return name.find(".tmp") != std::string::npos; });
        EXPECT_EQ(after, kOverwritten) << "cut off at step " << cut;
    }
    EXPECT_GT(cut, 6);
    EXPECT_EQ(names(), kOverwritten);
    // Once it is done, what comes later stays, whatever is committed again.
    put("dt=1/later", "x");
    overwriteFiles({}, token(), folder_ + "/dt=1", localFileSystem());
    put(".part-1-overwrite-7.inprogress.job", "");
    overwriteFiles({{folder_ + "/dt=1", ".new-1", "new-1", 3}}, token(), "", localFileSystem());
    EXPECT_EQ(names().count("dt=1/later"), 1U);
    EXPECT_EQ(names().count(".part-1-overwrite-7.inprogress.job"), 0U);
}

// The job is never restored: whoever opens the table next finds the old content or the new one, whole.
TEST_F(OverwriteTest, WhoeverComesNextMakesTheChange) {
    const std::set<std::string> old = {"dt=1/_SUCCESS", "dt=1/old-1", "dt=1/old-2", "dt=2/other"};
    int olds = 0, news = 0, cut = 0;
    for (;; ++cut) {
        const std::vector<FileCommittable> written = prepare();
        CutOffFiles files(cut);
        bool done = false;
        try {
            overwriteFiles(written, token(), "", files);
            done = true;
        } catch (const UserError& error) {
            ASSERT_EQ(error.code(), "io.failed");
        }
        // That, too, may be cut off, again and again.
        for (int steps = 0;; ++steps) {
            CutOffFiles next(steps % 3);
            try {
                finishOverwrites(folder_, next);
                break;
            } catch (const UserError& error) {
                ASSERT_EQ(error.code(), "io.failed");
                ASSERT_LT(steps, 100);
            }
        }
        std::set<std::string> visible = names();
        std::erase_if(visible, [](const std::string& name) { return name.find(".") != std::string::npos; });
        EXPECT_TRUE(visible == old || visible == kOverwritten) << "cut off at step " << cut;
        (visible == old ? olds : news) += 1;
        // The job itself, should it come back, finds nothing to do but what it had not begun.
        overwriteFiles(written, token(), "", localFileSystem());
        if (done) break;
    }
    EXPECT_GT(olds, 1);
    EXPECT_GT(news, 4);
    EXPECT_EQ(names(), kOverwritten);
}

TEST_F(OverwriteTest, TheFolderMayHaveMoved) {
    const std::vector<FileCommittable> written = prepare();
    CutOffFiles files(4);  // the journal is there, and one new file
    EXPECT_THROW(overwriteFiles(written, token(), "", files), UserError);
    const std::string moved = folder_ + "-moved";
    std::filesystem::remove_all(moved);
    std::filesystem::rename(folder_, moved);
    finishOverwrites(moved, localFileSystem());
    std::filesystem::rename(moved, folder_);
    EXPECT_EQ(names(), kOverwritten);
    finishOverwrites(folder_ + "/nowhere", localFileSystem());
    finishOverwrites(folder_ + "/dt=2/other", localFileSystem());
    EXPECT_EQ(names(), kOverwritten);
}

TEST_F(OverwriteTest, AJournalNamesNothingOutsideOfItsFolder) {
    const OverwriteJournal journal{{{folder_, ".a", "a", 1}, {folder_ + "/x=%0A\n", ".b", "b", 2}},
                                   {folder_ + "/old", folder_ + "/x=1/old"}};
    const OverwriteJournal back = OverwriteJournal::decode(journal.encode(folder_), folder_);
    ASSERT_EQ(back.written.size(), 2U);
    EXPECT_EQ(back.written[0].hiddenPath(), folder_ + "/.a");
    EXPECT_EQ(back.written[1].folder, journal.written[1].folder);
    EXPECT_EQ(back.before, journal.before);
    for (const char* damaged :
         {"", "overwrites", "overwrites 1\n", "overwrites 1\nold ", "overwrites 1\nold /etc/passwd",
          "overwrites 1\nold ../x", "overwrites 1\nold a/../../x", "overwrites 1\nnew 1%0A..%0A.a%0Aa%0A1",
          "overwrites 1\nnew 1%0A%0A../a%0Aa%0A1", "overwrites 1\nnew 1%0A%0A.a%0Aa/b%0A1",
          "overwrites 1\nnew 1%0A/%0A.a%0Aa%0A1", "overwrites 1\nnew x", "overwrites 1\nother x"})
        EXPECT_THROW(OverwriteJournal::decode(damaged, folder_), UserError) << damaged;
}

TEST_F(OverwriteTest, WhatTheStatementNamesIsEmptied) {
    prepare();
    overwriteFiles({}, token(), folder_ + "/dt=1", localFileSystem());
    EXPECT_EQ(names(), (std::set<std::string>{"dt=1/.new-1", "dt=1/.new-2", "dt=1/_SUCCESS", "dt=2/other"}));
    put(".part-1-overwrite-7.inprogress.job", "");
    overwriteFiles({}, token(), folder_ + "/dt=9", localFileSystem());  // which there is not
    EXPECT_EQ(names().count("dt=2/other"), 1U);
}

TEST_F(OverwriteTest, Words) {
    const OverwriteWord word{3, 7, "/a\n%b/.token"};
    EXPECT_TRUE(OverwriteWord::is(word.encode()));
    const OverwriteWord back = OverwriteWord::decode(word.encode());
    EXPECT_EQ(back.subtask, 3U);
    EXPECT_EQ(back.parallelism, 7U);
    EXPECT_EQ(back.token, word.token);
    for (const char* damaged : {"3\n", "3\n1\n2", "3\n1\nx\n", "3\n\n1\n", "3\n1\n2\n\n3"})
        EXPECT_THROW(OverwriteWord::decode(damaged), UserError) << damaged;
}

}  // namespace
}  // namespace millrace
