#include "connectors/kinesis/kinesis_lineage.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <sstream>

#include "base/error.h"

namespace millrace {

void KinesisLineage::learn(const std::vector<KinesisShard>& shards, const KinesisStart& first, bool latest) {
    std::set<std::string> listed;
    for (const KinesisShard& shard : shards) {
        listed.insert(shard.id);
        const auto [at, added] = nodes_.try_emplace(shard.id);
        if (!added) continue;
        Node& node = at->second;
        node.shard = shard;
        if (looked_) continue;
        node.start = first;
        if (latest && shard.closed) node.state = State::Finished;
    }
    looked_ = true;
    // Whose retention is over: a parent that is not known counts as finished.
    std::erase_if(nodes_, [&](const auto& entry) {
        return entry.second.state == State::Finished && !entry.second.unpassed_at &&
               !listed.contains(entry.first);
    });
}

void KinesisLineage::finished(const std::string& shard, uint32_t reader) {
    const auto found = nodes_.find(shard);
    if (found == nodes_.end() || found->second.state == State::Finished) return;
    found->second.state = State::Finished;
    found->second.unpassed_at = reader;
}

void KinesisLineage::passed(const std::string& shard) {
    const auto found = nodes_.find(shard);
    if (found == nodes_.end()) return;
    found->second.state = State::Finished;
    found->second.unpassed_at.reset();
}

void KinesisLineage::passedWith(const std::string& encoded) {
    KinesisLineage captured(assigner_, parallelism_, checkpoints_);
    captured.restore(encoded);
    for (const auto& [id, node] : captured.nodes_)
        if (node.state == State::Finished) passed(id);
}

uint32_t KinesisLineage::readerFor(const KinesisShard& shard) const {
    if (assigner_ == ShardAssigner::Uniform) {
        const HashKey middle = shard.hash_first + (shard.hash_last - shard.hash_first) / 2;
        return static_cast<uint32_t>(((middle >> 32) * parallelism_) >> 96);
    }
    uint64_t number = 0;  // "shardId-000000000012"
    const size_t digits = std::min(shard.id.find_last_not_of("0123456789") + 1, shard.id.size());
    std::from_chars(shard.id.data() + digits, shard.id.data() + shard.id.size(), number);
    return static_cast<uint32_t>(number % parallelism_);
}

// The reader that it goes to, if it can be read now.
std::optional<uint32_t> KinesisLineage::placeOf(const Node& node) const {
    const uint32_t wanted = readerFor(node.shard);
    std::optional<uint32_t> elsewhere;
    for (const std::string& id : node.shard.parents) {
        const auto parent = nodes_.find(id);
        if (parent == nodes_.end()) continue;
        if (parent->second.state != State::Finished) return std::nullopt;
        const auto& at = parent->second.unpassed_at;
        if (at && *at != wanted) elsewhere = *at;
    }
    if (elsewhere && checkpoints_) return std::nullopt;
    return elsewhere.value_or(wanted);
}

std::vector<KinesisLineage::Assignment> KinesisLineage::take() {
    std::vector<Assignment> out;
    for (auto& [id, node] : nodes_) {
        if (node.state != State::Waiting) continue;
        const auto reader = placeOf(node);
        if (!reader) continue;
        node.state = State::Reading;
        KinesisSplit split;
        split.shard = id;
        split.hash_first = node.shard.hash_first;
        split.start = node.start;
        out.push_back({*reader, std::move(split)});
    }
    return out;
}

bool KinesisLineage::childrenTaken(const std::string& shard) const {
    bool any = false;
    for (const auto& [id, node] : nodes_) {
        const auto& parents = node.shard.parents;
        if (std::find(parents.begin(), parents.end(), shard) == parents.end()) continue;
        if (node.state == State::Waiting) return false;
        any = true;
    }
    return any;
}

size_t KinesisLineage::waiting() const {
    return static_cast<size_t>(std::count_if(
        nodes_.begin(), nodes_.end(), [](const auto& node) { return node.second.state == State::Waiting; }));
}

// A line each: "<state> <start> <first hash key> <last, in hexadecimal> <shard> <parent>...". Nothing before
// the first look.
std::string KinesisLineage::encode() const {
    if (!looked_) return "";
    std::string out = "shards\n";
    for (const auto& [id, node] : nodes_) {
        out += fmt::format("{} {} {} {} {}", static_cast<char>(node.state), node.start.encode(),
                           hashKeyText(node.shard.hash_first), hashKeyText(node.shard.hash_last), id);
        for (const std::string& parent : node.shard.parents)
            out += " " + parent;
        out += "\n";
    }
    return out;
}

void KinesisLineage::restore(const std::string& encoded) {
    if (encoded.empty()) return;
    const auto damaged = [] {
        throw UserError("snapshot.damaged", "the state of a Kinesis source in the snapshot cannot be read");
    };
    const auto hash = [&](const std::string& text) {
        uint64_t high = 0, low = 0;
        const char* const at = text.data();
        if (text.size() != 32 || std::from_chars(at, at + 16, high, 16).ptr != at + 16 ||
            std::from_chars(at + 16, at + 32, low, 16).ptr != at + 32)
            damaged();
        return (HashKey{high} << 64) | low;
    };
    std::istringstream lines(encoded);
    std::string line;
    if (!std::getline(lines, line) || line != "shards") damaged();
    while (std::getline(lines, line)) {
        std::istringstream words(line);
        Node node;
        char state = 0;
        std::string start, first, last, parent;
        if (!(words >> state >> start >> first >> last >> node.shard.id) ||
            (state != 'W' && state != 'R' && state != 'F'))
            damaged();
        node.state = static_cast<State>(state);
        node.start = KinesisStart::decode(start);
        node.shard.hash_first = hash(first);
        node.shard.hash_last = hash(last);
        while (words >> parent)
            node.shard.parents.push_back(parent);
        std::string id = node.shard.id;
        nodes_[std::move(id)] = std::move(node);
    }
    looked_ = true;
}

}  // namespace millrace
