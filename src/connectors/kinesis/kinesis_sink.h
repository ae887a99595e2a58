#pragma once

#include <memory>

#include "connectors/kinesis/kinesis_source.h"
#include "runtime/connector.h"

namespace millrace {

std::shared_ptr<const Sink> makeKinesisSink(const TableSpec& spec,
                                            const MakeKinesisClient& make_client = KinesisClient::of);

}  // namespace millrace
