#include "operators/distinct_values.h"

#include <algorithm>
#include <bit>

#include "base/error.h"
#include "operators/group_numbers.h"
#include "state/keyed_bits.h"

namespace millrace {

namespace {

constexpr size_t kTermsMax = 63;  // of a table, of whose BIGINT each has a bit
constexpr uint32_t kBits = 64;    // of it

// Whether a row that holds these columns is larger than one that holds a number.
bool widerThanANumber(const Schema& schema, std::span<const size_t> columns) {
    if (columns.empty()) return false;
    return columns.size() > 1 || RowLayout({schema[columns.front()].type}).rowBytes() >
                                     RowLayout({LogicalType::bigint()}).rowBytes();
}

// A value's bits in a block: one for each term, rounded up, so that a bit's term is found without a division.
uint32_t strideOf(size_t terms) { return static_cast<uint32_t>(std::bit_ceil(terms)); }

}  // namespace

struct DistinctValues::Tables final : State {
    uint32_t max_parallelism = 1;
    std::vector<KeyedTable*> tables;      // one a set, nullptr where it has
    std::vector<KeyedBits*> values_bits;  // this
    std::vector<uint32_t> block_bits;     // likewise
    std::optional<GroupNumbers> numbers;
    // Of the rows at hand.
    ColumnPtr group_numbers;
    std::vector<uint64_t> group_hashes;
    std::vector<ColumnPtr> keys;
    std::vector<uint64_t> hashes;
    std::vector<uint8_t> few_term_bits;  // these, where a byte holds them
    std::vector<uint64_t> term_bits;  // of each row of the batch: the terms that count it, if it has a value
    const std::vector<std::optional<size_t>>* filters_of = nullptr;  // by which filters
    std::vector<uint64_t> bits;  // of each row of the batch: the terms that count it, at its place in a block
    Aggregation::Scratch
        counted;  // rows that some term counts, with their groups; signs only with retractions
    std::vector<std::byte*> values;  // of each of these, the row of the group and value
    std::vector<uint64_t> fresh;
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

DistinctValues::DistinctValues(const Schema& input, std::vector<size_t> keys,
                               const std::vector<AggregateTerm>& terms, bool retracts, Duration ttl)
    : input_(input), keys_(std::move(keys)), retracts_(retracts), ttl_(ttl) {
    for (size_t t = 0; t < terms.size(); ++t) {
        if (!terms[t].distinct) continue;
        auto set = std::find_if(sets_.begin(), sets_.end(), [&](const Set& candidate) {
            return candidate.arguments == terms[t].arguments && candidate.terms.size() < kTermsMax;
        });
        if (set == sets_.end()) set = sets_.insert(set, {terms[t].arguments, {}, {}});
        set->terms.push_back(t);
        set->filters.push_back(terms[t].filter);
    }
    for (Set& set : sets_)
        set.block_bits = ttl_.ms > 0 ? 0 : blockBits(set);
    numbered_ = !sets_.empty() && !retracts_ && widerThanANumber(input_, keys_);
}

DistinctValues::~DistinctValues() = default;

uint32_t DistinctValues::blockBits(const Set& set) const {
    if (retracts_ || set.arguments.size() != 1) return 0;
    const PhysicalType physical = input_[set.arguments.front()].type.physical();
    if (physical != PhysicalType::Int64 && physical != PhysicalType::Int32) return 0;
    return static_cast<uint32_t>(std::countr_zero(kBits / strideOf(set.terms.size())));
}

std::string DistinctValues::tableName(size_t set) { return fmt::format("distinct-{}", set); }

std::vector<size_t> DistinctValues::columns(size_t set) const {
    std::vector<size_t> columns = keys_;
    columns.insert(columns.end(), sets_[set].arguments.begin(), sets_[set].arguments.end());
    return columns;
}

std::vector<Field> DistinctValues::groupFields() const {
    if (!numbered_) return {};
    return {{"number", LogicalType::bigint()}};
}

// Whether values of a set are numbers that are only ever added to numbered groups.
bool DistinctValues::keepsBits(const Set& set) const {
    if (!numbered_ || ttl_.ms > 0 || set.arguments.size() != 1) return false;
    const LogicalType& type = input_[set.arguments.front()].type;
    return !type.isNested() &&
           (type.physical() == PhysicalType::Int64 || type.physical() == PhysicalType::Int32);
}

std::unique_ptr<DistinctValues::State> DistinctValues::openTables(OperatorContext& context) const {
    auto state = std::make_unique<Tables>();
    state->max_parallelism = context.maxParallelism();
    if (numbered_) state->numbers.emplace(context, "distinct-groups");
    for (size_t i = 0; i < sets_.size(); ++i) {
        if (keepsBits(sets_[i])) {
            const Schema value = Aggregation::keySchema(input_, sets_[i].arguments);
            state->tables.push_back(nullptr);
            state->values_bits.push_back(&context.state().bits({tableName(i), value[0]}));
            continue;
        }
        state->values_bits.push_back(nullptr);
        KeyedStateDescriptor descriptor;
        descriptor.name = tableName(i);
        if (numbered_) {
            std::vector<Field> key = Aggregation::keySchema(input_, sets_[i].arguments).fields();
            key.insert(key.begin(), {"group", LogicalType::bigint()});
            descriptor.key = Schema(std::move(key));
            descriptor.routing_fields = 1;
        } else {
            descriptor.key = Aggregation::keySchema(input_, columns(i));
            descriptor.routing_fields = keys_.size();
        }
        std::vector<Field> fields;
        if (retracts_) {
            for (size_t t = 0; t < sets_[i].terms.size(); ++t)
                fields.push_back({fmt::format("count_{}", t), LogicalType::bigint()});
        } else {
            fields.push_back({"terms", LogicalType::bigint()});
        }
        descriptor.value = Schema(std::move(fields));
        descriptor.ttl = ttl_;
        state->tables.push_back(&context.state().table(descriptor));
    }
    if (!retracts_ && !sets_.empty()) openBlocks(context, *state);
    return state;
}

void DistinctValues::openBlocks(OperatorContext& context, Tables& state) const {
    std::vector<std::string>& list = context.state().list("distinct-blocks", Redistribution::Union);
    std::string text;
    for (const Set& set : sets_) {
        if (!text.empty()) text += ',';
        text += std::to_string(set.block_bits);
    }
    bool has_rows = false;
    for (size_t i = 0; i < sets_.size(); ++i)
        has_rows |= state.tables[i] ? state.tables[i]->rows(0) > 0 : state.values_bits[i]->pairs() > 0;
    if (!list.empty()) text = list.front();
    std::string_view rest = text;
    for (const Set& set : sets_) {
        const uint32_t bits = rest.empty() ? kBits : static_cast<uint32_t>(rest.front() - '0');
        if (bits != 0 && bits != blockBits(set)) break;
        state.block_bits.push_back(bits);
        rest.remove_prefix(std::min<size_t>(rest.size(), 2));  // and the comma
    }
    if (state.block_bits.size() != sets_.size() || (list.empty() && has_rows)) {
        throw UserError(
            "state.incompatible",
            "the values of DISTINCT aggregates lie in the snapshot in a form that is not known any more",
            "start without a snapshot");
    }
    list = {text};
}

void DistinctValues::accumulate(State& state, const Rows& rows, const Aggregation& aggregation,
                                KeyedTable& table) const {
    auto& tables = static_cast<Tables&>(state);
    if (numbered_) numberGroups(tables, rows, table.layout());
    tables.filters_of = nullptr;
    for (size_t set = 0; set < sets_.size(); ++set)
        accumulate(tables, set, rows, aggregation, table);
}

// Fills group_numbers and group_hashes.
void DistinctValues::numberGroups(Tables& state, const Rows& rows, const RowLayout& groups) const {
    const size_t field = groups.fieldCount() - 1;
    const uint32_t offset = groups.offset(field);
    auto column = std::make_shared<Column>(LogicalType::bigint(), rows.groups.size());
    auto* const numbers = column->mutableData<int64_t>();
    bool given = false;
    for (size_t i = 0; i < rows.groups.size(); ++i) {
        std::byte* const group = rows.groups[i];
        auto& number = RowLayout::at<int64_t>(group, offset);
        if (RowLayout::isNull(group, field)) {
            number = state.numbers->next(keyGroupOf(rows.hashes[i], state.max_parallelism));
            RowLayout::setNull(group, field, false);
            given = true;
        }
        numbers[i] = number;
    }
    if (given) state.numbers->store();
    state.group_numbers = std::move(column);
    if (std::any_of(state.tables.begin(), state.tables.end(), [](const KeyedTable* table) { return table; }))
        hashColumns({&state.group_numbers, 1}, rows.groups.size(), state.group_hashes);
}

// Fills term_bits.
void DistinctValues::findBits(Tables& state, const Set& set, const Batch& batch) {
    uint64_t unfiltered = 0;
    for (size_t t = 0; t < set.terms.size(); ++t)
        unfiltered |= set.filters[t] ? 0 : uint64_t{1} << t;
    const auto find = [&]<class Bits>(std::vector<Bits>& bits) {
        bits.assign(batch.rows(), static_cast<Bits>(unfiltered));
        Bits* const to = bits.data();
        for (size_t t = 0; t < set.terms.size(); ++t) {
            if (!set.filters[t]) continue;
            const Column& filter = *batch.column(*set.filters[t]);
            const uint8_t* const passes = filter.data<uint8_t>();
            const uint8_t* const valid = filter.validity();
            const auto bit = static_cast<Bits>(Bits{1} << t);
            const size_t rows = batch.rows();
            if (valid == nullptr) {
                for (size_t i = 0; i < rows; ++i)
                    to[i] |= passes[i] != 0 ? bit : Bits{0};
            } else {
                for (size_t i = 0; i < rows; ++i)
                    to[i] |= ((passes[i] != 0) & (valid[i] != 0)) ? bit : Bits{0};
            }
        }
    };
    if (set.terms.size() > 8) return find(state.term_bits);
    find(state.few_term_bits);
    state.term_bits.assign(state.few_term_bits.begin(), state.few_term_bits.end());
}

// Fills bits and counted. False if no term counts any of the rows.
bool DistinctValues::select(Tables& state, const Set& set, const Rows& rows) const {
    const size_t all = rows.batch.rows();
    if (state.filters_of != &set.filters && (!state.filters_of || *state.filters_of != set.filters))
        findBits(state, set, rows.batch);
    state.filters_of = &set.filters;
    state.bits = state.term_bits;
    // A value is NULL if any argument is; NULLs do not count.
    for (const size_t argument : set.arguments) {
        const uint8_t* valid = rows.batch.column(argument)->validity();
        if (!valid) continue;
        for (size_t i = 0; i < all; ++i)
            state.bits[i] = valid[i] != 0 ? state.bits[i] : 0;
    }
    Aggregation::choose(
        rows.selection, rows.groups, rows.signs, [&](uint32_t row) { return state.bits[row] != 0; },
        state.counted);
    return !state.counted.rows.empty();
}

void DistinctValues::accumulate(Tables& state, size_t index, const Rows& rows, const Aggregation& aggregation,
                                KeyedTable& table) const {
    const Set& set = sets_[index];
    if (!select(state, set, rows)) return;
    const auto group = numbered_ ? std::span<const ColumnPtr>(&state.group_numbers, 1) : rows.keys;
    const auto hashes = numbered_ ? std::span<const uint64_t>(state.group_hashes) : rows.hashes;
    state.keys.assign(group.begin(), group.end());
    for (const size_t argument : set.arguments)
        state.keys.push_back(rows.batch.column(argument));
    if (const uint32_t block_bits = retracts_ ? 0 : state.block_bits[index]; block_bits > 0)
        state.keys.back() = inBlocks(state, state.keys.back(), block_bits, strideOf(set.terms.size()));
    if (state.tables[index] != nullptr) {
        state.hashes.assign(hashes.begin(), hashes.end());
        hashFurtherKeys(std::span(state.keys).subspan(group.size()), state.max_parallelism, state.hashes);
        state.tables[index]->findOrInsert(0, state.keys, state.hashes, state.counted.selection, state.values);
    } else {
        state.values_bits[index]->set({state.group_numbers->data<int64_t>(), state.group_numbers->size()},
                                      *state.keys.back(), state.bits, state.counted.selection, state.fresh);
    }

    if (state.changes.size() < set.terms.size()) state.changes.resize(set.terms.size());
    for (Tables::Changes& changes : state.changes)
        changes.clear();
    if (retracts_) {
        addCounts(state, index);
    } else {
        if (state.tables[index] != nullptr) setTableBits(state, index);
        addBits(state, index, aggregation, table);
    }
    for (size_t t = 0; t < set.terms.size(); ++t) {
        const Tables::Changes& changes = state.changes[t];
        aggregation.accumulateTerm(set.terms[t], rows.batch, changes.selection, changes.groups,
                                   changes.signs.empty() ? nullptr : changes.signs.data(), table);
    }
}

// The blocks of values. Moves each row's bits to the place of its value in the block.
ColumnPtr DistinctValues::inBlocks(Tables& state, const ColumnPtr& values, uint32_t block_bits,
                                   uint32_t stride) {
    auto blocks = std::make_shared<Column>(values->type(), values->size());
    const auto split = [&]<class T>(const T* from, T* to) {
        const auto places = static_cast<T>((T{1} << block_bits) - 1);
        for (size_t i = 0; i < values->size(); ++i) {
            to[i] = from[i] >> block_bits;
            state.bits[i] <<= static_cast<uint32_t>(from[i] & places) * stride;
        }
    };
    if (values->physical() == PhysicalType::Int32) {
        split(values->data<int32_t>(), blocks->mutableData<int32_t>());
    } else {
        split(values->data<int64_t>(), blocks->mutableData<int64_t>());
    }
    return blocks;
}

// Sets the bits in `values`, and `fresh`.
void DistinctValues::setTableBits(Tables& state, size_t index) {
    const KeyedTable& table = *state.tables[index];
    const size_t field = table.firstValueField();
    const uint32_t offset = table.layout().offset(field);
    state.fresh.resize(state.values.size());
    for (size_t i = 0; i < state.values.size(); ++i) {
        std::byte* const value = state.values[i];
        auto& seen = RowLayout::at<uint64_t>(value, offset);
        state.fresh[i] = state.bits[state.counted.selection[i]] & ~seen;
        if (state.fresh[i] == 0) continue;
        seen |= state.fresh[i];
        RowLayout::setNull(value, field, false);
    }
}

// Gives the terms what is fresh. Counts are added to in place: most terms are, and of most values.
void DistinctValues::addBits(Tables& state, size_t index, const Aggregation& aggregation,
                             KeyedTable& table) const {
    const Set& set = sets_[index];
    // Of a row without blocks all bits are terms.
    const uint32_t mask = (state.block_bits[index] > 0 ? strideOf(set.terms.size()) : kBits) - 1;
    struct CountField {
        uint32_t field;
        uint32_t offset;
    };
    std::optional<CountField> counts[kTermsMax];
    for (size_t t = 0; t < set.terms.size(); ++t) {
        const std::optional<uint32_t> field = aggregation.countField(set.terms[t]);
        if (!field) continue;
        const auto place = static_cast<uint32_t>(table.firstValueField()) + *field;
        counts[t] = CountField{place, table.layout().offset(place)};
    }
    for (size_t i = 0; i < state.counted.selection.size(); ++i) {
        for (uint64_t fresh = state.fresh[i]; fresh != 0; fresh &= fresh - 1) {
            const uint32_t t = static_cast<uint32_t>(std::countr_zero(fresh)) & mask;
            std::byte* const group = state.counted.rows[i];
            if (counts[t]) {
                RowLayout::at<int64_t>(group, counts[t]->offset) += 1;
                RowLayout::setNull(group, counts[t]->field, false);
            } else {
                state.changes[t].selection.push_back(state.counted.selection[i]);
                state.changes[t].groups.push_back(group);
            }
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
        const int64_t sign = state.counted.signs.empty() ? 1 : state.counted.signs[i];
        for (uint64_t bits = state.bits[state.counted.selection[i]]; bits != 0; bits &= bits - 1) {
            const auto t = static_cast<size_t>(std::countr_zero(bits));
            RowLayout::setNull(value, first + t, false);
            int64_t& count = RowLayout::at<int64_t>(value, values.layout().offset(first + t));
            count += sign;
            if (count == 0) state.emptied.push_back(value);
            const bool entered = sign > 0 && count == 1;
            const bool left = sign < 0 && count == 0;
            if (!entered && !left) continue;
            state.changes[t].selection.push_back(state.counted.selection[i]);
            state.changes[t].groups.push_back(state.counted.rows[i]);
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
