#include "sql/bind/json_constructors.h"

namespace millrace::sql {

bool isJsonConstructor(const Call& call) {
    return call.name == "JSON_OBJECT" || call.name == "JSON_ARRAY" || call.name == "JSON_OBJECTAGG" ||
           call.name == "JSON_ARRAYAGG";
}

void finishJsonConstructor(const Call& call, std::vector<ExpressionPtr>& arguments) {
    std::string text = call.name.starts_with("JSON_OBJECT") ? "NULL ON NULL" : "ABSENT ON NULL";
    std::string places;
    for (size_t i = 0; i < call.arguments.size(); ++i) {
        const Expr::Node& node = call.arguments[i]->node;
        if (const auto* keyword = std::get_if<KeywordArgument>(&node)) {
            text = keyword->keyword;
            arguments.pop_back();
        } else if (const auto* value = std::get_if<Call>(&node)) {
            const bool made_here =
                value->name == "JSON_OBJECT" || value->name == "JSON_ARRAY" || value->name == "JSON";
            if (made_here) places += " " + std::to_string(i);
        }
    }
    if (!places.empty()) text += " JSON AT" + places;
    const auto length = static_cast<int>(text.size());
    arguments.push_back(Expression::literal(Value::string(std::move(text)),
                                            LogicalType::character(length).withNullable(false)));
}

}  // namespace millrace::sql
