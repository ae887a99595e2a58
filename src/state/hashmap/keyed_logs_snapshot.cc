// Capturing logs, and restoring them.
#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/hash.h"
#include "batch/value_encoding.h"
#include "state/hashmap/block_pool.h"
#include "state/hashmap/key_probe.h"
#include "state/hashmap/log_capture.h"
#include "state/hashmap/log_run.h"
#include "state/hashmap/row_set.h"
#include "state/keyed_logs.h"
#include "state/segment_merge.h"

namespace millrace {

void KeyedLogs::beginCapture(CaptureMode mode) {
    for (size_t number = 0; number < logs_.size(); ++number) {
        Log& log = logs_[number];
        MILLRACE_CHECK(log.capture == nullptr, "log '{}': a capture begins during another",
                       log.descriptor.name);
        log.capture = std::make_unique<Capture>(max_parallelism_, memory_->scratch());
        log.capture->full = mode == CaptureMode::Full || !log.tracking;
        log.capture->end = log.memory->end();
        if (!log.capture->full) log.capture->at = log.captured;
        const auto rows = static_cast<size_t>(log.capture->end.number - log.capture->at.number);
        const size_t row_bytes = log.captured_row_bytes > 0
                                     ? log.captured_row_bytes
                                     : log.memory->bytes() / std::max<size_t>(1, this->rows(number));
        log.capture->groups.expect(rows / max_parallelism_ * row_bytes * 9 / 8);
        log.tracking = mode == CaptureMode::Incremental;
        log.captured = log.capture->end;
    }
}

bool KeyedLogs::advanceCapture(size_t& budget) {
    return std::all_of(logs_.begin(), logs_.end(), [&](Log& log) {
        Capture& capture = *log.capture;
        return !log.memory->visit(capture.at, capture.end, budget, [&](const std::byte* run, int64_t number) {
            return captureRun(log, run, number, budget);
        });
    });
}

LogMemory::Extent KeyedLogs::captureRun(Log& log, const std::byte* run, int64_t number, size_t& budget) {
    const uint32_t rows = LogRun::rowsOf(run);
    const std::byte* row = run + LogRun::kHeaderBytes;
    std::byte* const entry = LogLayout::keyOf(row);
    CapturedGroup& group = log.capture->groups.of(keyGroupOf(RowSet::header(entry).hash, max_parallelism_));
    group.rows += rows;
    std::string& out = group.bytes;
    for (uint32_t i = 0; i < rows; ++i, ++number) {
        const size_t before = out.size();
        encodeFields(key_layout_, entry, 0, key_fields_, out);
        char counters[1 + sizeof(number) + 1];
        counters[0] = '\1';
        std::memcpy(counters + 1, &number, sizeof(number));
        counters[sizeof(counters) - 1] = '\0';  // the size, which is NULL
        out.append(counters, sizeof(counters));
        log.layout.encode(row, out);
        row += log.layout.rowBytes(row);
        spendOnLongRow(budget, out.size() - before);
    }
    return {static_cast<size_t>(row - run), rows};
}

KeyedStateSnapshot KeyedLogs::takeCapture(size_t number) {
    Log& log = logs_[number];
    const std::unique_ptr<Capture> capture = std::move(log.capture);
    MILLRACE_CHECK(capture != nullptr && capture->at.number == capture->end.number,
                   "log '{}': its capture is not at its end", log.descriptor.name);
    uint64_t rows = 0, bytes = 0;
    for (const CapturedGroup& group : capture->groups.all()) {
        rows += group.rows;
        bytes += group.size();
    }
    if (rows > 0) log.captured_row_bytes = bytes / rows + 1;
    auto segment = std::make_shared<StateSegment>();
    segment->full = capture->full;
    segment->groups = capture->groups.take();
    return {log.descriptor.state(), {std::move(segment)}};
}

// Reads a chain of segments. Rows of a key must come in the order of their numbers, and sections of merged
// segments have them in any.
class KeyedLogs::Restoring {
  public:
    Restoring(KeyedLogs& logs, size_t log)
        : logs_(logs), log_(log), state_(logs.logs_[log].descriptor.state()), layout_(layoutOf(state_)) {}

    void run(const KeyedStateSnapshot& written, const std::function<bool(KeyGroup)>& owned) {
        size_t first = 0;
        bool as_table = written.descriptor.ttl.ms > 0;
        for (size_t i = 0; i < written.segments.size(); ++i) {
            const StateSegment& segment = *written.segments[i];
            if (segment.full) first = i;
            MILLRACE_CHECK(segment.file == nullptr, "log '{}' is restored from a segment that is not read",
                           state_.name);
            for (const KeyGroupSection& section : segment.groups)
                as_table |= section.erased > 0;
        }
        const auto segments = std::span(written.segments).subspan(first);
        time_bytes_ = written.descriptor.ttl.ms > 0 ? sizeof(int64_t) : 0;
        if (!as_table) {
            for (const auto& segment : segments)
                read(*segment, owned);
            return;
        }
        // Rows may have been erased, and written again: what counts of each key is its last row.
        const auto in_memory = [](const StateSegment&, const KeyGroupSection& section) { return section; };
        const auto as_it_is = [](KeyGroupSection section) { return section; };
        read(mergeSegments(written.descriptor, segments, in_memory, as_it_is), owned);
    }

  private:
    static constexpr size_t kRows = 256;
    struct RowAt {
        int64_t number;
        size_t offset;
    };

    [[noreturn]] void damaged(const std::string& reason) const {
        throw UserError("snapshot.damaged", fmt::format("state '{}', key group {}: {}", state_.name,
                                                        section_->group.value(), reason));
    }

