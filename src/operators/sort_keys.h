// The sort columns of a batch as byte strings whose order is that of the rows: NULLs first or last,
// descending columns turned round. So ordered state compares rows with one memcmp, whatever their types.
//
// A column is a byte that tells NULL from a value, then the value: integers big-endian with the sign bit
// turned, DECIMAL likewise, FLOAT and DOUBLE by their bits (-0 is 0, NaN the largest), strings with each 0
// byte written as 00 FF and closed by 00 00. Descending, the bytes of the value are inverted.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "batch/column.h"
#include "operators/sort.h"

namespace millrace {

class SortKeys {
  public:
    void encode(std::span<const ColumnPtr> columns, std::span<const SortOrder> order, size_t rows);
    std::string_view at(size_t row) const {
        return {bytes_.data() + begin_[row], begin_[row + 1] - begin_[row]};
    }

    // The value that a key of one ascending, 64 bits wide column without NULLs was made of.
    static int64_t int64Of(std::string_view key);

  private:
    std::vector<char> bytes_;
    std::vector<size_t> begin_;
};

}  // namespace millrace
