// Batches to JSON lines, as Flink's json format writes them.
#pragma once

#include <memory>

#include "formats/format.h"
#include "formats/json/json_options.h"

namespace millrace {

// How numbers and times look, for those who do not want Flink's form (a shell's output).
struct JsonEncoding {
    bool decimals_keep_scale = false;           // 12.50 and not 12.5
    bool fractions_in_groups_of_three = false;  // 00:00:00.500 and not 00:00:00.5
};

std::unique_ptr<Encoder> makeJsonEncoder(const Schema& schema, const JsonOptions& options,
                                         JsonEncoding encoding = {});

}  // namespace millrace
