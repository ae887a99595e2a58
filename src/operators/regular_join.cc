#include "operators/regular_join.h"

#include <algorithm>
#include <bit>

#include "operators/batch_groups.h"

namespace millrace {

namespace {

bool sameRow(const Batch& batch, size_t i, size_t j) {
    return std::all_of(batch.columns().begin(), batch.columns().end(),
                       [&](const ColumnPtr& column) { return sameValue(*column, i, j); });
}

constexpr const char* kSideNames[] = {"left", "right"};

}  // namespace

struct RegularJoin::State final : OperatorState {
    State(const RegularJoinParameters& p, OperatorContext& context, std::pair<RowLists, RowLists> inputs)
        : lists{std::move(inputs.first), std::move(inputs.second)}, rows(p.shape, context) {
        if (p.best) best.emplace(*p.best);
    }

    RowLists lists[2];
    JoinRows rows;
    std::optional<BestPairs> best;
    // Of the batch at hand.
    KeyedBatch keyed;
    Selection taken_back, added, with_key, without_key, removed;
    Selection first, further, chosen, kept;  // of the best
    std::vector<std::byte*> kept_entries;
    std::vector<std::pair<uint32_t, std::byte*>> best_pairs;
    std::vector<int64_t> matches;  // of each row of the batch
    // To find what comes and goes in one batch.
    std::vector<uint32_t> buckets, chain;
    std::vector<uint8_t> left_out;
};

RegularJoin::RegularJoin(RegularJoinParameters parameters) : p_(std::move(parameters)) {
    p_.shape.check();
    if (!p_.best) return;
    MILLRACE_CHECK(p_.shape.type == JoinType::Inner, "only the best pairs of an outer join");
    for (size_t side = 0; side < 2; ++side)
        MILLRACE_CHECK(!p_.shape.inputs[side].retracts && p_.ttls[side].ms == 0,
                       "only the best pairs of rows that go");
}

RegularJoin::~RegularJoin() = default;

std::vector<KeptState> RegularJoin::keeps() const {
    std::vector<KeptState> kept;
    for (size_t side = 0; side < 2; ++side) {
        const std::string name = kSideNames[side];
        const bool retracts = p_.shape.inputs[side].retracts;
        if (p_.best && p_.best->side == side && !p_.best->within_keys) {
            kept.push_back({name + "-rows", "rows of the " + name + " input that may still be a key's first",
                            untilExpired(p_.ttls[side], TtlFrom::OptionOrHint)});
            continue;
        }
        const std::string until = retracts ? untilTakenBack(p_.ttls[side], TtlFrom::OptionOrHint)
                                           : untilExpired(p_.ttls[side], TtlFrom::OptionOrHint);
        kept.push_back({name + "-rows", "every row of the " + name + " input", until});
        if (retracts) kept.push_back({name + "-numbers", "where each of " + name + "-rows is", until});
    }
    return kept;
}

std::unique_ptr<OperatorState> RegularJoin::open(OperatorContext& context) const {
    const auto list_of = [&](size_t side) {
        const JoinInput& input = p_.shape.inputs[side];
        RowLists::Shape shape{kSideNames[side], input.schema, input.keys};
        shape.removable = input.retracts;
        shape.counts_matches = p_.shape.counts(side);
        shape.ttl = p_.ttls[side];
        if (p_.best && p_.best->side == side) shape.note_bytes = BestPairs::kNoteBytes;
        return shape;
    };
    BestPairs::check(p_.best ? &*p_.best : nullptr, context);
    return std::make_unique<State>(
        p_, context, RowLists::ofInputs(context.state(), context.maxParallelism(), list_of(0), list_of(1)));
}

void RegularJoin::process(OperatorState& operator_state, size_t side, const Batch& batch,
                          OperatorContext& context, Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (batch.empty()) return;
    state.keyed.set(batch, p_.shape.inputs[side].keys);
    if (p_.shape.inputs[side].retracts) state.keyed.hashRows();
    if (state.best && state.best->side() == side) state.keyed.groupRows();
    net(state, side);
    state.rows.begin(side, batch, state.lists[1 - side], context, output);
    if (!state.taken_back.empty()) apply(state, side, batch, state.taken_back, true);
    if (!state.added.empty()) apply(state, side, batch, state.added, false);
}

// What the batch changes in all: rows that come and go again are in neither selection.
void RegularJoin::net(State& state, size_t side) const {
    Selection& taken_back = state.taken_back;
    Selection& added = state.added;
    const Batch& batch = *state.keyed.batch;
    const size_t rows = batch.rows();
    taken_back.clear();
    added.clear();
    const RowKind* kinds = batch.kinds();
    if (kinds == nullptr || std::none_of(kinds, kinds + rows, isRetraction)) {
        added = state.keyed.all;
        return;
    }
    MILLRACE_CHECK(p_.shape.inputs[side].retracts, "a retraction comes in where none was planned for");
    const size_t mask = std::bit_ceil(rows * 2) - 1;
    state.buckets.assign(mask + 1, JoinRows::kNoRow);
    state.chain.resize(rows);
    state.left_out.assign(rows, 0);
    const std::vector<uint64_t>& hashes = state.keyed.row_hashes;
    for (uint32_t i = 0; i < rows; ++i) {
        uint32_t* link = &state.buckets[mixHash(hashes[i]) & mask];
        if (!isRetraction(kinds[i])) {
            state.chain[i] = *link;
            *link = i;
            continue;
        }
        while (*link != JoinRows::kNoRow && !(hashes[*link] == hashes[i] && sameRow(batch, *link, i)))
            link = &state.chain[*link];
        if (*link == JoinRows::kNoRow) continue;
        state.left_out[i] = state.left_out[*link] = 1;
        *link = state.chain[*link];
    }
    for (uint32_t i = 0; i < rows; ++i) {
        if (!state.left_out[i]) (isRetraction(kinds[i]) ? taken_back : added).push_back(i);
    }
}

void RegularJoin::apply(State& state, size_t side, const Batch& batch, const Selection& rows,
                        bool retract) const {
    Selection& with_key = state.with_key;
    JoinRows::divide(state.keyed, rows, with_key, state.without_key);
    if (retract) {
        state.lists[side].remove(state.keyed, with_key, state.removed);
        with_key = state.removed;
    }
    state.lists[side].enterKeys(state.keyed, with_key);
    if (state.best) return state.best->side() == side ? applyBest(state, side) : applyToBest(state, side);
    state.matches.assign(batch.rows(), 0);
    const bool plain = p_.shape.type == JoinType::Inner && !p_.shape.inputs[1 - side].retracts;
    state.rows.meet(state.keyed, with_key,
                    [&](std::span<const uint32_t> pairs, std::span<std::byte* const> others) {
                        for (size_t i = 0; i < pairs.size(); ++i) {
                            if (plain) {
                                state.rows.put(pairs[i], others[i], batch.kind(pairs[i]));
                            } else {
                                pairUp(state, side, batch, pairs[i], others[i], retract);
                            }
                        }
                    });
    if (p_.shape.counts(side)) {
        putOutOwn(state, batch, with_key, retract);
        putOutOwn(state, batch, state.without_key, retract);
    }
    state.rows.flush();
    if (retract) return;
    std::vector<int64_t> matches;
    if (p_.shape.counts(side)) {
        for (const uint32_t row : with_key)
            matches.push_back(state.matches[row]);
    }
    state.lists[side].add(state.keyed, with_key, matches);
}

// Inserts of the side whose rows decide which pair is the first.
void RegularJoin::applyBest(State& state, size_t side) const {
    BestPairs& best = *state.best;
    best.begin(state.keyed, state.lists[side], state.lists[1 - side], state.first);
    state.best_pairs.clear();
    const auto meet = [&](const Selection& rows) {
        state.rows.meet(state.keyed, rows,
                        [&](std::span<const uint32_t> pairs, std::span<std::byte* const> others) {
                            for (size_t i = 0; i < pairs.size(); ++i) {
                                if (best.goesOut(pairs[i]))
                                    state.best_pairs.emplace_back(pairs[i], others[i]);
                            }
                        });
    };
    meet(state.first);
    best.others(state.further);
    meet(state.further);
    for (const auto& [row, other] : state.best_pairs) {
        if (best.stands(row)) state.rows.put(row, other, RowKind::Insert);
    }
    state.rows.flush();
    best.keep(state.kept, state.kept_entries);
    state.lists[side].addTo(state.kept_entries, state.keyed, state.kept);
}

// Inserts of the other side.
void RegularJoin::applyToBest(State& state, size_t side) const {
    state.rows.meet(state.keyed, state.with_key,
                    [&](std::span<const uint32_t> pairs, std::span<std::byte* const> kept) {
                        state.best->chooseKept(state.keyed, state.lists[1 - side], pairs, kept, state.chosen);
                        for (const uint32_t pair : state.chosen)
                            state.rows.put(pairs[pair], kept[pair], RowKind::Insert);
                    });
    state.rows.flush();
    state.lists[side].add(state.keyed, state.with_key, {});
}

void RegularJoin::pairUp(State& state, size_t side, const Batch& batch, uint32_t row, std::byte* other,
                         bool retract) const {
    RowLists& others = state.lists[1 - side];
    const int64_t copies = others.copies(other);
    state.matches[row] += copies;
    bool turns = false;  // the other row meets its first, or has met its last
    if (p_.shape.counts(1 - side)) {
        const int64_t matches = others.matches(other);
        turns = matches == (retract ? 1 : 0);
        others.setMatches(other, matches + (retract ? -1 : 1));
    }
    const auto put = [&](uint32_t own, RowKind kind) {
        for (int64_t i = 0; i < copies; ++i)
            state.rows.put(own, other, kind);
    };
    const JoinType type = p_.shape.type;
    if (onlyLeft(type)) {
        const bool comes = (type == JoinType::Semi) != retract;
        if (turns) put(JoinRows::kNoRow, comes ? RowKind::Insert : RowKind::Delete);
        return;
    }
    const RowKind kind = retract ? RowKind::Delete : RowKind::Insert;
    if (turns && !retract) put(JoinRows::kNoRow, RowKind::Delete);
    put(row, type == JoinType::Inner ? batch.kind(row) : kind);
    if (turns && retract) put(JoinRows::kNoRow, RowKind::Insert);
}

// Rows of the batch that go out by themselves: those of a side kept whole that meet nothing, padded; the left
// ones of a semi or anti join.
void RegularJoin::putOutOwn(State& state, const Batch& batch, const Selection& rows, bool retract) const {
    const bool matched = p_.shape.type == JoinType::Semi;
    const RowKind kind = retract ? RowKind::Delete : RowKind::Insert;
    for (const uint32_t row : rows) {
        if ((state.matches[row] > 0) == matched)
            state.rows.put(row, nullptr, onlyLeft(p_.shape.type) ? batch.kind(row) : kind);
    }
}

}  // namespace millrace
