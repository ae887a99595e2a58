// The options of the kinesis connector, by the names of Flink's (flink-connector-aws, "Amazon Kinesis Data
// Streams SQL Connector").
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/aws_client.h"
#include "connectors/kinesis/kinesis_lineage.h"
#include "runtime/connector.h"

namespace millrace {

struct KinesisOptions {
    std::string table;
    std::string stream_arn;
    std::string region;
    std::string endpoint;
    bool verify_certificates = true;
    std::map<std::string, std::string> credentials;  // "aws.credentials.*"
    AwsRetries retries;

    // Where reading starts.
    bool latest = true;
    KinesisStart start;
    int64_t discovery_interval_ms = 0;
    ShardAssigner assigner = ShardAssigner::Uniform;
    int64_t records_max = 0;  // of one GetRecords
    int64_t get_interval_ms = 0;
    int64_t idle_interval_ms = 0;

    bool fan_out = false;
    std::string consumer_name;
    bool consumer_managed = true;  // by the job
    int64_t subscription_timeout_ms = 0;
    int64_t deregister_timeout_ms = 0;
    AwsRetries describe_retries;

    std::vector<std::string> key_fields;  // PARTITIONED BY
    std::string key_delimiter;
    bool fixed_key = false;
    size_t batch_max = 0;
    size_t requests_max = 0;
    size_t buffered_max = 0;
    size_t flush_bytes = 0;
    int64_t flush_timeout_ms = 0;
    bool fail_on_error = false;

    std::string format;
    std::map<std::string, std::string> format_options;

    // UserError for what is missing, cannot be, or does not go together.
    static KinesisOptions from(const TableSpec& spec);
    static std::vector<OptionDescription> describe();
};

}  // namespace millrace
