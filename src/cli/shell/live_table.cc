#include "cli/shell/live_table.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <list>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace millrace::cli {

namespace {

constexpr int64_t kFirstFrameMs = 300;  // a query that is over sooner is not drawn twice
constexpr int64_t kFrameMs = 200;
constexpr char kCellEnd = '\x1f';
constexpr const char* kEraseBelow = "\x1b[J";

struct ScreenSize {
    size_t rows = 24;
    size_t columns = 80;
};

ScreenSize screenSize(std::FILE* out) {
    winsize size{};
    if (ioctl(fileno(out), TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return {};
    return {size.ws_row, size.ws_col};
}

bool isContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Characters, of which a UTF-8 sequence is one.
size_t width(std::string_view text) {
    return static_cast<size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return !isContinuation(c); }));
}

// So many characters at most.
std::string cut(const std::string& text, size_t columns) {
    if (width(text) <= columns) return text;
    std::string shown;
    size_t count = 0;
    for (const char c : text) {
        if (!isContinuation(c) && ++count == columns) break;
        shown += c;
    }
    return shown + "\u2026";
}

// What a terminal would take for a command of its own is shown as a dot.
std::string harmless(std::string text) {
    for (char& c : text)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '.';
    return text;
}

int64_t nowMs() { return systemClock().monotonicNanos() / 1'000'000; }

class LiveTable final : public RowPrinter {
  public:
    LiveTable(const Schema& schema, size_t rows_max, std::FILE* out)
        : rows_max_(rows_max), out_(out), started_ms_(nowMs()) {
        for (const Field& field : schema) {
            names_.push_back(harmless(field.name));
            numeric_.push_back(field.type.isNumeric());
        }
    }

    void receive(const Batch& batch) override {
        const std::lock_guard lock(mutex_);
        for (size_t row = 0; row < batch.rows(); ++row) {
            std::string text;
            for (const ColumnPtr& column : batch.columns())
                text += harmless(cellText(*column, row)) + kCellEnd;
            apply(std::move(text), isRetraction(batch.kind(row)));
        }
        changes_ += batch.rows();
        changed_ = changed_ || batch.rows() > 0;
    }

    void refresh() override {
        const std::lock_guard lock(mutex_);
        const int64_t now_ms = nowMs();
        if (now_ms < started_ms_ + kFirstFrameMs || now_ms < drawn_ms_ + kFrameMs || !changed_) return;
        drawn_ms_ = now_ms;
        changed_ = false;
        drawFrame(fmt::format("{}, {} {}; Ctrl-C ends the query", rowCount(), changes_,
                              changes_ == 1 ? "change" : "changes"));
    }

    void finish() override {
        const std::lock_guard lock(mutex_);
        eraseFrame();
        drawRows(rows_.size(), 0);
        write(fmt::format("({})\n", rowCount()));
    }

    void stop() override {
        const std::lock_guard lock(mutex_);
        drawFrame(fmt::format("({})", rowCount()));
    }

  private:
    using Rows = std::list<std::string>;

    void apply(std::string row, bool retraction) {
        if (retraction) {
            const auto found = places_.find(row);
            // One that had to give way to newer ones may be taken back all the same.
            MILLRACE_CHECK(found != places_.end() || given_way_ > 0,
                           "a change takes back a row that is not there: {}", row);
            if (found == places_.end()) return;
            const Rows::iterator place = found->second;
            places_.erase(found);
            rows_.erase(place);
            return;
        }
        rows_.push_back(std::move(row));
        places_.emplace(rows_.back(), std::prev(rows_.end()));
        if (rows_.size() <= rows_max_) return;
        const auto [first, last] = places_.equal_range(rows_.front());
        places_.erase(
            std::find_if(first, last, [&](const auto& entry) { return entry.second == rows_.begin(); }));
        rows_.pop_front();
        ++given_way_;
    }

