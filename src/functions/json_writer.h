// SQL values as JSON, in Flink's form: members of ROWs and MAPs sorted by name, decimals without trailing
// zeros, timestamps as ISO texts, bytes in base 64. For the functions room only.
#pragma once

#include <string>

#include "functions/kernels.h"

namespace millrace {

// UserError "sql.bad-argument" for types that JSON has no form for (DATE, TIME, INTERVAL, MAPs whose keys are
// no strings).
void checkJsonType(std::string_view function, const LogicalType& type);

// A NULL is null. UserError "data.bad-map" for a MAP with a NULL key.
void writeJsonValue(const Column& column, size_t row, std::string& out);

// What the arguments of a JSON constructor end in: the literal "NULL ON NULL" or "ABSENT ON NULL", followed
// by " JSON AT 1 3" if values at these places, from 0, are JSON texts already.
struct JsonConstruction {
    bool absent_on_null = false;
    std::vector<bool> is_json;  // by argument

    JsonConstruction(std::string_view text, size_t arguments);
    void write(const Column& column, size_t argument, size_t row, std::string& out) const;
};

}  // namespace millrace
