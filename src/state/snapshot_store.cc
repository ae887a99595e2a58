#include "state/snapshot_store.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "base/error.h"
#include "state/snapshot_encoding.h"

namespace millrace {

using namespace snapshot_format;

namespace {

// State up to this size lies in `_metadata` itself: one file to sync instead of two.
constexpr size_t kInlineMax = 256 << 10;
constexpr size_t kWriteBuffer = 4 << 20;
constexpr std::string_view kMetadataName = "_metadata";
constexpr std::string_view kCheckpointPrefix = "chk-";

std::string stateFileName(uint32_t number) { return fmt::format("state-{}", number); }

// Calls f(section's bytes) for every section of an operator, in index order.
template <class F>
void forEachSection(const OperatorSnapshot& one, F&& f) {
    for (const KeyedStateSnapshot& state : one.keyed) {
        for (const KeyGroupSection& section : state.groups)
            f(std::string_view(section.bytes));
    }
    for (const ListStateSnapshot& list : one.lists)
        f(std::string_view(encodeItems(list.items)));
}

uint64_t writeStateFile(FileSystem& files, const std::string& folder, uint32_t number, CheckpointId id,
                        const std::vector<const OperatorSnapshot*>& operators, bool compress) {
    const auto file = files.create(joinPath(folder, stateFileName(number)));
    std::string buffer = encodeHeader(kStateMagic, {number, id.value()});
    uint32_t sequence = 0;
    for (const OperatorSnapshot* one : operators) {
        forEachSection(*one, [&](std::string_view bytes) {
            appendFrames(FrameKind::Data, bytes, compress, sequence, buffer);
            if (buffer.size() < kWriteBuffer) return;
            file->append(buffer);
            buffer.clear();
        });
    }
    file->append(buffer);
    file->sync();
    return file->size();
}

std::string metadataPath(FileSystem& files, const std::string& path) {
    if (lastComponent(path) == kMetadataName) return path;
    if (files.exists(path) && !files.status(path).is_folder) {
        throw UserError("snapshot.not-found",
                        fmt::format("'{}' is neither a snapshot's folder nor its {}", path, kMetadataName));
    }
    return joinPath(path, kMetadataName);
}

// The files of a snapshot that is being read, each opened when its first section is asked for.
class StateFiles {
  public:
    StateFiles(FileSystem& files, const std::string& folder, const SnapshotIndex& index, FileReader& metadata)
        : files_(files), folder_(folder), id_(index.snapshot.id.value()), metadata_(metadata) {
        for (const StateFile& file : index.files)
            expected_[file.number] = file.bytes;
    }

    std::string section(const SectionPlace& place) {
        return reader(place.file).frames(FrameKind::Data, place.bytes);
    }
    std::string path(uint32_t number) const { return joinPath(folder_, stateFileName(number)); }

    // Every file named was read to its end.
    void checkEnds() {
        for (const auto& [number, bytes] : expected_)
            reader(number);
        for (auto& [number, file] : open_)
            checkEnd(*file.reader);
        checkEnd(metadata_);
    }

  private:
    struct File {
        std::string bytes;
        std::unique_ptr<FileReader> reader;
    };

    static void checkEnd(const FileReader& reader) {
        if (!reader.atEnd()) reader.damaged(reader.offset(), "bytes follow its last section");
    }

    FileReader& reader(uint32_t number) {
        if (number == 0) return metadata_;
        File& file = open_[number];
        if (file.reader) return *file.reader;
        const auto expected = expected_.find(number);
        if (expected == expected_.end()) {
            metadata_.damaged(kHeaderBytes,
                              fmt::format("its index names a state file {} it does not list", number));
        }
        if (!files_.exists(path(number))) {
            throw UserError("snapshot.damaged", fmt::format("{} is missing", path(number)),
                            "restore from another snapshot");
        }
        file.bytes = readFile(files_, path(number));
        file.reader = std::make_unique<FileReader>(path(number), file.bytes);
        if (file.bytes.size() != expected->second) {
            file.reader->damaged(
                std::min<uint64_t>(file.bytes.size(), expected->second),
                fmt::format("it has {} bytes and should have {}", file.bytes.size(), expected->second));
        }
        const FileHeader header = file.reader->header(kStateMagic);
        if (header.file_number != number || header.checkpoint_id != id_) {
            file.reader->damaged(
                12, fmt::format("it is file {} of checkpoint {}", header.file_number, header.checkpoint_id));
        }
        return *file.reader;
    }

