// Searching short texts, 16 bytes at a time: a call of memchr() for every candidate costs more than all of
// it.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace millrace {

// The place of the n-th `c`, counted from 0, at or behind `from`; npos if there are fewer.
size_t findNth(std::string_view text, char c, size_t n, size_t from = 0);

// The n-th part, counted from 0, of the text cut at every `c`; nothing if there are fewer.
std::optional<std::string_view> partAt(std::string_view text, char c, size_t n);

// As text.find(part, from).
size_t findText(std::string_view text, std::string_view part, size_t from = 0);

}  // namespace millrace
