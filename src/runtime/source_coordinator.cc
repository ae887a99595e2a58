#include "runtime/source_coordinator.h"

#include <utility>

namespace millrace {

SourceCoordinator::SourceCoordinator(const JobNode& node, const Environment& environment,
                                     const RuntimeOptions& options, Execution& execution,
                                     const std::optional<std::string>& restored)
    : node_(node),
      environment_(environment),
      parallelism_(options.parallelism),
      execution_(execution),
      enumerator_(std::get<std::shared_ptr<const Source>>(node.what)->createEnumerator(restored)),
      listener_(dynamic_cast<ReaderEventListener*>(enumerator_.get())) {
    if (listener_ != nullptr) listener_->onCheckpointing(options.checkpoint_interval.ms > 0);
}

bool SourceCoordinator::discoverIfDue(ProcessingTime now) {
    if (wake_ > now.value()) return false;
    wake_ = INT64_MAX;
    enumerator_->discover(*this);
    return true;
}

}  // namespace millrace
