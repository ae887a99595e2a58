#include "connectors/filesystem/file_output.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/random.h"

namespace millrace {
namespace {

constexpr size_t kBlock = 4 * kDirectUnit;

struct Appended {
    std::string bytes;
    std::vector<size_t> sizes;
    size_t synced = 0;  // bytes of it
    bool aligned = true;
};

class RecordingFile final : public WritableFile {
  public:
    explicit RecordingFile(Appended& appended) : appended_(appended) {}
    void append(std::string_view bytes) override {
        appended_.bytes += bytes;
        appended_.sizes.push_back(bytes.size());
        appended_.aligned = appended_.aligned && reinterpret_cast<uintptr_t>(bytes.data()) % kDirectUnit == 0;
    }
    void sync() override { appended_.synced = appended_.bytes.size(); }
    uint64_t size() const override { return appended_.bytes.size(); }

  private:
    Appended& appended_;
};

// Rows as an encoder writes them: `most` bytes are asked for, fewer used.
void writeRows(Random& random, FileOutput& output, std::string& expected, size_t most) {
    char* at = output.begin();
    for (uint64_t left = random.below(400); left > 0; --left) {
        at = output.room(at, most);
        const size_t size = random.below(most + 1);
        const std::string row(size, static_cast<char>('a' + random.below(26)));
        std::memcpy(at, row.data(), size);
        at += size;
        expected += row;
    }
    output.finish(at);
}

TEST(FileOutput, WritesWholeBlocksAndTheRestAtTheEnd) {
    Random random(3);
    for (int round = 0; round < 30; ++round) {
        Appended appended;
        FileOutput output(std::make_unique<RecordingFile>(appended), kBlock);
        std::string expected;
        for (int batch = 0; batch < 6; ++batch) {
            writeRows(random, output, expected, 1 + random.below(3000));
            EXPECT_EQ(output.size(), expected.size());
            EXPECT_EQ(output.written(), appended.bytes.size());
        }
        for (const size_t size : appended.sizes)
            EXPECT_EQ(size, kBlock);
        EXPECT_TRUE(appended.aligned);
        EXPECT_EQ(appended.synced, 0U);
        output.sync();
        EXPECT_EQ(appended.bytes, expected);
        EXPECT_EQ(appended.synced, expected.size());
        EXPECT_EQ(output.size(), expected.size());
    }
}

TEST(FileOutput, RowsLongerThanABlock) {
    Random random(4);
    Appended appended;
    FileOutput output(std::make_unique<RecordingFile>(appended), kBlock);
    std::string expected;
    for (const size_t size :
         {size_t{100}, 30 * kBlock, size_t{1}, 100 * kBlock + 17, size_t{0}, size_t{5000}}) {
        const std::string row(size, static_cast<char>('a' + random.below(26)));
        output.append(row);
        expected += row;
        EXPECT_EQ(output.size(), expected.size());
    }
    EXPECT_TRUE(appended.aligned);
    output.sync();
    EXPECT_EQ(appended.bytes, expected);
}

TEST(FileOutput, ToTheMachinesDisk) {
    FileSystem& files = localFileSystem();
    const std::string path = testing::TempDir() + "file_output_test." + std::to_string(::getpid());
    Random random(5);
    for (int round = 0; round < 5; ++round) {
        FileOutput output(files.createUncached(path), kBlock);
        std::string expected;
        for (int batch = 0; batch < 4; ++batch)
            writeRows(random, output, expected, 2000);
        output.sync();
        EXPECT_EQ(readFile(files, path), expected);
    }
    files.remove(path);
}

}  // namespace
}  // namespace millrace
