#include "connectors/filesystem/partition_commit.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "connectors/filesystem/filesystem_options.h"

namespace millrace {
namespace {

using Options = std::map<std::string, std::string>;

TableSpec table(Options options) {
    TableSpec spec;
    spec.name = "out";
    spec.schema =
        Schema({{"id", LogicalType::bigint()}, {"dt", LogicalType::string()}, {"hm", LogicalType::string()}});
    spec.partition_keys = {"dt", "hm"};
    spec.options = std::move(options);
    return spec;
}

int64_t timeOf(Options options, const std::vector<std::string>& values) {
    return PartitionCommitOptions::from(table(std::move(options))).timeOf({"dt", "hm"}, values);
}

constexpr int64_t kHour = 3'600'000;
constexpr int64_t kFirstOfMarch = 1'772'323'200'000;  // 2026-03-01 00:00 UTC

TEST(PartitionCommit, TimesOfPartitions) {
    const std::string pattern = "partition.time-extractor.timestamp-pattern";
    const std::string format = "partition.time-extractor.timestamp-formatter";
    const std::string zone = "sink.partition-commit.watermark-time-zone";
    EXPECT_EQ(timeOf({}, {"2026-03-01", "x"}), kFirstOfMarch);
    EXPECT_EQ(timeOf({}, {"2026-03-01 02:00:00", "x"}), kFirstOfMarch + 2 * kHour);
    EXPECT_EQ(timeOf({{pattern, "$dt $hm:00"}}, {"2026-03-01", "05:30"}), kFirstOfMarch + 11 * kHour / 2);
    EXPECT_EQ(timeOf({{pattern, "$dt $hm:00:00"}}, {"2026-3-1", "7"}), kFirstOfMarch + 7 * kHour);
    EXPECT_EQ(timeOf({{pattern, "$dt$hm"}, {format, "yyyyMMddHH"}}, {"20260301", "04"}),
              kFirstOfMarch + 4 * kHour);
    EXPECT_EQ(timeOf({{zone, "Asia/Shanghai"}}, {"2026-03-01", "x"}), kFirstOfMarch - 8 * kHour);
    EXPECT_THROW(timeOf({}, {"March", "x"}), UserError);
    EXPECT_THROW(timeOf({{pattern, "$dt $hm"}}, {"2026-03-01", "05"}), UserError);
}

TEST(PartitionCommit, SaysWhatIsNotSupported) {
    const auto hintOf = [](Options options) -> std::string {
        try {
            PartitionCommitOptions::from(table(std::move(options)));
        } catch (const UserError& error) {
            return error.code() + " " + error.problem().hint;
        }
        return "";
    };
    EXPECT_EQ(hintOf({{"sink.partition-commit.policy.kind", "success-file"}}), "");
    EXPECT_NE(hintOf({{"sink.partition-commit.policy.kind", "metastore,success-file"}}).find("Hive"),
              std::string::npos);
    EXPECT_NE(hintOf({{"sink.partition-commit.trigger", "sometimes"}}).find("'partition-time'"),
              std::string::npos);
    EXPECT_NE(hintOf({{"sink.partition-commit.success-file.name", "done"}}).find("starts with '_'"),
              std::string::npos);
    EXPECT_NE(hintOf({{"partition.time-extractor.kind", "custom"}}).find("Java class"), std::string::npos);
    EXPECT_NE(hintOf({{"sink.partition-commit.watermark-time-zone", "Mars"}}).find("config"),
              std::string::npos);
    TableSpec whole = table({{"sink.partition-commit.policy.kind", "success-file"}});
    whole.partition_keys.clear();
    EXPECT_THROW(PartitionCommitOptions::from(whole), UserError);
}

TEST(PartitionCommit, WordsAreReadAsTheyWereWritten) {
    const PartitionWord word{2, 3, -5, {{"/out/dt=a%2Fb", 17}, {"/out/odd\nname", std::nullopt}}};
    ASSERT_TRUE(PartitionWord::is(word.encode()));
    const PartitionWord read = PartitionWord::decode(word.encode());
    EXPECT_EQ(read.subtask, 2u);
    EXPECT_EQ(read.parallelism, 3u);
    EXPECT_EQ(read.watermark_ms, -5);
    EXPECT_EQ(read.partitions, word.partitions);
    EXPECT_FALSE(PartitionWord::is("1\n/out\n.part\npart\n5"));
    for (const char* damaged : {"2", "2\n1\n2", "2\n1\n2\nx", "2\n1\n2\n3\n/out", "2\n1\n2\n3\n/out\nsoon"})
        EXPECT_THROW(PartitionWord::decode(damaged), UserError) << damaged;
}

class PartitionCommitFiles : public testing::Test {
  protected:
    PartitionCommitFiles() : folder_(testing::TempDir() + "partition_commit." + std::to_string(::getpid())) {
        std::filesystem::remove_all(folder_);
        for (const char* hour : {"00", "01", "02"})
            std::filesystem::create_directories(folderOf(hour));
    }
    ~PartitionCommitFiles() override { std::filesystem::remove_all(folder_); }

