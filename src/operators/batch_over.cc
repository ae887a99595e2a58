#include "operators/batch_over.h"

#include <algorithm>

#include "operators/scratch_state.h"

namespace millrace {

namespace {

constexpr size_t kBatchOverRows = 4096;  // of partitions that are computed together; one is never divided

std::vector<AggregateTerm> aggregateTermsOf(const std::vector<BatchOverTerm>& terms) {
    std::vector<AggregateTerm> result;
    for (const BatchOverTerm& term : terms) {
        if (term.kind == BatchOverTerm::Kind::Aggregate) result.push_back(term.aggregate);
    }
    return result;
}

// Row `rows` of what this gives is NULL, and rows behind it are those of `otherwise`, if there is one.
ColumnPtr withNullBehind(const ColumnPtr& values, const ColumnPtr& otherwise, const LogicalType& type) {
    std::vector<ColumnPtr> parts = {Column::retyped(values, type), Column::constant(type, Value::null(), 1)};
    if (otherwise) parts.push_back(Column::retyped(otherwise, type));
    return Column::concat(parts);
}

}  // namespace

// A partition's rows lie behind one another in the columns that were read.
struct BatchOver::Partition {
    size_t begin = 0;
    size_t size = 0;
    std::byte* accumulators = nullptr;
    size_t left = 0;     // rows before it have left the frame ...
    size_t entered = 0;  // ... and those from here on have yet to come into it
};

struct BatchOver::Work {
    std::vector<Partition> partitions;
    std::vector<uint8_t> peer;  // 1: equal to the row before in `order`
    std::vector<size_t> from;   // of each row, its frame within the partition: [from, to)
    std::vector<size_t> to;
    Batch batch;  // only with the columns that are read
    ColumnPtr sort_column;
};

struct BatchOver::State final : OperatorState {
    State(OrderedRowsParameters parameters, const Aggregation& aggregation, OperatorContext& context)
        : rows(std::move(parameters), context), scratch(makeScratchState("OverAggregate", context)) {
        KeyedStateDescriptor descriptor;
        descriptor.name = "accumulators";
        descriptor.key = Schema({{"partition", LogicalType::bigint()}});
        descriptor.value = aggregation.valueSchema();
        descriptor.namespaced = true;
        accumulators = &scratch->table(descriptor);
    }

