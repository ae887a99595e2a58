// Small things done to texts whose letters are ASCII: names, option values, headers.
#pragma once

#include <string>
#include <string_view>

namespace millrace {

std::string lowerCase(std::string_view text);
std::string_view trim(std::string_view text);  // without the spaces, tabs and line ends around it

}  // namespace millrace
