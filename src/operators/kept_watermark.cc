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

void KeptWatermark::open(OperatorContext& context) {
    list_ = &context.state().list("watermark", Redistribution::Union);
    if (list_->empty()) return;
    value_ = EventTime::max().value();
    for (const std::string& item : *list_)
        value_ = std::min(value_, keptWatermark(item));
}

void KeptWatermark::rise(EventTime watermark) {
    if (watermark != EventTime::max()) value_ = std::max(value_, watermark.value());
}

void KeptWatermark::store() {
    if (list_) *list_ = {std::to_string(value_)};
}

}  // namespace millrace
