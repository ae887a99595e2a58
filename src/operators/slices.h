// The rows of a batch dealt out to slices of windows (operators/windows.h): what operators that aggregate by
// window start from.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "batch/batch.h"
#include "operators/windows.h"

namespace millrace {

// What a column says of a row's windows.
enum class RowWindow : uint8_t {
    OfTime,       // the row's time: its slice is worked out
    OfWindowEnd,  // the end of the one window that the row is in, which stands for a slice
    OfSliceEnd,   // the end of its slice
};

class Slices {
  public:
    // All rows are of the slice that ends at `end`.
    void dealAllTo(int64_t end);
    // Deals rows by a TIMESTAMP or TIMESTAMP_LTZ column. Times are put on the local time line of `clock`;
    // ends are on it already. UserError "data.null-rowtime", naming the column, if there is a NULL.
    void deal(const Column& column, const std::string& name, RowWindow by, const Windows& windows,
              const ZoneClock& clock);

    size_t size() const { return size_; }
    int64_t end(size_t i) const { return dealt_[i].first; }  // in milliseconds
    // Rows of the batch; none said where all rows are of one slice.
    std::span<const uint32_t> selection(size_t i) const { return dealt_[i].second; }

  private:
    Selection& selectionOf(int64_t end);
    void dealByEnd(const int64_t* ends, size_t rows, bool all_equal);
    void dealByTime(const int64_t* times, size_t rows, int64_t earliest, int64_t latest,
                    const Windows& windows, const ZoneClock& clock);

    std::vector<std::pair<int64_t, Selection>> dealt_;  // the first size_; the rest keeps its memory
    size_t size_ = 0;
};

}  // namespace millrace
