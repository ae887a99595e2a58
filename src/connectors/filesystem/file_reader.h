// Reads the files dealt to one subtask, one after another.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/filesystem/file_enumerator.h"
#include "connectors/shared/dead_letter_rows.h"
#include "formats/format.h"

namespace millrace {

// What is known of a file besides what is in it: `file.path` and its like.
std::vector<MetadataKey> fileMetadataKeys();

// Which columns come from where: the decoder's output, the names of the folders a file lies in, or what is
// known of the file.
struct FileColumns {
    Schema output;
    Schema decoded;
    enum class From : uint8_t { Decoder, Partition, Metadata };
    struct Source {
        From from = From::Decoder;
        size_t index = 0;  // of the decoder's column, of partition_keys, or of fileMetadataKeys()
    };
    std::vector<Source> sources;  // a column of the output each
    std::vector<std::string> partition_keys;
    bool decodedAlone() const;
};

class FileReader final : public SourceReader {
  public:
    // `dead_letters`: the columns of the table that takes what cannot be decoded, if there is one.
    FileReader(const FilesystemOptions& options, const FileColumns& columns, std::unique_ptr<Decoder> decoder,
               const std::optional<Schema>& dead_letters, SourceReaderContext& context);

    void addSplits(std::vector<SourceSplit> splits) override;
    void noMoreSplits() override { no_more_ = true; }
    ReadStatus poll(Output& output) override;
    std::vector<SourceSplit> snapshot() const override;

  private:
    void open();
    void readHeader();
    void decode();
    void emitPending(Output& output);
    void refill();
    void emit(Batch decoded, Output& output);
    ColumnPtr partitionColumn(const Field& field, size_t key, size_t rows) const;

    const FilesystemOptions& options_;
    const FileColumns& columns_;
    std::unique_ptr<Decoder> decoder_;
    const bool decoded_alone_;
    SourceReaderContext& context_;
    Counter& bytes_in_;
    Counter& skipped_;
    BatchBuilder builder_;
    std::unique_ptr<DeadLetterRows> dead_letters_;

    std::deque<SourceSplit> waiting_;
    bool requested_ = false;
    bool no_more_ = false;

    // The file being read.
    std::unique_ptr<ReadableFile> file_;
    std::string id_;
    std::string path_;
    FilePosition position_;           // of buffer_[begin_]
    std::vector<Value> partition_;    // a value a partition key
    std::vector<Value> metadata_;     // a value a metadata key
    bool at_end_ = false;             // buffer_ reaches to the end of the file
    std::unique_ptr<char[]> buffer_;  // with kDecoderPadding bytes behind buffer_size_
    size_t buffer_size_ = 0;
    size_t begin_ = 0;
    size_t end_ = 0;

    // What was decoded at position_ and is more than goes on at once; position_.taken of it have gone.
    Batch pending_;
    DecodeResult pending_result_;
};

}  // namespace millrace
