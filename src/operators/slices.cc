#include "operators/slices.h"

#include <algorithm>

#include "base/error.h"
#include "operators/time_units.h"

namespace millrace {

namespace {
constexpr int64_t kMicrosPerDay = 86'400'000'000;
}  // namespace

Selection& Slices::selectionOf(int64_t end) {
    for (size_t i = 0; i < size_; ++i) {
        if (dealt_[i].first == end) return dealt_[i].second;
    }
    if (size_ == dealt_.size()) dealt_.emplace_back();
    dealt_[size_].first = end;
    dealt_[size_].second.clear();
    return dealt_[size_++].second;
}

void Slices::dealAllTo(int64_t end) {
    size_ = 0;
    selectionOf(end);
}

void Slices::deal(const Column& column, const std::string& name, RowWindow by, const Windows& windows,
                  const ZoneClock& clock) {
    const size_t rows = column.size();
    size_ = 0;
    if (rows == 0) return;
    if (const uint8_t* validity = column.validity()) {
        if (std::find(validity, validity + rows, 0) != validity + rows) {
            throw UserError("data.null-rowtime",
                            fmt::format("a row has NULL in '{}', by which it should find its window", name),
                            "filter such rows out before the window function");
        }
    }
    const auto* times = column.data<int64_t>();
    int64_t earliest = times[0], latest = times[0];
    for (size_t i = 1; i < rows; ++i) {
        earliest = std::min(earliest, times[i]);
        latest = std::max(latest, times[i]);
    }
    if (by == RowWindow::OfTime) {
        dealByTime(times, rows, earliest, latest, windows, clock);
    } else {
        dealByEnd(times, rows, earliest == latest);
    }
}

void Slices::dealByEnd(const int64_t* ends, size_t rows, bool all_equal) {
    if (all_equal) return dealAllTo(floorToMillis(ends[0]));
    for (size_t i = 0; i < rows; ++i)
        selectionOf(floorToMillis(ends[i])).push_back(static_cast<uint32_t>(i));
}

void Slices::dealByTime(const int64_t* times, size_t rows, int64_t earliest, int64_t latest,
                        const Windows& windows, const ZoneClock& clock) {
    // Where the zone's offset changes in between, every row is put on the local time line by itself.
    const int64_t shift = clock.toLocal(floorToMillis(earliest)) - floorToMillis(earliest);
    const bool one_shift =
        clock.isUtc() || (latest - earliest < kMicrosPerDay &&
                          clock.toLocal(floorToMillis(latest)) - floorToMillis(latest) == shift);
    if (one_shift) {
        const int64_t first = windows.sliceEnd(floorToMillis(earliest) + shift);
        if (first == windows.sliceEnd(floorToMillis(latest) + shift)) return dealAllTo(first);
    }
    const int64_t slice_micros = windows.sliceMillis() * 1000;
    int64_t begin = 0, end = 0;  // of the slice of the row before, in microseconds of the column's time line
    Selection* selection = nullptr;
    for (size_t i = 0; i < rows; ++i) {
        const int64_t time = times[i];
        if (!selection || time < begin || time >= end) {
            const int64_t offset =
                one_shift ? shift : clock.toLocal(floorToMillis(time)) - floorToMillis(time);
            const int64_t slice = windows.sliceEnd(floorToMillis(time) + offset);
            selection = &selectionOf(slice);
            end = one_shift ? (slice - offset) * 1000
                            : time;  // without one shift, no row is taken for its neighbour
            begin = one_shift ? end - slice_micros : time;
        }
        selection->push_back(static_cast<uint32_t>(i));
    }
}

}  // namespace millrace
