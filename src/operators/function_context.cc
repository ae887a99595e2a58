#include "operators/function_context.h"

namespace millrace {

std::string localTimeZone(const Configuration& configuration) {
    const auto zone = configuration.find("table.local-time-zone");
    return !zone || zone->empty() || *zone == "default" ? "UTC" : *zone;
}

FunctionContextKeeper::FunctionContextKeeper(const OperatorContext& context) {
    context_.now = context.now();
    context_.watermark = context.currentWatermark();
    context_.query_start_micros = context.now().value() * 1000;
    context_.time_zone = localTimeZone(context.configuration());
}

const FunctionContext& FunctionContextKeeper::refresh(const OperatorContext& context) {
    context_.now = context.now();
    context_.watermark = context.currentWatermark();
    return context_;
}

}  // namespace millrace
