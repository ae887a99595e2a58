#include "cli/app/output.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/app/api_client.h"
#include "cli/app/failure.h"
#include "cli/app/log_text.h"
#include "cli/app/waiting.h"

namespace millrace::cli {
namespace {

TEST(AppOutput, tablesAreAligned) {
    TextTable table({"NAME", "STATUS"});
    table.add({"a", "READY"});
    table.add({"größer", ""});
    table.add({"line\nbreak\x1b[2J", "x"});
    EXPECT_EQ(table.render("  "),
              "  NAME            STATUS\n"
              "  a               READY\n"
              "  größer\n"
              "  line?break?[2J  x\n");
}

TEST(AppOutput, timesAreLocal) {
    setenv("TZ", "Asia/Kolkata", 1);
    tzset();
    EXPECT_EQ(localTime(1772323200), "2026-03-01T05:30:00+05:30");
    EXPECT_EQ(localTime(1772323200.9), "2026-03-01T05:30:00+05:30");
    setenv("TZ", "UTC", 1);
    tzset();
    EXPECT_EQ(localTime(0), "1970-01-01T00:00:00+00:00");
    EXPECT_EQ(localTime(nlohmann::json()), "");
    EXPECT_EQ(localTime(1e300), "");
}

TEST(AppOutput, durations) {
    using std::chrono::milliseconds;
    EXPECT_EQ(shownDuration(milliseconds(350)), "350 ms");
    EXPECT_EQ(shownDuration(milliseconds(4'280)), "4.2 s");
    EXPECT_EQ(shownDuration(milliseconds(200'000)), "3 min 20 s");
    EXPECT_EQ(shownDuration(milliseconds(7'500'000)), "2 h 5 min");
}

TEST(AppLogs, linesForPeople) {
    EXPECT_EQ(logLineText(R"({"timestamp":1772323200042,"messageType":"INFO","logger":"runtime.job",)"
                          R"("message":"first\nsecond\u001b[2J","threadName":"t"})"),
              "2026-03-01T00:00:00.042+00:00 INFO  runtime.job first\n    second?[2J");
    EXPECT_EQ(logLineText("plain\ttext"), "plain text");
    EXPECT_EQ(logLineText("{broken"), "{broken");
    EXPECT_EQ(logLineText("[1]"), "[1]");
}

TEST(AppLogs, onlyWhatIsNewIsGiven) {
    LogTail tail;
    EXPECT_EQ(tail.news("a\nb\nc\nd\nunfinished"), "a\nb\nc\nd\n");
    EXPECT_EQ(tail.news("a\nb\nc\nd\nunfinished"), "");
    EXPECT_EQ(tail.news("a\nb\nc\nd\nunfinished, now\ne\n"), "unfinished, now\ne\n");
    EXPECT_EQ(tail.news("d\nunfinished, now\ne\nf\n"), "f\n");  // only the end is answered
    EXPECT_EQ(tail.news("x\ny\nz\n"), "x\ny\nz\n");             // another log
    EXPECT_EQ(tail.news("x\ny\nz\n1\n"), "1\n");
    LogTail none;
    EXPECT_EQ(none.news(""), "");
    EXPECT_EQ(none.news("first\n"), "first\n");
}

TEST(AppLogs, theEndIsAskedForFromTheLinesThatAreKnown) {
    LogTail tail;
    EXPECT_EQ(tail.knownFrom(), 0);
    const auto line = [](int second) { return "{\"timestamp\":" + std::to_string(second) + "500}\n"; };
    tail.news(line(1) + line(2) + line(3) + line(4));
    EXPECT_EQ(tail.knownFrom(), 2);
    EXPECT_EQ(tail.news(line(2) + line(3) + line(4) + line(9)), line(9));
    EXPECT_EQ(tail.knownFrom(), 3);
    tail.news("no JSON\n");
    EXPECT_EQ(tail.knownFrom(), 0);
}

TEST(AppFailure, errorsOfTheApiHaveTheirExitStatus) {
    const auto status = [](const char* type, const char* message = "m", int http = 400) {
        return static_cast<int>(apiFailure("UpdateApplication", http, type, message).status());
    };
    EXPECT_EQ(status("ResourceNotFoundException"), 3);
    EXPECT_EQ(status("ResourceInUseException"), 4);
    EXPECT_EQ(status("ConcurrentModificationException"), 4);
    EXPECT_EQ(status("InternalFailure", "disk full", 500), 6);
    EXPECT_EQ(status("InvalidArgumentException"), 7);
    EXPECT_EQ(status("SomethingNewException"), 7);
    EXPECT_EQ(status("UnsupportedOperationException"), 8);
    EXPECT_EQ(status("InvalidRequestException", "there is no snapshot"), 7);
    EXPECT_EQ(status("InvalidRequestException", "UpdateApplication is not supported by this version."), 8);
}

TEST(AppWaiting, endsAtItsTimeout) {
    int asked = 0;
    const auto never = [&](Progress&, std::chrono::milliseconds) {
        ++asked;
        return false;
    };
    try {
        waitUntil("nothing came", "200ms", true, never);
        FAIL();
    } catch (const AppFailure& failure) {
        EXPECT_EQ(failure.status(), ExitStatus::Timeout);
        EXPECT_STREQ(failure.what(), "nothing came within 200 ms");
    }
    EXPECT_GE(asked, 3);
    asked = 0;
    EXPECT_THROW(waitUntil("x", "0", true, never), AppFailure);  // asks once
    EXPECT_EQ(asked, 1);
    try {
        waitUntil("x", "soon", true, never);
        FAIL();
    } catch (const AppFailure& failure) {
        EXPECT_EQ(failure.status(), ExitStatus::Usage);
    }
}

TEST(AppEndpoint, optionThenEnvironmentThenDefault) {
    unsetenv("MILLRACE_ENDPOINT");
    EXPECT_EQ(chosenEndpoint(""), "http://127.0.0.1:8090");
    setenv("MILLRACE_ENDPOINT", "127.0.0.1:1", 1);
    EXPECT_EQ(chosenEndpoint(""), "http://127.0.0.1:1");
    EXPECT_EQ(chosenEndpoint("https://streams"), "https://streams");
    unsetenv("MILLRACE_ENDPOINT");
}

}  // namespace
}  // namespace millrace::cli
