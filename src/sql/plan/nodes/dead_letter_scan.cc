#include "sql/bind/logical_dead_letters.h"
#include "sql/plan/nodes/scan.h"

namespace millrace::sql {

RelTranslation describePlanNodesDeadLetterScan() {
    return translationOf<LogicalDeadLetterScan>([](const LogicalDeadLetterScan& scan) {
        return std::make_shared<ScanRel>(scan.table(), scan.deadLetters());
    });
}

}  // namespace millrace::sql
