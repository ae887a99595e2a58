#include "operators/temporal_join.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <tuple>

#include "expr/executor.h"
#include "operators/function_context.h"
#include "operators/ordered_rows.h"
#include "operators/partition_timers.h"
#include "operators/row_values.h"
#include "operators/time_units.h"

namespace millrace {

namespace {

constexpr size_t kSentRows = 4096;  // joined at a time
constexpr int64_t kNoRow = -1;

// Whose a row is, by its sort key, a time and behind it a BOOLEAN that is TRUE of left rows.
bool isLeft(const OrderedRow& row) { return row.key.byte(1 + sizeof(int64_t) + 1) != 0; }

// Left rows from `first` on, of one partition, with what they meet: their numbers ascend as they arrived.
void inOrderOfArrival(std::vector<int64_t>& lefts, std::vector<int64_t>& versions, size_t first) {
    std::vector<std::pair<int64_t, int64_t>> pairs;
    for (size_t i = first; i < lefts.size(); ++i)
        pairs.emplace_back(lefts[i], versions[i]);
    std::sort(pairs.begin(), pairs.end());
    for (size_t i = 0; i < pairs.size(); ++i)
        std::tie(lefts[first + i], versions[first + i]) = pairs[i];
}

}  // namespace

struct TemporalJoin::State final : OperatorState {
    State(OrderedRowsParameters parameters, OperatorContext& context)
        : rows(std::move(parameters), context), functions(context) {}

