#include "state/state_files.h"

#include <algorithm>

#include "base/error.h"

namespace millrace {

using namespace snapshot_format;

std::string ownFileName(uint32_t number) { return fmt::format("state-{}", number); }

std::string sharedFileName(CheckpointId writer, uint32_t number) {
    return fmt::format("{}-{}", writer.value(), number);
}

StateFileWriter::StateFileWriter(FileSystem& files, std::string path, CheckpointId writer, uint32_t number,
                                 bool compress)
    : files_(files), file_{writer, number, 0, std::move(path)}, compress_(compress) {}

SectionData StateFileWriter::write(std::string_view bytes) {
    if (sections_ == nullptr) {
        sections_ = std::make_unique<SectionWriter>(
            files_.create(file_.path), FileHeader{file_.number, file_.writer.value()}, compress_);
    }
    return sections_->write(bytes);
}

KeyGroupSection StateFileWriter::write(const KeyGroupSection& section) {
    KeyGroupSection written{section.group, section.rows, section.erased, {}, {}};
    if (section.rows > 0) written.data = write(section.data.bytes.view());
    if (section.erased > 0) written.erased_data = write(section.erased_data.bytes.view());
    return written;
}

std::shared_ptr<const StateFile> StateFileWriter::finish() {
    file_.bytes = sections_->finish();
    return std::make_shared<const StateFile>(file_);
}

std::unique_ptr<FileReader> openStateFile(FileSystem& files, const StateFile& file) {
    if (!files.exists(file.path)) {
        throw UserError("snapshot.damaged", fmt::format("{} is missing", file.path),
                        "restore from another snapshot");
    }
    auto reader = std::make_unique<FileReader>(file.path, files.openToRead(file.path));
    if (reader->size() != file.bytes) {
        reader->damaged(std::min(reader->size(), file.bytes),
                        fmt::format("it has {} bytes and should have {}", reader->size(), file.bytes));
    }
    const FileHeader header = reader->header(kStateMagic);
    if (header.file_number != file.number || header.checkpoint_id != file.writer.value()) {
        reader->damaged(
            12, fmt::format("it is file {} of checkpoint {}", header.file_number, header.checkpoint_id));
    }
    return reader;
}

SharedBytes SegmentReader::read(const StateSegment& segment, const SectionData& data) {
    if (segment.file == nullptr || data.size == 0) return data.bytes;
    if (open_ != segment.file) {
        reader_ = openStateFile(files_, *segment.file);
        open_ = segment.file;
    }
    SectionData read = data;
    reader_->section(read);
    return read.bytes;
}

KeyGroupSection SegmentReader::read(const StateSegment& segment, const KeyGroupSection& section) {
    KeyGroupSection read = section;
    read.data.bytes = this->read(segment, section.data);
    read.erased_data.bytes = this->read(segment, section.erased_data);
    return read;
}

}  // namespace millrace
