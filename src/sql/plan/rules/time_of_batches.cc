// In batch mode all rows are there before the first answer: as in Flink, no watermark goes with them, no row
// is late, and windows are made over any TIMESTAMP. On a stream, those need an attribute of time.
#include "sql/bind/group_window.h"
#include "sql/plan/nodes/watermark.h"
#include "sql/plan/nodes/window_table.h"
#include "sql/plan/physical.h"

namespace millrace::sql {

void timeOfBatches(RelRoots& roots, const PlanOptions& options) {
    const bool batch = runsInBatch(options.configuration);
    for (Rel* rel : inOrder(roots)) {
        if (const auto* table = rel->get<WindowTableRel>(); table != nullptr && !batch) {
            const WindowSpec& window = *table->window;
            if (window.time == TimeAttribute::None) {
                failNoTimeAttribute(rel->origin->where(), rel->input()->schema[table->time_column].name);
            }
        }
        if (!batch) continue;
        for (RelPtr& input : rel->inputs) {
            while (input->get<WatermarkRel>() != nullptr)
                input = RelPtr(input->input());
        }
    }
}

}  // namespace millrace::sql
