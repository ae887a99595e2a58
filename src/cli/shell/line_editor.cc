#include "cli/shell/line_editor.h"

#include <histedit.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cwchar>

#include "base/error.h"
#include "cli/shell/history_file.h"

namespace millrace::cli {

namespace {

// Keys that a terminal never sends by themselves, for editing commands of libedit that ours go on to.
constexpr char kEndOfLine = '\x1f';          // ed-newline
constexpr char kPreviousStatement = '\x1e';  // ed-prev-history
constexpr char kNextStatement = '\x1d';      // ed-next-history

std::atomic<bool> resized{false};
void onResize(int) { resized = true; }

size_t terminalColumns() {
    winsize size{};
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

// Names in columns, as `ls` has them.
void list(const std::vector<Completion::Candidate>& candidates) {
    constexpr size_t kShown = 120;
    size_t widest = 0;
    for (const auto& candidate : candidates)
        widest = std::max(widest, candidate.text.size());
    const size_t width = widest + 2;
    const size_t columns = std::max<size_t>(1, terminalColumns() / width);
    const size_t shown = std::min(candidates.size(), kShown);
    const size_t rows = (shown + columns - 1) / columns;
    std::string text = "\n";
    for (size_t row = 0; row < rows; ++row) {
        std::string line;
        for (size_t i = row; i < shown; i += rows) {
            line.append(candidates[i].text);
            line.append(width - std::min(width, candidates[i].text.size()), ' ');
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    }
    if (shown < candidates.size()) text += fmt::format("... and {} more\n", candidates.size() - shown);
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
}

size_t commonPrefix(const std::vector<Completion::Candidate>& candidates) {
    size_t length = candidates.front().text.size();
    for (const auto& candidate : candidates) {
        size_t same = 0;
        while (same < std::min(length, candidate.text.size()) &&
               candidate.text[same] == candidates.front().text[same])
            ++same;
        length = same;
    }
    return length;
}

// How many characters of the terminal's: el_deletestr counts those.
int characters(std::string_view text) {
    return static_cast<int>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

class LineEditor::Implementation {
  public:
    Implementation(LineEditorOptions options, std::atomic<bool>& interrupted, const std::atomic<bool>& ended)
        : options_(std::move(options)),
          interrupted_(interrupted),
          ended_(ended),
          file_(options_.history_path),
          history_(history_init()),
          editor_(el_init("millrace", stdin, stdout, stderr)) {
        MILLRACE_CHECK(history_ != nullptr && editor_ != nullptr, "no line editor");
        HistEvent event;
        history(history_, &event, H_SETSIZE, static_cast<int>(HistoryFile::kKept));
        history(history_, &event, H_SETUNIQUE, 1);
        for (const std::string& text : file_.load())
            history(history_, &event, H_ENTER, text.c_str());
        el_set(editor_, EL_CLIENTDATA, this);
        el_set(editor_, EL_PROMPT, &Implementation::prompt);
        el_set(editor_, EL_EDITOR, "emacs");
        el_set(editor_, EL_HIST, history, history_);
        el_set(editor_, EL_GETCFN, &Implementation::readCharacter);
        addCommand("millrace-enter", "ends a whole statement, or begins another line",
                   &Implementation::enter);
        addCommand("millrace-complete", "completes the word", &Implementation::complete);
        addCommand("millrace-up", "a line up, or the statement before", &Implementation::up);
        addCommand("millrace-down", "a line down, or the statement after", &Implementation::down);
        addCommand("millrace-line-begin", "to the line's beginning", &Implementation::lineBegin);
        addCommand("millrace-line-end", "to the line's end", &Implementation::lineEnd);
        el_source(editor_, nullptr);  // ~/.editrc: a person's own keys
        const char* const keys[][2] = {
            {"^M", "millrace-enter"},          {"^J", "millrace-enter"},
            {"^I", "millrace-complete"},       {"\\e[A", "millrace-up"},
            {"\\eOA", "millrace-up"},          {"^P", "millrace-up"},
            {"\\e[B", "millrace-down"},        {"\\eOB", "millrace-down"},
            {"^N", "millrace-down"},           {"^A", "millrace-line-begin"},
            {"\\e[H", "millrace-line-begin"},  {"\\eOH", "millrace-line-begin"},
            {"^E", "millrace-line-end"},       {"\\e[F", "millrace-line-end"},
            {"\\eOF", "millrace-line-end"},    {"^R", "em-inc-search-prev"},
            {"\\e[3~", "ed-delete-next-char"}, {"\\e[1;5D", "ed-prev-word"},
            {"\\e[1;5C", "em-next-word"},      {"^_", "ed-newline"},
            {"^^", "ed-prev-history"},         {"^]", "ed-next-history"},
        };
        for (const auto& [key, command] : keys)
            el_set(editor_, EL_BIND, key, command, nullptr);
        struct sigaction action = {};
        action.sa_handler = onResize;
        sigaction(SIGWINCH, &action, nullptr);
    }
    ~Implementation() {
        el_end(editor_);
        history_end(history_);
    }
    Implementation(const Implementation&) = delete;
    Implementation& operator=(const Implementation&) = delete;

    std::optional<std::string> read() {
        interrupted_ = false;
        int length = 0;
        const char* const line = el_gets(editor_, &length);
        if (interrupted_.exchange(false)) {
            std::fputs("^C\x1b[J\n", stdout);
            std::fflush(stdout);
            return "";
        }
        if (line == nullptr || length <= 0) {
            std::fputs("\n", stdout);
            return std::nullopt;
        }
        std::string text(line, static_cast<size_t>(length));
        if (text.ends_with('\n')) text.pop_back();
        return text;
    }

    void remember(const std::string& text) {
        if (text.empty() || text.front() == ' ') return;
        HistEvent event;
        history(history_, &event, H_ENTER, text.c_str());
        if (text != newest_) file_.append(text);
        newest_ = text;
    }

  private:
    using Command = unsigned char (*)(EditLine*, int);

    void addCommand(const char* name, const char* help, Command command) {
        el_set(editor_, EL_ADDFN, name, help, command);
    }

    static Implementation& of(EditLine* editor) {
        void* self = nullptr;
        el_get(editor, EL_CLIENTDATA, &self);
        return *static_cast<Implementation*>(self);
    }

    static char* prompt(EditLine* editor) { return of(editor).options_.prompt.data(); }

    // libedit's own reading goes on after a signal; here Ctrl-C ends it.
    static int readCharacter(EditLine* editor, wchar_t* out) {
        Implementation& self = of(editor);
        std::mbstate_t state{};
        for (;;) {
            if (self.interrupted_ || self.ended_) return -1;
            if (resized.exchange(false)) el_resize(editor);
            // A signal between the look at the flags and the wait is seen a moment later.
            constexpr int kWaitMs = 200;
            pollfd wait{STDIN_FILENO, POLLIN, 0};
            if (poll(&wait, 1, kWaitMs) <= 0) continue;
            char byte = 0;
            const ssize_t count = ::read(STDIN_FILENO, &byte, 1);
            if (count < 0 && errno == EINTR) continue;
            if (count <= 0) return static_cast<int>(count);
            const size_t done = std::mbrtowc(out, &byte, 1, &state);
            if (done == static_cast<size_t>(-2)) continue;  // of a character of several bytes
            if (done == static_cast<size_t>(-1)) {
                state = {};
                *out = L'?';
            }
            return 1;
        }
    }

    static std::string textOf(EditLine* editor, size_t& cursor) {
        const LineInfo* const line = el_line(editor);
        cursor = static_cast<size_t>(line->cursor - line->buffer);
        return {line->buffer, line->lastchar};
    }

    static unsigned char goOn(EditLine* editor, char key) {
        const char keys[] = {key, '\0'};
        el_push(editor, keys);
        return CC_NORM;
    }

    static unsigned char enter(EditLine* editor, int) {
        size_t cursor = 0;
        const std::string text = textOf(editor, cursor);
        if (of(editor).options_.is_whole(text)) return goOn(editor, kEndOfLine);
        return el_insertstr(editor, "\n") == 0 ? CC_REFRESH : CC_ERROR;
    }

    static unsigned char complete(EditLine* editor, int) {
        size_t cursor = 0;
        const std::string text = textOf(editor, cursor);
        const Completion found = of(editor).options_.complete(text, cursor);
        if (found.candidates.empty()) return CC_ERROR;
        const std::string word = text.substr(found.begin, cursor - found.begin);
        const bool only = found.candidates.size() == 1;
        std::string put = found.candidates.front().text.substr(0, commonPrefix(found.candidates));
        if (only) put += found.candidates.front().suffix;
        const bool longer = put.size() > word.size() || (only && put != word);
        if (longer) {
            el_deletestr(editor, characters(word));
            if (el_insertstr(editor, put.c_str()) != 0) return CC_ERROR;
        }
        if (only || longer) return CC_REFRESH;
        list(found.candidates);
        return CC_REDISPLAY;
    }

    // The line of the text that the cursor is in.
    struct Line {
        std::wstring text;  // the whole text
        size_t cursor = 0;
        size_t begin = 0, end = 0;  // of the line, without its break

        explicit Line(EditLine* editor) {
            const LineInfoW* const line = el_wline(editor);
            text.assign(line->buffer, line->lastchar);
            cursor = static_cast<size_t>(line->cursor - line->buffer);
            begin = cursor == 0 ? 0 : text.rfind(L'\n', cursor - 1) + 1;  // npos + 1 is 0
            end = std::min(text.find(L'\n', cursor), text.size());
        }
    };

    static unsigned char moveTo(EditLine* editor, const Line& line, size_t target) {
        el_cursor(editor, static_cast<int>(target) - static_cast<int>(line.cursor));
        return CC_CURSOR;
    }

    static unsigned char lineBegin(EditLine* editor, int) {
        const Line line(editor);
        return moveTo(editor, line, line.begin);
    }
    static unsigned char lineEnd(EditLine* editor, int) {
        const Line line(editor);
        return moveTo(editor, line, line.end);
    }
    // To the same column of the line above or below; beyond the first and the last one are other statements.
    static unsigned char up(EditLine* editor, int) {
        const Line line(editor);
        if (line.begin == 0) return goOn(editor, kPreviousStatement);
        const size_t end = line.begin - 1;
        const size_t begin = end == 0 ? 0 : line.text.rfind(L'\n', end - 1) + 1;
        return moveTo(editor, line, std::min(begin + line.cursor - line.begin, end));
    }
    static unsigned char down(EditLine* editor, int) {
        const Line line(editor);
        if (line.end == line.text.size()) return goOn(editor, kNextStatement);
        const size_t begin = line.end + 1;
        const size_t end = std::min(line.text.find(L'\n', begin), line.text.size());
        return moveTo(editor, line, std::min(begin + line.cursor - line.begin, end));
    }

    LineEditorOptions options_;
    std::atomic<bool>& interrupted_;
    const std::atomic<bool>& ended_;
    HistoryFile file_;
    History* history_;
    EditLine* editor_;
    std::string newest_;
};

LineEditor::LineEditor(LineEditorOptions options, std::atomic<bool>& interrupted,
                       const std::atomic<bool>& ended)
    : implementation_(std::make_unique<Implementation>(std::move(options), interrupted, ended)) {}
LineEditor::~LineEditor() = default;
std::optional<std::string> LineEditor::read() { return implementation_->read(); }
void LineEditor::remember(const std::string& text) { implementation_->remember(text); }

std::string historyPath() {
    const char* const state = std::getenv("XDG_STATE_HOME");
    if (state != nullptr && state[0] == '/') return std::string(state) + "/millrace/sql_history";
    const char* const home = std::getenv("HOME");
    return home == nullptr || home[0] == '\0' ? "" : std::string(home) + "/.local/state/millrace/sql_history";
}

}  // namespace millrace::cli
