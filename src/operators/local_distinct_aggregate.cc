#include "operators/local_distinct_aggregate.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/hash.h"
#include "operators/batch_groups.h"
#include "operators/batch_keys.h"
#include "operators/local_group_aggregate.h"
#include "operators/local_window_aggregate.h"
#include "operators/scratch_state.h"

namespace millrace {

namespace {

constexpr size_t kTermsMax = 64;  // of one list of arguments: a bit each
constexpr size_t kSentValues =
    1 << 13;                           // remembered of each list, of 32 bytes: they stay in the core's cache
constexpr size_t kGroupsMax = 16'384;  // remembered

std::vector<AggregateTerm> notDistinct(const std::vector<AggregateTerm>& terms) {
    std::vector<AggregateTerm> plain;
    std::copy_if(terms.begin(), terms.end(), std::back_inserter(plain),
                 [](const AggregateTerm& term) { return !term.distinct; });
    return plain;
}

}  // namespace

// The values of one argument that went out last, and to which terms. A value that takes another's place makes
// that be sent again.
class LocalDistinctAggregate::SentValues {
  public:
    // The terms of `bits` to which the value in row `row` has not gone. `hash` is the value's.
    template <class T>
    uint64_t add(const T& value, uint64_t hash, uint64_t group, uint64_t bits) {
        if constexpr (std::is_same_v<T, StringView>) {
            if (!value.isInline()) return bits;
        }
        std::array<uint64_t, 2> words{};
        static_assert(sizeof(T) <= sizeof(words));
        std::memcpy(words.data(), &value, sizeof(T));
        Entry& entry = entries_[combineHash(hash, group) & (kSentValues - 1)];
        const uint64_t differs =
            (entry.group ^ group) | (entry.value[0] ^ words[0]) | (entry.value[1] ^ words[1]);
        if (differs != 0) {
            entry = {words, group, bits};
            return bits;
        }
        const uint64_t fresh = bits & ~entry.bits;
        entry.bits |= bits;
        return fresh;
    }

  private:
    struct Entry {
        std::array<uint64_t, 2> value{};
        uint64_t group = 0;  // none: groups are numbered from 1
        uint64_t bits = 0;
    };
    std::vector<Entry> entries_ = std::vector<Entry>(kSentValues);
};

// The values of one list of arguments.
struct LocalDistinctAggregate::Values {
    SentValues sent;
    // Of the batch at hand: what goes out.
    Selection rows;
    std::vector<uint64_t> bits;   // the terms that take it, for each of `rows`
    std::vector<uint32_t> place;  // the row of the output, likewise
};

struct LocalDistinctAggregate::State final : OperatorState {
    explicit State(const OperatorContext& context, const KeyedStateDescriptor& descriptor)
        : backend(makeScratchState("LocalGroupAggregate", context)), table(backend->table(descriptor)) {}

    std::unique_ptr<StateBackend> backend;  // its own, not the job's
    KeyedTable& table;                      // groups and their numbers
    uint64_t last_number = 0;
    std::vector<Values> values;  // one a set
    RowHeap heap;

