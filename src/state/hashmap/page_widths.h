// How many values a page of KeyedBits should be begun for where values ascend: so many that it is nearly full
// once they have passed. With all pages begun ahead of what comes, none is divided.
//
// It is found by trying. A page that was full when higher values came has shown a width; pages that are begun
// with it are judged when others have been begun after them, and the width follows. Where values lie so
// unevenly that pages are full before the next is begun, or so far apart that pages would stay empty, none is
// begun ahead. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>

namespace millrace {

class PageWidths {
  public:
    struct Begun {
        int64_t low;
        uint64_t width;

        int64_t last() const { return static_cast<int64_t>(static_cast<uint64_t>(low) + width - 1); }
    };

    // No page is wider than `most`.
    explicit PageWidths(uint64_t most) : most_(most) {}

    // 0: none is to be begun ahead.
    uint64_t width() const {
        const auto width = static_cast<uint64_t>(width_ + 0.5);
        return width <= most_ ? width : 0;
    }

    // A page with so many values was divided as higher ones came. It is the width at first, and again where
    // many were divided and none begun ahead.
    void full(uint64_t width) {
        if (width_ > 0 && ++full_ < kFull) return;
        width_ = static_cast<double>(width);
        full_ = 0;
    }

    // A page was begun ahead. The one that is to be judged for it, if there is one.
    std::optional<Begun> begun(const Begun& page) {
        full_ = 0;
        Begun& place = begun_[count_++ % std::size(begun_)];
        const Begun former = place;
        place = page;
        if (former.width == 0) return std::nullopt;
        return former;
    }
    // The values of that page are now as so many full pages.
    void judge(const Begun& page, double full_pages) {
        constexpr double kWanted = 0.85;
        constexpr double kGrowth = 4;
        constexpr double kFew = 0.25;
        const double found =
            static_cast<double>(page.width) * std::min(kGrowth, kWanted / std::max(full_pages, 1e-3));
        // Pages that stay nearly empty are a waste: then it does not take its time.
        width_ = full_pages < kFew ? std::max(width_, found) : width_ + (found - width_) / 8;
        width_ = std::clamp(width_, 1.0, static_cast<double>(most_) * kGrowth);
    }

  private:
    static constexpr size_t kJudgedAfter = 16;  // pages, so that values in no strict order have passed
    static constexpr uint32_t kFull = 256;

    uint64_t most_;
    double width_ = 0;
    uint32_t full_ = 0;  // pages since one was begun ahead
    Begun begun_[kJudgedAfter] = {};
    size_t count_ = 0;
};

}  // namespace millrace
