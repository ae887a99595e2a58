// The raw format (Flink docs, "Raw Format"): texts in a character set, bytes as they are, numbers as Java's
// of that width, in big or little endian; BOOLEAN is one byte, 0 for FALSE.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "formats/format.h"

namespace millrace {

struct RawOptions {
    bool big_endian = true;
    std::string charset = "UTF-8";  // any that ICU knows

    // UserError "config.bad-value".
    static RawOptions from(const std::map<std::string, std::string>& options);
    static std::vector<OptionDescription> describe();
};

// `schema` must have one column of a type that has a form; without `wanted` it is not produced, but rows are.
std::unique_ptr<Decoder> makeRawDecoder(const Schema& schema, bool wanted, const RawOptions& options);
std::unique_ptr<Encoder> makeRawEncoder(const Schema& schema, const RawOptions& options);

}  // namespace millrace
