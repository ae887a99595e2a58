// What expressions may know of their surroundings, taken from an operator's context.
#pragma once

#include "functions/function.h"
#include "runtime/operator.h"

namespace millrace {

// Made in open(), refreshed before each batch: `now` and the watermark change, the rest stays.
class FunctionContextKeeper {
  public:
    explicit FunctionContextKeeper(const OperatorContext& context);
    const FunctionContext& refresh(const OperatorContext& context);
    const FunctionContext& get() const { return context_; }

  private:
    FunctionContext context_;
};

// The session's time zone: `table.local-time-zone`, where "default" is UTC: a managed application must not
// depend on the machine it runs on.
std::string localTimeZone(const Configuration& configuration);

}  // namespace millrace
