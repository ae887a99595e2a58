// Rooms: sql connectors
//
// Queries of the Nexmark benchmark in the simulator: joins of every sort, windows, sessions, Top-N,
// deduplication and distinct values by group over its generator. What is updated is sorted at its end, so
// that files tell what came of it.

#include "simulation/harness.h"
#include "simulation/sql_jobs.h"

namespace millrace {
namespace {

constexpr const char* kTables = R"(
CREATE TABLE events (
    event_type INT,
    person ROW<id BIGINT, name STRING, emailAddress STRING, creditCard STRING, city STRING, state STRING,
               dateTime TIMESTAMP(3), extra STRING>,
    auction ROW<id BIGINT, itemName STRING, description STRING, initialBid BIGINT, reserve BIGINT,
                dateTime TIMESTAMP(3), expires TIMESTAMP(3), seller BIGINT, category BIGINT, extra STRING>,
    bid ROW<auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, dateTime TIMESTAMP(3),
            extra STRING>,
    dateTime AS CASE event_type WHEN 0 THEN person.dateTime WHEN 1 THEN auction.dateTime ELSE bid.dateTime END,
    WATERMARK FOR dateTime AS dateTime - INTERVAL '1' SECOND
) WITH ('connector' = 'nexmark', 'events.num' = '400', 'first-event.rate' = '10', 'next-event.rate' = '10',
    'person.proportion' = '2', 'auction.proportion' = '6', 'bid.proportion' = '12', 'generators' = '1');

CREATE TEMPORARY VIEW person AS
SELECT person.id, person.name, person.city, person.state, dateTime FROM events WHERE event_type = 0;
CREATE TEMPORARY VIEW auction AS
SELECT auction.id, auction.seller, auction.category, auction.expires, dateTime FROM events WHERE event_type = 1;
CREATE TEMPORARY VIEW bid AS
SELECT bid.auction, bid.bidder, bid.price, bid.channel, bid.url, dateTime FROM events WHERE event_type = 2;
)";

// A sink of its own for each query.
std::string inserting(const std::string& name, const std::string& columns, const std::string& query) {
    return fmt::format(
        "CREATE TABLE {0} ({1}) WITH ('connector' = 'filesystem', 'path' = '/out/{0}', 'format' = 'json');\n"
        "INSERT INTO {0} {2};\n",
        name, columns, query);
}

const std::string& joins() {
    static const std::string text =
        kTables +
        inserting("q3", "name STRING, city STRING, state STRING, id BIGINT",
                  "SELECT P.name, P.city, P.state, A.id FROM auction AS A INNER JOIN person AS P ON A.seller "
                  "= P.id "
                  "WHERE A.category = 10 AND (P.state = 'OR' OR P.state = 'ID' OR P.state = 'CA')") +
        inserting("q4", "category BIGINT, final BIGINT",
                  "SELECT * FROM (SELECT Q.category, AVG(Q.final) FROM ("
                  "  SELECT MAX(B.price) AS final, A.category FROM auction A, bid B"
                  "  WHERE A.id = B.auction AND B.dateTime BETWEEN A.dateTime AND A.expires GROUP BY A.id, "
                  "A.category"
                  ") Q GROUP BY Q.category) AS t (category, final) ORDER BY category") +
        inserting("q7", "auction BIGINT, bidder BIGINT, price BIGINT, dateTime TIMESTAMP(3)",
                  "SELECT B.auction, B.bidder, B.price, B.dateTime FROM bid B JOIN ("
                  "  SELECT MAX(price) AS maxprice, window_end AS dateTime"
                  "  FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(dateTime), INTERVAL '10' SECOND))"
                  "  GROUP BY window_start, window_end) B1 ON B.price = B1.maxprice "
                  "WHERE B.dateTime BETWEEN B1.dateTime - INTERVAL '10' SECOND AND B1.dateTime") +
        inserting("q8", "id BIGINT, name STRING, stime TIMESTAMP(3)",
                  "SELECT P.id, P.name, P.starttime FROM ("
                  "  SELECT id, name, window_start AS starttime, window_end AS endtime"
                  "  FROM TABLE(TUMBLE(TABLE person, DESCRIPTOR(dateTime), INTERVAL '10' SECOND))"
                  "  GROUP BY id, name, window_start, window_end) P JOIN ("
                  "  SELECT seller, window_start AS starttime, window_end AS endtime"
                  "  FROM TABLE(TUMBLE(TABLE auction, DESCRIPTOR(dateTime), INTERVAL '10' SECOND))"
                  "  GROUP BY seller, window_start, window_end) A "
                  "ON P.id = A.seller AND P.starttime = A.starttime AND P.endtime = A.endtime");
    return text;
}

const std::string& windowsAndRanks() {
    static const std::string text =
        kTables +
        inserting(
            "q5", "auction BIGINT, num BIGINT",
            "SELECT C.auction, C.num FROM ("
            "  SELECT auction, COUNT(*) AS num, window_start, window_end"
            "  FROM TABLE(HOP(TABLE bid, DESCRIPTOR(dateTime), INTERVAL '2' SECOND, INTERVAL '10' SECOND))"
            "  GROUP BY auction, window_start, window_end) AS C JOIN ("
            "  SELECT MAX(num) AS maxn, window_start, window_end FROM ("
            "    SELECT COUNT(*) AS num, window_start, window_end"
            "    FROM TABLE(HOP(TABLE bid, DESCRIPTOR(dateTime), INTERVAL '2' SECOND, INTERVAL '10' SECOND))"
            "    GROUP BY auction, window_start, window_end) GROUP BY window_start, window_end) AS M "
            "ON C.window_start = M.window_start AND C.window_end = M.window_end AND C.num >= M.maxn") +
        inserting("q11", "bidder BIGINT, bids BIGINT, starttime TIMESTAMP(3), endtime TIMESTAMP(3)",
                  "SELECT bidder, COUNT(*), SESSION_START(dateTime, INTERVAL '3' SECOND),"
                  "  SESSION_END(dateTime, INTERVAL '3' SECOND) "
                  "FROM bid GROUP BY bidder, SESSION(dateTime, INTERVAL '3' SECOND)") +
        inserting(
            "q18", "auction BIGINT, bidder BIGINT, price BIGINT, url STRING, dateTime TIMESTAMP(3)",
            "SELECT auction, bidder, price, url, dateTime FROM (SELECT *,"
            "  ROW_NUMBER() OVER (PARTITION BY bidder, auction ORDER BY dateTime DESC) AS place FROM bid) "
            "WHERE place <= 1 ORDER BY bidder, auction") +
        inserting("q19", "auction BIGINT, price BIGINT, place BIGINT",
                  "SELECT auction, price, place FROM (SELECT *,"
                  "  ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC) AS place FROM bid) "
                  "WHERE place <= 10 ORDER BY auction, place");
    return text;
}

const std::string& distinctCounts() {
    static const std::string text =
        kTables +
        inserting(
            "q16", "channel STRING, `day` STRING, bids BIGINT, bidders BIGINT, cheap BIGINT, auctions BIGINT",
            "SELECT channel, `day`, bids, bidders, cheap, auctions FROM ("
            "  SELECT channel, DATE_FORMAT(dateTime, 'yyyy-MM-dd') AS `day`, COUNT(*) AS bids,"
            "    COUNT(DISTINCT bidder) AS bidders,"
            "    COUNT(DISTINCT bidder) FILTER (WHERE price < 10000) AS cheap,"
            "    COUNT(DISTINCT auction) AS auctions"
            "  FROM bid GROUP BY channel, DATE_FORMAT(dateTime, 'yyyy-MM-dd')) ORDER BY channel, `day`");
    return text;
}

void simulate(const char* name, const std::string& text) {
    simulateSeeds({name, [&] { return application(text.c_str()); },
                   [](FileSystem& files) {
                       for (const FileStatus& folder : files.list("/out"))
                           EXPECT_FALSE(visibleLines(files, "/out/" + folder.name).empty()) << folder.name;
                       return visibleLines(files, "/out");
                   }});
}

TEST(NexmarkSimulation, Joins) { simulate("nexmark joins", joins()); }

TEST(NexmarkSimulation, WindowsAndRanks) { simulate("nexmark windows and ranks", windowsAndRanks()); }

TEST(NexmarkSimulation, DistinctCounts) { simulate("nexmark distinct counts", distinctCounts()); }

}  // namespace
}  // namespace millrace
