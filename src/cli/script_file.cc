#include "cli/script_file.h"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "base/file_system.h"

namespace millrace::cli {

std::string readScript(const std::string& path) {
    const auto all = [](std::istream& in) {
        return std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    };
    if (path == "-") return all(std::cin);
    std::error_code error;
    const std::filesystem::file_status status = std::filesystem::status(path, error);
    if (!std::filesystem::is_fifo(status) && !std::filesystem::is_character_file(status))
        return readFile(localFileSystem(), path);
    std::ifstream in(path, std::ios::binary);  // what has no size
    return all(in);
}

}  // namespace millrace::cli
