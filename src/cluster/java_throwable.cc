#include "cluster/java_throwable.h"

#include <cstdint>
#include <nlohmann/json.hpp>

namespace millrace {
namespace {

constexpr size_t kTextMax = 32 << 10;  // bytes of an error's text that are sent

// Writes the stream's items: big-endian numbers, strings in Java's modified UTF-8.
class JavaStream {
  public:
    JavaStream() {
        number(0xACED, 2);  // magic
        number(5, 2);       // version
    }
    const std::string& bytes() const { return out_; }

    void byte(uint8_t value) { out_ += static_cast<char>(value); }
    void number(uint64_t value, int width) {
        for (int shift = (width - 1) * 8; shift >= 0; shift -= 8)
            byte(static_cast<uint8_t>(value >> shift));
    }
    // At most kTextMax bytes of `text`, which are never more than its length field can hold.
    void utf(std::string_view text) {
        const std::string modified = modifiedUtf8(text.substr(0, kTextMax));
        number(modified.size(), 2);
        out_ += modified;
    }
    void object() { byte(0x73); }
    void null() { byte(0x70); }
    void string(std::string_view text) {
        byte(0x74);
        utf(text);
    }
    void endBlock() { byte(0x78); }
    void beginClass(std::string_view name, int64_t version, uint8_t flags, uint16_t fields) {
        byte(0x72);
        utf(name);
        number(static_cast<uint64_t>(version), 8);
        byte(flags);
        number(fields, 2);
    }
    void field(char kind, std::string_view name, std::string_view type) {
        byte(static_cast<uint8_t>(kind));
        utf(name);
        string(type);
    }

  private:
    // NUL is two bytes, what is beyond the basic plane two surrogates of three bytes; what is no UTF-8 is
    // '?'.
    static std::string modifiedUtf8(std::string_view text) {
        std::string out;
        for (size_t i = 0; i < text.size();) {
            const auto lead = static_cast<uint8_t>(text[i]);
            const size_t length = lead < 0x80   ? 1
                                  : lead < 0xC2 ? 0
                                  : lead < 0xE0 ? 2
                                  : lead < 0xF0 ? 3
                                  : lead < 0xF5 ? 4
                                                : 0;
            bool sound = length > 0 && i + length <= text.size();
            uint32_t point = length < 2 ? lead : lead & (0xFFU >> (length + 1));
            for (size_t k = 1; sound && k < length; ++k) {
                const auto next = static_cast<uint8_t>(text[i + k]);
                sound = (next & 0xC0) == 0x80;
                point = point << 6 | (next & 0x3FU);
            }
            if (!sound) {
                out += '?';
                ++i;
                continue;
            }
            if (point == 0) {
                out += "\xC0\x80";
            } else if (length < 4) {
                out += text.substr(i, length);
            } else {
                surrogate(out, 0xD800 + ((point - 0x10000) >> 10));
                surrogate(out, 0xDC00 + ((point - 0x10000) & 0x3FF));
            }
            i += length;
        }
        return out;
    }
    static void surrogate(std::string& out, uint32_t unit) {
        out += static_cast<char>(0xE0 | unit >> 12);
        out += static_cast<char>(0x80 | (unit >> 6 & 0x3F));
        out += static_cast<char>(0x80 | (unit & 0x3F));
    }

    std::string out_;
};

constexpr uint8_t kSerializable = 0x02;
constexpr uint8_t kWritesItself = 0x03;  // serializable, with a writeObject of its own

}  // namespace

std::string serializedThrowable(std::string_view class_name, std::string_view message) {
    const std::string stack_trace = std::string(class_name) + ": " + std::string(message) + "\n";
    JavaStream stream;
    stream.object();
    // Class descriptions, subclass first; object fields stand in the order of their names.
    stream.beginClass("org.apache.flink.util.SerializedThrowable", 7284183123441947635, kSerializable, 3);
    stream.field('L', "fullStringifiedStackTrace", "Ljava/lang/String;");
    stream.field('L', "originalErrorClassName", "Ljava/lang/String;");
    stream.field('[', "serializedException", "[B");
    stream.endBlock();
    stream.beginClass("java.lang.Exception", -3387516993124229948, kSerializable, 0);
    stream.endBlock();
    stream.beginClass("java.lang.Throwable", -3042686055658047285, kWritesItself, 4);
    stream.field('L', "cause", "Ljava/lang/Throwable;");
    stream.field('L', "detailMessage", "Ljava/lang/String;");
    stream.field('[', "stackTrace", "[Ljava/lang/StackTraceElement;");
    stream.field('L', "suppressedExceptions", "Ljava/util/List;");
    stream.endBlock();
    stream.null();  // Throwable has no superclass that is serializable
    // Values, superclass first.
    stream.null();           // cause
    stream.string(message);  // detailMessage
    stream.null();           // stackTrace
    stream.null();           // suppressedExceptions
    stream.endBlock();
    stream.string(stack_trace);
    stream.string(class_name);
    stream.null();  // serializedException: there is no Java object behind it
    return stream.bytes();
}

std::string base64(std::string_view bytes) {
    constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (size_t i = 0; i < bytes.size(); i += 3) {
        uint32_t group = 0;
        for (size_t k = 0; k < 3; ++k)
            group = group << 8 | (i + k < bytes.size() ? static_cast<uint8_t>(bytes[i + k]) : 0U);
        for (size_t k = 0; k < 4; ++k)
            out += i + k > bytes.size() ? '=' : kLetters[group >> (18 - 6 * k) & 0x3F];
    }
    return out;
}

nlohmann::json failureCause(const std::string& class_name, const std::string& message) {
    return {{"class", class_name},
            {"stack-trace", message},
            {"serialized-throwable", base64(serializedThrowable(class_name, message))}};
}

}  // namespace millrace
