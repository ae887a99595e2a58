#include "sql/bind/create_table.h"

#include <algorithm>
#include <set>

#include "sql/bind/expression_binder.h"
#include "sql/bind/format_columns.h"
#include "sql/bind/options.h"
#include "sql/bind/query_binder.h"
#include "sql/bind/table_like.h"
#include "sql/bind/types.h"
#include "sql/parse/parser.h"
#include "sql/parse/to_sql.h"

namespace millrace::sql {

namespace {

// Definitions are bound over a table that only has columns.
LogicalPtr columnsOnly(const Schema& schema) {
    return std::make_shared<LogicalValues>(schema, std::vector<std::vector<ExpressionPtr>>(), TextSpan{});
}

class TableBinder {
  public:
    TableBinder(const TableElements& elements, const Catalog& catalog, const ConnectorRegistry* registry,
                std::vector<Problem>& problems)
        : elements_(elements), catalog_(catalog), registry_(registry), problems_(problems) {}

    std::shared_ptr<TableDefinition> bind() {
        table_ = std::make_shared<TableDefinition>();
        table_->temporary = elements_.temporary;
        table_->comment = elements_.comment;
        for (const OptionItem& option : withoutLegacyKeys(elements_.options))
            table_->options[option.key] = option.value;
        collecting(false, [&] { told(); });
        collecting(false, [&] { names(); });
        for (const TableElements::Column& column : elements_.columns)
            collecting(column.inherited, [&] { stored(*column.definition); });
        // Without all stored columns, what is built on them would only repeat the same problems.
        if (!problems_.empty()) return nullptr;
        computed();
        collecting(false, [&] { primaryKey(); });
        collecting(false, [&] { partitionKeys(); });
        if (!problems_.empty()) return nullptr;
        collecting(elements_.watermark_inherited, [&] { watermark(); });
        return table_;
    }

  private:
    // What is wrong with something inherited is wrong at the statement that inherits it.
    template <class F>
    void collecting(bool inherited, F f) {
        try {
            f();
        } catch (const UserError& error) {
            problems_.push_back(error.problem());
            if (inherited) problems_.back().where = elements_.inherited_at;
        }
    }

    // Without a physical column, the format of the records tells them; they come first.
    void told() {
        for (const TableElements::Column& column : elements_.columns)
            if (!column.definition->computed && !column.definition->metadata) return;
        for (const Field& field :
             columnsOfFormat(registry_, withoutLegacyKeys(elements_.options), elements_.name.span)) {
            TableColumn column;
            column.name = field.name;
            column.type = field.type;
            table_->columns.push_back(std::move(column));
        }
        told_ = table_->columns.size();
    }

