#include "cli/row_printer.h"

#include <algorithm>
#include <map>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "batch/time_points.h"
#include "formats/json/json_encoder.h"

namespace millrace::cli {

namespace {

// How one row looks, and what stands before and after all of them.
class RowStyle {
  public:
    virtual ~RowStyle() = default;
    virtual std::vector<std::string> rows(const Batch& batch) = 0;  // one text a row
    virtual void print(const std::vector<std::string>& rows, std::FILE* out) = 0;
    virtual void print(std::span<const Batch> batches, std::FILE* out) = 0;  // every row of them
    virtual void finish(std::FILE*) {}
    virtual bool showsLocalTime() const { return true; }
};

void write(std::FILE* out, std::string_view text) { std::fwrite(text.data(), 1, text.size(), out); }

// JSON lines, with decimals at their scale and fractions of seconds in threes.
class JsonStyle final : public RowStyle {
  public:
    explicit JsonStyle(const Schema& schema)
        : encoder_(makeJsonEncoder(schema, {},
                                   {.decimals_keep_scale = true, .fractions_in_groups_of_three = true})) {}

    std::vector<std::string> rows(const Batch& batch) override {
        std::vector<std::string> texts;
        texts.reserve(batch.rows());
        for (size_t row = 0; row < batch.rows(); row++) {
            encoder_->encode(batch.slice(row, row + 1), texts.emplace_back());
        }
        return texts;
    }
    void print(const std::vector<std::string>& rows, std::FILE* out) override {
        for (const std::string& row : rows)
            write(out, row);
    }
    void print(std::span<const Batch> batches, std::FILE* out) override {
        std::string text;
        for (const Batch& batch : batches) {
            text.clear();
            encoder_->encode(batch, text);
            write(out, text);
        }
    }
    bool showsLocalTime() const override { return false; }

  private:
    std::unique_ptr<Encoder> encoder_;
};

// RFC 4180, under a line of names. NULL is nothing, an empty text is "".
class CsvStyle final : public RowStyle {
  public:
    explicit CsvStyle(const Schema& schema) {
        for (const Field& field : schema)
            appendCell(field.name, header_);
        endLine(header_);
    }
    std::vector<std::string> rows(const Batch& batch) override {
        std::vector<std::string> texts(batch.rows());
        for (size_t row = 0; row < batch.rows(); row++)
            appendRow(batch, row, texts[row]);
        return texts;
    }
    void print(const std::vector<std::string>& rows, std::FILE* out) override {
        printHeader(out);
        for (const std::string& row : rows)
            write(out, row);
    }
    void print(std::span<const Batch> batches, std::FILE* out) override {
        printHeader(out);
        std::string text;
        for (const Batch& batch : batches) {
            text.clear();
            for (size_t row = 0; row < batch.rows(); row++)
                appendRow(batch, row, text);
            write(out, text);
        }
    }
    void finish(std::FILE* out) override { printHeader(out); }

  private:
    static void appendRow(const Batch& batch, size_t row, std::string& out) {
        for (const ColumnPtr& column : batch.columns()) {
            if (column->isNull(row)) {
                out += ',';
            } else {
                appendCell(cellText(*column, row), out);
            }
        }
        endLine(out);
    }
    static void appendCell(std::string_view text, std::string& out) {
        if (!text.empty() && text.find_first_of(",\"\r\n") == std::string_view::npos) {
            out += text;
        } else {
            out += '"';
            for (const char c : text)
                out.append(c == '"' ? 2 : 1, c);
            out += '"';
        }
        out += ',';
    }
    // The last comma becomes the line's end.
    static void endLine(std::string& out) { out.back() = '\n'; }

