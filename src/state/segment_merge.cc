#include "state/segment_merge.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <unordered_map>

#include "base/error.h"
#include "base/hash.h"

namespace millrace {

namespace {

constexpr size_t kRun = 4;

// Keys as they are encoded; whoever gives them keeps them alive.
class KeySet {
  public:
    explicit KeySet(size_t keys) : slots_(std::bit_ceil(keys * 2 + 16)) {}
    bool insert(std::string_view key) {  // false if it was there
        const uint64_t hash = hashOf(key);
        Slot& slot = slotOf(key, hash);
        if (slot.key != nullptr) return false;
        slot = {key.data(), key.size(), hash};
        return true;
    }
    bool contains(std::string_view key) { return slotOf(key, hashOf(key)).key != nullptr; }

  private:
    struct Slot {
        const char* key = nullptr;
        size_t size = 0;
        uint64_t hash = 0;
    };
    static uint64_t hashOf(std::string_view key) {
        uint64_t hash = key.size();
        for (size_t at = 0; at < key.size(); at += sizeof(uint64_t)) {
            uint64_t word = 0;
            std::memcpy(&word, key.data() + at, std::min(sizeof(word), key.size() - at));
            hash = (hash ^ word) * 0x9E3779B97F4A7C15ULL;
            hash ^= hash >> 32;
        }
        return hash;
    }
    Slot& slotOf(std::string_view key, uint64_t hash) {
        const size_t mask = slots_.size() - 1;
        for (size_t at = hash & mask;; at = (at + 1) & mask) {
            Slot& slot = slots_[at];
            if (slot.key == nullptr || (slot.hash == hash && std::string_view(slot.key, slot.size) == key)) {
                return slot;
            }
        }
    }
    std::vector<Slot> slots_;
};

class Merging {
  public:
    Merging(const KeyedStateDescriptor& descriptor,
            std::span<const std::shared_ptr<const StateSegment>> segments)
        : layout_(layoutOf(descriptor)),
          key_fields_(descriptor.key.size()),
          time_bytes_(descriptor.ttl.ms > 0 ? sizeof(int64_t) : 0),
          namespaced_(descriptor.namespaced),
          segments_(segments) {
        for (size_t i = 0; i < segments.size(); ++i) {
            for (const int64_t name_space : segments[i]->dropped)
                last_drop_[name_space] = i;
        }
    }

    // The sections of one group, by segment; absent ones have no rows.
    KeyGroupSection group(KeyGroup group, const std::vector<KeyGroupSection>& sections) {
        size_t keys = 0, bytes = 0;
        const bool full = segments_.front()->full;
        for (size_t i = 0; i < sections.size(); ++i) {
            // A key or a row without a byte is the only one of its kind.
            if (sections[i].rows > sections[i].data.size + 1 ||
                sections[i].erased > sections[i].erased_data.size + 1) {
                throw UserError("snapshot.damaged",
                                fmt::format("key group {} has fewer bytes than rows", group.value()));
            }
            if (i > 0 || !full) keys += sections[i].rows + sections[i].erased;
            bytes = std::max<size_t>(bytes, sections[i].data.size);
        }
        KeySet seen(keys);  // without those of a full segment: each is there only once
        std::string rows, erased;
        rows.reserve(bytes);
        KeyGroupSection out{group, 0, 0, {}, {}};
        // Newest first: the first that says something about a key is right.
        for (size_t i = sections.size(); i-- > 0;) {
            const bool last = i == 0 && full;
            std::string_view in = sections[i].data.bytes.view();
            const char* kept = in.data();  // rows from here on are kept, and not copied yet
            for (uint64_t left = sections[i].rows; left > 0; --left) {
                const char* begin = in.data();
                in.remove_prefix(std::min(time_bytes_, in.size()));
                const std::string_view key = takeKey(in);
                skipFields(layout_, in, key_fields_, layout_.fieldCount());
                if (!droppedAfter(key, i) && (last ? !seen.contains(key) : seen.insert(key))) {
                    ++out.rows;
                } else {
                    rows.append(kept, begin);
                    kept = in.data();
                }
            }
            rows.append(kept, in.data());
            if (last) break;
            in = sections[i].erased_data.bytes.view();
            for (uint64_t left = sections[i].erased; left > 0; --left) {
                const std::string_view key = takeKey(in);
                if (!seen.insert(key) || full || dropped(key)) continue;
                erased += key;
                ++out.erased;
            }
        }
        out.data = SectionData(std::move(rows));
        out.erased_data = SectionData(std::move(erased));
        return out;
    }

