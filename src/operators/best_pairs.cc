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

void BestPairs::begin(const KeyedBatch& batch, RowLists& own, const RowLists& others) {
    batch_ = &batch;
    own_ = &own;
    columns_.clear();
    for (const SortOrder& by : best_.order)
        columns_.push_back(batch.batch->column(by.column));
    keys_.encode(columns_, best_.order, batch.batch->rows());
    went_out_.assign(batch.batch->rows(), 0);
    static_assert(sizeof(Note) == kNoteBytes);
    known_.resize(batch.groups.size());
    for (size_t group = 0; group < known_.size(); ++group) {
        std::byte* const entry = batch.group_entries[group];
        if (entry == nullptr) continue;  // NULL
        const int64_t met = others.size(entry);
        known_[group] = {noteAt(own.note(entry)), kNone, met == 0, best_.within_keys && met != 1};
    }
}

// True where that is not known.
bool BestPairs::isAhead(uint32_t row) const {
    const Key& key = keyOf(row);
    if (key.is_divided) return true;
    const Note note = noteOf(keys_.prefix(row));
    return key.sent < note || (note == key.sent && keys_.size(row) > kNoteBytes);
}

void BestPairs::choose(std::span<const uint32_t> selection, Selection& ahead) const {
    ahead.clear();
    for (const uint32_t row : selection) {
        if (isAhead(row)) ahead.push_back(row);
    }
}

void BestPairs::divide(std::span<const uint32_t> ahead, Selection& first, Selection& behind) {
    first.clear();
    behind.clear();
    for (const uint32_t row : ahead) {
        uint32_t& best = known_[batch_->groups.of(row)].best;
        if (best == kNone || SortKeys::less(keys_.prefix(row), keys_.prefix(best))) best = row;
    }
    for (const uint32_t row : ahead) {
        const Key& key = keyOf(row);
        if (key.meets_none) continue;
        (key.best == row && !key.is_divided ? first : behind).push_back(row);
    }
}

bool BestPairs::stands(uint32_t row) const {
    const Key& key = keyOf(row);
    return key.is_divided || key.sent == noteOf(keys_.prefix(row));
}

bool BestPairs::goesOut(uint32_t row) {
    if (!isAhead(row)) return false;
    known_[batch_->groups.of(row)].sent = noteOf(keys_.prefix(row));
    noteAt(own_->note(batch_->entries[row])) = noteOf(keys_.prefix(row));
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
        Note& sent = noteAt(own.note(batch.entries[rows[pair]]));
        if (const Note note = noteOf(keys_.prefix(pair)); sent < note) sent = note;
    }
}

// A row that was not ahead at first never is.
void BestPairs::keep(std::span<const uint32_t> all, std::span<const uint32_t> ahead, Selection& kept) const {
    if (best_.within_keys) {
        kept.assign(all.begin(), all.end());
        return;
    }
    choose(ahead, kept);
    std::erase_if(kept, [&](uint32_t row) { return went_out_[row] != 0; });
}

}  // namespace millrace
