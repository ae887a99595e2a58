#include "sql/parse/to_sql.h"

namespace millrace::sql {

namespace {

std::string quoted(const std::string& text, char quote) {
    std::string out(1, quote);
    for (const char c : text) {
        out += c;
        if (c == quote) out += c;
    }
    return out + quote;
}

template <class Items, class Show>
std::string joined(const Items& items, const char* separator, Show show) {
    std::string out;
    bool first = true;
    for (const auto& item : items) {
        if (!first) out += separator;
        first = false;
        out += show(item);
    }
    return out;
}

std::string list(const std::vector<ExprPtr>& items) {
    return joined(items, ", ", [](const ExprPtr& item) { return toSql(*item); });
}

std::string path(const std::vector<Identifier>& parts) {
    return joined(parts, ".", [](const Identifier& part) { return quoteName(part.name); });
}

std::string names(const std::vector<Identifier>& parts) {
    return joined(parts, ", ", [](const Identifier& part) { return quoteName(part.name); });
}

std::string orderBy(const std::vector<OrderItem>& items) {
    return joined(items, ", ", [](const OrderItem& item) {
        std::string out = toSql(*item.expression) + (item.descending ? " DESC" : "");
        if (item.nulls_first) out += *item.nulls_first ? " NULLS FIRST" : " NULLS LAST";
        return out;
    });
}

std::string frameBound(const FrameBound& bound) {
    switch (bound.kind) {
        case FrameBoundKind::UnboundedPreceding:
            return "UNBOUNDED PRECEDING";
        case FrameBoundKind::UnboundedFollowing:
            return "UNBOUNDED FOLLOWING";
        case FrameBoundKind::CurrentRow:
            return "CURRENT ROW";
        case FrameBoundKind::Preceding:
            return toSql(*bound.offset) + " PRECEDING";
        case FrameBoundKind::Following:
            return toSql(*bound.offset) + " FOLLOWING";
    }
    return "";
}

std::string over(const OverSpec& spec) {
    std::vector<std::string> parts;
    if (!spec.name.name.empty()) parts.push_back(quoteName(spec.name.name));
    if (!spec.partition_by.empty()) parts.push_back("PARTITION BY " + list(spec.partition_by));
    if (!spec.order_by.empty()) parts.push_back("ORDER BY " + orderBy(spec.order_by));
    if (spec.frame != FrameUnit::None) {
        parts.push_back(std::string(spec.frame == FrameUnit::Rows ? "ROWS" : "RANGE") + " BETWEEN " +
                        frameBound(spec.from) + " AND " + frameBound(spec.to));
    }
    return "(" + joined(parts, " ", [](const std::string& part) { return part; }) + ")";
}

struct ExprText {
    std::string operator()(const Literal& node) const {
        switch (node.kind) {
            case LiteralKind::Null:
            case LiteralKind::Boolean:
            case LiteralKind::Number:
                return node.text.empty() ? "NULL" : node.text;
            case LiteralKind::String:
                return quoteText(node.text);
            case LiteralKind::Binary: {
                std::string out = "X'";
                for (const char c : node.text)
                    out += fmt::format("{:02X}", static_cast<unsigned char>(c));
                return out + "'";
            }
            case LiteralKind::Date:
                return "DATE " + quoteText(node.text);
            case LiteralKind::Time:
                return "TIME " + quoteText(node.text);
            case LiteralKind::Timestamp:
                return "TIMESTAMP " + quoteText(node.text);
            case LiteralKind::Interval:
                return std::string("INTERVAL ") + (node.negative ? "-" : "") + quoteText(node.text) + " " +
                       node.unit;
        }
        return "";
    }
    std::string operator()(const ColumnRef& node) const { return path(node.path); }
    std::string operator()(const Star& node) const {
        return node.qualifier.empty() ? "*" : path(node.qualifier) + ".*";
    }
    std::string operator()(const KeywordArgument& node) const { return node.keyword; }
    std::string operator()(const NamedArgument& node) const {
        return quoteName(node.name.name) + " => " + toSql(*node.value);
    }
    std::string operator()(const DescriptorArgument& node) const {
        return "DESCRIPTOR(" + names(node.columns) + ")";
    }
    std::string operator()(const TableArgument& node) const {
        std::string out = "TABLE " + (node.query ? "(" + toSql(*node.query) + ")" : path(node.table.parts));
        if (!node.partition_by.empty()) out += " PARTITION BY (" + list(node.partition_by) + ")";
        if (!node.order_by.empty()) out += " ORDER BY " + orderBy(node.order_by);
        return out;
    }
    std::string operator()(const CaseExpr& node) const {
        std::string out = "CASE";
        if (node.operand) out += " " + toSql(*node.operand);
        for (const auto& branch : node.branches)
            out += " WHEN " + toSql(*branch.when) + " THEN " + toSql(*branch.then);
        if (node.otherwise) out += " ELSE " + toSql(*node.otherwise);
        return out + " END";
    }
    std::string operator()(const CastExpr& node) const {
        return std::string(node.try_cast ? "TRY_CAST(" : "CAST(") + toSql(*node.value) + " AS " +
               toSql(node.type) + ")";
    }
    std::string operator()(const InList& node) const {
        return "(" + toSql(*node.value) + " IN (" + list(node.items) + "))";
    }
    std::string operator()(const InQuery& node) const {
        const std::string how = node.comparison.empty() ? "IN" : node.comparison + " " + node.quantifier;
        return "(" + toSql(*node.value) + " " + how + " (" + toSql(*node.query) + "))";
    }
    std::string operator()(const ExistsQuery& node) const { return "EXISTS (" + toSql(*node.query) + ")"; }
    std::string operator()(const ScalarQuery& node) const { return "(" + toSql(*node.query) + ")"; }
    std::string operator()(const FieldAccess& node) const {
        return "(" + toSql(*node.value) + ")." + quoteName(node.field.name);
    }
    std::string operator()(const ElementAccess& node) const {
        return "(" + toSql(*node.value) + ")[" + toSql(*node.index) + "]";
    }
    std::string operator()(const ArrayConstructor& node) const { return "ARRAY[" + list(node.items) + "]"; }
    std::string operator()(const MapConstructor& node) const { return "MAP[" + list(node.items) + "]"; }
    std::string operator()(const RowConstructor& node) const {
        return std::string(node.keyword ? "ROW(" : "(") + list(node.items) + ")";
    }

