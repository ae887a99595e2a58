// Values of a record as the plain way reads them (json_decoder.h): with simdjson, checked in whole.
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>

#include "formats/json/json_options.h"
#include "formats/text/scalar.h"
#include "types/logical_type.h"
#include "types/value.h"

namespace millrace::json {

enum class Outcome : uint8_t {
    Done,
    NotJson,  // the record is no JSON at all: findFault() says why
    Misfit,   // JSON, but not a row of the table: lastMisfit() says why
};

struct Misfit {
    const char* at = nullptr;
    std::string field;
    std::string reason;
    bool missing = false;  // or NULL, and must not be
};

// `depth` is that of the value's members, `path` names it in messages.
class JsonValues {
  public:
    using JsonValue = simdjson::ondemand::value;

    explicit JsonValues(const JsonOptions& options) : options_(options) {}

    Outcome readFlat(const LogicalType& type, std::string_view path, JsonValue& value, int depth,
                     text::Scalar& scalar);
    Outcome readNested(const LogicalType& type, const std::string& path, JsonValue& value, int depth,
                       Value& out);
    // Walks over a value and checks all of it: simdjson by itself only looks at what is asked for.
    bool skip(JsonValue& value, int depth);
    // A value that is not of its type, and is walked over: NULL or the end of the record, as the options say.
    Outcome unfitNested(const LogicalType& type, std::string_view path, const char* at, JsonValue& value,
                        int depth);
    Outcome misfit(const char* at, std::string_view field, std::string reason);
    Outcome missing(const char* at, std::string_view field, std::string reason);
    const Misfit& lastMisfit() const { return misfit_; }

  private:
    Outcome unfit(const LogicalType& type, std::string_view path, const char* at, std::string_view shown);
    Outcome readArray(const LogicalType& type, const std::string& path, JsonValue& value, int depth,
                      Value& out);
    Outcome readRow(const LogicalType& type, const std::string& path, JsonValue& value, int depth,
                    Value& out);
    Outcome readMap(const LogicalType& type, const std::string& path, JsonValue& value, int depth,
                    Value& out);
    // The value without white space, as Jackson prints it, behind what compact_ holds.
    bool compact(JsonValue& value, int depth);

    const JsonOptions& options_;
    Misfit misfit_;
    std::string scratch_;
    std::string compact_;
};

}  // namespace millrace::json
