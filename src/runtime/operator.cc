#include "runtime/operator.h"

namespace millrace {

void Operator::onWatermark(OperatorState&, EventTime watermark, OperatorContext&, Output& output) const {
    output.emitWatermark(watermark);
}
void Operator::onIdle(OperatorState&, bool idle, OperatorContext&, Output& output) const {
    output.emitIdle(idle);
}
void Operator::onProcessingTime(OperatorState&, ProcessingTime, OperatorContext&, Output&) const {}
bool Operator::whenIdle(OperatorState&, OperatorContext&, Output&) const { return false; }
void Operator::beforeBarrier(OperatorState&, OperatorContext&, Output&) const {}
void Operator::onEndOfInput(OperatorState&, OperatorContext&, Output&) const {}

}  // namespace millrace
