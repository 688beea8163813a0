-- Orders :from to :to with four lines each; some products sell much better
-- than others.

SELECT setseed(:seed);

INSERT INTO orders
SELECT id, 1 + (30000 * random())::int,
       timestamptz '2025-01-01 00:00+00' + id * interval '2 minutes'
FROM generate_series(:from, :to) AS id;

INSERT INTO order_lines
SELECT pick.order_id, pick.line, p.id, pick.quantity, p.price
FROM (SELECT order_id, line,
             1 + ((199999 * random() ^ 2)::bigint * 7919 % 200000)::int AS product_id,
             1 + (4 * random() ^ 2)::int AS quantity
      FROM generate_series(:from, :to) AS order_id, generate_series(1, 4) AS line) AS pick
     JOIN products p ON p.id = pick.product_id;
