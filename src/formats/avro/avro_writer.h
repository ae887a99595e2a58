// Rows as records of an Avro schema. The columns are matched to the schema's fields by name once; a field
// without a column is written with its default.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "batch/batch.h"
#include "formats/avro/avro_schema.h"

namespace millrace::avro {

struct WriteStep;

class RecordWriter {
  public:
    // UserError "avro.schema-mismatch" if rows of these columns cannot be such records: a column without a
    // field, a field without a column and without a default, a type that does not fit.
    RecordWriter(SchemaPtr schema, const millrace::Schema& columns);
    ~RecordWriter();

    // Appends the row's bytes. UserError "data.unwritable" for a value that the schema has no place for: a
    // NULL, a text that is none of an enum's symbols, a decimal that is too large.
    void write(const Batch& batch, size_t row, std::string& out) const;
    const Schema& schema() const { return *schema_; }

  private:
    SchemaPtr schema_;
    std::unique_ptr<WriteStep> plan_;
};

}  // namespace millrace::avro
