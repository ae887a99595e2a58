#include "operators/local_window_aggregate.h"

#include <gtest/gtest.h>

#include <random>

#include "operators/test_harness.h"
#include "operators/window_aggregate.h"

namespace millrace {
namespace {

using testing::batchOf;
using testing::CollectingOutput;
using testing::ManualClock;
using testing::OperatorHarness;
using testing::SubtaskContext;
using testing::TestRow;

const Schema kInput({{"k", LogicalType::string()},
                     {"v", LogicalType::bigint()},
                     {"s", LogicalType::string()},
                     {"pass", LogicalType::boolean()},
                     {"ts", LogicalType::timestamp(3)}});
constexpr size_t kTime = 4;

AggregateTerm term(const char* name, const std::vector<size_t>& arguments,
                   std::optional<size_t> filter = std::nullopt) {
    std::vector<ArgumentInfo> infos;
    infos.reserve(arguments.size());
    for (const size_t argument : arguments)
        infos.push_back({kInput[argument].type, std::nullopt});
    return {findAggregateFunction(name)->bind(infos, false, false), arguments, filter, name, name};
}

std::vector<AggregateTerm> terms() {
    return {term("COUNT", {}),   term("COUNT", {1}),      term("SUM", {1}),
            term("AVG", {1}),    term("MIN", {2}),        term("MAX", {2}),
            term("SUM", {1}, 3), term("STDDEV_POP", {1}), term("MAX", {1})};
}

WindowAggregateParameters onePhase(const Windows& windows, std::vector<size_t> keys) {
    using From = WindowAggregateColumn::From;
    WindowAggregateParameters p;
    p.input = kInput;
    p.windows = windows;
    p.time_column = kTime;
    p.keys = std::move(keys);
    p.terms = terms();
    std::vector<Field> fields;
    for (size_t i = 0; i < p.keys.size(); ++i) {
        p.columns.push_back({From::Key, i});
        fields.push_back(kInput[p.keys[i]]);
    }
    p.columns.push_back({From::WindowEnd, 0});
    fields.push_back({"window_end", LogicalType::timestamp(3).withNullable(false)});
    for (size_t i = 0; i < p.terms.size(); ++i) {
        p.columns.push_back({From::Term, i});
        fields.push_back({fmt::format("t{}", i), p.terms[i].function->resultType()});
    }
    p.output = Schema(std::move(fields));
    return p;
}

std::shared_ptr<LocalWindowAggregate> firstPhase(const WindowAggregateParameters& alone) {
    LocalWindowAggregateParameters p;
    p.input = alone.input;
    p.windows = alone.windows;
    p.time_column = *alone.time_column;
    p.keys = alone.keys;
    p.terms = alone.terms;
    return std::make_shared<LocalWindowAggregate>(std::move(p));
}

std::shared_ptr<WindowAggregate> secondPhase(const LocalWindowAggregate& first, WindowAggregateParameters p) {
    p.input = first.outputSchema();
    p.time_column = first.sliceEndColumn();
    p.time_is = RowWindow::OfSliceEnd;
    p.rows_column = first.rowsColumn();
    for (size_t i = 0; i < p.keys.size(); ++i)
        p.keys[i] = i;
    p.terms = first.mergingTerms();
    return std::make_shared<WindowAggregate>(std::move(p));
}

// Several first phases and one second, by hand.
class FirstPhase {
  public:
    explicit FirstPhase(std::shared_ptr<const Operator> op) : op_(std::move(op)) {
        context_.clock = &clock_;
        context_.configuration_ = &configuration_;
        state_ = op_->open(context_);
    }
    void process(const Batch& batch, Output& output) { op_->process(*state_, 0, batch, context_, output); }
    void watermark(int64_t watermark, Output& output) {
        op_->onWatermark(*state_, EventTime(watermark), context_, output);
    }
    void idle(bool idle, Output& output) { op_->onIdle(*state_, idle, context_, output); }
    void barrier(Output& output) { op_->beforeBarrier(*state_, context_, output); }
    void end(Output& output) { op_->onEndOfInput(*state_, context_, output); }

  private:
    std::shared_ptr<const Operator> op_;
    ManualClock clock_;
    Configuration configuration_;
    SubtaskContext context_;
    std::unique_ptr<OperatorState> state_;
};

// Rows only: the watermark of several first phases is for the test to combine.
class RowsInto final : public Output {
  public:
    explicit RowsInto(OperatorHarness& next) : next_(next) {}
    void emit(Batch batch) override {
        if (!batch.empty()) next_.process(batch);
    }
    void emitWatermark(EventTime) override {}
    void emitIdle(bool) override {}

