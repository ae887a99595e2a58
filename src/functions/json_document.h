// JSON texts as Flink's JSON functions read and write them, which is Jackson's way: what a number looks like
// when it is written again, which escapes are used, that text behind a value is not looked at. For the
// functions room only.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

enum class JsonKind : uint8_t { Null, False, True, Number, String, Array, Object };

// A document's values, numbered; 0 is the outermost one. Used again and again: parsing keeps the memory.
class JsonDocument {
  public:
    static constexpr uint32_t kNone = UINT32_MAX;
    static constexpr int kDepthMax = 1000;  // Jackson's

    struct Node {
        JsonKind kind = JsonKind::Null;
        std::string_view text;   // of a String, decoded; of a Number, as it was written
        std::string_view key;    // in an Object, decoded
        uint32_t first = kNone;  // of an Array's or Object's values
        uint32_t next = kNone;   // beside it
        uint32_t size = 0;       // of an Array or Object
    };

    // False if the text is not JSON. Nodes point into the text. A later member of an Object replaces an
    // earlier one of its name.
    bool parse(std::string_view text);
    bool hadDuplicateKeys() const { return had_duplicate_keys_; }  // in any Object of the text

    const Node& node(uint32_t index) const { return nodes_[index]; }
    uint32_t member(uint32_t object, std::string_view key) const;  // kNone if there is none
    uint32_t element(uint32_t array, int64_t index) const;         // from 0, from the end when negative
    bool isScalar(uint32_t index) const { return nodes_[index].kind < JsonKind::Array; }

    // New values made of copies of others; `keys` are theirs already.
    uint32_t makeArray(const std::vector<uint32_t>& values);
    uint32_t makeObject(const std::vector<uint32_t>& members);

    void write(uint32_t index, std::string& out) const;
    // A scalar as text: a String without quotes, "null" for NULL.
    void writeText(uint32_t index, std::string& out) const;

  private:
    class Parser;
    uint32_t make(JsonKind kind, const std::vector<uint32_t>& values);
    void replaceRepeated(uint32_t object);

    std::vector<Node> nodes_;
    std::deque<std::string> decoded_;
    bool had_duplicate_keys_ = false;
};

// With the quotes, escaped as Jackson does.
void writeJsonString(std::string_view text, std::string& out);

// Java's order of Strings, by UTF-16 units, in which Flink's JSON functions write members.
bool javaLess(std::string_view a, std::string_view b);

}  // namespace millrace
