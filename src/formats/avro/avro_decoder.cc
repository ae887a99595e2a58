#include <fmt/format.h>

#include "base/error.h"
#include "formats/avro/avro_container.h"
#include "formats/avro/avro_format.h"
#include "formats/avro/avro_reader.h"

namespace millrace {
namespace {

using avro::BlockStatus;
using avro::ContainerBlock;
using avro::Cursor;
using avro::ReadFault;
using avro::RecordReader;

constexpr uint64_t kEmptyRecordsMax = 1 << 20;  // in a block, of records that take no bytes

class AvroDecoder final : public Decoder {
  public:
    AvroDecoder(const Schema& schema, const std::vector<ColumnPath>& projection, const AvroOptions& options)
        : schema_(schema), columns_(schemaOf(schema, projection)), options_(options) {
        if (options.schema) RecordReader(options.schema, options.schema, schema);  // it must fit all columns
        if (options.messages) makeMessageReader();
    }

    bool hasFileHeader() const override { return true; }
    size_t readFileHeader(std::string_view bytes, const RecordOrigin& origin) override {
        const size_t size = avro::readContainerHeader(bytes, origin.source, header_);
        if (size == 0) return 0;
        try {
            file_reader_ = std::make_unique<RecordReader>(header_.schema, options_.schema, columns_);
        } catch (const UserError& error) {
            Problem problem = error.problem();
            problem.message = fmt::format("{}: {}", origin.source, problem.message);
            throw UserError(std::move(problem));
        }
        return size;
    }

    DecodeResult decode(std::string_view bytes, bool end_of_input, size_t rows_max,
                        const RecordOrigin& origin, BatchBuilder& out) override {
        MILLRACE_CHECK(file_reader_ != nullptr, "{}: blocks before the file's header", origin.source);
        DecodeResult result;
        while (result.bytes < bytes.size()) {
            const std::string_view rest = bytes.substr(result.bytes);
            const RecordOrigin at{origin.source, 0, origin.offset + result.bytes};
            ContainerBlock block;
            switch (avro::readContainerBlock(rest, header_.mark, block)) {
                case BlockStatus::Whole:
                    // More than are wanted only if a single block has them.
                    if (out.rows() > 0 && (out.rows() >= rows_max || block.records > rows_max - out.rows()))
                        return result;
                    readBlock(block, at, out);
                    result.bytes += block.size;
                    break;
                case BlockStatus::Cut:
                    if (!end_of_input) return result;
                    damaged("the file ends within a block", rest, at);
                    result.bytes = bytes.size();
                    break;
                case BlockStatus::Damaged: {
                    const size_t mark = rest.find(header_.mark);
                    if (mark == std::string_view::npos && !end_of_input) return result;
                    const size_t size =
                        mark == std::string_view::npos ? rest.size() : mark + avro::kMarkBytes;
                    damaged("the block is damaged", rest.substr(0, size), at);
                    result.bytes += size;
                    break;
                }
            }
        }
        return result;
    }

    bool decodeMessage(std::string_view message, const RecordOrigin& origin, BatchBuilder& out) override {
        if (!message_reader_) makeMessageReader();
        Cursor in{message.data(), message.data() + message.size()};
        if (message_reader_->read(in, out)) return true;
        const ReadFault& fault = message_reader_->fault();
        reject(
            {"data.malformed",
             fmt::format("{}, offset {}{}: {}", origin.source, origin.offset, fieldOf(fault), fault.reason),
             "the message must be Avro of the schema that follows from the table, without any header",
             {}},
            fault.cause, message, origin);
        return false;
    }

  private:
    void makeMessageReader() {
        const avro::SchemaPtr schema =
            options_.schema ? options_.schema : avro::Schema::ofColumns(schema_, options_.legacy_timestamps);
        message_reader_ = std::make_unique<RecordReader>(schema, options_.schema, columns_);
    }

    static std::string fieldOf(const ReadFault& fault) {
        return fault.field.empty() ? "" : fmt::format(", field '{}'", fault.field);
    }

    void damaged(const char* why, std::string_view bytes, const RecordOrigin& at) const {
        reject({"data.malformed", fmt::format("{}, block at byte {}: {}", at.source, at.offset, why), "", {}},
               cause::kMalformed, bytes, at);
    }

    void readBlock(const ContainerBlock& block, const RecordOrigin& at, BatchBuilder& out) {
        if (!avro::uncompress(header_.codec, block.bytes, block_)) {
            damaged(fmt::format("the block cannot be uncompressed ({})", avro::nameOf(header_.codec)).c_str(),
                    block.bytes, at);
            return;
        }
        const size_t size = block_.size();
        block_.append(kDecoderPadding, '\0');
        if (file_reader_->mayBeEmpty() && block.records > kEmptyRecordsMax) {
            damaged("the block has too many records", block.bytes, at);
            return;
        }
        Cursor in{block_.data(), block_.data() + size};
        for (uint64_t record = 0; record < block.records; ++record) {
            const char* const begin = in.at;
            if (file_reader_->read(in, out)) continue;
            // Where the next record begins is not known any more.
            const ReadFault& fault = file_reader_->fault();
            reject({"data.malformed",
                    fmt::format("{}, block at byte {}, record {} of {}{}: {}", at.source, at.offset,
                                record + 1, block.records, fieldOf(fault), fault.reason),
                    "",
                    {}},
                   fault.cause, {begin, static_cast<size_t>(in.end - begin)}, at);
            return;
        }
    }

    const Schema schema_;   // of all columns
    const Schema columns_;  // to produce
    const AvroOptions options_;
    std::unique_ptr<RecordReader> message_reader_;
    avro::ContainerHeader header_;  // of the file at hand
    std::unique_ptr<RecordReader> file_reader_;
    std::string block_;
};

}  // namespace

std::unique_ptr<Decoder> makeAvroDecoder(const Schema& schema, const std::vector<ColumnPath>& projection,
                                         const AvroOptions& options) {
    return std::make_unique<AvroDecoder>(schema, projection, options);
}

}  // namespace millrace
