// Filters of JSON paths: [?(@.price < 10 && @.kind in ['a', 'b'])]. The grammar and what compares with what
// are those of the library that Flink uses (Jayway JsonPath): && binds tighter than ||, ! stands before
// parentheses or a path, a path alone asks whether it leads somewhere. For the functions room only.
#pragma once

#include <memory>
#include <string_view>

#include "functions/json_document.h"

namespace millrace {

class JsonPathFilter {
  public:
    virtual ~JsonPathFilter() = default;
    // Of the text behind "?", from its "(" at `at`, which is moved behind the ")". nullptr if it is no
    // filter; UserError "sql.not-supported" for the operators that compare lists and look for texts.
    static std::shared_ptr<const JsonPathFilter> read(std::string_view text, size_t& at);
    virtual bool accepts(JsonDocument& document, uint32_t value) const = 0;
};

}  // namespace millrace
