-- Delays per airport and day, from a stream of US flights. ${demo.input} and ${demo.output} come from the application's
-- property group "demo".
CREATE TABLE flights (
    `date`      STRING,                                          -- 2001/01/01 00:47, as the data has it
    delay       INT,                                             -- minutes; negative is early
    distance    INT,
    origin      STRING,
    destination STRING,
    departure   AS TO_TIMESTAMP(`date`, 'yyyy/MM/dd HH:mm'),
    WATERMARK FOR departure AS departure - INTERVAL '5' MINUTE
) WITH (
    'connector' = 'filesystem',
    'path' = '${demo.input}',
    'source.monitor-interval' = '200 ms',                        -- keep watching the folder: the input never ends
    'format' = 'json'
);

CREATE TABLE airport_delays (
    `day`         TIMESTAMP(3),
    airport       STRING,
    flights       BIGINT,
    average_delay DOUBLE,
    max_delay     INT,
    delayed       BIGINT                                         -- flights that left more than 15 minutes late
) WITH (
    'connector' = 'filesystem',
    'path' = '${demo.output}',
    'format' = 'json'
);

INSERT INTO airport_delays
SELECT window_start, origin, COUNT(*), AVG(CAST(delay AS DOUBLE)), MAX(delay), SUM(CASE WHEN delay > 15 THEN 1 ELSE 0 END)
FROM TABLE(TUMBLE(TABLE flights, DESCRIPTOR(departure), INTERVAL '1' DAY))
GROUP BY window_start, window_end, origin;
