// Records of one writer's schema into columns. The writer's schema is resolved against the reader's once
// (Avro specification, "Schema Resolution"): what comes of it is a plan that says for each value in the input
// which column it goes to and how, so that reading a record looks at no schema and no name.
//
// The reader's schema is the one that the table was given, or, without one, its columns: then a field has to
// be of the name and of a type that can be read as the column's, an enum is a text, a column without a field
// is NULL.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "batch/batch.h"
#include "formats/avro/avro_bytes.h"
#include "formats/avro/avro_schema.h"
#include "types/value.h"

namespace millrace::avro {

struct ReadStep;

// Why a record cannot be read.
struct ReadFault {
    std::string field;  // "items[].price"; "" of the record as a whole
    std::string reason;
    const char* cause = nullptr;  // format.h
};

class RecordReader {
  public:
    // `columns` are those to produce, `reader` nullptr or the schema that all of the table's columns are in.
    // UserError "avro.schema-mismatch" if records of the writer's cannot be such rows.
    RecordReader(SchemaPtr writer, SchemaPtr reader, const millrace::Schema& columns);
    ~RecordReader();
    RecordReader(RecordReader&&) noexcept;

    // Appends the record at `in` as a row, or gives false, with nothing appended.
    bool read(Cursor& in, BatchBuilder& out);
    const ReadFault& fault() const { return fault_; }
    // One value of the schema. UserError "avro.schema-mismatch" if it cannot be one of the type.
    static Value readOne(const Node& node, const LogicalType& type, const std::string& field, Cursor in);
    // Of records that can take no bytes at all, as many as one likes would fit into any input.
    bool mayBeEmpty() const { return may_be_empty_; }

  private:
    bool run(const ReadStep& step, Cursor& in, ColumnBuilder& out);
    bool skip(const ReadStep& step, Cursor& in, int depth);
    bool appendInt(const ReadStep& step, int64_t value, ColumnBuilder& out);
    bool readItems(const ReadStep& step, Cursor& in, ColumnBuilder& out);
    bool readStruct(const ReadStep& step, Cursor& in, ColumnBuilder& out);
    bool readDecimal(const ReadStep& step, std::string_view bytes, ColumnBuilder& out);
    bool fail(const ReadStep& step, std::string reason, const char* cause);
    bool cut(const ReadStep& step);

    explicit RecordReader(std::unique_ptr<ReadStep> plan);

    SchemaPtr writer_, reader_;
    std::unique_ptr<ReadStep> plan_;
    bool may_be_empty_ = false;
    size_t empty_items_ = 0;  // elements without bytes in the record at hand
    ReadFault fault_;
};

}  // namespace millrace::avro
