// What the joins share: pairs of the rows of a batch with rows of the other side's state, found and tested
// many at a time, and the batches that go out, gathered from both.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "expr/executor.h"
#include "expr/expression.h"
#include "operators/function_context.h"
#include "operators/join_type.h"
#include "operators/row_lists.h"
#include "runtime/operator.h"

namespace millrace {

struct JoinInput {
    Schema schema;
    std::vector<size_t> keys;
    bool retracts = false;
};

struct JoinShape {
    JoinType type = JoinType::Inner;
    JoinInput inputs[2];  // the left and the right one; as many keys, of the same physical types
    // Beyond equal keys, over the left columns and then the right ones; may be nullptr.
    ExpressionPtr condition;
    std::vector<size_t> columns;  // of the left and then the right ones: the output
    Schema output;

    void check() const;  // throws InternalError
    // Whether a side's rows count whom they meet: those of a side that is kept whole, and the left ones of a
    // semi or anti join.
    bool counts(size_t side) const {
        return side == 0 ? keepsLeft(type) || onlyLeft(type) : keepsRight(type);
    }
};

// Of one subtask.
class JoinRows {
  public:
    static constexpr uint32_t kNoRow = UINT32_MAX;
    static constexpr size_t kRowsMax = 4096;  // of the pairs at hand, and of a batch that goes out

    JoinRows(const JoinShape& shape, OperatorContext& context);

    // From here on `batch` is of `side`, and met by what `others` holds of the other one.
    void begin(size_t side, const Batch& batch, RowLists& others, OperatorContext& context, Output& output);
    // Calls `take` with the pairs that meet the condition: rows of the batch, ascending, and rows of the
    // other side. None of the selected rows' keys is NULL.
    using Take = std::function<void(std::span<const uint32_t>, std::span<std::byte* const>)>;
    void meet(const KeyedBatch& keyed, std::span<const uint32_t> selection, const Take& take);

    // Puts a row out: of the batch (or kNoRow for NULLs) and of the other side (or nullptr).
    void put(uint32_t row, std::byte* other, RowKind kind) {
        out_rows_.push_back(row);
        out_others_.push_back(other);
        out_kinds_.push_back(kind);
        if (out_rows_.size() == kRowsMax) flush();
    }
    void flush();

    // Divides a selection by whether a key is NULL.
    static void divide(const KeyedBatch& keyed, const Selection& rows, Selection& with_key,
                       Selection& without_key);

  private:
    void meetChained(const KeyedBatch& keyed, std::span<const uint32_t> selection, const Take& take);
    void meetPairs(const KeyedBatch& keyed, const Take& take);

    const JoinShape& shape_;
    FunctionContextKeeper functions_;
    std::vector<size_t> condition_columns_;
    std::optional<ExpressionExecutor> condition_;

    size_t side_ = 0;
    const Batch* batch_ = nullptr;
    RowLists* others_ = nullptr;
    OperatorContext* context_ = nullptr;
    Output* output_ = nullptr;

    std::vector<std::byte*> heads_, chained_;
    // Pairs. Those of `wanted_` have to be found first, by their numbers.
    std::vector<uint32_t> pair_rows_;
    std::vector<std::byte*> pair_others_;
    std::vector<uint32_t> wanted_, wanted_rows_;
    std::vector<int64_t> wanted_numbers_;
    std::vector<std::byte*> found_;
    Selection passed_;
    // What goes out.
    std::vector<uint32_t> out_rows_;
    std::vector<std::byte*> out_others_;
    std::vector<RowKind> out_kinds_;
};

}  // namespace millrace
