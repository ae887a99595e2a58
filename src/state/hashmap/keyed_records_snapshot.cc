// Capturing records, whole or what changed, a slice at a time; and restoring them.
#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/hash.h"
#include "state/hashmap/hash_map_table.h"
#include "state/hashmap/record_header.h"
#include "state/hashmap/records_capture.h"
#include "state/keyed_records.h"

namespace millrace {

bool KeyedRecords::pending(const std::byte* row) const {
    if (capture_ == nullptr) return false;
    const RecordHeader header = RecordHeader::of(row);
    if (header.live == 0) return false;
    return capture_->full ? header.changed < capture_->epoch : header.changed == capture_->epoch - 1;
}

size_t KeyedRecords::capture(std::byte* row) {
    RecordHeader header = RecordHeader::of(row);
    header.changed = capture_->epoch;
    header.putTo(row);
    const KeyGroup group = RowNumbers::groupOf(header.number);
    CapturedGroup& captured = capture_->groups.of(group);
    ++captured.rows;
    std::string& out = captured.bytes;
    const size_t before = out.size();
    const int64_t route = numbers_.routeOf(group);
    char key[2 * (1 + sizeof(int64_t))];
    key[0] = '\1';
    std::memcpy(key + 1, &route, sizeof(route));
    key[1 + sizeof(route)] = '\1';
    std::memcpy(key + 2 + sizeof(route), &header.number, sizeof(header.number));
    out.append(key, sizeof(key));
    layout_.encode(row, out);
    return out.size() - before;
}

void KeyedRecords::stopTracking() {
    tracking_ = false;
    rewritten_ = {};
}

void KeyedRecords::beginCapture(CaptureMode mode) {
    MILLRACE_CHECK(capture_ == nullptr, "state '{}': a capture begins during another", descriptor_.name);
    capture_ = std::make_unique<Capture>(max_parallelism_, source_->scratch());
    Capture& capture = *capture_;
    capture.full = mode == CaptureMode::Full || !tracking_;
    capture.epoch = epoch_ + 1;
    epoch_ += 2;
    capture.end = memory_->end();
    size_t rows = rows_;
    if (!capture.full) {
        capture.at = captured_;
        capture.rewritten = std::move(rewritten_);
        rows = capture.rewritten.size() + static_cast<size_t>(capture.end.number - capture.at.number);
    }
    rewritten_ = {};
    const size_t row_bytes =
        captured_row_bytes_ > 0 ? captured_row_bytes_ : memory_->bytes() / std::max<size_t>(1, rows_);
    capture.groups.expect(rows / max_parallelism_ * row_bytes * 9 / 8);
    tracking_ = mode == CaptureMode::Incremental;
    captured_ = capture.end;
}

bool KeyedRecords::advanceCapture(size_t& budget) {
    constexpr size_t kAhead = 12;  // places of rewritten rows looked ahead: they are scattered
    constexpr size_t kLine = 64;
    Capture& capture = *capture_;
    const auto take = [&](std::byte* row) {
        if (pending(row)) spendOnLongRow(budget, this->capture(row));
    };
    const bool more = memory_->visit(capture.at, capture.end, budget, [&](std::byte* row, int64_t) {
        take(row);
        return LogMemory::Extent{reservedBytes(row)};
    });
    if (more) return false;
    const std::vector<std::byte*>& rows = capture.rewritten;
    for (; capture.next < rows.size(); ++capture.next) {
        if (budget == 0) return false;
        --budget;
        if (capture.next + kAhead < rows.size()) {
            const std::byte* const ahead = rows[capture.next + kAhead];
            for (size_t line = 0; line < layout_.fixedBytes(); line += kLine)
                __builtin_prefetch(ahead + line);
        }
        take(rows[capture.next]);
    }
    return true;
}

KeyedStateSnapshot KeyedRecords::takeCapture() {
    const std::unique_ptr<Capture> capture = std::move(capture_);
    MILLRACE_CHECK(capture != nullptr && capture->at.number == capture->end.number &&
                       capture->next == capture->rewritten.size(),
                   "state '{}': its capture is not at its end", descriptor_.name);
    uint64_t rows = 0, bytes = 0;
    for (const CapturedGroup& group : capture->groups.all()) {
        rows += group.rows;
        bytes += group.size();
    }
    if (rows > 0) captured_row_bytes_ = bytes / rows + 1;
    auto segment = std::make_shared<StateSegment>();
    segment->full = capture->full;
    segment->groups = capture->groups.take();
    return {descriptor_.state(), {std::move(segment)}};
}

// A table finds out which rows are the last of their numbers. It takes as much memory as the records do, so
// it is made of some key groups at a time.
void KeyedRecords::restore(const KeyedStateSnapshot& state, const std::function<bool(KeyGroup)>& owned) {
    constexpr uint32_t kParts = 64;
    constexpr size_t kRows = 1024;
    const KeyedStateDescriptor as_table = descriptor_.state();
    const auto damaged = [&] {
        throw UserError(
            "snapshot.damaged",
            fmt::format("state '{}' has a row whose number is of another key group", descriptor_.name));
    };
    const uint32_t at_once = (max_parallelism_ + kParts - 1) / kParts;
    std::vector<std::byte*> written;
    std::vector<uint32_t> selection;
    for (uint32_t group = 0; group < max_parallelism_; group += at_once) {
        HashMapTable table(as_table, max_parallelism_, systemClock(), *source_);
        table.restore(state, [&](KeyGroup one) {
            return one.value() >= group && one.value() < group + at_once && owned(one);
        });
        const std::vector<std::byte*> all = table.allRows(0);
        for (size_t first = 0; first < all.size(); first += kRows) {
            const auto rows = std::span(all).subspan(first, std::min(kRows, all.size() - first));
            const ColumnPtr numbers = loadColumn(table.layout(), RowNumbers::kNumberField, rows);
            const auto given = std::span(numbers->data<int64_t>(), rows.size());
            for (size_t i = 0; i < rows.size(); ++i) {
                const bool valid = !numbers->isNull(i) && given[i] >= 0 && given[i] < RowNumbers::kEnd;
                if (!valid || RowNumbers::groupOf(given[i]) !=
                                  keyGroupOf(RowSet::header(rows[i]).hash, max_parallelism_)) {
                    damaged();
                }
                numbers_.restored(given[i]);
            }
            std::vector<ColumnPtr> columns;
            for (size_t field = 0; field < descriptor_.value.size(); ++field)
                columns.push_back(loadColumn(table.layout(), table.firstValueField() + field, rows));
            while (selection.size() < rows.size())
                selection.push_back(static_cast<uint32_t>(selection.size()));
            written.assign(rows.size(), nullptr);
            write(columns, std::span(selection).first(rows.size()), given, written);
        }
    }
}

}  // namespace millrace
