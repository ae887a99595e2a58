-- A faulty update that only shows when it runs: it divides by zero at the first order, again and again.
CREATE TABLE orders (id BIGINT, price INT) WITH (
  'connector' = 'datagen', 'rows-per-second' = '200',
  'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '1000000000',
  'fields.price.min' = '1', 'fields.price.max' = '100');

CREATE TABLE labelled (id BIGINT, label STRING) WITH (
  'connector' = 'filesystem', 'path' = '${output.path}', 'format' = 'json');
CREATE TABLE prices (price INT PRIMARY KEY NOT ENFORCED, n BIGINT) WITH ('connector' = 'blackhole');

INSERT INTO labelled SELECT id / (id - id), '${output.label}' FROM orders;
INSERT INTO prices SELECT price, COUNT(*) FROM orders GROUP BY price;
