#include "engines/native/native_engine.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/file_system.h"
#include "base/hash.h"
#include "base/log.h"
#include "engines/native/cluster_limits.h"

extern char** environ;

namespace millrace {

namespace {

constexpr int kLockDescriptor = 3;  // in the cluster: keeps the application's lock for as long as it lives

std::string lastLineOf(const std::string& path) {
    auto& files = localFileSystem();
    if (!files.exists(path)) return "";
    const auto file = files.openToRead(path);
    const uint64_t size = file->size();
    const size_t tail = static_cast<size_t>(std::min<uint64_t>(size, 2000));
    std::string text(tail, '\0');
    text.resize(file->readAt(size - tail, text.data(), tail));
    while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
        text.pop_back();
    const size_t line = text.rfind('\n');
    return line == std::string::npos ? text : text.substr(line + 1);
}

class SpawnSetup {
  public:
    SpawnSetup() {
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
    }
    ~SpawnSetup() {
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
    }
    SpawnSetup(const SpawnSetup&) = delete;
    SpawnSetup& operator=(const SpawnSetup&) = delete;

    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
};

class NativeEngine final : public Engine {
  public:
    explicit NativeEngine(std::string binary) : binary_(std::move(binary)) {}

    std::string name() const override { return "native"; }

    std::string release() const override {
        struct stat status {};
        if (stat(binary_.c_str(), &status) != 0) return "";
        return fmt::format("{}-{}-{}.{}", status.st_ino, status.st_size, status.st_mtim.tv_sec,
                           status.st_mtim.tv_nsec);
    }

    ProcessIdentity launch(const ClusterSpec& spec) override {
        localFileSystem().createFolders(spec.application_folder);
        return spawn(spec, takeLock(spec), {});
    }

    ProcessIdentity prepare(const ClusterSpec& spec) override {
        localFileSystem().createFolders(spec.application_folder);
        endDeployment(spec);
        localFileSystem().remove(spec.activation_path);
        return spawn(
            spec, openLock(spec),
            {"--activation-file", spec.activation_path, "--lock-fd", std::to_string(kLockDescriptor)});
    }

    std::optional<ReadyReport> awaitPrepared(const ClusterSpec& spec, const ProcessIdentity& process,
                                             const std::function<bool()>& interrupted) override {
        return awaitReport(spec, process, interrupted, true);
    }

    void activate(const ClusterSpec& spec, const std::string& restore) override {
        const auto prepared = deploymentOf(spec);
        for (const auto& process : clustersOf(spec)) {
            if (std::find(prepared.begin(), prepared.end(), process) == prepared.end()) kill(process);
        }
        nlohmann::json activation = nlohmann::json::object();
        if (!restore.empty()) activation["restore"] = restore;
        writeFileAtomically(localFileSystem(), spec.activation_path, activation.dump());
    }

    std::optional<ReadyReport> awaitReady(const ClusterSpec& spec, const ProcessIdentity& process,
                                          const std::function<bool()>& interrupted) override {
        return awaitReport(spec, process, interrupted, false);
    }

    bool isAlive(const ProcessIdentity& process) override {
        reapChildren();
        return millrace::isAlive(process);
    }
    FileDescriptor watch(const ProcessIdentity& process) override { return watchProcess(process); }

    void end(const ClusterSpec& spec, int grace_ms) override {
        for (const auto& process : clustersOf(spec)) {
            if (grace_ms > 0)
                endProcess(process, grace_ms);
            else
                kill(process);
        }
        if (localFileSystem().exists(spec.application_folder)) takeLock(spec);  // proves that nothing is left
    }

    void endDeployment(const ClusterSpec& spec) override {
        for (const auto& process : deploymentOf(spec))
            kill(process);
    }

  private:
    static std::string logPath(const ClusterSpec& spec) { return joinPath(spec.application_folder, "log"); }