    std::string folderOf(const std::string& hour) const { return folder_ + "/dt=2026-03-01/hm=" + hour; }
    // The hours with a success file.
    std::string committed() const {
        std::string hours;
        for (const char* hour : {"00", "01", "02"}) {
            if (std::filesystem::exists(folderOf(hour) + "/_SUCCESS")) hours += std::string(hour) + " ";
        }
        return hours;
    }
    static PartitionCommitOptions options(Options more) {
        more["sink.partition-commit.policy.kind"] = "success-file";
        more["partition.time-extractor.timestamp-pattern"] = "$dt $hm:00:00";
        return PartitionCommitOptions::from(table(std::move(more)));
    }
    static PendingPartitions writer(const PartitionCommitOptions& options, uint32_t subtask,
                                    const std::vector<std::string>& restored = {}) {
        return {options, {"dt", "hm"}, subtask, 2, restored};
    }
    void add(PendingPartitions& writer, const std::string& hour, int64_t now_ms = 0) const {
        writer.add(folderOf(hour), {"2026-03-01", hour}, now_ms);
    }

    const std::string folder_;
    FileSystem& files_ = localFileSystem();
};

TEST_F(PartitionCommitFiles, ByTheLowestWatermarkOfAllWriters) {
    const PartitionCommitOptions by_time = options(
        {{"sink.partition-commit.trigger", "partition-time"}, {"sink.partition-commit.delay", "1 h"}});
    PendingPartitions first = writer(by_time, 0), second = writer(by_time, 1);
    const auto checkpoint = [&] {
        commitPartitions(
            by_time,
            {PartitionWord::decode(first.word(files_, 0)), PartitionWord::decode(second.word(files_, 0))},
            files_);
    };
    add(first, "00");
    add(first, "01");
    add(second, "02");
    checkpoint();
    EXPECT_EQ(committed(), "");
    first.onWatermark(kFirstOfMarch + 3 * kHour);
    checkpoint();
    EXPECT_EQ(committed(), "");  // the other one may still write to them
    second.onWatermark(kFirstOfMarch + kHour);
    checkpoint();
    EXPECT_EQ(committed(), "");  // the watermark must be beyond
    second.onWatermark(kFirstOfMarch + kHour + 1);
    checkpoint();
    EXPECT_EQ(committed(), "00 ");
    // What is pending is state, and its writers may be others.
    std::vector<std::string> state = first.snapshot();
    EXPECT_EQ(state.size(), 2u);  // it has not seen the success file yet
    PendingPartitions restored = writer(by_time, 0, state);
    restored.onWatermark(kFirstOfMarch + 9 * kHour);
    second.onWatermark(kFirstOfMarch + 9 * kHour);
    // A subtask that says nothing is waited for.
    commitPartitions(by_time, {PartitionWord::decode(restored.word(files_, 0))}, files_);
    EXPECT_EQ(committed(), "00 ");
    commitPartitions(
        by_time,
        {PartitionWord::decode(restored.word(files_, 0)), PartitionWord::decode(second.word(files_, 0))},
        files_);
    EXPECT_EQ(committed(), "00 01 02 ");
    restored.word(files_, 0);
    EXPECT_TRUE(restored.snapshot().empty());
}

TEST_F(PartitionCommitFiles, LateRowsCommitTheirPartitionAgain) {
    const PartitionCommitOptions by_time = options({{"sink.partition-commit.trigger", "partition-time"}});
    PendingPartitions only(by_time, {"dt", "hm"}, 0, 1, {});
    const auto checkpoint = [&] {
        commitPartitions(by_time, {PartitionWord::decode(only.word(files_, 0))}, files_);
    };
    only.onWatermark(kFirstOfMarch + kHour);
    add(only, "00");
    checkpoint();
    EXPECT_EQ(committed(), "00 ");
    checkpoint();
    EXPECT_TRUE(only.snapshot().empty());
    std::filesystem::remove(folderOf("00") + "/_SUCCESS");
    checkpoint();
    EXPECT_EQ(committed(), "");  // it has been, and whoever took it away had his reasons
    add(only, "00");
    checkpoint();
    EXPECT_EQ(committed(), "00 ");
}

TEST_F(PartitionCommitFiles, InProcessingTimeAfterTheDelayOrAtTheEnd) {
    const PartitionCommitOptions by_clock = options({{"sink.partition-commit.delay", "10 s"}});
    PendingPartitions only(by_clock, {"dt", "hm"}, 0, 1, {});
    const auto checkpoint = [&](int64_t now_ms) {
        commitPartitions(by_clock, {PartitionWord::decode(only.word(files_, now_ms))}, files_);
    };
    add(only, "00", 1000);
    add(only, "00", 9000);
    add(only, "01", 9000);
    checkpoint(10'999);
    EXPECT_EQ(committed(), "");
    checkpoint(11'000);
    EXPECT_EQ(committed(), "00 ");
    only.onWatermark(EventTime::max().value());
    checkpoint(11'001);
    EXPECT_EQ(committed(), "00 01 ");
}

}  // namespace
}  // namespace millrace
