// The operations of Kinesis that the connector uses, on one stream.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "connectors/kinesis/kinesis_options.h"
#include "connectors/kinesis/kinesis_records.h"

namespace millrace {

// A record of PutRecords.
struct KinesisEntry {
    std::string data;
    std::string partition_key;
};

// One attempt each, unless told otherwise; AwsError. Safe on several threads.
class KinesisClient {
  public:
    // The production's client, with credentials as the options say.
    static std::shared_ptr<KinesisClient> of(const KinesisOptions& options);
    KinesisClient(const KinesisOptions& options, std::shared_ptr<AwsCredentialsProvider> credentials,
                  std::shared_ptr<HttpStreamClient> http, const Clock& clock);

    // Tried again as the options say, until `stopped`.
    std::vector<KinesisShard> listShards(Random& random, const std::function<bool()>& stopped) const;
    bool streamExists() const;
    std::string shardIterator(const KinesisSplit& split) const;
    KinesisRecords getRecords(const std::string& iterator) const;
    // The codes of those that were refused, "" for the others; in the order of `entries`.
    std::vector<std::string> putRecords(const std::vector<KinesisEntry>& entries, size_t begin,
                                        size_t end) const;

    // Of enhanced fan-out. The ARN of the consumer, once it is active: registered if need be and allowed.
    std::string consumerArn(Random& random, const std::function<bool()>& stopped) const;
    void deregisterConsumer() const;
    // Hands over what comes until the subscription ends (after five minutes at the latest) or `take` says no.
    void subscribe(const std::string& consumer_arn, const KinesisSplit& split,
                   const std::string& continuation, const std::function<bool(KinesisRecords)>& take,
                   const std::function<bool()>& idle) const;

  private:
    const KinesisOptions& options_;
    const AwsClient client_;
};

}  // namespace millrace