    void names() {
        std::set<std::string> seen;
        for (const TableColumn& column : table_->columns)
            seen.insert(column.name);
        for (const TableElements::Column& column : elements_.columns) {
            const Identifier& name = column.definition->name;
            if (!seen.insert(name.name).second) {
                failAt(column.inherited ? elements_.inherited_at : name.span, "sql.duplicate-name",
                       fmt::format("column '{}' is there twice", name.name));
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
        Scope scope(columnsOnly(table_->storedSchema()), elements_.name.parts.back().name);
        scope.setCatalog(&catalog_);
        for (size_t i = 0; i < elements_.columns.size(); ++i) {
            const ColumnDefinition& definition = *elements_.columns[i].definition;
            if (!definition.computed) continue;
            collecting(elements_.columns[i].inherited, [&] {
                TableColumn& column = table_->columns[told_ + i];
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
            for (const TableElements::Column& column : elements_.columns) {
                const ColumnDefinition& other = *column.definition;
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
        for (const Identifier& key : elements_.primary_key) {
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
        for (const Identifier& key : elements_.partitioned_by) {
            if (table_->columns[columnIndex(key)].kind != ColumnKind::Physical) {
                failAt(key.span, "sql.bad-key",
                       fmt::format("'{}' is not a physical column, so rows cannot be partitioned by it",
                                   key.name));
            }
            table_->partition_keys.push_back(key.name);
        }
    }

    void watermark() {
        if (elements_.watermark == nullptr) return;
        const WatermarkClause& clause = *elements_.watermark;
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
        Scope scope(columnsOnly(table_->schema()), elements_.name.parts.back().name);
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

    const TableElements& elements_;
    const Catalog& catalog_;
    const ConnectorRegistry* const registry_;
    std::vector<Problem>& problems_;
    size_t told_ = 0;  // columns that the format told
    std::shared_ptr<TableDefinition> table_;
};

}  // namespace

TableElements elementsOf(const CreateTable& statement) {
    if (statement.distributed) {
        failAt(*statement.distributed, "sql.not-supported",
               "no connector keeps its rows in buckets, as none of Flink's own does",
               "leave DISTRIBUTED out: what a key's rows have in common is PARTITIONED BY, or the key of a "
               "topic");
    }
    TableElements elements;
    elements.name = statement.name;
    elements.temporary = statement.temporary;
    elements.comment = statement.comment;
    if (statement.watermark) elements.watermark = &*statement.watermark;
    if (statement.primary_key) elements.primary_key = statement.primary_key->columns;
    for (const ColumnDefinition& column : statement.columns) {
        elements.columns.push_back({&column, false});
        elements.addPrimaryKeyOf(column);
    }
    elements.partitioned_by = statement.partitioned_by;
    elements.options = statement.options;
    return elements;
}

void TableElements::addPrimaryKeyOf(const ColumnDefinition& column) {
    if (!column.primary_key) return;
    if (!primary_key.empty())
        failAt(column.span, "sql.duplicate-name", "a table has at most one primary key");
    primary_key.push_back(column.name);
}

TableElements inheritedElements(const CreateTable& statement, const TextSpan& where) {
    TableElements elements = elementsOf(statement);
    elements.inherited_at = where;
    elements.watermark_inherited = elements.watermark != nullptr;
    for (TableElements::Column& column : elements.columns)
        column.inherited = true;
    for (Identifier& name : elements.primary_key)
        name.span = where;
    for (Identifier& name : elements.partitioned_by)
        name.span = where;
    for (OptionItem& option : elements.options)
        option.key_span = option.value_span = where;
    return elements;
}

CreateTable statementOf(const TableDefinition& table, const TextSpan& where) {
    ParseResult parsed = parseStatements(SourceText(table.toDdl(), {}));
    if (parsed.statements.size() != 1) {
        // Written out with all its parentheses, an expression may be too deep.
        Problem problem = parsed.problems.empty() ? Problem{"sql.too-deep", "it is too deep", "", {}}
                                                  : parsed.problems.front();
        problem.message = fmt::format("the definition of '{}' cannot be taken over: {}", table.path.object,
                                      problem.message);
        problem.where = where;
        throw UserError(std::move(problem));
    }
    return std::move(std::get<CreateTable>(parsed.statements.front().node));
}

TablePtr bindTable(const TableElements& elements, const ObjectPath& path, const Catalog& catalog,
                   const ConnectorRegistry* registry, std::vector<Problem>& problems) {
    std::vector<Problem> found;
    std::shared_ptr<TableDefinition> table = TableBinder(elements, catalog, registry, found).bind();
    const auto options = checkTableOptions(registry, elements.name.parts.back().name,
                                           withoutLegacyKeys(elements.options), elements.name.span);
    found.insert(found.end(), options.begin(), options.end());
    problems.insert(problems.end(), found.begin(), found.end());
    if (!found.empty()) return nullptr;
    table->path = path;
    return table;
}

TablePtr bindCreateTable(const CreateTable& statement, const Catalog& catalog,
                         const ConnectorRegistry* registry, std::vector<Problem>& problems) {
    const ObjectPath path = catalog.resolve(statement.name);
    if (!statement.like) return bindTable(elementsOf(statement), path, catalog, registry, problems);
    const CreateTable base = baseOf(*statement.like, catalog);
    return bindTable(mergedWithBase(statement, base), path, catalog, registry, problems);
}

}  // namespace millrace::sql
