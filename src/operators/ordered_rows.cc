#include "operators/ordered_rows.h"

#include <algorithm>
#include <limits>

#include "base/hash.h"
#include "operators/aggregation.h"
#include "operators/row_values.h"

namespace millrace {

namespace {

constexpr size_t kDealt = 256;      // numbers hashed at a time
constexpr size_t kWaitingMax = 64;  // free numbers that a key group keeps
constexpr size_t kRestoredRows = 4096;
constexpr size_t kSweptRows = 256;  // a batch

ColumnPtr numberColumn(std::span<const int64_t> numbers) {
    auto column = std::make_shared<Column>(LogicalType::bigint(), numbers.size());
    std::copy(numbers.begin(), numbers.end(), column->mutableData<int64_t>());
    return column;
}

std::vector<ColumnPtr> chosen(std::span<const ColumnPtr> columns, std::span<const size_t> which) {
    std::vector<ColumnPtr> result;
    for (const size_t column : which)
        result.push_back(columns[column]);
    return result;
}

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
    descriptor.key = Schema({{"number", LogicalType::bigint()}});
    std::vector<Field> fields = p_.columns.fields();
    fields.insert(fields.end(), p_.results.begin(), p_.results.end());
    descriptor.value = nullableSchema(Schema(std::move(fields)));
    descriptor.ttl = p_.ttl;
    return descriptor;
}

OrderedRows::OrderedRows(OrderedRowsParameters parameters, OperatorContext& context)
    : p_(std::move(parameters)),
      max_parallelism_(context.maxParallelism()),
      table_(context.state().table(descriptor())),
      numbers_(max_parallelism_) {
    if (p_.partition.empty()) {
        partitions_.resize(1);
        partitions_[0].group = keyGroupOf(0, max_parallelism_);
    } else {
        StateBackendParameters index;
        index.operator_name = p_.name;
        index.subtask = context.subtask();
        index.parallelism = context.parallelism();
        index.max_parallelism = max_parallelism_;
        index_backend_ = makeHashMapStateBackend(index);
        KeyedStateDescriptor partitions;
        partitions.name = "partitions";
        partitions.key = Aggregation::keySchema(p_.columns, p_.partition);
        partitions.value = Schema({{"place", LogicalType::bigint()}});
        index_ = &index_backend_->table(partitions);
    }
    restore();
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
        const ColumnPtr numbers = loadColumn(table_.layout(), 0, rows);
        for (size_t i = 0; i < rows.size(); ++i) {
            const int64_t number = numbers->data<int64_t>()[i];
            partitions_[partition_of_[i]].rows.insert({std::string(keyOf(i)), number, hashOf(i)});
            next_number_ = std::max(next_number_, number + 1);
        }
    }
}

// Finds the partitions of rows, and encodes and hashes what is needed of them.
void OrderedRows::locate(std::span<const ColumnPtr> columns, size_t rows) {
    keys_.encode(sortColumns(columns, p_.order), p_.order, rows);
    row_hashes_.clear();
    if (p_.hashes_rows) hashColumns(columns, rows, row_hashes_);
    partition_of_.assign(rows, 0);
    if (!index_) return;
    partition_columns_ = chosen(columns, p_.partition);
    hashColumns(partition_columns_, rows, partition_hashes_);
    index_->findOrInsert(0, partition_columns_, partition_hashes_, {}, partition_entries_,
                         &partition_inserted_);
    const RowLayout& layout = index_->layout();
    const auto field = static_cast<uint32_t>(index_->firstValueField());
    for (size_t i = 0; i < rows; ++i) {
        std::byte* entry = partition_entries_[i];
        int64_t& place = RowLayout::at<int64_t>(entry, layout.offset(field));
        if (partition_inserted_[i]) {
            if (free_partitions_.empty()) {
                free_partitions_.push_back(static_cast<uint32_t>(partitions_.size()));
                partitions_.emplace_back();
            }
            place = free_partitions_.back();
            free_partitions_.pop_back();
            RowLayout::setNull(entry, field, false);
            partitions_[place].entry = entry;
            partitions_[place].group = keyGroupOf(partition_hashes_[i], max_parallelism_);
        }
        partition_of_[i] = static_cast<uint32_t>(place);
    }
}

void OrderedRows::begin(const Batch& batch) {
    kept_.clear();
    kept_rows_.clear();
    if (p_.ttl.ms > 0) sweep();
    locate(batch.columns(), batch.rows());
    if (p_.ttl.ms > 0) dropExpired();
}

void OrderedRows::dropIfEmpty(uint32_t partition) {
    Partition& dropped = partitions_[partition];
    if (!dropped.entry || !dropped.rows.empty()) return;
    index_->erase(0, dropped.entry);
    dropped.entry = nullptr;
    free_partitions_.push_back(partition);
}

