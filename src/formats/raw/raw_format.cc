#include "formats/raw/raw_format.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>

#include "base/error.h"
#include "base/text.h"
#include "formats/raw/charset.h"
#include "formats/text/is_utf8.h"

namespace millrace {
namespace {

constexpr const char* kRawCharset = "raw.charset";

// Bytes of a value of this type; 0 where they can be any number.
size_t rawWidth(const LogicalType& type) {
    switch (type.kind()) {
        case TypeKind::Boolean:
        case TypeKind::TinyInt:
            return 1;
        case TypeKind::SmallInt:
            return 2;
        case TypeKind::Integer:
        case TypeKind::Float:
            return 4;
        case TypeKind::BigInt:
        case TypeKind::Double:
            return 8;
        default:
            return 0;
    }
}

const Field& rawColumn(const Schema& schema) {
    if (schema.size() != 1) {
        throw UserError("config.bad-value",
                        fmt::format("the raw format takes a table of one column, and this one has {}: {}",
                                    schema.size(), schema.toString()),
                        "metadata columns and columns of the key do not count");
    }
    const LogicalType& type = schema[0].type;
    if (!type.isCharacter() && !type.isBinary() && rawWidth(type) == 0) {
        throw UserError("config.bad-value",
                        fmt::format("column '{}': the raw format does not read or write {}", schema[0].name,
                                    type.toString()),
                        "it takes texts, bytes, BOOLEAN, whole numbers, FLOAT and DOUBLE");
    }
    return schema[0];
}

// The lowest `width` bytes of `bits`.
void putRawBits(uint64_t bits, size_t width, bool big_endian, std::string& out) {
    for (size_t i = 0; i < width; ++i) {
        const size_t byte = big_endian ? width - 1 - i : i;
        out += static_cast<char>(bits >> (8 * byte));
    }
}

uint64_t takeRawBits(std::string_view bytes, bool big_endian) {
    uint64_t bits = 0;
    for (size_t i = 0; i < bytes.size(); ++i) {
        const size_t at = big_endian ? i : bytes.size() - 1 - i;
        bits = bits << 8 | static_cast<uint8_t>(bytes[at]);
    }
    return bits;
}

class RawDecoder final : public Decoder {
  public:
    RawDecoder(const Schema& schema, bool wanted, const RawOptions& options)
        : column_(rawColumn(schema)),
          wanted_(wanted),
          width_(rawWidth(column_.type)),
          big_endian_(options.big_endian),
          charset_(kRawCharset, options.charset) {}

    DecodeResult decode(std::string_view bytes, bool end_of_input, size_t rows_max,
                        const RecordOrigin& origin, BatchBuilder& out) override {
        DecodeResult result;
        while (result.bytes < bytes.size() && out.rows() < rows_max) {
            const size_t end = bytes.find('\n', result.bytes);
            if (end == std::string_view::npos && !end_of_input) break;
            std::string_view line = bytes.substr(result.bytes, end - result.bytes);
            const size_t whole = line.size() + (end == std::string_view::npos ? 0 : 1);
            if (line.ends_with('\r') && width_ == 0) line.remove_suffix(1);
            decodeMessage(line, {origin.source, origin.line + result.lines, origin.offset + result.bytes},
                          out);
            result.bytes += whole;
            result.lines += end == std::string_view::npos ? 0 : 1;
        }
        return result;
    }

    bool decodeMessage(std::string_view message, const RecordOrigin& origin, BatchBuilder& out) override {
        if (width_ != 0 && message.size() != width_) {
            refuse(fmt::format("a {} has {} byte{}, and the record has {}", column_.type.toString(), width_,
                               width_ == 1 ? "" : "s", message.size()),
                   message, origin);
            return false;
        }
        if (wanted_ && !append(message, out.column(0))) {
            refuse("the text is not UTF-8", message, origin);
            return false;
        }
        out.endRow();
        return true;
    }

  private:
    void refuse(const std::string& reason, std::string_view message, const RecordOrigin& origin) const {
        std::string where(origin.source);
        if (origin.line > 0) where += fmt::format(", line {}", origin.line);
        if (origin.line == 0) where += fmt::format(", offset {}", origin.offset);
        reject({"data.malformed", fmt::format("{}: field '{}': {}", where, column_.name, reason), "", {}},
               cause::kMalformed, message, origin);
    }

