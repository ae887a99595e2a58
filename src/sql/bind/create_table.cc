#include "sql/bind/create_table.h"

#include <algorithm>
#include <set>

#include "sql/bind/expression_binder.h"
#include "sql/bind/options.h"
#include "sql/bind/query_binder.h"
#include "sql/bind/types.h"
#include "sql/parse/to_sql.h"

namespace millrace::sql {

namespace {

// Definitions are bound over a table that only has columns.
LogicalPtr columnsOnly(const Schema& schema) {
    return std::make_shared<LogicalValues>(schema, std::vector<std::vector<ExpressionPtr>>(), TextSpan{});
}

class TableBinder {
  public:
    TableBinder(const CreateTable& statement, const Catalog& catalog, std::vector<Problem>& problems)
        : statement_(statement), catalog_(catalog), problems_(problems) {}

    std::shared_ptr<TableDefinition> bind() {
        table_ = std::make_shared<TableDefinition>();
        table_->temporary = statement_.temporary;
        table_->comment = statement_.comment;
        for (const OptionItem& option : withoutLegacyKeys(statement_.options))
            table_->options[option.key] = option.value;
        collecting([&] { refuseUnsupported(); });
        collecting([&] { names(); });
        for (const ColumnDefinition& column : statement_.columns)
            collecting([&] { stored(column); });
        // Without all stored columns, what is built on them would only repeat the same problems.
        if (!problems_.empty()) return nullptr;
        collecting([&] { computed(); });
        collecting([&] { primaryKey(); });
        collecting([&] { partitionKeys(); });
        if (!problems_.empty()) return nullptr;
        collecting([&] { watermark(); });
        return table_;
    }

  private:
    template <class F>
    void collecting(F f) {
        try {
            f();
        } catch (const UserError& error) {
            problems_.push_back(error.problem());
        }
    }

    void refuseUnsupported() {
        if (statement_.like)
            failNotSupported(statement_.like->span, "CREATE TABLE ... LIKE is", "repeat the columns");
        if (statement_.as)
            failNotSupported(statement_.as->span, "CREATE TABLE ... AS SELECT is",
                             "create the table and INSERT INTO it");
        if (statement_.distributed) failNotSupported(*statement_.distributed, "DISTRIBUTED is");
        if (statement_.columns.empty())
            failAt(statement_.name.span, "sql.no-columns", "a table needs at least one column");
    }

    void names() {
        std::set<std::string> seen;
        for (const ColumnDefinition& column : statement_.columns) {
            if (!seen.insert(column.name.name).second) {
                failAt(column.name.span, "sql.duplicate-name",
                       fmt::format("column '{}' is there twice", column.name.name));
            }
        }
    }

    void stored(const ColumnDefinition& definition) {
        TableColumn column;
        column.name = definition.name.name;
        column.comment = definition.comment;
        if (definition.computed) {
            column.kind = ColumnKind::Computed;
        } else {
            column.type = bindType(*definition.type);
            if (column.type.kind() == TypeKind::Null)
                failAt(definition.type->span, "sql.bad-type", "a column cannot be of type NULL");
            if (definition.metadata) {
                column.kind = ColumnKind::Metadata;
                column.metadata_key = definition.metadata_from.value_or(column.name);
                column.is_virtual = definition.is_virtual;
            }
        }
        table_->columns.push_back(std::move(column));
    }

    void computed() {
        Scope scope(columnsOnly(table_->storedSchema()), statement_.name.parts.back().name);
        scope.setCatalog(&catalog_);
        for (size_t i = 0; i < statement_.columns.size(); ++i) {
            const ColumnDefinition& definition = statement_.columns[i];
            if (!definition.computed) continue;
            collecting([&] {
                TableColumn& column = table_->columns[i];
                column.expression = bindComputed(scope, *definition.computed);
                column.type = column.expression->type();
                column.text = toSql(*definition.computed);
                if (column.expression->kind() == ExpressionKind::Call &&
                    column.expression->name() == "PROCTIME") {
                    column.time = TimeAttribute::Proctime;
                }
            });
        }
    }

    ExpressionPtr bindComputed(const Scope& scope, const Expr& expr) const {
        try {
            ExpressionPtr bound = ExpressionBinder(scope, "a computed column").bindRoot(expr);
            if (bound->type().kind() == TypeKind::Null)
                failAt(expr.span, "sql.bad-type", "a column cannot be of type NULL", "CAST it");
            return bound;
        } catch (const UserError& error) {
            // A computed column cannot see another one; say so instead of that it is not there.
            if (error.code() != "sql.unknown-column") throw;
            for (const ColumnDefinition& other : statement_.columns) {
                if (!other.computed ||
                    error.problem().message.find("'" + other.name.name + "'") == std::string::npos)
                    continue;
                failAt(error.problem().where, "sql.unknown-column",
                       fmt::format("'{}' is a computed column, which another computed column cannot use",
                                   other.name.name),
                       "repeat its expression");
            }
            throw;
        }
    }

    size_t columnIndex(const Identifier& name) const {
        std::vector<std::string> names;
        for (const TableColumn& column : table_->columns)
            names.push_back(column.name);
        const auto found = std::find(names.begin(), names.end(), name.name);
        if (found != names.end()) return static_cast<size_t>(found - names.begin());
        const std::string near = nearestName(name.name, names);
        failAt(name.span, "sql.unknown-column", fmt::format("there is no column '{}'", name.name),
               near.empty() ? "" : fmt::format("did you mean '{}'?", near));
    }

