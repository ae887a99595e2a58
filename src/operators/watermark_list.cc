#include "operators/watermark_list.h"

#include <algorithm>

#include "base/error.h"

namespace millrace {

WatermarkList::WatermarkList(StateBackend& backend)
    : list_(&backend.list("watermark", Redistribution::Union)) {
    if (list_->empty()) return;
    value_ = INT64_MAX;
    for (const std::string& text : *list_) {
        try {
            value_ = std::min<int64_t>(value_, std::stoll(text));
        } catch (const std::exception&) {
            throw UserError("snapshot.damaged", fmt::format("'{}' is not a watermark", text));
        }
    }
}

}  // namespace millrace
