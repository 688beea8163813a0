-- Arguments get the types that the query gives its parameters, whatever a
-- driver has sent: one entry for what means the same, and the query's answer.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cachefront;
CREATE SCHEMA regress_cf_params;
SET search_path = regress_cf_params, public;
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE t (id int PRIMARY KEY, small int2, big int8, num numeric, f8 float8, name text, v varchar(10),
	bp char(4), d date, ts timestamptz, u uuid, j jsonb, m mood, p positive, b bytea, flag bool, tags text[]);
INSERT INTO t VALUES (1, 2, 3, 4.5, 0.5, 'one', 'v', 'bp', '2024-02-29', '2024-02-29 12:00+00',
	'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"a": [1]}', 'happy', 5, '\x00ff', true, '{a,b}');

-- How many entries a key has.
CREATE FUNCTION entries(wanted text) RETURNS bigint LANGUAGE sql AS
$$ SELECT count(*) FROM cache_entries WHERE key = wanted AND state = 'fresh' AND database = current_database() $$;

--
-- Integers
--
SELECT cache_fetch_row('rp:int', 'SELECT name FROM t WHERE id = $1', 1::int2),
	cache_fetch_row('rp:int', 'SELECT name FROM t WHERE id = $1', 1::int4),
	cache_fetch_row('rp:int', 'SELECT name FROM t WHERE id = $1', 1::int8),
	cache_fetch_row('rp:int', 'SELECT name FROM t WHERE id = $1', '1'),
	cache_fetch_row('rp:int', 'SELECT name FROM t WHERE id = $1', '1'::text),
	cache_fetch_row('rp:int', 'SELECT name FROM t WHERE id = $1', ' +1 '::varchar),
	cache_fetch_row('rp:int', 'SELECT name FROM t WHERE id = $1', ROW('1')),
	cache_fetch_row('rp:int', 'SELECT name FROM t WHERE id = $1', ARRAY['1']),
	cache_fetch_row('rp:int', 'SELECT name FROM t WHERE id = $1', ARRAY['1']::varchar[]);
SELECT entries('rp:int');
SELECT cache_fetch_row('rp:int2', 'SELECT name FROM t WHERE small = $1 AND big = $2 AND num > $3', (2::int8, 3::int2, 4::int8)),
	cache_fetch_row('rp:int2', 'SELECT name FROM t WHERE small = $1 AND big = $2 AND num > $3', (2, 3, 4)),
	cache_fetch_row('rp:int2', 'SELECT name FROM t WHERE small = $1 AND big = $2 AND num > $3', (2::int2, 3::int8, 4::numeric));
SELECT entries('rp:int2');
-- LIMIT is bigint
SELECT cache_fetch('rp:limit', 'SELECT id FROM t LIMIT $1', 1), cache_fetch('rp:limit', 'SELECT id FROM t LIMIT $1', 1::int2);
SELECT entries('rp:limit');
-- what the type does not hold is no error, as in the query itself
SELECT cache_fetch_row('rp:wide', 'SELECT name FROM t WHERE id = $1', 5000000000) IS NULL AS none,
	cache_fetch_row('rp:wide', 'SELECT name FROM t WHERE small = $1', -32769) IS NULL AS none,
	cache_fetch_row('rp:wide', 'SELECT name FROM t WHERE small < $1', 32768);
-- nor is anything rounded
SELECT cache_fetch_row('rp:round', 'SELECT name FROM t WHERE id = $1', 0.9) IS NULL AS none,
	cache_fetch_row('rp:round', 'SELECT name FROM t WHERE id = $1', 1.0::float8),
	cache_fetch_row('rp:round', 'SELECT name FROM t WHERE d = $1', '2024-02-29 12:00'::timestamp) IS NULL AS none;
-- an integer whose type the query leaves open, or cannot do without, keeps it
SELECT cache_fetch_row('rp:open', 'SELECT $1 AS a, pg_typeof($1) AS t', 1::int2),
	cache_fetch_row('rp:open', 'SELECT $1 AS a, pg_typeof($1) AS t', 1::int8),
	cache_fetch_row('rp:open', 'SELECT abs($1) AS a, pg_typeof($1) AS t', (-1)::int8),
	cache_fetch_row('rp:open', 'SELECT to_jsonb($1) AS a', 7::int2),
	cache_fetch_row('rp:open', 'SELECT to_char($1, ''999'') AS a', 7),
	cache_fetch_row('rp:open', 'SELECT j -> ''a'' -> $1 AS a FROM t', 0),
	cache_fetch_row('rp:open', 'SELECT length($1) AS a', '\x0102'::bytea),
	cache_fetch_row('rp:open', 'SELECT $1 - $2 AS a', (5, 2::int8)),
	cache_fetch_row('rp:open', 'SELECT NULLIF($1, 7) IS NULL AS a', 7::int8);

