// The log of an application's cluster, as text for people: what is a JSON line becomes "time LEVEL logger
// message".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::cli {

// One line, without its end; what is no JSON of a log stays as it is. Lines within a message are indented,
// and nothing of it moves a terminal's cursor.
std::string logLineText(const std::string& line);

// Which lines of a growing log are new, told by the text alone: it is asked for again and again, and only its
// end may be answered.
class LogTail {
  public:
    // All of the first text, then what has been added; all of it if the log is another one. A line that is
    // not finished waits for its end.
    std::string news(std::string_view text);
    // The second, since the epoch, of the first of the lines by which it knows the log's end: the log must be
    // asked for from there on. 0 if there is none.
    int64_t knownFrom() const;

  private:
    std::string seen_;  // the last lines that have been given
};

}  // namespace millrace::cli
