#include "sql/bind/alter_table.h"

#include <algorithm>

#include "sql/bind/expression_binder.h"

namespace millrace::sql {

namespace {

class Change {
  public:
    Change(const AlterObject& statement, const TableDefinition& table, CreateTable& base)
        : table_(table), base_(base), elements_(inheritedElements(base, statement.name.span)) {
        elements_.name = statement.name;
    }
    const TableElements& elements() const { return elements_; }

    void operator()(const AlterColumns& change) {
        for (const AlterColumns::Column& column : change.columns)
            change.modify ? modify(column) : add(column);
        if (change.watermark) {
            mustBe(elements_.watermark != nullptr, change.modify, change.watermark->span, "a watermark");
            elements_.watermark = &*change.watermark;
            elements_.watermark_inherited = false;
        }
        if (change.primary_key) {
            mustBe(!elements_.primary_key.empty(), change.modify, change.primary_key->span, "a primary key");
            elements_.primary_key = change.primary_key->columns;
        }
    }

    void operator()(const DropColumns& change) {
        for (const Identifier& name : change.columns)
            find(name);
        const auto goes = [&](const std::string& name) {
            return std::any_of(change.columns.begin(), change.columns.end(),
                               [&](const Identifier& dropped) { return dropped.name == name; });
        };
        for (const Identifier& name : change.columns) {
            refuseUsed(name, goes);
            refuseKey(name, elements_.primary_key, "the primary key",
                      "ALTER TABLE ... DROP PRIMARY KEY comes first");
        }
        std::erase_if(elements_.columns, [&](const TableElements::Column& column) {
            return goes(column.definition->name.name);
        });
    }

    void operator()(const DropPrimaryKey&) {
        if (elements_.primary_key.empty())
            failAt(elements_.name.span, "sql.bad-key", "the table has no primary key");
        elements_.primary_key.clear();
    }

    void operator()(const DropWatermark&) {
        if (elements_.watermark == nullptr)
            failAt(elements_.name.span, "sql.bad-watermark", "the table has no watermark");
        elements_.watermark = nullptr;
    }

    void operator()(const RenameColumn& change) {
        find(change.from);
        refuseUsed(change.from, [](const std::string&) { return false; });
        refuseTaken(change.to);
        for (ColumnDefinition& column : base_.columns) {
            if (column.name.name == change.from.name) column.name = change.to;
        }
        for (Identifier& key : elements_.primary_key) {
            if (key.name == change.from.name) key.name = change.to.name;
        }
    }

    void operator()(const SetObjectOptions& change) {
        for (const OptionItem& option : change.options) {
            std::erase_if(elements_.options, [&](const OptionItem& old) { return old.key == option.key; });
            elements_.options.push_back(option);
        }
    }

    void operator()(const ResetObjectOptions& change) {
        for (const OptionItem& option : change.keys) {
            if (option.key == "connector")
                failAt(option.key_span, "sql.bad-target", "'connector' cannot be reset", "SET another one");
            std::erase_if(elements_.options, [&](const OptionItem& old) { return old.key == option.key; });
        }
    }

    template <class Other>
    void operator()(const Other&) {
        throw InternalError("not a change of a table's elements");
    }

  private:
    using Columns = std::vector<TableElements::Column>;

    Columns::iterator locate(const std::string& name) {
        return std::find_if(
            elements_.columns.begin(), elements_.columns.end(),
            [&](const TableElements::Column& column) { return column.definition->name.name == name; });
    }
    Columns::iterator find(const Identifier& name) {
        const auto found = locate(name.name);
        if (found != elements_.columns.end()) return found;
        std::vector<std::string> names;
        for (const TableElements::Column& column : elements_.columns)
            names.push_back(column.definition->name.name);
        const std::string near = nearestName(name.name, names);
        failAt(name.span, "sql.unknown-column", fmt::format("there is no column '{}'", name.name),
               near.empty() ? "" : fmt::format("did you mean '{}'?", near));
    }
    void refuseTaken(const Identifier& name) {
        if (locate(name.name) == elements_.columns.end()) return;
        failAt(name.span, "sql.duplicate-name", fmt::format("the table has a column '{}' already", name.name),
               "MODIFY changes it");
    }
    static void mustBe(bool there, bool modify, const TextSpan& where, const char* what) {
        if (there == modify) return;
        failAt(where, modify ? "sql.bad-target" : "sql.duplicate-name",
               fmt::format("the table has {} {}", modify ? "not yet" : "already", what),
               modify ? "ADD gives it one" : "MODIFY changes it");
    }

    void add(const AlterColumns::Column& column) {
        refuseTaken(column.definition.name);
        insert(column, elements_.columns.size());
    }
    void modify(const AlterColumns::Column& column) {
        const auto old = find(column.definition.name);
        const auto at = static_cast<size_t>(old - elements_.columns.begin());
        elements_.columns.erase(old);
        insert(column, at);
    }
    void insert(const AlterColumns::Column& column, size_t at) {
        if (column.first) at = 0;
        if (column.after) at = static_cast<size_t>(find(*column.after) - elements_.columns.begin()) + 1;
        elements_.columns.insert(elements_.columns.begin() + static_cast<std::ptrdiff_t>(at),
                                 {&column.definition, false});
        elements_.addPrimaryKeyOf(column.definition);
    }

    static void refuseKey(const Identifier& name, const std::vector<Identifier>& keys, const char* what,
                          const char* hint) {
        if (std::none_of(keys.begin(), keys.end(),
                         [&](const Identifier& key) { return key.name == name.name; }))
            return;
        failAt(name.span, "sql.column-in-use", fmt::format("column '{}' belongs to {}", name.name, what),
               hint);
    }

    // What is computed of a column stands and falls with its name.
    template <class Goes>
    void refuseUsed(const Identifier& name, Goes goes) const {
        refuseKey(name, elements_.partitioned_by, "the partition columns", "");
        const auto reads = [&](const ExpressionPtr& expression, const Schema& schema) {
            std::vector<bool> used(schema.size(), false);
            expression->collectColumns(used);
            const int column = schema.find(name.name);
            return column >= 0 && used[static_cast<size_t>(column)];
        };
        for (const TableColumn& column : table_.columns) {
            if (!column.expression || goes(column.name) || !reads(column.expression, table_.storedSchema()))
                continue;
            failAt(name.span, "sql.column-in-use",
                   fmt::format("the computed column '{}' reads column '{}'", column.name, name.name),
                   fmt::format("DROP '{}' first", column.name));
        }
        if (!table_.watermark) return;
        if (table_.columns[table_.watermark->column].name != name.name &&
            !reads(table_.watermark->expression, table_.schema()))
            return;
        failAt(name.span, "sql.column-in-use", fmt::format("the watermark reads column '{}'", name.name),
               "ALTER TABLE ... DROP WATERMARK comes first");
    }

    const TableDefinition& table_;
    CreateTable& base_;
    TableElements elements_;
};

}  // namespace

TablePtr bindAlterTable(const AlterObject& statement, const TableDefinition& table, const Catalog& catalog,
                        const ConnectorRegistry* registry, std::vector<Problem>& problems) {
    CreateTable base = statementOf(table, statement.name.span);
    Change change(statement, table, base);
    std::visit(change, statement.change);
    return bindTable(change.elements(), table.path, catalog, registry, problems);
}

}  // namespace millrace::sql