    OrderedRows rows;
    FunctionContextKeeper functions;
    std::optional<ExpressionExecutor> condition;
    // The times of rows that the watermark has not been told to have passed, with their partitions.
    PartitionTimers timers;
};

// Left rows to be sent with the versions they meet, and what the state is done with.
struct TemporalJoin::Due {
    std::vector<int64_t> lefts;
    std::vector<int64_t> versions;  // kNoRow: none
    std::vector<int64_t> done;
    std::vector<uint32_t> partitions;
    std::vector<int64_t> latest;  // of each partition: the version that stays, or kNoRow
};

TemporalJoin::TemporalJoin(TemporalJoinParameters parameters) : p_(std::move(parameters)) {
    MILLRACE_CHECK(p_.type == JoinType::Inner || p_.type == JoinType::Left,
                   "a temporal join of another type");
    MILLRACE_CHECK(!p_.keys[0].empty() && p_.keys[0].size() == p_.keys[1].size(), "{} and {} keys",
                   p_.keys[0].size(), p_.keys[1].size());
    std::vector<Field> fields;
    for (size_t i = 0; i < p_.keys[0].size(); ++i)
        fields.push_back({fmt::format("key_{}", i), p_.inputs[0][p_.keys[0][i]].type.withNullable(true)});
    for (size_t side = 0; side < 2; ++side) {
        first_[side] = fields.size();
        for (const Field& field : p_.inputs[side]) {
            fields.push_back({(side == 0 ? "left_" : "right_") + field.name, field.type.withNullable(true)});
        }
    }
    time_ = fields.size();
    fields.push_back({"time", LogicalType::timestamp(3)});
    fields.push_back({"is_left", LogicalType::boolean()});
    fields.push_back({"is_gone", LogicalType::boolean()});
    if (p_.left_changes) fields.push_back({"kind", LogicalType::of(TypeKind::TinyInt)});
    rows_ = Schema(std::move(fields));
    if (p_.condition) {
        std::vector<bool> used(p_.inputs[0].size() + p_.inputs[1].size(), false);
        p_.condition->collectColumns(used);
        for (size_t i = 0; i < used.size(); ++i) {
            if (used[i]) condition_columns_.push_back(i);
        }
    }
}

TemporalJoin::~TemporalJoin() = default;

std::vector<KeptState> TemporalJoin::keeps() const {
    return {
        {"temporal-join",
         fmt::format("left rows later than the watermark; of the right table, the rows later than it and one "
                     "row for each distinct ({})",
                     [&] {
                         std::string names;
                         for (const size_t key : p_.keys[1])
                             names += (names.empty() ? "" : ", ") + p_.inputs[1][key].name;
                         return names;
                     }()),
         untilTakenBack(p_.ttl, TtlFrom::Option)}};
}

std::unique_ptr<OperatorState> TemporalJoin::open(OperatorContext& context) const {
    OrderedRowsParameters parameters;
    parameters.name = "temporal-join";
    parameters.columns = rows_;
    parameters.partition.resize(p_.keys[0].size());
    std::iota(parameters.partition.begin(), parameters.partition.end(), size_t{0});
    parameters.order = {{time_, false, true}, {time_ + 1, false, true}};
    parameters.ttl = p_.ttl;
    auto state = std::make_unique<State>(std::move(parameters), context);
    if (p_.condition) {
        std::vector<ExpressionPtr> places(p_.inputs[0].size() + p_.inputs[1].size());
        for (size_t i = 0; i < condition_columns_.size(); ++i) {
            const size_t column = condition_columns_[i];
            const size_t left = p_.inputs[0].size();
            const Field& field = column < left ? p_.inputs[0][column] : p_.inputs[1][column - left];
            places[column] = Expression::column(i, field.type, field.name);
        }
        state->condition.emplace(std::vector{Expression::rewriteColumns(p_.condition, places)});
    }
    for (uint32_t partition = 0; partition < state->rows.partitions(); ++partition) {
        for (const OrderedRow& row : state->rows.rows(partition))
            state->timers.insert({row.key.int64(), partition});
    }
    return state;
}

// The batch's rows as the state keeps them, without those that meet nothing.
Batch TemporalJoin::forState(size_t side, const Batch& batch) const {
    const Column& time = *batch.column(p_.time_columns[side]);
    if (time.hasNulls()) {
        throw UserError("data.null-rowtime",
                        fmt::format("a row has NULL in '{}', by which it is joined with a version of a table",
                                    p_.inputs[side][p_.time_columns[side]].name),
                        "filter such rows out before the join");
    }
    Selection kept;
    for (size_t row = 0; row < batch.rows(); ++row) {
        bool meets = true;
        for (const size_t key : p_.keys[side])
            meets = meets && !batch.column(key)->isNull(row);
        const bool keeps = side == 0 ? meets || p_.type == JoinType::Left
                                     : meets && batch.kind(row) != RowKind::UpdateBefore;
        if (keeps) kept.push_back(static_cast<uint32_t>(row));
    }
    const Batch chosen = kept.size() == batch.rows() ? batch : batch.gather(kept);
    const size_t rows = chosen.rows();
    std::vector<ColumnPtr> columns(rows_.size());
    const auto set = [&](size_t at, const ColumnPtr& column) {
        columns[at] = Column::retyped(column, rows_[at].type);
    };
    for (size_t i = 0; i < p_.keys[side].size(); ++i)
        set(i, chosen.column(p_.keys[side][i]));
    for (size_t of = 0; of < 2; ++of) {
        for (size_t i = 0; i < p_.inputs[of].size(); ++i) {
            const size_t at = first_[of] + i;
            if (of == side) {
                set(at, chosen.column(i));
            } else {
                columns[at] = Column::constant(rows_[at].type, Value::null(), rows);
            }
        }
    }
    set(time_, chosen.column(p_.time_columns[side]));
    columns[time_ + 1] = Column::constant(rows_[time_ + 1].type, Value::boolean(side == 0), rows);
    auto gone = std::make_shared<Column>(rows_[time_ + 2].type, rows);
    for (size_t row = 0; row < rows; ++row)
        gone->mutableData<uint8_t>()[row] = side == 1 && chosen.kind(row) == RowKind::Delete ? 1 : 0;
    columns[time_ + 2] = std::move(gone);
    if (p_.left_changes) {
        auto kinds = std::make_shared<Column>(rows_[time_ + 3].type, rows);
        for (size_t row = 0; row < rows; ++row)
            kinds->mutableData<int32_t>()[row] = static_cast<int32_t>(chosen.kind(row));
        columns[time_ + 3] = std::move(kinds);
    }
    return Batch(rows, std::move(columns));
}

void TemporalJoin::process(OperatorState& operator_state, size_t side, const Batch& batch, OperatorContext&,
                           Output&) const {
    auto& state = static_cast<State&>(operator_state);
    if (batch.empty()) return;
    const Batch rows = forState(side, batch);
    if (rows.empty()) return;
    state.rows.begin(rows);
    const int64_t* times = rows.column(time_)->data<int64_t>();
    for (size_t row = 0; row < rows.rows(); ++row) {
        const uint32_t partition = state.rows.partitionOf(row);
        state.rows.keep(*state.rows.rows(partition).insert(state.rows.pending(row)).first);
        state.timers.insert({times[row], partition});
    }
    state.rows.store(rows);
}

void TemporalJoin::onWatermark(OperatorState& operator_state, EventTime watermark, OperatorContext& context,
                               Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    const int64_t passed = lastMicro(watermark.value());
    Due due;
    for (const uint32_t partition : takePassed(state.timers, passed)) {
        collect(state, partition, passed, due);
        if (due.lefts.size() >= kSentRows) send(state, due, context, output);
    }
    send(state, due, context, output);
    output.emitWatermark(watermark);
}

// Of one partition: what the watermark has passed leaves the order, but for the latest version.
void TemporalJoin::collect(State& state, uint32_t partition, int64_t passed, Due& due) const {
    OrderedRows::Rows& rows = state.rows.rows(partition);
    const size_t first = due.lefts.size();
    int64_t version = kNoRow;
    auto row = rows.begin();
    while (row != rows.end() && row->key.int64() <= passed) {
        if (isLeft(*row)) {
            due.lefts.push_back(row->number);
            due.versions.push_back(version);
            due.done.push_back(row->number);
            row = rows.erase(row);
            continue;
        }
        if (version != kNoRow) due.done.push_back(version);
        version = row->number;
        ++row;
    }
    // Versions before the last one that was passed: they stand before `row`, all of them but the last.
    if (row != rows.begin()) rows.erase(rows.begin(), std::prev(row));
    due.partitions.push_back(partition);
    due.latest.push_back(version);
    if (p_.left_changes) inOrderOfArrival(due.lefts, due.versions, first);
}

// A version that only says that there is none need not stay.
void TemporalJoin::forgetDeleted(State& state, const Due& due) const {
    std::vector<int64_t> numbers;
    std::vector<uint32_t> of;
    for (size_t i = 0; i < due.latest.size(); ++i) {
        if (due.latest[i] == kNoRow) continue;
        numbers.push_back(due.latest[i]);
        of.push_back(due.partitions[i]);
    }
    const std::vector<std::byte*> found = state.rows.stateRows(numbers);
    std::vector<std::byte*> there;
    std::vector<size_t> index;
    for (size_t i = 0; i < found.size(); ++i) {
        if (found[i] == nullptr) continue;
        there.push_back(found[i]);
        index.push_back(i);
    }
    const ColumnPtr gone = state.rows.load(time_ + 2, there);
    std::vector<int64_t> deleted;
    for (size_t i = 0; i < there.size(); ++i) {
        if (gone->data<uint8_t>()[i] == 0) continue;
        deleted.push_back(numbers[index[i]]);
        OrderedRows::Rows& rows = state.rows.rows(of[index[i]]);
        rows.erase(rows.begin());
    }
    state.rows.erase(deleted);
}

void TemporalJoin::send(State& state, Due& due, OperatorContext& context, Output& output) const {
    const size_t all = due.lefts.size();
    for (size_t begin = 0; begin < all; begin += kSentRows) {
        const size_t end = std::min(all, begin + kSentRows);
        std::vector<std::byte*> lefts = state.rows.stateRows({due.lefts.data() + begin, end - begin});
        // Whoever meets nothing stands for its own version: a left row's right columns are NULL.
        std::vector<int64_t> numbers(due.versions.begin() + static_cast<std::ptrdiff_t>(begin),
                                     due.versions.begin() + static_cast<std::ptrdiff_t>(end));
        for (size_t i = 0; i < numbers.size(); ++i) {
            if (numbers[i] == kNoRow) numbers[i] = due.lefts[begin + i];
        }
        std::vector<std::byte*> versions = state.rows.stateRows(numbers);
        std::vector<uint8_t> joined(lefts.size(), 0);
        size_t rows = 0;
        for (size_t i = 0; i < lefts.size(); ++i) {  // without what has expired
            if (lefts[i] == nullptr) continue;
            lefts[rows] = lefts[i];
            joined[rows] = versions[i] != nullptr && due.versions[begin + i] != kNoRow;
            versions[rows] = versions[i] != nullptr ? versions[i] : lefts[i];
            ++rows;
        }
        lefts.resize(rows);
        versions.resize(rows);
        if (rows == 0) continue;

        const ColumnPtr gone = state.rows.load(time_ + 2, versions);
        for (size_t i = 0; i < rows; ++i) {
            if (gone->data<uint8_t>()[i] != 0) joined[i] = 0;
        }
        const auto load = [&](size_t column) {
            const size_t left = p_.inputs[0].size();
            return column < left ? state.rows.load(first_[0] + column, lefts)
                                 : state.rows.load(first_[1] + column - left, versions);
        };
        if (state.condition) {
            std::vector<ColumnPtr> columns;
            for (const size_t column : condition_columns_) {
                const size_t left = p_.inputs[0].size();
                const Field& field = column < left ? p_.inputs[0][column] : p_.inputs[1][column - left];
                columns.push_back(Column::retyped(load(column), field.type.withNullable(true)));
            }
            Selection passing;
            state.condition->select(state.functions.refresh(context), Batch(rows, std::move(columns)),
                                    passing);
            std::vector<uint8_t> passes(rows, 0);
            for (const uint32_t row : passing)
                passes[row] = 1;
            for (size_t i = 0; i < rows; ++i)
                joined[i] &= passes[i];
        }
        Selection out;
        for (size_t i = 0; i < rows; ++i) {
            if (joined[i] != 0) {
                out.push_back(static_cast<uint32_t>(i));
            } else if (p_.type == JoinType::Left) {
                versions[i] = lefts[i];
                out.push_back(static_cast<uint32_t>(i));
            }
        }
        if (out.empty()) continue;
        std::vector<RowKind> kinds;
        if (p_.left_changes) {
            const ColumnPtr kept = state.rows.load(time_ + 3, lefts);
            for (const uint32_t row : out)
                kinds.push_back(static_cast<RowKind>(kept->data<int32_t>()[row]));
        }
        std::vector<ColumnPtr> columns;
        for (size_t i = 0; i < p_.columns.size(); ++i) {
            ColumnPtr column = load(p_.columns[i]);
            if (out.size() < rows) column = Column::gather(column, out);
            columns.push_back(Column::retyped(column, p_.output[i].type));
        }
        Batch joined_rows(out.size(), std::move(columns));
        if (p_.left_changes) joined_rows.setKinds(std::move(kinds));
        output.emit(std::move(joined_rows));
    }
    state.rows.erase(due.done);
    if (p_.right_deletes) forgetDeleted(state, due);
    for (const uint32_t partition : due.partitions)
        state.rows.dropIfEmpty(partition);
    due = {};
}

}  // namespace millrace
