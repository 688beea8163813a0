-- Who shares an entry with whom: tags and times to live that callers name.
-- server: without tracking
SET client_min_messages = warning;
CREATE SCHEMA regress_cf_limits;
SET search_path = regress_cf_limits, public;
SET cachefront.ttl_jitter = 0;
SET cachefront.xfetch_beta = 0;

-- How often a query ran since the last time.
CREATE FUNCTION loads() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	now_loads bigint := (SELECT loads FROM cache_stats WHERE cache = '*');
	before bigint := current_setting('rl.loads', true);
BEGIN
	PERFORM set_config('rl.loads', now_loads::text, false);
	RETURN now_loads - before;
END $$;
CREATE TABLE t (id int PRIMARY KEY, v int);
INSERT INTO t VALUES (1, 1);
CREATE TABLE written (a int);
SET rl.loads = 0;
SELECT loads() IS NOT NULL;

--
-- Tags
--
SELECT cache_fetch('rl:1', 'SELECT v FROM t WHERE id = 1');
UPDATE t SET v = 2;
-- who names no tag, or the same as before, takes what is there
SELECT cache_fetch('rl:1', 'SELECT v FROM t WHERE id = 1'), cache_fetch('rl:1', 'SELECT v FROM t WHERE id = 1', tags => '{}');
SELECT loads();
-- who names one that it has not: a miss
SELECT cache_fetch('rl:1', 'SELECT v FROM t WHERE id = 1', tags => '{a}');
SELECT loads();
SELECT cache_fetch('rl:1', 'SELECT v FROM t WHERE id = 1'), cache_fetch('rl:1', 'SELECT v FROM t WHERE id = 1', tags => '{a,a}');
SELECT loads();
-- and its invalidation counts for all
UPDATE t SET v = 3;
SELECT cache_invalidate_tag('a');
SELECT cache_fetch('rl:1', 'SELECT v FROM t WHERE id = 1');
SELECT loads();
-- callers with different tags do not drive each other out
SELECT cache_fetch('rl:1', 'SELECT v FROM t WHERE id = 1', tags => '{a}');
SELECT cache_fetch('rl:1', 'SELECT v FROM t WHERE id = 1', tags => '{b,c}');
SELECT loads();
SELECT cache_fetch('rl:1', 'SELECT v FROM t WHERE id = 1', tags => tags)
	FROM (VALUES ('{a}'::text[]), ('{b}'), ('{c}'), ('{a,b,c}'), ('{c,a}'), (NULL)) v(tags);
SELECT loads();
SELECT item, value FROM cache_explain('rl:1', 'SELECT v FROM t WHERE id = 1', NULL, '{a,b}') WHERE item = 'L1';
SELECT item, value FROM cache_explain('rl:1', 'SELECT v FROM t WHERE id = 1', NULL, '{a,d}') WHERE item = 'L1';
UPDATE t SET v = 4;
SELECT cache_invalidate_tag('c');
SELECT cache_fetch('rl:1', 'SELECT v FROM t WHERE id = 1', tags => '{a}');
SELECT loads();
-- nor was what the first one is to be told forgotten
SELECT cache_fetch('rl:1', 'SELECT v FROM t WHERE id = 1', tags => '{b}');
UPDATE t SET v = 5;
SELECT cache_invalidate_tag('a');
SELECT cache_fetch('rl:1', 'SELECT v FROM t WHERE id = 1', tags => '{b}');
SELECT loads();

-- negative entries, first rows, typed rows
SELECT cache_fetch('rl:none', 'SELECT v FROM t WHERE id = 2');
INSERT INTO t VALUES (2, 1);
SELECT cache_fetch('rl:none', 'SELECT v FROM t WHERE id = 2'), cache_fetch('rl:none', 'SELECT v FROM t WHERE id = 2', tags => '{a}');
SELECT cache_fetch_row('rl:none', 'SELECT v FROM t WHERE id = 2', tags => '{a}');
DELETE FROM t WHERE id = 2;
SELECT * FROM cache_fetch_rows('rl:rows', 'SELECT v FROM t WHERE id = 1') AS t(v int);
UPDATE t SET v = 6;
SELECT * FROM cache_fetch_rows('rl:rows', 'SELECT v FROM t WHERE id = 1', tags => '{a}') AS t(v int);

