#include "operators/append_rank.h"

#include <algorithm>

#include "operators/partition_index.h"
#include "operators/rank_changes.h"
#include "operators/row_numbers.h"
#include "operators/row_values.h"
#include "operators/top_rows.h"

namespace millrace {

namespace {

constexpr int64_t kOfBatch = RankChanges::kOfBatch;
constexpr uint32_t kNoEvicted = UINT32_MAX;
constexpr size_t kRestoredAtOnce = 4096;
constexpr size_t kRowLine = 64;
constexpr size_t kLookedAt = 256;  // rows a batch, of partitions that it does not touch

KeyedStateDescriptor appendRankState(const RankParameters& p) {
    KeyedStateDescriptor descriptor;
    descriptor.name = "rank";
    RowNumbers::describe(descriptor);
    std::vector<Field> fields = p.input.fields();
    fields.push_back({"arrival", LogicalType::bigint()});
    descriptor.value = nullableSchema(Schema(std::move(fields)));
    descriptor.ttl = p.ttl;
    descriptor.in_place = p.ttl.ms == 0;  // rows are then written over, but never erased
    return descriptor;
}

bool sortsByLongKeys(const RankParameters& p) {
    std::vector<LogicalType> types;
    for (const SortOrder& by : p.order)
        types.push_back(p.input[by.column].type);
    return SortKeys::areLong(types);
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
        : table(context.state().table(appendRankState(p))),
          index("rank", p.input, p.partition, context),
          top(static_cast<size_t>(p.last), sortsByLongKeys(p)),
          numbers(context.maxParallelism()) {
        top.growTo(index.size());
        touched_of.resize(index.size());
    }

    // What rows of state go by, in the order of partitions and in changes: their addresses where they are in
    // place, else the numbers that they are keyed by.
    bool inPlace() const { return table.descriptor().in_place; }
    static int64_t idOf(const std::byte* row) {
        return static_cast<int64_t>(reinterpret_cast<uintptr_t>(row));
    }
    static std::byte* rowOf(int64_t id) { return reinterpret_cast<std::byte*>(static_cast<uintptr_t>(id)); }
    void findToRead(std::span<const int64_t> ids, std::vector<const std::byte*>& found);

    KeyedTable& table;
    PartitionIndex index;
    TopRows top;
    RowNumbers numbers;
    int64_t next_arrival = 0;
    uint32_t swept = 0;  // with a TTL: the partition whose rows are looked at next

    // Of the batch at hand.
    SortKeys keys;
    std::vector<ColumnPtr> sort_columns;
    std::vector<uint32_t> partition_of;
    std::vector<Touched> touched;
    std::vector<uint32_t> touched_of;  // of each partition: 1 + its place in `touched`, or 0
    std::vector<int64_t> before;       // ids of rows of the result
    std::vector<int64_t> now;
    struct Evicted {
        int64_t id;
        uint32_t next;  // of the same partition
    };
    std::vector<Evicted> evicted;
    RankChanges changes;
    // Rows that are written.
    std::vector<TopRows::Row*> kept;
    std::vector<int64_t> kept_ids;
    Selection kept_rows;
    std::vector<uint32_t> fresh;  // places in `kept` of those that take no other's place
    Selection fresh_rows;
    std::vector<int64_t> fresh_numbers;
    std::vector<std::byte*> made;
    std::vector<std::byte*> state_rows;

    void locate(std::span<const ColumnPtr> columns, std::span<const SortOrder> order, size_t rows) {
        sort_columns.clear();
        for (const SortOrder& by : order)
            sort_columns.push_back(columns[by.column]);
        keys.encode(sort_columns, order, rows);
        index.locate(columns, rows, partition_of);
        top.growTo(index.size());
        touched_of.resize(index.size(), 0);
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
    const RowLayout& layout = state.table.layout();
    const size_t first_field = state.table.firstValueField();
    std::vector<std::byte*> all = state.table.allRows(0);
    const uint32_t arrival = layout.offset(first_field + p_.input.size());
    std::sort(all.begin(), all.end(), [&](const std::byte* left, const std::byte* right) {
        const auto a = RowLayout::at<int64_t>(left, arrival), b = RowLayout::at<int64_t>(right, arrival);
        // Subtasks count for themselves, but a partition's rows are all of one.
        return a != b ? a < b
                      : RowLayout::at<int64_t>(left, layout.offset(RowNumbers::kNumberField)) <
                            RowLayout::at<int64_t>(right, layout.offset(RowNumbers::kNumberField));
    });
    if (!all.empty()) state.next_arrival = RowLayout::at<int64_t>(all.back(), arrival) + 1;
    for (size_t begin = 0; begin < all.size(); begin += kRestoredAtOnce) {
        const std::span<std::byte* const> rows(all.data() + begin,
                                               std::min(kRestoredAtOnce, all.size() - begin));
        std::vector<ColumnPtr> columns(p_.input.size());
        const auto load = [&](size_t column) {
            if (columns[column]) return;
            columns[column] = loadColumn(layout, first_field + column, rows);
        };
        for (const size_t column : p_.partition)
            load(column);
        for (const SortOrder& by : p_.order)
            load(by.column);
        state.locate(columns, p_.order, rows.size());
        const ColumnPtr numbers = loadColumn(layout, RowNumbers::kNumberField, rows);
        for (size_t i = 0; i < rows.size(); ++i) {
            const int64_t number = numbers->data<int64_t>()[i];
            state.numbers.restored(number);
            const TopRows::Key key(state.keys, i);
            if (state.top.hasPlace(state.partition_of[i], key))
                state.top.insert(state.partition_of[i], key, state.inPlace() ? State::idOf(rows[i]) : number);
        }
    }
}

size_t AppendRank::window(size_t rows) const {
    const auto before = static_cast<size_t>(p_.first - 1);
    return rows > before ? rows - before : 0;
}

void AppendRank::insert(State& state, size_t row) const {
    const uint32_t partition = state.partition_of[row];
    const TopRows::Key key(state.keys, row);
    if (!state.top.hasPlace(partition, key)) return;
    uint32_t& place = state.touched_of[partition];
    if (place == 0) {
        const std::span<TopRows::Row> rows = state.top.rows(partition);
        const auto begin = static_cast<uint32_t>(state.before.size());
        for (const TopRows::Row& held : rows.last(window(rows.size())))
            state.before.push_back(held.number);
        state.touched.push_back({partition, begin, static_cast<uint32_t>(state.before.size())});
        place = static_cast<uint32_t>(state.touched.size());
    }
    if (state.top.full(partition)) {
        if (const int64_t leaves = state.top.last(partition); leaves < kOfBatch) {
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
        if (row + kAhead < rows) state.top.prefetch(state.partition_of[row + kAhead]);
        insert(state, row);
    }
}

void AppendRank::compare(State& state, const Touched& touched) const {
    const std::span<const int64_t> before(state.before.data() + touched.before_begin,
                                          touched.before_end - touched.before_begin);
    const std::span<TopRows::Row> rows = state.top.rows(touched.partition);
    state.now.clear();
    for (const TopRows::Row& row : rows.last(window(rows.size())))
        state.now.push_back(row.number);
    const std::span<const int64_t> now = state.now;
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

void AppendRank::State::findToRead(std::span<const int64_t> ids, std::vector<const std::byte*>& found) {
    if (!inPlace()) {
        const RowNumbers::Keys keys = numbers.keysOf(ids);
        table.findToRead(0, keys.columns, keys.hashes, {}, found);
        return;
    }
    found.clear();
    for (const int64_t id : ids) {
        const std::byte* const row = rowOf(id);
        for (size_t line = 0; line < table.layout().rowBytes(); line += kRowLine)
            __builtin_prefetch(row + line);
        found.push_back(row);
    }
}

void AppendRank::emitChanges(State& state, const Batch& batch, Output& output) const {
    const std::vector<int64_t> ids = state.changes.ofState();
    std::vector<const std::byte*> found;
    if (!ids.empty()) state.findToRead(ids, found);
    const auto load = [&](size_t column, auto... rows) {
        return loadOrGather(state.table.layout(), state.table.firstValueField() + column, rows...,
                            state.table.heap());
    };
    state.changes.emit(p_, batch, found, load, output);
}

// The rows that came and stay: those without a state row that they can take get a number.
void AppendRank::findKept(State& state) const {
    state.kept.clear();
    state.kept_ids.clear();
    state.kept_rows.clear();
    state.fresh.clear();
    state.fresh_numbers.clear();
    for (Touched& touched : state.touched) {
        state.touched_of[touched.partition] = 0;
        for (TopRows::Row& row : state.top.rows(touched.partition)) {
            if (row.number < kOfBatch) continue;
            state.kept_rows.push_back(static_cast<uint32_t>(row.number - kOfBatch));
            if (touched.evicted != kNoEvicted) {
                row.number = state.evicted[touched.evicted].id;
                touched.evicted = state.evicted[touched.evicted].next;
            } else {
                row.number = state.numbers.next(state.index.groupOf(touched.partition));
                state.fresh.push_back(static_cast<uint32_t>(state.kept.size()));
                state.fresh_numbers.push_back(row.number);
            }
            state.kept.push_back(&row);
            state.kept_ids.push_back(row.number);
        }
        MILLRACE_CHECK(touched.evicted == kNoEvicted, "more rows left than came");
    }
}

// Sets state_rows to those of the kept rows from `first` on; the fresh ones among them, from `next_fresh` on,
// are made.
void AppendRank::findToWrite(State& state, size_t first, size_t count, size_t& next_fresh) const {
    const std::span<const int64_t> ids = std::span(state.kept_ids).subspan(first, count);
    if (!state.inPlace()) {
        const RowNumbers::Keys keys = state.numbers.keysOf(ids);
        state.table.findOrInsert(0, keys.columns, keys.hashes, {}, state.state_rows);
        return;
    }
    const size_t first_fresh = next_fresh;
    while (next_fresh < state.fresh.size() && state.fresh[next_fresh] < first + count)
        ++next_fresh;
    const size_t made = next_fresh - first_fresh;
    state.state_rows.assign(count, nullptr);
    if (made > 0) {
        for (auto row = static_cast<uint32_t>(state.fresh_rows.size()); row < made; ++row)
            state.fresh_rows.push_back(row);
        const RowNumbers::Keys keys =
            state.numbers.keysOf(std::span(state.fresh_numbers).subspan(first_fresh, made));
        state.table.append(0, keys.columns, keys.hashes, std::span(state.fresh_rows).first(made), state.made);
    }
    for (size_t i = 0; i < made; ++i) {
        const uint32_t place = state.fresh[first_fresh + i];
        state.state_rows[place - first] = state.made[i];
        state.kept[place]->number = State::idOf(state.made[i]);
    }
    for (size_t i = 0; i < count; ++i) {
        if (state.state_rows[i] != nullptr) continue;
        state.state_rows[i] = State::rowOf(ids[i]);
        __builtin_prefetch(state.state_rows[i] - sizeof(uint64_t),
                           1);  // its header's end, which touch() reads
        for (size_t line = kRowLine; line < state.table.layout().rowBytes(); line += kRowLine)
            __builtin_prefetch(state.state_rows[i] + line, 1);
    }
    for (std::byte* row : state.state_rows)
        state.table.touch(0, row);
}

void AppendRank::store(State& state, const Batch& batch) const {
    findKept(state);
    const size_t first_field = state.table.firstValueField();
    const size_t arrival = first_field + p_.input.size();
    const uint32_t arrival_offset = state.table.layout().offset(arrival);
    constexpr size_t kWritten = 1024;  // whose state rows stay in the cache while they are filled
    size_t next_fresh = 0;
    for (size_t begin = 0; begin < state.kept.size(); begin += kWritten) {
        const size_t count = std::min(kWritten, state.kept.size() - begin);
        const std::span<const uint32_t> rows = std::span(state.kept_rows).subspan(begin, count);
        findToWrite(state, begin, count, next_fresh);
        storeColumns(state.table.layout(), first_field, batch.columns(), rows, state.state_rows,
                     state.table.heap());
        for (size_t i = 0; i < count; ++i) {
            RowLayout::setNull(state.state_rows[i], arrival, false);
            RowLayout::at<int64_t>(state.state_rows[i], arrival_offset) = state.next_arrival + rows[i];
        }
    }
    state.next_arrival += static_cast<int64_t>(batch.rows());
}

// Takes rows that have expired out of the order: of the partitions that the batch touches, and of a few
// others in turn, so that those do not stay for ever.
void AppendRank::dropExpired(State& state) const {
    std::vector<uint32_t> partitions = state.partition_of;
    size_t left = kLookedAt;
    for (size_t i = 0; i < state.top.size() && left > 0; ++i) {
        if (state.swept >= state.top.size()) state.swept = 0;
        left -= std::min(left, 1 + state.top.rows(state.swept).size());
        partitions.push_back(state.swept++);
    }
    std::sort(partitions.begin(), partitions.end());
    partitions.erase(std::unique(partitions.begin(), partitions.end()), partitions.end());
    std::vector<int64_t> numbers;
    for (const uint32_t partition : partitions) {
        for (const TopRows::Row& row : state.top.rows(partition))
            numbers.push_back(row.number);
    }
    if (numbers.empty()) return;
    std::vector<const std::byte*> found;
    const RowNumbers::Keys keys = state.numbers.keysOf(numbers);
    state.table.findToRead(0, keys.columns, keys.hashes, {}, found);
    std::vector<uint8_t> keep;
    keep.reserve(found.size());
    for (const std::byte* row : found)
        keep.push_back(row != nullptr);
    std::vector<uint8_t> in_batch(state.top.size(), 0);
    for (const uint32_t partition : state.partition_of)
        in_batch[partition] = 1;
    size_t next = 0;
    for (const uint32_t partition : partitions) {
        const size_t rows = state.top.rows(partition).size();
        state.top.retain(partition, std::span(keep).subspan(next, rows));
        next += rows;
        if (!in_batch[partition] && state.top.rows(partition).empty()) state.index.forget(partition);
    }
}

}  // namespace millrace
