// Rooms: state
// Whatever lies in a snapshot's folder, reading and restoring it ends well or with a UserError; what was read
// can be written and read again. The first byte chooses: the rest is the file `_metadata` as it is, or an
// index (then: index length, index, sections) to which right headers and checksums are put, so that the
// fuzzer gets past them. What is read is restored, as tables and as records, and merged, too.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>

#include "base/error.h"
#include "state/keyed_records.h"
#include "state/segment_merge.h"
#include "state/snapshot_encoding.h"
#include "state/snapshot_store.h"
#include "state/state_backend.h"

namespace millrace {
namespace {

class MemoryFiles final : public FileSystem {
  public:
    std::map<std::string, std::string> contents;

    std::unique_ptr<ReadableFile> openToRead(const std::string& path) override {
        struct File final : ReadableFile {
            std::string bytes;
            size_t readAt(uint64_t offset, char* into, size_t size) override {
                if (offset >= bytes.size()) return 0;
                return bytes.copy(into, size, offset);
            }
            uint64_t size() override { return bytes.size(); }
        };
        if (!contents.contains(path)) throw UserError("io.not-found", path);
        auto file = std::make_unique<File>();
        file->bytes = contents[path];
        return file;
    }
    std::unique_ptr<WritableFile> create(const std::string& path) override {
        struct File final : WritableFile {
            std::string* bytes;
            void append(std::string_view more) override { *bytes += more; }
            void sync() override {}
            uint64_t size() const override { return bytes->size(); }
        };
        auto file = std::make_unique<File>();
        file->bytes = &contents[path];
        file->bytes->clear();
        return file;
    }
    std::vector<FileStatus> list(const std::string&) override { return {}; }
    bool exists(const std::string& path) override { return contents.contains(path); }
    FileStatus status(const std::string& path) override {
        return {lastComponent(path), false, contents[path].size(), 0};
    }
    void createFolders(const std::string&) override {}
    void rename(const std::string& from, const std::string& to) override {
        contents[to] = std::move(contents[from]);
        contents.erase(from);
    }
    void remove(const std::string& path) override { contents.erase(path); }
    void removeRecursively(const std::string&) override {}
    void syncFolder(const std::string&) override {}
};

std::string withChecksums(std::string_view input, uint16_t version) {
    using namespace snapshot_format;
    uint16_t index_bytes = 0;
    if (input.size() < sizeof(index_bytes)) return "";
    std::memcpy(&index_bytes, input.data(), sizeof(index_bytes));
    input.remove_prefix(sizeof(index_bytes));
    const std::string_view index = input.substr(0, index_bytes);
    input.remove_prefix(index.size());
    int64_t id = 0;  // as in the index, behind its first byte
    if (index.size() >= 9) std::memcpy(&id, index.data() + 1, sizeof(id));
    std::string file = encodeHeader(kMetadataMagic, {0, id, version});
    uint32_t sequence = 0;
    appendFrames(FrameKind::Index, index, false, sequence, file);
    if (version > 1) sequence = 0;
    while (!input.empty()) {  // sections: length, bytes
        const size_t size = std::min<size_t>(static_cast<uint8_t>(input[0]), input.size() - 1);
        appendFrames(FrameKind::Data, input.substr(1, size), size % 2 == 1, sequence, file);
        input.remove_prefix(1 + size);
    }
    return file;
}

// As records, which a state of that shape may be restored as, too.
void restoreRecords(const std::shared_ptr<const OperatorSnapshot>& one, const KeyedStateSnapshot& state) {
    const auto backend = makeHashMapStateBackend({one->uid, one->name, SlotIndex(0), 1, 128, {one}});
    try {
        KeyedRecords& records = backend->records({state.descriptor.name, state.descriptor.value});
        const size_t first = 0;
        if (state.descriptor.value.size() > 0) records.load({&first, 1}, records.all());
        backend->capture();
    } catch (const UserError&) {
    }
}

void restore(const Snapshot& snapshot) {
    for (const auto& one : snapshot.operators) {
        const auto backend = makeHashMapStateBackend({one->uid, one->name, SlotIndex(0), 1, 128, {one}});
        for (const KeyedStateSnapshot& state : one->keyed) {
            restoreRecords(one, state);
            try {
                backend->table(state.descriptor);
                mergeSegments(
                    state.descriptor, state.segments,
                    [](const StateSegment&, const KeyGroupSection& section) { return section; },
                    [](KeyGroupSection section) { return section; });
            } catch (const UserError&) {
                return;
            } catch (const InternalError&) {
                return;  // two states of one name and two shapes: an operator would not ask for that
            }
        }
        for (const ListStateSnapshot& list : one->lists)
            backend->list(list.name, list.redistribution);
        backend->capture();
    }
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace millrace;
    if (size == 0) return 0;
    const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
    MemoryFiles files;
    const auto version = static_cast<uint16_t>(1 + data[0] / 2 % 2);
    files.contents["s/_metadata"] = data[0] % 2 == 0 ? std::string(input) : withChecksums(input, version);
    try {
        const Snapshot snapshot = readSnapshot(files, "s");
        writeSnapshot(files, "t", snapshot);
        const Snapshot again = readSnapshot(files, "t");
        if (again.operators.size() != snapshot.operators.size() || again.plan != snapshot.plan ||
            again.coordinators != snapshot.coordinators || again.committables != snapshot.committables) {
            std::abort();
        }
        restore(snapshot);
    } catch (const UserError&) {
    }
    return 0;
}
