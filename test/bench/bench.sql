-- What bench.sh reads from. The JSON of row 42 is exactly as long as the
-- table's name says: its other parts take 19 bytes.

CREATE TABLE bench_200 (id int PRIMARY KEY, body text);
INSERT INTO bench_200
SELECT id, left(repeat(md5(id::text), 6), 200 - 19) FROM generate_series(1, 10000) AS id;

CREATE TABLE bench_65536 (id int PRIMARY KEY, body text);
INSERT INTO bench_65536
SELECT id, left(string_agg(md5(id || ' ' || part), ''), 65536 - 19)
FROM generate_series(1, 200) AS id, generate_series(1, 2048) AS part
GROUP BY id;

-- Documents of several rows; redis.sh gives their JSON the length that doc says.
CREATE TABLE bench_lines (doc int, line int, product text, quantity int, price numeric(10, 2),
                          ordered timestamptz, note text, PRIMARY KEY (doc, line));
INSERT INTO bench_lines
SELECT doc, line, 'product ' || line * 7919 % 1000, line % 9 + 1, line * 3671 % 10000 / 100.0,
       timestamptz '2024-01-01 00:00:00Z' + line * 1237 * interval '1 s', ''
FROM (VALUES (200, 1), (4096, 36), (65536, 580)) AS docs(doc, lines), generate_series(1, lines) AS line;

CREATE TABLE bench_calibrate AS SELECT id, id % 1000 AS v FROM generate_series(1, 200000) AS id;

VACUUM (ANALYZE) bench_200, bench_65536, bench_calibrate;

SELECT cache_define('bench', ttl => '1 day');
SELECT cache_define('slow', ttl => '1 day');

-- Cache-aside as one writes it with pgmemcache; the sequence counts the runs.
CREATE SEQUENCE bench_runs;
CREATE FUNCTION cf_bench_aside(key text, query text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    value text := memcache_get(key);
BEGIN
    IF value IS NULL THEN
        PERFORM nextval('bench_runs');
        EXECUTE format('SELECT json_agg(t) FROM (%s) AS t', query) INTO value;
        PERFORM memcache_set(key, value, interval '1 hour');
    END IF;
    RETURN value;
END
$$;
