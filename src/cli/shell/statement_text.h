// What the shell must know of a text before it is parsed.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace millrace::cli {

// Whether Enter ends it: a statement with its ';' (a statement set with that of its END), a command of the
// shell, or nothing at all. Inside of quotes and comments it never does.
bool isWhole(std::string_view text);

enum class ShellCommand : uint8_t { Help, Quit, Clear, Nothing };
// HELP; QUIT; EXIT; CLEAR; and \help, \quit, \q, \clear, in any case; Nothing for blanks and semicolons
// alone. Absent for what is SQL. An unknown \command is Help.
std::optional<ShellCommand> shellCommandOf(std::string_view text);

}  // namespace millrace::cli