OrderedRows::Rows::iterator OrderedRows::find(uint32_t partition, const Batch& batch, size_t row) {
    Rows& rows = partitions_[partition].rows;
    OrderedRow wanted{std::string(keyOf(row)), std::numeric_limits<int64_t>::min(), hashOf(row)};
    const auto& columns = batch.columns();
    for (auto at = rows.lower_bound(wanted); at != rows.end() && at->key == wanted.key; ++at) {
        if (at->hash != wanted.hash) continue;
        bool same = true;
        if (at->number >= kPending) {
            const auto other = static_cast<size_t>(at->number - kPending);
            for (size_t c = 0; same && c < columns.size(); ++c)
                same = columns[c]->valueAt(row) == columns[c]->valueAt(other);
        } else {
            const std::byte* state_row = stateRows({&at->number, 1})[0];
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

// Hashes the next numbers and gives each to its key group, unless that has enough of them.
void OrderedRows::deal() {
    std::vector<int64_t> values(kDealt);
    for (size_t i = 0; i < kDealt; ++i)
        values[i] = next_number_ + static_cast<int64_t>(i);
    next_number_ += static_cast<int64_t>(kDealt);
    const ColumnPtr column = numberColumn(values);
    std::vector<uint64_t> hashes;
    hashColumns({&column, 1}, kDealt, hashes);
    for (size_t i = 0; i < kDealt; ++i) {
        std::deque<Number>& waiting = numbers_[keyGroupOf(hashes[i], max_parallelism_).value()];
        if (waiting.size() < kWaitingMax) waiting.push_back({values[i], hashes[i]});
    }
}

OrderedRows::Number OrderedRows::take(KeyGroup group) {
    std::deque<Number>& waiting = numbers_[group.value()];
    while (waiting.empty())
        deal();
    const Number number = waiting.front();
    waiting.pop_front();
    return number;
}

int64_t OrderedRows::keep(const OrderedRow& pending) {
    const auto row = static_cast<uint32_t>(pending.number - kPending);
    const Number number = take(partitions_[partition_of_[row]].group);
    kept_.push_back(number);
    kept_rows_.push_back(row);
    pending.number = number.value;
    return number.value;
}

void OrderedRows::store(const Batch& batch) {
    if (kept_.empty()) return;
    std::vector<int64_t> values;
    number_hashes_.clear();
    for (const Number& number : kept_) {
        values.push_back(number.value);
        number_hashes_.push_back(number.hash);
    }
    const ColumnPtr column = numberColumn(values);
    table_.findOrInsert(0, {&column, 1}, number_hashes_, {}, state_rows_);
    for (size_t c = 0; c < p_.columns.size(); ++c) {
        storeColumn(table_.layout(), table_.firstValueField() + c, *batch.column(c), kept_rows_, state_rows_,
                    table_.heap());
    }
    kept_.clear();
    kept_rows_.clear();
}

const std::vector<std::byte*>& OrderedRows::stateRows(std::span<const int64_t> numbers) {
    const ColumnPtr column = numberColumn(numbers);
    hashColumns({&column, 1}, numbers.size(), number_hashes_);
    table_.findToRead(0, {&column, 1}, number_hashes_, {}, read_rows_);
    state_rows_.clear();
    for (const std::byte* row : read_rows_)
        state_rows_.push_back(const_cast<std::byte*>(row));  // as loadColumn() takes rows; nobody writes them
    return state_rows_;
}

void OrderedRows::erase(std::span<const int64_t> numbers) {
    if (numbers.empty()) return;
    const ColumnPtr column = numberColumn(numbers);
    hashColumns({&column, 1}, numbers.size(), number_hashes_);
    table_.find(0, {&column, 1}, number_hashes_, {}, state_rows_);
    for (std::byte* row : state_rows_) {
        if (row) table_.erase(0, row);
    }
}

void OrderedRows::dropExpired(uint32_t partition) {
    Rows& rows = partitions_[partition].rows;
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
    if (swept_partition_ >= partitions_.size()) swept_partition_ = 0;
    for (size_t left = kSweptRows; left > 0 && swept_partition_ < partitions_.size();) {
        Rows& rows = partitions_[swept_partition_].rows;
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
        swept_row_ = OrderedRow{"", std::numeric_limits<int64_t>::min(), 0};
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

void OrderedRows::storeResults(std::span<const int64_t> numbers, std::span<const ColumnPtr> results) {
    if (numbers.empty()) return;
    const ColumnPtr column = numberColumn(numbers);
    hashColumns({&column, 1}, numbers.size(), number_hashes_);
    table_.findOrInsert(0, {&column, 1}, number_hashes_, {}, state_rows_);
    const size_t first = table_.firstValueField() + p_.columns.size();
    for (size_t i = 0; i < results.size(); ++i)
        storeColumn(table_.layout(), first + i, *results[i], {}, state_rows_, table_.heap());
}

}  // namespace millrace
