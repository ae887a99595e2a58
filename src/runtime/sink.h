// Sinks after Flink's two-phase commit (FLIP-143, FLIP-191): writers prepare, the coordinator keeps the
// committables in the checkpoint and has the committer commit them once it is complete; after a restore they
// are committed again, so a commit must be idempotent.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/operator.h"

namespace millrace {

enum class ChangelogMode : uint8_t {
    InsertOnly,
    Upsert,  // +I, +U, -D by key (no -U)
    All,     // +I, -U, +U, -D
};

class SinkWriterContext {
  public:
    virtual ~SinkWriterContext() = default;
    virtual const Environment& environment() const = 0;
    virtual MetricGroup& metrics() = 0;
    virtual ProcessingTime now() const = 0;
    virtual SlotIndex subtask() const = 0;
    virtual uint32_t parallelism() const = 0;
    virtual const std::string& jobId() const = 0;
    virtual const std::string& attemptId()
        const = 0;  // differs in every start of the job: names what must not collide
};

class SinkWriter {
  public:
    virtual ~SinkWriter() = default;
    virtual void write(const Batch& batch) = 0;
    virtual void onWatermark(EventTime watermark) { (void)watermark; }
    virtual void flush() {
    }  // makes at-least-once output visible; called when the slot has nothing else to do, too
    virtual void onEndOfInput() {}  // no more rows come; barriers may
    // At a barrier, and once at the end of input: everything written so far, made durable but not yet
    // visible.
    virtual std::vector<std::string> prepareCommit() { return {}; }
    // What this writer must find again after a restore, beyond committables (Split redistribution).
    virtual std::vector<std::string> snapshot() { return {}; }
};

class Committer {
  public:
    virtual ~Committer() = default;
    // Makes them visible, in order. Idempotent. Failing throws: the job then fails and restarts, and they are
    // committed again.
    virtual void commit(const std::vector<std::string>& committables) = 0;
    // After a restore: whatever writers of former attempts left behind that no committable names may be
    // cleaned up.
    virtual void cleanUp(const std::string& job_id) { (void)job_id; }
};

class Sink {
  public:
    virtual ~Sink() = default;
    virtual std::string name() const = 0;  // "Sink(table=[delays], fields=[...])"
    virtual const Schema& inputSchema() const = 0;
    virtual ChangelogMode accepts() const { return ChangelogMode::InsertOnly; }
    virtual std::unique_ptr<SinkWriter> createWriter(SinkWriterContext& context,
                                                     std::vector<std::string> restored) const = 0;
    virtual std::unique_ptr<Committer> createCommitter(const Environment& environment) const {
        (void)environment;
        return nullptr;
    }
};

}  // namespace millrace
