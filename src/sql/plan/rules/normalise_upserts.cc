// A source whose rows replace one another by key gives +U and -D without the rows they replace. What stands
// above needs those: a ChangelogNormalize goes right above the scan, or above the table's watermark, which is
// the source's own and takes time from every row.
#include <map>

#include "sql/plan/connectors.h"
#include "sql/plan/nodes/recognised/changelog_normalize.h"
#include "sql/plan/nodes/watermark.h"

namespace millrace::sql {

void normaliseUpserts(RelRoots& roots, const PlanOptions& options) {
    const std::vector<Rel*> order = inOrder(roots);
    std::map<Rel*, TablePtr> tops;  // of what belongs to a table's source, the uppermost node
    for (Rel* const rel : order) {
        if (auto* const scan = rel->get<ScanRel>()) {
            if (scan->table->primary_key.empty() || !readsUpserts(*scan->table, options)) continue;
            scan->upserts = true;
            tops[rel] = scan->table;
        } else if (const auto* const watermark = rel->get<WatermarkRel>()) {
            Rel* below = rel->input().get();  // the scan, or the computed columns above it
            while (!below->inputs.empty())
                below = below->input().get();
            if (tops.erase(below) > 0) tops[rel] = watermark->table;
        }
    }
    std::map<const Rel*, RelPtr> normalised;
    for (Rel* const rel : order) {
        for (RelPtr& input : rel->inputs) {
            const auto top = tops.find(input.get());
            if (top == tops.end()) continue;
            RelPtr& above = normalised[input.get()];
            if (!above) {
                std::vector<size_t> keys;
                for (const std::string& name : top->second->primary_key)
                    keys.push_back(static_cast<size_t>(input->schema.find(name)));
                above =
                    makeRel(ChangelogNormalizeRel(std::move(keys)), {input}, input->schema, input->origin);
            }
            input = above;
        }
    }
}

}  // namespace millrace::sql
