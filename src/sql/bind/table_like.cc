#include "sql/bind/table_like.h"

#include <algorithm>

#include "sql/bind/expression_binder.h"

namespace millrace::sql {

namespace {

enum class Merge : uint8_t { Including, Excluding, Overwriting };

class LikeMerge {
  public:
    LikeMerge(const CreateTable& statement, const CreateTable& base)
        : like_(*statement.like), own_(elementsOf(statement)), base_(inheritedElements(base, like_.span)) {
        for (const bool all : {true, false}) {
            for (const LikeOption& option : like_.options) {
                if ((option.feature == "ALL") != all) continue;
                const Merge merge = option.merge == "INCLUDING"   ? Merge::Including
                                    : option.merge == "EXCLUDING" ? Merge::Excluding
                                                                  : Merge::Overwriting;
                for (auto& [feature, strategy] : strategies_) {
                    if (all || feature == option.feature) strategy = merge;
                }
            }
        }
    }

    TableElements merged() {
        TableElements result = own_;
        result.inherited_at = like_.span;
        columns(result);
        watermark(result);
        keys(result.primary_key, base_.primary_key, "CONSTRAINTS", "a primary key");
        keys(result.partitioned_by, base_.partitioned_by, "PARTITIONS", "partition columns");
        options(result);
        return result;
    }

  private:
    Merge strategy(std::string_view feature) const {
        const auto found = std::find_if(strategies_.begin(), strategies_.end(),
                                        [&](const auto& entry) { return entry.first == feature; });
        MILLRACE_CHECK(found != strategies_.end(), "there is no feature {}", feature);
        return found->second;
    }
    static const char* featureOf(const ColumnDefinition& column) {
        return column.computed ? "GENERATED" : column.metadata ? "METADATA" : nullptr;
    }

    void columns(TableElements& result) const {
        std::vector<TableElements::Column> columns;
        for (const TableElements::Column& column : base_.columns) {
            const char* feature = featureOf(*column.definition);
            if (!feature || strategy(feature) != Merge::Excluding) columns.push_back(column);
        }
        for (const TableElements::Column& column : own_.columns) {
            const ColumnDefinition& definition = *column.definition;
            const auto same = std::find_if(columns.begin(), columns.end(), [&](const auto& other) {
                return other.definition->name.name == definition.name.name;
            });
            if (same == columns.end()) {
                columns.push_back(column);
                continue;
            }
            const char* feature = featureOf(definition);
            const bool alike = feature && featureOf(*same->definition) == feature;
            if (!alike || strategy(feature) != Merge::Overwriting) {
                failAt(definition.name.span, "sql.duplicate-name",
                       fmt::format("'{}' has a column '{}' already", like_.table.toString(),
                                   definition.name.name),
                       alike ? fmt::format("LIKE {} (OVERWRITING {}) replaces it", like_.table.toString(),
                                           feature)
                             : "");
            }
            *same = column;
        }
        result.columns = std::move(columns);
    }

    void watermark(TableElements& result) const {
        const Merge merge = strategy("WATERMARKS");
        if (base_.watermark == nullptr || merge == Merge::Excluding) return;
        if (own_.watermark == nullptr) {
            result.watermark = base_.watermark;
            result.watermark_inherited = true;
        } else if (merge == Merge::Including) {
            failAt(own_.watermark->span, "sql.duplicate-name",
                   fmt::format("'{}' has a watermark already", like_.table.toString()),
                   "OVERWRITING WATERMARKS replaces it, EXCLUDING WATERMARKS leaves it out");
        }
    }

    void keys(std::vector<Identifier>& own, const std::vector<Identifier>& base, const char* feature,
              const char* what) const {
        if (base.empty() || strategy(feature) == Merge::Excluding) return;
        if (!own.empty()) {
            failAt(own.front().span, "sql.duplicate-name",
                   fmt::format("'{}' has {} already", like_.table.toString(), what),
                   fmt::format("EXCLUDING {} leaves them out", feature));
        }
        own = base;
    }

    void options(TableElements& result) const {
        const Merge merge = strategy("OPTIONS");
        if (merge == Merge::Excluding) return;
        std::vector<OptionItem> options;
        for (const OptionItem& option : base_.options) {
            const auto own = std::find_if(own_.options.begin(), own_.options.end(),
                                          [&](const OptionItem& item) { return item.key == option.key; });
            if (own == own_.options.end()) {
                options.push_back(option);
            } else if (merge == Merge::Including) {
                failAt(own->key_span, "sql.duplicate-name",
                       fmt::format("'{}' has the option '{}' already", like_.table.toString(), option.key),
                       "OVERWRITING OPTIONS replaces it");
            }
        }
        options.insert(options.end(), own_.options.begin(), own_.options.end());
        result.options = std::move(options);
    }

    const LikeClause& like_;
    TableElements own_;
    TableElements base_;
    std::vector<std::pair<std::string_view, Merge>> strategies_ = {
        {"CONSTRAINTS", Merge::Including}, {"DISTRIBUTION", Merge::Including},
        {"GENERATED", Merge::Including},   {"METADATA", Merge::Including},
        {"OPTIONS", Merge::Overwriting},   {"PARTITIONS", Merge::Including},
        {"WATERMARKS", Merge::Including}};
};

}  // namespace

CreateTable baseOf(const LikeClause& like, const Catalog& catalog) {
    const ObjectPath path = catalog.resolve(like.table);
    if (catalog.findView(path)) {
        failAt(like.table.span, "sql.wrong-kind", fmt::format("'{}' is a view", path.object),
               "LIKE takes a table; CREATE TABLE ... AS SELECT takes the columns of any query");
    }
    const TablePtr table = catalog.findTable(path);
    if (!table) catalog.failUnknownTable(like.table);
    return statementOf(*table, like.table.span);
}

TableElements mergedWithBase(const CreateTable& statement, const CreateTable& base) {
    return LikeMerge(statement, base).merged();
}

}  // namespace millrace::sql
