#include "operators/ordered_rows.h"

#include <algorithm>
#include <limits>

#include "operators/row_values.h"

namespace millrace {

namespace {

constexpr size_t kRestoredRows = 4096;
constexpr size_t kSweptRows = 256;  // a batch
constexpr size_t kCandidates = 2;

std::vector<ColumnPtr> sortColumns(std::span<const ColumnPtr> columns, std::span<const SortOrder> order) {
    std::vector<ColumnPtr> result;
    for (const SortOrder& by : order)
        result.push_back(columns[by.column]);
    return result;
}

}  // namespace

KeyedStateDescriptor OrderedRows::descriptor() const {
    KeyedStateDescriptor descriptor;
    descriptor.name = p_.name;
    RowNumbers::describe(descriptor);
    std::vector<Field> fields = p_.columns.fields();
    fields.insert(fields.end(), p_.results.begin(), p_.results.end());
    descriptor.value = nullableSchema(Schema(std::move(fields)));
    descriptor.ttl = p_.ttl;
    descriptor.in_place = p_.by_entry && p_.ttl.ms == 0;
    return descriptor;
}

OrderedRows::OrderedRows(OrderedRowsParameters parameters, OperatorContext& context)
    : p_(std::move(parameters)),
      table_(context.state().table(descriptor())),
      index_(p_.name, p_.columns, p_.partition, context),
      nodes_(heapMemory()),
      numbers_(context.maxParallelism()) {
    addPartitions();
    restore();
}

// Those that the index has numbers for now.
void OrderedRows::addPartitions() {
    while (rows_.size() < index_.size())
        rows_.emplace_back(NodeAllocator<OrderedRow>(nodes_));
}

void OrderedRows::restore() {
    const std::vector<std::byte*> all = table_.allRows(0);
    for (size_t first = 0; first < all.size(); first += kRestoredRows) {
        const std::span<std::byte* const> rows(all.data() + first,
                                               std::min(kRestoredRows, all.size() - first));
        std::vector<ColumnPtr> columns;
        for (size_t column = 0; column < p_.columns.size(); ++column)
            columns.push_back(load(column, rows));
        locate(columns, rows.size());
        const ColumnPtr numbers = loadColumn(table_.layout(), RowNumbers::kNumberField, rows);
        for (size_t i = 0; i < rows.size(); ++i) {
            const int64_t number = numbers->data<int64_t>()[i];
            rows_[partition_of_[i]].insert({keyOf(i), number, hashOf(i), inPlace() ? rows[i] : nullptr});
            numbers_.restored(number);
        }
    }
}

// Finds the partitions of rows, and encodes and hashes what is needed of them.
void OrderedRows::locate(std::span<const ColumnPtr> columns, size_t rows) {
    keys_.encode(sortColumns(columns, p_.order), p_.order, rows);
    row_hashes_.clear();
    if (p_.hashes_rows) hashColumns(columns, rows, row_hashes_);
    index_.locate(columns, rows, partition_of_);
    addPartitions();
}

void OrderedRows::begin(const Batch& batch) {
    kept_.clear();
    if (p_.ttl.ms > 0) sweep();
    locate(batch.columns(), batch.rows());
    if (p_.ttl.ms > 0) dropExpired();
    if (p_.hashes_rows) findCandidates(batch);
}

// The state rows that retractions of the batch are likely of, all at once: of many equal rows the first ones.
void OrderedRows::findCandidates(const Batch& batch) {
    candidates_.clear();
    candidates_of_.assign(batch.rows() + 1, 0);
    for (size_t row = 0; row < batch.rows(); ++row) {
        if (isRetraction(batch.kind(row))) {
            const Rows& rows = rows_[partition_of_[row]];
            const OrderedRow wanted = OrderedRow::before(keyOf(row), hashOf(row));
            for (auto at = rows.lower_bound(wanted); at != rows.end() && at->key == wanted.key; ++at) {
                if (at->hash != wanted.hash) continue;
                if (at->state_row != nullptr) {
                    __builtin_prefetch(at->state_row);
                    break;
                }
                candidates_.push_back(at->number);
                if (candidates_.size() == candidates_of_[row] + kCandidates) break;
            }
        }
        candidates_of_[row + 1] = static_cast<uint32_t>(candidates_.size());
    }
    candidate_rows_.clear();
    if (!candidates_.empty()) candidate_rows_ = stateRows(candidates_);
}

// The state row of an entry that row `row` may retract.
const std::byte* OrderedRows::candidate(size_t row, const OrderedRow& entry) {
    if (entry.state_row != nullptr) return entry.state_row;
    const auto end = candidates_.begin() + candidates_of_[row + 1];
    const auto at = std::find(candidates_.begin() + candidates_of_[row], end, entry.number);
    return at == end ? stateRows({&entry.number, 1})[0]
                     : candidate_rows_[static_cast<size_t>(at - candidates_.begin())];
}

void OrderedRows::dropIfEmpty(uint32_t partition) {
    if (rows_[partition].empty()) index_.forget(partition);
}

OrderedRows::Rows::iterator OrderedRows::find(uint32_t partition, const Batch& batch, size_t row) {
    Rows& rows = rows_[partition];
    const OrderedRow wanted = OrderedRow::before(keyOf(row), hashOf(row));
    const auto& columns = batch.columns();
    for (auto at = rows.lower_bound(wanted); at != rows.end() && at->key == wanted.key; ++at) {
        if (at->hash != wanted.hash) continue;
        bool same = true;
        if (at->number >= kPending || isFresh(at->number)) {
            const size_t other =
                at->number >= kPending ? static_cast<size_t>(at->number - kPending) : freshOf(at->number).row;
            for (size_t c = 0; same && c < columns.size(); ++c)
                same = columns[c]->valueAt(row) == columns[c]->valueAt(other);
        } else {
            const std::byte* state_row = candidate(row, *at);
            same = state_row != nullptr;
            for (size_t c = 0; same && c < columns.size(); ++c) {
                same =
                    fieldEquals(table_.layout(), table_.firstValueField() + c, state_row, *columns[c], row);
            }
        }
        if (same) return at;
    }
    return rows.end();
}

int64_t OrderedRows::keep(const OrderedRow& pending) {
    const auto row = static_cast<uint32_t>(pending.number - kPending);
    const int64_t number = numbers_.next(index_.groupOf(partition_of_[row]));
    kept_.push_back({number, row});
    pending.number = number;
    return number;
}

OrderedRows::Kept& OrderedRows::freshOf(int64_t number) {
    const auto at = static_cast<size_t>(RowNumbers::between(kept_.front().number, number));
    MILLRACE_CHECK(at < kept_.size() && kept_[at].number == number, "row {} is not of this batch", number);
    return kept_[at];
}

void OrderedRows::forget(int64_t fresh) { freshOf(fresh).row = kForgotten; }

void OrderedRows::store(const Batch& batch) {
    kept_numbers_.clear();
    kept_rows_.clear();
    for (const Kept& kept : kept_) {
        if (kept.row == kForgotten) continue;
        kept_numbers_.push_back(kept.number);
        kept_rows_.push_back(kept.row);
    }
    if (kept_rows_.empty()) return;
    const RowNumbers::Keys keys = numbers_.keysOf(kept_numbers_);
    if (inPlace()) {
        for (auto row = static_cast<uint32_t>(all_kept_.size()); row < kept_rows_.size(); ++row)
            all_kept_.push_back(row);
        table_.append(0, keys.columns, keys.hashes, std::span(all_kept_).first(kept_rows_.size()),
                      state_rows_);
    } else {
        table_.findOrInsert(0, keys.columns, keys.hashes, {}, state_rows_);
    }
    size_t next = 0;
    for (Kept& kept : kept_) {
        if (kept.row != kForgotten) kept.state_row = state_rows_[next++];
    }
    storeColumns(table_.layout(), table_.firstValueField(), batch.columns(), kept_rows_, state_rows_,
                 table_.heap());
}

const std::vector<std::byte*>& OrderedRows::stateRows(std::span<const int64_t> numbers) {
    MILLRACE_CHECK(!inPlace(), "rows of '{}' are looked up by number", p_.name);
    const RowNumbers::Keys keys = numbers_.keysOf(numbers);
    table_.findToRead(0, keys.columns, keys.hashes, {}, read_rows_);
    state_rows_.clear();
    for (const std::byte* row : read_rows_)
        state_rows_.push_back(const_cast<std::byte*>(row));  // as loadColumn() takes rows; nobody writes them
    return state_rows_;
}

const std::vector<std::byte*>& OrderedRows::stateRows(std::span<const OrderedRow* const> rows) {
    const bool expire = p_.ttl.ms > 0;
    looked_up_.clear();
    found_rows_.clear();
    for (const OrderedRow* row : rows) {
        std::byte* at = row->state_row;
        if (at == nullptr && !expire && isFresh(row->number)) at = freshOf(row->number).state_row;
        if (at == nullptr) looked_up_.push_back(row->number);
        found_rows_.push_back(at);
    }
    if (!looked_up_.empty()) {
        stateRows(looked_up_);
        size_t next = 0;
        for (std::byte*& at : found_rows_) {
            if (at == nullptr) at = state_rows_[next++];
        }
    }
    for (size_t i = 0; !expire && i < rows.size(); ++i)
        rows[i]->state_row = found_rows_[i];
    return found_rows_;
}

void OrderedRows::erase(std::span<const int64_t> numbers) {
    if (numbers.empty()) return;
    const RowNumbers::Keys keys = numbers_.keysOf(numbers);
    table_.find(0, keys.columns, keys.hashes, {}, state_rows_);
    for (std::byte* row : state_rows_) {
        if (row) table_.erase(0, row);
    }
}

void OrderedRows::erase(std::span<const OrderedRow* const> rows) {
    std::vector<int64_t> numbers;
    for (const OrderedRow* row : rows) {
        if (inPlace()) {
            table_.erase(0, row->state_row);
        } else {
            numbers.push_back(row->number);
        }
    }
    erase(numbers);
}

void OrderedRows::dropExpired(uint32_t partition) {
    Rows& rows = rows_[partition];
    for (bool found = true; found;) {
        std::vector<int64_t> numbers;
        for (auto at = rows.begin(); at != rows.end() && numbers.size() < p_.looks_at; ++at)
            numbers.push_back(at->number);
        found = false;
        size_t looked = 0;
        const std::vector<std::byte*>& state_rows = stateRows(numbers);
        for (auto at = rows.begin(); looked < numbers.size();) {
            const bool expired = state_rows[looked++] == nullptr;
            found |= expired;
            at = expired ? rows.erase(at) : std::next(at);
        }
    }
}

// Looks at a few rows of the partitions in turn, so that those no batch touches do not stay for ever.
void OrderedRows::sweep() {
    if (swept_partition_ >= rows_.size()) swept_partition_ = 0;
    for (size_t left = kSweptRows; left > 0 && swept_partition_ < rows_.size();) {
        Rows& rows = rows_[swept_partition_];
        std::vector<int64_t> numbers;
        const auto first = rows.upper_bound(swept_row_);
        auto at = first;
        for (; at != rows.end() && numbers.size() < left; ++at)
            numbers.push_back(at->number);
        left -= std::min(left, numbers.size() + 1);
        const bool whole = at == rows.end();
        if (!whole && !numbers.empty()) swept_row_ = *std::prev(at);
        const std::vector<std::byte*>& state_rows = stateRows(numbers);
        auto next = first;
        for (size_t i = 0; i < numbers.size(); ++i)
            next = state_rows[i] ? std::next(next) : rows.erase(next);
        if (!whole) return;
        dropIfEmpty(swept_partition_++);
        swept_row_ = OrderedRow::before({});
    }
}

void OrderedRows::dropExpired() {
    std::vector<uint32_t> distinct = partition_of_;
    std::sort(distinct.begin(), distinct.end());
    distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
    for (const uint32_t partition : distinct)
        dropExpired(partition);
}

ColumnPtr OrderedRows::load(size_t column, std::span<std::byte* const> state_rows) const {
    const size_t width = p_.columns.size();
    const LogicalType& type = column < width ? p_.columns[column].type : p_.results[column - width].type;
    return Column::retyped(loadColumn(table_.layout(), table_.firstValueField() + column, state_rows), type);
}

ColumnPtr OrderedRows::loadOrGather(size_t column, std::span<const std::byte* const> state_rows,
                                    const ColumnPtr& batch, std::span<const uint32_t> batch_rows) const {
    return millrace::loadOrGather(table_.layout(), table_.firstValueField() + column, state_rows, batch,
                                  batch_rows, table_.heap());
}

void OrderedRows::storeResults(std::span<std::byte* const> state_rows, std::span<const ColumnPtr> results) {
    for (std::byte* row : state_rows)
        table_.touch(0, row);
    storeColumns(table_.layout(), table_.firstValueField() + p_.columns.size(), results, {}, state_rows,
                 table_.heap());
}

}  // namespace millrace