    void primaryKey() {
        std::vector<Identifier> keys;
        if (statement_.primary_key) keys = statement_.primary_key->columns;
        for (const ColumnDefinition& column : statement_.columns) {
            if (!column.primary_key) continue;
            if (!keys.empty())
                failAt(column.span, "sql.duplicate-name", "a table has at most one primary key");
            keys.push_back(column.name);
        }
        for (const Identifier& key : keys) {
            TableColumn& column = table_->columns[columnIndex(key)];
            if (column.kind != ColumnKind::Physical) {
                failAt(key.span, "sql.bad-key",
                       fmt::format("'{}' is not a physical column, so it cannot be in the primary key",
                                   key.name));
            }
            if (std::find(table_->primary_key.begin(), table_->primary_key.end(), key.name) !=
                table_->primary_key.end()) {
                failAt(key.span, "sql.duplicate-name",
                       fmt::format("column '{}' is in the primary key twice", key.name));
            }
            column.type = column.type.withNullable(false);
            table_->primary_key.push_back(key.name);
        }
    }

    void partitionKeys() {
        for (const Identifier& key : statement_.partitioned_by) {
            if (table_->columns[columnIndex(key)].kind != ColumnKind::Physical) {
                failAt(key.span, "sql.bad-key",
                       fmt::format("'{}' is not a physical column, so rows cannot be partitioned by it",
                                   key.name));
            }
            table_->partition_keys.push_back(key.name);
        }
    }

    void watermark() {
        if (!statement_.watermark) return;
        const WatermarkClause& clause = *statement_.watermark;
        if (clause.column.size() > 1)
            failNotSupported(clause.column[1].span, "a watermark for a field of a ROW is",
                             "make it a computed column");
        const size_t index = columnIndex(clause.column[0]);
        TableColumn& column = table_->columns[index];
        if (!column.type.isTimestamp() || column.type.precision() > 3) {
            failAt(clause.column[0].span, "sql.bad-watermark",
                   fmt::format("column '{}' is {}, but a rowtime column must be TIMESTAMP(p) or "
                               "TIMESTAMP_LTZ(p) with p up to 3",
                               column.name, column.type.toString()),
                   column.type.isTimestamp()
                       ? "declare it TIMESTAMP(3)"
                       : fmt::format("add a computed column, such as ts AS TO_TIMESTAMP({})", column.name));
        }
        Scope scope(columnsOnly(table_->schema()), statement_.name.parts.back().name);
        scope.setCatalog(&catalog_);
        WatermarkDefinition definition;
        definition.column = index;
        definition.expression = ExpressionBinder(scope, "WATERMARK").bindRoot(*clause.expression);
        definition.text = toSql(*clause.expression);
        if (!definition.expression->type().isTimestamp()) {
            failAt(clause.expression->span, "sql.bad-watermark",
                   fmt::format("a watermark must be TIMESTAMP or TIMESTAMP_LTZ, but this is {}",
                               definition.expression->type().toString()),
                   fmt::format("such as {0} - INTERVAL '5' SECOND", column.name));
        }
        definition.delay_micros = delayOf(*definition.expression, index);
        column.time = TimeAttribute::Rowtime;
        table_->watermark = std::move(definition);
    }

    // Of `column` or `column - INTERVAL ...`.
    static std::optional<int64_t> delayOf(const Expression& expression, size_t column) {
        if (expression.kind() == ExpressionKind::Column && expression.index() == column) return 0;
        if (expression.kind() != ExpressionKind::Call || expression.name() != "-" ||
            expression.arguments().size() != 2)
            return std::nullopt;
        const Expression& left = *expression.arguments()[0];
        const Expression& right = *expression.arguments()[1];
        if (left.kind() != ExpressionKind::Column || left.index() != column ||
            right.kind() != ExpressionKind::Literal || right.type().kind() != TypeKind::IntervalDayTime ||
            right.value().isNull()) {
            return std::nullopt;
        }
        return right.value().asInt64();
    }

    const CreateTable& statement_;
    const Catalog& catalog_;
    std::vector<Problem>& problems_;
    std::shared_ptr<TableDefinition> table_;
};

}  // namespace

TablePtr bindCreateTable(const CreateTable& statement, const Catalog& catalog,
                         const ConnectorRegistry* registry, std::vector<Problem>& problems) {
    std::vector<Problem> found;
    std::shared_ptr<TableDefinition> table = TableBinder(statement, catalog, found).bind();
    if (!statement.like) {
        const auto options = checkTableOptions(registry, statement.name.parts.back().name,
                                               withoutLegacyKeys(statement.options), statement.name.span);
        found.insert(found.end(), options.begin(), options.end());
    }
    ObjectPath path;
    try {
        path = catalog.resolve(statement.name);
    } catch (const UserError& error) {
        found.push_back(error.problem());
    }
    problems.insert(problems.end(), found.begin(), found.end());
    if (!found.empty()) return nullptr;
    table->path = path;
    return table;
}

}  // namespace millrace::sql