    static std::vector<ProcessIdentity> clustersOf(const ClusterSpec& spec) {
        return findProcesses(
            {"cluster", "--application", spec.application_name, "--data-dir", spec.data_dir});
    }

    static std::vector<ProcessIdentity> deploymentOf(const ClusterSpec& spec) {
        return findProcesses({"--package", spec.package_path});
    }

    static void kill(const ProcessIdentity& process) {
        signalProcess(process, SIGKILL);
        awaitEnd(process, 30'000);
    }

    // Starts the cluster's process, which keeps `lock`.
    ProcessIdentity spawn(const ClusterSpec& spec, const FileDescriptor& lock,
                          const std::vector<std::string>& more_arguments) {
        localFileSystem().remove(spec.ready_path);
        const std::string log = logPath(spec);
        std::vector<std::string> arguments{
            binary_,      "cluster",     "--application", spec.application_name,
            "--data-dir", spec.data_dir, "--package",     spec.package_path,
            "--rest",     "127.0.0.1:0", "--ready-file",  spec.ready_path};
        arguments.insert(arguments.end(), more_arguments.begin(), more_arguments.end());
        std::vector<char*> argv;
        argv.reserve(arguments.size() + 1);
        for (auto& argument : arguments)
            argv.push_back(argument.data());
        argv.push_back(nullptr);

        SpawnSetup setup;
        posix_spawn_file_actions_addopen(&setup.actions, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&setup.actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0640);
        posix_spawn_file_actions_adddup2(&setup.actions, 1, 2);
        posix_spawn_file_actions_adddup2(&setup.actions, lock.get(), kLockDescriptor);
        posix_spawn_file_actions_addclosefrom_np(&setup.actions, kLockDescriptor + 1);
        sigset_t none, all;
        sigemptyset(&none);
        sigfillset(&all);
        posix_spawnattr_setsigmask(&setup.attributes, &none);
        posix_spawnattr_setsigdefault(&setup.attributes, &all);
        posix_spawnattr_setflags(&setup.attributes,
                                 POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        pid_t pid = 0;
        if (const int error =
                posix_spawn(&pid, binary_.c_str(), &setup.actions, &setup.attributes, argv.data(), environ))
            throw UserError("cluster.cannot-start",
                            fmt::format("cannot start {}: {}", binary_, strerror(error)));
        {
            std::lock_guard guard(mutex_);
            children_.push_back(pid);
        }
        // An ended child stays a zombie until it is waited for, so the number is still its own: it may only
        // have ended.
        auto process = identifyProcess(pid);
        if (!process) {
            reapChildren();
            process = ProcessIdentity{pid, -1, ""};
        }
        const std::string limits = applyClusterLimits(
            pid, {spec.kpus, spec.kpus * spec.memory_per_kpu, spec.kpus * spec.disk_per_kpu}, groupOf(spec));
        logInfo("engines.native", "application {}: cluster {} as process {}; {} KPUs, held by {}",
                spec.application_name, more_arguments.empty() ? "launched" : "prepared", pid, spec.kpus,
                limits);
        return *process;
    }

    // The report that the cluster is prepared is passed over by who waits for a running job.
    std::optional<ReadyReport> awaitReport(const ClusterSpec& spec, const ProcessIdentity& process,
                                           const std::function<bool()>& interrupted, bool prepared) {
        auto& files = localFileSystem();
        // Watch first, then look: nothing falls between.
        const FileDescriptor changes(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
        if (changes.valid())
            inotify_add_watch(changes.get(), parentFolder(spec.ready_path).c_str(),
                              IN_MOVED_TO | IN_CLOSE_WRITE);
        const FileDescriptor pidfd = watchProcess(process);
        for (;;) {
            // Ended is asked before the file is looked at: what an ending cluster wrote last still counts.
            const bool ended = !pidfd.valid() || hasEnded(pidfd, process);
            if (files.exists(spec.ready_path)) {
                ReadyReport report = readReport(spec);
                if (report.failed()) {  // it is ending
                    awaitEnd(process, 1'000);
                    reapChildren();
                }
                if (prepared || !report.prepared) return report;
            }
            if (ended) {
                reapChildren();
                const std::string last = lastLineOf(logPath(spec));
                return ReadyReport{.error_code = "cluster.ended",
                                   .error_message = fmt::format(
                                       "the cluster ended before its job was running{}{} (log: {})",
                                       last.empty() ? "" : "; its last words: ", last, logPath(spec))};
            }
            if (interrupted()) return std::nullopt;
            pollfd waits[] = {{pidfd.get(), POLLIN, 0}, {changes.get(), POLLIN, 0}};
            poll(waits, 2, changes.valid() ? 20 : 2);
            char events[4096];
            while (changes.valid() && read(changes.get(), events, sizeof events) > 0) {
            }
        }
    }

    static bool hasEnded(const FileDescriptor& pidfd, const ProcessIdentity& process) {
        pollfd wait{pidfd.get(), POLLIN, 0};
        return poll(&wait, 1, 0) > 0 || !millrace::isAlive(process);
    }

    // Of each deployment, since two of an application may run beside each other.
    static std::string groupOf(const ClusterSpec& spec) { return sha256Hex(spec.package_path).substr(0, 16); }

    static std::string lockPath(const ClusterSpec& spec) {
        return joinPath(spec.application_folder, "cluster.lock");
    }

    static FileDescriptor openLock(const ClusterSpec& spec) {
        FileDescriptor lock(open(lockPath(spec).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
        if (!lock.valid())
            throw UserError("io.failed", fmt::format("cannot open {}: {}", lockPath(spec), strerror(errno)));
        return lock;
    }

    // The lock is free once no cluster of the application lives, even one that is not found in /proc yet.
    static FileDescriptor takeLock(const ClusterSpec& spec) {
        FileDescriptor lock = openLock(spec);
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
            for (const auto& process : clustersOf(spec)) {
                logWarn("engines.native",
                        "application {}: ending process {}, a cluster that nobody looks after",
                        spec.application_name, process.pid);
                signalProcess(process, SIGKILL);
                awaitEnd(process, 10'000);
            }
            if (std::chrono::steady_clock::now() > deadline)
                throw UserError(
                    "cluster.still-running",
                    fmt::format("another process holds {}: a cluster of this application still runs",
                                lockPath(spec)));
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
        return lock;
    }

    static ReadyReport readReport(const ClusterSpec& spec) {
        const auto report =
            nlohmann::json::parse(readFile(localFileSystem(), spec.ready_path), nullptr, false);
        ReadyReport ready;
        try {
            if (report.contains("error")) {
                ready.error_code = report.at("error").at("code").get<std::string>();
                ready.error_message = report.at("error").at("message").get<std::string>();
            } else if (report.value("prepared", false)) {
                ready.prepared = true;
            } else {
                ready.port = report.at("port").get<uint16_t>();
                ready.job_id = report.at("jobId").get<std::string>();
            }
        } catch (const nlohmann::json::exception& e) {
            ready.error_code = "cluster.bad-report";
            ready.error_message =
                fmt::format("the cluster's report {} cannot be read: {}", spec.ready_path, e.what());
        }
        return ready;
    }

    // Clusters are our children until we end; one that has ended must be waited for, or it stays a zombie.
    void reapChildren() {
        std::lock_guard guard(mutex_);
        std::erase_if(children_, [](pid_t pid) { return waitpid(pid, nullptr, WNOHANG) != 0; });
    }

    std::string binary_;
    std::mutex mutex_;
    std::vector<pid_t> children_;
};

}  // namespace

std::unique_ptr<Engine> makeNativeEngine(std::string binary) {
    return std::make_unique<NativeEngine>(std::move(binary));
}

}  // namespace millrace
