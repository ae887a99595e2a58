#include "base/rotating_log_file.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <thread>
#include <vector>

#include "base/error.h"

namespace millrace {
namespace {

class RotatingLogFileTest : public ::testing::Test {
  protected:
    RotatingLogFileTest() {
        std::filesystem::remove_all(folder_);
        std::filesystem::create_directories(folder_);
    }
    std::vector<std::string> lines(const std::string& name) {
        std::ifstream file(folder_ + "/" + name);
        std::vector<std::string> all;
        for (std::string line; std::getline(file, line);)
            all.push_back(line);
        return all;
    }
    std::set<std::string> names() {
        std::set<std::string> all;
        for (const auto& entry : std::filesystem::directory_iterator(folder_))
            all.insert(entry.path().filename());
        return all;
    }
    const std::string folder_ = ::testing::TempDir() + "rotating-log-file";
};

TEST_F(RotatingLogFileTest, OldFilesAreNumberedAndTheOldestGoes) {
    RotatingLogFile log(folder_ + "/a.b.log", 20, 2);
    for (int i = 0; i < 9; ++i)
        log.append(fmt::format("line {}....\n", i));  // one a file
    EXPECT_EQ(names(), (std::set<std::string>{"a.b.log", "a.b.1.log", "a.b.2.log"}));
    EXPECT_EQ(lines("a.b.log"), std::vector<std::string>{"line 8...."});
    EXPECT_EQ(lines("a.b.1.log"), std::vector<std::string>{"line 7...."});
    EXPECT_EQ(lines("a.b.2.log"), std::vector<std::string>{"line 6...."});
    log.append(std::string(100, 'x') + "\n");  // longer than a file may be: it has one of its own
    EXPECT_EQ(lines("a.b.log"), std::vector<std::string>{std::string(100, 'x')});
}

TEST_F(RotatingLogFileTest, WithoutOldFilesItBeginsAnew) {
    RotatingLogFile log(folder_ + "/log", 20, 0);
    for (int i = 0; i < 5; ++i)
        log.append(fmt::format("line {}....\n", i));
    EXPECT_EQ(names(), std::set<std::string>{"log"});
    EXPECT_EQ(lines("log"), std::vector<std::string>{"line 4...."});
}

TEST_F(RotatingLogFileTest, WhatWasThereIsGoneOnWith) {
    std::ofstream(folder_ + "/log") << "before\n";
    RotatingLogFile(folder_ + "/log", 1000, 2).append("after\n");
    EXPECT_EQ(lines("log"), (std::vector<std::string>{"before", "after"}));
    EXPECT_THROW(RotatingLogFile(folder_ + "/nowhere/log", 1000, 2), UserError);
}

TEST_F(RotatingLogFileTest, SeveralWritersLoseAndRepeatNothing) {
    constexpr int kWriters = 4, kLines = 500;
    std::vector<std::thread> writers;
    for (int writer = 0; writer < kWriters; ++writer) {
        writers.emplace_back([&, writer] {
            RotatingLogFile log(folder_ + "/log", 1000,
                                900);  // every one opens it for itself, as processes do
            for (int i = 0; i < kLines; ++i)
                log.append(fmt::format("writer {} line {}\n", writer, i));
        });
    }
    for (std::thread& writer : writers)
        writer.join();
    std::multiset<std::string> seen;
    for (const std::string& name : names()) {
        for (const std::string& line : lines(name))
            seen.insert(line);
        // A writer may have found room that another one took at the same time.
        EXPECT_LT(std::filesystem::file_size(folder_ + "/" + name), 1200U) << name;
    }
    EXPECT_GT(names().size(), 30U);
    EXPECT_EQ(seen.size(), static_cast<size_t>(kWriters * kLines));
    for (int writer = 0; writer < kWriters; ++writer) {
        for (int i = 0; i < kLines; ++i)
            EXPECT_EQ(seen.count(fmt::format("writer {} line {}", writer, i)), 1U);
    }
    // A line that comes now is in the file of that name, whoever wrote the last one.
    RotatingLogFile(folder_ + "/log", 1 << 20, 900).append("the last one\n");
    EXPECT_EQ(lines("log").back(), "the last one");
}

}  // namespace
}  // namespace millrace
