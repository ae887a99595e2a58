// millrace serve: the service, until SIGTERM or SIGINT.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <csignal>

#include "base/log.h"
#include "cli/command.h"
#include "service/service.h"

namespace millrace {

namespace {

Service* serving = nullptr;  // for the signal handler, while wait() runs

void requestStop(int) { serving->requestStop(); }

// Systems give 1024 descriptors at first and allow many more: each connection needs one, and each cluster.
void raiseDescriptorLimit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int serve(const ServiceConfiguration& configuration) {
    configureLog({.level = LogLevel::Info});
    raiseDescriptorLimit();
    Service service(configuration);
    service.start();
    serving = &service;
    struct sigaction action {};
    action.sa_handler = requestStop;
    sigaction(SIGTERM, &action, nullptr);
    sigaction(SIGINT, &action, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    service.wait();
    // A second signal ends the process at once: nothing is lost, what is under way goes on at the next start.
    std::signal(SIGTERM, SIG_DFL);
    std::signal(SIGINT, SIG_DFL);
    service.stop();
    return 0;
}

}  // namespace

Command describeCommandsServe() {
    Command command;
    command.name = "serve";
    command.documentation =
        "Runs the service: the kinesisanalyticsv2 API on --listen, everything it keeps in --data-dir";
    command.declare = [](CLI::App& app) {
        auto configuration = std::make_shared<ServiceConfiguration>();
        auto stop = std::make_shared<std::string>("leave");
        app.add_option("--listen", configuration->listen, "address and port, on loopback")
            ->capture_default_str();
        app.add_option("--data-dir", configuration->data_dir, "the folder of all the service keeps")
            ->required();
        app.add_option("--region", configuration->region,
                       "in ARNs; else AWS_REGION, AWS_DEFAULT_REGION, us-east-1");
        app.add_option("--account-id", configuration->account_id, "in ARNs; else 000000000000");
        app.add_option("--s3-endpoint", configuration->s3_endpoint,
                       "where code packages in S3 are fetched from; else AWS_ENDPOINT_URL_S3");
        app.add_option("--restart-backoff-max-ms", configuration->restart_backoff_max_ms,
                       "the longest wait before a cluster that keeps ending is started again")
            ->check(CLI::Range(0, 3'600'000))
            ->capture_default_str();
        app.add_option("--start-timeout-ms", configuration->start_timeout_ms,
                       "how long a cluster may take until its job runs, its restore included")
            ->check(CLI::Range(1, 86'400'000))
            ->capture_default_str();
        app.add_option("--unresponsive-after-ms", configuration->unresponsive_after_ms,
                       "a cluster that lives and has not answered for so long is restarted")
            ->check(CLI::Range(1'000, 86'400'000))
            ->capture_default_str();
        app.add_option("--on-exit", *stop,
                       "leave: clusters run on; stop: applications are stopped, with a snapshot")
            ->check(CLI::IsMember({"leave", "stop"}))
            ->capture_default_str();
        return [=]() -> int {
            configuration->on_exit = *stop == "stop" ? OnExit::StopClusters : OnExit::LeaveClusters;
            return serve(*configuration);
        };
    };
    return command;
}

}  // namespace millrace
