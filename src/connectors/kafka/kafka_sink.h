#pragma once

#include <memory>

#include "runtime/connector.h"

namespace millrace {

std::shared_ptr<const Sink> makeKafkaSink(const TableSpec& spec);

}  // namespace millrace
