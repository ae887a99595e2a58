#include "state/snapshot_store.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "base/error.h"
#include "base/scratch_file.h"
#include "state/snapshot_encoding.h"
#include "state/spilling_memory.h"
#include "state/state_files.h"

namespace millrace {

using namespace snapshot_format;

namespace {

constexpr std::string_view kMetadataName = "_metadata";
constexpr std::string_view kCheckpointPrefix = "chk-";
constexpr std::string_view kSharedName = "shared";

// Writes one snapshot: first the state, a file a subtask, then the index that says where it is.
class Writing {
  public:
    Writing(FileSystem& files, const std::string& folder, const Snapshot& snapshot,
            const SnapshotWriteOptions& options)
        : files_(files),
          folder_(folder),
          snapshot_(snapshot),
          options_(options),
          reader_(files),
          inline_(options.compress) {}

    WrittenSnapshot run() {
        files_.createFolders(folder_);
        inlined_ = bytesToWrite() <= options_.inline_max;
        if (!inlined_ && sharing()) files_.createFolders(options_.shared_folder);
        std::map<SlotIndex, std::vector<std::shared_ptr<const OperatorSnapshot>>> by_subtask;
        for (const auto& one : snapshot_.operators)
            by_subtask[one->subtask].push_back(one);
        for (const auto& [subtask, operators] : by_subtask)
            writeSubtask(operators);
        if (written_.files > 0 && sharing()) {
            files_.syncFolder(options_.shared_folder);
            files_.syncFolder(parentFolder(options_.shared_folder));
        }
        std::string metadata = encodeHeader(kMetadataMagic, {0, snapshot_.id.value()});
        uint32_t sequence = 0;
        appendFrames(FrameKind::Index, encodeIndex(snapshot_, placed_, listed_), options_.compress, sequence,
                     metadata);
        metadata += inline_.take();
        writeFileAtomically(files_, joinPath(folder_, kMetadataName), metadata);  // syncs the folder, too
        files_.syncFolder(parentFolder(folder_));
        written_.bytes += metadata.size();
        return std::move(written_);
    }

  private:
    bool sharing() const { return !options_.shared_folder.empty(); }
    bool stays(const StateSegment& segment) const { return segment.file != nullptr && sharing(); }

    uint64_t bytesToWrite() const {
        uint64_t bytes = 0;
        for (const auto& one : snapshot_.operators) {
            for (const KeyedStateSnapshot& state : one->keyed) {
                for (const auto& segment : state.segments)
                    bytes += stays(*segment) ? 0 : segment->bytes();
            }
            for (const ListStateSnapshot& list : one->lists) {
                for (const std::string& item : list.items)
                    bytes += item.size();
            }
        }
        return bytes;
    }

    void writeSubtask(const std::vector<std::shared_ptr<const OperatorSnapshot>>& operators) {
        const uint32_t number = options_.first_file + written_.files;
        const std::string path = sharing()
                                     ? joinPath(options_.shared_folder, sharedFileName(snapshot_.id, number))
                                     : joinPath(folder_, ownFileName(number));
        StateFileWriter file(files_, path, snapshot_.id, number, options_.compress);
        file_ = inlined_ ? nullptr : &file;
        file_place_ = 0;
        moved_.clear();
        for (const auto& one : operators)
            writeOperator(one);
        if (!file.any()) return;
        const std::shared_ptr<const StateFile> finished = file.finish();
        listed_[file_place_ - 1] = {number, snapshot_.id.value(), sharing(), finished->bytes};
        written_.bytes += finished->bytes;
        ++written_.files;
        for (const auto& segment : moved_)
            segment->file = finished;
    }

    void writeOperator(const std::shared_ptr<const OperatorSnapshot>& one) {
        auto placed = std::make_shared<OperatorSnapshot>();
        placed->uid = one->uid;
        placed->name = one->name;
        placed->subtask = one->subtask;
        PlacedOperator& index = placed_.emplace_back();
        for (const KeyedStateSnapshot& state : one->keyed) {
            KeyedStateSnapshot& placed_state = placed->keyed.emplace_back();
            placed_state.descriptor = state.descriptor;
            std::vector<uint32_t>& places = index.segment_files.emplace_back();
            for (const auto& segment : state.segments) {
                if (stays(*segment)) {
                    places.push_back(placeOf(*segment->file));
                    placed_state.segments.push_back(segment);
                } else {
                    placed_state.segments.push_back(writeSegment(*segment));
                    places.push_back(file_place_);
                }
            }
        }
        for (const ListStateSnapshot& list : one->lists) {
            placed->lists.push_back({list.name, list.redistribution, {}});
            SectionData data = write(encodeItems(list.items));
            index.lists.push_back({std::move(data), file_place_});
        }
        index.snapshot = placed;
        written_.operators.push_back(inlined_ || !sharing() ? one : placed);
    }

