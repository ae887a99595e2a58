// Paths into JSON documents, as JSON_VALUE, JSON_QUERY and JSON_EXISTS take them: 'lax $.a[0].b', 'strict
// $.*'. The syntax is that of the library which Flink uses (Jayway JsonPath), without its
// functions:
//
//   $  .name  ['name']  ["name"]  ['a', 'b']  [n]  [n, m]  [from:to]  [*]  .*  ..name  ..*  ..[n]  [?(...)]
//
// Filters are in functions/json_path_filter.h.
//
// A path is definite if it can lead to one value at most. Strict paths, which is what they are without a word
// before, fail where a definite one leads nowhere or to null; lax ones give nothing there. For the functions
// room only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "functions/json_document.h"
#include "functions/json_path_filter.h"

namespace millrace {

class JsonPath {
  public:
    // Nothing if it is not a path; UserError "sql.not-supported" for functions.
    static std::optional<JsonPath> compile(std::string_view text);

    // One that starts in the middle of a document, with "@", or with "$".
    static std::optional<JsonPath> within(std::string_view text);
    // Where such a path leads from `value`, an indefinite one to an Array; kNone if nowhere.
    uint32_t from(JsonDocument& document, uint32_t value) const;

    bool lax() const { return lax_; }

    struct Found {
        bool error = false;
        uint32_t value = JsonDocument::kNone;  // none, and no error: a lax path that leads nowhere or to null
    };
    // In the document, to which what an indefinite path finds is added as an Array.
    Found find(JsonDocument& document) const;

  private:
    enum class StepKind : uint8_t { Names, Indexes, Slice, All, Filter, Descend };
    struct Step {
        StepKind kind = StepKind::All;
        std::vector<std::string> names;
        std::vector<int64_t> indexes;
        std::optional<int64_t> from;
        std::optional<int64_t> to;
        std::shared_ptr<const JsonPathFilter> filter;
    };
    class Reader;
    struct Walk;

    bool lax_ = false;
    bool from_root_ = true;
    bool definite_ = true;
    std::vector<Step> steps_;
};

// The calling thread's, compiled once and kept; nullptr if it is not a path. Valid until the next call.
const JsonPath* jsonPath(std::string_view text);

}  // namespace millrace
