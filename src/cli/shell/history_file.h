// The statements of earlier shells, one a line of a file that only its owner can read: a line break is
// written as "\n", a backslash as "\\". Shells that run at the same time append to it without getting in each
// other's way.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace millrace::cli {

class HistoryFile {
  public:
    static constexpr size_t kKept = 1000;  // statements; more are cut when a shell starts

    explicit HistoryFile(std::string path) : path_(std::move(path)) {}  // "": remembers nothing

    std::vector<std::string> load();  // oldest first
    // What cannot be written is not remembered: no reason to end a shell.
    void append(std::string_view text);

  private:
    std::string path_;
};

}  // namespace millrace::cli
