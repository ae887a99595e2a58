#include "functions/json_document.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "functions/utf8.h"
#include "types/floating.h"

namespace millrace {

class JsonDocument::Parser {
  public:
    Parser(std::string_view text, JsonDocument& document) : text_(text), document_(document) {}

    bool run() {
        uint32_t root = 0;
        if (!value(root, 0)) return false;
        // What follows a number or word must end it; what follows that is not looked at.
        const JsonKind kind = document_.nodes_[root].kind;
        const bool word = kind < JsonKind::String;
        return !word || at_ == text_.size() || isSpace(text_[at_]);
    }

  private:
    static bool isSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
    static bool isDigit(char c) { return c >= '0' && c <= '9'; }
    void skipSpace() {
        while (at_ < text_.size() && isSpace(text_[at_]))
            ++at_;
    }
    bool accept(char c) {
        if (at_ >= text_.size() || text_[at_] != c) return false;
        ++at_;
        return true;
    }

    uint32_t add(JsonKind kind) {
        document_.nodes_.push_back({.kind = kind});
        return static_cast<uint32_t>(document_.nodes_.size() - 1);
    }

    bool value(uint32_t& out, int depth) {
        if (depth > kDepthMax) return false;
        skipSpace();
        if (at_ >= text_.size()) return false;
        switch (text_[at_]) {
            case '{':
                return collection(JsonKind::Object, out, depth);
            case '[':
                return collection(JsonKind::Array, out, depth);
            case '"': {
                std::string_view text;
                if (!string(text)) return false;
                out = add(JsonKind::String);
                document_.nodes_[out].text = text;
                return true;
            }
            case 't':
                return word("true", JsonKind::True, out);
            case 'f':
                return word("false", JsonKind::False, out);
            case 'n':
                return word("null", JsonKind::Null, out);
            default:
                return number(out);
        }
    }

    bool word(std::string_view expected, JsonKind kind, uint32_t& out) {
        if (!text_.substr(at_).starts_with(expected)) return false;
        at_ += expected.size();
        out = add(kind);
        return true;
    }

    size_t digits() {
        const size_t begin = at_;
        while (at_ < text_.size() && isDigit(text_[at_]))
            ++at_;
        return at_ - begin;
    }

    bool number(uint32_t& out) {
        const size_t begin = at_;
        accept('-');
        const bool zero = at_ < text_.size() && text_[at_] == '0';
        const size_t whole = digits();
        if (whole == 0 || (zero && whole > 1)) return false;
        if (accept('.') && digits() == 0) return false;
        if (accept('e') || accept('E')) {
            if (!accept('+')) accept('-');
            if (digits() == 0) return false;
        }
        out = add(JsonKind::Number);
        document_.nodes_[out].text = text_.substr(begin, at_ - begin);
        return true;
    }

    bool hex(uint32_t& out) {
        if (text_.size() - at_ < 4) return false;
        out = 0;
        for (int i = 0; i < 4; ++i) {
            const char c = text_[at_++];
            const int digit = isDigit(c)             ? c - '0'
                              : c >= 'a' && c <= 'f' ? c - 'a' + 10
                              : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                     : -1;
            if (digit < 0) return false;
            out = out * 16 + static_cast<uint32_t>(digit);
        }
        return true;
    }

    bool escape(std::string& out) {
        if (at_ >= text_.size()) return false;
        const char c = text_[at_++];
        constexpr std::string_view kEscapes = "\"\\/bfnrt";
        constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
        if (const size_t known = kEscapes.find(c); known != std::string_view::npos) {
            out.push_back(kMeanings[known]);
            return true;
        }
        uint32_t code = 0;
        if (c != 'u' || !hex(code)) return false;
        if (code >= 0xD800 && code < 0xDC00 && text_.substr(at_).starts_with("\\u")) {
            const size_t before = at_;
            at_ += 2;
            uint32_t low = 0;
            if (!hex(low)) return false;
            if (low >= 0xDC00 && low < 0xE000) {
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            } else {
                at_ = before;
            }
        }
        appendCodePoint(out, code >= 0xD800 && code < 0xE000 ? 0xFFFD : code);
        return true;
    }

    bool string(std::string_view& out) {
        const size_t begin = ++at_;
        std::string* decoded = nullptr;
        for (size_t plain = begin; at_ < text_.size();) {
            const char c = text_[at_];
            if (c == '"') {
                const std::string_view rest = text_.substr(plain, at_ - plain);
                ++at_;
                if (decoded == nullptr) {
                    out = rest;
                } else {
                    out = decoded->append(rest);
                }
                return true;
            }
            if (static_cast<unsigned char>(c) < 0x20) return false;
            ++at_;
            if (c != '\\') continue;
            if (decoded == nullptr) decoded = &document_.decoded_.emplace_back();
            decoded->append(text_, plain, at_ - 1 - plain);
            if (!escape(*decoded)) return false;
            plain = at_;
        }
        return false;
    }

    bool collection(JsonKind kind, uint32_t& out, int depth) {
        const char close = kind == JsonKind::Object ? '}' : ']';
        ++at_;
        out = add(kind);
        skipSpace();
        if (accept(close)) return true;
        uint32_t last = kNone;
        uint32_t size = 0;
        do {
            std::string_view key;
            if (kind == JsonKind::Object) {
                skipSpace();
                if (at_ >= text_.size() || text_[at_] != '"' || !string(key)) return false;
                skipSpace();
                if (!accept(':')) return false;
            }
            uint32_t child = 0;
            if (!value(child, depth + 1)) return false;
            document_.nodes_[child].key = key;
            (last == kNone ? document_.nodes_[out].first : document_.nodes_[last].next) = child;
            last = child;
            ++size;
            skipSpace();
        } while (accept(','));
        if (!accept(close)) return false;
        document_.nodes_[out].size = size;
        if (kind == JsonKind::Object && size > 1) document_.replaceRepeated(out);
        return true;
    }