-- a value past its time to live is no answer to who would not have heard of a change
CREATE FUNCTION fill_disk() RETURNS bigint LANGUAGE sql
SET temp_file_limit = 0 SET work_mem = '64kB'
AS 'SELECT count(*) FROM (SELECT g FROM generate_series(1, 20000) g ORDER BY -g OFFSET 1) s';
CREATE FUNCTION fails_at(n int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	v int := (SELECT t.v FROM t WHERE id = 1);
BEGIN
	IF v >= n THEN
		PERFORM fill_disk();
	END IF;
	RETURN v;
END $$;
\set VERBOSITY sqlstate
SELECT cache_fetch('rl:stale', 'SELECT fails_at(7) AS v', ttl => '1 microsecond');
UPDATE t SET v = 7;
SELECT cache_fetch('rl:stale', 'SELECT fails_at(7) AS v', ttl => '1 microsecond');
SELECT cache_fetch('rl:stale', 'SELECT fails_at(7) AS v', tags => '{a}');
\set VERBOSITY default

-- a transaction that has written, and REPEATABLE READ
SELECT count(cache_attach('t', rows => '{}'));
SELECT cache_fetch('rl:own', 'SELECT v FROM t WHERE id = 1', tags => '{a}');
SELECT loads() > 0;
BEGIN;
INSERT INTO written VALUES (1);
SELECT cache_fetch('rl:own', 'SELECT v FROM t WHERE id = 1', tags => '{a}');
SELECT loads();
SELECT cache_fetch('rl:own', 'SELECT v FROM t WHERE id = 1', tags => '{b}');
SELECT loads();
COMMIT;
SELECT cache_fetch('rl:own', 'SELECT v FROM t WHERE id = 1', tags => '{a}');
SELECT loads() >= 0;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT cache_fetch('rl:own', 'SELECT v FROM t WHERE id = 1', tags => '{a}');
SELECT loads();
SELECT cache_fetch('rl:own', 'SELECT v FROM t WHERE id = 1', tags => '{b}');
SELECT loads();
COMMIT;
SELECT cache_detach('t');

-- inside of another query: the outer one's entry goes with the inner caller's tag
CREATE FUNCTION inner_v() RETURNS json LANGUAGE sql STABLE AS
$$ SELECT public.cache_fetch('rl:inner', 'SELECT v FROM regress_cf_limits.t WHERE id = 1', tags => '{in}') $$;
SELECT cache_fetch('rl:inner', 'SELECT v FROM regress_cf_limits.t WHERE id = 1');
SELECT cache_fetch('rl:outer', 'SELECT inner_v() AS v');
UPDATE t SET v = 8;
SELECT cache_invalidate_tag('in');
SELECT cache_fetch('rl:outer', 'SELECT inner_v() AS v');

--
-- Times to live
--
-- a caller's own is the most that he takes
SELECT loads() >= 0;
SELECT cache_fetch('rl:age', 'SELECT v FROM t WHERE id = 1', ttl => '1 hour');
UPDATE t SET v = 9;
SELECT cache_fetch('rl:age', 'SELECT v FROM t WHERE id = 1'), cache_fetch('rl:age', 'SELECT v FROM t WHERE id = 1', ttl => '1 hour');
SELECT loads();
SELECT cache_fetch('rl:age', 'SELECT v FROM t WHERE id = 1', ttl => '1 microsecond');
SELECT loads();
-- in scope 'shared' nobody's exceeds the definition's
CREATE FUNCTION lifetime(k text) RETURNS interval LANGUAGE sql AS $$
	SELECT date_trunc('second', age + ttl_left + interval '1 ms') FROM cache_entries WHERE key = k $$;
SELECT cache_define('rl:s', ttl => '100 s', negative_ttl => '50 s', scope => 'shared'),
	cache_define('rl:d', scope => 'shared'), cache_define('rl:r', ttl => '100 s');
SELECT count(cache_fetch(k, 'SELECT 1 AS v', ttl => ttl)) FROM (VALUES
	('rl:s:1', '1 year'::interval), ('rl:s:2', '10 s'), ('rl:s:3', NULL),
	('rl:d:1', '1 year'), ('rl:d:2', '10 s'), ('rl:r:1', '1 year')) v(k, ttl);
SELECT cache_fetch('rl:s:none', 'SELECT 1 WHERE false', ttl => '1 year');
-- also by settings of one's own, unless the server or the database has them
SET cachefront.default_ttl = '300 d';
SET cachefront.negative_ttl = '300 d';
SELECT count(cache_fetch(k, 'SELECT 1 AS v')) FROM (VALUES ('rl:s:4'), ('rl:d:4'), ('rl:r:4'), ('rl:4')) v(k);
SELECT cache_fetch('rl:d:none', 'SELECT 1 WHERE false');
RESET cachefront.default_ttl;
RESET cachefront.negative_ttl;
SET cachefront.default_ttl = '10 s';
SELECT count(cache_fetch(k, 'SELECT 1 AS v')) FROM (VALUES ('rl:s:5'), ('rl:d:5')) v(k);
RESET cachefront.default_ttl;
SELECT k, lifetime(k) FROM unnest('{rl:s:1,rl:s:2,rl:s:3,rl:s:4,rl:s:5,rl:s:none,rl:d:1,rl:d:2,rl:d:4,rl:d:5,rl:d:none,rl:r:1,rl:r:4,rl:4}'::text[]) k;
-- what cache_set stores is its caller's own
SELECT cache_set('rl:s:set', '1', ttl => '1 hour');
SELECT lifetime('rl:s:set');
SELECT cache_drop('rl:s'), cache_drop('rl:d'), cache_drop('rl:r');

--
-- An entry is as old as the oldest that it is made of
--
CREATE FUNCTION aged(k text) RETURNS json LANGUAGE sql AS
$$ SELECT public.cache_fetch('rl:aged:' || k, 'SELECT 1 AS v', ttl => '1 hour') $$;
CREATE FUNCTION filled(k text) RETURNS timestamptz LANGUAGE sql AS
$$ SELECT filled_at FROM cache_entries WHERE key = k $$;
SELECT cache_fetch('rl:aged:1', 'SELECT 1 AS v', ttl => '1 hour');
SELECT cache_fetch('rl:fresh', 'SELECT 1 AS v');
SELECT cache_fetch('rl:made', 'SELECT aged(''1'') AS v');
SELECT cache_fetch('rl:made of made', 'SELECT cache_fetch(''rl:made'', ''SELECT aged(''''1'''') AS v''), aged(''2'')');
SELECT cache_fetch('rl:anew', 'SELECT aged(''3'') AS v');
SELECT filled('rl:aged:1') < filled('rl:fresh') AS older, filled('rl:made') = filled('rl:aged:1') AS made,
	filled('rl:made of made') = filled('rl:aged:1') AS made_of_made, filled('rl:anew') > filled('rl:fresh') AS anew;
-- also by typed rows, and by a load inside of a load
SELECT * FROM cache_fetch_rows('rl:rows of made', 'SELECT 1 FROM cache_fetch_rows(''rl:between'', ''SELECT aged(''''1'''')::text'') AS t(v text)') AS t(v int);
SELECT filled('rl:between') = filled('rl:aged:1') AS between, filled('rl:rows of made') = filled('rl:aged:1') AS rows;

SELECT cache_flush();
DROP SCHEMA regress_cf_limits CASCADE;
