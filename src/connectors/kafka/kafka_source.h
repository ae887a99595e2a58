#pragma once

#include <memory>

#include "runtime/connector.h"

namespace millrace {

std::shared_ptr<const Source> makeKafkaSource(const TableSpec& spec);
bool kafkaReadsChanges(const TableSpec& spec);  // whether messages say how rows change

}  // namespace millrace
