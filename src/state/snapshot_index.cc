// The index of a snapshot: everything but the state's bytes.
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

void writePlace(Writer& out, const SectionPlace& place) {
    out.integer(place.file);
    out.integer(place.bytes);
}

SectionPlace readPlace(Reader& in) {
    SectionPlace place;
    place.file = in.integer<uint32_t>();
    place.bytes = in.integer<uint64_t>();
    return place;
}

void writeOperator(Writer& out, const OperatorSnapshot& one, const SectionPlace*& place) {
    out.text(one.uid);
    out.text(one.name);
    out.integer(one.subtask.value());
    out.count(one.keyed.size());
    for (const KeyedStateSnapshot& state : one.keyed) {
        out.text(state.descriptor.name);
        out.schema(state.descriptor.key);
        out.schema(state.descriptor.value);
        out.integer(static_cast<uint8_t>(state.descriptor.namespaced));
        out.integer(state.descriptor.ttl.ms);
        out.count(state.groups.size());
        for (const KeyGroupSection& section : state.groups) {
            out.integer(section.group.value());
            out.integer(section.rows);
            writePlace(out, *place++);
        }
    }
    out.count(one.lists.size());
    for (const ListStateSnapshot& list : one.lists) {
        out.text(list.name);
        out.integer(static_cast<uint8_t>(list.redistribution));
        writePlace(out, *place++);
    }
}

OperatorSnapshot readOperator(Reader& in, std::vector<SectionPlace>& places) {
    OperatorSnapshot one;
    one.uid = in.text();
    one.name = in.text();
    one.subtask = SlotIndex(in.integer<uint32_t>());
    for (size_t left = in.count(25); left > 0; --left) {
        KeyedStateSnapshot& state = one.keyed.emplace_back();
        state.descriptor.name = in.text();
        state.descriptor.key = in.schema();
        state.descriptor.value = in.schema();
        state.descriptor.namespaced = in.choice(uint8_t{1}) != 0;
        state.descriptor.ttl.ms = in.integer<int64_t>();
        for (size_t groups = in.count(22); groups > 0; --groups) {
            KeyGroupSection& section = state.groups.emplace_back();
            section.group = KeyGroup(in.integer<uint16_t>());
            section.rows = in.integer<uint64_t>();
            places.push_back(readPlace(in));
        }
    }
    for (size_t left = in.count(17); left > 0; --left) {
        ListStateSnapshot& list = one.lists.emplace_back();
        list.name = in.text();
        list.redistribution = in.choice(Redistribution::Union);
        places.push_back(readPlace(in));
    }
    return one;
}

}  // namespace

std::string encodeIndex(const Snapshot& snapshot, const std::vector<SectionPlace>& sections,
                        const std::vector<StateFile>& files) {
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
    for (const StateFile& file : files) {
        out.integer(file.number);
        out.integer(file.bytes);
    }
    out.count(snapshot.operators.size());
    const SectionPlace* place = sections.data();
    for (const auto& one : snapshot.operators)
        writeOperator(out, *one, place);
    MILLRACE_CHECK(place == sections.data() + sections.size());
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

SnapshotIndex decodeIndex(std::string_view bytes, const std::string& path) {
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
        StateFile& file = index.files.emplace_back();
        file.number = in.integer<uint32_t>();
        file.bytes = in.integer<uint64_t>();
        if (file.number == 0) in.fail("a state file has number 0");
    }
    for (size_t left = in.count(20); left > 0; --left) {
        index.operators.push_back(readOperator(in, index.sections));
    }
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
