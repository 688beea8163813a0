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
