// What `millrace serve` is told.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace millrace {

enum class OnExit { LeaveClusters, StopClusters };

struct ServiceConfiguration {
    std::string listen = "127.0.0.1:8090";
    std::string data_dir;
    std::string cluster_binary;  // the millrace executable that clusters run; "" for this very program
    std::string region;          // "" for AWS_REGION, AWS_DEFAULT_REGION, us-east-1
    std::string account_id;      // "" for 000000000000
    std::string
        s3_endpoint;  // "" for AWS_ENDPOINT_URL_S3; without either only the local buckets are looked in
    OnExit on_exit = OnExit::LeaveClusters;
    int start_timeout_ms = 600'000;      // from a cluster's launch until its job runs, its restore included
    int unresponsive_after_ms = 30'000;  // a cluster that lives and answers nothing for so long is restarted
    int snapshot_timeout_ms = 600'000;
    int stop_grace_ms = 10'000;  // between SIGTERM and SIGKILL
    int restart_backoff_max_ms = 60'000;
    int64_t memory_per_kpu = int64_t{4} << 30;
    int caretaker_pause_ms = 2'000;  // between two looks at what running applications need
    // Called at every point between two steps of an operation, with "StartApplication.launch.done"; tests end
    // the process there.
    std::function<void(const std::string& point)> fault_point;
};

}  // namespace millrace
