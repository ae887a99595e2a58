#include "connectors/shared/dead_letter_rows.h"

#include <fmt/format.h>

#include "formats/text/is_utf8.h"
#include "runtime/dead_letters.h"

namespace millrace {

std::unique_ptr<DeadLetterRows> DeadLetterRows::make(const std::optional<Schema>& columns,
                                                     const std::string& table, SourceReaderContext& context) {
    auto* const takes = dynamic_cast<DeadLetterContext*>(&context);
    Output* const output = takes == nullptr ? nullptr : takes->deadLetters();
    if (!columns || output == nullptr) return nullptr;
    return std::make_unique<DeadLetterRows>(*columns, table, *output, context);
}

DeadLetterRows::DeadLetterRows(const Schema& columns, std::string table, Output& output,
                               SourceReaderContext& context)
    : columns_(columns),
      table_(std::move(table)),
      output_(output),
      context_(context),
      rejected_(context.metrics().counter("numRecordsDeadLettered")),
      rows_(columns, 16) {}

void DeadLetterRows::reject(const RejectedRecord& record) {
    ++count_;
    rejected_.add(1);
    context_.metrics().counter(fmt::format("numRecordsDeadLettered.{}", record.cause)).add(1);
    for (size_t i = 0; i < columns_.size(); ++i)
        append(columns_[i].name, record, rows_.column(i));
    rows_.endRow();
    if (rows_.rows() >= context_.batchRowsMax()) flush();
}

void DeadLetterRows::append(const std::string& column, const RejectedRecord& record,
                            ColumnBuilder& out) const {
    const std::string_view bytes = has_key_ ? value_ : record.bytes;
    if (column == "table_name") return out.appendString(table_);
    if (column == "source_name") return out.appendString(source_);
    if (column == "source_offset" && sequence_.empty())
        return out.append(static_cast<int64_t>(record.offset));
    if (column == "failed_at") return out.append<int64_t>(context_.now().value() * 1000);
    if (column == "cause") return out.appendString(record.cause);
    if (column == "error" && !sequence_.empty())
        return out.appendString(fmt::format("{} (sequence number {})", record.error, sequence_));
    if (column == "error") return out.appendString(record.error);
    if (column == "record") return out.appendString(bytes);
    if (column == "source_partition" && partition_ >= 0) return out.append(partition_);
    if (column == "source_line" && record.line > 0) return out.append(static_cast<int64_t>(record.line));
    if (column == "record_key" && has_key_ && key_.data() != nullptr) return out.appendString(key_);
    if (column == "record_text" && text::isUtf8(bytes)) return out.appendString(bytes);
    out.appendNull();
}

void DeadLetterRows::flush() {
    if (rows_.rows() > 0) output_.emit(rows_.finish());
}

void DeadLetterRows::forget() {
    if (rows_.rows() > 0) rows_.finish();
}

}  // namespace millrace
