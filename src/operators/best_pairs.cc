#include "operators/best_pairs.h"

#include <algorithm>

namespace millrace {

namespace {

constexpr uint32_t kNoKey = UINT32_MAX;

// The first two words of a sort key, inverted: zero is behind all.
struct Note {
    uint64_t first;
    uint64_t second;

    bool operator==(const Note& other) const { return first == other.first && second == other.second; }
    bool operator<(const Note& other) const {
        return first != other.first ? first < other.first : second < other.second;
    }
};
constexpr size_t kKeyBytes = sizeof(Note);
static_assert(BestPairs::kNoteBytes == kKeyBytes + sizeof(uint64_t));

Note noteOf(const SortKeys::Prefix& key) { return {~key[0], ~key[1]}; }
Note& noteAt(std::byte* note) { return *reinterpret_cast<Note*>(note); }
// Of the batch that is being divided, the key's place among all, if that is of this key.
uint32_t& placeAt(std::byte* note) { return *reinterpret_cast<uint32_t*>(note + kKeyBytes); }

}  // namespace

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
    others_ = &others;
    columns_.clear();
    for (const SortOrder& by : best_.order)
        columns_.push_back(batch.batch->column(by.column));
    keys_.encode(columns_, best_.order, batch.batch->rows());
    went_out_.assign(batch.batch->rows(), 0);
}

// True where that is not known.
bool BestPairs::isAhead(uint32_t row) const {
    std::byte* const entry = batch_->entries[row];
    if (isDivided(entry)) return true;
    const Note note = noteOf(keys_.prefix(row));
    const Note& sent = noteAt(own_->note(entry));
    return sent < note || (note == sent && keys_.size(row) > kKeyBytes);
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
    first_.clear();
    key_of_.clear();
    for (const uint32_t row : ahead) {
        std::byte* const entry = batch_->entries[row];
        if (others_->size(entry) == 0 || isDivided(entry)) {
            key_of_.push_back(kNoKey);
            continue;
        }
        uint32_t& place = placeAt(own_->note(entry));
        if (place >= first_.size() || batch_->entries[first_[place]] != entry) {
            place = static_cast<uint32_t>(first_.size());
            first_.push_back(row);
        } else if (uint32_t& best = first_[place]; SortKeys::less(keys_.prefix(row), keys_.prefix(best))) {
            best = row;
        }
        key_of_.push_back(place);
    }
    for (size_t i = 0; i < ahead.size(); ++i) {
        const uint32_t row = ahead[i];
        if (key_of_[i] != kNoKey) {
            (first_[key_of_[i]] == row ? first : behind).push_back(row);
        } else if (others_->size(batch_->entries[row]) > 0) {
            behind.push_back(row);
        }
    }
}

bool BestPairs::stands(uint32_t row) const {
    std::byte* const entry = batch_->entries[row];
    return isDivided(entry) || noteAt(own_->note(entry)) == noteOf(keys_.prefix(row));
}

bool BestPairs::goesOut(uint32_t row) {
    if (!isAhead(row)) return false;
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
