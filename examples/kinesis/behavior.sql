-- kinesis.endpoint, kinesis.assigner and output.folder are properties. What users did, in the order in which each of them did it.
CREATE TABLE behavior (
    user_id BIGINT,
    step BIGINT,
    action STRING,
    at AS PROCTIME()
) PARTITIONED BY (user_id) WITH (
    'connector' = 'kinesis',
    'stream.arn' = 'arn:aws:kinesis:us-east-1:000000000000:stream/behavior',
    'aws.region' = 'us-east-1',
    'aws.endpoint' = '${kinesis.endpoint}',
    'source.init.position' = 'TRIM_HORIZON',
    'source.shard.assigner' = '${kinesis.assigner}',
    'format' = 'csv'
);

-- Each step with the number of the user's steps until then: the same, if nothing is lost, repeated or out of order.
CREATE TABLE steps (user_id BIGINT, step BIGINT, seen BIGINT) WITH (
    'connector' = 'filesystem', 'path' = '${output.folder}/steps', 'format' = 'json'
);

-- What each subtask of the source read, in files that have the subtask's number in their names.
CREATE TABLE readers (user_id BIGINT) WITH (
    'connector' = 'filesystem', 'path' = '${output.folder}/readers', 'format' = 'json'
);

EXECUTE STATEMENT SET BEGIN
    INSERT INTO steps
        SELECT user_id, step, COUNT(*) OVER (PARTITION BY user_id ORDER BY at ROWS UNBOUNDED PRECEDING) FROM behavior;
    INSERT INTO readers SELECT user_id FROM behavior;
END;