    OrderedRows rows;
    std::unique_ptr<StateBackend> scratch;
    KeyedTable* accumulators;
    std::vector<int64_t> removed;  // of the batch at hand: numbers of rows that go
    std::vector<uint32_t> touched;
};

BatchOver::BatchOver(BatchOverParameters parameters)
    : p_(std::move(parameters)), aggregation_(aggregateTermsOf(p_.terms), false) {
    MILLRACE_CHECK(p_.output.size() == p_.input.size() + p_.terms.size(), "{} fields for {} and {} terms",
                   p_.output.size(), p_.input.size(), p_.terms.size());
}

BatchOver::~BatchOver() = default;

std::vector<KeptState> BatchOver::keeps() const {
    return {{"over", "every row of the input", "dropped when the input ends"}};
}

std::unique_ptr<OperatorState> BatchOver::open(OperatorContext& context) const {
    OrderedRowsParameters rows;
    rows.name = "over";
    rows.columns = p_.input;
    rows.partition = p_.partition;
    rows.order = p_.order;
    rows.hashes_rows = p_.input_retracts;
    return std::make_unique<State>(std::move(rows), aggregation_, context);
}

void BatchOver::process(OperatorState& operator_state, size_t, const Batch& batch, OperatorContext&,
                        Output&) const {
    auto& state = static_cast<State&>(operator_state);
    if (batch.empty()) return;
    state.rows.begin(batch);
    state.removed.clear();
    state.touched.clear();
    if (!p_.input_retracts) {
        for (size_t row = 0; row < batch.rows(); ++row)
            state.rows.keep(
                *state.rows.rows(state.rows.partitionOf(row)).insert(state.rows.pending(row)).first);
        state.rows.store(batch);
        return;
    }
    for (size_t row = 0; row < batch.rows(); ++row) {
        const uint32_t partition = state.rows.partitionOf(row);
        OrderedRows::Rows& rows = state.rows.rows(partition);
        if (!isRetraction(batch.kind(row))) {
            rows.insert(state.rows.pending(row));
            continue;
        }
        const auto found = state.rows.find(partition, batch, row);
        if (found == rows.end()) continue;
        if (found->number < OrderedRows::kPending) state.removed.push_back(found->number);
        rows.erase(found);
        state.touched.push_back(partition);
    }
    for (size_t row = 0; row < batch.rows(); ++row) {
        if (isRetraction(batch.kind(row))) continue;
        const OrderedRows::Rows& rows = state.rows.rows(state.rows.partitionOf(row));
        const auto found = rows.find(state.rows.pending(row));
        if (found != rows.end()) state.rows.keep(*found);
    }
    state.rows.store(batch);
    state.rows.erase(state.removed);
    std::sort(state.touched.begin(), state.touched.end());
    state.touched.erase(std::unique(state.touched.begin(), state.touched.end()), state.touched.end());
    for (const uint32_t partition : state.touched)
        state.rows.dropIfEmpty(partition);
}

void BatchOver::onWatermark(OperatorState& operator_state, EventTime watermark, OperatorContext&,
                            Output& output) const {
    if (watermark != EventTime::max()) return;
    auto& state = static_cast<State&>(operator_state);
    std::vector<uint32_t> together;
    size_t rows = 0;
    for (uint32_t partition = 0; partition < state.rows.partitions(); ++partition) {
        const size_t size = state.rows.rows(partition).size();
        if (size == 0) continue;
        if (!together.empty() && rows + size > kBatchOverRows) {
            emit(state, together, output);
            together.clear();
            rows = 0;
        }
        together.push_back(partition);
        rows += size;
    }
    if (!together.empty()) emit(state, together, output);
    output.emitWatermark(watermark);
}

void BatchOver::emit(State& state, std::span<const uint32_t> partitions, Output& output) const {
    Work work;
    std::vector<int64_t> numbers;
    for (const uint32_t partition : partitions) {
        Partition next;
        next.begin = numbers.size();
        const OrderedRow* before = nullptr;
        for (const OrderedRow& row : state.rows.rows(partition)) {
            numbers.push_back(row.number);
            work.peer.push_back(before != nullptr && before->key == row.key);
            before = &row;
        }
        next.size = numbers.size() - next.begin;
        work.partitions.push_back(next);
    }
    const std::vector<std::byte*>& state_rows = state.rows.stateRows(numbers);
    std::vector<ColumnPtr> columns;
    for (size_t column = 0; column < p_.input.size(); ++column)
        columns.push_back(state.rows.load(column, state_rows));
    work.batch = Batch(numbers.size(), columns);
    if (!p_.order.empty()) work.sort_column = columns[p_.order[0].column];
    frames(work);
    std::vector<ColumnPtr> accumulated;
    if (aggregation_.size() > 0) accumulated = aggregates(state, work);
    size_t next_aggregate = 0;
    for (size_t i = 0; i < p_.terms.size(); ++i) {
        const BatchOverTerm& term = p_.terms[i];
        const LogicalType& type = p_.output[p_.input.size() + i].type;
        switch (term.kind) {
            case BatchOverTerm::Kind::Aggregate:
                columns.push_back(Column::retyped(accumulated[next_aggregate++], type));
                break;
            case BatchOverTerm::Kind::Shift:
                columns.push_back(shifted(work, term, type));
                break;
            case BatchOverTerm::Kind::FirstOfFrame:
            case BatchOverTerm::Kind::LastOfFrame:
                columns.push_back(ofFrame(work, term, type));
                break;
            default:
                columns.push_back(ranks(work, term, type));
        }
    }
    output.emit(Batch(numbers.size(), std::move(columns)));
    state.rows.erase(numbers);
    for (const uint32_t partition : partitions) {
        state.rows.rows(partition).clear();
        state.rows.dropIfEmpty(partition);
    }
}

// The frame of every row.
void BatchOver::frames(Work& work) const {
    work.from.assign(work.peer.size(), 0);
    work.to.resize(work.peer.size());
    for (Partition& partition : work.partitions) {
        const auto size = static_cast<int64_t>(partition.size);
        size_t* const from = work.from.data() + partition.begin;
        size_t* const to = work.to.data() + partition.begin;
        std::fill(to, to + partition.size, partition.size);
        if (p_.rows) {
            for (int64_t i = 0; i < size; ++i) {
                // Offsets may be as large as numbers get.
                const auto place = [&](int64_t offset, int64_t more) {
                    if (offset > size) return partition.size;
                    return static_cast<size_t>(
                        std::clamp<int64_t>(offset < -size - 1 ? 0 : i + offset + more, 0, size));
                };
                if (p_.from) from[i] = place(*p_.from, 0);
                if (p_.to) to[i] = place(*p_.to, 1);
            }
            continue;
        }
        const bool by_distance = (p_.from && *p_.from != 0) || (p_.to && *p_.to != 0);
        if (by_distance) {
            byDistance(work, partition);
            continue;
        }
        const uint8_t* const peer = work.peer.data() + partition.begin;
        if (p_.from) {
            for (size_t i = 0; i < partition.size; ++i)
                from[i] = peer[i] ? from[i - 1] : i;
        }
        if (p_.to) {
            for (size_t i = partition.size; i-- > 0;)
                to[i] = i + 1 < partition.size && peer[i + 1] ? to[i + 1] : i + 1;
        }
    }
}

// RANGE with a distance. A row with NULL for its sort key is near to its like alone.
void BatchOver::byDistance(Work& work, Partition& partition) const {
    const Column& keys = *work.sort_column;
    const size_t begin = partition.begin;
    const auto valueAt = [&](size_t row) -> Int128 {
        const Int128 value = keys.physical() == PhysicalType::Int32
                                 ? Int128{keys.data<int32_t>()[begin + row]}
                                 : Int128{keys.data<int64_t>()[begin + row]};
        return p_.order[0].descending ? -value : value;
    };
    size_t first = 0, end = partition.size;  // rows whose key is not NULL
    while (first < end && keys.isNull(begin + first))
        ++first;
    while (end > first && keys.isNull(begin + end - 1))
        --end;
    size_t* const from = work.from.data() + begin;
    size_t* const to = work.to.data() + begin;
    for (size_t i = 0; i < partition.size; ++i) {
        if (i >= first && i < end) continue;
        if (p_.from) from[i] = i < first ? 0 : end;
        if (p_.to) to[i] = i < first ? first : partition.size;
    }
    size_t low = first, high = first;
    for (size_t i = first; i < end; ++i) {
        if (p_.from) {
            while (low < end && valueAt(low) < valueAt(i) + *p_.from)
                ++low;
            from[i] = low;
        }
        if (p_.to) {
            while (high < end && valueAt(high) <= valueAt(i) + *p_.to)
                ++high;
            to[i] = high;
        }
    }
}

// One row of each partition a step. Both ends of the frame only go on, so that every row comes and goes once.
std::vector<ColumnPtr> BatchOver::aggregates(State& state, Work& work) const {
    KeyedTable& table = *state.accumulators;
    auto column = std::make_shared<Column>(LogicalType::bigint(), work.partitions.size());
    for (size_t i = 0; i < work.partitions.size(); ++i)
        column->mutableData<int64_t>()[i] = static_cast<int64_t>(i);
    const ColumnPtr key = std::move(column);
    std::vector<uint64_t> hashes;
    hashColumns({&key, 1}, work.partitions.size(), hashes);
    std::vector<std::byte*> accumulators;
    table.findOrInsert(0, {&key, 1}, hashes, {}, accumulators);
    size_t longest = 0;
    for (size_t i = 0; i < work.partitions.size(); ++i) {
        work.partitions[i].accumulators = accumulators[i];
        longest = std::max(longest, work.partitions[i].size);
    }

    std::vector<std::vector<ColumnPtr>> pieces(aggregation_.size());
    std::vector<uint32_t> result_of(work.peer.size());
    uint32_t results = 0;
    Aggregation::Scratch scratch;
    Selection selection;
    std::vector<std::byte*> rows;
    std::vector<int8_t> signs;
    for (size_t at = 0; at < longest; ++at) {
        selection.clear();
        rows.clear();
        signs.clear();
        std::vector<std::byte*> complete;
        for (Partition& partition : work.partitions) {
            if (at >= partition.size) continue;
            const size_t row = partition.begin + at;
            if (at > 0 && work.from[row] == work.from[row - 1] && work.to[row] == work.to[row - 1]) {
                result_of[row] = result_of[row - 1];
                continue;
            }
            const auto change = [&](size_t changed, int8_t sign) {
                selection.push_back(static_cast<uint32_t>(partition.begin + changed));
                rows.push_back(partition.accumulators);
                signs.push_back(sign);
            };
            for (; partition.left < std::min(work.from[row], partition.entered); ++partition.left)
                change(partition.left, -1);
            partition.left = std::max(partition.left, work.from[row]);
            partition.entered = std::max(partition.entered, work.from[row]);
            for (; partition.entered < work.to[row]; ++partition.entered)
                change(partition.entered, 1);
            result_of[row] = results++;
            complete.push_back(partition.accumulators);
        }
        if (!selection.empty()) {
            const bool leave = std::find(signs.begin(), signs.end(), int8_t{-1}) != signs.end();
            aggregation_.accumulate(work.batch, selection, rows, leave ? signs.data() : nullptr, table,
                                    scratch);
        }
        if (complete.empty()) continue;
        for (size_t i = 0; i < aggregation_.size(); ++i)
            pieces[i].push_back(aggregation_.result(table, i, complete));
    }
    table.dropNamespace(0);
    std::vector<ColumnPtr> columns;
    for (const std::vector<ColumnPtr>& of_term : pieces)
        columns.push_back(Column::gather(Column::concat(of_term), result_of));
    return columns;
}

ColumnPtr BatchOver::ranks(const Work& work, const BatchOverTerm& term, const LogicalType& type) const {
    using Kind = BatchOverTerm::Kind;
    auto column = std::make_shared<Column>(type, work.peer.size());
    for (const Partition& partition : work.partitions) {
        const uint8_t* const peer = work.peer.data() + partition.begin;
        const size_t size = partition.size;
        if (term.kind == Kind::PercentRank || term.kind == Kind::CumeDist) {
            double* const out = column->mutableData<double>() + partition.begin;
            for (size_t i = 0; i < size;) {
                size_t end = i + 1;
                while (end < size && peer[end])
                    ++end;
                const double rank = term.kind == Kind::CumeDist
                                        ? static_cast<double>(end) / static_cast<double>(size)
                                    : size == 1 ? 0.0
                                                : static_cast<double>(i) / static_cast<double>(size - 1);
                for (; i < end; ++i)
                    out[i] = rank;
            }
            continue;
        }
        if (term.kind == Kind::Ntile) {
            // The first `longer` buckets have a row more than the others.
            const auto count = static_cast<int64_t>(size);
            const int64_t each = count / term.offset, longer = count % term.offset;
            for (int64_t i = 0; i < count; ++i) {
                const int64_t in_longer = longer * (each + 1);
                const int64_t bucket = i < in_longer ? i / (each + 1) : longer + (i - in_longer) / each;
                column->mutableData<int64_t>()[partition.begin + static_cast<size_t>(i)] = bucket + 1;
            }
            continue;
        }
        int64_t* const out = column->mutableData<int64_t>() + partition.begin;
        for (size_t i = 0; i < size; ++i) {
            if (term.kind == Kind::RowNumber || !peer[i]) {
                out[i] = term.kind == Kind::DenseRank && i > 0 ? out[i - 1] + 1 : static_cast<int64_t>(i) + 1;
            } else {
                out[i] = out[i - 1];
            }
        }
    }
    return column;
}

ColumnPtr BatchOver::shifted(const Work& work, const BatchOverTerm& term, const LogicalType& type) const {
    const ColumnPtr& values = work.batch.column(term.arguments[0]);
    const ColumnPtr otherwise = term.arguments.size() > 1 ? work.batch.column(term.arguments[1]) : nullptr;
    const auto none = static_cast<uint32_t>(values->size());
    Selection places(values->size());
    std::vector<size_t> present;  // rows of the partition that are not passed over
    for (const Partition& partition : work.partitions) {
        const auto size = static_cast<int64_t>(partition.size);
        present.clear();
        int64_t before = 0;  // of `present`, how many are at or before the current row
        if (term.ignores_nulls) {
            for (size_t i = 0; i < partition.size; ++i) {
                if (!values->isNull(partition.begin + i)) present.push_back(i);
            }
        }
        for (int64_t i = 0; i < size; ++i) {
            const size_t row = partition.begin + static_cast<size_t>(i);
            const uint32_t missing = otherwise ? none + 1 + static_cast<uint32_t>(row) : none;
            int64_t place = -1;
            if (!term.ignores_nulls) {
                if (term.offset >= -size && term.offset <= size) place = i + term.offset;
            } else {
                const auto count = static_cast<int64_t>(present.size());
                while (before < count && static_cast<int64_t>(present[static_cast<size_t>(before)]) <= i)
                    ++before;
                const bool here = !values->isNull(row);
                // Of `present`, the one that is that far away.
                int64_t wanted = -1;
                if (term.offset == 0) {
                    place = i;
                } else if (term.offset > 0 && term.offset <= size) {
                    wanted = before - 1 + term.offset;
                } else if (term.offset < 0 && term.offset >= -size) {
                    wanted = before - (here ? 1 : 0) + term.offset;
                }
                if (wanted >= 0 && wanted < count)
                    place = static_cast<int64_t>(present[static_cast<size_t>(wanted)]);
            }
            places[row] = place >= 0 && place < size
                              ? static_cast<uint32_t>(partition.begin + static_cast<size_t>(place))
                              : missing;
        }
    }
    return Column::gather(withNullBehind(values, otherwise, type), places);
}

ColumnPtr BatchOver::ofFrame(const Work& work, const BatchOverTerm& term, const LogicalType& type) const {
    const ColumnPtr& values = work.batch.column(term.arguments[0]);
    const auto none = static_cast<uint32_t>(values->size());
    Selection places(values->size(), none);
    for (const Partition& partition : work.partitions) {
        for (size_t row = partition.begin; row < partition.begin + partition.size; ++row) {
            if (work.from[row] >= work.to[row]) continue;
            const size_t place =
                term.kind == BatchOverTerm::Kind::FirstOfFrame ? work.from[row] : work.to[row] - 1;
            places[row] = static_cast<uint32_t>(partition.begin + place);
        }
    }
    return Column::gather(withNullBehind(values, nullptr, type), places);
}

}  // namespace millrace
