#include "service/operation_runner.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/log.h"

namespace millrace {

namespace {
using Json = nlohmann::json;
constexpr int64_t kOperationsKept = 1'000;  // of each application
}  // namespace

OperationRunner::OperationRunner(ServiceContext& context, std::function<void()> finished)
    : context_(context), finished_(std::move(finished)) {}

OperationRunner::~OperationRunner() { stop(); }

void OperationRunner::schedule() {
    std::lock_guard lock(mutex_);
    scheduleLocked();
}

void OperationRunner::scheduleLocked() {
    for (auto& ended : ended_)
        ended->thread.join();
    ended_.clear();
    if (stopping_) return;
    for (const auto& operation : context_.store.operationsInProgress()) {
        const auto at = active_.find(operation.application_id);
        if (at != active_.end()) {
            if (at->second->sequence == operation.sequence && operation.cancel_requested)
                at->second->cancel = true;
            continue;
        }
        if (active_.size() >= kThreadsMax) continue;
        auto active = std::make_unique<Active>();
        active->sequence = operation.sequence;
        active->cancel = operation.cancel_requested;
        Active& begun = *active;
        active_[operation.application_id] = std::move(active);
        begun.thread = std::thread([this, &begun] { run(begun); });
    }
}

void OperationRunner::stop() {
    stopping_ = true;
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return active_.empty(); });
    for (auto& ended : ended_)
        ended->thread.join();
    ended_.clear();
}

bool OperationRunner::awaitIdle(int timeout_ms) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [this] {
        return active_.empty() && context_.store.operationsInProgress().empty();
    });
}

void OperationRunner::run(Active& active) {
    while (!stopping_) {
        try {
            execute(active);
            break;
        } catch (const std::exception& e) {
            // The metadata cannot be written (a full disk) or read: nothing is lost, the operation goes on
            // from where it is.
            logError("service.operations", "operation {} cannot go on at the moment: {}", active.sequence,
                     e.what());
            for (int i = 0; i < 50 && !stopping_; ++i)
                std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
    }
    {
        std::lock_guard lock(mutex_);
        const auto at = std::find_if(active_.begin(), active_.end(),
                                     [&](const auto& entry) { return entry.second.get() == &active; });
        auto own = std::move(at->second);
        active_.erase(at);
        try {
            scheduleLocked();  // joins threads that have ended, of which this is none yet
        } catch (const std::exception& e) {
            logError("service.operations", "the operations cannot be read: {}", e.what());
        }
        ended_.push_back(std::move(own));
        changed_.notify_all();
    }
    finished_();
}

bool OperationRunner::execute(Active& active) {
    try {
        return goOn(active);
    } catch (const OperationInterrupted&) {
        return false;  // left where it is
    }
}

bool OperationRunner::goOn(Active& active) {
    auto operation = context_.store.findOperation(active.sequence);
    if (!operation || operation->status != OperationStatus::InProgress) return true;
    if (operation->step > 0 || operation->undoing)
        logInfo("service.operations", "{} {}: going on at step {}{}", operation->kind, operation->id,
                operation->step, operation->undoing ? ", undoing" : "");
    try {
        if (!operation->undoing && doSteps(active, *operation)) return true;
    } catch (const OperationInterrupted& interrupted) {
        if (!interrupted.cancelled) return false;
        turnRound(*operation, "The operation was cancelled.", "");
    }
    undo(active, *operation);
    return true;
}

// True when all steps are done; false when the operation has turned round.
bool OperationRunner::doSteps(Active& active, Operation& operation) {
    const auto& description = operationDescription(operation.kind);
    while (operation.step < static_cast<int64_t>(description.steps.size())) {
        const OperationStep& step = description.steps[static_cast<size_t>(operation.step)];
        auto application = context_.store.findApplication(operation.application_id);
        MILLRACE_CHECK(application, "operation {} has no application", operation.id);
        Json state = Json::parse(operation.state);
        OperationContext work{context_, std::move(*application), operation, state, [&] {
                                  if (active.cancel) throw OperationInterrupted{true};
                                  if (stopping_) throw OperationInterrupted{false};
                              }};
        work.check();
        try {
            if (step.run) step.run(work);
        } catch (const OperationInterrupted&) {
            throw;
        } catch (const UserError& e) {
            turnRound(
                operation,
                e.problem().hint.empty() ? e.what() : fmt::format("{} ({})", e.what(), e.problem().hint),
                e.code());
            return false;
        } catch (const std::exception& e) {
            turnRound(operation, e.what(), "");
            return false;
        }
        reach(operation, step.name, "run");
        const bool last = operation.step + 1 == static_cast<int64_t>(description.steps.size());
        Operation next = operation;
        context_.store.transaction([&] {
            work.application = *context_.store.findApplication(operation.application_id);
            if (step.commit) step.commit(work);
            next.state = state.dump();
            ++next.step;
            if (last) {
                next.status = OperationStatus::Successful;
                next.end_time = context_.nowSeconds();
            }
            context_.store.updateOperation(next);
            if (last) context_.store.trimOperations(operation.application_id, kOperationsKept);
        });
        reach(operation, step.name, "done");
        operation = std::move(next);
        if (last)
            logInfo("service.operations", "application {}: {} is done", work.application.name,
                    operation.kind);
    }
    return true;
}

void OperationRunner::turnRound(Operation& operation, const std::string& error, const std::string& code) {
    Operation turned = operation;
    turned.undoing = true;
    turned.error = error;
    Json state = Json::parse(operation.state);
    state["errorCode"] = code;
    turned.state = state.dump(-1, ' ', false, Json::error_handler_t::replace);
    context_.store.updateOperation(turned);
    operation = std::move(turned);
    reach(operation, "undo", "begun");
}

void OperationRunner::undo(Active& active, Operation& operation) {
    const auto& description = operationDescription(operation.kind);
    auto application = context_.store.findApplication(operation.application_id);
    MILLRACE_CHECK(application, "operation {} has no application", operation.id);
    const std::string name = application->name;
    Json state = Json::parse(operation.state);
    const auto stored = context_.store.findOperation(operation.sequence);
    operation.cancel_requested = stored && stored->cancel_requested;
    OperationContext work{context_, std::move(*application), operation, state, [&] {
                              if (stopping_) throw OperationInterrupted{false};
                          }};
    try {
        if (description.undo) description.undo(work);
    } catch (const std::exception& e) {
        logError("service.operations", "application {}: undoing {} failed: {}", name, operation.kind,
                 e.what());
    }
    reach(operation, "undo", "run");
    const bool cancelled = active.cancel || operation.cancel_requested;
    context_.store.transaction([&] {
        work.application = *context_.store.findApplication(operation.application_id);
        if (description.undone) description.undone(work);
        operation.state = state.dump(-1, ' ', false, Json::error_handler_t::replace);
        operation.status = cancelled ? OperationStatus::Cancelled : OperationStatus::Failed;
        operation.end_time = context_.nowSeconds();
        context_.store.updateOperation(operation);
    });
    reach(operation, "undo", "done");
    logWarn("service.operations", "application {}: {} {}: {}", name, operation.kind,
            cancelled ? "was cancelled" : "failed", operation.error);
}

void OperationRunner::reach(const Operation& operation, const char* step, const char* what) {
    if (context_.configuration.fault_point)
        context_.configuration.fault_point(fmt::format("{}.{}.{}", operation.kind, step, what));
}

}  // namespace millrace
