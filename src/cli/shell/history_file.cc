#include "cli/shell/history_file.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file_system.h"

namespace millrace::cli {

namespace {

constexpr int kOwnerOnly = 0600;

std::string encoded(std::string_view text) {
    std::string line;
    for (const char c : text) {
        if (c == '\n')
            line += "\\n";
        else if (c == '\\')
            line += "\\\\";
        else
            line += c;
    }
    return line + "\n";
}

std::string decoded(std::string_view line) {
    std::string text;
    for (size_t i = 0; i < line.size(); ++i) {
        if (line[i] != '\\' || i + 1 == line.size()) {
            text += line[i];
            continue;
        }
        ++i;
        text += line[i] == 'n' ? '\n' : line[i];
    }
    return text;
}

bool writeAll(int file, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = write(file, text.data(), text.size());
        if (written < 0) return false;
        text.remove_prefix(static_cast<size_t>(written));
    }
    return true;
}

}  // namespace

std::vector<std::string> HistoryFile::load() {
    std::vector<std::string> texts;
    if (path_.empty()) return texts;
    std::string content;
    try {
        if (!localFileSystem().exists(path_)) return texts;
        content = readFile(localFileSystem(), path_);
    } catch (const UserError&) {
        return texts;
    }
    for (size_t at = 0; at < content.size();) {
        const size_t end = std::min(content.find('\n', at), content.size());
        if (end > at) texts.push_back(decoded(std::string_view(content).substr(at, end - at)));
        at = end + 1;
    }
    if (texts.size() <= kKept) return texts;
    texts.erase(texts.begin(), texts.end() - kKept);
    std::string kept;
    for (const std::string& text : texts)
        kept += encoded(text);
    const std::string part = path_ + ".part";
    const int file = open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kOwnerOnly);
    if (file < 0) return texts;
    const bool whole = writeAll(file, kept);
    close(file);
    if (!whole || rename(part.c_str(), path_.c_str()) != 0) unlink(part.c_str());
    return texts;
}

void HistoryFile::append(std::string_view text) {
    if (path_.empty()) return;
    try {
        localFileSystem().createFolders(parentFolder(path_));
    } catch (const UserError&) {
        return;
    }
    const int file = open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, kOwnerOnly);
    if (file < 0) return;
    writeAll(file, encoded(text));
    close(file);
}

}  // namespace millrace::cli
