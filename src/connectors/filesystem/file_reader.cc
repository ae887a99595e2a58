#include "connectors/filesystem/file_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "formats/text/scalar.h"

namespace millrace {
namespace {

constexpr size_t kChunkBytes = 1 << 20;
constexpr size_t kRecordBytesMax = 64 << 20;
constexpr size_t kBatchRows = 4096;
constexpr size_t kHeaderBytes = 1 << 16;

}  // namespace

// In the order of FileReader::metadata_.
std::vector<MetadataKey> fileMetadataKeys() {
    const auto never = [](const LogicalType& type) { return type.withNullable(false); };
    return {
        {"file.path", never(LogicalType::string()), false, "The file's path."},
        {"file.name", never(LogicalType::string()), false, "The last part of the path."},
        {"file.size", never(LogicalType::bigint()), false, "The file's size in bytes, when it was opened."},
        {"file.modification-time", never(LogicalType::timestampLtz(3)), false,
         "When the file was last changed, as of when it was opened."}};
}

bool FileColumns::decodedAlone() const {
    return std::all_of(sources.begin(), sources.end(),
                       [](const Source& source) { return source.from == From::Decoder; });
}

FileReader::FileReader(const FilesystemOptions& options, const FileColumns& columns,
                       std::unique_ptr<Decoder> decoder, const std::optional<Schema>& dead_letters,
                       SourceReaderContext& context)
    : options_(options),
      columns_(columns),
      decoder_(std::move(decoder)),
      decoded_alone_(columns.decodedAlone()),
      context_(context),
      bytes_in_(context.metrics().counter("numBytesIn")),
      skipped_(context.metrics().counter("numRecordsSkipped")),
      builder_(columns.decoded, std::min(kBatchRows, context.batchRowsMax())),
      dead_letters_(DeadLetterRows::make(dead_letters, options.table, context)) {
    if (dead_letters_) decoder_->rejectTo(dead_letters_.get());
}

void FileReader::addSplits(std::vector<SourceSplit> splits) {
    for (SourceSplit& split : splits)
        waiting_.push_back(std::move(split));
    requested_ = false;
}

ReadStatus FileReader::poll(Output& output) {
    if (!file_) {
        if (waiting_.empty()) {
            if (no_more_) return ReadStatus::EndOfInput;
            if (!requested_) context_.requestSplit();
            requested_ = true;
            buffer_.reset();  // an idle reader holds no memory
            return ReadStatus::Nothing;
        }
        open();
    }
    if (pending_.empty()) decode();
    if (dead_letters_) dead_letters_->flush();
    emitPending(output);
    if (pending_.empty() && at_end_ && begin_ == end_) file_.reset();
    return ReadStatus::More;
}

// Makes pending_ of what comes next in the file; it stays empty at the end.
void FileReader::decode() {
    // Where some rows of a block have gone on already, the block is read alone: its letters have gone, too.
    const bool within = position_.taken > 0;
    const size_t rows_max = within ? 1 : std::min(kBatchRows, context_.batchRowsMax());
    while (true) {
        const RecordOrigin origin{path_, position_.line, position_.offset};
        const DecodeResult result =
            decoder_->decode({buffer_.get() + begin_, end_ - begin_}, at_end_, rows_max, origin, builder_);
        if (within && dead_letters_) dead_letters_->forget();
        bytes_in_.add(static_cast<int64_t>(result.bytes));
        skipped_.add(static_cast<int64_t>(result.skipped));
        begin_ += result.bytes;
        if (builder_.rows() > 0) {
            pending_ = builder_.finish();
            pending_result_ = result;
            return;
        }
        position_.offset += result.bytes;
        position_.line += result.lines;
        if (dead_letters_ && dead_letters_->waiting()) return;
        if (!at_end_) {
            if (result.bytes == 0 || begin_ == end_) refill();
        } else if (begin_ == end_) {
            return;
        } else {
            MILLRACE_CHECK(result.bytes > 0, "{}: the decoder left {} bytes at the end", path_,
                           end_ - begin_);
        }
    }
}

void FileReader::emitPending(Output& output) {
    if (pending_.empty()) return;
    const size_t rows_max = std::min(kBatchRows, context_.batchRowsMax());
    const size_t taken = std::min<size_t>(position_.taken, pending_.rows());
    const size_t end = std::min(taken + rows_max, pending_.rows());
    if (end == pending_.rows()) {
        position_.offset += pending_result_.bytes;
        position_.line += pending_result_.lines;
        position_.taken = 0;
        emit(taken == 0 ? std::exchange(pending_, {}) : std::exchange(pending_, {}).slice(taken, end),
             output);
    } else {
        position_.taken = end;
        emit(pending_.slice(taken, end), output);
    }
}

void FileReader::open() {
    FileSystem& files = *context_.environment().files;
    id_ = std::move(waiting_.front().id);
    position_ = FilePosition::decode(waiting_.front().state);
    waiting_.pop_front();
    path_ = joinPath(splitFolder(files, options_), id_);
    try {
        file_ = files.openToRead(path_);
    } catch (const UserError& error) {
        if (error.code() != "io.not-found") throw;
        throw UserError("io.not-found",
                        position_.offset == 0
                            ? fmt::format("the file '{}' is gone before it was read", path_)
                            : fmt::format("the file '{}' is gone, and it was read to byte {} only", path_,
                                          position_.offset),
                        "put it back: the job continues where it stopped");
    }
    const uint64_t size = file_->size();
    if (size < position_.size_min || size < position_.offset) {
        throw UserError("io.changed",
                        fmt::format("the file '{}' has shrunk from {} to {} bytes while it was being read",
                                    path_, std::max(position_.size_min, position_.offset), size),
                        "files must not change once they can be seen; write under a name that starts with "
                        "'.' and rename");
    }
    position_.size_min = size;
    constexpr int64_t kMicrosOfMilli = 1000;
    metadata_ = {Value::string(path_), Value::string(lastComponent(path_)),
                 Value::int64(static_cast<int64_t>(size)),
                 Value::int64(decoded_alone_ ? 0 : files.status(path_).modified_ms * kMicrosOfMilli)};
    partition_.clear();
    for (const std::string& key : columns_.partition_keys) {
        const size_t at = ("/" + id_).find("/" + key + "=");
        if (at == std::string::npos) {
            throw UserError("data.malformed",
                            fmt::format("the file '{}' lies in no folder '{}=...'", path_, key),
                            "a table PARTITIONED BY a column has a folder for each of its values");
        }
        const size_t begin = at + key.size() + 1;
        partition_.push_back(Value::string(
            unescapePathName(std::string_view(id_).substr(begin, id_.find('/', begin) - begin))));
    }
    if (dead_letters_) dead_letters_->from(path_, -1);
    if (decoder_->hasFileHeader()) readHeader();
    if (!buffer_) {
        buffer_ = std::make_unique_for_overwrite<char[]>(kChunkBytes + kDecoderPadding);
        buffer_size_ = kChunkBytes;
    }
    begin_ = end_ = 0;
    at_end_ = false;
}

// What the file begins with, for the decoder; reading goes on behind it.
void FileReader::readHeader() {
    for (size_t size = kHeaderBytes;; size *= 4) {
        std::string bytes(size + kDecoderPadding, '\0');
        const size_t read = file_->readAt(0, bytes.data(), size);
        const size_t header = decoder_->readFileHeader({bytes.data(), read}, {path_, 0, 0});
        if (header > 0) {
            position_.offset = std::max<uint64_t>(position_.offset, header);
            return;
        }
        if (read == size && size < kRecordBytesMax) continue;
        throw UserError("data.malformed", fmt::format("{}: the file ends within its header", path_),
                        "it was not written to its end");
    }
}

// Makes room behind what is not yet decoded, and fills it.
void FileReader::refill() {
    const size_t left = end_ - begin_;
    if (left > buffer_size_ / 2) {
        if (buffer_size_ >= kRecordBytesMax) {
            throw UserError("data.malformed",
                            fmt::format("{}, line {}: a record is longer than {} MiB", path_, position_.line,
                                        kRecordBytesMax >> 20),
                            "records of the text formats end at line ends");
        }
        auto larger = std::make_unique_for_overwrite<char[]>(2 * buffer_size_ + kDecoderPadding);
        std::memcpy(larger.get(), buffer_.get() + begin_, left);
        buffer_ = std::move(larger);
        buffer_size_ *= 2;
    } else {
        std::memmove(buffer_.get(), buffer_.get() + begin_, left);
    }
    begin_ = 0;
    end_ = left;
    const size_t wanted = buffer_size_ - end_;
    const uint64_t offset = position_.offset + left;
    const size_t read = file_->readAt(offset, buffer_.get() + end_, wanted);
    end_ += read;
    if (read == wanted) return;
    at_end_ = true;
    if (offset + read < position_.size_min) {
        throw UserError("io.changed",
                        fmt::format("the file '{}' has shrunk from {} to {} bytes while it was being read",
                                    path_, position_.size_min, offset + read),
                        "files must not change once they can be seen; write under a name that starts with "
                        "'.' and rename");
    }
}

void FileReader::emit(Batch decoded, Output& output) {
    if (decoded_alone_) {
        output.emit(std::move(decoded));
        return;
    }
    std::vector<ColumnPtr> columns;
    for (size_t i = 0; i < columns_.sources.size(); ++i) {
        const auto& [from, index] = columns_.sources[i];
        const Field& field = columns_.output[i];
        columns.push_back(from == FileColumns::From::Decoder ? decoded.column(index)
                          : from == FileColumns::From::Partition
                              ? partitionColumn(field, index, decoded.rows())
                              : Column::constant(field.type, metadata_[index], decoded.rows()));
    }
    output.emit(decoded.withColumns(std::move(columns)));
}

ColumnPtr FileReader::partitionColumn(const Field& field, size_t key, size_t rows) const {
    const LogicalType& type = field.type;
    const std::string& text = partition_[key].asString();
    if (text == options_.default_partition) return Column::constant(type, Value::null(), rows);
    std::string scratch;
    const std::optional<text::Scalar> scalar =
        text::readScalar(type, text::TokenKind::Text, text, text::TimestampStandard::Sql, scratch);
    if (!scalar) {
        throw UserError("data.malformed", fmt::format("the file '{}': the folder '{}={}' is not a {}", path_,
                                                      columns_.partition_keys[key], text, type.toString()));
    }
    return Column::constant(type, text::toValue(*scalar, type), rows);
}

std::vector<SourceSplit> FileReader::snapshot() const {
    std::vector<SourceSplit> splits;
    if (file_ || !pending_.empty()) splits.push_back({id_, position_.encode()});
    splits.insert(splits.end(), waiting_.begin(), waiting_.end());
    return splits;
}

}  // namespace millrace
