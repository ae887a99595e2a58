// Dead letters: records that a source could not decode, on their way to a table of their own. A table names
// it by the option scan.dead-letter.table; its columns are some of those below, found by name.
//
// In a job, the sink of that table is fed by the source node, which gives it nothing but the dead letters:
// barriers and the end of input reach it as they reach everybody, so a letter is written exactly as often as
// the source's position passes the record.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/forwarding_source.h"
#include "runtime/sink.h"

namespace millrace {

inline constexpr const char* kDeadLetterTable = "scan.dead-letter.table";

// The columns that a table of dead letters may have.
const Schema& deadLetterColumns();
// UserError "table.bad-dead-letters" if `schema` has others, or none; "config.bad-value" if `options`, of the
// table that is read, say that its malformed records are to be passed over.
void checkDeadLetters(const std::string& table, const std::map<std::string, std::string>& options,
                      const std::string& letters, const Schema& schema);

// The context of a reader whose dead letters somebody takes (a SourceReaderContext may be one).
class DeadLetterContext {
  public:
    virtual ~DeadLetterContext() = default;
    // Takes rows of these columns, in order with what goes to poll()'s output; nullptr where nobody does.
    virtual Output* deadLetters() = 0;
};

// Marks a sink as one of dead letters.
class DeadLetterSink final : public Sink {
  public:
    explicit DeadLetterSink(std::shared_ptr<const Sink> sink) : sink_(std::move(sink)) {}
    std::string name() const override { return sink_->name(); }
    const Schema& inputSchema() const override { return sink_->inputSchema(); }
    ChangelogMode accepts() const override { return sink_->accepts(); }
    std::unique_ptr<SinkWriter> createWriter(SinkWriterContext& context,
                                             std::vector<std::string> restored) const override {
        return sink_->createWriter(context, std::move(restored));
    }
    std::unique_ptr<Committer> createCommitter(const Environment& environment) const override {
        return sink_->createCommitter(environment);
    }

  private:
    const std::shared_ptr<const Sink> sink_;
};

// A source together with the sink of its dead letters, as the planner keeps the two until it makes the job.
class SourceWithDeadLetters final : public ForwardingSource {
  public:
    SourceWithDeadLetters(std::shared_ptr<const Source> source, std::shared_ptr<const Sink> sink,
                          std::string table)
        : ForwardingSource(std::move(source)), sink_(std::move(sink)), table_(std::move(table)) {}
    std::string name() const override { return source()->name() + " [dead letters: " + table_ + "]"; }
    const std::shared_ptr<const Sink>& deadLetters() const { return sink_; }
    const std::string& table() const { return table_; }  // its whole name

  private:
    const std::shared_ptr<const Sink> sink_;
    const std::string table_;
};

}  // namespace millrace