    // Operators and special forms have no path; they are written back the way they were read.
    std::string operator()(const Call& node) const {
        if (node.path.empty()) return special(node);
        std::string arguments = node.star ? "*" : list(node.arguments);
        if (node.distinct) arguments = "DISTINCT " + arguments;
        const bool keyword_name = node.path.size() == 1 && (node.name == "LEFT" || node.name == "RIGHT");
        return (keyword_name ? node.name : path(node.path)) + "(" + arguments + ")" + suffixes(node);
    }

    static std::string suffixes(const Call& node) {
        std::string out;
        if (!node.within_group.empty()) out += " WITHIN GROUP (ORDER BY " + orderBy(node.within_group) + ")";
        if (node.filter) out += " FILTER (WHERE " + toSql(*node.filter) + ")";
        if (node.ignore_nulls) out += *node.ignore_nulls ? " IGNORE NULLS" : " RESPECT NULLS";
        if (node.over) out += " OVER " + over(*node.over);
        return out;
    }

    static std::string special(const Call& node) {
        const auto arg = [&](size_t i) { return toSql(*node.arguments[i]); };
        const std::string& name = node.name;
        const size_t count = node.arguments.size();
        if (count == 0)
            return name.starts_with("JSON_") ? name + "()" + suffixes(node) : name;  // CURRENT_DATE
        if (name == "NOT") return "(NOT " + arg(0) + ")";
        if (name == "NEGATE") return "(- " + arg(0) + ")";
        if (name.starts_with("IS ") && count == 1) return "(" + arg(0) + " " + name + ")";
        if (name.starts_with("BETWEEN"))
            return "(" + arg(0) + " " + name + " " + arg(1) + " AND " + arg(2) + ")";
        if (name == "LIKE" || name == "SIMILAR TO") {
            return "(" + arg(0) + " " + name + " " + arg(1) + (count > 2 ? " ESCAPE " + arg(2) : "") + ")";
        }
        if (name == "EXTRACT") return "EXTRACT(" + arg(0) + " FROM " + arg(1) + ")";
        if (name == "POSITION")
            return "POSITION(" + arg(0) + " IN " + arg(1) + (count > 2 ? " FROM " + arg(2) : "") + ")";
        if (name == "TRIM" && count == 3) return "TRIM(" + arg(0) + " " + arg(1) + " FROM " + arg(2) + ")";
        if ((name == "CEIL" || name == "FLOOR") && count == 2)
            return name + "(" + arg(0) + " TO " + arg(1) + ")";
        if (name == "JSON_VALUE" || name == "JSON_QUERY" || name == "JSON_EXISTS") return json(node);
        if (name.starts_with("JSON_OBJECT") || name.starts_with("JSON_ARRAY")) return jsonObject(node);
        if (name.front() >= 'A' && name.front() <= 'Z' && name != "AND" && name != "OR" &&
            !name.starts_with("IS ")) {
            return name + "(" + list(node.arguments) + ")";
        }
        return "(" +
               joined(node.arguments, (" " + name + " ").c_str(),
                      [](const ExprPtr& item) { return toSql(*item); }) +
               ")";
    }