    std::string rowCount() const {
        return fmt::format("{} {}{}", rows_.size(), rows_.size() == 1 ? "row" : "rows",
                           given_way_ > 0 ? fmt::format(", {} older ones not kept", given_way_) : "");
    }

    // Header, the newest rows that fit, and a line that says how it stands.
    void drawFrame(const std::string& status) {
        constexpr size_t kOtherLines = 5;  // header, rule, what is above, status, and the cursor's
        const ScreenSize screen = screenSize(out_);
        const size_t room = screen.rows > kOtherLines ? screen.rows - kOtherLines : 1;
        eraseFrame();
        frame_lines_ = drawRows(std::min(room, rows_.size()), screen.columns);
        write(cut(status, screen.columns - 1) + "\n");
        ++frame_lines_;
    }

    // The last `count` rows, each in a line of so many columns (0: as long as it is). How many lines that
    // were.
    size_t drawRows(size_t count, size_t columns) {
        std::vector<std::vector<std::string>> table;
        for (auto row = std::prev(rows_.end(), static_cast<ptrdiff_t>(count)); row != rows_.end(); ++row)
            table.push_back(cells(*row));
        // Columns only grow while the query runs: they would jump.
        widths_.resize(names_.size(), 0);
        for (size_t i = 0; i < names_.size(); ++i) {
            widths_[i] = std::max(widths_[i], width(names_[i]));
            for (const auto& row : table)
                widths_[i] = std::max(widths_[i], width(row[i]));
        }
        std::string rule;
        for (size_t i = 0; i < widths_.size(); ++i)
            rule += (i == 0 ? "" : "-+-") + std::string(widths_[i], '-');
        std::string text;
        const auto line = [&](const std::string& content) {
            text += (columns == 0 ? content : cut(content, columns - 1)) + "\n";
        };
        line(lineOf(names_));
        line(rule);
        size_t lines = 2 + table.size();
        if (count < rows_.size()) {
            line(fmt::format("... {} above", rows_.size() - count));
            ++lines;
        }
        for (const auto& row : table)
            line(lineOf(row));
        write(text);
        return lines;
    }

    static std::vector<std::string> cells(const std::string& row) {
        std::vector<std::string> found;
        size_t begin = 0;
        for (size_t end = 0; (end = row.find(kCellEnd, begin)) != std::string::npos; begin = end + 1)
            found.push_back(row.substr(begin, end - begin));
        return found;
    }

    std::string lineOf(const std::vector<std::string>& row) const {
        std::string line;
        for (size_t i = 0; i < row.size(); ++i) {
            const std::string padding(widths_[i] - std::min(widths_[i], width(row[i])), ' ');
            line += (i == 0 ? "" : " | ") + (numeric_[i] ? padding + row[i] : row[i] + padding);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        return line;
    }

    void eraseFrame() {
        if (frame_lines_ > 0) write(fmt::format("\r\x1b[{}A{}", frame_lines_, kEraseBelow));
        frame_lines_ = 0;
    }

    void write(const std::string& text) {
        std::fwrite(text.data(), 1, text.size(), out_);
        std::fflush(out_);
    }

    const size_t rows_max_;
    std::FILE* const out_;
    const int64_t started_ms_;
    std::vector<std::string> names_;
    std::vector<bool> numeric_;

    std::mutex mutex_;  // all below
    Rows rows_;         // cells, each ended by kCellEnd, in the order in which they came
    std::unordered_multimap<std::string_view, Rows::iterator> places_;
    std::vector<size_t> widths_;
    uint64_t changes_ = 0;
    uint64_t given_way_ = 0;
    bool changed_ = true;  // since it was drawn
    int64_t drawn_ms_ = 0;
    size_t frame_lines_ = 0;  // above the cursor
};

}  // namespace

std::unique_ptr<RowPrinter> makeLiveTable(const Schema& schema, size_t rows_max, std::FILE* out) {
    return std::make_unique<LiveTable>(schema, rows_max, out);
}

}  // namespace millrace::cli
