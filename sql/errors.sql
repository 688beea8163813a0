-- Bad input: each mistake gives a clear error with its SQLSTATE, and leaves no
-- lock, no flight and no entry behind.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cachefront;
DROP ROLE IF EXISTS regress_cf_errors_user;
CREATE SCHEMA regress_cf_errors;
SET search_path = regress_cf_errors, public;
CREATE ROLE regress_cf_errors_user;
GRANT USAGE ON SCHEMA regress_cf_errors TO regress_cf_errors_user;
CREATE TABLE t (a int, b text);
INSERT INTO t VALUES (1, 'one'), (2, 'two');

CREATE VIEW leftovers AS SELECT
	(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 207) AS locks,
	(SELECT count(*) FROM cache_inflight) AS flights,
	(SELECT count(*) FROM cache_entries WHERE key LIKE 're%' AND database = current_database()) AS entries;

--
-- Keys
--
SELECT cache_fetch(NULL, 'SELECT 1'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('', 'SELECT 1'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch(repeat('k', 1025), 'SELECT 1'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch(repeat('é', 513), 'SELECT 1'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch_row(NULL, 'SELECT 1'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch_row('', 'SELECT 1'); \echo :LAST_ERROR_SQLSTATE
SELECT * FROM cache_fetch_rows(NULL, 'SELECT 1') AS t(a int); \echo :LAST_ERROR_SQLSTATE
SELECT * FROM cache_fetch_rows('', 'SELECT 1') AS t(a int); \echo :LAST_ERROR_SQLSTATE
SELECT * FROM cache_fetch_rows(repeat('k', 1025), 'SELECT 1') AS t(a int); \echo :LAST_ERROR_SQLSTATE
SELECT cache_get(NULL); \echo :LAST_ERROR_SQLSTATE
SELECT cache_get(''); \echo :LAST_ERROR_SQLSTATE
SELECT cache_get(repeat('k', 1025)); \echo :LAST_ERROR_SQLSTATE
SELECT cache_set(NULL, '1'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_set('', '1'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_set(repeat('k', 1025), '1'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_touch(NULL); \echo :LAST_ERROR_SQLSTATE
SELECT cache_touch(''); \echo :LAST_ERROR_SQLSTATE
SELECT cache_touch(repeat('k', 1025)); \echo :LAST_ERROR_SQLSTATE
SELECT cache_explain(NULL, 'SELECT 1'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_explain('', 'SELECT 1'); \echo :LAST_ERROR_SQLSTATE
-- lists of keys
SELECT cache_delete(); \echo :LAST_ERROR_SQLSTATE
SELECT cache_delete(NULL); \echo :LAST_ERROR_SQLSTATE
SELECT cache_delete('re:a', NULL); \echo :LAST_ERROR_SQLSTATE
SELECT cache_delete('re:a', ''); \echo :LAST_ERROR_SQLSTATE
SELECT cache_delete('re:a', repeat('k', 1025)); \echo :LAST_ERROR_SQLSTATE
SELECT cache_delete(VARIADIC NULL); \echo :LAST_ERROR_SQLSTATE
SELECT cache_delete(VARIADIC '{re:a,NULL}'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_invalidate(); \echo :LAST_ERROR_SQLSTATE
SELECT cache_invalidate(NULL); \echo :LAST_ERROR_SQLSTATE
SELECT cache_invalidate('re:a', NULL); \echo :LAST_ERROR_SQLSTATE
SELECT cache_invalidate(''); \echo :LAST_ERROR_SQLSTATE
SELECT cache_invalidate(repeat('k', 1025)); \echo :LAST_ERROR_SQLSTATE
SELECT cache_invalidate(VARIADIC NULL); \echo :LAST_ERROR_SQLSTATE
-- an empty list, and a key of the largest size, are none
SELECT cache_delete(VARIADIC '{}'), cache_invalidate(VARIADIC '{}'), cache_invalidate_tag(VARIADIC '{}');
SELECT cache_fetch(repeat('k', 1024), 'SELECT 1 AS a');
SELECT count(*) FROM cache_entries WHERE key = repeat('k', 1024);
SELECT cache_delete(repeat('k', 1024));
SELECT count(*) FROM cache_entries WHERE key = repeat('k', 1024);

--
-- Tags
--
SELECT cache_fetch('re:a', 'SELECT 1', tags => '{a,NULL}'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:a', 'SELECT 1', tags => '{""}'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:a', 'SELECT 1', tags => ARRAY[repeat('t', 1025)]); \echo :LAST_ERROR_SQLSTATE
SELECT cache_set('re:a', '1', tags => '{a,NULL}'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_set('re:a', '1', tags => '{a,""}'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_set('re:a', '1', tags => ARRAY[repeat('t', 1025)]); \echo :LAST_ERROR_SQLSTATE
SELECT cache_set('re:a', '1', tags => array_agg('t' || g)) FROM generate_series(1, 1001) g; \echo :LAST_ERROR_SQLSTATE
SELECT cache_invalidate_tag(); \echo :LAST_ERROR_SQLSTATE
SELECT cache_invalidate_tag(NULL); \echo :LAST_ERROR_SQLSTATE
SELECT cache_invalidate_tag('a', NULL); \echo :LAST_ERROR_SQLSTATE
SELECT cache_invalidate_tag(''); \echo :LAST_ERROR_SQLSTATE
SELECT cache_invalidate_tag(repeat('t', 1025)); \echo :LAST_ERROR_SQLSTATE
SELECT cache_invalidate_tag(VARIADIC NULL); \echo :LAST_ERROR_SQLSTATE
SELECT cache_invalidate_table(NULL); \echo :LAST_ERROR_SQLSTATE
SELECT cache_invalidate_table('nosuch'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_invalidate_table(0); \echo :LAST_ERROR_SQLSTATE
-- a query with too many tags is answered, only not kept
SELECT cache_fetch('re:a', 'SELECT 1 AS a', tags => array_agg('t' || g)) FROM generate_series(1, 1001) g;
SELECT * FROM leftovers;

--
-- Queries
--
SELECT cache_fetch('re:q', NULL); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', ''); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', ' ; -- nothing'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'SELEC 1'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'SELECT 1 FROM'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'SELECT ''x'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'SELECT nosuch FROM t'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'SELECT 1 FROM nosuch'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'SELECT nosuch(1)'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'SELECT 1; SELECT 2'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'SELECT 1; DROP TABLE t'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'INSERT INTO t VALUES (3)'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'INSERT INTO t VALUES (3) RETURNING a'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'UPDATE t SET a = 0'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'DELETE FROM t'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'MERGE INTO t USING t u ON t.a = u.a WHEN MATCHED THEN DELETE'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'TRUNCATE t'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'DROP TABLE t'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'SELECT 1 AS a INTO made'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'CREATE TABLE made AS SELECT 1'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'EXPLAIN SELECT 1'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'SHOW work_mem'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'SET work_mem = 64'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'COMMIT'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'COPY t TO STDOUT'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'DO $x$BEGIN END$x$'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'DECLARE c CURSOR FOR SELECT 1'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'WITH x AS (DELETE FROM t RETURNING a) SELECT * FROM x'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'WITH x AS (INSERT INTO t VALUES (3)) SELECT 1'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'SELECT (SELECT 1 FROM (WITH x AS (UPDATE t SET a = 0 RETURNING a) SELECT * FROM x) y)'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'SELECT * FROM t FOR UPDATE'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'SELECT * FROM t FOR NO KEY UPDATE NOWAIT'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'SELECT * FROM t FOR SHARE OF t'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'SELECT * FROM t FOR KEY SHARE SKIP LOCKED'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'SELECT * FROM (SELECT * FROM t FOR UPDATE) u'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'WITH x AS (SELECT * FROM t FOR UPDATE) SELECT * FROM x'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'SELECT (SELECT a FROM t LIMIT 1 FOR UPDATE)'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:q', 'SELECT 1 FROM (SELECT 1 WHERE EXISTS (SELECT FROM t FOR SHARE)) u'); \echo :LAST_ERROR_SQLSTATE
CREATE VIEW locking AS SELECT * FROM t FOR UPDATE;
SELECT cache_fetch('re:q', 'SELECT * FROM locking'); \echo :LAST_ERROR_SQLSTATE
-- the same ways for the other two and for cache_explain
SELECT cache_fetch_row('re:q', NULL); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch_row('re:q', 'DELETE FROM t RETURNING a'); \echo :LAST_ERROR_SQLSTATE
SELECT * FROM cache_fetch_rows('re:q', NULL) AS t(a int); \echo :LAST_ERROR_SQLSTATE
SELECT * FROM cache_fetch_rows('re:q', 'DELETE FROM t RETURNING a') AS t(a int); \echo :LAST_ERROR_SQLSTATE
SELECT * FROM cache_fetch_rows('re:q', 'SELECT 1; SELECT 2') AS t(a int); \echo :LAST_ERROR_SQLSTATE
SELECT cache_explain('re:q', NULL); \echo :LAST_ERROR_SQLSTATE
SELECT cache_explain('re:q', 'DELETE FROM t RETURNING a'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_explain('re:q', 'SELECT 1; SELECT 2'); \echo :LAST_ERROR_SQLSTATE
-- not cached, the query is refused in the same way
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT cache_fetch('re:q', 'DELETE FROM t RETURNING a'); \echo :LAST_ERROR_SQLSTATE
ROLLBACK;
SET cachefront.enabled = off;
SELECT cache_fetch('re:q', 'SELECT * FROM t FOR UPDATE'); \echo :LAST_ERROR_SQLSTATE
RESET cachefront.enabled;
SELECT count(*) FROM t;
SELECT * FROM leftovers;

--
-- Queries that fail as they run
--
SELECT cache_fetch('re:run', 'SELECT 1 / (a - 2) AS x FROM t ORDER BY a'); \echo :LAST_ERROR_SQLSTATE
SELECT * FROM cache_fetch_rows('re:run', 'SELECT 1 / (a - 2) AS x FROM t ORDER BY a') AS t(x int); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:run', 'SELECT $1::int', 'x'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:run', 'SELECT (SELECT a FROM t)'); \echo :LAST_ERROR_SQLSTATE
CREATE FUNCTION complain(text) RETURNS int LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'complaint: %', $1 USING errcode = 'CF001', detail = 'a detail', hint = 'a hint'; END $$;
SELECT cache_fetch('re:run', 'SELECT complain($1)', 'about %s'); \echo :LAST_ERROR_SQLSTATE
-- failing in the middle of many rows
SELECT cache_fetch('re:run', 'SELECT 1 / (5000 - g) FROM generate_series(1, 10000) g'); \echo :LAST_ERROR_SQLSTATE
SET statement_timeout = '100ms';
SELECT cache_fetch('re:run', 'SELECT pg_sleep(60)'); \echo :LAST_ERROR_SQLSTATE
RESET statement_timeout;
SET ROLE regress_cf_errors_user;
SELECT cache_fetch('re:run', 'SELECT * FROM t'); \echo :LAST_ERROR_SQLSTATE
SELECT * FROM cache_fetch_rows('re:run', 'SELECT a FROM regress_cf_errors.t') AS t(a int); \echo :LAST_ERROR_SQLSTATE
RESET ROLE;
SELECT * FROM leftovers;
-- without end
CREATE FUNCTION without_end(n int) RETURNS json LANGUAGE plpgsql AS
$$ BEGIN RETURN cache_fetch('re:end:' || n, 'SELECT without_end($1)', (n + 1)); END $$;
SET max_stack_depth = '400kB';
\set VERBOSITY terse
SELECT without_end(1); \echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
RESET max_stack_depth;
SELECT * FROM leftovers;

--
-- Queries that write
--
CREATE FUNCTION writes(command text) RETURNS int LANGUAGE plpgsql AS
$$ BEGIN EXECUTE command; RETURN 1; END $$;
CREATE SEQUENCE s;
SELECT cache_fetch('re:write', 'SELECT writes(''INSERT INTO t VALUES (3)'')'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:write', 'SELECT writes(''DELETE FROM t'')'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:write', 'SELECT writes(''CREATE TABLE made (a int)'')'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:write', 'SELECT writes(''CREATE TEMP TABLE made (a int)'')'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:write', 'SELECT writes(''SELECT a FROM t FOR UPDATE'')'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:write', 'SELECT nextval(''s'')'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:write', 'SELECT setval(''s'', 7)'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:write', 'SELECT writes(''GRANT SELECT ON t TO PUBLIC'')'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:write', 'SELECT writes(''COMMIT'')'); \echo :LAST_ERROR_SQLSTATE
SELECT * FROM cache_fetch_rows('re:write', 'SELECT writes(''INSERT INTO t VALUES (3)'')') AS t(a int); \echo :LAST_ERROR_SQLSTATE
-- nor is there a way round
SELECT cache_fetch('re:write', 'SELECT writes(''SET transaction_read_only = off'')'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:write', 'SELECT set_config(''transaction_read_only'', ''off'', true)'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:write', 'SELECT writes(''SET TRANSACTION READ WRITE'')'); \echo :LAST_ERROR_SQLSTATE
-- 16 and later refuse to make a function with this setting
SELECT current_setting('server_version_num')::int < 160000 AS allowed \gset
\if :allowed
CREATE FUNCTION writes_set() RETURNS int LANGUAGE plpgsql SET transaction_read_only = off AS
$$ BEGIN INSERT INTO t VALUES (3); RETURN 1; END $$;
\else
CREATE FUNCTION writes_set() RETURNS int LANGUAGE plpgsql AS
$$ BEGIN SET LOCAL transaction_read_only = off; INSERT INTO t VALUES (3); RETURN 1; END $$;
\endif
\set SHOW_CONTEXT never
SELECT cache_fetch('re:write', 'SELECT writes_set()'); \echo :LAST_ERROR_SQLSTATE
\set SHOW_CONTEXT errors
CREATE FUNCTION writes_caught() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		SET LOCAL transaction_read_only = off;
	EXCEPTION WHEN OTHERS THEN
		NULL;
	END;
	INSERT INTO t VALUES (3);
	RETURN 'written';
END $$;
SELECT cache_fetch('re:write', 'SELECT writes_caught()'); \echo :LAST_ERROR_SQLSTATE
-- changes of the cache
SELECT cache_fetch('re:write', 'SELECT cache_set(''re:x'', ''1'')'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:write', 'SELECT cache_delete(''re:x'')'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:write', 'SELECT cache_touch(''re:x'')'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:write', 'SELECT cache_invalidate(''re:x'')'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:write', 'SELECT cache_invalidate_tag(''x'')'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:write', 'SELECT cache_invalidate_table(''t'')'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:write', 'SELECT cache_flush()'); \echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
SELECT cache_fetch('re:write', 'SELECT cache_define(''re'')'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:write', 'SELECT cache_drop(''re'')'); \echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
SELECT cache_get('re:x') IS NULL AS no_value;
-- caught inside, the rest of the query still may not write
CREATE FUNCTION catches() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM cache_fetch('re:write', 'SELECT 1 / 0');
EXCEPTION WHEN division_by_zero THEN
	INSERT INTO t VALUES (3);
	RETURN 'written';
END $$;
SELECT cache_fetch('re:write', 'SELECT catches()'); \echo :LAST_ERROR_SQLSTATE
-- and outside of the query, the transaction may write as before
SELECT catches();
SELECT count(*) FROM t;
BEGIN;
SAVEPOINT a;
SELECT cache_fetch('re:write', 'SELECT writes(''DELETE FROM t'')'); \echo :LAST_ERROR_SQLSTATE
ROLLBACK TO a;
SHOW transaction_read_only;
INSERT INTO t VALUES (4);
SELECT count(*) FROM t;
ROLLBACK;
BEGIN;
SELECT cache_fetch('re:ok', 'SELECT 1 AS a');
SHOW transaction_read_only;
INSERT INTO t VALUES (4);
ROLLBACK;
SELECT cache_delete('re:ok');
-- a transaction that is read-only stays so
BEGIN READ ONLY;
SAVEPOINT a;
SELECT cache_fetch('re:write', 'SELECT 1 / 0'); \echo :LAST_ERROR_SQLSTATE
ROLLBACK TO a;
SELECT cache_fetch('re:ok', 'SELECT 1 AS a');
SHOW transaction_read_only;
INSERT INTO t VALUES (4); \echo :LAST_ERROR_SQLSTATE
ROLLBACK;
SELECT cache_delete('re:ok');
SELECT * FROM leftovers;

--
-- args that do not fit
--
SELECT cache_fetch('re:args', 'SELECT $1 AS a'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:args', 'SELECT $1 AS a, $2 AS b', (1)); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:args', 'SELECT $1 AS a', (1, 2)); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:args', 'SELECT 1 AS a', (1)); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:args', 'SELECT $1 + 1 AS a', 'x'::text); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:args', 'SELECT a FROM t WHERE a = $1', 'one'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:args', 'SELECT $0'); \echo :LAST_ERROR_SQLSTATE
SELECT * FROM cache_fetch_rows('re:args', 'SELECT $1', (1, 2)) AS t(a int); \echo :LAST_ERROR_SQLSTATE
SELECT cache_explain('re:args', 'SELECT $1', (1, 2)); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:args', 'SELECT 1', 1, '1 min', '{t}', 'too many'); \echo :LAST_ERROR_SQLSTATE
SELECT * FROM leftovers;

--
-- Column lists: refused as those of a SQL function are, but told with the list that fits
--
CREATE FUNCTION two() RETURNS SETOF record LANGUAGE sql AS 'SELECT 1, ''x''::text';
-- where it fails is told differently from 18 on
\set SHOW_CONTEXT never
SELECT * FROM two() AS t(a int); \echo :LAST_ERROR_SQLSTATE
SELECT * FROM two() AS t(a int, b text, c int); \echo :LAST_ERROR_SQLSTATE
SELECT * FROM two() AS t(a date, b text); \echo :LAST_ERROR_SQLSTATE
SELECT * FROM two(); \echo :LAST_ERROR_SQLSTATE
\set SHOW_CONTEXT errors
SELECT * FROM cache_fetch_rows('re:cols', 'SELECT 1, ''x''::text') AS t(a int); \echo :LAST_ERROR_SQLSTATE
SELECT * FROM cache_fetch_rows('re:cols', 'SELECT 1, ''x''::text') AS t(a int, b text, c int); \echo :LAST_ERROR_SQLSTATE
SELECT * FROM cache_fetch_rows('re:cols', 'SELECT 1, ''x''::text') AS t(a date, b text); \echo :LAST_ERROR_SQLSTATE
SELECT * FROM cache_fetch_rows('re:cols', 'SELECT 1, ''x''::text'); \echo :LAST_ERROR_SQLSTATE
SELECT * FROM cache_fetch_rows('re:cols', 'SELECT 1, ''x''::text') AS t(a, b); \echo :LAST_ERROR_SQLSTATE
SELECT two(); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch_rows('re:cols', 'SELECT 1, ''x''::text'); \echo :LAST_ERROR_SQLSTATE
SELECT * FROM cache_fetch_rows('re:cols', 'SELECT 1, ''x''::text') AS t(a int, a text); \echo :LAST_ERROR_SQLSTATE
SELECT * FROM cache_fetch_rows('re:cols', 'SELECT FROM t') AS t(a int); \echo :LAST_ERROR_SQLSTATE
SELECT * FROM cache_fetch_rows('re:cols', 'SELECT ''abc''::text') AS t(a varchar(2)); \echo :LAST_ERROR_SQLSTATE
SELECT * FROM leftovers;
-- with the right list in the cache, a wrong one is wrong still
SELECT * FROM cache_fetch_rows('re:cols', 'SELECT 1, ''x''::text') AS t(a int, b text);
SELECT * FROM cache_fetch_rows('re:cols', 'SELECT 1, ''x''::text') AS t(a int); \echo :LAST_ERROR_SQLSTATE
SELECT * FROM cache_fetch_rows('re:cols', 'SELECT 1, ''x''::text') AS t(a date, b text); \echo :LAST_ERROR_SQLSTATE
SELECT * FROM cache_fetch_rows('re:cols', 'SELECT 1, ''x''::text') AS t(a int, b text);
SELECT cache_delete('re:cols');

--
-- Times to live
--
SELECT cache_fetch('re:ttl', 'SELECT 1', ttl => '0'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:ttl', 'SELECT 1', ttl => '-1 second'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:ttl', 'SELECT 1', ttl => '1 month -31 days'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:ttl', 'SELECT 1', ttl => '1 year 7 days'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:ttl', 'SELECT 1', ttl => '400000 days'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:ttl', 'SELECT 1', ttl => '100000000 years'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:ttl', 'SELECT 1', ttl => '-100000000 years'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('re:ttl', 'SELECT 1', ttl => 'soon'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch_row('re:ttl', 'SELECT 1', ttl => '0'); \echo :LAST_ERROR_SQLSTATE
SELECT * FROM cache_fetch_rows('re:ttl', 'SELECT 1', ttl => '0') AS t(a int); \echo :LAST_ERROR_SQLSTATE
SELECT cache_set('re:ttl', '1', '0'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_set('re:ttl', '1', '-1 second'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_set('re:ttl', '1', '367 days'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_touch('re:ttl', '0'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_touch('re:ttl', '-1 second'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_touch('re:ttl', '367 days'); \echo :LAST_ERROR_SQLSTATE

--
-- Values
--
SELECT cache_set('re:json', NULL); \echo :LAST_ERROR_SQLSTATE
SELECT cache_set('re:json', ''); \echo :LAST_ERROR_SQLSTATE
SELECT cache_set('re:json', '{"a": }'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_set('re:json', 'text'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_set('re:json', ('{"a"' || ':1')::json); \echo :LAST_ERROR_SQLSTATE
SELECT cache_set('re:json', 1); \echo :LAST_ERROR_SQLSTATE
SELECT * FROM leftovers;

--
-- Definitions
--
SELECT cache_define(NULL); \echo :LAST_ERROR_SQLSTATE
SELECT cache_define(''); \echo :LAST_ERROR_SQLSTATE
SELECT cache_define('re:'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_define('re x'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_define('ré'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_define(repeat('r', 64)); \echo :LAST_ERROR_SQLSTATE
SELECT cache_define('re', query => 'SELECT nothing'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_read('re_nobody'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_define('re_named', query => 'SELECT $1', arg_types => '{int}', version => '1');
SELECT cache_read('re_named'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_read('re_named', now()); \echo :LAST_ERROR_SQLSTATE
SELECT cache_alter('re_named', query => 'SELECT $1 + 1'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_alter('re_nobody', ttl => '1 s'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_drop('re_named');
SELECT cache_define('re', ttl => '0'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_define('re', ttl => '-1 min'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_define('re', ttl => '13 months'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_define('re', negative_ttl => '0'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_define('re', negative_ttl => '13 months'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_define('re', stale_ttl => '-1 s'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_define('re', stale_ttl => '13 months'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_define('re', jitter => -0.1); \echo :LAST_ERROR_SQLSTATE
SELECT cache_define('re', jitter => 1.1); \echo :LAST_ERROR_SQLSTATE
SELECT cache_define('re', jitter => 'NaN'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_define('re', xfetch_beta => -1); \echo :LAST_ERROR_SQLSTATE
SELECT cache_define('re', xfetch_beta => 1000.1); \echo :LAST_ERROR_SQLSTATE
SELECT cache_define('re', xfetch_beta => 'Infinity'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_define('re', scope => ''); \echo :LAST_ERROR_SQLSTATE
SELECT cache_define('re', scope => 'everybody'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_define('re', scope => 'setting:'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_define('re', scope => 'setting:a.' || repeat('b', 62)); \echo :LAST_ERROR_SQLSTATE
SELECT cache_drop(NULL); \echo :LAST_ERROR_SQLSTATE
SELECT cache_drop(''); \echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM cache_definitions WHERE name LIKE 're%';
SELECT cache_definitions_changed(); \echo :LAST_ERROR_SQLSTATE

--
-- Settings
--
-- 16 and later print the unit of the limits
CREATE FUNCTION refused(name text, value text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN 'accepted: ' || set_config(name, value, false);
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || regexp_replace(SQLERRM, '\((\d+) \w+ \.\. (\d+) \w+\)', '(\1 .. \2)');
END $$;
SELECT refused('cachefront.default_ttl', '0');
SELECT refused('cachefront.default_ttl', '367d');
SET cachefront.default_ttl = 'soon'; \echo :LAST_ERROR_SQLSTATE
SET cachefront.enabled = maybe; \echo :LAST_ERROR_SQLSTATE
SELECT refused('cachefront.flight_timeout', '0');
SELECT refused('cachefront.flight_timeout', '2h');
SELECT refused('cachefront.l1_max_value', '-1');
SELECT refused('cachefront.l1_max_value', '1GB');
SELECT refused('cachefront.negative_ttl', '0');
SELECT refused('cachefront.stale_ttl', '-1');
SET cachefront.ttl_jitter = 1.5; \echo :LAST_ERROR_SQLSTATE
SET cachefront.ttl_jitter = -0.5; \echo :LAST_ERROR_SQLSTATE
SET cachefront.ttl_jitter = 'NaN'; \echo :LAST_ERROR_SQLSTATE
SET cachefront.xfetch_beta = -1; \echo :LAST_ERROR_SQLSTATE
SET cachefront.xfetch_beta = 1001; \echo :LAST_ERROR_SQLSTATE
SET cachefront.l1_size = '128MB'; \echo :LAST_ERROR_SQLSTATE
SET cachefront.clock_slots = 4096; \echo :LAST_ERROR_SQLSTATE
SET cachefront.nosuch = 1; \echo :LAST_ERROR_SQLSTATE
SET ROLE regress_cf_errors_user;
SET cachefront.l1_max_value = 2048; \echo :LAST_ERROR_SQLSTATE
SET cachefront.default_ttl = 10;
RESET cachefront.default_ttl;
RESET ROLE;

SELECT * FROM leftovers;
SELECT cache_flush();
DROP SCHEMA regress_cf_errors CASCADE;
DROP ROLE regress_cf_errors_user;
--
-- Types that can be shown but not read back
--
SELECT * FROM cache_fetch_rows('re:types', 'SELECT ROW(1) AS r') AS t(r record);
SELECT * FROM cache_fetch_rows('re:types', 'SELECT adbin FROM pg_attrdef') AS t(b pg_node_tree);
SELECT count(*) FROM cache_entries WHERE key = 're:types';
