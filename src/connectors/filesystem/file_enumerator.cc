#include "connectors/filesystem/file_enumerator.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "connectors/filesystem/overwrite.h"

namespace millrace {
namespace {

void appendVarint(uint64_t value, std::string& out) {
    for (; value >= 0x80; value >>= 7)
        out += static_cast<char>(value | 0x80);
    out += static_cast<char>(value);
}

[[noreturn]] void damaged() {
    throw UserError("snapshot.damaged", "the state of a filesystem source in the snapshot cannot be read");
}

uint64_t readVarint(std::string_view& in) {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        if (in.empty()) damaged();
        const auto byte = static_cast<unsigned char>(in.front());
        in.remove_prefix(1);
        value |= uint64_t{byte & 0x7FU} << shift;
        if (byte < 0x80) return value;
    }
    damaged();
}

void appendPaths(const std::set<std::string>& paths, std::string& out) {
    appendVarint(paths.size(), out);
    std::string_view before;
    for (const std::string& path : paths) {
        const auto differ = std::mismatch(path.begin(), path.end(), before.begin(), before.end()).first;
        const auto shared = static_cast<size_t>(differ - path.begin());
        appendVarint(shared, out);
        appendVarint(path.size() - shared, out);
        out.append(path, shared);
        before = path;
    }
}

std::set<std::string> readPaths(std::string_view& in) {
    std::set<std::string> paths;
    std::string path;
    for (uint64_t count = readVarint(in); count > 0; --count) {
        const uint64_t shared = readVarint(in);
        const uint64_t further = readVarint(in);
        if (shared > path.size() || further > in.size()) damaged();
        path.resize(shared);
        path += in.substr(0, further);
        in.remove_prefix(further);
        paths.insert(paths.end(), path);
    }
    return paths;
}

// Every visible file at or below `folder`.
void collect(FileSystem& files, const std::string& folder, const std::string& prefix,
             std::vector<std::string>& out) {
    for (const FileStatus& entry : files.list(folder)) {
        if (isHidden(entry.name)) continue;
        if (entry.is_folder) {
            collect(files, joinPath(folder, entry.name), prefix + entry.name + "/", out);
        } else {
            out.push_back(prefix + entry.name);
        }
    }
}

}  // namespace

class FileEnumerator::Pattern {
  public:
    explicit Pattern(const std::string& text) : re_(text, RE2::Quiet) {
        if (!re_.ok()) {
            throw UserError(
                "config.bad-value",
                fmt::format("'source.path.regex-pattern' is not a regular expression: {}", re_.error()));
        }
    }
    bool matches(const std::string& path) const { return RE2::FullMatch(path, re_); }

  private:
    RE2 re_;
};

FileEnumerator::FileEnumerator(FilesystemOptions options, const std::optional<std::string>& restored)
    : options_(std::move(options)) {
    if (!options_.path_pattern.empty()) pattern_ = std::make_unique<Pattern>(options_.path_pattern);
    if (!restored) return;
    std::string_view in = *restored;
    if (in.empty() || in.front() != '\x01') damaged();
    in.remove_prefix(1);
    dealt_ = readPaths(in);
    if (!in.empty()) {
        // State of a bounded read. If the table is watched now, the next scan finds what is left.
        undealt_ = readPaths(in);
        restored_ = !options_.monitor_interval;
    }
    if (!in.empty()) damaged();
    spreads_ = dealt_.empty();  // else readers have files, and ask when they are at their end
}

FileEnumerator::~FileEnumerator() = default;

std::string splitFolder(FileSystem& files, const FilesystemOptions& options) {
    if (!files.exists(options.path)) {
        throw UserError("io.not-found",
                        fmt::format("table '{}': the path '{}' does not exist", options.table, options.path),
                        "create the file or the folder, or correct 'path'");
    }
    return files.status(options.path).is_folder ? options.path : parentFolder(options.path);
}

void FileEnumerator::start(EnumeratorContext& context) {
    if (!restored_) scan(context);
    if (options_.monitor_interval)
        context.wakeAt(
            ProcessingTime(context.environment().clock->now().value() + options_.monitor_interval->ms));
}

void FileEnumerator::discover(EnumeratorContext& context) {
    if (!options_.monitor_interval) return;
    scan(context);
    deal(context);
    context.wakeAt(
        ProcessingTime(context.environment().clock->now().value() + options_.monitor_interval->ms));
}

void FileEnumerator::scan(EnumeratorContext& context) {
    FileSystem& files = *context.environment().files;
    const std::string folder = splitFolder(files, options_);
    finishOverwrites(folder, files);
    std::vector<std::string> found;
    if (folder == options_.path) {
        collect(files, folder, "", found);
    } else {
        found.push_back(lastComponent(options_.path));
    }
    for (const std::string& path : found) {
        if (pattern_ && !pattern_->matches(joinPath(folder, path))) continue;
        if (!dealt_.contains(path)) undealt_.insert(path);
    }
}

void FileEnumerator::onSplitRequest(EnumeratorContext& context, SlotIndex reader) {
    waiting_.insert(reader);
    deal(context);
}

// Every reader gets a file before one gets its second, however late it asks: files that were written beside
// each other are read beside each other, and none is behind the watermark of another.
std::optional<SlotIndex> FileEnumerator::nextReader(uint32_t parallelism) const {
    const auto first = std::find_if(waiting_.begin(), waiting_.end(),
                                    [&](SlotIndex reader) { return !served_.contains(reader); });
    if (first != waiting_.end()) return *first;
    const size_t reserved = spreads_ ? parallelism - served_.size() : 0;
    if (waiting_.empty() || undealt_.size() <= reserved) return std::nullopt;
    return *waiting_.begin();
}

void FileEnumerator::deal(EnumeratorContext& context) {
    while (!undealt_.empty()) {
        const std::optional<SlotIndex> reader = nextReader(context.parallelism());
        if (!reader) return;
        auto path = undealt_.extract(undealt_.begin());
        waiting_.erase(*reader);
        served_.insert(*reader);
        context.assign(*reader, {path.value(), FilePosition{}.encode()});
        dealt_.insert(std::move(path));
    }
    if (options_.monitor_interval) return;
    for (const SlotIndex reader : waiting_)
        context.noMoreSplits(reader);
    waiting_.clear();
}

std::string FileEnumerator::snapshot() const {
    std::string out = "\x01";
    appendPaths(dealt_, out);
    if (!options_.monitor_interval) appendPaths(undealt_, out);
    return out;
}

// "1 <offset> <line> <size>", or, within a block, "2 <offset> <line> <size> <taken>".
std::string FilePosition::encode() const {
    if (taken == 0) return fmt::format("1 {} {} {}", offset, line, size_min);
    return fmt::format("2 {} {} {} {}", offset, line, size_min, taken);
}

FilePosition FilePosition::decode(const std::string& state) {
    FilePosition position;
    const char* at = state.data();
    const char* const end = at + state.size();
    if (!state.starts_with("1 ") && !state.starts_with("2 ")) damaged();
    ++at;
    for (uint64_t* number : {&position.offset, &position.line, &position.size_min, &position.taken}) {
        if (number == &position.taken && state.front() == '1') break;
        if (at == end || *at != ' ') damaged();
        const auto [next, error] = std::from_chars(at + 1, end, *number);
        if (error != std::errc()) damaged();
        at = next;
    }
    if (at != end) damaged();
    return position;
}

}  // namespace millrace
