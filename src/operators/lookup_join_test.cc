#include "operators/lookup_join.h"

#include <gtest/gtest.h>

#include "operators/test_harness.h"

namespace millrace {
namespace {

using testing::batchOf;
using testing::OperatorHarness;
using testing::TestRow;
using Rows = std::vector<std::string>;

const Schema kInput({{"k", LogicalType::bigint()}, {"v", LogicalType::integer()}});
const Schema kTable({{"name", LogicalType::string()}, {"id", LogicalType::bigint()}});

// Every split is a batch of the table as it is now.
class TableSource final : public Source {
  public:
    explicit TableSource(const std::vector<Batch>& batches, bool ends = true)
        : batches_(batches), ends_(ends) {}
    std::string name() const override { return "TableSource"; }
    const Schema& outputSchema() const override { return kTable; }
    Boundedness boundedness() const override { return Boundedness::Bounded; }
    std::unique_ptr<SplitEnumerator> createEnumerator(const std::optional<std::string>&) const override {
        class Enumerator final : public SplitEnumerator {
          public:
            Enumerator(size_t splits, bool ends) : splits_(splits), ends_(ends) {}
            void start(EnumeratorContext&) override {}
            void onSplitRequest(EnumeratorContext& context, SlotIndex reader) override {
                if (next_ < splits_) {
                    context.assign(reader, {std::to_string(next_++), ""});
                } else if (ends_) {
                    context.noMoreSplits(reader);
                }
            }
            std::string snapshot() const override { return ""; }

          private:
            size_t splits_;
            size_t next_ = 0;
            bool ends_;
        };
        return std::make_unique<Enumerator>(batches_.size(), ends_);
    }
    std::unique_ptr<SourceReader> createReader(SourceReaderContext& context) const override {
        class Reader final : public SourceReader {
          public:
            Reader(const std::vector<Batch>& batches, SourceReaderContext& reader_context)
                : batches_(batches), context_(reader_context) {
                context_.requestSplit();
            }
            void addSplits(std::vector<SourceSplit> splits) override {
                for (const SourceSplit& split : splits)
                    waiting_.push_back(std::stoul(split.id));
            }
            void noMoreSplits() override { ended_ = true; }
            ReadStatus poll(Output& output) override {
                if (waiting_.empty()) return ended_ ? ReadStatus::EndOfInput : ReadStatus::Nothing;
                output.emit(batches_[waiting_.back()]);
                waiting_.pop_back();
                context_.requestSplit();
                return ReadStatus::More;
            }
            std::vector<SourceSplit> snapshot() const override { return {}; }

          private:
            const std::vector<Batch>& batches_;
            SourceReaderContext& context_;
            std::vector<size_t> waiting_;
            bool ended_ = false;
        };
        return std::make_unique<Reader>(batches_, context);
    }

  private:
    const std::vector<Batch>& batches_;
    bool ends_;
};

std::shared_ptr<Operator> lookup(JoinType type, const std::vector<Batch>& table, Duration reload = {},
                                 bool ends = true) {
    LookupJoinParameters p;
    p.shape.type = type;
    p.shape.inputs[0] = {kInput, {2}};
    p.shape.inputs[1] = {kTable, {1}};
    std::vector<Field> fields = kInput.fields();
    fields.push_back({"k + 1", LogicalType::bigint()});
    p.shape.inputs[0].schema = Schema(fields);
    p.computed[0] = {Expression::call("+", {Expression::column(0, LogicalType::bigint(), "k"),
                                            Expression::literal(Value::int64(1), LogicalType::bigint())})};
    p.shape.columns = {1, 3};
    p.shape.output = Schema({kInput[1], kTable[0]});
    p.table = std::make_shared<TableSource>(table, ends);
    p.reload_interval = reload;
    return std::make_shared<LookupJoin>(std::move(p));
}

TestRow row(std::optional<int64_t> k, int64_t v, RowKind kind = RowKind::Insert) {
    return {{k ? Value::int64(*k) : Value::null(), Value::int64(v)}, kind};
}
Batch names(std::vector<std::pair<std::string, std::optional<int64_t>>> rows) {
    std::vector<TestRow> table;
    for (const auto& [name, id] : rows)
        table.push_back({{Value::string(name), id ? Value::int64(*id) : Value::null()}});
    return batchOf(kTable, table);
}

TEST(LookupJoin, RowsMeetTheTableAndKeepTheirKinds) {
    const std::vector<Batch> table = {names({{"two", 2}, {"three", 3}, {"none", {}}}), names({{"deux", 2}})};
    const Batch batch =
        batchOf(kInput, {row(1, 10), row(2, 20, RowKind::UpdateBefore), row(7, 70), row({}, 0)});
    OperatorHarness inner(lookup(JoinType::Inner, table));
    inner.process(batch);
    EXPECT_EQ(inner.changes(), (Rows{"+I(10, two)", "+I(10, deux)", "-U(20, three)"}));
    OperatorHarness left(lookup(JoinType::Left, table));
    left.process(batch);
    EXPECT_EQ(left.changes(),
              (Rows{"+I(10, two)", "+I(10, deux)", "-U(20, three)", "+I(70, NULL)", "+I(0, NULL)"}));
}

TEST(LookupJoin, AnEmptyTableIsMetByNothing) {
    const std::vector<Batch> table;
    OperatorHarness harness(lookup(JoinType::Inner, table));
    harness.process(batchOf(kInput, {row(1, 10)}));
    EXPECT_TRUE(harness.changes().empty());
}

TEST(LookupJoin, TheTableIsReadAgainOnceTheIntervalIsOver) {
    std::vector<Batch> table = {names({{"old", 2}})};
    OperatorHarness harness(lookup(JoinType::Inner, table, Duration{5'000}));
    table = {names({{"new", 2}})};
    harness.clock.now_ms += 4'999;
    harness.process(batchOf(kInput, {row(1, 1)}));
    harness.clock.now_ms += 1;
    harness.process(batchOf(kInput, {row(1, 2)}));
    EXPECT_EQ(harness.changes(), (Rows{"+I(1, old)", "+I(2, new)"}));
}

TEST(LookupJoin, ATableWithoutEndIsRefused) {
    const std::vector<Batch> table = {names({{"two", 2}})};
    EXPECT_THROW(OperatorHarness harness(lookup(JoinType::Inner, table, {}, false)), UserError);
}

}  // namespace
}  // namespace millrace
