#include "operators/best_pairs.h"

#include <algorithm>

namespace millrace {

void BestPairs::check(const BestOnly* best, OperatorContext& context) {
    std::vector<std::string>& list = context.state().list("left-out", Redistribution::Union);
    const bool leaves_out = best != nullptr && !best->within_keys;
    for (const std::string& text : list) {
        if (leaves_out && best->text == text) continue;
        throw UserError(
            "state.incompatible",
            fmt::format("the join's rows in the snapshot are those that a Top-1 of it needed, by {}", text),
            "start without the state of this query, or with the query as it was");
    }
    list.clear();
    if (leaves_out) list.push_back(best->text);
}

void BestPairs::begin(const KeyedBatch& batch, RowLists& own, const RowLists& others, Selection& first) {
    batch_ = &batch;
    own_ = &own;
    columns_.clear();
    for (const SortOrder& by : best_.order)
        columns_.push_back(batch.batch->column(by.column));
    keys_.encode(columns_, best_.order, batch.batch->rows());
    may_go_on_ = keys_.areLong() || keys_.size(0) > kNoteBytes;
    went_out_.assign(batch.batch->rows(), 0);
    static_assert(sizeof(Note) == kNoteBytes);
    known_.resize(batch.groups.size());
    first.clear();
    for (size_t group = 0; group < known_.size(); ++group) {
        std::byte* const entry = batch.group_entries[group];
        Key& key = known_[group];
        key = {{}, kNone, true, false};
        if (entry == nullptr) continue;
        const int64_t met = others.size(entry);
        key = {noteAt(own.note(entry)), kNone, met == 0, best_.within_keys && met != 1};
        if (key.meets_none || key.is_divided) continue;
        key.best = bestOf(batch.groups.rowsOf(group), key.sent);
        if (key.best != kNone) first.push_back(key.best);
    }
}

// Of the rows that may be ahead of what was sent the best, the first one of equals.
uint32_t BestPairs::bestOf(std::span<const uint32_t> rows, const Note& sent) const {
    uint32_t best = kNone;
    if (may_go_on_) {
        for (const uint32_t row : rows) {
            if (!isAheadOf(sent, row)) continue;
            if (best == kNone || SortKeys::less(keys_.prefix(row), keys_.prefix(best))) best = row;
        }
        return best;
    }
    Note best_note = sent;
    for (const uint32_t row : rows) {
        const Note note = noteOf(keys_.prefix(row));
        if (!(best_note < note)) continue;
        best_note = note;
        best = row;
    }
    return best;
}

void BestPairs::others(Selection& rows) const {
    rows.clear();
    for (size_t group = 0; group < known_.size(); ++group) {
        const Key& key = known_[group];
        if (key.meets_none || (key.best == kNone && !key.is_divided)) continue;
        const bool is_settled = key.best != kNone && went_out_[key.best] != 0 && !may_go_on_;
        if (is_settled) continue;
        for (const uint32_t row : batch_->groups.rowsOf(group)) {
            if (row != key.best && isAhead(row)) rows.push_back(row);
        }
    }
}

bool BestPairs::stands(uint32_t row) const {
    const Key& key = keyOf(row);
    return key.is_divided || key.sent == noteOf(keys_.prefix(row));
}

bool BestPairs::goesOut(uint32_t row) {
    if (!isAhead(row)) return false;
    known_[batch_->groups.of(row)].sent = noteOf(keys_.prefix(row));
    noteAt(own_->note(batch_->entryOf(row))) = noteOf(keys_.prefix(row));
    went_out_[row] = 1;
    return true;
}

// All pairs of a row of the other input are of one partition.
void BestPairs::chooseKept(const KeyedBatch& batch, RowLists& own, std::span<const uint32_t> rows,
                           std::span<std::byte* const> kept, Selection& chosen) {
    std::vector<size_t> ordering;
    for (const SortOrder& by : best_.order)
        ordering.push_back(by.column);
    columns_ = own.load(ordering, kept);
    keys_.encode(columns_, best_.order, kept.size());
    chosen.clear();
    for (uint32_t pair = 0; pair < rows.size(); ++pair) {
        if (pair == 0 || rows[pair] != rows[pair - 1]) {
            chosen.push_back(pair);
        } else if (keys_.less(pair, keys_, chosen.back())) {
            chosen.back() = pair;
        }
    }
    for (const uint32_t pair : chosen) {
        Note& sent = noteAt(own.note(batch.entryOf(rows[pair])));
        if (const Note note = noteOf(keys_.prefix(pair)); sent < note) sent = note;
    }
}

void BestPairs::keep(Selection& kept, std::vector<std::byte*>& entries) const {
    kept.clear();
    entries.clear();
    for (size_t group = 0; group < known_.size(); ++group) {
        std::byte* const entry = batch_->group_entries[group];
        if (entry == nullptr) continue;
        const std::span<const uint32_t> rows = batch_->groups.rowsOf(group);
        if (best_.within_keys) {
            kept.insert(kept.end(), rows.begin(), rows.end());
            entries.insert(entries.end(), rows.size(), entry);
            continue;
        }
        const Note sent = known_[group].sent;
        for (const uint32_t row : rows) {
            if (isAheadOf(sent, row) && went_out_[row] == 0) kept.push_back(row);
        }
        entries.resize(kept.size(), entry);
    }
}

}  // namespace millrace
