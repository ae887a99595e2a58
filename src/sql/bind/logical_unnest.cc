#include "sql/bind/logical_unnest.h"

namespace millrace::sql {

namespace {

Schema unnestSchema(const LogicalPtr& input, bool keeps_rows, bool ordinality) {
    std::vector<Field> fields = input->schema().fields();
    const LogicalType collection = fields.back().type;
    fields.pop_back();
    for (Field field : unnestedFields(collection)) {
        if (keeps_rows) field.type = field.type.withNullable(true);
        fields.push_back(std::move(field));
    }
    if (ordinality) fields.push_back({"ORDINALITY", LogicalType::integer().withNullable(keeps_rows)});
    return Schema(std::move(fields));
}

std::vector<ColumnTraits> unnestTraits(const LogicalPtr& input, size_t columns) {
    std::vector<ColumnTraits> traits = input->traits();
    traits.pop_back();
    traits.resize(columns);
    return traits;
}

}  // namespace

LogicalUnnest::LogicalUnnest(const LogicalPtr& input, bool keeps_rows, bool ordinality, TextSpan where)
    : LogicalNode(unnestSchema(input, keeps_rows, ordinality),
                  unnestTraits(input, unnestSchema(input, keeps_rows, ordinality).size()), {input}, where,
                  fmt::format("unnest{}{}", keeps_rows ? " left" : "", ordinality ? " ordinality" : "")),
      keeps_rows_(keeps_rows),
      ordinality_(ordinality) {}

std::string LogicalUnnest::describe() const {
    const Field& collection = input()->schema()[input()->schema().size() - 1];
    return fmt::format("Unnest(collection=[{}]{}{})", collection.name,
                       keeps_rows_ ? ", joinType=[LeftOuterJoin]" : "", ordinality_ ? ", ordinality" : "");
}

}  // namespace millrace::sql
