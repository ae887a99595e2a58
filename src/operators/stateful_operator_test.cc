#include "operators/stateful_operator.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace millrace {
namespace {

const Schema kRows({{"k", LogicalType::bigint()}, {"s", LogicalType::string()}});

// Registers the states of `registered` and speaks of those of `told`; "marks" is a list.
class KeepsWhatItIsTold final : public StatefulOperator {
  public:
    KeepsWhatItIsTold(std::vector<KeyedStateDescriptor> registered, std::vector<KeptState> told)
        : registered_(std::move(registered)), told_(std::move(told)) {}
    std::string name() const override { return "Keeps"; }
    const Schema& outputSchema() const override { return kRows; }
    std::vector<KeptState> keeps() const override { return told_; }
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override {
        for (const KeyedStateDescriptor& descriptor : registered_)
            context.state().table(descriptor);
        context.state().list("marks", Redistribution::Union);
        return std::make_unique<OperatorState>();
    }
    void process(OperatorState&, size_t, const Batch&, OperatorContext&, Output&) const override {}

  private:
    std::vector<KeyedStateDescriptor> registered_;
    std::vector<KeptState> told_;
};

KeyedStateDescriptor table(const std::string& name, Schema key, Schema value, Duration ttl = {}) {
    KeyedStateDescriptor descriptor;
    descriptor.name = name;
    descriptor.key = std::move(key);
    descriptor.value = std::move(value);
    descriptor.ttl = ttl;
    return descriptor;
}

std::vector<std::string> linesOf(std::vector<KeyedStateDescriptor> registered, std::vector<KeptState> told) {
    return describeState(KeepsWhatItIsTold(std::move(registered), std::move(told)), Configuration());
}

TEST(StatefulOperator, LinesHaveTheWidthOfWhatIsRegistered) {
    const Schema number({{"n", LogicalType::bigint()}});
    const Schema text({{"s", LogicalType::string()}});
    const Schema list({{"a", LogicalType::array(LogicalType::integer())}});
    // Validity takes 8 bytes, each number 8, a text 16, the time of the last write 8.
    EXPECT_EQ(linesOf({table("second", number, text, Duration{1000}), table("first", number, number),
                       table("third", text, list)},
                      {{"first", "one row", "never dropped"},
                       {"second", "two rows", "dropped"},
                       {"third", "rows", "kept"},
                       {"marks", "a mark", "dropped at the end"}}),
              (std::vector<std::string>{"first: one row, 24 bytes a row; never dropped",
                                        "second: two rows, 40 bytes and long strings a row; dropped",
                                        "third: rows, 32 bytes and long strings, collections a row; kept",
                                        "marks: a mark; dropped at the end"}));
}

TEST(StatefulOperator, NoStateGoesUntold) {
    const Schema number({{"n", LogicalType::bigint()}});
    EXPECT_THROW(linesOf({table("rows", number, number)}, {}), InternalError);
    EXPECT_THROW(linesOf({}, {{"rows", "one row", "never dropped"}}), InternalError);
    EXPECT_TRUE(linesOf({}, {}).empty());  // a list of marks holds no rows
}

TEST(StatefulOperator, SaysInWordsHowLongStateIsKept) {
    EXPECT_EQ(oneRowForEach(kRows, {1, 0}), "one row for each distinct (s, k)");
    EXPECT_EQ(oneRowForEach(kRows, {}), "one row");
    EXPECT_EQ(ofEach(kRows, {0}), " of each distinct (k)");
    EXPECT_EQ(ofEach(kRows, {}), "");
    EXPECT_EQ(untilExpired({}, TtlFrom::Option), "never dropped: set table.exec.state.ttl");
    EXPECT_EQ(untilExpired({}, TtlFrom::OptionOrHint),
              "never dropped: set table.exec.state.ttl or the hint STATE_TTL");
    EXPECT_EQ(untilExpired(Duration{60'000}, TtlFrom::Option),
              "dropped when 1 min has passed since it was last written");
    EXPECT_EQ(untilTakenBack({}, TtlFrom::Option),
              "dropped when the input takes it back, else never: set table.exec.state.ttl");
    EXPECT_EQ(untilTakenBack(Duration{60'000}, TtlFrom::Option),
              "dropped when the input takes it back or 1 min has passed since it was last written");
    EXPECT_EQ(untilPassed(true, "the window's end"), "dropped when the clock passes the window's end");
}

}  // namespace
}  // namespace millrace