--
-- Strings and untyped values take any type
--
SELECT column_name, cache_fetch_row('rp:col:' || column_name,
		format('SELECT id FROM t WHERE %I = $1', column_name), value) AS found
	FROM (VALUES (1, 'small', '2'), (2, 'big', '3'), (3, 'num', '4.50'), (4, 'f8', '5e-1'), (5, 'name', 'one'), (6, 'v', 'v'),
		(7, 'bp', 'bp'), (8, 'd', '2024-02-29'), (9, 'ts', '2024-02-29 13:00+01'), (10, 'u', 'A0EEBC999C0B4EF8BB6D6BB9BD380A11'),
		(11, 'j', '{"a":[1]}'), (12, 'm', 'happy'), (13, 'p', '5'), (14, 'b', '\x00FF'), (15, 'flag', 'yes'),
		(16, 'tags', '{a,b}')) AS c(ord, column_name, value) ORDER BY ord;
SELECT cache_fetch_row('rp:any', 'SELECT id FROM t WHERE name = ANY ($1)', ROW(ARRAY['one'])),
	cache_fetch_row('rp:any', 'SELECT id FROM t WHERE name = ANY ($1)', '{one}'),
	cache_fetch_row('rp:any', 'SELECT id FROM t WHERE name = ANY ($1)', ARRAY['{one}']);
SELECT entries('rp:any');
-- where the query leaves it open, text
SELECT cache_fetch_row('rp:text', 'SELECT $1 AS a, pg_typeof($1) AS t', 'x'),
	cache_fetch_row('rp:text', 'SELECT $1 AS a, pg_typeof($1) AS t', 'x'::varchar),
	cache_fetch_row('rp:text', 'SELECT $1 AS a, pg_typeof($1) AS t', ARRAY['x']),
	cache_fetch_row('rp:text', 'SELECT $1 AS a, pg_typeof($1) AS t', 'x'::name);
SELECT entries('rp:text');
SELECT cache_fetch_row('rp:text', 'SELECT to_jsonb($1) AS a, $2::int AS b', ('x'::text, '1')),
	cache_fetch_row('rp:text', 'SELECT pg_typeof($1) AS a', 'x'),
	cache_fetch_row('rp:text', 'SELECT json_build_array($1, $2) AS a', ARRAY['x', 'y']);

--
-- NULL: one argument that is NULL, or none where there is no parameter
--
SELECT cache_fetch_row('rp:null', 'SELECT $1 IS NULL AS n, $1::int AS a', (NULL)),
	cache_fetch_row('rp:null', 'SELECT $1 IS NULL AS n, $1::int AS a', ROW(NULL)),
	cache_fetch_row('rp:null', 'SELECT $1 IS NULL AS n, $1::int AS a', NULL::int8),
	cache_fetch_row('rp:null', 'SELECT $1 IS NULL AS n, $1::int AS a', ARRAY[NULL]::text[]),
	cache_fetch_row('rp:null', 'SELECT $1 IS NULL AS n, $1::int AS a', args => NULL);
SELECT entries('rp:null');
SELECT cache_fetch_row('rp:none', 'SELECT 1 AS a', NULL), cache_fetch_row('rp:none', 'SELECT 1 AS a'),
	cache_fetch_row('rp:none', 'SELECT 1 AS a', NULL::text[]), cache_fetch_row('rp:none', 'SELECT 1 AS a', '{}'::text[]),
	cache_fetch_row('rp:none', 'SELECT 1 AS a', NULL, '1 min', '{t}');
SELECT entries('rp:none');
SELECT cache_fetch_row('rp:null2', 'SELECT name FROM t WHERE id = $1 OR $2::text IS NULL', ARRAY['7', NULL]),
	cache_fetch_row('rp:null2', 'SELECT name FROM t WHERE id = $1 OR $2::text IS NULL', (7, NULL));
SELECT entries('rp:null2');

--
-- Untyped parameters, as drivers send them
--
PREPARE by_value AS SELECT cache_fetch_row($1, 'SELECT name FROM t WHERE id = $1', $2) AS a,
	cache_fetch($1, 'SELECT name FROM t WHERE id = $1', $2) AS b;