  private:
    OperatorHarness& next_;
};

void compare(const Windows& windows, bool keyed, uint64_t seed, size_t most_rows) {
    SCOPED_TRACE(fmt::format("{} keyed={} seed={} batch={}", windows.toString(), keyed, seed, most_rows));
    std::mt19937_64 random(seed);
    const auto below = [&](uint64_t bound) { return static_cast<int64_t>(random() % bound); };
    const std::vector<size_t> keys = keyed ? std::vector<size_t>{0} : std::vector<size_t>{};
    const WindowAggregateParameters alone = onePhase(windows, keys);
    const auto first_phase = firstPhase(alone);
    OperatorHarness one(std::make_shared<WindowAggregate>(alone), keys);
    OperatorHarness two(secondPhase(*first_phase, alone), keys);
    FirstPhase firsts[] = {FirstPhase(first_phase), FirstPhase(first_phase)};
    int64_t watermarks[] = {INT64_MIN, INT64_MIN};
    RowsInto into(two);
    int64_t time = 0, watermark = INT64_MIN;
    for (int step = 0; step < 200; ++step) {
        std::vector<TestRow> rows;
        for (int64_t i = 1 + below(most_rows); i > 0; --i) {
            time += below(30);
            const auto value = [&](Value v) { return below(8) == 0 ? Value::null() : std::move(v); };
            rows.push_back({{value(Value::string(fmt::format("key-{}", below(9)))),
                             value(Value::int64(below(1000) - 500)),
                             value(Value::string(std::string(static_cast<size_t>(below(30)), 'a') + "x")),
                             value(Value::boolean(below(2) == 0)),
                             Value::int64((time - below(3) * below(2500)) * 1000)}});
        }
        const Batch batch = batchOf(kInput, rows);
        const auto subtask = static_cast<size_t>(below(2));
        one.process(batch);
        firsts[subtask].process(batch, into);
        if (below(20) == 0) firsts[subtask].barrier(into);
        watermarks[subtask] = std::max(watermarks[subtask], time - below(1500));
        firsts[subtask].watermark(watermarks[subtask], into);
        const int64_t combined = std::min(watermarks[0], watermarks[1]);
        if (combined == watermark) continue;
        watermark = combined;
        one.watermark(watermark);
        two.watermark(watermark);
        EXPECT_EQ(one.table(), two.table());
    }
    for (FirstPhase& first : firsts) {
        first.watermark(EventTime::max().value(), into);
        first.end(into);
    }
    one.end();
    two.end();
    EXPECT_EQ(one.table(), two.table());
    EXPECT_EQ(one.metric("numLateRecordsDropped"), two.metric("numLateRecordsDropped"));
    EXPECT_GT(one.metric("numLateRecordsDropped"), 0);
    EXPECT_GT(one.changes().size(), 3u);
}

TEST(LocalWindowAggregate, BothPhasesMakeWhatOneMakes) {
    uint64_t seed = 1;
    for (const Windows& windows :
         {Windows{WindowShape::Tumble, 1000, 1000, 0}, Windows{WindowShape::Hop, 1000, 250, 100},
          Windows{WindowShape::Cumulate, 2000, 500, 0}}) {
        for (const size_t most_rows : {1, 7, 90}) {
            for (const bool keyed : {true, false})
                compare(windows, keyed, seed++, most_rows);
        }
    }
}

Batch rowsAt(std::initializer_list<int64_t> times_ms) {
    std::vector<TestRow> rows;
    for (const int64_t time : times_ms) {
        rows.push_back({{Value::string("a"), Value::int64(1), Value::string("s"), Value::boolean(true),
                         Value::int64(time * 1000)}});
    }
    return batchOf(kInput, rows);
}

class Held : public ::testing::Test {
  protected:
    size_t rowsOut() const {
        size_t rows = 0;
        for (const Batch& batch : output_.batches)
            rows += batch.rows();
        return rows;
    }
    FirstPhase first_{firstPhase(onePhase({WindowShape::Tumble, 1000, 1000, 0}, {0}))};
    CollectingOutput output_;
};

TEST_F(Held, UntilTheWatermarkReachesTheSlice) {
    first_.process(rowsAt({1, 2, 999, 1000, 1001}), output_);
    first_.watermark(998, output_);
    EXPECT_EQ(rowsOut(), 0u);
    first_.watermark(999, output_);
    EXPECT_EQ(rowsOut(), 1u);
    EXPECT_EQ(output_.events, (std::vector<std::string>{"watermark 998", "rows", "watermark 999"}));
    EXPECT_EQ(output_.batches[0].column(2)->data<int64_t>()[0], 3);  // rows
    first_.process(rowsAt({500}), output_);                          // late here, perhaps not downstream
    EXPECT_EQ(rowsOut(), 2u);
}

TEST_F(Held, UntilABarrier) {
    first_.process(rowsAt({1, 1001}), output_);
    first_.barrier(output_);
    EXPECT_EQ(rowsOut(), 2u);
    first_.barrier(output_);
    EXPECT_EQ(rowsOut(), 2u);
}

TEST_F(Held, UntilTheInputIsIdle) {
    first_.process(rowsAt({1, 1001}), output_);
    first_.idle(true, output_);
    EXPECT_EQ(output_.events, (std::vector<std::string>{"rows", "rows", "idle"}));
}

TEST_F(Held, UntilThereAreManyGroups) {
    std::vector<TestRow> rows;
    for (int64_t i = 0; i < 17'000; ++i) {
        rows.push_back({{Value::string(std::to_string(i)), Value::null(), Value::null(), Value::null(),
                         Value::int64(0)}});
    }
    first_.process(batchOf(kInput, rows), output_);
    EXPECT_EQ(rowsOut(), 17'000u);
}

TEST(LocalWindowAggregateTerms, WithoutFlatAccumulatorsAreNotForIt) {
    std::vector<AggregateTerm> all = terms();
    EXPECT_TRUE(canAggregateLocally(all));
    all.push_back(term("COLLECT", {1}));
    EXPECT_FALSE(canAggregateLocally(all));
}

}  // namespace
}  // namespace millrace