    bool append(std::string_view bytes, ColumnBuilder& out) {
        const uint64_t bits = width_ == 0 ? 0 : takeRawBits(bytes, big_endian_);
        switch (column_.type.kind()) {
            case TypeKind::Boolean:
                out.append<uint8_t>(bits != 0 ? 1 : 0);
                return true;
            case TypeKind::TinyInt:
                out.append<int32_t>(static_cast<int8_t>(bits));
                return true;
            case TypeKind::SmallInt:
                out.append<int32_t>(static_cast<int16_t>(bits));
                return true;
            case TypeKind::Integer:
                out.append(static_cast<int32_t>(bits));
                return true;
            case TypeKind::BigInt:
                out.append(static_cast<int64_t>(bits));
                return true;
            case TypeKind::Float:
                out.append(std::bit_cast<float>(static_cast<uint32_t>(bits)));
                return true;
            case TypeKind::Double:
                out.append(std::bit_cast<double>(bits));
                return true;
            default:
                break;
        }
        if (column_.type.isCharacter()) {
            if (!charset_.isUtf8()) {
                charset_.toUtf8(bytes, text_);
                bytes = text_;
            } else if (!text::isUtf8(bytes)) {
                return false;
            }
        }
        out.appendString(bytes);
        return true;
    }

    const Field column_;
    const bool wanted_;
    const size_t width_;
    const bool big_endian_;
    Charset charset_;
    std::string text_;
};

class RawEncoder final : public Encoder {
  public:
    RawEncoder(const Schema& schema, const RawOptions& options)
        : type_(rawColumn(schema).type),
          big_endian_(options.big_endian),
          charset_(kRawCharset, options.charset) {}

    void encode(const Batch& batch, std::string& out) override {
        for (size_t row = 0; row < batch.rows(); ++row) {
            value(*batch.column(0), row, out);
            out += '\n';
        }
    }
    void encodeMessages(const Batch& batch, std::string& out, Messages& messages) override {
        for (size_t row = 0; row < batch.rows(); ++row) {
            const size_t begin = out.size();
            value(*batch.column(0), row, out);
            messages.emplace_back(begin, out.size());
        }
    }

  private:
    void value(const Column& column, size_t row, std::string& out) {
        if (column.isNull(row)) return;
        switch (type_.kind()) {
            case TypeKind::Boolean:
                out += static_cast<char>(column.data<uint8_t>()[row]);
                return;
            case TypeKind::TinyInt:
            case TypeKind::SmallInt:
            case TypeKind::Integer:
                putRawBits(static_cast<uint32_t>(column.data<int32_t>()[row]), rawWidth(type_), big_endian_,
                           out);
                return;
            case TypeKind::BigInt:
                putRawBits(static_cast<uint64_t>(column.data<int64_t>()[row]), 8, big_endian_, out);
                return;
            case TypeKind::Float:
                putRawBits(std::bit_cast<uint32_t>(column.data<float>()[row]), 4, big_endian_, out);
                return;
            case TypeKind::Double:
                putRawBits(std::bit_cast<uint64_t>(column.data<double>()[row]), 8, big_endian_, out);
                return;
            default:
                break;
        }
        const std::string_view bytes = column.data<StringView>()[row].view();
        if (type_.isCharacter() && !charset_.isUtf8()) {
            charset_.fromUtf8(bytes, text_);
            out += text_;
        } else {
            out += bytes;
        }
    }

    const LogicalType type_;
    const bool big_endian_;
    Charset charset_;
    std::string text_;
};

}  // namespace

RawOptions RawOptions::from(const std::map<std::string, std::string>& options) {
    RawOptions out;
    if (const auto found = options.find("raw.endianness"); found != options.end()) {
        const std::string value = lowerCase(found->second);
        out.big_endian = value == "big-endian";
        if (!out.big_endian && value != "little-endian") {
            throw UserError("config.bad-value",
                            fmt::format("'raw.endianness' has the value '{}', which is not one of: "
                                        "big-endian, little-endian",
                                        found->second));
        }
    }
    if (const auto found = options.find(kRawCharset); found != options.end()) out.charset = found->second;
    return out;
}

std::vector<OptionDescription> RawOptions::describe() {
    return {
        {"raw.endianness",
         "enum",
         "big-endian",
         "In which order the bytes of a number come: big-endian or little-endian.",
         false,
         {"big-endian", "little-endian"}},
        {kRawCharset, "string", "UTF-8", "The character set of texts."},
    };
}

std::unique_ptr<Decoder> makeRawDecoder(const Schema& schema, bool wanted, const RawOptions& options) {
    return std::make_unique<RawDecoder>(schema, wanted, options);
}

std::unique_ptr<Encoder> makeRawEncoder(const Schema& schema, const RawOptions& options) {
    return std::make_unique<RawEncoder>(schema, options);
}

}  // namespace millrace
