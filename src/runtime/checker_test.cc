#include "runtime/checker.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "runtime/job.h"
#include "runtime/simulator/probe.h"

namespace millrace {
namespace {

// Does one thing wrong.
class WrongOperator final : public Operator {
  public:
    enum class Fault { None, Column, Null, Watermark, Retraction, EndOfInput };
    explicit WrongOperator(Fault fault) : fault_(fault) {
        std::vector<Field> fields = schema_.fields();
        for (Field& field : fields)
            field.type = field.type.withNullable(false);
        schema_ = Schema(fields);
    }
    std::string name() const override { return "Wrong"; }
    const Schema& outputSchema() const override { return schema_; }
    std::unique_ptr<OperatorState> open(OperatorContext&) const override {
        return std::make_unique<OperatorState>();
    }
    void process(OperatorState&, size_t, const Batch& batch, OperatorContext&,
                 Output& output) const override {
        Batch out = batch;
        if (fault_ == Fault::Column) {
            auto columns = batch.columns();
            columns[1] = Column::constant(LogicalType::string(), Value::string("x"), batch.rows());
            out = batch.withColumns(columns);
        } else if (fault_ == Fault::Null) {
            auto columns = batch.columns();
            columns[1] = Column::constant(LogicalType::bigint(), Value::null(), batch.rows());
            out = batch.withColumns(columns);
        } else if (fault_ == Fault::Retraction) {
            out.setKinds(std::vector<RowKind>(batch.rows(), RowKind::Delete));
        } else if (fault_ == Fault::Watermark) {
            output.emitWatermark(EventTime(1000));
            output.emitWatermark(EventTime(999));
        }
        output.emit(out);
    }
    void onWatermark(OperatorState&, EventTime watermark, OperatorContext&, Output& output) const override {
        if (fault_ != Fault::Watermark) output.emitWatermark(watermark);
    }
    void onEndOfInput(OperatorState&, OperatorContext&, Output& output) const override {
        if (fault_ != Fault::EndOfInput) return;
        BatchBuilder out(schema_);
        for (size_t i = 0; i < 3; ++i)
            out.column(i).append<int64_t>(0);
        out.endRow();
        output.emit(out.finish());
    }

  private:
    const Fault fault_;
    Schema schema_ = probeSourceSchema();
};

std::string failureOf(WrongOperator::Fault fault, bool checker) {
    const std::string folder = testing::TempDir() + "checker_test." + std::to_string(::getpid());
    auto graph = std::make_shared<JobGraph>();
    graph->configuration.set("millrace.checker", checker ? "true" : "false");
    const NodeId source = graph->addSource("source", makeProbeSource({}));
    const NodeId op =
        graph->addOperator("op", std::make_shared<WrongOperator>(fault), {{source, Exchange::Forward, {}}});
    graph->addSink("sink", makeProbeSink(probeSourceSchema(), folder), {op, Exchange::Forward, {}});
    auto job = Job::start(graph, {});
    job->waitForEnd(20000);
    localFileSystem().removeRecursively(folder);
    const JobDetails details = job->details();
    return details.failures.empty() ? toString(details.status) : details.failures[0].message;
}

TEST(Checker, NamesWhatAnOperatorDoesWrong) {
    using Fault = WrongOperator::Fault;
    EXPECT_EQ(failureOf(Fault::None, true), "FINISHED");
    EXPECT_EQ(failureOf(Fault::Watermark, false), "FINISHED");
    EXPECT_EQ(failureOf(Fault::Column, true),
              "Wrong: column 'value' of its output is STRING, its schema says BIGINT NOT NULL");
    EXPECT_EQ(failureOf(Fault::Null, true),
              "Wrong: column 'value' of its output is NULL, its schema says NOT NULL");
    EXPECT_EQ(failureOf(Fault::Watermark, true), "Wrong: its watermark goes back from 1000 to 999");
    EXPECT_EQ(failureOf(Fault::Retraction, true), "Wrong: it takes back a row that does not stand: -D 0 0 0");
    EXPECT_EQ(failureOf(Fault::EndOfInput, true),
              "Wrong: onEndOfInput puts out the same again when it is called again");
}

}  // namespace
}  // namespace millrace
