// Records that a reader's decoder cannot read, as rows of the table of dead letters (runtime/dead_letters.h).
// A reader makes one where its table has such a table, lets its decoders rejectTo() it, says where what it
// decodes next comes from, and flushes before it returns from poll(): letters and rows are then of the same
// checkpoint.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/format.h"
#include "runtime/source.h"

namespace millrace {

class DeadLetterRows final : public RejectedRecords {
  public:
    // nullptr where nobody takes them: without `columns`, or where the source is read for a lookup.
    static std::unique_ptr<DeadLetterRows> make(const std::optional<Schema>& columns,
                                                const std::string& table, SourceReaderContext& context);
    DeadLetterRows(const Schema& columns, std::string table, Output& output, SourceReaderContext& context);

    // What is decoded from here on: of this topic and partition, or (-1) of this file.
    void from(std::string_view source, int32_t partition) {
        source_ = source;
        partition_ = partition;
        has_key_ = false;
    }
    // Likewise of a stream whose records have sequence numbers.
    void fromStream(std::string_view stream, std::string_view sequence) {
        from(stream, -1);
        sequence_ = sequence;
    }
    // A message as it came, where a decoder sees only a part of it: its key (data nullptr: it has none) and
    // its value.
    void message(std::string_view key, std::string_view value) {
        key_ = key;
        value_ = value;
        has_key_ = true;
    }
    void reject(const RejectedRecord& record) override;
    uint64_t count() const { return count_; }
    bool waiting() const { return rows_.rows() > 0; }  // to be flushed
    void flush();
    void forget();  // what is not flushed

  private:
    void append(const std::string& column, const RejectedRecord& record, ColumnBuilder& out) const;

    const Schema columns_;
    const std::string table_;
    Output& output_;
    SourceReaderContext& context_;
    Counter& rejected_;
    BatchBuilder rows_;
    std::string_view source_, sequence_;
    int32_t partition_ = -1;
    bool has_key_ = false;
    std::string_view key_, value_;
    uint64_t count_ = 0;
};

}  // namespace millrace
