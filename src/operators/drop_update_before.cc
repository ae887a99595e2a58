#include "operators/drop_update_before.h"

#include <algorithm>

namespace millrace {

std::string DropUpdateBefore::name() const {
    return mode_ == Mode::Drop ? "DropUpdateBefore" : "UpdateBeforeToDelete";
}

std::unique_ptr<OperatorState> DropUpdateBefore::open(OperatorContext&) const {
    return std::make_unique<OperatorState>();
}

void DropUpdateBefore::process(OperatorState&, size_t, const Batch& batch, OperatorContext&,
                               Output& output) const {
    const RowKind* kinds = batch.kinds();
    if (!kinds || std::find(kinds, kinds + batch.rows(), RowKind::UpdateBefore) == kinds + batch.rows()) {
        output.emit(batch);
        return;
    }
    if (mode_ == Mode::AsDelete) {
        std::vector<RowKind> changed(kinds, kinds + batch.rows());
        std::replace(changed.begin(), changed.end(), RowKind::UpdateBefore, RowKind::Delete);
        Batch result = batch;
        result.setKinds(std::move(changed));
        output.emit(std::move(result));
        return;
    }
    Selection kept;
    for (size_t i = 0; i < batch.rows(); ++i) {
        if (kinds[i] != RowKind::UpdateBefore) kept.push_back(static_cast<uint32_t>(i));
    }
    if (!kept.empty()) output.emit(batch.gather(kept));
}

}  // namespace millrace
