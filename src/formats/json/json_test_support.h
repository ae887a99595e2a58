// What the tests of the json format share: records decoded in every way, which must agree.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "formats/json/json_decoder.h"

namespace millrace::testing {

using Options = std::map<std::string, std::string>;

struct Decoded {
    std::vector<std::string> rows;  // "a|b|c"
    size_t skipped = 0;
    std::string error, hint;
};

inline std::string rowText(const Batch& batch, size_t row) {
    std::string out;
    for (const ColumnPtr& column : batch.columns())
        out += (out.empty() ? "" : "|") + column->textAt(row);
    return out;
}

// Through one way, in pieces of `rows_max`.
inline Decoded decodeWith(const Schema& schema, const std::vector<ColumnPath>& projection, std::string text,
                          const Options& options, json::Kernel kernel, size_t rows_max) {
    Decoded decoded;
    const size_t size = text.size();
    text.append(kDecoderPadding, '}');  // the padding's content must not matter
    try {
        auto decoder = makeJsonDecoder(schema, projection, JsonOptions::from(options), kernel);
        size_t at = 0;
        uint64_t line = 1;
        while (at < size) {
            BatchBuilder builder(schemaOf(schema, projection));
            const DecodeResult result = decoder->decode({text.data() + at, size - at}, true, rows_max,
                                                        {"flights-3.json", line, at}, builder);
            at += result.bytes;
            line += result.lines;
            decoded.skipped += result.skipped;
            const Batch batch = builder.finish();
            for (size_t row = 0; row < batch.rows(); ++row)
                decoded.rows.push_back(rowText(batch, row));
            if (result.bytes == 0) break;
        }
        EXPECT_EQ(at, size);
    } catch (const UserError& error) {
        EXPECT_EQ(error.code(), "data.malformed");
        decoded.error = error.what();
        decoded.hint = error.problem().hint;
    }
    return decoded;
}

inline Decoded decodeFields(const Schema& schema, const std::vector<ColumnPath>& projection,
                            const std::string& text, const Options& options = {}) {
    const Decoded plain = decodeWith(schema, projection, text, options, nullptr, 1000);
    for (const json::NamedKernel& kernel : json::kernels()) {
        for (const size_t rows_max : {1, 3, 1000}) {
            const Decoded fast = decodeWith(schema, projection, text, options, kernel.run, rows_max);
            EXPECT_EQ(fast.error, plain.error) << kernel.name << ": " << text;
            EXPECT_EQ(fast.skipped, plain.skipped) << kernel.name << ": " << text;
            if (plain.error.empty()) {
                EXPECT_EQ(fast.rows, plain.rows) << kernel.name << ": " << text;
            }
        }
    }
    return plain;
}

inline Decoded decode(const Schema& schema, const std::string& text, const Options& options = {}) {
    return decodeFields(schema, wholeColumns(schema), text, options);
}

}  // namespace millrace::testing
