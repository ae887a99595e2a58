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
#include "batch/batch.h"
#include "batch/column_path.h"
#include "types/metadata_key.h"

namespace millrace {

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

// Readable bytes that must follow whatever is handed to a decoder (simdjson's padding); their content does
// not matter.
inline constexpr size_t kDecoderPadding = 64;

// One reader's decoder; keeps scratch memory between calls. A malformed record is a UserError
// "data.malformed" naming source, line, column (field) and reason, unless the format's options say to skip
// and count it.
class Decoder {
  public:
    virtual ~Decoder() = default;
    // Decodes the complete records at the start of `bytes` until `out` has `rows_max` rows. With
    // `end_of_input`, what is left at the end counts as a record even without a line end.
    virtual DecodeResult decode(std::string_view bytes, bool end_of_input, size_t rows_max,
                                const RecordOrigin& origin, BatchBuilder& out) = 0;
    // One message that is one record (Kafka and the like). False if it was skipped. With a line end behind
    // it, which is not part of it, the text formats are quickest.
    virtual bool decodeMessage(std::string_view message, const RecordOrigin& origin, BatchBuilder& out) = 0;
};

class Encoder {
  public:
    virtual ~Encoder() = default;
    virtual void header(std::string& out) { (void)out; }  // once a file
    // Appends every row as a record with its line end.
    virtual void encode(const Batch& batch, std::string& out) = 0;
    // Appends every row as a message of its own, and where in `out` each lies: from its begin to its end.
    using Messages = std::vector<std::pair<size_t, size_t>>;
    virtual void encodeMessages(const Batch& batch, std::string& out, Messages& messages);
};

struct FormatDescriptor {
    std::string name;  // "json"
    std::string documentation;
    std::vector<OptionDescription> options;  // full keys: "json.ignore-parse-errors"
    // Whether a decoder can produce fields of ROW columns alone.
    bool nested_projection = false;
    // What a decoder can tell of a record beside its columns; connectors offer it as "value.<name>".
    std::vector<MetadataKey> metadata;
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
