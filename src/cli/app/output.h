// What `millrace app` prints for people: tables, times, and progress while something takes time.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_members.h"

namespace millrace::cli {

// Aligned columns below their titles; nothing but the titles if there are no rows. The last column is as wide
// as it likes.
class TextTable {
  public:
    explicit TextTable(std::vector<std::string> titles) : rows_{std::move(titles)} {}
    void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
    bool empty() const { return rows_.size() == 1; }
    // Without titles, as in a list of names and their values.
    std::string render(std::string_view indent = "", bool titles = true) const;

  private:
    std::vector<std::vector<std::string>> rows_;
};

// "2026-03-01T09:00:10+01:00" of seconds since the epoch, in the local time zone; "" for what is no number.
std::string localTime(const nlohmann::json& epoch_seconds);
// "350 ms", "4.2 s", "3 min 20 s", "2 h 5 min"
std::string shownDuration(std::chrono::milliseconds duration);

// Texts of others may hold anything: what would move a terminal's cursor is a question mark, a tab a space.
std::string printable(std::string text);

// A member's text, number or truth as a text; "" if it is absent.
std::string shown(const nlohmann::json& object, const char* name);

// One line on standard error that is written over itself, only on a terminal.
class Progress {
  public:
    explicit Progress(bool enabled);
    ~Progress() { clear(); }
    void show(const std::string& line);
    void clear();

  private:
    bool enabled_;
    bool shown_ = false;
};

}  // namespace millrace::cli
