// Files that the build puts into the binary (millrace_embed in cmake/room.cmake).
#pragma once

#include <string_view>
#include <vector>

namespace millrace {

struct EmbeddedFile {
    std::string_view name;  // "main.js"
    std::string_view content;
};

const std::vector<EmbeddedFile>& dashboardFiles();  // src/cluster/dashboard

}  // namespace millrace
