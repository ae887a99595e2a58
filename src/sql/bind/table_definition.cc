#include "sql/bind/table_definition.h"

#include "sql/parse/to_sql.h"

namespace millrace::sql {

namespace {

Schema chosenColumns(const TableDefinition& table, bool (*wanted)(const TableColumn&)) {
    std::vector<Field> fields;
    for (const TableColumn& column : table.columns) {
        if (wanted(column)) fields.push_back({column.name, column.type});
    }
    return Schema(std::move(fields));
}

std::string nameList(const std::vector<std::string>& names) {
    std::string out;
    for (const std::string& name : names)
        out += (out.empty() ? "" : ", ") + quoteName(name);
    return out;
}

}  // namespace

Schema TableDefinition::schema() const {
    return chosenColumns(*this, [](const TableColumn&) { return true; });
}

Schema TableDefinition::storedSchema() const {
    return chosenColumns(*this,
                         [](const TableColumn& column) { return column.kind != ColumnKind::Computed; });
}

Schema TableDefinition::writtenSchema() const {
    return chosenColumns(*this, [](const TableColumn& column) {
        return column.kind == ColumnKind::Physical ||
               (column.kind == ColumnKind::Metadata && !column.is_virtual);
    });
}

std::string TableDefinition::connector() const {
    const auto found = options.find("connector");
    return found == options.end() ? "" : found->second;
}

std::string TableDefinition::toDdl() const {
    std::string out = fmt::format("CREATE {}TABLE `{}`.`{}`.`{}` (\n", temporary ? "TEMPORARY " : "",
                                  path.catalog, path.database, path.object);
    std::string separator;
    for (const TableColumn& column : columns) {
        out += separator + "  " + quoteName(column.name) + " ";
        separator = ",\n";
        if (column.kind == ColumnKind::Computed) {
            out += "AS " + column.text;
        } else {
            out += column.type.toString();
            if (column.kind == ColumnKind::Metadata) {
                out += " METADATA";
                if (column.metadata_key != column.name) out += " FROM " + quoteText(column.metadata_key);
                if (column.is_virtual) out += " VIRTUAL";
            }
        }
        if (!column.comment.empty()) out += " COMMENT " + quoteText(column.comment);
    }
    if (watermark) {
        out += fmt::format("{}  WATERMARK FOR {} AS {}", separator,
                           quoteName(columns[watermark->column].name), watermark->text);
        separator = ",\n";
    }
    if (!primary_key.empty())
        out += fmt::format("{}  PRIMARY KEY ({}) NOT ENFORCED", separator, nameList(primary_key));
    out += "\n)";
    if (!comment.empty()) out += "\nCOMMENT " + quoteText(comment);
    if (!partition_keys.empty()) out += fmt::format("\nPARTITIONED BY ({})", nameList(partition_keys));
    if (!options.empty()) {
        out += "\nWITH (";
        separator = "\n";
        for (const auto& [key, value] : options) {
            out += separator + "  " + quoteText(key) + " = " + quoteText(value);
            separator = ",\n";
        }
        out += "\n)";
    }
    return out;
}

}  // namespace millrace::sql
