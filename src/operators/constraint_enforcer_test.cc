#include "operators/constraint_enforcer.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "operators/test_harness.h"

namespace millrace {
namespace {

using testing::batchOf;
using testing::OperatorHarness;
using Rows = std::vector<std::string>;

const Schema kSchema({{"a", LogicalType::bigint()}, {"b", LogicalType::string()}});

Batch rows() {
    return batchOf(kSchema, {{{Value::int64(1), Value::string("one")}, RowKind::Insert},
                             {{Value::int64(2), Value::null()}, RowKind::UpdateAfter},
                             {{Value::null(), Value::string("three")}, RowKind::Delete}});
}

std::shared_ptr<Operator> enforcer(std::vector<size_t> columns, NotNullEnforcer mode) {
    return std::make_shared<ConstraintEnforcer>(kSchema, std::move(columns), mode);
}

TEST(ConstraintEnforcer, FailsAndNamesTheColumn) {
    OperatorHarness harness(enforcer({1}, NotNullEnforcer::Error));
    try {
        harness.process(rows());
        FAIL();
    } catch (const UserError& error) {
        EXPECT_EQ(error.code(), "data.null-in-not-null");
        EXPECT_NE(error.problem().message.find("column 'b' is NOT NULL"), std::string::npos);
        EXPECT_NE(error.problem().hint.find("table.exec.sink.not-null-enforcer"), std::string::npos);
    }
}

TEST(ConstraintEnforcer, DropsRowsAndKeepsTheKindsOfOthers) {
    OperatorHarness one(enforcer({1}, NotNullEnforcer::Drop));
    one.process(rows());
    EXPECT_EQ(one.changes(), (Rows{"+I(1, one)", "-D(NULL, three)"}));
    OperatorHarness both(enforcer({0, 1}, NotNullEnforcer::Drop));
    both.process(rows());
    EXPECT_EQ(both.changes(), (Rows{"+I(1, one)"}));
}

}  // namespace
}  // namespace millrace