    std::shared_ptr<StateSegment> writeSegment(const StateSegment& segment) {
        auto written = std::make_shared<StateSegment>();
        written->full = segment.full;
        written->dropped = segment.dropped;
        for (const KeyGroupSection& section : segment.groups) {
            KeyGroupSection& placed = written->groups.emplace_back();
            placed = {section.group, section.rows, section.erased, {}, {}};
            if (section.rows > 0) placed.data = write(reader_.read(segment, section.data).view());
            if (section.erased > 0) {
                placed.erased_data = write(reader_.read(segment, section.erased_data).view());
            }
        }
        if (file_place_ != 0) moved_.push_back(written);
        return written;
    }

    SectionData write(std::string_view bytes) {
        if (file_ == nullptr) return inline_.write(bytes);
        if (file_place_ == 0) {
            listed_.emplace_back();  // filled in once it is finished
            file_place_ = static_cast<uint32_t>(listed_.size());
        }
        return file_->write(bytes);
    }

    uint32_t placeOf(const StateFile& file) {
        const auto [known, is_new] = shared_places_.emplace(std::pair(file.writer, file.number), 0);
        if (is_new) {
            listed_.push_back({file.number, file.writer.value(), true, file.bytes});
            known->second = static_cast<uint32_t>(listed_.size());
        }
        return known->second;
    }

    FileSystem& files_;
    const std::string& folder_;
    const Snapshot& snapshot_;
    const SnapshotWriteOptions& options_;
    SegmentReader reader_;
    SectionWriter inline_;
    bool inlined_ = true;
    StateFileWriter* file_ = nullptr;  // of the subtask at hand; nullptr: into `_metadata`
    uint32_t file_place_ = 0;          // in listed_, from 1; 0: `_metadata`, or nothing written yet
    std::vector<std::shared_ptr<StateSegment>> moved_;
    std::vector<PlacedOperator> placed_;
    std::vector<ListedFile> listed_;
    std::map<std::pair<CheckpointId, uint32_t>, uint32_t> shared_places_;
    WrittenSnapshot written_;
};

std::string metadataPath(FileSystem& files, const std::string& path) {
    if (lastComponent(path) == kMetadataName) return path;
    if (files.exists(path) && !files.status(path).is_folder) {
        throw UserError("snapshot.not-found",
                        fmt::format("'{}' is neither a snapshot's folder nor its {}", path, kMetadataName));
    }
    return joinPath(path, kMetadataName);
}

// A snapshot's metadata, read and checked, with the sections in it still to be read.
struct Metadata {
    std::string path;
    std::unique_ptr<FileReader> reader;
    SnapshotIndex index;

    Metadata(FileSystem& files, const std::string& snapshot_path) : path(metadataPath(files, snapshot_path)) {
        if (!files.exists(path)) {
            throw UserError("snapshot.not-found",
                            fmt::format("there is no complete snapshot at '{}'", snapshot_path),
                            fmt::format("a complete one has a file {}", kMetadataName));
        }
        reader = std::make_unique<FileReader>(path, files.openToRead(path));
        const FileHeader header = reader->header(kMetadataMagic);
        if (header.file_number != 0) reader->damaged(12, "it is not file 0");
        index = decodeIndex(reader->index(), header.version, path);
        if (index.snapshot.id.value() != header.checkpoint_id) reader->damaged(16, "header and index differ");
    }

    StateFile fileAt(size_t place) const {
        const ListedFile& listed = index.files[place];
        const std::string folder = parentFolder(path);
        const CheckpointId writer(listed.writer);
        const std::string file_path = listed.shared ? joinPath(sharedFolder(parentFolder(folder)),
                                                               sharedFileName(writer, listed.number))
                                                    : joinPath(folder, ownFileName(listed.number));
        return {writer, listed.number, listed.bytes, file_path};
    }

