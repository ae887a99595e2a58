#include "runtime/runtime_options.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "runtime/restart_strategy.h"
#include "runtime/watermark_valve.h"

namespace millrace {
namespace {

using Settings = std::map<std::string, std::string>;

TEST(RuntimeOptions, FlinksDefaultsAndChecks) {
    const RuntimeOptions plain = RuntimeOptions::from(Configuration(Settings{}));
    EXPECT_EQ(plain.restart.type, RestartStrategyType::None);
    EXPECT_EQ(plain.checkpoint_timeout.ms, 600'000);
    const RuntimeOptions checkpointed = RuntimeOptions::from(Configuration(
        Settings{{"execution.checkpointing.interval", "10 s"}, {"state.checkpoints.dir", "file:///a/b"}}));
    EXPECT_EQ(checkpointed.restart.type, RestartStrategyType::ExponentialDelay);
    EXPECT_EQ(checkpointed.checkpoint_dir, "/a/b");
    EXPECT_THROW(RuntimeOptions::from(Configuration(Settings{{"parallelism.default", "0"}})), UserError);
    EXPECT_THROW(RuntimeOptions::from(Configuration(Settings{{"execution.checkpointing.interval", "-1 s"}})),
                 UserError);
    EXPECT_TRUE(plain.incremental_checkpoints);
    EXPECT_EQ(RuntimeOptions::from(
                  Configuration(Settings{{"execution.checkpointing.data-inline-threshold", "20 kb"}}))
                  .checkpoint_inline_max,
              20'480U);
    EXPECT_THROW(RuntimeOptions::from(
                     Configuration(Settings{{"execution.checkpointing.data-inline-threshold", "2 mb"}})),
                 UserError);
    EXPECT_EQ(defaultMaxParallelism(1), 128U);
    EXPECT_EQ(defaultMaxParallelism(100), 256U);
}

TEST(RuntimeOptions, CheckpointsDuringBacklogAreNotMoreFrequent) {
    const auto with = [](const std::string& key, const std::string& value) {
        return RuntimeOptions::from(
            Configuration(Settings{{"execution.checkpointing.interval", "10 s"}, {key, value}}));
    };
    constexpr const char* interval = "execution.checkpointing.interval-during-backlog";
    EXPECT_EQ(with(interval, "30 min").backlog_checkpoint_interval->ms, 1'800'000);
    EXPECT_EQ(with(interval, "0").backlog_checkpoint_interval->ms, 0);
    EXPECT_THROW(with(interval, "9 s"), UserError);
    constexpr const char* lag = "pipeline.backlog.watermark-lag-threshold";
    EXPECT_EQ(with(lag, "1 min").backlog_watermark_lag->ms, 60'000);
    EXPECT_THROW(with(lag, "0"), UserError);
    EXPECT_FALSE(with("parallelism.default", "1").backlog_checkpoint_interval);
}

TEST(RuntimeOptions, ASlipOfThePenIsNoticed) {
    const auto found = misspeltKeys(Configuration(Settings{{"execution.checkpointing.intervall", "1 s"},
                                                           {"execution.checkpointing.interval", "1 s"},
                                                           {"execution.checkpointing.mode", "EXACTLY_ONCE"},
                                                           {"state.checkpoints.num-retained", "3"}}));
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].second, "execution.checkpointing.interval");
}

TEST(RestartStrategy, FixedDelay) {
    RestartOptions options;
    options.type = RestartStrategyType::FixedDelay;
    options.fixed_attempts = 2;
    options.fixed_delay = {7};
    RestartStrategy strategy(options, Random(1));
    EXPECT_EQ(strategy.onFailure(ProcessingTime(0))->ms, 7);
    EXPECT_EQ(strategy.onFailure(ProcessingTime(1))->ms, 7);
    EXPECT_FALSE(strategy.onFailure(ProcessingTime(2)));
}

TEST(RestartStrategy, ExponentialDelayGrowsAndCalmsDown) {
    RestartOptions options;
    options.type = RestartStrategyType::ExponentialDelay;
    options.initial_backoff = {100};
    options.max_backoff = {350};
    options.backoff_multiplier = 2;
    options.jitter_factor = 0;
    options.reset_backoff_threshold = {1000};
    RestartStrategy strategy(options, Random(1));
    EXPECT_EQ(strategy.onFailure(ProcessingTime(0))->ms, 100);
    EXPECT_EQ(strategy.onFailure(ProcessingTime(150))->ms, 200);
    EXPECT_EQ(strategy.onFailure(ProcessingTime(400))->ms, 350);
    EXPECT_EQ(strategy.onFailure(ProcessingTime(900))->ms, 350);
    EXPECT_EQ(strategy.onFailure(ProcessingTime(3000))->ms, 100);
    options.attempts_before_reset = 1;
    RestartStrategy once(options, Random(1));
    EXPECT_TRUE(once.onFailure(ProcessingTime(0)));
    EXPECT_FALSE(once.onFailure(ProcessingTime(150)));
}

TEST(RestartStrategy, FailureRate) {
    RestartOptions options;
    options.type = RestartStrategyType::FailureRate;
    options.max_failures_per_interval = 2;
    options.failure_rate_interval = {100};
    RestartStrategy strategy(options, Random(1));
    EXPECT_TRUE(strategy.onFailure(ProcessingTime(0)));
    EXPECT_TRUE(strategy.onFailure(ProcessingTime(50)));
    EXPECT_TRUE(strategy.onFailure(ProcessingTime(120)));
    EXPECT_FALSE(strategy.onFailure(ProcessingTime(130)));
}

TEST(WatermarkValve, TheLowestActiveChannelHoldsTimeBack) {
    WatermarkValve valve(2);
    EXPECT_FALSE(valve.onWatermark(0, EventTime(5)).watermark);
    EXPECT_EQ(valve.onWatermark(1, EventTime(3)).watermark, EventTime(3));
    // The one that holds back goes idle: time runs on.
    EXPECT_EQ(valve.onIdle(1, true).watermark, EventTime(5));
    EXPECT_EQ(valve.onWatermark(0, EventTime(9)).watermark, EventTime(9));
    // Back, but behind: it is not waited for until it has caught up.
    EXPECT_FALSE(valve.onIdle(1, false).watermark);
    EXPECT_FALSE(valve.onWatermark(1, EventTime(4)).watermark);
    EXPECT_EQ(valve.onWatermark(0, EventTime(10)).watermark, EventTime(10));
    EXPECT_FALSE(valve.onWatermark(1, EventTime(10)).watermark);
    EXPECT_FALSE(valve.onWatermark(0, EventTime(20)).watermark);
    EXPECT_EQ(valve.onEnd(1).watermark, EventTime(20));
    EXPECT_EQ(valve.onEnd(0).watermark, EventTime::max());
}

TEST(WatermarkValve, AllIdleIsIdle) {
    WatermarkValve valve(2);
    valve.onWatermark(0, EventTime(1));
    valve.onWatermark(1, EventTime(7));
    EXPECT_FALSE(valve.onIdle(1, true).idle);
    const auto last = valve.onIdle(0, true);
    EXPECT_EQ(last.idle, true);
    EXPECT_EQ(last.watermark, EventTime(7));
    EXPECT_EQ(valve.onIdle(1, false).idle, false);
}

}  // namespace
}  // namespace millrace
