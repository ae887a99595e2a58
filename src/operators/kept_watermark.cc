#include "operators/kept_watermark.h"

#include <algorithm>

namespace millrace {

namespace {
int64_t keptWatermark(const std::string& text) {
    try {
        return std::stoll(text);
    } catch (const std::exception&) {
        throw UserError("snapshot.damaged", fmt::format("'{}' is not a watermark", text));
    }
}
}  // namespace

void KeptWatermark::open(OperatorContext& context, Restored which) {
    list_ = &context.state().list("watermark", Redistribution::Union);
    for (const std::string& item : *list_) {
        const int64_t kept = keptWatermark(item);
        if (!restored_) value_ = kept;
        value_ = which == Restored::Lowest ? std::min(value_, kept) : std::max(value_, kept);
        restored_ = true;
    }
}

void KeptWatermark::rise(EventTime watermark) {
    if (watermark != EventTime::max()) value_ = std::max(value_, watermark.value());
}

void KeptWatermark::store() {
    if (list_) *list_ = {std::to_string(value_)};
}

}  // namespace millrace
