// millrace cluster: what the service starts for each running application.
#include "cluster/cluster.h"

#include <CLI/CLI.hpp>

#include "cli/command.h"

namespace millrace {

Command describeCommandsCluster() {
    Command command;
    command.name = "cluster";
    command.documentation = "Runs one application for the service (which starts it; not meant to be typed)";
    command.declare = [](CLI::App& app) {
        auto options = std::make_shared<ClusterOptions>();
        // The first two are there to be seen in the list of processes.
        app.add_option("--application", "the application's name")->required();
        app.add_option("--data-dir", "the service's data folder")->required();
        app.add_option("--package", options->package_path, "the application package, a JSON file")
            ->required();
        app.add_option("--rest", options->rest_address, "where to answer the Flink REST API")
            ->default_val("127.0.0.1:0");
        app.add_option("--ready-file", options->ready_path, "written once the job runs, or why it cannot");
        app.add_option("--activation-file", options->activation_path,
                       "plan and check, then wait for this file before the job starts");
        app.add_option("--lock-fd", options->lock_descriptor,
                       "with --activation-file: the application's lock, to be taken then");
        return [options]() -> int {
            blockEndingSignals();  // before any other thread starts
            return runCluster(*options);
        };
    };
    return command;
}

}  // namespace millrace
