#include "operators/sort.h"

#include <algorithm>
#include <compare>
#include <map>

#include "operators/limits.h"

namespace millrace {

namespace {

using Row = std::vector<Value>;

struct RowLess {
    const std::vector<SortOrder>* order;
    bool operator()(const Row& left, const Row& right) const {
        for (const SortOrder& by : *order) {
            const Value& a = left[by.column];
            const Value& b = right[by.column];
            if (a.isNull() || b.isNull()) {
                if (a.isNull() && b.isNull()) continue;
                return a.isNull() == by.nulls_first;
            }
            const std::weak_ordering ordering = a <=> b;
            if (std::is_neq(ordering)) return by.descending ? std::is_gt(ordering) : std::is_lt(ordering);
        }
        return left < right;
    }
};

std::vector<LogicalType> typesOf(const Schema& schema) {
    std::vector<LogicalType> types;
    for (const Field& field : schema)
        types.push_back(field.type.withNullable(true));
    return types;
}

}  // namespace

struct Sort::State final : OperatorState {
    State(const std::vector<SortOrder>& order, const Schema& schema)
        : rows(RowLess{&order}), layout(typesOf(schema)) {}
    std::map<Row, int64_t, RowLess> rows;  // how often each is there
    int64_t count = 0;
    RowLayout layout;
    std::vector<std::string>* list = nullptr;

    void add(Row row, int64_t change) {
        const auto [at, inserted] = rows.try_emplace(std::move(row), 0);
        at->second += change;
        count += change;
        if (at->second == 0) rows.erase(at);
    }
};

Sort::Sort(Schema schema, std::vector<SortOrder> order, int64_t offset, std::optional<int64_t> fetch,
           bool input_retracts)
    : schema_(std::move(schema)),
      order_(std::move(order)),
      offset_(offset),
      fetch_(fetch),
      input_retracts_(input_retracts) {}

std::string Sort::name() const {
    std::string by;
    for (const SortOrder& order : order_) {
        if (!by.empty()) by += ", ";
        by += schema_[order.column].name + (order.descending ? " DESC" : " ASC");
        if (order.nulls_first == order.descending) by += order.nulls_first ? " NULLS FIRST" : " NULLS LAST";
    }
    std::string name = (fetch_ || offset_ > 0 ? "SortLimit(orderBy=[" : "Sort(orderBy=[") + by + "]";
    if (offset_ > 0) name += fmt::format(", offset=[{}]", offset_);
    if (fetch_) name += fmt::format(", fetch=[{}]", *fetch_);
    return name + ")";
}

std::vector<KeptState> Sort::keeps() const {
    const bool few = !input_retracts_ && fetch_;
    return {{"rows", few ? fmt::format("the first {} rows", offset_ + *fetch_) : "every row of the input",
             "dropped when the input ends"}};
}

std::unique_ptr<OperatorState> Sort::open(OperatorContext& context) const {
    auto state = std::make_unique<State>(order_, schema_);
    // Dealt to all, kept by the one that gets the rows.
    state->list = &context.state().list("rows", Redistribution::Union);
    if (context.subtask() == SlotIndex(0)) {
        RowHeap heap;
        std::vector<std::byte> bytes(state->layout.rowBytes());
        for (const std::string& item : *state->list) {
            std::string_view in = item;
            decodeRow(state->layout, in, bytes.data(), heap);
            Row row;
            for (size_t i = 0; i < schema_.size(); ++i)
                row.push_back(loadValue(state->layout, i, bytes.data()));
            releaseRow(state->layout, bytes.data(), heap);
            state->add(std::move(row), 1);
        }
    }
    state->list->clear();
    return state;
}

void Sort::process(OperatorState& operator_state, size_t, const Batch& batch, OperatorContext&,
                   Output&) const {
    auto& state = static_cast<State&>(operator_state);
    const int64_t keep = !input_retracts_ && fetch_ ? offset_ + *fetch_ : -1;
    for (size_t i = 0; i < batch.rows(); ++i) {
        Row row;
        row.reserve(schema_.size());
        for (const ColumnPtr& column : batch.columns())
            row.push_back(column->valueAt(i));
        state.add(std::move(row), isRetraction(batch.kind(i)) ? -1 : 1);
        if (keep >= 0 && state.count > keep) state.add(std::prev(state.rows.end())->first, -1);
    }
}

void Sort::beforeBarrier(OperatorState& operator_state, OperatorContext&, Output&) const {
    auto& state = static_cast<State&>(operator_state);
    state.list->clear();
    RowHeap heap;
    std::vector<std::byte> bytes(state.layout.rowBytes());
    for (const auto& [row, count] : state.rows) {
        for (size_t i = 0; i < row.size(); ++i)
            storeValue(state.layout, i, row[i], bytes.data(), heap);
        std::string item;
        encodeRow(state.layout, bytes.data(), item);
        releaseRow(state.layout, bytes.data(), heap);
        for (int64_t n = 0; n < count; ++n)
            state.list->push_back(item);
    }
}

void Sort::onEndOfInput(OperatorState& operator_state, OperatorContext&, Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    int64_t skip = offset_;
    int64_t left = fetch_.value_or(state.count);
    BatchBuilder builder(schema_);
    for (const auto& [row, count] : state.rows) {
        const int64_t skipped = std::clamp<int64_t>(skip, 0, std::max<int64_t>(count, 0));
        skip -= skipped;
        for (int64_t n = skipped; n < count && left > 0; ++n, --left) {
            builder.appendRow(row);
            if (builder.rows() == kEmitRows) output.emit(builder.finish());
        }
    }
    if (builder.rows() > 0) output.emit(builder.finish());
    state.rows.clear();
    state.count = 0;
}

}  // namespace millrace
