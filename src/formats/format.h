// Formats: bytes to batches and back. One .cc file a format in src/formats, ending in `FormatDescriptor
// describe<Format>()`.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/configuration.h"
#include "base/error.h"
#include "batch/batch.h"
#include "batch/column_path.h"
#include "types/metadata_key.h"

namespace millrace {

class EncoderOutput;

// Where the bytes handed to a decoder come from, for error messages: "flights-3.json, line 17".
struct RecordOrigin {
    std::string_view source;
    uint64_t line = 1;  // of the first byte handed over; 0 where records are messages
    uint64_t offset = 0;
};

struct DecodeResult {
    size_t bytes = 0;    // consumed: whole records only
    size_t lines = 0;    // line ends among them
    size_t skipped = 0;  // malformed records left out (json.ignore-parse-errors and the like)
};

// Why a record was not decoded, in a word that counters are named by.
namespace cause {
inline constexpr const char* kMalformed = "malformed";  // its bytes are none of the format
inline constexpr const char* kType = "type";            // a value is not of its column's type
inline constexpr const char* kMissing = "missing";      // a field is not there, or NULL, and must be
inline constexpr const char* kSchema = "schema";        // its schema is unknown, or does not fit the table
}  // namespace cause

// A record that cannot be decoded, for whoever takes such records.
struct RejectedRecord {
    std::string_view bytes;
    std::string_view cause;
    std::string_view error;  // as the job's failure would say it
    uint64_t line = 0;       // 0 where records are messages
    uint64_t offset = 0;     // of its first byte; of messages the message's
};

class RejectedRecords {
  public:
    virtual ~RejectedRecords() = default;
    virtual void reject(const RejectedRecord& record) = 0;
};

// Readable bytes that must follow whatever is handed to a decoder, which looks at blocks; their content does
// not matter.
inline constexpr size_t kDecoderPadding = 256;

// One reader's decoder; keeps scratch memory between calls. A malformed record is a UserError
// "data.malformed" naming source, line, column (field) and reason, unless the format's options say to skip
// and count it, or somebody takes such records.
class Decoder {
  public:
    virtual ~Decoder() = default;
    // From now on records that cannot be decoded go there, and reading goes on behind them.
    virtual void rejectTo(RejectedRecords* rejected) { rejected_ = rejected; }
    // Formats whose files begin with a header, without which the rest cannot be read. A reader hands over the
    // beginning of each file that it opens, also where it goes on behind it, and decode() the bytes behind
    // the header. readFileHeader() gives the header's length, or 0 if more of the file is needed for it.
    virtual bool hasFileHeader() const { return false; }
    virtual size_t readFileHeader(std::string_view bytes, const RecordOrigin& origin);
    // Decodes the complete records at the start of `bytes` until `out` has `rows_max` rows. With
    // `end_of_input`, what is left at the end counts as a record even without a line end.
    virtual DecodeResult decode(std::string_view bytes, bool end_of_input, size_t rows_max,
                                const RecordOrigin& origin, BatchBuilder& out) = 0;
    // One message that is one record (Kafka and the like). False if it was skipped. With a line end behind
    // it, which is not part of it, the text formats are quickest.
    virtual bool decodeMessage(std::string_view message, const RecordOrigin& origin, BatchBuilder& out) = 0;

  protected:
    // What becomes of a malformed record: somebody takes it, or it is a UserError with this problem. `at` is
    // its place: the origin with the record's own line and offset.
    void reject(Problem problem, const char* cause, std::string_view record, const RecordOrigin& at) const;

  private:
    RejectedRecords* rejected_ = nullptr;
};

class Encoder {
  public:
    virtual ~Encoder() = default;
    virtual void header(std::string& out) { (void)out; }  // once a file
    // Appends every row as a record with its line end.
    virtual void encode(const Batch& batch, std::string& out) = 0;
    // The same bytes; formats that write much do it without copying them.
    virtual void encodeTo(const Batch& batch, EncoderOutput& out);
    // Appends every row as a message of its own, and where in `out` each lies: from its begin to its end.
    using Messages = std::vector<std::pair<size_t, size_t>>;
    virtual void encodeMessages(const Batch& batch, std::string& out, Messages& messages);
};

// What connectors tell a format of a message besides the table's options: its topic, and which part of the
// message it is, "key" or "value".
inline constexpr const char* kMessageTopic = "message.topic";
inline constexpr const char* kMessagePart = "message.part";

struct FormatDescriptor {
    std::string name;  // "json"
    std::string documentation;
    std::vector<OptionDescription> options;  // full keys: "json.ignore-parse-errors"
    // Whether a decoder can produce fields of ROW columns alone.
    bool nested_projection = false;
    // Whether records say how rows change (debezium-json): sources make updates and deletes of them, sinks
    // take them.
    bool changelog = false;
    // What a decoder can tell of a record beside its columns; connectors offer it as "value.<name>".
    std::vector<MetadataKey> metadata;
    // The columns of a table that names none, from what its options lead to (a schema registry). Absent: they
    // cannot be told.
    std::function<Schema(const std::map<std::string, std::string>& options)> infer_schema;
    // `schema` is the table's physical columns, `projection` what to produce of them: whole columns,
    // ascending, or, with nested_projection, fields of them too. Options are those of the table; UserError
    // where a value or a column's type is not usable.
    std::function<std::unique_ptr<Decoder>(const Schema& schema, const std::vector<ColumnPath>& projection,
                                           const std::map<std::string, std::string>& options)>
        make_decoder;
    // Given with `metadata`: as make_decoder, with what these keys name behind the projected columns.
    std::function<std::unique_ptr<Decoder>(const Schema& schema, const std::vector<ColumnPath>& projection,
                                           const std::vector<std::string>& metadata,
                                           const std::map<std::string, std::string>& options)>
        make_metadata_decoder;
    std::function<std::unique_ptr<Encoder>(const Schema& schema,
                                           const std::map<std::string, std::string>& options)>
        make_encoder;
};

const std::vector<FormatDescriptor>& formatDescriptors();  // collected by the build
// By name; UserError "config.bad-value" with the nearest name.
const FormatDescriptor& findFormat(const std::string& name);

}  // namespace millrace
