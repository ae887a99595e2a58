#include "runtime/restart_strategy.h"

#include <algorithm>
#include <cmath>

namespace millrace {

std::optional<Duration> RestartStrategy::onFailure(ProcessingTime now) {
    switch (options_.type) {
        case RestartStrategyType::None:
            return std::nullopt;
        case RestartStrategyType::FixedDelay:
            if (attempts_ >= options_.fixed_attempts) return std::nullopt;
            ++attempts_;
            return options_.fixed_delay;
        case RestartStrategyType::FailureRate:
            // Fails once more than the allowed number of failures lie within the interval.
            failures_.push_back(now);
            while (failures_.front().value() < now.value() - options_.failure_rate_interval.ms) {
                failures_.pop_front();
            }
            if (static_cast<int64_t>(failures_.size()) > options_.max_failures_per_interval) {
                return std::nullopt;
            }
            return options_.failure_rate_delay;
        case RestartStrategyType::ExponentialDelay:
            return exponential(now);
    }
    return std::nullopt;
}

std::optional<Duration> RestartStrategy::exponential(ProcessingTime now) {
    const bool calm = restarted_at_ == ProcessingTime::min() ||
                      now.value() - restarted_at_.value() >= options_.reset_backoff_threshold.ms;
    if (calm) {
        backoff_ms_ = static_cast<double>(options_.initial_backoff.ms);
        attempts_ = 0;
    } else {
        backoff_ms_ =
            std::min(backoff_ms_ * options_.backoff_multiplier, static_cast<double>(options_.max_backoff.ms));
    }
    if (attempts_ >= options_.attempts_before_reset) return std::nullopt;
    ++attempts_;
    const double jitter = backoff_ms_ * options_.jitter_factor * (2 * random_.unit() - 1);
    const double delay = std::clamp(backoff_ms_ + jitter, 0.0, static_cast<double>(options_.max_backoff.ms));
    const Duration out{static_cast<int64_t>(std::llround(delay))};
    restarted_at_ = ProcessingTime(now.value() + out.ms);
    return out;
}

}  // namespace millrace
