// Rooms: formats
// Any bytes as CSV, under a choice of options (the first byte): whole or in small pieces the same rows,
// skips, line counts or error; and texts that were decoded are encoded as CSV that decodes to the same.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "formats/csv/csv_decoder.h"
#include "formats/csv/csv_encoder.h"

namespace millrace {
namespace {

const Schema& texts() {
    static const Schema schema({{"a", LogicalType::string()}, {"b", LogicalType::string()}});
    return schema;
}

const Schema& types() {
    static const Schema schema({{"a", LogicalType::integer()},
                                {"b", LogicalType::decimal(20, 3)},
                                {"c", LogicalType::timestamp(3)},
                                {"d", LogicalType::array(LogicalType::doublePrecision())}});
    return schema;
}

std::string decode(const Schema& schema, std::string_view bytes, const CsvOptions& options, size_t piece,
                   std::string* encoded) {
    std::vector<size_t> projection;
    for (size_t i = 0; i < schema.size(); ++i)
        projection.push_back(i);
    std::string out;
    try {
        const auto decoder = makeCsvDecoder(schema, projection, options);
        size_t at = 0;
        size_t have = 0;
        size_t skipped = 0;
        uint64_t line = 1;
        bool final = false;
        while (!final || at < bytes.size()) {
            have = std::min(bytes.size(), have + piece);
            final = have == bytes.size();
            std::string chunk(bytes.substr(at, have - at));
            chunk.append(kDecoderPadding, '"');
            BatchBuilder builder(schema);
            const DecodeResult result =
                decoder->decode({chunk.data(), have - at}, final, SIZE_MAX, {"fuzzed", line, at}, builder);
            if (final && result.bytes != have - at) std::abort();
            at += result.bytes;
            line += result.lines;
            skipped += result.skipped;
            const Batch batch = builder.finish();
            for (size_t row = 0; row < batch.rows(); ++row) {
                for (const ColumnPtr& column : batch.columns())
                    out += column->textAt(row) + "|";
                out += "\n";
            }
            if (encoded != nullptr) makeCsvEncoder(schema, options)->encode(batch, *encoded);
        }
        out += fmt::format("{} lines, {} skipped", line - 1, skipped);
    } catch (const UserError& error) {
        if (error.code() == "data.unwritable" && options.quote == '\0') return "";
        if (error.code() != "data.malformed") std::abort();
        out = error.what();
    }
    return out;
}

void require(bool condition, const std::string& left, const std::string& right) {
    if (condition) return;
    std::fprintf(stderr, "left:  %s\nright: %s\n", left.c_str(), right.c_str());
    std::abort();
}

std::string rowsOf(const std::string& decoded) { return decoded.substr(0, decoded.rfind('\n') + 1); }

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace millrace;
    if (size == 0) return 0;
    CsvOptions options;
    options.ignore_parse_errors = (data[0] & 1) != 0;
    options.allow_comments = (data[0] & 2) != 0;
    if ((data[0] & 4) != 0) options.escape = '\\';
    if ((data[0] & 8) != 0) options.null_literal = "null";
    if ((data[0] & 16) != 0) options.delimiter = '\t';
    if ((data[0] & 32) != 0) options.quote = '\0';
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    for (const Schema* schema : {&texts(), &types()}) {
        std::string encoded;
        const std::string whole =
            decode(*schema, bytes, options, size, schema == &texts() ? &encoded : nullptr);
        if (whole.empty()) continue;  // holds what cannot be written without quotes
        for (const size_t piece : {1, 3, 17}) {
            const std::string pieces = decode(*schema, bytes, options, piece, nullptr);
            require(whole == pieces, whole, pieces);
        }
        // A comment sign, a line end or an escape at the wrong place cannot be told from the text without
        // quotes.
        const bool certain = options.quote != '\0' && !options.allow_comments && !options.null_literal;
        if (schema == &texts() && certain && whole.ends_with("skipped") && !options.ignore_parse_errors) {
            const std::string back = decode(*schema, encoded, options, size, nullptr);
            require(rowsOf(back) == rowsOf(whole), whole, back);
        }
    }
    return 0;
}
