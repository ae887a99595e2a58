// Rooms: cluster
// Runs the SQL of a file as a cluster does, from its newest checkpoint if it has one, and ends itself with
// SIGKILL at the n-th time that a step of a checkpoint is reached, or, with a command of the shell, runs that
// then and goes on; the restore's own commits and clean-up are such steps, too.
//
// usage: kill_at_step FILE STATE_FOLDER PARALLELISM STEP N [COMMAND [KEY=VALUE...]]      STEP as hooks.h
// names them, or "none"; COMMAND may be empty; the rest is configuration
#include <unistd.h>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>

#include <algorithm>
#include <atomic>

#include "base/error.h"
#include "base/file_system.h"
#include "base/log.h"
#include "cluster/application.h"
#include "runtime/hooks.h"
#include "runtime/job.h"

namespace millrace {
namespace {

class KillAtStep final : public StepHooks {
  public:
    KillAtStep(std::string step, int times, std::string command)
        : step_(std::move(step)), command_(std::move(command)), left_(times) {}
    void at(CheckpointStep step) override {
        if (step_ != toString(step) || left_.fetch_sub(1) != 1) return;
        if (command_.empty()) ::kill(::getpid(), SIGKILL);
        if (std::system(command_.c_str()) != 0) std::fprintf(stderr, "%s failed\n", command_.c_str());
    }

  private:
    const std::string step_;
    const std::string command_;
    std::atomic<int> left_;
};

int run(char** arguments, const std::string& command, std::span<char*> settings) {
    LogConfiguration log;
    log.json = false;
    configureLog(log);
    ApplicationPackage package;
    package.application_name = "killed";
    package.sql_files = {{arguments[0], readFile(localFileSystem(), arguments[0])}};
    package.configuration.set("parallelism.default", arguments[2]);
    package.configuration.set("execution.checkpointing.interval", "150 ms");
    package.configuration.set("execution.checkpointing.dir", std::string("file://") + arguments[1]);
    for (const std::string setting : settings) {
        const size_t equals = setting.find('=');
        package.configuration.set(setting.substr(0, equals), setting.substr(equals + 1));
    }
    const sql::PlannedJob planned = planApplication(package);
    KillAtStep hooks(arguments[3], std::atoi(arguments[4]), command);
    JobOptions options;
    options.job_id = "6b696c6c6b696c6c6b696c6c6b696c6c";
    options.resume_latest = true;
    options.hooks = &hooks;
    const auto job = Job::start(planned.graph, options);
    std::puts("running");
    std::fflush(stdout);
    const JobStatus end = job->waitForEnd(-1);
    std::printf("%s\n", toString(end).c_str());
    return 1;  // it has no end of its own
}

}  // namespace
}  // namespace millrace

int main(int count, char** arguments) {
    if (count < 6) return 2;
    const std::span settings(arguments + std::min(count, 7), arguments + count);
    try {
        return millrace::run(arguments + 1, count > 6 ? arguments[6] : "", settings);
    } catch (const millrace::UserError& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
