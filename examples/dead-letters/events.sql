-- What cannot be read goes to exception-topic; everything else is worked on.

CREATE TABLE exceptions (
    source_name STRING, source_partition INT, source_offset BIGINT, cause STRING, error STRING, record_key BYTES, record BYTES, record_text STRING
) WITH ('connector' = 'kafka', 'topic' = 'exception-topic', 'properties.bootstrap.servers' = '${kafka.servers}', 'format' = 'json');

CREATE TABLE events (id BIGINT NOT NULL, message STRING, price DECIMAL(8, 2)) WITH (
    'connector' = 'kafka', 'topic' = 'incoming-events', 'properties.bootstrap.servers' = '${kafka.servers}',
    'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = '${input.until}', 'format' = 'json',
    'scan.dead-letter.table' = 'exceptions'
);

CREATE TABLE processed (id BIGINT, message STRING, price DECIMAL(8, 2)) WITH (
    'connector' = 'kafka', 'topic' = 'sink-topic', 'properties.bootstrap.servers' = '${kafka.servers}', 'format' = 'json'
);

INSERT INTO processed SELECT id, UPPER(message), price FROM events;
