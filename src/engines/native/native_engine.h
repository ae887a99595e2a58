// The native engine: a cluster is one `millrace cluster` process in a session of its own.
#pragma once

#include <memory>
#include <string>

#include "engines/engine.h"

namespace millrace {

// `binary` is the millrace executable.
std::unique_ptr<Engine> makeNativeEngine(std::string binary);

}  // namespace millrace
