-- Another faulty update: the counts are grouped by another key, so their state has nowhere to go.
CREATE TABLE orders (id BIGINT, price INT) WITH (
  'connector' = 'datagen', 'rows-per-second' = '200',
  'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '1000000000',
  'fields.price.min' = '1', 'fields.price.max' = '100');

CREATE TABLE labelled (id BIGINT, label STRING) WITH (
  'connector' = 'filesystem', 'path' = '${output.path}', 'format' = 'json');
CREATE TABLE prices (price INT PRIMARY KEY NOT ENFORCED, n BIGINT) WITH ('connector' = 'blackhole');

INSERT INTO labelled SELECT id, '${output.label}' FROM orders;
INSERT INTO prices SELECT price + 1, COUNT(*) FROM orders GROUP BY price + 1;