    std::string_view text_;
    JsonDocument& document_;
    size_t at_ = 0;
};

bool JsonDocument::parse(std::string_view text) {
    nodes_.clear();
    decoded_.clear();
    had_duplicate_keys_ = false;
    return Parser(text, *this).run();
}

void JsonDocument::replaceRepeated(uint32_t object) {
    constexpr uint32_t kFewMax = 8;
    std::unordered_map<std::string_view, uint32_t> known;
    const bool few = nodes_[object].size <= kFewMax;
    uint32_t before = kNone;
    for (uint32_t child = nodes_[object].first; child != kNone;) {
        uint32_t earlier = kNone;
        if (few) {
            for (uint32_t at = nodes_[object].first; at != child && earlier == kNone; at = nodes_[at].next) {
                if (nodes_[at].key == nodes_[child].key) earlier = at;
            }
        } else if (const auto [entry, fresh] = known.try_emplace(nodes_[child].key, child); !fresh) {
            earlier = entry->second;
        }
        const uint32_t next = nodes_[child].next;
        if (earlier == kNone) {
            before = child;
        } else {
            nodes_[before].next = next;
            const uint32_t after = nodes_[earlier].next;
            nodes_[earlier] = nodes_[child];
            nodes_[earlier].next = after;
            --nodes_[object].size;
            had_duplicate_keys_ = true;
        }
        child = next;
    }
}

uint32_t JsonDocument::member(uint32_t object, std::string_view key) const {
    uint32_t child = nodes_[object].first;
    while (child != kNone && nodes_[child].key != key)
        child = nodes_[child].next;
    return child;
}

uint32_t JsonDocument::element(uint32_t array, int64_t index) const {
    const Node& node = nodes_[array];
    if (index < 0) index += node.size;
    if (index < 0 || index >= node.size) return kNone;
    uint32_t child = node.first;
    for (; index > 0; --index)
        child = nodes_[child].next;
    return child;
}

uint32_t JsonDocument::make(JsonKind kind, const std::vector<uint32_t>& values) {
    const auto made = static_cast<uint32_t>(nodes_.size());
    Node collection{.kind = kind, .size = static_cast<uint32_t>(values.size())};
    if (!values.empty()) collection.first = made + 1;
    nodes_.push_back(collection);
    for (const uint32_t value : values) {
        Node copy = nodes_[value];
        copy.next = static_cast<uint32_t>(nodes_.size() + 1);
        nodes_.push_back(copy);
    }
    if (!values.empty()) nodes_.back().next = kNone;
    return made;
}

uint32_t JsonDocument::makeArray(const std::vector<uint32_t>& values) {
    return make(JsonKind::Array, values);
}
uint32_t JsonDocument::makeObject(const std::vector<uint32_t>& members) {
    return make(JsonKind::Object, members);
}

void JsonDocument::writeText(uint32_t index, std::string& out) const {
    const Node& node = nodes_[index];
    switch (node.kind) {
        case JsonKind::Null:
            out += "null";
            return;
        case JsonKind::False:
            out += "false";
            return;
        case JsonKind::True:
            out += "true";
            return;
        case JsonKind::String:
            out += node.text;
            return;
        case JsonKind::Number:
            break;
        default:
            return write(index, out);
    }
    if (node.text.find_first_of(".eE") == std::string_view::npos) {
        out += node.text == "-0" ? "0" : node.text;
        return;
    }
    char digits[32];
    out.append(digits, appendDouble(digits, parseDouble(node.text).value_or(0)));
}

void JsonDocument::write(uint32_t index, std::string& out) const {
    const Node& node = nodes_[index];
    switch (node.kind) {
        case JsonKind::String:
            return writeJsonString(node.text, out);
        case JsonKind::Array:
        case JsonKind::Object: {
            const bool object = node.kind == JsonKind::Object;
            out.push_back(object ? '{' : '[');
            for (uint32_t child = node.first; child != kNone; child = nodes_[child].next) {
                if (child != node.first) out.push_back(',');
                if (object) {
                    writeJsonString(nodes_[child].key, out);
                    out.push_back(':');
                }
                write(child, out);
            }
            out.push_back(object ? '}' : ']');
            return;
        }
        default: {
            const size_t begin = out.size();
            writeText(index, out);
            if (!out.ends_with("Infinity")) return;  // of a number beyond DOUBLE; a string, as Jackson has it
            out.insert(begin, 1, '"');
            out.push_back('"');
        }
    }
}

void writeJsonString(std::string_view text, std::string& out) {
    out.push_back('"');
    for (const char c : text) {
        switch (c) {
            case '"':
            case '\\':
                out.push_back('\\');
                out.push_back(c);
                break;
            case '\b':
                out += "\\b";
                break;
            case '\f':
                out += "\\f";
                break;
            case '\n':
                out += "\\n";
                break;
            case '\r':
                out += "\\r";
                break;
            case '\t':
                out += "\\t";
                break;
            default:
                if (static_cast<unsigned char>(c) < 0x20) {
                    fmt::format_to(std::back_inserter(out), "\\u{:04X}", static_cast<unsigned>(c));
                } else {
                    out.push_back(c);
                }
        }
    }
    out.push_back('"');
}

bool javaLess(std::string_view a, std::string_view b) {
    // As bytes, but that characters of two units come before U+E000 to U+FFFF.
    const auto rank = [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte == 0xEE || byte == 0xEF ? byte + 0x10 : byte;
    };
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                        [&](char x, char y) { return rank(x) < rank(y); });
}

}  // namespace millrace
