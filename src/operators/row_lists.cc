#include "operators/row_lists.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "operators/aggregation.h"
#include "operators/batch_keys.h"

namespace millrace {

namespace {

const LogicalType kCounter = LogicalType::bigint().withNullable(false);

uint64_t hashOfNumber(int64_t number) { return mixHash(static_cast<uint64_t>(number)); }

std::shared_ptr<Column> integers(size_t rows) { return std::make_shared<Column>(kCounter, rows); }

}  // namespace

void KeyedBatch::set(const Batch& rows, std::span<const size_t> key_columns) {
    batch = &rows;
    keysOf(rows, key_columns, keys, hashes);
    row_hashes.clear();
    entries_of = nullptr;
    grouped = false;
    const size_t before = all.size();
    all.resize(rows.rows());
    for (size_t i = before; i < all.size(); ++i)
        all[i] = static_cast<uint32_t>(i);
}

void KeyedBatch::groupRows() {
    groups.find(keys, hashes);
    groups.sortRows();
    grouped = true;
}

void KeyedBatch::hashRows() { hashColumns(batch->columns(), batch->rows(), row_hashes); }

RowLists::RowLists(Shape shape, uint32_t max_parallelism)
    : shape_(std::move(shape)),
      max_parallelism_(max_parallelism),
      linked_(!shape_.removable && shape_.ttl.ms == 0),
      number_field_(shape_.keys.size()) {
    MILLRACE_CHECK(!shape_.namespaced || !shape_.removable, "rows of '{}' go with their namespace",
                   shape_.name);
    field_of_.assign(shape_.input.size(), kNone);
    for (size_t i = 0; i < shape_.keys.size(); ++i) {
        if (field_of_[shape_.keys[i]] == kNone) field_of_[shape_.keys[i]] = i;
    }
    for (size_t column = 0; column < shape_.input.size(); ++column) {
        if (field_of_[column] == kNone) value_columns_.push_back(column);
    }
}

RowLists::RowLists(StateBackend& backend, uint32_t max_parallelism, Shape shape)
    : RowLists(std::move(shape), max_parallelism) {
    if (shape_.isLog()) {
        useLog(backend.logs({logDescriptor()}), 0);
    } else {
        useTables(backend);
    }
}

std::pair<RowLists, RowLists> RowLists::ofInputs(StateBackend& backend, uint32_t max_parallelism, Shape left,
                                                 Shape right) {
    if (!left.isLog() || !right.isLog()) {
        return {RowLists(backend, max_parallelism, std::move(left)),
                RowLists(backend, max_parallelism, std::move(right))};
    }
    std::pair<RowLists, RowLists> lists{RowLists(std::move(left), max_parallelism),
                                        RowLists(std::move(right), max_parallelism)};
    KeyedLogs& logs = backend.logs({lists.first.logDescriptor(), lists.second.logDescriptor()});
    lists.first.useLog(logs, 0);
    lists.second.useLog(logs, 1);
    return lists;
}

KeyedLogDescriptor RowLists::logDescriptor() const {
    std::vector<Field> value;
    for (const size_t column : value_columns_) {
        const Field& field = shape_.input[column];
        value.push_back({field.name, field.type.withNullable(true)});
    }
    return {shape_.name + "-rows", Aggregation::keySchema(shape_.input, shape_.keys),
            Schema(std::move(value)), shape_.note_bytes};
}

void RowLists::useLog(KeyedLogs& logs, size_t log) {
    logs_ = &logs;
    log_ = log;
    for (size_t i = 0; i < value_columns_.size(); ++i)
        field_of_[value_columns_[i]] = shape_.keys.size() + i;
}

void RowLists::useTables(StateBackend& backend) {
    KeyedStateDescriptor rows;
    rows.name = shape_.name + "-rows";
    rows.ttl = shape_.ttl;
    rows.routing_fields = shape_.keys.size();
    rows.namespaced = shape_.namespaced;
    rows.linked = linked_;
    std::vector<Field> key = Aggregation::keySchema(shape_.input, shape_.keys).fields();
    KeyedStateDescriptor numbers = rows;
    numbers.linked = false;
    numbers.name = shape_.name + "-numbers";

    key.push_back({"number", kCounter});
    std::vector<Field> value;
    const auto counter = [&](const char* name) {
        value.push_back({name, kCounter});
        return key.size() + value.size() - 1;
    };
    size_field_ = counter("size");
    if (shape_.counts_matches) matches_field_ = counter("matches");
    if (shape_.removable) {
        copies_field_ = counter("copies");
        hash_field_ = counter("hash");
    }
    for (const size_t column : value_columns_) {
        const Field& field = shape_.input[column];
        value.push_back({field.name, field.type.withNullable(true)});
        field_of_[column] = key.size() + value.size() - 1;
    }
    rows.key = Schema(key);
    rows.value = Schema(std::move(value));
    rows_ = &backend.table(rows);
    no_row_.assign(rows_->layout().rowBytes(), std::byte{0});
    if (linked_) {
        chain();
    } else if (!shape_.removable) {
        number();
    }
    if (!shape_.removable) return;
    key.back().name = "hash";
    numbers.key = Schema(std::move(key));
    numbers.value = Schema({{"number", kCounter}});
    numbers_ = &backend.table(numbers);
    number_value_ = numbers_->firstValueField();
}

std::vector<ColumnPtr> RowLists::withLast(const KeyedBatch& batch, const ColumnPtr& last) const {
    std::vector<ColumnPtr> columns = batch.keys;
    columns.push_back(last);
    return columns;
}

const ColumnPtr& RowLists::zeros(size_t rows) {
    if (!zeros_ || zeros_->size() < rows) {
        const auto made = integers(std::max<size_t>(rows, 4096));
        std::fill_n(made->mutableData<int64_t>(), made->size(), 0);
        zeros_ = made;
    }
    return zeros_;
}

void RowLists::find(const KeyedBatch& keys, std::span<const uint32_t> selection,
                    std::vector<std::byte*>& heads) {
    heads.clear();
    if (selection.empty()) return;
    if (logs_ != nullptr) {
        if (keys.entries_of != logs_) return logs_->find(keys.keys, keys.hashes, selection, heads);
        for (const uint32_t row : selection)
            heads.push_back(keys.entryOf(row));
        return;
    }
    hashes_.resize(keys.hashes.size());
    for (size_t i = 0; i < hashes_.size(); ++i)
        hashes_[i] = hashWithin(keys.hashes[i], hashOfNumber(0), max_parallelism_);
    look(withLast(keys, zeros(hashes_.size())), selection, heads);
}

void RowLists::find(const KeyedBatch& keys, std::span<const uint32_t> of_row,
                    std::span<const int64_t> numbers, std::vector<std::byte*>& rows) {
    rows.clear();
    if (of_row.empty()) return;
    std::vector<ColumnPtr> columns;
    for (const ColumnPtr& key : keys.keys)
        columns.push_back(Column::gather(key, of_row));
    const auto number = integers(of_row.size());
    std::copy(numbers.begin(), numbers.end(), number->mutableData<int64_t>());
    columns.push_back(number);
    hashes_.resize(of_row.size());
    for (size_t i = 0; i < of_row.size(); ++i)
        hashes_[i] = hashWithin(keys.hashes[of_row[i]], hashOfNumber(numbers[i]), max_parallelism_);
    look(columns, {}, rows);
}

// Rows that are found to be written count as changed, so that the next checkpoint holds them again; of
// chained rows, setMatches() says which are.
void RowLists::look(std::span<const ColumnPtr> columns, std::span<const uint32_t> selection,
                    std::vector<std::byte*>& rows) {
    if (!linked_) return rows_->find(name_space_, columns, hashes_, selection, rows);
    rows_->findToRead(name_space_, columns, hashes_, selection, read_);
    rows.clear();
    for (const std::byte* row : read_)
        rows.push_back(const_cast<std::byte*>(row));  // as they are loaded; nobody writes them
}

void RowLists::add(const KeyedBatch& batch, std::span<const uint32_t> selection,
                   std::span<const int64_t> matches) {
    if (selection.empty()) return;
    if (logs_ != nullptr) {
        if (batch.entries_of == logs_) {
            find(batch, selection, targets_);
        } else {
            logs_->findOrInsert(batch.keys, batch.hashes, selection, targets_);
        }
        return addTo(targets_, batch, selection);
    }
    if (!shape_.removable) return append(batch, selection, matches);

    // Rows that are there already are counted; the others get a number.
    const auto row_hash = integers(batch.hashes.size());
    std::vector<uint64_t> entry_hashes(batch.hashes.size());
    for (size_t i = 0; i < entry_hashes.size(); ++i) {
        row_hash->mutableData<int64_t>()[i] = static_cast<int64_t>(batch.row_hashes[i]);
        entry_hashes[i] = hashWithin(batch.hashes[i], mixHash(batch.row_hashes[i]), max_parallelism_);
    }
    numbers_->findOrInsert(0, withLast(batch, row_hash), entry_hashes, selection, entries_, &inserted_);
    fresh_.clear();
    again_.clear();
    std::vector<std::byte*> fresh_entries, again_entries;
    std::vector<int64_t> fresh_matches, again_matches;
    for (size_t i = 0; i < selection.size(); ++i) {
        const bool fresh = inserted_[i] != 0;
        (fresh ? fresh_ : again_).push_back(selection[i]);
        (fresh ? fresh_entries : again_entries).push_back(entries_[i]);
        if (!matches.empty()) (fresh ? fresh_matches : again_matches).push_back(matches[i]);
    }
    const Selection fresh = fresh_, again = again_;
    if (!fresh.empty()) append(batch, fresh, fresh_matches);
    const uint32_t offset = numbers_->layout().offset(number_value_);
    for (size_t i = 0; i < fresh.size(); ++i) {
        RowLayout::setNull(fresh_entries[i], number_value_, false);
        RowLayout::at<int64_t>(fresh_entries[i], offset) = assigned_[i];
    }
    for (size_t i = 0; i < again.size(); ++i) {
        std::byte* row = rowAt(batch, again[i], RowLayout::at<int64_t>(again_entries[i], offset));
        if (row != nullptr && same(row, *batch.batch, again[i])) {
            setField(row, *copies_field_, copies(row) + 1);
        } else {
            append(batch, std::span(&again[i], 1),
                   std::span(again_matches.data() + (again_matches.empty() ? 0 : i),
                             again_matches.empty() ? 0 : 1));
        }
    }
}

// Sets assigned_ to the numbers that the rows got.
void RowLists::append(const KeyedBatch& batch, std::span<const uint32_t> selection,
                      std::span<const int64_t> matches) {
    const size_t all = batch.hashes.size();
    hashes_.resize(all);
    for (const uint32_t row : selection)
        hashes_[row] = hashWithin(batch.hashes[row], hashOfNumber(0), max_parallelism_);
    rows_->findOrInsert(name_space_, withLast(batch, zeros(all)), hashes_, selection, targets_, &inserted_);

    const auto numbers = integers(all);
    auto* number_of = numbers->mutableData<int64_t>();
    assigned_.resize(selection.size());
    later_.clear();
    for (size_t i = 0; i < selection.size(); ++i) {
        const int64_t number = size(targets_[i]);
        setField(targets_[i], size_field_, number + 1);
        assigned_[i] = number;
        if (number == 0) continue;
        number_of[selection[i]] = number;
        if (!linked_) {
            hashes_[selection[i]] =
                hashWithin(batch.hashes[selection[i]], hashOfNumber(number), max_parallelism_);
        }
        later_.push_back(selection[i]);
    }
    if (linked_) {
        rows_->append(name_space_, withLast(batch, numbers), hashes_, later_, found_);
        size_t next = 0;
        for (size_t i = 0; i < selection.size(); ++i) {
            if (assigned_[i] == 0) continue;
            std::byte* const row = found_[next++];
            rows_->link(row) = rows_->link(targets_[i]);
            rows_->link(targets_[i]) = row;
            targets_[i] = row;
            setField(row, size_field_, 0);
        }
    } else if (!later_.empty()) {
        rows_->findOrInsert(name_space_, withLast(batch, numbers), hashes_, later_, found_, &inserted_);
        size_t next = 0;
        for (size_t i = 0; i < selection.size(); ++i) {
            if (assigned_[i] == 0) continue;
            MILLRACE_CHECK(inserted_[next] != 0, "state '{}' has a row {} already", shape_.name,
                           assigned_[i]);
            targets_[i] = found_[next++];
            setField(targets_[i], size_field_, 0);
        }
    }
    for (size_t i = 0; i < selection.size(); ++i) {
        if (matches_field_) setField(targets_[i], *matches_field_, matches[i]);
        if (copies_field_) setField(targets_[i], *copies_field_, 1);
        if (hash_field_)
            setField(targets_[i], *hash_field_, static_cast<int64_t>(batch.row_hashes[selection[i]]));
    }
    store(batch, selection);
}

void RowLists::enterKeys(KeyedBatch& batch, std::span<const uint32_t> selection) {
    if (logs_ == nullptr || logs_->count() < 2) return;
    batch.entries_of = logs_;
    if (!batch.grouped) {
        if (selection.empty()) return;
        batch.entries.resize(batch.hashes.size());
        logs_->findOrInsert(batch.keys, batch.hashes, selection, found_);
        for (size_t i = 0; i < selection.size(); ++i)
            batch.entries[selection[i]] = found_[i];
        return;
    }
    const auto is_null = [&](uint32_t row) {
        return std::any_of(batch.keys.begin(), batch.keys.end(),
                           [&](const ColumnPtr& key) { return key->isNull(row); });
    };
    batch.group_entries.assign(batch.groups.size(), nullptr);
    first_rows_.clear();
    for (const uint32_t row : batch.groups.firstRows()) {
        if (!is_null(row)) first_rows_.push_back(row);
    }
    if (first_rows_.empty()) return;
    logs_->findOrInsert(batch.keys, batch.hashes, first_rows_, found_);
    for (size_t i = 0; i < first_rows_.size(); ++i)
        batch.group_entries[batch.groups.of(first_rows_[i])] = found_[i];
}

void RowLists::addTo(std::span<std::byte* const> entries, const KeyedBatch& batch,
                     std::span<const uint32_t> selection) {
    std::vector<ColumnPtr> columns;
    for (const size_t column : value_columns_)
        columns.push_back(batch.batch->column(column));
    logs_->append(log_, entries, columns, selection);
}

void RowLists::collect(std::span<std::byte* const> heads, std::vector<std::byte*>& rows) {
    if (logs_ != nullptr) return logs_->collect(log_, heads, rows);
    size_t all = 0;
    for (const std::byte* head : heads)
        all += static_cast<size_t>(size(head));
    rows.resize(all);
    const auto go = [&](Cursor& cursor) {
        cursor.row = rows_->link(cursor.row);
        if (cursor.row == nullptr) return false;
        __builtin_prefetch(cursor.row);
        __builtin_prefetch(&rows_->link(cursor.row));
        return true;
    };
    cursors_.clear();
    size_t first = 0;
    for (std::byte* head : heads) {
        rows[first] = head;
        Cursor cursor{head, first, size(head)};
        first += static_cast<size_t>(cursor.size);
        if (go(cursor)) cursors_.push_back(cursor);
    }
    while (!cursors_.empty()) {
        size_t kept = 0;
        for (Cursor cursor : cursors_) {
            const int64_t number = field(cursor.row, number_field_);
            MILLRACE_CHECK(number > 0 && number < cursor.size, "state '{}' has a row {} of {}", shape_.name,
                           number, cursor.size);
            rows[cursor.first + static_cast<size_t>(number)] = cursor.row;
            if (go(cursor)) cursors_[kept++] = cursor;
        }
        cursors_.resize(kept);
    }
}

// What was restored.
void RowLists::chain() {
    constexpr size_t kRows = 4096;
    for (const int64_t name_space : rows_->namespaces()) {
        enter(name_space);
        std::vector<std::byte*> rows = all();
        std::erase_if(rows, [&](const std::byte* row) { return field(row, number_field_) == 0; });
        for (size_t first = 0; first < rows.size(); first += kRows)
            chain(std::span<std::byte* const>(rows).subspan(first, std::min(kRows, rows.size() - first)));
    }
    enter(0);
}

// What was restored may have been a log until now: then the numbers of a key have gaps, and nothing is
// counted. Written anew in the order of numbers, no row takes the place of one that is still to come.
void RowLists::number() {
    constexpr size_t kRows = 4096;
    std::vector<std::byte*> rows = rows_->allRows(0);
    const auto uncounted = [&](const std::byte* row) { return RowLayout::isNull(row, size_field_); };
    if (std::none_of(rows.begin(), rows.end(), uncounted)) return;
    std::stable_sort(rows.begin(), rows.end(), [&](const std::byte* left, const std::byte* right) {
        return field(left, number_field_) < field(right, number_field_);
    });
    for (size_t first = 0; first < rows.size(); first += kRows) {
        const auto at_hand = std::span(rows).subspan(first, std::min(kRows, rows.size() - first));
        std::vector<ColumnPtr> columns;
        for (size_t column = 0; column < shape_.input.size(); ++column)
            columns.push_back(load(column, at_hand));
        for (std::byte* row : at_hand)
            rows_->erase(0, row);
        const Batch batch(at_hand.size(), std::move(columns));
        KeyedBatch keyed;
        keyed.set(batch, shape_.keys);
        append(keyed, keyed.all, {});
    }
}

void RowLists::chain(std::span<std::byte* const> rows) {
    KeyedBatch keyed;
    for (size_t key = 0; key < shape_.keys.size(); ++key)
        keyed.keys.push_back(loadColumn(rows_->layout(), key, rows));
    hashColumns(keyed.keys, rows.size(), keyed.hashes);
    keyed.all.resize(rows.size());
    std::iota(keyed.all.begin(), keyed.all.end(), uint32_t{0});
    std::vector<std::byte*> heads;
    find(keyed, keyed.all, heads);
    for (size_t i = 0; i < rows.size(); ++i) {
        const int64_t number = field(rows[i], number_field_);
        if (heads[i] == nullptr || number < 0 || number >= size(heads[i])) {
            throw UserError("snapshot.damaged",
                            fmt::format("state '{}' has a row {} that its key does not count",
                                        rows_->descriptor().name, number));
        }
        rows_->link(rows[i]) = rows_->link(heads[i]);
        rows_->link(heads[i]) = rows[i];
    }
}

namespace {

template <class T>
void storeFlat(const RowLayout& layout, size_t field, const Column& column,
               std::span<const uint32_t> selection, std::span<std::byte* const> rows) {
    const uint32_t offset = layout.offset(field);
    const T* values = column.data<T>();
    for (size_t i = 0; i < selection.size(); ++i) {
        if (column.isNull(selection[i])) continue;
        RowLayout::at<T>(rows[i], offset) = values[selection[i]];
        RowLayout::setNull(rows[i], field, false);
    }
}

}  // namespace

void RowLists::store(const KeyedBatch& batch, std::span<const uint32_t> selection) {
    const RowLayout& layout = rows_->layout();
    for (const size_t index : value_columns_) {
        const Column& column = *batch.batch->column(index);
        const size_t field = field_of_[index];
        switch (column.physical()) {
            case PhysicalType::Int32:
                storeFlat<int32_t>(layout, field, column, selection, targets_);
                break;
            case PhysicalType::Int64:
                storeFlat<int64_t>(layout, field, column, selection, targets_);
                break;
            default:
                for (size_t i = 0; i < selection.size(); ++i) {
                    storeField(layout, field, column, selection[i], targets_[i], rows_->heap());
                }
        }
    }
}

bool RowLists::same(const std::byte* row, const Batch& batch, size_t index) const {
    for (size_t column = 0; column < field_of_.size(); ++column) {
        if (!fieldEquals(rows_->layout(), field_of_[column], row, *batch.column(column), index)) return false;
    }
    return true;
}

std::byte* RowLists::rowAt(const KeyedBatch& batch, uint32_t index, int64_t number) {
    std::vector<std::byte*> found;
    find(batch, std::span(&index, 1), std::span(&number, 1), found);
    return found.front();
}

std::byte* RowLists::numberOf(const KeyedBatch& batch, uint32_t index, uint64_t hash) {
    std::vector<ColumnPtr> columns;
    for (const ColumnPtr& key : batch.keys)
        columns.push_back(Column::gather(key, std::span(&index, 1)));
    const auto value = integers(1);
    value->mutableData<int64_t>()[0] = static_cast<int64_t>(hash);
    columns.push_back(value);
    const uint64_t key_hash = hashWithin(batch.hashes[index], mixHash(hash), max_parallelism_);
    std::vector<std::byte*> found;
    numbers_->find(0, columns, std::span(&key_hash, 1), {}, found);
    return found.front();
}

void RowLists::remove(const KeyedBatch& batch, std::span<const uint32_t> selection, Selection& removed) {
    MILLRACE_CHECK(shape_.removable, "rows of '{}' cannot be taken back", shape_.name);
    removed.clear();
    for (const uint32_t index : selection) {
        if (removeOne(batch, index)) removed.push_back(index);
    }
}

bool RowLists::removeOne(const KeyedBatch& batch, uint32_t index) {
    const uint64_t hash = batch.row_hashes[index];
    // Without an entry it is not there, or a row of the same hash had the entry and has gone.
    if (std::byte* const entry = numberOf(batch, index, hash)) {
        const int64_t number = RowLayout::at<int64_t>(entry, numbers_->layout().offset(number_value_));
        std::byte* const row = rowAt(batch, index, number);
        if (row != nullptr && same(row, *batch.batch, index)) {
            if (copies(row) > 1) {
                setField(row, *copies_field_, copies(row) - 1);
                return true;
            }
            numbers_->erase(0, entry);
            vacate(batch, index, row, number);
            return true;
        }
    }
    std::vector<std::byte*> heads;
    find(batch, std::span(&index, 1), heads);
    const int64_t rows = heads.front() == nullptr ? 0 : size(heads.front());
    for (int64_t number = 0; number < rows; ++number) {
        std::byte* const row = rowAt(batch, index, number);
        if (row == nullptr || field(row, *hash_field_) != static_cast<int64_t>(hash) ||
            !same(row, *batch.batch, index)) {
            continue;
        }
        if (copies(row) > 1) {
            setField(row, *copies_field_, copies(row) - 1);
        } else {
            vacate(batch, index, row, number);
        }
        return true;
    }
    return false;
}

// Takes row `number` out of its key's: the last one takes its place.
void RowLists::vacate(const KeyedBatch& batch, uint32_t index, std::byte* row, int64_t number) {
    std::byte* const head = number == 0 ? row : rowAt(batch, index, 0);
    MILLRACE_CHECK(head != nullptr, "state '{}' lost the first row of a key", shape_.name);
    const RowLayout& layout = rows_->layout();
    const size_t first_moved = size_field_ + 1;
    const uint32_t from = layout.offset(first_moved);
    int64_t last = size(head) - 1;
    std::byte* moved = nullptr;
    while (last > number && (moved = rowAt(batch, index, last)) == nullptr)
        --last;
    if (last == 0) return rows_->erase(0, row);
    setField(head, size_field_, last);
    if (moved != nullptr) {
        // What the two own changes hands, so that erasing frees what the vacated row held.
        std::swap_ranges(row + from, row + layout.rowBytes(), moved + from);
        std::swap_ranges(row + first_moved, row + layout.fieldCount(), moved + first_moved);
        std::byte* const entry = numberOf(batch, index, static_cast<uint64_t>(field(row, *hash_field_)));
        if (entry != nullptr) {
            int64_t& entry_number = RowLayout::at<int64_t>(entry, numbers_->layout().offset(number_value_));
            if (entry_number == last) entry_number = number;
        }
    }
    rows_->erase(0, moved != nullptr ? moved : row);
}

std::vector<ColumnPtr> RowLists::load(std::span<const size_t> columns,
                                      std::span<std::byte* const> rows) const {
    std::vector<ColumnPtr> loaded;
    if (logs_ == nullptr) {
        for (const size_t column : columns)
            loaded.push_back(loadColumn(rows_->layout(), field_of_[column], rows));
        return loaded;
    }
    const size_t keys = shape_.keys.size();
    std::vector<size_t> fields;
    for (const size_t column : columns) {
        if (field_of_[column] >= keys) fields.push_back(field_of_[column] - keys);
    }
    const std::vector<ColumnPtr> values = logs_->load(log_, fields, rows);
    size_t next = 0;
    for (const size_t column : columns) {
        const size_t field = field_of_[column];
        loaded.push_back(field < keys ? logs_->loadKey(log_, field, rows) : values[next++]);
    }
    return loaded;
}

}  // namespace millrace
