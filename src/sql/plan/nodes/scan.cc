#include "sql/plan/nodes/scan.h"

#include "operators/calc.h"
#include "sql/plan/connectors.h"
#include "sql/plan/physical_builder.h"

namespace millrace::sql {

ScanRel::ScanRel(TablePtr scanned, TablePtr letters)
    : table(std::move(scanned)), dead_letters(std::move(letters)) {
    for (size_t i = 0; i < table->storedSchema().size(); ++i)
        paths.push_back({i});
}

std::optional<std::string> ScanRel::digest() const {
    // By object: a table may have been dropped and made anew between two statements.
    std::string text = fmt::format("scan {}", fmt::ptr(table.get()));
    for (const ColumnPath& path : paths)
        text += " " + digestOf(path);
    for (const ColumnFilter& filter : filters) {
        text += fmt::format(" {} in", filter.column);
        for (const Value& value : filter.values)
            text += " '" + value.toString(table->storedSchema()[filter.column].type) + "'";
    }
    return text;
}

MovedColumns ScanRel::prune(Rel& rel, const UsedColumns& used, std::span<const MovedColumns* const>) {
    MovedColumns to;
    rel.schema = kept(rel.schema, used, to);
    std::vector<ColumnPath> read;
    for (size_t i = 0; i < used.size(); ++i) {
        if (used[i]) read.push_back(std::move(paths[i]));
    }
    paths = std::move(read);
    return to;
}

// Of rows that say how they change, each update comes with the row before it; of upserts none does.
Changelog ScanRel::changelog(std::span<const Changelog>) const {
    return {changes || upserts, changes, changes || upserts};
}

size_t ScanRel::place(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>&) const {
    const std::string name = table->path.toString();
    std::shared_ptr<const Source> source = makeTableSource(rel, *this, builder.options());
    std::vector<ExpressionPtr> casts = metadataCasts(*table, source->outputSchema(), rel.schema);
    const size_t scan = builder.addSource(rel, builder.unique("source-" + name), std::move(source));
    if (casts.empty()) return scan;
    return builder.addOperator(rel, builder.unique("metadata-" + name),
                               std::make_shared<Calc>(nullptr, std::move(casts), rel.schema), {{scan}});
}

RelTranslation describePlanNodesScan() {
    return translationOf<LogicalScan>(
        [](const LogicalScan& scan) { return std::make_shared<ScanRel>(scan.table()); });
}

}  // namespace millrace::sql