    FileSystem& files_;
    const std::string& folder_;
    int64_t id_;
    FileReader& metadata_;
    std::map<uint32_t, uint64_t> expected_;
    std::map<uint32_t, File> open_;
};

}  // namespace

uint64_t writeSnapshot(FileSystem& files, const std::string& folder, const Snapshot& snapshot,
                       const SnapshotWriteOptions& options) {
    files.createFolders(folder);
    uint64_t state_bytes = 0;
    for (const auto& one : snapshot.operators)
        state_bytes += one->bytes();
    const bool inlined = state_bytes <= kInlineMax;

    std::map<uint32_t, std::vector<const OperatorSnapshot*>> by_file;
    std::vector<SectionPlace> sections;
    for (const auto& one : snapshot.operators) {
        const uint32_t file = inlined ? 0 : one->subtask.value() + 1;
        const size_t before = sections.size();
        forEachSection(*one, [&](std::string_view bytes) { sections.push_back({file, bytes.size()}); });
        if (sections.size() > before) by_file[file].push_back(one.get());
    }
    uint64_t written = 0;
    std::vector<StateFile> state_files;
    for (const auto& [number, operators] : by_file) {
        if (number == 0) continue;
        const uint64_t bytes =
            writeStateFile(files, folder, number, snapshot.id, operators, options.compress);
        state_files.push_back({number, bytes});
        written += bytes;
    }
    std::string metadata = encodeHeader(kMetadataMagic, {0, snapshot.id.value()});
    uint32_t sequence = 0;
    appendFrames(FrameKind::Index, encodeIndex(snapshot, sections, state_files), options.compress, sequence,
                 metadata);
    for (const OperatorSnapshot* one : by_file[0]) {
        forEachSection(*one, [&](std::string_view bytes) {
            appendFrames(FrameKind::Data, bytes, options.compress, sequence, metadata);
        });
    }
    writeFileAtomically(files, joinPath(folder, kMetadataName), metadata);  // syncs the folder, too
    files.syncFolder(parentFolder(folder));
    return written + metadata.size();
}

Snapshot readSnapshot(FileSystem& files, const std::string& path) {
    const std::string metadata_path = metadataPath(files, path);
    if (!files.exists(metadata_path)) {
        throw UserError("snapshot.not-found", fmt::format("there is no complete snapshot at '{}'", path),
                        fmt::format("a complete one has a file {}", kMetadataName));
    }
    const std::string bytes = readFile(files, metadata_path);
    FileReader metadata(metadata_path, bytes);
    const FileHeader header = metadata.header(kMetadataMagic);
    if (header.file_number != 0) metadata.damaged(12, "it is not file 0");
    std::string index_bytes;
    while (!metadata.atEnd() && metadata.nextKind() == FrameKind::Index) {
        metadata.appendFrame(FrameKind::Index, index_bytes);
    }
    SnapshotIndex index = decodeIndex(index_bytes, metadata_path);
    if (index.snapshot.id.value() != header.checkpoint_id) metadata.damaged(16, "header and index differ");

    const std::string folder = parentFolder(metadata_path);
    StateFiles state(files, folder, index, metadata);
    const SectionPlace* place = index.sections.data();
    for (OperatorSnapshot& one : index.operators) {
        for (KeyedStateSnapshot& keyed : one.keyed) {
            for (KeyGroupSection& section : keyed.groups)
                section.bytes = state.section(*place++);
        }
        for (ListStateSnapshot& list : one.lists) {
            const std::string source = place->file == 0 ? metadata_path : state.path(place->file);
            list.items = decodeItems(state.section(*place++), source);
        }
        index.snapshot.operators.push_back(std::make_shared<const OperatorSnapshot>(std::move(one)));
    }
    state.checkEnds();
    return std::move(index.snapshot);
}

std::string checkpointFolder(const std::string& job_checkpoint_folder, CheckpointId id) {
    return joinPath(job_checkpoint_folder, fmt::format("{}{}", kCheckpointPrefix, id.value()));
}

std::vector<std::string> listCheckpoints(FileSystem& files, const std::string& job_checkpoint_folder) {
    if (!files.exists(job_checkpoint_folder)) return {};
    std::map<int64_t, std::string, std::greater<>> found;
    for (const FileStatus& entry : files.list(job_checkpoint_folder)) {
        if (!entry.is_folder || !entry.name.starts_with(kCheckpointPrefix)) continue;
        const std::string digits = entry.name.substr(kCheckpointPrefix.size());
        int64_t id = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
        if (error != std::errc() || end != digits.data() + digits.size()) continue;
        const std::string folder = joinPath(job_checkpoint_folder, entry.name);
        if (files.exists(joinPath(folder, kMetadataName))) found[id] = folder;
    }
    std::vector<std::string> folders;
    for (auto& [id, folder] : found)
        folders.push_back(std::move(folder));
    return folders;
}

void discardSnapshot(FileSystem& files, const std::string& folder) {
    if (!files.exists(folder)) return;
    // First the file that makes it complete, so that no half of a snapshot looks whole.
    files.remove(joinPath(folder, kMetadataName));
    files.syncFolder(folder);
    files.removeRecursively(folder);
}

}  // namespace millrace