    template <class Files>
    void readItems(SnapshotIndex::List& list, Files& state) {
        state[list.file].section(list.data);
        list.list->items =
            decodeItems(list.data.bytes.view(), list.file == 0 ? path : fileAt(list.file - 1).path);
    }

    Snapshot takeSnapshot() {
        for (std::unique_ptr<OperatorSnapshot>& one : index.operators)
            index.snapshot.operators.push_back(std::shared_ptr<const OperatorSnapshot>(std::move(one)));
        return std::move(index.snapshot);
    }
};

// The files of a snapshot that is being read.
class StateFiles {
  public:
    StateFiles(FileSystem& files, Metadata& metadata) : metadata_(metadata) {
        for (size_t i = 0; i < metadata.index.files.size(); ++i)
            readers_.push_back(openStateFile(files, metadata.fileAt(i)));
    }
    FileReader& operator[](uint32_t file) { return file == 0 ? *metadata_.reader : *readers_[file - 1]; }
    // Shared files hold sections of other snapshots, too.
    void checkAllRead() const {
        metadata_.reader->checkAllRead();
        for (size_t i = 0; i < readers_.size(); ++i) {
            if (!metadata_.index.files[i].shared) readers_[i]->checkAllRead();
        }
    }

  private:
    Metadata& metadata_;
    std::vector<std::unique_ptr<FileReader>> readers_;
};

// Moves what has been read of a large snapshot out of memory.
class Moving {
  public:
    Moving(const SnapshotIndex& index, const SpillBudget* spill) {
        if (spill == nullptr) return;
        uint64_t bytes = 0;
        for (const auto& one : index.operators)
            bytes += one->bytes();
        scratch_ = spill->scratchFor(static_cast<int64_t>(bytes));
    }
    void moveOut(SectionData& data) const {
        constexpr uint64_t kBytesMin = 64 << 10;
        if (!scratch_ || data.size < kBytesMin) return;
        ScratchText text(scratch_);
        if (text.append(data.bytes.view())) data.bytes = SectionData(text, {}).bytes;
    }

  private:
    std::shared_ptr<ScratchFile> scratch_;
};

}  // namespace

WrittenSnapshot writeSnapshot(FileSystem& files, const std::string& folder, const Snapshot& snapshot,
                              const SnapshotWriteOptions& options) {
    return Writing(files, folder, snapshot, options).run();
}

Snapshot readSnapshot(FileSystem& files, const std::string& path, const SpillBudget* spill) {
    Metadata metadata(files, path);
    SnapshotIndex& index = metadata.index;
    Moving moving(index, spill);
    StateFiles state(files, metadata);
    auto segment = index.segments.begin();
    auto list = index.lists.begin();
    for (const bool list_next : index.list_next) {
        if (list_next) {
            metadata.readItems(*list++, state);
            continue;
        }
        FileReader& reader = state[segment->file];
        for (KeyGroupSection& section : segment->segment->groups) {
            reader.section(section.data);
            moving.moveOut(section.data);
            reader.section(section.erased_data);
        }
        ++segment;
    }
    state.checkAllRead();
    return metadata.takeSnapshot();
}

Snapshot readSnapshotLayout(FileSystem& files, const std::string& path) {
    Metadata metadata(files, path);
    StateFiles state(files, metadata);
    for (SnapshotIndex::List& list : metadata.index.lists)
        metadata.readItems(list, state);
    for (const std::unique_ptr<OperatorSnapshot>& one : metadata.index.operators) {
        for (KeyedStateSnapshot& keyed : one->keyed)
            keyed.segments.clear();
    }
    return metadata.takeSnapshot();
}

std::vector<std::string> sharedFilesOf(FileSystem& files, const std::string& folder) {
    const Metadata metadata(files, folder);
    std::vector<std::string> names;
    for (const ListedFile& file : metadata.index.files) {
        if (file.shared) names.push_back(sharedFileName(CheckpointId(file.writer), file.number));
    }
    return names;
}

std::string checkpointFolder(const std::string& job_checkpoint_folder, CheckpointId id) {
    return joinPath(job_checkpoint_folder, fmt::format("{}{}", kCheckpointPrefix, id.value()));
}

std::string sharedFolder(const std::string& job_checkpoint_folder) {
    return joinPath(job_checkpoint_folder, kSharedName);
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
    folders.reserve(found.size());
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
