// A log file that gives way to a new one at a size: "cluster.log", then the older "cluster.1.log",
// "cluster.2.log"... Several processes may write to one (a cluster that is prepared while another runs): each
// line goes to the file that has the name when it is written, whoever rotated last. Not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace {

class RotatingLogFile {
  public:
    // UserError "io.failed" if it cannot be opened. `files_max` old ones are kept.
    RotatingLogFile(std::string path, uint64_t size_max, int files_max);
    ~RotatingLogFile();
    RotatingLogFile(const RotatingLogFile&) = delete;
    RotatingLogFile& operator=(const RotatingLogFile&) = delete;

    // Whole lines. What cannot be written is lost: a log is no reason to fail.
    void append(std::string_view lines);

  private:
    std::string oldPath(int number) const;
    bool open();
    bool isCurrent() const;
    void rotate();

    const std::string path_;
    const uint64_t size_max_;
    const int files_max_;
    int descriptor_ = -1;
};

}  // namespace millrace
