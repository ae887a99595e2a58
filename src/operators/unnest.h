// Unnest: each row once for every element of a collection it holds (UNNEST of Flink). An element is one
// column, or, where it is a ROW, one for each of its fields; of a MAP, the key and the value; of a MULTISET,
// the element, as often as it is in there. A row whose collection is empty or NULL goes, or, if `keeps_rows`,
// stays with NULLs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/operator.h"

namespace millrace {

struct UnnestColumn {
    enum class From : uint8_t {
        Input,    // column `index` of the input
        Element,  // the element
        Field,    // field `index` of the element, which is a ROW; of a MAP, 0 is the key, 1 the value
        Ordinal,  // its place in the collection, from 1
    };
    From from = From::Input;
    size_t index = 0;
    bool operator==(const UnnestColumn&) const = default;
};

struct UnnestParameters {
    size_t collection = 0;  // the input's column: ARRAY, MAP or MULTISET
    std::vector<UnnestColumn> columns;
    bool keeps_rows = false;
    Schema output;
    std::string text;
};

// The columns that the elements of a collection make, as UNNEST names them; none if `type` is no collection.
std::vector<Field> unnestedFields(const LogicalType& type);

class Unnest final : public Operator {
  public:
    explicit Unnest(UnnestParameters parameters) : p_(std::move(parameters)) {}
    std::string name() const override { return "Unnest(" + p_.text + ")"; }
    const Schema& outputSchema() const override { return p_.output; }
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;

  private:
    struct Elements;
    void emit(const Batch& batch, const Elements& elements, Output& output) const;

    UnnestParameters p_;
};

}  // namespace millrace
