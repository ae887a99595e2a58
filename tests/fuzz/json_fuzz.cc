// Rooms: formats
// Any bytes as JSON lines, against every type: the fast and the plain way give the same rows, skip the same
// records and say the same where one is malformed; what is JSON at all is judged alike by the decoder, the
// fault finder and simdjson's document parser; what was decoded is encoded as JSON that decodes to the same.
#include <fmt/format.h>
#include <simdjson.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "formats/json/json_decoder.h"
#include "formats/json/json_encoder.h"
#include "formats/json/json_fault.h"

namespace millrace {
namespace {

const Schema& everyType() {
    static const Schema schema({
        {"a", LogicalType::bigint()},
        {"b", LogicalType::integer()},
        {"c", LogicalType::string()},
        {"d", LogicalType::doublePrecision()},
        {"e", LogicalType::decimal(10, 2)},
        {"f", LogicalType::decimal(38, 9)},
        {"g", LogicalType::boolean()},
        {"h", LogicalType::timestamp(3)},
        {"i", LogicalType::timestampLtz(6)},
        {"j", LogicalType::of(TypeKind::Date)},
        {"k", LogicalType::of(TypeKind::Time)},
        {"l", LogicalType::of(TypeKind::Varbinary)},
        {"m", LogicalType::of(TypeKind::SmallInt)},
        {"n", LogicalType::array(LogicalType::integer())},
        {"o", LogicalType::map(LogicalType::string(), LogicalType::of(TypeKind::Float))},
        {"p", LogicalType::row({{"x", LogicalType::integer()}, {"y", LogicalType::string()}})},
    });
    return schema;
}

// Without nested columns and texts of values: what the fast way knows best.
const Schema& flatTypes() {
    static const Schema schema(
        {everyType()[0], everyType()[2], everyType()[4], everyType()[7], everyType()[3]});
    return schema;
}

std::string decode(const Schema& schema, const std::vector<ColumnPath>& projection, std::string_view bytes,
                   JsonOptions options, json::Kernel kernel, std::string* encoded) {
    std::string text(bytes);
    text.append(kDecoderPadding, kernel != nullptr ? '}' : '\0');
    std::string out;
    try {
        const auto decoder = makeJsonDecoder(schema, projection, options, kernel);
        BatchBuilder builder(schemaOf(schema, projection));
        const DecodeResult result =
            decoder->decode({text.data(), bytes.size()}, true, SIZE_MAX, {"fuzzed", 1, 0}, builder);
        if (result.bytes != bytes.size()) std::abort();
        const Batch batch = builder.finish();
        for (size_t row = 0; row < batch.rows(); ++row) {
            for (const ColumnPtr& column : batch.columns())
                out += column->textAt(row) + "|";
            out += "\n";
        }
        out += fmt::format("{} lines, {} skipped", result.lines, result.skipped);
        if (encoded != nullptr) makeJsonEncoder(schema, options)->encode(batch, *encoded);
    } catch (const UserError& error) {
        // Where simdjson refuses what findFault takes for JSON, the message cannot say why: the two disagree.
        if (error.code() != "data.malformed" ||
            std::string_view(error.what()).ends_with("is not valid JSON: simdjson does not accept it")) {
            std::fprintf(stderr, "%s\n", error.what());
            std::abort();
        }
        out = error.what();
    }
    return out;
}

void require(bool condition, const std::string& left, const std::string& right) {
    if (condition) return;
    std::fprintf(stderr, "left:  %s\nright: %s\n", left.c_str(), right.c_str());
    std::abort();
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace millrace;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    for (const Schema* schema : {&everyType(), &flatTypes()}) {
        for (const bool lenient : {false, true}) {
            JsonOptions options;
            options.ignore_parse_errors = lenient;
            std::string encoded;
            const std::vector<ColumnPath> whole = wholeColumns(*schema);
            const std::string plain = decode(*schema, whole, bytes, options, nullptr, &encoded);
            for (const json::NamedKernel& kernel : json::kernels()) {
                const std::string fast = decode(*schema, whole, bytes, options, kernel.run, nullptr);
                require(plain == fast, plain, kernel.name + (": " + fast));
            }
            std::string again;
            const std::string back =
                decode(*schema, whole, encoded, options, json::kernels().front().run, &again);
            require(again == encoded, encoded, again + back);
        }
    }
    for (const bool lenient : {false, true}) {
        JsonOptions options;
        options.ignore_parse_errors = lenient;
        const auto row = static_cast<size_t>(everyType().find("p"));
        const std::vector<ColumnPath> fields{{0}, {row, 0}, {row, 1}};
        const std::string plain = decode(everyType(), fields, bytes, options, nullptr, nullptr);
        for (const json::NamedKernel& kernel : json::kernels()) {
            const std::string fast = decode(everyType(), fields, bytes, options, kernel.run, nullptr);
            require(plain == fast, plain, kernel.name + (": " + fast));
        }
    }
    const bool valid = !json::findFault(bytes).has_value();
    simdjson::dom::parser parser;
    const auto error = parser.parse(simdjson::padded_string(bytes)).error();
    // The document parser reads numbers into 64 bits, and empty input and depth in its own way.
    if (error != simdjson::NUMBER_ERROR && error != simdjson::EMPTY && error != simdjson::DEPTH_ERROR) {
        require((error == simdjson::SUCCESS) == valid, simdjson::error_message(error),
                valid ? "valid" : json::findFault(bytes)->reason);
    }
    return 0;
}
