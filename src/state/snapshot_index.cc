// The index of a snapshot: everything but the state's bytes.
#include <algorithm>
#include <cstring>
#include <limits>

#include "base/hash.h"
#include "state/snapshot_encoding.h"

namespace millrace::snapshot_format {
namespace {

class Writer {
  public:
    template <class T>
    void integer(T value) {
        out_.append(reinterpret_cast<const char*>(&value), sizeof(value));
    }
    void count(size_t value) {
        MILLRACE_CHECK(value <= std::numeric_limits<uint32_t>::max());
        integer(static_cast<uint32_t>(value));
    }
    void text(std::string_view value) {
        count(value.size());
        out_ += value;
    }
    void schema(const Schema& schema) {
        count(schema.size());
        for (const Field& field : schema) {
            text(field.name);
            text(field.type.toString());
        }
    }
    std::string finish() { return std::move(out_); }

  private:
    std::string out_;
};

class Reader {
  public:
    Reader(std::string_view bytes, const std::string& path) : bytes_(bytes), path_(path) {}

    template <class T>
    T integer() {
        if (bytes_.size() - at_ < sizeof(T)) fail("it ends early");
        T value;
        std::memcpy(&value, bytes_.data() + at_, sizeof(T));
        at_ += sizeof(T);
        return value;
    }
    // A number of things of at least `bytes_each` bytes, which must still fit.
    size_t count(size_t bytes_each) {
        const auto value = integer<uint32_t>();
        if (value > (bytes_.size() - at_) / bytes_each) fail(fmt::format("it claims {} entries", value));
        return value;
    }
    std::string text() {
        const size_t size = count(1);
        std::string value(bytes_.substr(at_, size));
        at_ += size;
        return value;
    }
    Schema schema() {
        std::vector<Field> fields;
        for (size_t left = count(8); left > 0; --left) {
            std::string name = text();
            const std::string type = text();
            try {
                fields.push_back({std::move(name), LogicalType::parse(type)});
            } catch (const UserError&) {
                fail(fmt::format("'{}' is not a type", type));
            }
        }
        return Schema(std::move(fields));
    }
    // One of a few values, 0 to `last`.
    template <class E>
    E choice(E last) {
        const auto value = integer<uint8_t>();
        if (value > static_cast<uint8_t>(last)) fail(fmt::format("{} is not a choice", value));
        return static_cast<E>(value);
    }
    void end() const {
        if (at_ != bytes_.size()) fail("bytes follow its end");
    }
    [[noreturn]] void fail(const std::string& reason) const {
        throw UserError("snapshot.damaged",
                        fmt::format("{} is damaged in its index, at byte {} of it: {}", path_, at_, reason),
                        "restore from another snapshot");
    }

  private:
    std::string_view bytes_;
    const std::string& path_;
    size_t at_ = 0;
};

void writePlace(Writer& out, const SectionData& data) {
    out.integer(data.size);
    out.integer(data.offset);
    out.integer(data.first_frame);
}

SectionData readPlace(Reader& in) {
    SectionData data;
    data.size = in.integer<uint64_t>();
    data.offset = in.integer<uint64_t>();
    data.first_frame = in.integer<uint32_t>();
    return data;
}

void writeSegment(Writer& out, const StateSegment& segment, uint32_t file) {
    out.integer(static_cast<uint8_t>(segment.full));
    out.integer(file);
    out.count(segment.dropped.size());
    for (const int64_t name_space : segment.dropped)
        out.integer(name_space);
    out.count(segment.groups.size());
    for (const KeyGroupSection& section : segment.groups) {
        out.integer(section.group.value());
        out.integer(section.rows);
        out.integer(section.erased);
        if (section.rows > 0) writePlace(out, section.data);
        if (section.erased > 0) writePlace(out, section.erased_data);
    }
}

void writeOperator(Writer& out, const PlacedOperator& placed) {
    const OperatorSnapshot& one = *placed.snapshot;
    out.text(one.uid);
    out.text(one.name);
    out.integer(one.subtask.value());
    out.count(one.keyed.size());
    for (size_t k = 0; k < one.keyed.size(); ++k) {
        const KeyedStateSnapshot& state = one.keyed[k];
        out.text(state.descriptor.name);
        out.schema(state.descriptor.key);
        out.schema(state.descriptor.value);
        out.integer(static_cast<uint8_t>(state.descriptor.namespaced));
        out.integer(state.descriptor.ttl.ms);
        out.count(state.segments.size());
        for (size_t i = 0; i < state.segments.size(); ++i)
            writeSegment(out, *state.segments[i], placed.segment_files[k][i]);
    }
    out.count(one.lists.size());
    for (size_t i = 0; i < one.lists.size(); ++i) {
        out.text(one.lists[i].name);
        out.integer(static_cast<uint8_t>(one.lists[i].redistribution));
        out.integer(placed.lists[i].file);
        writePlace(out, placed.lists[i].data);
    }
}

// The part of an index that differs between the versions.
class OperatorReader {
  public:
    OperatorReader(Reader& in, uint16_t version, SnapshotIndex& index)
        : in_(in), version_(version), index_(index) {}

