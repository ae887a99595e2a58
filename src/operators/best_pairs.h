// Of an inner join whose pairs are read by a Top-1 alone, or a MAX or MIN, which is the value of the first by
// it (rules/keep_best_pairs.cc): the pairs that cannot be the first of their partition, and the rows that
// cannot make one, are left out.
//
// The Top-1 orders pairs by columns of one input, the join's `side`, and its partitions are the join's keys,
// or parts of them divided further by columns of the other input. Where inputs only insert, the first row of
// a partition only ever gives way to one ahead of it. So once a row of `side` has gone out in a pair,
// * no pair of the same partition with a row that is not ahead of it matters, whatever comes;
// * where partitions are the keys, such rows need not be kept for rows of the other input that are still to
//   come; nor need the row itself: its next pair would only equal its first.
// With partitions within a key this holds of pairs alone, and is known only while the key has one row of the
// other input.
//
// What went out lies beside the key's entry in the join's index (KeyedLogDescriptor::note_bytes) as the first
// bytes of its sort key. It is in no snapshot: a join that knows less lets more pass.
//
// State: list "left-out": by which order rows were left out. A join that is to have them refuses it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "operators/row_lists.h"
#include "operators/sort_keys.h"
#include "runtime/operator.h"

namespace millrace {

struct BestOnly {
    size_t side = 0;               // of the join's inputs
    std::vector<SortOrder> order;  // columns of that input
    bool within_keys = false;      // partitions are parts of the rows of a key
    std::string text;              // "right: price DESC": what rows are left out by
};

class BestPairs {
  public:
    static constexpr size_t kNoteBytes = 2 * sizeof(uint64_t);

    // UserError "state.incompatible" if the snapshot's rows were left out by another order; nullptr is a join
    // that leaves out none.
    static void check(const BestOnly* best, OperatorContext& context);

    explicit BestPairs(const BestOnly& best) : best_(best) {}

    size_t side() const { return best_.side; }
    // Takes up a batch of `side`, whose rows are grouped and whose keys have been entered in `own`. `first`
    // gets, of keys that rows of the other input have, the row that is to be met first: the best one, if it
    // may make a first pair.
    void begin(const KeyedBatch& batch, RowLists& own, const RowLists& others, Selection& first);
    // Of these keys, once their first rows' pairs are known, the other rows that may still make one.
    void others(Selection& rows) const;
    // Whether a pair with that row has to go out, for all that is known. Then it is told of as one that does.
    bool goesOut(uint32_t row);
    // Whether it still has to, once all pairs of the batch are known: none ahead of it has gone out since.
    bool stands(uint32_t row) const;
    // Of pairs that rows of a batch of the other input, ascending, make with kept rows of `side`: the places
    // of those that have to go out, as they then do. They are one for each row of the batch.
    void chooseKept(const KeyedBatch& batch, RowLists& own, std::span<const uint32_t> rows,
                    std::span<std::byte* const> kept, Selection& chosen);
    // Of the batch's rows, once all pairs are known, those that have to be kept, a key's behind one another;
    // and their keys' entries.
    void keep(Selection& kept, std::vector<std::byte*>& entries) const;

  private:
    // The first two words of a sort key, inverted: zero is behind all.
    struct Note {
        uint64_t first;
        uint64_t second;

        bool operator==(const Note& other) const { return first == other.first && second == other.second; }
        bool operator<(const Note& other) const {
            return first != other.first ? first < other.first : second < other.second;
        }
    };
    static constexpr uint32_t kNone = UINT32_MAX;
    // What is known of a key that the batch has.
    struct Key {
        Note sent;
        uint32_t best;    // the row that is met first, or kNone
        bool meets_none;  // there are no rows of the other input, or it is NULL
        bool is_divided;  // what is known of the key is not known of each of its partitions
    };
    static Note noteOf(const SortKeys::Prefix& key) { return {~key[0], ~key[1]}; }
    static Note& noteAt(std::byte* note) { return *reinterpret_cast<Note*>(note); }
    // Whether the row may make a first pair where the best that went out has this note.
    bool isAheadOf(const Note& sent, uint32_t row) const {
        const Note note = noteOf(keys_.prefix(row));
        return sent < note || (may_go_on_ && note == sent && keys_.size(row) > kNoteBytes);
    }
    bool isAhead(uint32_t row) const {
        const Key& key = keyOf(row);
        return key.is_divided || isAheadOf(key.sent, row);
    }
    uint32_t bestOf(std::span<const uint32_t> rows, const Note& sent) const;
    const Key& keyOf(uint32_t row) const { return known_[batch_->groups.of(row)]; }

    const BestOnly& best_;
    const KeyedBatch* batch_ = nullptr;
    RowLists* own_ = nullptr;
    SortKeys keys_;
    bool may_go_on_ = false;  // keys, behind what a note has of them
    std::vector<ColumnPtr> columns_;
    std::vector<uint8_t> went_out_;  // of each row
    std::vector<Key> known_;         // one a group
};

}  // namespace millrace
