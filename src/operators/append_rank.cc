#include "operators/append_rank.h"

#include <algorithm>
#include <numeric>

#include "operators/partition_index.h"
#include "operators/rank_changes.h"
#include "operators/row_values.h"
#include "operators/top_rows.h"
#include "state/keyed_records.h"
#include "state/row_numbers.h"

namespace millrace {

namespace {

constexpr int64_t kOfBatch = RankChanges::kOfBatch;
constexpr uint32_t kNoEvicted = UINT32_MAX;
constexpr int64_t kNewRow = 0;  // its id, until it has an address
constexpr size_t kRestoredAtOnce = 4096;
constexpr size_t kLookedAt = 256;  // rows a batch, of partitions that it does not touch

Schema keptFields(const RankParameters& p) {
    std::vector<Field> fields = p.input.fields();
    fields.push_back({"arrival", LogicalType::bigint()});
    return nullableSchema(Schema(std::move(fields)));
}

KeyedStateDescriptor appendRankState(const RankParameters& p) {
    KeyedStateDescriptor descriptor;
    descriptor.name = "rank";
    RowNumbers::describe(descriptor);
    descriptor.value = keptFields(p);
    descriptor.ttl = p.ttl;
    return descriptor;
}

std::vector<LogicalType> sortTypes(const RankParameters& p) {
    std::vector<LogicalType> types;
    for (const SortOrder& by : p.order)
        types.push_back(p.input[by.column].type);
    return types;
}

}  // namespace

// A partition that the batch at hand changes.
struct AppendRank::Touched {
    uint32_t partition;
    uint32_t before_begin;  // in `before`
    uint32_t before_end;
    uint32_t evicted = kNoEvicted;  // the last one, in `evicted`
};

struct AppendRank::State final : OperatorState {
    State(const RankParameters& p, OperatorContext& context)
        : table(p.ttl.ms > 0 ? &context.state().table(appendRankState(p)) : nullptr),
          records(p.ttl.ms > 0 ? nullptr : &context.state().records({"rank", keptFields(p)})),
          index("rank", p.input, p.partition, context),
          top(static_cast<size_t>(p.last), sortTypes(p)),
          numbers(context.maxParallelism()) {
        top.growTo(index.size());
    }

    // What rows of state go by, in the order of partitions and in changes: their addresses in `records`, or
    // the numbers by which they are found in `table`.
    static int64_t idOf(const std::byte* row) {
        return static_cast<int64_t>(reinterpret_cast<uintptr_t>(row));
    }
    static std::byte* rowOf(int64_t id) { return reinterpret_cast<std::byte*>(static_cast<uintptr_t>(id)); }
    std::vector<ColumnPtr> load(std::span<const size_t> fields, std::span<std::byte* const> rows) {
        if (records != nullptr) return records->load(fields, rows);
        std::vector<ColumnPtr> columns;
        for (const size_t field : fields)
            columns.push_back(loadColumn(table->layout(), table->firstValueField() + field, rows));
        return columns;
    }

    // One of them: a table where rows expire.
    KeyedTable* const table;
    KeyedRecords* const records;
    PartitionIndex index;
    TopRows top;  // a partition's mark: 1 + its place in `touched`, or 0
    RowNumbers numbers;
    int64_t next_arrival = 0;
    uint32_t swept = 0;  // with a TTL: the partition whose rows are looked at next

    // Of the batch at hand.
    SortKeys keys;
    std::vector<ColumnPtr> sort_columns;
    std::vector<uint32_t> partition_of;
    std::vector<Touched> touched;
    std::vector<int64_t> before;  // ids of rows of the result
    struct Evicted {
        int64_t id;
        uint32_t next;  // of the same partition
    };
    std::vector<Evicted> evicted;
    RankChanges changes;
    // Rows that are written.
    std::vector<int64_t*> kept;
    std::vector<int64_t> kept_ids;
    Selection kept_rows;
    std::vector<KeyGroup> kept_groups;
    std::vector<std::byte*> state_rows;

