// The sink of a SELECT: hands its rows to whoever asked. `millrace sql` and `millrace test` make one for a
// plan whose sink has no table.
#pragma once

#include <functional>
#include <memory>

#include "runtime/sink.h"

namespace millrace::cli {

// `receive` is called for every batch, from slots' threads, but never by two at a time. It may throw: the job
// fails.
std::shared_ptr<const Sink> makeCollectSink(const Schema& schema, std::function<void(const Batch&)> receive);

}  // namespace millrace::cli
