// Keyed state that holds any number of rows a key, as joins need it: all rows of a key, added to and, where
// the input has retractions, taken from.
//
// A key's rows are numbered from 0 without gaps. State: table "<name>-rows", keyed by the key and the number,
// of which the key alone decides the key group: all rows of many keys are found in one probe of the table.
// Row 0 holds how many there are. Each row keeps
//   size     of row 0: the rows of the key
//   matches  where they are counted: the rows of the other side that it meets
//   copies, hash  where rows can be taken back: how often the row is there, and the hash of all its columns
//   the columns that are no key columns.
// A row that is taken back leaves its number to the last one. To find it there is a second table then,
// "<name>-numbers", from key and hash to the number; should two different rows share a hash, the later one is
// searched for.
//
// Where rows only come and do not expire, those of a key are chained in memory, newest first behind row 0,
// and only row 0 is in the table's index: collect() follows the chains of many keys side by side. Where they
// are not written to either, by counts of matches, nor kept by namespace, they are a log
// (state/keyed_logs.h), and "<name>-rows" is its name. The two inputs of a join can share its index.
//
// With a TTL rows may be gone before their number is: they are passed over.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "batch/batch.h"
#include "operators/batch_groups.h"
#include "state/keyed_logs.h"
#include "state/state_backend.h"

namespace millrace {

// The rows of a batch by the columns that are their key.
struct KeyedBatch {
    const Batch* batch = nullptr;
    std::vector<ColumnPtr> keys;
    std::vector<uint64_t> hashes;      // of the key
    std::vector<uint64_t> row_hashes;  // of all columns; set where rows are taken back
    Selection all;                     // 0, 1, 2, ...
    // The keys' entries in these logs, once they have been looked up.
    const KeyedLogs* entries_of = nullptr;
    std::vector<std::byte*> entries;  // one a row; set for rows with a key
    // Rows of one key, where groupRows() was called: then a key is looked up once, and there is an entry a
    // group, nullptr for NULL.
    BatchGroups groups;
    bool grouped = false;
    std::vector<std::byte*> group_entries;
    std::byte* entryOf(uint32_t row) const { return grouped ? group_entries[groups.of(row)] : entries[row]; }

    void set(const Batch& rows, std::span<const size_t> key_columns);
    void hashRows();
    void groupRows();
};

class RowLists {
  public:
    struct Shape {
        std::string name;
        Schema input;
        std::vector<size_t> keys;     // columns of the input
        bool removable = false;       // rows can be taken back
        bool counts_matches = false;  // rows keep how many rows of the other side they meet
        bool namespaced = false;      // by window, say; then rows go with their namespace, not one by one
        Duration ttl;
        size_t note_bytes = 0;  // of a log: what its user remembers of each key

        bool isLog() const { return !removable && !counts_matches && !namespaced && ttl.ms == 0; }
    };
    RowLists(StateBackend& backend, uint32_t max_parallelism, Shape shape);
    // Those of the two inputs of a join.
    static std::pair<RowLists, RowLists> ofInputs(StateBackend& backend, uint32_t max_parallelism, Shape left,
                                                  Shape right);

    // The namespace that the calls below are about; 0 at first.
    void enter(int64_t name_space) { name_space_ = name_space; }
    std::vector<int64_t> namespaces() const { return rows_->namespaces(); }
    std::vector<std::byte*> all() { return rows_->allRows(name_space_); }
    void drop() { rows_->dropNamespace(name_space_); }

    // Row 0 of each selected key, nullptr where there are no rows. `keys` may be of another input, whose key
    // columns have the same types.
    void find(const KeyedBatch& keys, std::span<const uint32_t> selection, std::vector<std::byte*>& heads);
    // How many rows, each counted once, whatever its copies.
    int64_t size(const std::byte* head) const {
        return logs_ != nullptr ? logs_->size(head, log_) : field(head, size_field_);
    }
    // The rows of number numbers[i] of the key in row of_row[i] of `keys`; nullptr where its time was over.
    void find(const KeyedBatch& keys, std::span<const uint32_t> of_row, std::span<const int64_t> numbers,
              std::vector<std::byte*>& rows);

    // Where the keys of both inputs share an index, and these are of it: looks the selected rows' keys up,
    // for find() and add() of both. They get an entry where they have none. Of a batch that is grouped all
    // rows with a key are selected.
    void enterKeys(KeyedBatch& batch, std::span<const uint32_t> selection);
    // Of a log and a key's entry: KeyedLogs::note().
    std::byte* note(std::byte* entry) const { return logs_->note(entry); }
    // Whether collect() can be used rather than numbers.
    bool linked() const { return linked_; }
    // All rows of the keys of these heads, one key after the other, in the order of their numbers.
    void collect(std::span<std::byte* const> heads, std::vector<std::byte*>& rows);

