// Statements typed at a terminal, over libedit: several lines until a statement is whole, history,
// completion.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::cli {

// What could stand at the cursor.
struct Completion {
    size_t begin = 0;  // of the word that is replaced, in the text before the cursor; bytes
    struct Candidate {
        std::string text;    // as it is listed and inserted
        std::string suffix;  // inserted behind it when it is the only one: " ", "("
    };
    std::vector<Candidate> candidates;
};

struct LineEditorOptions {
    std::string prompt;
    std::string history_path;  // statements that were entered; "" keeps none
    // Whether Enter ends the text; otherwise it begins another line of it.
    std::function<bool(std::string_view text)> is_whole;
    std::function<Completion(std::string_view text, size_t cursor)> complete;
};

// One at a time in a process: the terminal is its own while it reads. A signal that sets `interrupted` throws
// away what was typed; one that sets `ended` ends reading.
class LineEditor {
  public:
    LineEditor(LineEditorOptions options, std::atomic<bool>& interrupted, const std::atomic<bool>& ended);
    ~LineEditor();
    LineEditor(const LineEditor&) = delete;
    LineEditor& operator=(const LineEditor&) = delete;

    // The next text, "" if it was thrown away; nothing at the end: Ctrl-D on an empty line.
    std::optional<std::string> read();
    // Adds to the history; not what begins with a space.
    void remember(const std::string& text);

  private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

// $XDG_STATE_HOME/millrace/sql_history, or below ~/.local/state; "" without a home.
std::string historyPath();

}  // namespace millrace::cli