    static std::string json(const Call& node) {
        std::string out = node.name + "(" + toSql(*node.arguments[0]) + ", " + toSql(*node.arguments[1]);
        for (size_t i = 2; i < node.arguments.size(); ++i) {
            const std::string& keyword = std::get<KeywordArgument>(node.arguments[i]->node).keyword;
            if (keyword == "RETURNING") {
                out += " RETURNING " + toSql(std::get<CastExpr>(node.arguments[++i]->node).type);
            } else if (keyword.starts_with("DEFAULT ")) {
                out += " DEFAULT " + toSql(*node.arguments[++i]) + keyword.substr(7);
            } else {
                out += " " + keyword;
            }
        }
        return out + ")";
    }

    static std::string jsonObject(const Call& node) {
        const bool object = node.name.starts_with("JSON_OBJECT");
        std::string out = node.name + "(";
        for (size_t i = 0; i < node.arguments.size(); ++i) {
            const bool keyword = std::holds_alternative<KeywordArgument>(node.arguments[i]->node);
            if (i > 0) out += keyword ? " " : ", ";
            if (object && !keyword) {
                out += "KEY " + toSql(*node.arguments[i]) + " VALUE ";
                ++i;
            }
            out += toSql(*node.arguments[i]);
        }
        return out + ")" + suffixes(node);
    }
};

std::string hints(const std::vector<Hint>& hints) {
    if (hints.empty()) return "";
    return " /*+ " +
           joined(hints, ", ",
                  [](const Hint& hint) {
                      std::vector<std::string> parts;
                      for (const std::string& argument : hint.arguments)
                          parts.push_back(quoteText(argument));
                      for (const auto& [key, value] : hint.options)
                          parts.push_back(quoteText(key) + " = " + quoteText(value));
                      const std::string inside =
                          joined(parts, ", ", [](const std::string& part) { return part; });
                      return quoteName(hint.name.name) + (parts.empty() ? "" : "(" + inside + ")");
                  }) +
           " */";
}

std::string tableSql(const TableRef& table);

struct TableText {
    std::string operator()(const NamedTable& node) const {
        return path(node.name.parts) + hints(node.hints) +
               (node.system_time ? " FOR SYSTEM_TIME AS OF " + toSql(*node.system_time) : "");
    }
    std::string operator()(const DerivedTable& node) const {
        return lateral(node.lateral) + "(" + toSql(*node.query) + ")";
    }
    std::string operator()(const FunctionTable& node) const {
        return lateral(node.lateral) + "TABLE(" + toSql(*node.call) + ")";
    }
    std::string operator()(const UnnestTable& node) const {
        return "UNNEST(" + list(node.collections) + ")" + (node.with_ordinality ? " WITH ORDINALITY" : "");
    }
    std::string operator()(const JoinTable& node) const {
        static constexpr const char* kNames[] = {" CROSS JOIN ", " JOIN ", " LEFT JOIN ", " RIGHT JOIN ",
                                                 " FULL JOIN "};
        std::string out = "(" + tableSql(*node.left) + (node.natural ? " NATURAL" : "") +
                          kNames[static_cast<int>(node.kind)] + tableSql(*node.right);
        if (node.on) out += " ON " + toSql(*node.on);
        if (!node.using_columns.empty()) out += " USING (" + names(node.using_columns) + ")";
        return out + ")";
    }
    std::string operator()(const MatchTable& node) const;
    static std::string lateral(bool is) { return is ? "LATERAL " : ""; }
};

std::string patternSql(const PatternItem& item) {
    std::string quantifier;
    if (!item.to) {
        quantifier = fmt::format("{{{},}}", item.from);
    } else if (item.from != 1 || *item.to != 1) {
        quantifier = fmt::format("{{{},{}}}", item.from, *item.to);
    }
    return quoteName(item.variable.name) + quantifier + (item.reluctant ? "?" : "");
}

std::string TableText::operator()(const MatchTable& node) const {
    std::string out = tableSql(*node.input) + " MATCH_RECOGNIZE (";
    if (!node.partition_by.empty()) out += "PARTITION BY " + list(node.partition_by) + " ";
    if (!node.order_by.empty()) out += "ORDER BY " + orderBy(node.order_by) + " ";
    if (!node.measures.empty()) {
        out += "MEASURES " +
               joined(node.measures, ", ",
                      [](const SelectItem& item) {
                          return toSql(*item.expression) + " AS " + quoteName(item.alias->name);
                      }) +
               " ";
    }
    static constexpr const char* kAfter[] = {"TO NEXT ROW", "PAST LAST ROW", "TO FIRST ", "TO LAST "};
    out += fmt::format("ONE ROW PER MATCH AFTER MATCH SKIP {}{} ", kAfter[static_cast<int>(node.after)],
                       node.after_variable ? quoteName(node.after_variable->name) : "");
    out += "PATTERN (" + joined(node.pattern, " ", patternSql) + ")";
    if (node.within) out += " WITHIN " + toSql(*node.within);
    if (!node.definitions.empty()) {
        out += " DEFINE " + joined(node.definitions, ", ", [](const MatchDefinition& definition) {
                   return quoteName(definition.variable.name) + " AS " + toSql(*definition.condition);
               });
    }
    return out + ")";
}

std::string tableSql(const TableRef& table) {
    std::string out = std::visit(TableText{}, table.node);
    if (table.alias) out += " AS " + quoteName(table.alias->name);
    if (!table.column_aliases.empty()) out += " (" + names(table.column_aliases) + ")";
    return out;
}

std::string bodySql(const QueryBody& body);

std::string groupItem(const GroupItem& item) {
    const auto set = [](const std::vector<ExprPtr>& keys) { return "(" + list(keys) + ")"; };
    switch (item.kind) {
        case GroupingKind::Expressions:
            return item.sets.front().size() == 1 ? list(item.sets.front()) : set(item.sets.front());
        case GroupingKind::Rollup:
            return "ROLLUP (" + joined(item.sets, ", ", set) + ")";
        case GroupingKind::Cube:
            return "CUBE (" + joined(item.sets, ", ", set) + ")";
        case GroupingKind::Sets:
            return "GROUPING SETS (" + joined(item.items, ", ", groupItem) + ")";
    }
    return "";
}

struct BodyText {
    std::string operator()(const Select& node) const {
        std::string out = "SELECT" + hints(node.hints) + (node.distinct ? " DISTINCT " : " ");
        out += joined(node.items, ", ", [](const SelectItem& item) {
            return toSql(*item.expression) + (item.alias ? " AS " + quoteName(item.alias->name) : "");
        });
        if (node.from) out += " FROM " + tableSql(*node.from);
        if (node.where) out += " WHERE " + toSql(*node.where);
        if (!node.group_by.empty())
            out += (node.group_by_distinct ? " GROUP BY DISTINCT " : " GROUP BY ") +
                   joined(node.group_by, ", ", groupItem);
        if (node.having) out += " HAVING " + toSql(*node.having);
        if (!node.windows.empty()) {
            out += " WINDOW " + joined(node.windows, ", ", [](const NamedWindow& window) {
                       return quoteName(window.name.name) + " AS " + over(window.spec);
                   });
        }
        if (node.qualify) out += " QUALIFY " + toSql(*node.qualify);
        return out;
    }
    std::string operator()(const ValuesBody& node) const {
        return "VALUES " +
               joined(node.rows, ", ", [](const std::vector<ExprPtr>& row) { return "(" + list(row) + ")"; });
    }
    std::string operator()(const SetOperation& node) const {
        std::string op = node.op == SetOperator::Union       ? " UNION "
                         : node.op == SetOperator::Intersect ? " INTERSECT "
                                                             : " EXCEPT ";
        if (node.all) op += "ALL ";
        return joined(node.inputs, op.c_str(), [](const QueryBodyPtr& input) {
            const bool nested = std::holds_alternative<SetOperation>(input->node);
            return nested ? "(" + bodySql(*input) + ")" : bodySql(*input);
        });
    }
    std::string operator()(const QueryPtr& node) const { return "(" + toSql(*node) + ")"; }
};

std::string bodySql(const QueryBody& body) { return std::visit(BodyText{}, body.node); }

}  // namespace

std::string quoteName(const std::string& name) { return quoted(name, '`'); }

std::string quoteText(const std::string& text) { return quoted(text, '\''); }

std::string toSql(const Expr& expr) { return std::visit(ExprText{}, expr.node); }

std::string toSql(const Query& query) {
    std::string out;
    if (!query.with.empty()) {
        out = "WITH " +
              joined(query.with, ", ",
                     [](const CommonTable& table) {
                         return quoteName(table.name.name) +
                                (table.columns.empty() ? "" : " (" + names(table.columns) + ")") + " AS (" +
                                toSql(*table.query) + ")";
                     }) +
              " ";
    }
    out += bodySql(*query.body);
    if (!query.order_by.empty()) out += " ORDER BY " + orderBy(query.order_by);
    if (query.limit) out += " LIMIT " + toSql(*query.limit);
    if (query.offset) out += " OFFSET " + toSql(*query.offset);
    return out;
}

std::string toSql(const TypeSpec& type) {
    std::string out = type.name;
    if (type.name == "ROW" || type.name == "STRUCTURED") {
        out += "<" + (type.name == "ROW" ? "" : quoteText(type.class_name) + ", ") +
               joined(type.children, ", ",
                      [](const TypeSpec::Field& field) {
                          return quoteName(field.name.name) + " " + toSql(field.type) +
                                 (field.comment.empty() ? "" : " " + quoteText(field.comment));
                      }) +
               ">";
    } else if (!type.children.empty()) {
        out += "<" +
               joined(type.children, ", ", [](const TypeSpec::Field& field) { return toSql(field.type); }) +
               ">";
    } else if (type.precision && !type.name.starts_with("INTERVAL")) {
        out += fmt::format("({}{})", *type.precision, type.scale ? fmt::format(", {}", *type.scale) : "");
    }
    if (type.nullable) out += *type.nullable ? " NULL" : " NOT NULL";
    return out;
}

}  // namespace millrace::sql
