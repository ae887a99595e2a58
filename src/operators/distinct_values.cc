#include "operators/distinct_values.h"

#include <algorithm>
#include <bit>

namespace millrace {

namespace {
constexpr size_t kTermsMax = 63;  // of a table: their bits are a BIGINT that is not negative
}

struct DistinctValues::Tables final : State {
    uint32_t max_parallelism = 1;
    std::vector<KeyedTable*> tables;  // one a set
    // Of the rows at hand.
    std::vector<ColumnPtr> keys;
    std::vector<uint64_t> hashes;
    std::vector<uint64_t> bits;      // of each row of the batch: the terms that count it
    Selection selection;             // rows that some term counts, and, for each:
    std::vector<std::byte*> groups;  // the group
    std::vector<int8_t> signs;       // only with retractions
    std::vector<std::byte*> values;  // the row of the group and value
    struct Changes {
        Selection selection;
        std::vector<std::byte*> groups;
        std::vector<int8_t> signs;
        void clear() {
            selection.clear();
            groups.clear();
            signs.clear();
        }
    };
    std::vector<Changes> changes;  // one a term of the set
    std::vector<std::byte*> emptied;
};

DistinctValues::DistinctValues(const std::vector<AggregateTerm>& terms, bool retracts) : retracts_(retracts) {
    for (size_t t = 0; t < terms.size(); ++t) {
        if (!terms[t].distinct) continue;
        auto set = std::find_if(sets_.begin(), sets_.end(), [&](const Set& candidate) {
            return candidate.arguments == terms[t].arguments && candidate.terms.size() < kTermsMax;
        });
        if (set == sets_.end()) set = sets_.insert(set, {terms[t].arguments, {}, {}});
        set->terms.push_back(t);
        set->filters.push_back(terms[t].filter);
    }
}

DistinctValues::~DistinctValues() = default;

std::string DistinctValues::tableName(size_t set) { return fmt::format("distinct-{}", set); }

std::vector<size_t> DistinctValues::keyColumns(size_t set, std::span<const size_t> keys) const {
    std::vector<size_t> columns(keys.begin(), keys.end());
    columns.insert(columns.end(), sets_[set].arguments.begin(), sets_[set].arguments.end());
    return columns;
}

std::unique_ptr<DistinctValues::State> DistinctValues::open(OperatorContext& context, const Schema& input,
                                                            std::span<const size_t> keys,
                                                            Duration ttl) const {
    auto state = std::make_unique<Tables>();
    state->max_parallelism = context.maxParallelism();
    for (size_t i = 0; i < sets_.size(); ++i) {
        KeyedStateDescriptor descriptor;
        descriptor.name = tableName(i);
        descriptor.key = Aggregation::keySchema(input, keyColumns(i, keys));
        descriptor.routing_fields = keys.size();
        std::vector<Field> fields;
        if (retracts_) {
            for (size_t t = 0; t < sets_[i].terms.size(); ++t)
                fields.push_back({fmt::format("count_{}", t), LogicalType::bigint()});
        } else {
            fields.push_back({"terms", LogicalType::bigint()});
        }
        descriptor.value = Schema(std::move(fields));
        descriptor.ttl = ttl;
        state->tables.push_back(&context.state().table(descriptor));
    }
    return state;
}

void DistinctValues::accumulate(State& state, const Rows& rows, const Aggregation& aggregation,
                                KeyedTable& table) const {
    for (size_t set = 0; set < sets_.size(); ++set)
        accumulate(static_cast<Tables&>(state), set, rows, aggregation, table);
}

// Fills bits, selection, groups and signs. False if no term counts any of the rows.
bool DistinctValues::select(Tables& state, const Set& set, const Rows& rows) const {
    const size_t all = rows.batch.rows();
    state.bits.assign(all, 0);
    for (size_t t = 0; t < set.terms.size(); ++t) {
        const uint64_t bit = uint64_t{1} << t;
        if (!set.filters[t]) {
            for (uint64_t& bits : state.bits)
                bits |= bit;
            continue;
        }
        const Column& filter = *rows.batch.column(*set.filters[t]);
        const uint8_t* passes = filter.data<uint8_t>();
        const uint8_t* valid = filter.validity();
        for (size_t i = 0; i < all; ++i)
            state.bits[i] |= passes[i] != 0 && (!valid || valid[i] != 0) ? bit : 0;
    }
    // A value is NULL if any argument is; NULLs do not count.
    for (const size_t argument : set.arguments) {
        const uint8_t* valid = rows.batch.column(argument)->validity();
        if (!valid) continue;
        for (size_t i = 0; i < all; ++i)
            state.bits[i] = valid[i] != 0 ? state.bits[i] : 0;
    }
    state.selection.clear();
    state.groups.clear();
    state.signs.clear();
    for (size_t i = 0; i < rows.groups.size(); ++i) {
        const auto row = rows.selection.empty() ? static_cast<uint32_t>(i) : rows.selection[i];
        if (state.bits[row] == 0) continue;
        state.selection.push_back(row);
        state.groups.push_back(rows.groups[i]);
        if (rows.signs) state.signs.push_back(rows.signs[i]);
    }
    return !state.selection.empty();
}

void DistinctValues::accumulate(Tables& state, size_t index, const Rows& rows, const Aggregation& aggregation,
                                KeyedTable& table) const {
    const Set& set = sets_[index];
    if (!select(state, set, rows)) return;
    state.keys.assign(rows.keys.begin(), rows.keys.end());
    for (const size_t argument : set.arguments)
        state.keys.push_back(rows.batch.column(argument));
    state.hashes.assign(rows.hashes.begin(), rows.hashes.end());
    hashFurtherKeys(std::span(state.keys).subspan(rows.keys.size()), state.max_parallelism, state.hashes);
    state.tables[index]->findOrInsert(0, state.keys, state.hashes, state.selection, state.values);

    if (state.changes.size() < set.terms.size()) state.changes.resize(set.terms.size());
    for (Tables::Changes& changes : state.changes)
        changes.clear();
    if (retracts_) {
        addCounts(state, index);
    } else {
        addBits(state, index);
    }
    for (size_t t = 0; t < set.terms.size(); ++t) {
        const Tables::Changes& changes = state.changes[t];
        aggregation.accumulateTerm(set.terms[t], rows.batch, changes.selection, changes.groups,
                                   changes.signs.empty() ? nullptr : changes.signs.data(), table);
    }
}

void DistinctValues::addBits(Tables& state, size_t index) const {
    const KeyedTable& values = *state.tables[index];
    const size_t field = values.firstValueField();
    const uint32_t offset = values.layout().offset(field);
    for (size_t i = 0; i < state.values.size(); ++i) {
        std::byte* const value = state.values[i];
        auto& seen = RowLayout::at<uint64_t>(value, offset);
        uint64_t fresh = state.bits[state.selection[i]] & ~seen;
        if (fresh == 0) continue;
        seen |= fresh;
        RowLayout::setNull(value, field, false);
        for (; fresh != 0; fresh &= fresh - 1) {
            Tables::Changes& changes = state.changes[static_cast<size_t>(std::countr_zero(fresh))];
            changes.selection.push_back(state.selection[i]);
            changes.groups.push_back(state.groups[i]);
        }
    }
}

// A count may be below zero for a while: retractions can overtake.
void DistinctValues::addCounts(Tables& state, size_t index) const {
    KeyedTable& values = *state.tables[index];
    const size_t first = values.firstValueField();
    const size_t terms = sets_[index].terms.size();
    state.emptied.clear();
    for (size_t i = 0; i < state.values.size(); ++i) {
        std::byte* const value = state.values[i];
        const int64_t sign = state.signs.empty() ? 1 : state.signs[i];
        for (uint64_t bits = state.bits[state.selection[i]]; bits != 0; bits &= bits - 1) {
            const auto t = static_cast<size_t>(std::countr_zero(bits));
            RowLayout::setNull(value, first + t, false);
            int64_t& count = RowLayout::at<int64_t>(value, values.layout().offset(first + t));
            count += sign;
            if (count == 0) state.emptied.push_back(value);
            const bool entered = sign > 0 && count == 1;
            const bool left = sign < 0 && count == 0;
            if (!entered && !left) continue;
            state.changes[t].selection.push_back(state.selection[i]);
            state.changes[t].groups.push_back(state.groups[i]);
            state.changes[t].signs.push_back(static_cast<int8_t>(sign));
        }
    }
    std::sort(state.emptied.begin(), state.emptied.end());
    state.emptied.erase(std::unique(state.emptied.begin(), state.emptied.end()), state.emptied.end());
    for (std::byte* value : state.emptied) {
        bool empty = true;
        for (size_t t = 0; t < terms; ++t)
            empty = empty && RowLayout::at<int64_t>(value, values.layout().offset(first + t)) == 0;
        if (empty) values.erase(0, value);
    }
}

}  // namespace millrace
