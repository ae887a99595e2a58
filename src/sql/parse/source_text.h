// The text of a script: as given, and after ${name} was filled in. Tokens are found in the filled text;
// places are reported in the given one, which is what its author sees.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace millrace::sql {

class SourceText {
  public:
    // Fills ${name} and ${group.key}: anywhere but in comments. Inside '...' and `...` the value's quotes are
    // doubled, so that it stays one literal; elsewhere the value is SQL text as it is. What has no value is
    // reported in problems() with its place and left as it stands.
    SourceText(std::string_view original, const std::map<std::string, std::string>& parameters);

    const std::string& original() const { return original_; }
    const std::string& text() const { return text_; }
    const std::vector<Problem>& problems() const { return problems_; }

    // The place of text()[begin, end) in the original, cut at the end of its first line. What comes from a
    // placeholder's value is at the placeholder.
    TextSpan span(size_t begin, size_t end) const;

  private:
    struct Segment {  // of text_, from `begin` to the next segment
        size_t begin;
        size_t original_begin;
        size_t original_size;  // of a placeholder; 0 for text copied as it was
    };
    void fill(const std::map<std::string, std::string>& parameters);
    size_t placeholder(size_t at, char quote, const std::map<std::string, std::string>& parameters);
    size_t originalOffset(size_t offset, bool after) const;  // of text_[offset], or just after it
    TextSpan originalSpan(size_t begin, size_t end) const;

    std::string original_;
    std::string text_;
    std::vector<Problem> problems_;
    std::vector<Segment> segments_;
    std::vector<size_t> line_starts_;
    std::vector<size_t> continuation_bytes_;  // offsets of UTF-8 continuation bytes, which are no characters
};

}  // namespace millrace::sql
