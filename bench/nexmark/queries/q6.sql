-- Average selling price by seller, over the last ten auctions that were won.
--
-- Corrected: as published nobody can plan it. There, ROW_NUMBER is filtered in the query that defines it, the
-- names A, B and Q.price do not exist where they are used, and the seller, a BIGINT, goes into a VARCHAR column.
CREATE TABLE nexmark_q6 (seller BIGINT, avg_price BIGINT) WITH ('connector' = 'blackhole');

INSERT INTO nexmark_q6
SELECT Q.seller,
       AVG(Q.price) OVER (PARTITION BY Q.seller ORDER BY Q.dateTime ROWS BETWEEN 10 PRECEDING AND CURRENT ROW)
FROM (
    SELECT id, seller, price, dateTime,
           ROW_NUMBER() OVER (PARTITION BY id, seller ORDER BY price DESC) AS rownum
    FROM (
        SELECT A.id, A.seller, B.price, B.dateTime
        FROM auction AS A, bid AS B
        WHERE A.id = B.auction AND B.dateTime BETWEEN A.dateTime AND A.expires
    )
) AS Q
WHERE Q.rownum <= 1;
