#include "sql/plan/nodes/scan.h"

#include <numeric>

#include "sql/plan/connectors.h"
#include "sql/plan/physical_builder.h"

namespace millrace::sql {

std::optional<std::string> ScanRel::digest() const {
    // By object: a table may have been dropped and made anew between two statements.
    return fmt::format("scan {} {}", fmt::ptr(table.get()), digestOf(columns));
}

MovedColumns ScanRel::prune(Rel& rel, const UsedColumns& used, std::span<const MovedColumns* const>) {
    MovedColumns to;
    rel.schema = kept(rel.schema, used, to);
    std::vector<size_t> read;
    for (size_t i = 0; i < used.size(); ++i) {
        if (used[i]) read.push_back(columns[i]);
    }
    columns = std::move(read);
    return to;
}

size_t ScanRel::place(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>&) const {
    return builder.addSource(rel, builder.unique("source-" + table->path.toString()),
                             makeTableSource(rel, *this, builder.options()));
}

RelTranslation describePlanNodesScan() {
    return translationOf<LogicalScan>([](const LogicalScan& scan) {
        std::vector<size_t> columns(scan.schema().size());
        std::iota(columns.begin(), columns.end(), size_t{0});
        return std::make_shared<ScanRel>(scan.table(), std::move(columns));
    });
}

}  // namespace millrace::sql