    void read() {
        index_.operators.push_back(std::make_unique<OperatorSnapshot>());
        OperatorSnapshot& one = *index_.operators.back();
        one.uid = in_.text();
        one.name = in_.text();
        one.subtask = SlotIndex(in_.integer<uint32_t>());
        for (size_t left = in_.count(25); left > 0; --left) {
            KeyedStateSnapshot& state = one.keyed.emplace_back();
            state.descriptor.name = in_.text();
            state.descriptor.key = in_.schema();
            state.descriptor.value = in_.schema();
            state.descriptor.namespaced = in_.choice(uint8_t{1}) != 0;
            state.descriptor.ttl.ms = in_.integer<int64_t>();
            if (state.descriptor.ttl.ms < 0) in_.fail("a time to live is negative");
            if (version_ == 1) {
                state.descriptor.ttl = {};  // rows had no times yet
                readGroups(state);
            } else {
                size_t segments = in_.count(13);
                if (segments == 0) in_.fail("a state has no segments");
                for (; segments > 0; --segments)
                    readSegment(state);
            }
        }
        const size_t lists = in_.count(17);
        one.lists.resize(lists);
        for (ListStateSnapshot& list : one.lists) {
            list.name = in_.text();
            list.redistribution = in_.choice(Redistribution::Union);
            SnapshotIndex::List placed{&list, {}, readFile()};
            if (version_ == 1) {
                placed.data.size = in_.integer<uint64_t>();
                placed.data.offset = FileReader::kNext;
            } else {
                placed.data = readPlace(in_);
            }
            index_.lists.push_back(std::move(placed));
            index_.list_next.push_back(true);
        }
    }

  private:
    StateSegment& add(KeyedStateSnapshot& state, uint32_t file) {
        auto segment = std::make_shared<StateSegment>();
        StateSegment& added = *segment;
        state.segments.push_back(segment);
        index_.segments.push_back({std::move(segment), file});
        index_.list_next.push_back(false);
        return added;
    }

    // A place in the list of files, from 1. In version 1 they are named by their numbers.
    uint32_t readFile() {
        const auto file = in_.integer<uint32_t>();
        if (file == 0 || (version_ > 1 && file <= index_.files.size())) return file;
        const auto found =
            version_ > 1 ? index_.files.end()
                         : std::find_if(index_.files.begin(), index_.files.end(),
                                        [&](const ListedFile& listed) { return listed.number == file; });
        if (found == index_.files.end()) {
            in_.fail(fmt::format("it names a state file {} it does not list", file));
        }
        return static_cast<uint32_t>(found - index_.files.begin() + 1);
    }

    // Version 1: all rows, by key group.
    void readGroups(KeyedStateSnapshot& state) {
        StateSegment* segment = nullptr;
        for (size_t groups = in_.count(22); groups > 0; --groups) {
            KeyGroupSection section;
            section.group = KeyGroup(in_.integer<uint16_t>());
            section.rows = in_.integer<uint64_t>();
            const uint32_t file = readFile();
            section.data.size = in_.integer<uint64_t>();
            section.data.offset = FileReader::kNext;
            if (segment == nullptr) {
                segment = &add(state, file);
            } else if (index_.segments.back().file != file) {
                in_.fail("the sections of a state lie in several files");
            }
            segment->groups.push_back(std::move(section));
        }
        if (segment == nullptr) add(state, 0);
    }

