-- Queries over the flights that the demo has fed. Run it with
--   build/release/millrace sql -f examples/flights/explore.sql --param input=build/demo/input
CREATE TABLE flights (
    `date`      STRING,
    delay       INT,
    distance    INT,
    origin      STRING,
    destination STRING,
    departure   AS TO_TIMESTAMP(`date`, 'yyyy/MM/dd HH:mm'),
    WATERMARK FOR departure AS departure - INTERVAL '5' MINUTE
) WITH (
    'connector' = 'filesystem',
    'path' = '${input}',
    'format' = 'json'
);

-- The long-distance routes.
SELECT origin, destination, COUNT(*) AS flights, AVG(delay) AS average_delay
FROM flights
WHERE distance > 2700
GROUP BY origin, destination;

-- Each week's worst delay.
SELECT window_start, COUNT(*) AS flights, MAX(delay) AS worst
FROM TABLE(TUMBLE(TABLE flights, DESCRIPTOR(departure), INTERVAL '7' DAY))
GROUP BY window_start, window_end;