    void read(const StateSegment& segment, const std::function<bool(KeyGroup)>& owned) {
        for (const KeyGroupSection& section : segment.groups) {
            section_ = &section;
            if (section.group.value() >= logs_.max_parallelism_) {
                damaged(fmt::format("there are {} key groups", logs_.max_parallelism_));
            }
            if (!owned(section.group)) continue;
            find(section);
            for (size_t done = 0; done < places_.size(); done += kRows) {
                decode(std::span(places_).subspan(done, std::min(kRows, places_.size() - done)));
                insert(segment.full);
            }
        }
    }

    // Sets places_, in the order of numbers.
    void find(const KeyGroupSection& section) {
        bytes_ = section.data.bytes.view();
        MILLRACE_CHECK(bytes_.size() == section.data.size);
        // A validity byte a field is the least.
        if (section.rows > bytes_.size() / (layout_.fieldCount() + time_bytes_)) {
            damaged(fmt::format("it claims {} rows", section.rows));
        }
        places_.clear();
        places_.reserve(section.rows);
        std::string_view in = bytes_;
        const size_t number = logs_.key_fields_;
        for (uint64_t left = section.rows; left > 0; --left) {
            RowAt place{0, bytes_.size() - in.size()};
            in.remove_prefix(std::min(time_bytes_, in.size()));
            skipFields(layout_, in, 0, number);
            if (in.size() < 1 + sizeof(int64_t) || in[0] != '\1') damaged("a row has no number");
            std::memcpy(&place.number, in.data() + 1, sizeof(int64_t));
            skipFields(layout_, in, number, layout_.fieldCount());
            places_.push_back(place);
        }
        if (!in.empty()) damaged(fmt::format("{} bytes follow its last row", in.size()));
        const auto before = [](const RowAt& left, const RowAt& right) { return left.number < right.number; };
        if (!std::is_sorted(places_.begin(), places_.end(), before))
            std::stable_sort(places_.begin(), places_.end(), before);
    }

    // Sets keys_, columns_ and hashes_. Strings point into the section. find() has seen that all is in
    // bounds.
    void decode(std::span<const RowAt> places) {
        at_hand_ = places;
        const size_t number = logs_.key_fields_, size = number + 1;
        keys_.clear();
        columns_.clear();
        std::vector<const char*> at(places.size());
        for (size_t i = 0; i < places.size(); ++i)
            at[i] = bytes_.data() + places[i].offset + time_bytes_;
        for (size_t field = 0; field < layout_.fieldCount(); ++field) {
            ColumnPtr column = decodeField(field, at);
            if (field < number) keys_.push_back(std::move(column));
            if (field > size) columns_.push_back(std::move(column));
        }
        hashColumns(keys_, places.size(), hashes_);
        for (const uint64_t hash : hashes_) {
            const KeyGroup group = keyGroupOf(hash, logs_.max_parallelism_);
            if (group != section_->group) damaged(fmt::format("it holds a key of group {}", group.value()));
        }
    }

    // Of all rows at hand, and moves to what comes after it.
    ColumnPtr decodeField(size_t field, std::vector<const char*>& at) const {
        const LogicalType& type = layout_.types()[field];
        const RowLayout::Code code = layout_.codes()[field];
        if (code.form == RowLayout::Form::Nested) {
            ColumnBuilder builder(type, at.size());
            for (const char*& row : at) {
                std::string_view in = bytes_.substr(static_cast<size_t>(row - bytes_.data()));
                builder.appendValue(decodeValue(type, in));
                row = in.data();
            }
            return builder.finish();
        }
        auto column = std::make_shared<Column>(type, at.size());
        auto* const values = column->mutableData<char>();
        for (size_t i = 0; i < at.size(); ++i) {
            if (*at[i]++ == '\0') {
                column->setNull(i);
                if (code.form == RowLayout::Form::Fixed) std::memset(values + i * code.bytes, 0, code.bytes);
            } else if (code.form == RowLayout::Form::Fixed) {
                std::memcpy(values + i * code.bytes, at[i], code.bytes);
                at[i] += code.bytes;
            } else {
                const size_t size = takeLength(at[i]);
                column->mutableData<StringView>()[i] = StringView({at[i], size});
                at[i] += size;
            }
        }
        return column;
    }

    static size_t takeLength(const char*& at) {
        size_t length = 0;
        for (int shift = 0;; shift += 7) {
            const auto byte = static_cast<uint8_t>(*at++);
            length |= static_cast<size_t>(byte & 127) << shift;
            if (byte < 128) return length;
        }
    }

    void insert(bool full) {
        logs_.findOrInsert(keys_, hashes_, {}, entries_);
        selection_.clear();
        size_t kept = 0;
        for (uint32_t i = 0; i < at_hand_.size(); ++i) {
            // Row 0 of a key used to be written again whenever its size changed.
            if (!full && at_hand_[i].number == 0 && logs_.size(entries_[i], log_) > 0) continue;
            entries_[kept++] = entries_[i];
            selection_.push_back(i);
        }
        entries_.resize(kept);
        logs_.append(log_, entries_, columns_, selection_);
    }

    KeyedLogs& logs_;
    const size_t log_;
    const KeyedStateDescriptor state_;
    const RowLayout layout_;
    size_t time_bytes_ = 0;

    const KeyGroupSection* section_ = nullptr;
    std::string_view bytes_;
    std::vector<RowAt> places_;
    // Of the rows at hand.
    std::span<const RowAt> at_hand_;
    std::vector<std::byte*> entries_;
    std::vector<ColumnPtr> keys_, columns_;
    std::vector<uint64_t> hashes_;
    Selection selection_;
};

void KeyedLogs::restore(size_t log, const KeyedStateSnapshot& state,
                        const std::function<bool(KeyGroup)>& owned) {
    Restoring(*this, log).run(state, owned);
}

}  // namespace millrace
