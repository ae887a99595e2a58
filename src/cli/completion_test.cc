#include "cli/completion.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

#include "cli/app/command.h"

namespace millrace::cli {
namespace {

class CompletionTest : public testing::Test {
  protected:
    CompletionTest() {
        auto* app = root_.add_subcommand("app", "applications");
        auto* start = app->add_subcommand("start", "starts one");
        start->add_option("NAME", text_)->type_name(kApplicationValue);
        start->add_option("--snapshot", text_)->type_name(kSnapshotValue);
        start->add_option("--mode", text_)->check(CLI::IsMember({"fast", "slow"}));
        start->add_flag("--no-wait", flag_);
        start->add_option("-f,--file", text_);
        app->add_subcommand("stop", "stops one");
        root_.add_subcommand("apply", "");
    }

    std::string words(const std::vector<std::string>& given) {
        const Completion found = complete(root_, given, [&](const std::string& kind, const auto&) {
            return std::vector<std::string>{kind == kApplicationValue ? "orders" : "first", "other"};
        });
        std::string all = found.files ? "FILES " : "";
        for (const Candidate& one : found.candidates)
            all += one.text + " ";
        return all;
    }

    CLI::App root_{"", "millrace"};
    std::string text_;
    bool flag_ = false;
};

TEST_F(CompletionTest, commandsOfEveryLevel) {
    EXPECT_EQ(words({""}), "app apply ");
    EXPECT_EQ(words({"app"}), "app apply ");
    EXPECT_EQ(words({"appl"}), "apply ");
    EXPECT_EQ(words({"app", "st"}), "start stop ");
    EXPECT_EQ(words({"nothing", ""}), "app apply ");
}

TEST_F(CompletionTest, optionsAndTheirValues) {
    EXPECT_EQ(words({"app", "start", "--"}), "--help --snapshot --mode --no-wait --file ");
    EXPECT_EQ(words({"app", "start", "--s"}), "--snapshot ");
    EXPECT_EQ(words({"app", "start", "--mode", ""}), "fast slow ");
    EXPECT_EQ(words({"app", "start", "--mode", "s"}), "slow ");
    EXPECT_EQ(words({"app", "start", "-f", ""}), "FILES ");
    EXPECT_EQ(words({"app", "start", "orders", "--snapshot", ""}), "first other ");
}

TEST_F(CompletionTest, argumentsAskTheService) {
    EXPECT_EQ(words({"app", "start", ""}), "orders other ");
    EXPECT_EQ(words({"app", "start", "--no-wait", "or"}), "orders ");
    EXPECT_EQ(words({"app", "start", "--mode", "fast", "or"}), "orders ");
    EXPECT_EQ(words({"app", "start", "--mode=fast", "or"}), "orders ");
}

}  // namespace
}  // namespace millrace::cli
