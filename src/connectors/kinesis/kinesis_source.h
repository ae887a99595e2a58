#pragma once

#include <memory>

#include "connectors/kinesis/kinesis_client.h"
#include "runtime/connector.h"

namespace millrace {

// How a client of a stream comes about; the production's is KinesisClient::of().
using MakeKinesisClient = std::function<std::shared_ptr<KinesisClient>(const KinesisOptions&)>;

std::shared_ptr<const Source> makeKinesisSource(const TableSpec& spec,
                                                const MakeKinesisClient& make_client = KinesisClient::of);

}  // namespace millrace