    void locate(std::span<const ColumnPtr> columns, std::span<const SortOrder> order, size_t rows) {
        sort_columns.clear();
        for (const SortOrder& by : order)
            sort_columns.push_back(columns[by.column]);
        keys.encode(sort_columns, order, rows);
        index.locate(columns, rows, partition_of);
        top.growTo(index.size());
    }
};

AppendRank::AppendRank(RankParameters parameters)
    : p_(std::move(parameters)), by_place_(p_.outputs_number || p_.first == p_.last) {
    p_.first = std::max<int64_t>(p_.first, 1);
    MILLRACE_CHECK(!p_.input_retracts && p_.last >= p_.first && p_.last <= kRowsMax, "rows {} to {}",
                   p_.first, p_.last);
    MILLRACE_CHECK(p_.output.size() == p_.input.size() + (p_.outputs_number ? 1 : 0), "{} fields of {}",
                   p_.output.size(), p_.input.size());
}

AppendRank::~AppendRank() = default;

std::vector<KeptState> AppendRank::keeps() const {
    return {{"rank", fmt::format("at most {} rows{}", p_.last, ofEach(p_.input, p_.partition)),
             untilExpired(p_.ttl, TtlFrom::Option)}};
}

std::unique_ptr<OperatorState> AppendRank::open(OperatorContext& context) const {
    auto state = std::make_unique<State>(p_, context);
    restore(*state);
    return state;
}

void AppendRank::restore(State& state) const {
    struct Kept {
        int64_t arrival;
        int64_t number;
        std::byte* row;
    };
    const size_t arrival_field = p_.input.size();
    const std::vector<std::byte*> rows = state.records ? state.records->all() : state.table->allRows(0);
    std::vector<Kept> all;
    all.reserve(rows.size());
    for (size_t begin = 0; begin < rows.size(); begin += kRestoredAtOnce) {
        const auto some = std::span(rows).subspan(begin, std::min(kRestoredAtOnce, rows.size() - begin));
        const ColumnPtr arrivals = state.load({&arrival_field, 1}, some)[0];
        ColumnPtr numbers;
        if (state.table != nullptr)
            numbers = loadColumn(state.table->layout(), RowNumbers::kNumberField, some);
        for (size_t i = 0; i < some.size(); ++i) {
            const int64_t number = numbers ? numbers->data<int64_t>()[i] : KeyedRecords::numberOf(some[i]);
            all.push_back({arrivals->data<int64_t>()[i], number, some[i]});
        }
    }
    std::sort(all.begin(), all.end(), [](const Kept& left, const Kept& right) {
        // Subtasks count for themselves, but a partition's rows are all of one.
        return left.arrival != right.arrival ? left.arrival < right.arrival : left.number < right.number;
    });
    if (!all.empty()) state.next_arrival = all.back().arrival + 1;

    std::vector<size_t> fields = p_.partition;
    for (const SortOrder& by : p_.order)
        fields.push_back(by.column);
    std::sort(fields.begin(), fields.end());
    fields.erase(std::unique(fields.begin(), fields.end()), fields.end());
    std::vector<std::byte*> some;
    for (size_t begin = 0; begin < all.size(); begin += kRestoredAtOnce) {
        const auto kept = std::span(all).subspan(begin, std::min(kRestoredAtOnce, all.size() - begin));
        some.clear();
        for (const Kept& one : kept)
            some.push_back(one.row);
        std::vector<ColumnPtr> columns(p_.input.size());
        std::vector<ColumnPtr> loaded = state.load(fields, some);
        for (size_t i = 0; i < fields.size(); ++i)
            columns[fields[i]] = std::move(loaded[i]);
        state.locate(columns, p_.order, some.size());
        for (size_t i = 0; i < some.size(); ++i) {
            if (state.table != nullptr) state.numbers.restored(kept[i].number);
            const TopRows::Key key{state.keys, i};
            if (state.top.hasPlace(state.partition_of[i], key)) {
                state.top.insert(state.partition_of[i], key,
                                 state.table != nullptr ? kept[i].number : State::idOf(some[i]));
            }
        }
    }
}

size_t AppendRank::window(size_t rows) const {
    const auto before = static_cast<size_t>(p_.first - 1);
    return rows > before ? rows - before : 0;
}

void AppendRank::insert(State& state, size_t row) const {
    const uint32_t partition = state.partition_of[row];
    const TopRows::Key key{state.keys, row};
    if (!state.top.hasPlace(partition, key)) return;
    uint32_t& place = state.top.mark(partition);
    if (place == 0) {
        const std::span<const int64_t> rows = state.top.numbers(partition);
        const std::span<const int64_t> result = rows.last(window(rows.size()));
        const auto begin = static_cast<uint32_t>(state.before.size());
        state.before.insert(state.before.end(), result.begin(), result.end());
        state.touched.push_back({partition, begin, static_cast<uint32_t>(state.before.size())});
        place = static_cast<uint32_t>(state.touched.size());
    }
    if (state.top.full(partition)) {
        if (const int64_t leaves = state.top.numbers(partition).back(); leaves < kOfBatch) {
            Touched& touched = state.touched[place - 1];
            state.evicted.push_back({leaves, touched.evicted});
            touched.evicted = static_cast<uint32_t>(state.evicted.size() - 1);
        }
    }
    state.top.insert(partition, key, kOfBatch + static_cast<int64_t>(row));
}

void AppendRank::insertAll(State& state, size_t rows) const {
    constexpr size_t kAhead = 8;
    for (size_t row = 0; row < rows; ++row) {
        if (row + 2 * kAhead < rows) state.top.prefetchPartition(state.partition_of[row + 2 * kAhead]);
        if (row + kAhead < rows) state.top.prefetchRows(state.partition_of[row + kAhead]);
        insert(state, row);
    }
}

void AppendRank::compare(State& state, const Touched& touched) const {
    const std::span<const int64_t> before(state.before.data() + touched.before_begin,
                                          touched.before_end - touched.before_begin);
    const std::span<const int64_t> rows = state.top.numbers(touched.partition);
    const std::span<const int64_t> now = rows.last(window(rows.size()));
    if (!by_place_) return compareSets(state, before, now);
    state.changes.addPlaces(p_, before, now);
}

// Rows that were there keep their order and only ever move down: so those that stay in the result are a first
// part of the ones before, and follow upon those that move in from above it.
void AppendRank::compareSets(State& state, std::span<const int64_t> before,
                             std::span<const int64_t> now) const {
    size_t moved_in = 0;  // of `now`, up to the first row that stays
    if (!before.empty()) {
        moved_in = static_cast<size_t>(std::find(now.begin(), now.end(), before[0]) - now.begin());
    }
    size_t stays = 0;
    for (size_t i = moved_in; i < now.size(); ++i)
        stays += stays < before.size() && now[i] == before[stays];
    for (const int64_t number : before.subspan(stays))
        state.changes.add(number, RowKind::Delete);
    size_t next = 0;
    for (size_t i = 0; i < now.size(); ++i) {
        if (i >= moved_in && next < stays && now[i] == before[next]) {
            ++next;
        } else {
            state.changes.add(now[i], RowKind::Insert);
        }
    }
}

void AppendRank::process(OperatorState& operator_state, size_t, const Batch& batch, OperatorContext&,
                         Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (batch.empty()) return;
    state.locate(batch.columns(), p_.order, batch.rows());
    if (p_.ttl.ms > 0) dropExpired(state);
    state.touched.clear();
    state.before.clear();
    state.evicted.clear();
    insertAll(state, batch.rows());
    state.changes.clear();
    for (const Touched& touched : state.touched)
        compare(state, touched);
    emitChanges(state, batch, output);
    store(state, batch);
}

void AppendRank::emitChanges(State& state, const Batch& batch, Output& output) const {
    const std::vector<int64_t> ids = state.changes.ofState();
    std::vector<const std::byte*> found;
    if (state.table != nullptr) {
        if (!ids.empty()) {
            const RowNumbers::Keys keys = state.numbers.keysOf(ids);
            state.table->findToRead(0, keys.columns, keys.hashes, {}, found);
        }
        const auto load = [&](size_t column, auto... rows) {
            return loadOrGather(state.table->layout(), state.table->firstValueField() + column, rows...,
                                state.table->heap());
        };
        return state.changes.emit(p_, batch, found, load, output);
    }
    std::vector<std::byte*> rows;
    for (const int64_t id : ids) {
        rows.push_back(State::rowOf(id));
        found.push_back(rows.back());
    }
    std::vector<size_t> fields(p_.input.size());
    std::iota(fields.begin(), fields.end(), size_t{0});
    std::vector<ColumnPtr> of_state;
    Selection picked;  // of those rows, and of the batch's behind them
    const auto load = [&](size_t column, std::span<const std::byte* const> state_rows,
                          const ColumnPtr& of_batch, std::span<const uint32_t> batch_rows) {
        if (of_state.empty()) {
            of_state = state.records->load(fields, rows);
            uint32_t next = 0;
            for (size_t i = 0; i < state_rows.size(); ++i) {
                const auto behind = static_cast<uint32_t>(rows.size()) + batch_rows[i];
                picked.push_back(state_rows[i] != nullptr ? next++ : behind);
            }
        }
        return gatherOfTwo(Column::retyped(of_state[column], of_batch->type()), of_batch, picked);
    };
    state.changes.emit(p_, batch, found, load, output);
}

// The rows that came and stay, and which rows of state they take the places of.
void AppendRank::findKept(State& state) const {
    state.kept.clear();
    state.kept_ids.clear();
    state.kept_rows.clear();
    state.kept_groups.clear();
    for (Touched& touched : state.touched) {
        state.top.mark(touched.partition) = 0;
        const KeyGroup group = state.index.groupOf(touched.partition);
        for (int64_t& id : state.top.numbers(touched.partition)) {
            if (id < kOfBatch) continue;
            state.kept_rows.push_back(static_cast<uint32_t>(id - kOfBatch));
            state.kept_groups.push_back(group);
            id = kNewRow;
            if (touched.evicted != kNoEvicted) {
                id = state.evicted[touched.evicted].id;
                touched.evicted = state.evicted[touched.evicted].next;
            } else if (state.table != nullptr) {
                id = state.numbers.next(group);
            }
            state.kept.push_back(&id);
            state.kept_ids.push_back(id);
        }
        MILLRACE_CHECK(touched.evicted == kNoEvicted, "more rows left than came");
    }
}

void AppendRank::store(State& state, const Batch& batch) const {
    findKept(state);
    auto arrivals = std::make_shared<Column>(LogicalType::bigint(), batch.rows());
    std::iota(arrivals->mutableData<int64_t>(), arrivals->mutableData<int64_t>() + batch.rows(),
              state.next_arrival);
    state.next_arrival += static_cast<int64_t>(batch.rows());
    std::vector<ColumnPtr> columns = batch.columns();
    columns.push_back(std::move(arrivals));
    if (state.table != nullptr) {
        const RowNumbers::Keys keys = state.numbers.keysOf(state.kept_ids);
        state.table->findOrInsert(0, keys.columns, keys.hashes, {}, state.state_rows);
        storeColumns(state.table->layout(), state.table->firstValueField(), columns, state.kept_rows,
                     state.state_rows, state.table->heap());
        return;
    }
    state.state_rows.clear();
    for (const int64_t id : state.kept_ids)
        state.state_rows.push_back(State::rowOf(id));
    state.records->write(columns, state.kept_rows, state.kept_groups, state.state_rows);
    for (size_t i = 0; i < state.kept.size(); ++i)
        *state.kept[i] = State::idOf(state.state_rows[i]);
}

// Takes rows that have expired out of the order: of the partitions that the batch touches, and of a few
// others in turn, so that those do not stay for ever.
void AppendRank::dropExpired(State& state) const {
    std::vector<uint32_t> partitions = state.partition_of;
    size_t left = kLookedAt;
    for (size_t i = 0; i < state.top.size() && left > 0; ++i) {
        if (state.swept >= state.top.size()) state.swept = 0;
        left -= std::min(left, 1 + state.top.numbers(state.swept).size());
        partitions.push_back(state.swept++);
    }
    std::sort(partitions.begin(), partitions.end());
    partitions.erase(std::unique(partitions.begin(), partitions.end()), partitions.end());
    std::vector<int64_t> numbers;
    for (const uint32_t partition : partitions) {
        const std::span<const int64_t> held = state.top.numbers(partition);
        numbers.insert(numbers.end(), held.begin(), held.end());
    }
    if (numbers.empty()) return;
    std::vector<const std::byte*> found;
    const RowNumbers::Keys keys = state.numbers.keysOf(numbers);
    state.table->findToRead(0, keys.columns, keys.hashes, {}, found);
    std::vector<uint8_t> keep;
    keep.reserve(found.size());
    for (const std::byte* row : found)
        keep.push_back(row != nullptr);
    std::vector<uint8_t> in_batch(state.top.size(), 0);
    for (const uint32_t partition : state.partition_of)
        in_batch[partition] = 1;
    size_t next = 0;
    for (const uint32_t partition : partitions) {
        const size_t rows = state.top.numbers(partition).size();
        state.top.retain(partition, std::span(keep).subspan(next, rows));
        next += rows;
        if (!in_batch[partition] && state.top.numbers(partition).empty()) state.index.forget(partition);
    }
}

}  // namespace millrace
