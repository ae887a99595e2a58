#include "connectors/filesystem/overwrite.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "connectors/filesystem/committable_lines.h"

namespace millrace {
namespace {

constexpr std::string_view kTokenHead = "overwrites";

// Every visible file at or below `folder`, as a source of the table reads it.
void collectVisibleFiles(FileSystem& files, const std::string& folder, std::vector<std::string>& paths) {
    if (!files.exists(folder)) return;
    for (const FileStatus& entry : files.list(folder)) {
        if (isHidden(entry.name)) continue;
        const std::string path = joinPath(folder, entry.name);
        if (entry.is_folder) {
            collectVisibleFiles(files, path, paths);
        } else {
            paths.push_back(path);
        }
    }
}

std::vector<std::string> filesBefore(const std::vector<FileCommittable>& written, const std::string& always,
                                     FileSystem& files) {
    std::set<std::string> folders, names;
    for (const FileCommittable& file : written) {
        folders.insert(file.folder);
        names.insert(file.path());
    }
    if (!always.empty()) folders = {always};
    std::vector<std::string> before;
    for (const std::string& folder : folders)
        collectVisibleFiles(files, folder, before);
    std::erase_if(before, [&](const std::string& path) { return names.count(path) > 0; });
    return before;
}

}  // namespace

bool OverwriteWord::is(std::string_view committable) { return committable.starts_with("3\n"); }

std::string OverwriteWord::encode() const {
    return fmt::format("3\n{}\n{}\n{}", subtask, parallelism, escapeLine(token));
}

OverwriteWord OverwriteWord::decode(std::string_view text) {
    const std::vector<std::string> parts = linesOf(text);
    const auto number = [](const std::string& part) {
        return !part.empty() && part.size() < 10 && part.find_first_not_of("0123456789") == std::string::npos;
    };
    if (parts.size() != 4 || !number(parts[1]) || !number(parts[2])) {
        throw UserError("snapshot.damaged",
                        "what a filesystem sink has to overwrite cannot be read from the snapshot");
    }
    return {static_cast<uint32_t>(std::stoul(parts[1])), static_cast<uint32_t>(std::stoul(parts[2])),
            parts[3]};
}

std::string overwrittenFolder(const FilesystemOptions& options, const TableSpec& spec) {
    std::string folder = options.path;
    for (const std::string& key : spec.partition_keys) {
        const auto value = spec.overwrite->partition.find(key);
        if (value == spec.overwrite->partition.end()) return "";
        const std::string& text = value->second.empty() ? options.default_partition : value->second;
        folder = joinPath(folder, escapePathName(key) + "=" + escapePathName(text));
    }
    return folder;
}

void overwriteFiles(const std::vector<FileCommittable>& written, const std::string& token,
                    const std::string& always, FileSystem& files) {
    if (!files.exists(token)) return;  // all was done before
    const std::string noted = readFile(files, token);
    std::vector<std::string> before;
    if (!noted.empty()) {
        before = linesOf(noted);
        if (before.front() != kTokenHead)
            throw UserError("io.damaged", fmt::format("the file '{}' is not what was written", token));
        before.erase(before.begin());
    } else {
        // A job that is started once more from its end has nothing new, and what came since is not its own.
        const bool nothing_new = !written.empty() && std::none_of(written.begin(), written.end(),
                                                                  [&](const FileCommittable& file) {
                                                                      return files.exists(file.hiddenPath());
                                                                  });
        if (nothing_new) {
            files.remove(token);
            return;
        }
        before = filesBefore(written, always, files);
        std::string text(kTokenHead);
        for (const std::string& path : before)
            text += "\n" + escapeLine(path);
        writeFileAtomically(files, token, text);
    }
    std::set<std::string> folders;
    for (const FileCommittable& file : written) {
        if (makeVisible(file, files)) folders.insert(file.folder);
    }
    for (const std::string& folder : folders)
        files.syncFolder(folder);
    folders.clear();
    for (const std::string& path : before) {
        if (!files.exists(path)) continue;
        files.remove(path);
        folders.insert(parentFolder(path));
    }
    for (const std::string& folder : folders)
        files.syncFolder(folder);
    files.remove(token);
}

}  // namespace millrace