    void printHeader(std::FILE* out) {
        if (!std::exchange(header_printed_, true)) write(out, header_);
    }
    std::string header_;
    bool header_printed_ = false;
};

// Characters as a terminal counts them, nearly: a UTF-8 sequence is one.
size_t width(std::string_view text) {
    return static_cast<size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// Columns under their names. A row's text is its cells, each ended by kCellEnd.
class TableStyle final : public RowStyle {
  public:
    TableStyle(const Schema& schema, bool bounded) : bounded_(bounded) {
        for (const Field& field : schema) {
            names_.push_back(field.name);
            numeric_.push_back(field.type.isNumeric());
            widths_.push_back(std::max(width(field.name), bounded ? size_t{0} : size_t{12}));
        }
    }

    std::vector<std::string> rows(const Batch& batch) override {
        std::vector<std::string> texts(batch.rows());
        for (size_t row = 0; row < batch.rows(); row++) {
            for (const ColumnPtr& column : batch.columns())
                texts[row] += cellText(*column, row) + kCellEnd;
        }
        return texts;
    }
    void print(const std::vector<std::string>& rows, std::FILE* out) override {
        std::vector<std::vector<std::string>> table;
        table.reserve(rows.size());
        for (const std::string& row : rows)
            table.push_back(cells(row));
        if (!header_printed_) {
            for (const auto& row : table) {
                for (size_t i = 0; i < row.size(); i++)
                    widths_[i] = std::max(widths_[i], width(row[i]));
            }
        }
        printHeader(out);
        for (const auto& row : table)
            printLine(row, out);
        count_ += table.size();
    }
    void print(std::span<const Batch> batches, std::FILE* out) override {
        std::vector<std::string> all;
        for (const Batch& batch : batches) {
            for (std::string& row : rows(batch))
                all.push_back(std::move(row));
        }
        print(all, out);
    }
    void finish(std::FILE* out) override {
        printHeader(out);
        if (bounded_) write(out, fmt::format("({} {})\n", count_, count_ == 1 ? "row" : "rows"));
    }

  private:
    static constexpr char kCellEnd = '\x1f';

    static std::vector<std::string> cells(const std::string& row) {
        std::vector<std::string> found;
        size_t begin = 0;
        for (size_t end; (end = row.find(kCellEnd, begin)) != std::string::npos; begin = end + 1) {
            found.push_back(row.substr(begin, end - begin));
        }
        return found;
    }
    void printHeader(std::FILE* out) {
        if (std::exchange(header_printed_, true)) return;
        printLine(names_, out);
        std::string rule;
        for (size_t i = 0; i < widths_.size(); i++)
            rule += (i == 0 ? "" : "-+-") + std::string(widths_[i], '-');
        write(out, rule + "\n");
    }
    void printLine(const std::vector<std::string>& row, std::FILE* out) {
        std::string line;
        for (size_t i = 0; i < row.size(); i++) {
            const std::string padding(widths_[i] - std::min(widths_[i], width(row[i])), ' ');
            line += (i == 0 ? "" : " | ") + (numeric_[i] ? padding + row[i] : row[i] + padding);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        write(out, line + "\n");
    }

    bool bounded_;
    std::vector<std::string> names_;
    std::vector<bool> numeric_;
    std::vector<size_t> widths_;
    bool header_printed_ = false;
    size_t count_ = 0;
};

class ChangelogPrinter final : public RowPrinter {
  public:
    explicit ChangelogPrinter(std::FILE* out) : out_(out) {}
    void receive(const Batch& batch) override {
        std::string text;
        for (size_t row = 0; row < batch.rows(); row++) {
            text += shortName(batch.kind(row));
            for (size_t i = 0; i < batch.columns().size(); i++) {
                text += (i == 0 ? "[" : ", ") + cellText(*batch.column(i), row);
            }
            text += "]\n";
        }
        write(out_, text);
        std::fflush(out_);
    }
    void finish() override {}

  private:
    std::FILE* out_;
};

// Applies a changelog to the rows it speaks of, which keep the order in which they came.
class RowFold {
  public:
    void apply(std::string row, bool retraction) {
        auto& places = places_[row];
        if (!retraction) {
            places.push_back(rows_.size());
            rows_.emplace_back(std::move(row));
            return;
        }
        MILLRACE_CHECK(!places.empty(), "a change takes back a row that is not there: {}", row);
        rows_[places.back()].reset();
        places.pop_back();
        if (places.empty()) places_.erase(row);
    }
    std::vector<std::string> take() {
        std::vector<std::string> left;
        for (auto& row : rows_) {
            if (row) left.push_back(std::move(*row));
        }
        return left;
    }

  private:
    std::vector<std::optional<std::string>> rows_;
    std::unordered_map<std::string, std::vector<size_t>> places_;
};

class FoldingPrinter final : public RowPrinter {
  public:
    FoldingPrinter(std::unique_ptr<RowStyle> style, std::FILE* out) : style_(std::move(style)), out_(out) {}
    void receive(const Batch& batch) override {
        if (!folding_ && batch.kinds() == nullptr) {
            inserts_.push_back(batch);
            return;
        }
        folding_ = true;
        for (const Batch& earlier : inserts_)
            fold(earlier);
        inserts_.clear();
        fold(batch);
    }
    void finish() override {
        if (folding_) {
            style_->print(fold_.take(), out_);
        } else {
            style_->print(std::span<const Batch>(inserts_), out_);
        }
        style_->finish(out_);
        std::fflush(out_);
    }
    bool showsLocalTime() const override { return style_->showsLocalTime(); }

  private:
    void fold(const Batch& batch) {
        std::vector<std::string> rows = style_->rows(batch);
        for (size_t row = 0; row < rows.size(); row++)
            fold_.apply(std::move(rows[row]), isRetraction(batch.kind(row)));
    }

    std::unique_ptr<RowStyle> style_;
    std::FILE* out_;
    std::vector<Batch> inserts_;  // rows are made texts only when one of them may be taken back
    bool folding_ = false;
    RowFold fold_;
};

// Rows as they come; of an update, what the row has become.
class StreamingPrinter final : public RowPrinter {
  public:
    StreamingPrinter(std::unique_ptr<RowStyle> style, std::FILE* out) : style_(std::move(style)), out_(out) {}
    void receive(const Batch& batch) override {
        std::vector<std::string> rows = style_->rows(batch);
        std::vector<std::string> shown;
        for (size_t row = 0; row < rows.size(); row++) {
            if (!isRetraction(batch.kind(row))) shown.push_back(std::move(rows[row]));
        }
        style_->print(shown, out_);
        std::fflush(out_);
    }
    void finish() override {
        style_->finish(out_);
        std::fflush(out_);
    }
    bool showsLocalTime() const override { return style_->showsLocalTime(); }

  private:
    std::unique_ptr<RowStyle> style_;
    std::FILE* out_;
};

}  // namespace

std::string cellText(const Column& column, size_t row) {
    if (column.type().isTimestamp() && !column.isNull(row)) {
        return formatTimestamp(timePointAt(column, row), column.type().precision());
    }
    if (column.type().isBinary() && !column.isNull(row)) {
        std::string text = "x'";
        for (const char byte : column.data<StringView>()[row].view())
            fmt::format_to(std::back_inserter(text), "{:02x}", static_cast<unsigned char>(byte));
        return text + "'";
    }
    return column.textAt(row);
}

std::unique_ptr<RowPrinter> makeRowPrinter(const std::string& style, const Schema& schema, bool bounded,
                                           std::FILE* out) {
    if (style == "changelog") return std::make_unique<ChangelogPrinter>(out);
    std::unique_ptr<RowStyle> rows;
    if (style == "json") {
        rows = std::make_unique<JsonStyle>(schema);
    } else if (style == "csv") {
        rows = std::make_unique<CsvStyle>(schema);
    } else {
        MILLRACE_CHECK(style == "table", "no style '{}'", style);
        rows = std::make_unique<TableStyle>(schema, bounded);
    }
    if (bounded) return std::make_unique<FoldingPrinter>(std::move(rows), out);
    return std::make_unique<StreamingPrinter>(std::move(rows), out);
}

}  // namespace millrace::cli
