#include "operators/kept_watermark.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace millrace {

namespace {

constexpr std::string_view kEnded = " ended";

KeptWatermark::Item keptWatermark(const std::string& text) {
    try {
        size_t read = 0;
        const int64_t value = std::stoll(text, &read);
        return {value, std::string_view(text).substr(read) == kEnded};
    } catch (const std::exception&) {
        throw UserError("snapshot.damaged", fmt::format("'{}' is not a watermark", text));
    }
}

}  // namespace

int64_t KeptWatermark::lowest(std::span<const Item> items) {
    std::optional<int64_t> running, ended;
    for (const Item& item : items) {
        if (item.ended) {
            ended = std::max(ended.value_or(item.value), item.value);
        } else {
            running = std::min(running.value_or(item.value), item.value);
        }
    }
    return running ? *running : *ended;
}

void KeptWatermark::open(OperatorContext& context, Restored which) {
    list_ = &context.state().list("watermark", Redistribution::Union);
    if (list_->empty()) return;
    std::vector<Item> items;
    for (const std::string& item : *list_) {
        items.push_back(keptWatermark(item));
        value_ = std::max(value_, items.back().value);
    }
    if (which == Restored::Lowest) value_ = lowest(items);
    restored_ = true;
}

void KeptWatermark::rise(EventTime watermark) {
    ended_ = watermark == EventTime::max();
    if (!ended_) value_ = std::max(value_, watermark.value());
}

void KeptWatermark::store() {
    if (list_) *list_ = {fmt::format("{}{}", value_, ended_ ? kEnded : "")};
}

}  // namespace millrace