EXECUTE by_value('rp:drv', 1);
EXECUTE by_value('rp:drv', '1');
PREPARE by_list AS SELECT cache_fetch_row($1, 'SELECT name FROM t WHERE id = $1 AND ts = $2', ARRAY[$2, $3]);
EXECUTE by_list('rp:drv2', 1, '2024-02-29 12:00+00');
EXECUTE by_list('rp:drv2', '01', '2024-02-29 13:00+01');
PREPARE by_rows AS SELECT * FROM cache_fetch_rows($1, 'SELECT id, name FROM t WHERE id = $1', ARRAY[$2]) AS t(id int, name text);
EXECUTE by_rows('rp:drv3', '1');
EXECUTE by_rows('rp:drv3', NULL);
PREPARE by_row AS SELECT * FROM cache_fetch_rows($1, 'SELECT id, name FROM t WHERE id = $1', $2) AS t(id int, name text);
EXECUTE by_row('rp:drv3', '1');
SELECT entries('rp:drv'), entries('rp:drv2'), entries('rp:drv3');
DEALLOCATE ALL;
-- also where nothing is kept
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT cache_fetch_row('rp:ser', 'SELECT name FROM t WHERE id = $1', '1'), cache_fetch_row('rp:ser', 'SELECT 2 AS a', NULL);
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT cache_fetch_row('rp:rr', 'SELECT name FROM t WHERE id = $1', ARRAY['1']);
COMMIT;
SET cachefront.enabled = off;
SELECT cache_fetch_row('rp:off', 'SELECT name FROM t WHERE id = $1', ARRAY['1']);
RESET cachefront.enabled;
CREATE TEMP TABLE temporary (a int);
SELECT cache_fetch_row('rp:temp', 'SELECT name FROM t WHERE id = $1', '1'), cache_fetch_row('rp:temp', 'SELECT 2 AS a', NULL);
SELECT cache_fetch('rp:temp', 'SELECT a FROM temporary WHERE a = $1', '1');
SELECT value FROM cache_explain('rp:int', 'SELECT name FROM t WHERE id = $1', '1') WHERE item IN ('cached', 'L1');