    void readSegment(KeyedStateSnapshot& state) {
        const bool full = in_.choice(uint8_t{1}) != 0;
        StateSegment& segment = add(state, readFile());
        segment.full = full;
        if (state.segments.size() == 1 && !full) in_.fail("a state begins with changes");
        for (size_t left = in_.count(8); left > 0; --left)
            segment.dropped.push_back(in_.integer<int64_t>());
        for (size_t groups = in_.count(18); groups > 0; --groups) {
            KeyGroupSection& section = segment.groups.emplace_back();
            section.group = KeyGroup(in_.integer<uint16_t>());
            section.rows = in_.integer<uint64_t>();
            section.erased = in_.integer<uint64_t>();
            if (section.rows > 0) section.data = readPlace(in_);
            if (section.erased > 0) section.erased_data = readPlace(in_);
        }
    }

    Reader& in_;
    const uint16_t version_;
    SnapshotIndex& index_;
};

}  // namespace

std::string encodeIndex(const Snapshot& snapshot, const std::vector<PlacedOperator>& operators,
                        const std::vector<ListedFile>& files) {
    Writer out;
    out.integer(static_cast<uint8_t>(snapshot.kind));
    out.integer(snapshot.id.value());
    out.integer(snapshot.timestamp_ms);
    out.text(snapshot.job_id);
    out.text(snapshot.job_name);
    out.integer(snapshot.parallelism);
    out.integer(snapshot.max_parallelism);
    out.text(snapshot.plan);
    out.count(files.size());
    for (const ListedFile& file : files) {
        out.integer(file.number);
        out.integer(file.writer);
        out.integer(static_cast<uint8_t>(file.shared));
        out.integer(file.bytes);
    }
    out.count(operators.size());
    for (const PlacedOperator& placed : operators)
        writeOperator(out, placed);
    out.count(snapshot.coordinators.size());
    for (const auto& [uid, state] : snapshot.coordinators) {
        out.text(uid);
        out.text(state);
    }
    out.count(snapshot.committables.size());
    for (const auto& [uid, committables] : snapshot.committables) {
        out.text(uid);
        out.count(committables.size());
        for (const std::string& committable : committables)
            out.text(committable);
    }
    return out.finish();
}

SnapshotIndex decodeIndex(std::string_view bytes, uint16_t version, const std::string& path) {
    Reader in(bytes, path);
    SnapshotIndex index;
    Snapshot& snapshot = index.snapshot;
    snapshot.kind = in.choice(SnapshotKind::Savepoint);
    snapshot.id = CheckpointId(in.integer<int64_t>());
    snapshot.timestamp_ms = in.integer<int64_t>();
    snapshot.job_id = in.text();
    snapshot.job_name = in.text();
    snapshot.parallelism = in.integer<uint32_t>();
    snapshot.max_parallelism = in.integer<uint32_t>();
    snapshot.plan = in.text();
    for (size_t left = in.count(12); left > 0; --left) {
        ListedFile& file = index.files.emplace_back();
        file.number = in.integer<uint32_t>();
        file.writer = snapshot.id.value();
        if (version > 1) {
            file.writer = in.integer<int64_t>();
            file.shared = in.choice(uint8_t{1}) != 0;
        }
        file.bytes = in.integer<uint64_t>();
        if (file.number == 0) in.fail("a state file has number 0");
    }
    OperatorReader operators(in, version, index);
    for (size_t left = in.count(20); left > 0; --left)
        operators.read();
    for (size_t left = in.count(8); left > 0; --left) {
        std::string uid = in.text();
        snapshot.coordinators[std::move(uid)] = in.text();
    }
    for (size_t left = in.count(8); left > 0; --left) {
        std::vector<std::string>& committables = snapshot.committables[in.text()];
        for (size_t items = in.count(4); items > 0; --items)
            committables.push_back(in.text());
    }
    in.end();
    return index;
}

std::string encodeItems(const std::vector<std::string>& items) {
    Writer out;
    out.count(items.size());
    for (const std::string& item : items)
        out.text(item);
    return out.finish();
}

std::vector<std::string> decodeItems(std::string_view bytes, const std::string& path) {
    Reader in(bytes, path);
    std::vector<std::string> items;
    for (size_t left = in.count(4); left > 0; --left)
        items.push_back(in.text());
    in.end();
    return items;
}

}  // namespace millrace::snapshot_format
