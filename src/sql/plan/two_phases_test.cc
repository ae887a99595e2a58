// Where aggregations get a first phase, before rows are dealt out by key.
#include "sql/plan/planner_test_harness.h"

namespace millrace::sql {
namespace {

using testing::Planner;

// The state's name and fields are those of one phase: a job may change from one to the other.
TEST_F(Planner, WindowsAreAggregatedInTwoPhasesWhereThereAreSeveralSlots) {
    const std::string insert =
        "INSERT INTO out_inserts SELECT auction, COUNT(*) FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), "
        "INTERVAL '10' SECOND)) GROUP BY auction, window_start, window_end;";
    const std::string two = text("SET 'parallelism.default' = '2';" + insert);
    EXPECT_NE(two.find(R"(
   +- GlobalWindowAggregate(groupBy=[auction], window=[TUMBLE(slice_end=[$slice_end], size=[10 s])], select=[auction, window_start, window_end, COUNT(*)]), changelogMode=[I]
      +- Exchange(distribution=[hash[auction]]), changelogMode=[I]
         +- LocalWindowAggregate(groupBy=[auction], window=[TUMBLE(time=[ts], size=[10 s])], select=[auction, window_start, window_end, COUNT(*)]), changelogMode=[I]
)"),
              std::string::npos)
        << two;
    const auto phases = [&](const std::string& set) {
        return text(set + insert).find("LocalWindowAggregate") == std::string::npos ? 1 : 2;
    };
    EXPECT_EQ(phases(""), 1);
    EXPECT_EQ(phases("SET 'table.optimizer.agg-phase-strategy' = 'TWO_PHASE';"), 2);
    EXPECT_EQ(
        phases("SET 'parallelism.default' = '2'; SET 'table.optimizer.agg-phase-strategy' = 'ONE_PHASE';"),
        1);
    EXPECT_EQ(problem("SET 'table.optimizer.agg-phase-strategy' = 'THREE';" + insert).code,
              "config.bad-value");

    const std::string uid = *stateful(insert).begin();
    EXPECT_TRUE(stateful("SET 'parallelism.default' = '2';" + insert).contains(uid));
}

// Where one of the groups gets most rows at a time, and where it is asked for.
TEST_F(Planner, GroupsAreAggregatedInTwoPhasesWhereTheyAreFew) {
    const auto phases = [&](const std::string& set, const std::string& select) {
        const std::string plan =
            text("SET 'parallelism.default' = '2';" + set + "INSERT INTO out_upserts " + select);
        const bool local = plan.find("LocalGroupAggregate(") != std::string::npos;
        EXPECT_EQ(local, plan.find("GlobalGroupAggregate(") != std::string::npos) << plan;
        return local ? 2 : 1;
    };
    const std::string by_auction = "SELECT auction, COUNT(*) FROM bid GROUP BY auction;";
    const std::string distinct = "SELECT auction, COUNT(DISTINCT price) FROM bid GROUP BY auction;";
    const std::string by_day =
        "SELECT CAST(DATE_FORMAT(ts, 'yyyyMMdd') AS BIGINT), COUNT(DISTINCT price) FROM bid "
        "GROUP BY CAST(DATE_FORMAT(ts, 'yyyyMMdd') AS BIGINT);";
    const std::string in_all = "SELECT CAST(1 AS BIGINT), COUNT(*) FROM bid;";
    const std::string mini_batch = "SET 'table.exec.mini-batch.enabled' = 'true';";
    const std::string split = "SET 'table.optimizer.distinct-agg.split.enabled' = 'true';";
    EXPECT_EQ(phases("", by_auction), 1);
    EXPECT_EQ(phases(split, by_auction), 1);
    EXPECT_EQ(phases(mini_batch, by_auction), 2);
    EXPECT_EQ(phases("", distinct), 1);
    EXPECT_EQ(phases(split, distinct), 2);
    EXPECT_EQ(phases("", by_day), 2);
    EXPECT_EQ(phases("", in_all), 2);
    EXPECT_EQ(phases("SET 'table.optimizer.agg-phase-strategy' = 'ONE_PHASE';" + mini_batch, in_all), 1);
    EXPECT_EQ(phases("SET 'table.optimizer.agg-phase-strategy' = 'TWO_PHASE';", by_auction), 2);
    // Values that may be forgotten, and accumulators that do not take back.
    EXPECT_EQ(phases("SET 'table.exec.state.ttl' = '1 h';", by_day), 1);
    EXPECT_EQ(
        phases(mini_batch,
               "SELECT n, VAR_POP(auction) FROM (SELECT auction, COUNT(*) AS n FROM bid GROUP BY auction) "
               "GROUP BY n;"),
        2);  // the inner one alone

    const std::string insert = "INSERT INTO out_upserts " + by_auction;
    const std::set<std::string> uids = stateful(insert);
    for (const std::string& uid : uids)
        EXPECT_TRUE(stateful("SET 'parallelism.default' = '2';" + mini_batch + insert).contains(uid)) << uid;
}

}  // namespace
}  // namespace millrace::sql
