#pragma once

#include <memory>

#include "runtime/connector.h"

namespace millrace {

std::shared_ptr<const Source> makeKafkaSource(const TableSpec& spec);

}  // namespace millrace
