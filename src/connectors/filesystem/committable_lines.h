// What a sink keeps in checkpoints as text: a value a line, line ends within values escaped.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/filesystem/filesystem_options.h"

namespace millrace {

inline std::string escapeLine(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\n') {
            out += "%0A";
        } else if (c == '%') {
            out += "%25";
        } else {
            out += c;
        }
    }
    return out;
}

inline std::vector<std::string> linesOf(std::string_view text) {
    std::vector<std::string> lines;
    for (size_t at = 0; at <= text.size();) {
        const size_t end = std::min(text.find('\n', at), text.size());
        lines.push_back(unescapePathName(text.substr(at, end - at)));
        at = end + 1;
    }
    return lines;
}

}  // namespace millrace