--
-- The types are asked for anew when a definition changes
--
SELECT cache_fetch_row('rp:alter', 'SELECT name FROM t WHERE small = $1', '2');
SELECT cache_fetch_row('rp:alter', 'SELECT name FROM t WHERE small = $1', '40000'); \echo :LAST_ERROR_SQLSTATE
ALTER TABLE t ALTER small TYPE int8;
SELECT cache_fetch_row('rp:alter', 'SELECT name FROM t WHERE small = $1', '40000') IS NULL AS none;
ALTER TABLE t ALTER small TYPE text;
SELECT cache_fetch_row('rp:alter', 'SELECT name FROM t WHERE small = $1', '2');
SELECT cache_fetch_row('rp:alter', 'SELECT name FROM t WHERE small = $1', 'abc') IS NULL AS none;
-- by functions, too, and in the transaction that makes them
CREATE FUNCTION f(int) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'int ' || $1 $$;
SELECT cache_fetch_row('rp:f', 'SELECT f($1) AS v', '1');
BEGIN;
CREATE FUNCTION f(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'text ' || $1 $$;
SELECT cache_fetch_row('rp:f', 'SELECT f($1) AS v', '1');
ROLLBACK;
SELECT cache_fetch_row('rp:f', 'SELECT f($1) AS v', '1');
-- and for each search_path
CREATE SCHEMA regress_cf_params2;
CREATE TABLE regress_cf_params2.t (id text, name text);
INSERT INTO regress_cf_params2.t VALUES ('01', 'of the other schema');
SET search_path = regress_cf_params2, public;
SELECT cache_fetch_row('rp:path', 'SELECT name FROM t WHERE id = $1', '01');
SET search_path = regress_cf_params, public;
SELECT cache_fetch_row('rp:path', 'SELECT name FROM t WHERE id = $1', '01');
-- more queries than a session remembers
SELECT count(cache_fetch_row('rp:many:' || g, 'SELECT ' || g || ' AS n FROM t WHERE id = $1', '1')) FROM generate_series(1, 2100) g;
SELECT cache_fetch_row('rp:int', 'SELECT name FROM t WHERE id = $1', '1');
-- a domain's check may fetch on its own
CREATE FUNCTION checks(int) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
	PERFORM cache_fetch_row('rp:inner:' || g, 'SELECT ' || g || ' AS n FROM t WHERE id = $1', '1') FROM generate_series(1, 1100) g;
	RETURN $1 < 100;
END $$;
CREATE DOMAIN checked AS int CHECK (checks(VALUE));
SELECT cache_fetch_row('rp:dom', 'SELECT $1::checked + $2::int + $3::checked AS v', ARRAY['1', '2', '3']);
SELECT cache_fetch_row('rp:dom', 'SELECT $1::checked + $2::int + $3::checked AS v', ARRAY['1', '2', '300']); \echo :LAST_ERROR_SQLSTATE

--
-- Records without a name count with their columns
--
SELECT cache_fetch_row('rp:rec', 'SELECT $1 AS v', ROW(r)) FROM (SELECT 1 AS a, 2 AS b) r;
SELECT cache_fetch_row('rp:rec', 'SELECT $1 AS v', ROW(r)) FROM (SELECT 1 AS c, 2 AS d) r;
SELECT cache_fetch_row('rp:rec', 'SELECT $1 AS v', ROW(ROW(97::"char", 'a'::"char")));
SELECT cache_fetch_row('rp:rec', 'SELECT $1 AS v', ROW(ROW('1970-01-01'::date, 1::oid)));
SELECT cache_fetch_row('rp:rec', 'SELECT $1 AS v', ROW(ROW(ROW(1, 2))));
SELECT cache_fetch_row('rp:rec', 'SELECT $1 AS v', ROW(ROW(ROW(1::oid, 2))));
SELECT cache_fetch_row('rp:rec', 'SELECT $1 AS v', ROW(ARRAY[ROW(1, 'a'::text)]));
SELECT cache_fetch_row('rp:rec', 'SELECT $1 AS v', ROW(ARRAY[ROW(1, '\x61'::bytea)]));
SELECT cache_fetch_row('rp:rec', 'SELECT $1 AS v', ROW(ARRAY[ROW(1, NULL::text)]));
SELECT cache_fetch_row('rp:rec', 'SELECT $1 AS v', ROW(ROW(t))) IS NOT NULL AS v FROM t;
-- a new session numbers such types anew
\c -
SET client_min_messages = warning;
SET search_path = regress_cf_params, public;
SELECT cache_fetch_row('rp:rec', 'SELECT $1 AS v', ROW(ROW('1970-01-02'::date, 97::oid)));
SELECT cache_fetch_row('rp:rec', 'SELECT $1 AS v', ROW(ROW(97::"char", 'a'::"char")));
SELECT cache_fetch_row('rp:rec', 'SELECT $1 AS v', ROW(r)) FROM (SELECT 1 AS e, 2 AS f) r;
SELECT entries('rp:rec');

--
-- extra_float_digits: all above 0 print the same
--
SET extra_float_digits = 1;
SELECT cache_fetch_row('rp:float', 'SELECT 0.1::float8 + 0.2::float8 AS v');
SET extra_float_digits = 2;
SELECT cache_fetch_row('rp:float', 'SELECT 0.1::float8 + 0.2::float8 AS v');
SET extra_float_digits = 3;
SELECT cache_fetch_row('rp:float', 'SELECT 0.1::float8 + 0.2::float8 AS v');
SELECT entries('rp:float');
SET extra_float_digits = 0;
SELECT cache_fetch_row('rp:float', 'SELECT 0.1::float8 + 0.2::float8 AS v');
SELECT entries('rp:float');
RESET extra_float_digits;

--
-- Mistakes
--
SELECT cache_fetch('rp:bad', 'SELECT name FROM t WHERE id = $1', 'one'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('rp:bad', 'SELECT name FROM t WHERE id = $1', ARRAY['1', '2']); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('rp:bad', 'SELECT name FROM t WHERE name = ANY ($1)', ARRAY['one', 'two']); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('rp:bad', 'SELECT name FROM t WHERE id = $1', '{1}'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('rp:bad', 'SELECT name FROM t WHERE id = $1 AND name = $2', '{1,one}'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('rp:bad', 'SELECT name FROM t WHERE id = $1', ARRAY[['1']]); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('rp:bad', 'SELECT name FROM t WHERE id = $1', ARRAY[1]); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('rp:bad', 'SELECT name FROM t WHERE id = $1', array_fill('x'::text, '{2000}')); \echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 207;

SELECT cache_flush();
DROP SCHEMA regress_cf_params, regress_cf_params2 CASCADE;
