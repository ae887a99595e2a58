// What a batch changes in the result of a Top-N, collected by row and put out together.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "operators/rank.h"

namespace millrace {

class RankChanges {
  public:
    // Rows go by their numbers; from this one on, they are the batch's: it and their index.
    static constexpr int64_t kOfBatch = RowNumbers::kEnd;

    void clear();
    void add(int64_t number, RowKind kind, int64_t place = 0);
    // Place by place, from p.first on.
    void addPlaces(const RankParameters& p, std::span<const int64_t> before, std::span<const int64_t> now);

    std::vector<int64_t> ofState() const;  // the numbers of rows in state, in order
    // `found` are the rows of ofState(), nullptr where one has expired; load(column, rows, batch column,
    // selection) is loadOrGather() of the state they are in.
    using Load = std::function<ColumnPtr(size_t, std::span<const std::byte* const>, const ColumnPtr&,
                                         std::span<const uint32_t>)>;
    void emit(const RankParameters& p, const Batch& batch, std::span<const std::byte* const> found,
              const Load& load, Output& output);

  private:
    std::vector<int64_t> numbers_;
    std::vector<RowKind> kinds_;
    std::vector<int64_t> places_;
};

}  // namespace millrace
