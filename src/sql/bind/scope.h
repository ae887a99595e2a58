// The columns that an expression may name, by table and alone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sql/bind/logical_plan.h"
#include "sql/parse/ast.h"

namespace millrace::sql {

class Catalog;

class Scope {
  public:
    struct Resolved {
        size_t column = 0;
        size_t parts = 1;  // of the path that name the column; what is left are fields of a ROW
    };

    Scope() = default;
    // The columns of `node`, under `alias` ("" for none).
    Scope(LogicalPtr node, std::string alias);
    // Of `node`, whose columns are those of `left` and then those of `right`. UserError "sql.duplicate-name"
    // at `where` if both have a table of one name.
    Scope(LogicalPtr node, const Scope& left, const Scope& right, const TextSpan& where);

    const LogicalPtr& node() const { return node_; }
    void replaceNode(LogicalPtr node) { node_ = std::move(node); }  // by one with the same columns
    // The names of its tables; "" is one that has none.
    std::vector<std::string> tables() const;
    // Where functions of CREATE FUNCTION are looked up; nullptr: there are only built-in ones.
    const Catalog* catalog() const { return catalog_; }
    void setCatalog(const Catalog* catalog) { catalog_ = catalog; }
    size_t size() const { return node_ ? node_->schema().size() : 0; }
    const Field& field(size_t column) const { return node_->schema()[column]; }
    const ColumnTraits& traits(size_t column) const { return node_->traits()[column]; }

    // UserError "sql.unknown-column" with the nearest name, "sql.ambiguous-column".
    Resolved resolve(const std::vector<Identifier>& path) const;
    // The same without an error where there is none.
    std::optional<Resolved> lookUp(const std::vector<Identifier>& path) const;
    bool isTable(const std::vector<Identifier>& path) const;
    // The columns that t.* stands for, or, without a qualifier, *. UserError "sql.unknown-table".
    std::vector<size_t> star(const std::vector<Identifier>& qualifier) const;
    // What a name without table means; "sql.unknown-column", "sql.ambiguous-column".
    size_t column(const Identifier& name) const { return resolve({name}).column; }

    // JOIN ... USING: the columns `merged` come first in * and are the only ones of their names, except as
    // table.column.
    void useColumns(const std::vector<size_t>& merged, const std::vector<size_t>& hidden);

  private:
    // A table of the FROM clause; its columns are [begin, end) of the node's.
    struct Relation {
        std::string alias;
        size_t begin = 0;
        size_t end = 0;
    };
    std::optional<size_t> find(const Identifier& name, const std::vector<size_t>& columns) const;
    static std::vector<size_t> columnsOf(const Relation& relation);
    const Relation* relation(const std::string& alias) const;
    std::vector<std::string> candidates() const;  // for suggestions

    LogicalPtr node_;
    std::vector<Relation> relations_;
    const Catalog* catalog_ = nullptr;
    std::vector<size_t> star_;  // the columns that stand in * and are found without their table's name
};

}  // namespace millrace::sql
