-- One application for every team: topics, subjects and the query come from its runtime properties.
--
--   kafka.servers, registry.url           where things are
--   input.topic, input.subject            what is read; its columns are those of the subject's latest schema
--   input.time                            which of them is event time
--   query.sql                             a query over `transactions`
--   output.topic, output.subject          what is written; under the subject's schema, which stays as it is

CREATE TABLE rejected (
    source_name STRING, source_partition INT, source_offset BIGINT, cause STRING, error STRING, record BYTES
) WITH (
    'connector' = 'kafka', 'properties.bootstrap.servers' = '${kafka.servers}',
    'topic' = '${input.topic}-rejected', 'format' = 'json'
);

CREATE TABLE transactions (
    WATERMARK FOR ${input.time} AS ${input.time} - INTERVAL '2' SECOND
) WITH (
    'connector' = 'kafka', 'properties.bootstrap.servers' = '${kafka.servers}',
    'topic' = '${input.topic}', 'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = '${input.until}',
    'format' = 'avro-confluent', 'avro-confluent.url' = '${registry.url}', 'avro-confluent.subject' = '${input.subject}',
    'scan.dead-letter.table' = 'rejected'
);

CREATE TABLE results WITH (
    'connector' = 'kafka', 'properties.bootstrap.servers' = '${kafka.servers}',
    'topic' = '${output.topic}', 'format' = 'avro-confluent', 'avro-confluent.url' = '${registry.url}',
    'avro-confluent.subject' = '${output.subject}'
);

CREATE VIEW answer AS ${query.sql};

INSERT INTO results SELECT * FROM answer;