    // Of the batch at hand.
    std::vector<ColumnPtr> keys;
    std::vector<uint64_t> hashes;
    BatchGroups groups;
    std::vector<uint64_t> memory;               // of the accumulators
    std::vector<std::byte*> accumulators;       // one a group, and one of no rows
    std::vector<std::byte*> rows;               // the accumulators of each row
    std::vector<std::byte*> out;                // the accumulators of each row of the output
    Selection first_rows;                       // of the group of each row of the output
    std::vector<uint32_t> group_begin, filled;  // rows of the output, by group
    std::vector<uint64_t> numbers;              // of the groups
    std::vector<uint64_t> terms;                // of a set, that count each row: a bit each
    const DistinctSet* terms_of = nullptr;
    std::vector<uint64_t> value_hashes;
    Selection selection;
    Aggregation::Scratch scratch;
};

bool LocalDistinctAggregate::accepts(std::span<const AggregateTerm> terms) {
    return canAggregateLocally(notDistinct({terms.begin(), terms.end()}));
}

LocalDistinctAggregate::LocalDistinctAggregate(LocalDistinctAggregateParameters parameters)
    : p_(std::move(parameters)), aggregation_(notDistinct(p_.terms), false) {
    const Schema accumulators = aggregation_.valueSchema();
    std::vector<LogicalType> types;
    for (const Field& field : accumulators.fields())
        types.push_back(field.type);
    layout_ = RowLayout(std::move(types));

    std::vector<Field> fields = Aggregation::keySchema(p_.input, p_.keys).fields();
    fields.insert(fields.end(), accumulators.fields().begin(), accumulators.fields().end());
    makeSets();
    for (DistinctSet& set : sets_) {
        set.first_column = fields.size();
        const Schema arguments = Aggregation::keySchema(p_.input, set.arguments);
        fields.insert(fields.end(), arguments.fields().begin(), arguments.fields().end());
        for (const size_t term : set.terms)
            fields.push_back({fmt::format("$takes_{}", term), LogicalType::boolean().withNullable(false)});
    }
    output_ = Schema(std::move(fields));
}

LocalDistinctAggregate::~LocalDistinctAggregate() = default;

void LocalDistinctAggregate::makeSets() {
    for (size_t t = 0; t < p_.terms.size(); ++t) {
        if (!p_.terms[t].distinct) continue;
        auto set = std::find_if(sets_.begin(), sets_.end(), [&](const DistinctSet& candidate) {
            return candidate.arguments == p_.terms[t].arguments && candidate.terms.size() < kTermsMax;
        });
        if (set == sets_.end()) set = sets_.insert(set, {p_.terms[t].arguments, {}, 0});
        set->terms.push_back(t);
    }
}

std::vector<AggregateTerm> LocalDistinctAggregate::mergingTerms() const {
    const std::vector<AggregateTerm> plain = mergingTermsFrom(p_.keys.size(), aggregation_.terms());
    auto next = plain.begin();
    std::vector<AggregateTerm> merging = p_.terms;
    for (AggregateTerm& term : merging) {
        if (term.distinct) {
            term.arguments.clear();
        } else {
            term = *next++;
        }
    }
    for (const DistinctSet& set : sets_) {
        for (size_t i = 0; i < set.terms.size(); ++i) {
            AggregateTerm& term = merging[set.terms[i]];
            for (size_t k = 0; k < set.arguments.size(); ++k)
                term.arguments.push_back(set.first_column + k);
            term.filter = set.first_column + set.arguments.size() + i;
        }
    }
    return merging;
}

std::unique_ptr<OperatorState> LocalDistinctAggregate::open(OperatorContext& context) const {
    KeyedStateDescriptor groups;
    groups.name = "groups";
    groups.key = Aggregation::keySchema(p_.input, p_.keys);
    groups.value = Schema({{"number", LogicalType::bigint()}});
    auto state = std::make_unique<State>(context, groups);
    state->values.resize(sets_.size());
    return state;
}

void LocalDistinctAggregate::process(OperatorState& operator_state, size_t, const Batch& batch,
                                     OperatorContext&, Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (batch.empty()) return;
    keysOf(batch, p_.keys, state.keys, state.hashes);
    state.groups.find(state.keys, state.hashes);
    numberGroups(state);
    accumulate(state, batch);
    state.terms_of = nullptr;
    for (size_t set = 0; set < sets_.size(); ++set)
        findNewValues(state, set, batch);
    placeValues(state);
    emit(state, batch, output);
    if (!layout_.ownsMemory()) return;
    for (std::byte* row : state.accumulators)
        releaseRow(layout_, row, state.heap);
}

// Fills numbers. A group that was forgotten gets another, and so sends all its values again.
void LocalDistinctAggregate::numberGroups(State& state) const {
    state.table.findOrInsert(0, state.keys, state.hashes, state.groups.firstRows(), state.rows);
    const size_t field = state.table.firstValueField();
    const uint32_t offset = state.table.layout().offset(field);
    state.numbers.resize(state.groups.size());
    for (size_t group = 0; group < state.numbers.size(); ++group) {
        auto& number = RowLayout::at<uint64_t>(state.rows[group], offset);
        if (number == 0) number = ++state.last_number;
        RowLayout::setNull(state.rows[group], field, false);
        state.numbers[group] = number;
    }
    if (state.table.rows(0) > kGroupsMax) state.table.dropNamespace(0);
}

void LocalDistinctAggregate::accumulate(State& state, const Batch& batch) const {
    const size_t words = layout_.rowBytes() / sizeof(uint64_t);
    const size_t groups = state.groups.size();
    state.memory.assign(words * (groups + 1), 0);
    state.accumulators.resize(groups + 1);
    for (size_t i = 0; i <= groups; ++i)
        state.accumulators[i] = reinterpret_cast<std::byte*>(state.memory.data() + i * words);
    if (layout_.fieldCount() == 0) return;
    state.rows.resize(batch.rows());
    for (size_t i = 0; i < batch.rows(); ++i)
        state.rows[i] = state.accumulators[state.groups.of(i)];
    aggregation_.accumulate(batch, {}, state.rows, nullptr, {layout_, 0, state.heap}, state.scratch);
}

// Fills terms, whatever the arguments are.
void LocalDistinctAggregate::findTerms(State& state, size_t index, const Batch& batch) const {
    const DistinctSet& set = sets_[index];
    const auto same_filters = [&](const DistinctSet& other) {
        return std::equal(set.terms.begin(), set.terms.end(), other.terms.begin(), other.terms.end(),
                          [&](size_t a, size_t b) { return p_.terms[a].filter == p_.terms[b].filter; });
    };
    if (state.terms_of != nullptr && same_filters(*state.terms_of)) return;
    state.terms_of = &set;
    uint64_t unfiltered = 0;
    for (size_t t = 0; t < set.terms.size(); ++t)
        unfiltered |= uint64_t{!p_.terms[set.terms[t]].filter} << t;
    state.terms.assign(batch.rows(), unfiltered);
    for (size_t t = 0; t < set.terms.size(); ++t) {
        const std::optional<size_t>& filter = p_.terms[set.terms[t]].filter;
        if (!filter) continue;
        const Column& column = *batch.column(*filter);
        const uint8_t* const passes = column.data<uint8_t>();
        const uint8_t* const valid = column.validity();
        for (size_t i = 0; i < batch.rows(); ++i) {
            const bool takes = passes[i] != 0 && (!valid || valid[i] != 0);
            state.terms[i] |= uint64_t{takes} << t;
        }
    }
}

// Fills the set's rows and bits.
void LocalDistinctAggregate::findNewValues(State& state, size_t index, const Batch& batch) const {
    const DistinctSet& set = sets_[index];
    Values& values = state.values[index];
    findTerms(state, index, batch);
    values.rows.clear();
    values.bits.clear();
    std::vector<const uint8_t*> valid;  // NULLs do not count
    for (const size_t argument : set.arguments) {
        if (batch.column(argument)->validity()) valid.push_back(batch.column(argument)->validity());
    }
    const auto counts = [&](size_t row) {
        return std::all_of(valid.begin(), valid.end(), [&](const uint8_t* of) { return of[row] != 0; });
    };
    const auto send = [&](uint32_t row, uint64_t bits) {
        values.rows.push_back(row);
        values.bits.push_back(bits);
    };
    const ColumnPtr& column = batch.column(set.arguments.front());
    if (set.arguments.size() > 1 || column->type().isNested()) {
        for (uint32_t i = 0; i < batch.rows(); ++i) {
            if (state.terms[i] != 0 && counts(i)) send(i, state.terms[i]);
        }
        return;
    }
    hashColumns({&column, 1}, batch.rows(), state.value_hashes);
    dispatchPhysical(column->physical(), [&]<class T>() {
        const T* const data = column->data<T>();
        for (uint32_t i = 0; i < batch.rows(); ++i) {
            if (state.terms[i] == 0 || !counts(i)) continue;
            const uint64_t fresh = values.sent.add(data[i], state.value_hashes[i],
                                                   state.numbers[state.groups.of(i)], state.terms[i]);
            if (fresh != 0) send(i, fresh);
        }
    });
}

// Gives each group as many rows of the output as it has values of one set, at least one.
void LocalDistinctAggregate::placeValues(State& state) const {
    const size_t groups = state.groups.size();
    state.group_begin.assign(groups + 1, 1);
    for (const Values& values : state.values) {
        state.filled.assign(groups, 0);
        for (const uint32_t row : values.rows) {
            const uint32_t group = state.groups.of(row);
            state.group_begin[group] = std::max(state.group_begin[group], ++state.filled[group]);
        }
    }
    uint32_t begin = 0;
    for (uint32_t& group_begin : state.group_begin)
        begin += std::exchange(group_begin, begin);
    for (Values& values : state.values) {
        state.filled.assign(groups, 0);
        values.place.clear();
        for (const uint32_t row : values.rows) {
            const uint32_t group = state.groups.of(row);
            values.place.push_back(state.group_begin[group] + state.filled[group]++);
        }
    }
}

void LocalDistinctAggregate::emit(State& state, const Batch& batch, Output& output) const {
    const size_t groups = state.groups.size();
    const size_t rows = state.group_begin[groups];
    state.first_rows.resize(rows);
    state.out.assign(rows, state.accumulators[groups]);
    for (size_t group = 0; group < groups; ++group) {
        const uint32_t begin = state.group_begin[group];
        state.out[begin] = state.accumulators[group];
        std::fill(state.first_rows.begin() + begin, state.first_rows.begin() + state.group_begin[group + 1],
                  state.groups.firstRows()[group]);
    }

    std::vector<ColumnPtr> columns;
    columns.reserve(output_.size());
    const auto gather = [&](size_t column, const Selection& selection) {
        columns.push_back(
            Column::retyped(Column::gather(batch.column(column), selection), output_[columns.size()].type));
    };
    for (const size_t key : p_.keys)
        gather(key, state.first_rows);
    for (size_t field = 0; field < layout_.fieldCount(); ++field)
        columns.push_back(loadColumn(layout_, field, state.out));
    for (size_t i = 0; i < sets_.size(); ++i) {
        const Values& values = state.values[i];
        state.selection = state.first_rows;
        for (size_t k = 0; k < values.rows.size(); ++k)
            state.selection[values.place[k]] = values.rows[k];
        for (const size_t argument : sets_[i].arguments)
            gather(argument, state.selection);
        for (size_t t = 0; t < sets_[i].terms.size(); ++t) {
            auto takes = std::make_shared<Column>(output_[columns.size()].type, rows);
            auto* const flags = takes->mutableData<uint8_t>();
            std::fill(flags, flags + rows, 0);
            for (size_t k = 0; k < values.rows.size(); ++k)
                flags[values.place[k]] = static_cast<uint8_t>(values.bits[k] >> t & 1U);
            columns.push_back(std::move(takes));
        }
    }
    output.emit(Batch(rows, std::move(columns)));
}

}  // namespace millrace
