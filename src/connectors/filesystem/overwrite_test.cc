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
        put(".token", "");
        return {{folder_ + "/dt=1", ".new-1", "new-1", 3}, {folder_ + "/dt=1", ".new-2", "new-2", 5}};
    }
    std::string token() const { return folder_ + "/.token"; }
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
    put(".token", "");
    overwriteFiles({{folder_ + "/dt=1", ".new-1", "new-1", 3}}, token(), "", localFileSystem());
    EXPECT_EQ(names().count("dt=1/later"), 1U);
    EXPECT_EQ(names().count(".token"), 0U);
}

TEST_F(OverwriteTest, WhatTheStatementNamesIsEmptied) {
    prepare();
    overwriteFiles({}, token(), folder_ + "/dt=1", localFileSystem());
    EXPECT_EQ(names(), (std::set<std::string>{"dt=1/.new-1", "dt=1/.new-2", "dt=1/_SUCCESS", "dt=2/other"}));
    put(".token", "");
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