    int64_t copies(const std::byte* row) const { return copies_field_ ? field(row, *copies_field_) : 1; }
    int64_t matches(const std::byte* row) const { return field(row, *matches_field_); }
    void setMatches(std::byte* row, int64_t matches) {
        rows_->touch(name_space_, row);
        setField(row, *matches_field_, matches);
    }

    // Adds the selected rows, with their matches (one a selected row, if they are counted).
    void add(const KeyedBatch& batch, std::span<const uint32_t> selection, std::span<const int64_t> matches);
    // The same of a log, to keys whose entries are at hand, one a selected row.
    void addTo(std::span<std::byte* const> entries, const KeyedBatch& batch,
               std::span<const uint32_t> selection);
    // Takes the selected rows back; those that were not there are left out of `removed`.
    void remove(const KeyedBatch& batch, std::span<const uint32_t> selection, Selection& removed);

    // A row whose columns are all NULL, to load.
    std::byte* nothing() { return logs_ != nullptr ? logs_->nothing(log_) : no_row_.data(); }
    // Input columns of rows.
    std::vector<ColumnPtr> load(std::span<const size_t> columns, std::span<std::byte* const> rows) const;
    ColumnPtr load(size_t column, std::span<std::byte* const> rows) const {
        return load(std::span(&column, 1), rows).front();
    }

  private:
    static constexpr size_t kNone = SIZE_MAX;

    RowLists(Shape shape, uint32_t max_parallelism);
    KeyedLogDescriptor logDescriptor() const;
    void useLog(KeyedLogs& logs, size_t log);
    void useTables(StateBackend& backend);
    void number();

    int64_t field(const std::byte* row, size_t index) const {
        return RowLayout::at<int64_t>(row, rows_->layout().offset(index));
    }
    void setField(std::byte* row, size_t index, int64_t value) const {
        RowLayout::setNull(row, index, false);
        RowLayout::at<int64_t>(row, rows_->layout().offset(index)) = value;
    }
    std::vector<ColumnPtr> withLast(const KeyedBatch& batch, const ColumnPtr& last) const;
    const ColumnPtr& zeros(size_t rows);
    void look(std::span<const ColumnPtr> columns, std::span<const uint32_t> selection,
              std::vector<std::byte*>& rows);
    void append(const KeyedBatch& batch, std::span<const uint32_t> selection,
                std::span<const int64_t> matches);
    void chain();
    void chain(std::span<std::byte* const> rows);
    void store(const KeyedBatch& batch, std::span<const uint32_t> selection);
    bool same(const std::byte* row, const Batch& batch, size_t index) const;
    // One row at a time, for what is taken back.
    std::byte* rowAt(const KeyedBatch& batch, uint32_t index, int64_t number);
    std::byte* numberOf(const KeyedBatch& batch, uint32_t index, uint64_t hash);
    bool removeOne(const KeyedBatch& batch, uint32_t index);
    void vacate(const KeyedBatch& batch, uint32_t index, std::byte* row, int64_t number);

    Shape shape_;
    uint32_t max_parallelism_;
    bool linked_;
    size_t number_field_;
    KeyedLogs* logs_ = nullptr;  // where the rows are: in a log of these,
    size_t log_ = 0;
    KeyedTable* rows_ = nullptr;  // or here
    KeyedTable* numbers_ = nullptr;
    int64_t name_space_ = 0;
    size_t size_field_ = 0;
    std::optional<size_t> matches_field_, copies_field_, hash_field_;
    size_t number_value_ = 0;            // of numbers_
    std::vector<size_t> field_of_;       // of each input column, in rows_; or, in a log, of the key and value
    std::vector<size_t> value_columns_;  // input columns that are no key
    std::vector<std::byte> no_row_;      // all NULL

    struct Cursor {
        std::byte* row;
        size_t first;  // place of the key's row 0
        int64_t size;
    };

    // Scratch.
    std::vector<Cursor> cursors_;
    ColumnPtr zeros_;
    std::vector<uint64_t> hashes_;
    std::vector<std::byte*> targets_, found_, entries_;
    std::vector<const std::byte*> read_;
    std::vector<int64_t> assigned_;
    Selection first_rows_, later_, fresh_, again_;
    std::vector<uint8_t> inserted_;
};

}  // namespace millrace
