// Which of neighbouring ranges of whole numbers a number is in. The ranges together hold every number, and
// each has a T. Finding one is a binary search in two arrays, of runs of ranges and of a run; dividing one
// moves the ranges of a run.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "base/error.h"

namespace millrace {

template <class T>
class NumberRanges {
  public:
    explicit NumberRanges(T all) {
        constexpr int64_t kLowest = std::numeric_limits<int64_t>::min();
        insertRun(0, kLowest);
        Run& run = *runs_.front();
        run.count = 1;
        run.lows[0] = kLowest;
        run.of[0] = all;
    }

    // Valid until the next division.
    T& at(int64_t number) {
        Run& run = *runs_[lastNotAbove(lows_.data(), lows_.size(), number)];
        return run.of[lastNotAbove(run.lows, run.count, number)];
    }

    // The same for several numbers at once, kNumbersMax at the most, so that their accesses to memory
    // overlap.
    static constexpr size_t kNumbersMax = 64;
    void find(std::span<const int64_t> numbers, T* found) const {
        size_t at[kNumbersMax] = {};
        for (size_t count = lows_.size(); count > 1;) {
            const size_t half = count / 2;
            for (size_t i = 0; i < numbers.size(); ++i)
                at[i] += half * static_cast<size_t>(lows_[at[i] + half] <= numbers[i]);
            count -= half;
        }
        const Run* runs[kNumbersMax];
        for (size_t i = 0; i < numbers.size(); ++i) {
            runs[i] = runs_[at[i]].get();
            __builtin_prefetch(&runs[i]->count);
            for (size_t line = 0; line < sizeof(Run::lows); line += 64)
                __builtin_prefetch(reinterpret_cast<const std::byte*>(runs[i]->lows) + line);
            at[i] = 0;
        }
        for (size_t half = kRanges / 2; half > 0; half /= 2) {
            for (size_t i = 0; i < numbers.size(); ++i)
                at[i] += half * static_cast<size_t>(runs[i]->lows[at[i] + half] <= numbers[i]);
        }
        for (size_t i = 0; i < numbers.size(); ++i) {
            at[i] = std::min(at[i], runs[i]->count - 1);  // of the highest number
            __builtin_prefetch(&runs[i]->of[at[i]]);
        }
        for (size_t i = 0; i < numbers.size(); ++i)
            found[i] = runs[i]->of[at[i]];
    }

    // From `low` on, what was the range that it is in is `upper`'s. `low` is not that range's lowest number.
    void divide(int64_t low, T upper) {
        size_t index = lastNotAbove(lows_.data(), lows_.size(), low);
        if (runs_[index]->count == kRanges) {
            Run& full = *runs_[index];
            // What is added at the end is likely to go on there.
            const size_t kept = low > full.lows[kRanges - 1] ? kRanges : kRanges / 2;
            const int64_t first = kept == kRanges ? low : full.lows[kept];
            insertRun(index + 1, first);
            Run& next = *runs_[index + 1];
            next.count = kRanges - kept;
            std::copy(full.lows + kept, full.lows + kRanges, next.lows);
            std::copy(full.of + kept, full.of + kRanges, next.of);
            full.count = kept;
            std::fill(full.lows + kept, full.lows + kRanges, std::numeric_limits<int64_t>::max());
            index += first <= low ? 1 : 0;
        }
        Run& run = *runs_[index];
        const size_t place = run.count == 0 ? 0 : lastNotAbove(run.lows, run.count, low) + 1;
        MILLRACE_CHECK(place == 0 || run.lows[place - 1] < low, "a range is divided at its beginning");
        std::copy_backward(run.lows + place, run.lows + run.count, run.lows + run.count + 1);
        std::copy_backward(run.of + place, run.of + run.count, run.of + run.count + 1);
        run.lows[place] = low;
        run.of[place] = upper;
        ++run.count;
    }

    size_t bytes() const {
        return runs_.size() * sizeof(Run) +
               runs_.capacity() * (sizeof(lows_.front()) + sizeof(runs_.front()));
    }

  private:
    static constexpr size_t kRanges = 32;
    struct Run {
        Run() { std::fill(std::begin(lows), std::end(lows), std::numeric_limits<int64_t>::max()); }
        size_t count = 0;
        int64_t lows[kRanges];  // behind the last, the highest number
        T of[kRanges];
    };

    void insertRun(size_t index, int64_t low) {
        lows_.insert(lows_.begin() + static_cast<ptrdiff_t>(index), low);
        runs_.insert(runs_.begin() + static_cast<ptrdiff_t>(index), std::make_unique<Run>());
    }

    // Of ascending numbers of which the first is not above. Without branches, which nothing foretells.
    static size_t lastNotAbove(const int64_t* lows, size_t count, int64_t number) {
        size_t at = 0;
        while (count > 1) {
            const size_t half = count / 2;
            at += half * static_cast<size_t>(lows[at + half] <= number);
            count -= half;
        }
        return at;
    }

    std::vector<int64_t> lows_;  // the lowest number of each run
    std::vector<std::unique_ptr<Run>> runs_;
};

}  // namespace millrace
