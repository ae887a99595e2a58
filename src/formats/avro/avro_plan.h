// The plan of a RecordReader (avro_reader.h), and how it is made. Private to the format.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "formats/avro/avro_schema.h"
#include "types/value.h"

namespace millrace::avro {

struct ReadStep {
    enum class Op : uint8_t {
        // Into a column; the name says what is read and what it becomes.
        Null,
        NotNull,  // a null where there may be none
        Bool,
        IntToTiny,
        IntToSmall,
        IntToInt,
        IntToLong,
        IntToFloat,
        IntToDouble,
        LongToLong,
        LongToFloat,
        LongToDouble,
        FloatToFloat,
        FloatToDouble,
        DoubleToDouble,
        IntToTime,   // milliseconds of the day
        LongToTime,  // microseconds of the day
        Millis,      // a long, to a timestamp
        Micros,
        Nanos,
        Text,
        Bytes,
        Fixed,
        Uuid,  // fixed, to a text
        DecimalBytes,
        DecimalFixed,
        Symbol,
        Array,
        Map,
        Struct,
        Union,
        Mismatch,  // of a union: a branch that cannot be a value of the column
        // Passed over.
        SkipNothing,
        SkipVarint,
        SkipBytes,
        SkipFixed,
        SkipItems,
        SkipMap,
        SkipStruct,
        SkipUnion,
        SkipSelf,  // a record within itself: `self`
    };
    Op op = Op::SkipNothing;
    bool nullable = true;  // the column
    int precision = 0;     // of a decimal or timestamp column
    int scale = 0;
    int from_scale = 0;                               // of the decimal in the input
    int64_t unit = 1;                                 // of a time, what it is a multiple of
    size_t size = 0;                                  // Fixed, DecimalFixed, SkipFixed
    std::string place;                                // for messages
    std::string mismatch;                             // Mismatch: why
    std::vector<std::optional<std::string>> symbols;  // Symbol; none: not one of the reader's
    std::vector<std::unique_ptr<ReadStep>> children;  // fields in the writer's order, branches, the element
    std::vector<int> columns;                         // Struct: where each child goes, -1 for nowhere
    std::vector<std::pair<size_t, Value>> defaults;   // Struct: columns without a field
    const ReadStep* self = nullptr;
};

// UserError "avro.schema-mismatch".
std::unique_ptr<ReadStep> planRecord(const Node& writer, const Node* reader,
                                     const std::vector<Field>& columns);
std::unique_ptr<ReadStep> planValue(const Node& writer, const LogicalType& type, const std::string& place);
// Bytes that a value of the schema takes at least.
bool takesNoBytes(const Node& node);

}  // namespace millrace::avro
