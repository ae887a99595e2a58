// Tables as they are written, in CREATE TABLE and in what changes one, to tables' definitions.
#pragma once

#include <vector>

#include "sql/bind/catalog.h"
#include "sql/bind/table_definition.h"
#include "sql/parse/ast.h"
#include "sql/session.h"

namespace millrace::sql {

// What a table is made of: of one statement, or partly inherited from another table.
struct TableElements {
    struct Column {
        const ColumnDefinition* definition = nullptr;
        bool inherited = false;
    };
    ObjectName name;
    bool temporary = false;
    std::string comment;
    std::vector<Column> columns;
    const WatermarkClause* watermark = nullptr;
    bool watermark_inherited = false;
    std::vector<Identifier> primary_key;
    std::vector<Identifier> partitioned_by;
    std::vector<OptionItem> options;
    TextSpan inherited_at;  // where the statement inherits: the place of whatever is wrong with it

    // UserError if there is one already.
    void addPrimaryKeyOf(const ColumnDefinition& column);
};

TableElements elementsOf(const CreateTable& statement);
TableElements inheritedElements(const CreateTable& statement, const TextSpan& where);
// The statement that would create the table again, as SHOW CREATE TABLE shows it. UserError at `where` if
// that is nested too deep to be read.
CreateTable statementOf(const TableDefinition& table, const TextSpan& where);

// These add what is wrong to `problems`, all of it; nullptr if there was anything.
TablePtr bindTable(const TableElements& elements, const ObjectPath& path, const Catalog& catalog,
                   const ConnectorRegistry* registry, std::vector<Problem>& problems);
TablePtr bindCreateTable(const CreateTable& statement, const Catalog& catalog,
                         const ConnectorRegistry* registry, std::vector<Problem>& problems);

}  // namespace millrace::sql
