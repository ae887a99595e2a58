// Regular expressions that pick a field out of delimited text, as "(&|^)channel_id=([^&]*)" does out of a
// URL's query: found by searching for the name, many times faster than by an automaton that keeps groups.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace millrace {

class FieldRegex {
  public:
    static constexpr int kGroups = 2;

    // Nothing if the expression is not of the form "(d|^)name([^e]*)" or "(^|d)name([^e]*)", with plain
    // characters d and e and a plain text.
    static std::optional<FieldRegex> of(std::string_view pattern);

    // A group of the first match, 0 to 2, as a regular expression has it; nothing if there is no match.
    std::optional<std::string_view> group(std::string_view text, int group) const;

  private:
    char delimiter_ = 0;
    char end_ = 0;
    std::string name_;
};

// The same of the calling thread's last expression, looked at once; nullptr if it is none. Valid until the
// thread's next call.
const FieldRegex* fieldRegex(std::string_view pattern);

}  // namespace millrace
