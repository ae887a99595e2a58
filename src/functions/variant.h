// VARIANT values (types/variant.h) made of JSON texts and taken apart again. For the functions room only.
#pragma once

#include "functions/function.h"
#include "functions/json_document.h"

namespace millrace {

// Makes the canonical text of JSON texts; used again and again.
class VariantParser {
  public:
    // Nothing if `out` is the JSON value's variant; else what is wrong with the text.
    std::string parse(std::string_view json, bool allow_duplicate_keys, std::string& out);

  private:
    bool write(uint32_t node, std::string& out);

    JsonDocument document_;
    std::string problem_;
};

// variant['field'], variant[1]: UserError "sql.bad-argument" for keys of other types.
BoundScalar bindVariantItem(std::span<const ArgumentInfo> arguments);

}  // namespace millrace