  private:
    std::string_view takeKey(std::string_view& in) const {
        const char* begin = in.data();
        if (namespaced_) {
            if (in.size() < sizeof(int64_t)) {
                throw UserError("snapshot.damaged", "a row of the snapshot is damaged: it ends early");
            }
            in.remove_prefix(sizeof(int64_t));
        }
        skipFields(layout_, in, 0, key_fields_);
        return {begin, static_cast<size_t>(in.data() - begin)};
    }

    std::unordered_map<int64_t, size_t>::const_iterator dropOf(std::string_view key) const {
        int64_t name_space = 0;
        if (namespaced_) std::memcpy(&name_space, key.data(), sizeof(name_space));
        return last_drop_.find(name_space);
    }
    bool droppedAfter(std::string_view key, size_t segment) const {
        if (last_drop_.empty()) return false;
        const auto found = dropOf(key);
        return found != last_drop_.end() && found->second > segment;
    }
    bool dropped(std::string_view key) const {
        return !last_drop_.empty() && dropOf(key) != last_drop_.end();
    }

    const RowLayout layout_;
    const size_t key_fields_;
    const size_t time_bytes_;
    const bool namespaced_;
    const std::span<const std::shared_ptr<const StateSegment>> segments_;
    std::unordered_map<int64_t, size_t> last_drop_;  // namespace -> the last segment that drops it
};

}  // namespace

std::pair<size_t, size_t> segmentsToMerge(std::span<const uint64_t> bytes) {
    if (bytes.size() < 2) return {0, 0};
    size_t first = bytes.size() - 1;
    uint64_t newer = bytes[first];
    while (first > 0 && bytes[first - 1] <= newer + newer / 2)
        newer += bytes[--first];
    const bool to_the_base = first == 0;  // the base is as small as what came after it
    if (bytes.size() - first < kRun && !to_the_base) return {0, 0};
    return {first, bytes.size()};
}

StateSegment mergeSegments(const KeyedStateDescriptor& descriptor,
                           std::span<const std::shared_ptr<const StateSegment>> segments,
                           const SectionReading& read, const SectionPutting& put) {
    Merging merging(descriptor, segments);
    StateSegment merged;
    merged.full = segments.front()->full;
    if (!merged.full) {
        for (const auto& segment : segments)
            merged.dropped.insert(merged.dropped.end(), segment->dropped.begin(), segment->dropped.end());
        std::sort(merged.dropped.begin(), merged.dropped.end());
        merged.dropped.erase(std::unique(merged.dropped.begin(), merged.dropped.end()), merged.dropped.end());
    }
    // All are ascending by group: walked together.
    std::vector<size_t> next(segments.size(), 0);
    const auto at = [&](size_t i) -> const KeyGroupSection* {
        return next[i] < segments[i]->groups.size() ? &segments[i]->groups[next[i]] : nullptr;
    };
    for (;;) {
        const KeyGroupSection* lowest = nullptr;
        for (size_t i = 0; i < segments.size(); ++i) {
            const KeyGroupSection* section = at(i);
            if (section != nullptr && (lowest == nullptr || section->group < lowest->group)) lowest = section;
        }
        if (lowest == nullptr) return merged;
        const KeyGroup group = lowest->group;
        std::vector<KeyGroupSection> sections(segments.size());
        for (size_t i = 0; i < segments.size(); ++i) {
            const KeyGroupSection* section = at(i);
            if (section == nullptr || section->group != group) continue;
            sections[i] = read(*segments[i], *section);
            ++next[i];
        }
        KeyGroupSection out = merging.group(group, sections);
        if (out.rows + out.erased > 0) merged.groups.push_back(put(std::move(out)));
    }
}

}  // namespace millrace
