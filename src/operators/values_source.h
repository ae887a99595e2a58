// Values: rows of constant expressions as a bounded source (VALUES, SELECT without FROM). One split, read by
// one subtask; its state is the number of rows already read.
#pragma once

#include <vector>

#include "expr/expression.h"
#include "runtime/source.h"

namespace millrace {

class ValuesSource final : public Source {
  public:
    // Every row has an expression of the field's type for each field of `schema`. `configuration` gives the
    // session's time zone.
    ValuesSource(Schema schema, std::vector<std::vector<ExpressionPtr>> rows,
                 const Configuration& configuration);
    std::string name() const override;
    const Schema& outputSchema() const override { return schema_; }
    Boundedness boundedness() const override { return Boundedness::Bounded; }
    std::unique_ptr<SplitEnumerator> createEnumerator(
        const std::optional<std::string>& restored) const override;
    std::unique_ptr<SourceReader> createReader(SourceReaderContext& context) const override;

  private:
    class Reader;
    Schema schema_;
    std::vector<std::vector<ExpressionPtr>> rows_;
    std::string time_zone_;
};

}  // namespace millrace
