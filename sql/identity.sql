-- Who shares a value with whom: nobody, unless everything that may change the
-- answer is the same.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cachefront;
DROP ROLE IF EXISTS regress_cf_alice, regress_cf_bob, regress_cf_readers;
CREATE SCHEMA regress_cf_id;
SET search_path = regress_cf_id, public;
SELECT cache_define('ri', jitter => 0, xfetch_beta => 0);
CREATE ROLE regress_cf_alice;
CREATE ROLE regress_cf_bob;
CREATE ROLE regress_cf_readers;
GRANT ALL ON SCHEMA regress_cf_id TO regress_cf_alice, regress_cf_bob, regress_cf_readers;

-- The counters of a cache that moved since the last call. It keeps what it saw
-- in a setting, as a write would change what is tested.
CREATE FUNCTION counted(name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	seen json;
	before json;
	moved text;
BEGIN
	SELECT row_to_json(s) INTO seen FROM cache_stats s WHERE s.cache = name;
	before := coalesce(nullif(current_setting('cf_test.' || name, true), ''), '{}');
	SELECT string_agg(format('%s %s', key, value::bigint - coalesce(before ->> key, '0')::bigint),
					  ', ' ORDER BY ord)
	INTO moved
	FROM json_each_text(seen) WITH ORDINALITY AS e(key, value, ord)
	WHERE key <> 'cache' AND value <> coalesce(before ->> key, '0');
	PERFORM set_config('cf_test.' || name, seen::text, false);
	RETURN coalesce(moved, 'nothing');
END $$;
DO $$ BEGIN PERFORM counted('ri'); END $$;

--
-- Roles
--
SET ROLE regress_cf_alice;
SELECT cache_fetch_row('ri:role', 'SELECT current_user AS v') ->> 'v' AS v;
SET ROLE regress_cf_bob;
SELECT cache_fetch_row('ri:role', 'SELECT current_user AS v') ->> 'v' AS v;
SELECT cache_fetch_row('ri:role', 'SELECT current_user AS v') ->> 'v' AS v;
SET ROLE regress_cf_alice;
SELECT cache_fetch_row('ri:role', 'SELECT current_user AS v') ->> 'v' AS v;
SELECT counted('ri');
RESET ROLE;
-- the session's user counts as well as the effective one
SET SESSION AUTHORIZATION regress_cf_alice;
SELECT cache_fetch_row('ri:role', 'SELECT current_user AS v') ->> 'v' AS v;
SELECT counted('ri');
SELECT cache_fetch_row('ri:role', 'SELECT session_user AS v') ->> 'v' AS v;
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION regress_cf_bob;
SELECT cache_fetch_row('ri:role', 'SELECT session_user AS v') ->> 'v' AS v;
RESET SESSION AUTHORIZATION;
SELECT counted('ri');
SELECT role, count(*), count(DISTINCT session_role) AS session_roles
	FROM cache_entries WHERE key = 'ri:role' GROUP BY role ORDER BY role;
-- a SECURITY DEFINER function fetches as its owner
CREATE FUNCTION whoami() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS
$$ BEGIN RETURN cache_fetch_row('ri:role', 'SELECT current_user AS v') ->> 'v'; END $$;
ALTER FUNCTION whoami() OWNER TO regress_cf_bob;
SELECT counted('ri');
SET ROLE regress_cf_alice;
SELECT whoami(), cache_fetch_row('ri:role', 'SELECT current_user AS v') ->> 'v' AS v;
SELECT whoami(), cache_fetch_row('ri:role', 'SELECT current_user AS v') ->> 'v' AS v;
SET ROLE regress_cf_bob;
SELECT whoami(), cache_fetch_row('ri:role', 'SELECT current_user AS v') ->> 'v' AS v;
RESET ROLE;
SELECT counted('ri');
-- values of cache_set are private in the same way
SET ROLE regress_cf_alice;
SELECT cache_set('ri:value', '"of alice"');
SET ROLE regress_cf_bob;
SELECT cache_get('ri:value') IS NULL AS none;
SELECT cache_set('ri:value', '"of bob"');
SET ROLE regress_cf_alice;
SELECT cache_get('ri:value');
RESET ROLE;
SELECT cache_get('ri:value') IS NULL AS none;
-- but who drops a key drops it for all
SELECT cache_delete('ri:value');
SELECT count(*) FROM cache_entries WHERE key = 'ri:value';

--
-- search_path
--
CREATE SCHEMA regress_cf_id1;
CREATE SCHEMA regress_cf_id2;
CREATE TABLE regress_cf_id1.t AS SELECT 'one' AS v;
CREATE TABLE regress_cf_id2.t AS SELECT 'two' AS v;
SELECT counted('ri');
SET search_path = regress_cf_id1, regress_cf_id, public;
SELECT cache_fetch_row('ri:path', 'SELECT v FROM t');
SET search_path = regress_cf_id2, regress_cf_id, public;
SELECT cache_fetch_row('ri:path', 'SELECT v FROM t');
SELECT cache_fetch_row('ri:path', 'SELECT v FROM t');
SET search_path = regress_cf_id1, regress_cf_id, public;
SELECT cache_fetch_row('ri:path', 'SELECT v FROM t');
SELECT counted('ri');
-- the same schemas, written in another way
SET search_path = "$user", regress_cf_id1, nosuch, regress_cf_id, "public";
SELECT cache_fetch_row('ri:path', 'SELECT v FROM t');
SELECT counted('ri');
-- one more schema may mean more
SET search_path = regress_cf_id1, regress_cf_id2, regress_cf_id, public;
SELECT cache_fetch_row('ri:path', 'SELECT v FROM t');
SELECT counted('ri');
SET search_path = regress_cf_id, public;
SELECT cache_fetch_row('ri:path', 'SELECT v FROM t');
CREATE FUNCTION path1() RETURNS json LANGUAGE sql SET search_path = regress_cf_id1, public AS
$$ SELECT cache_fetch_row('ri:path', 'SELECT v FROM t') $$;
CREATE FUNCTION path2() RETURNS json LANGUAGE sql SET search_path = regress_cf_id2, public AS
$$ SELECT cache_fetch_row('ri:path', 'SELECT v FROM t') $$;
SELECT path1(), path2();
SELECT path1(), path2();
-- a schema that appears in the path
SET search_path = regress_cf_id3, regress_cf_id1, regress_cf_id, public;
SELECT cache_fetch_row('ri:path', 'SELECT v FROM t');
CREATE SCHEMA regress_cf_id3;
SELECT cache_fetch_row('ri:path', 'SELECT v FROM t');
CREATE TABLE regress_cf_id3.t AS SELECT 'three' AS v;
SELECT cache_fetch_row('ri:path', 'SELECT v FROM t');
DROP SCHEMA regress_cf_id3 CASCADE;
SELECT cache_fetch_row('ri:path', 'SELECT v FROM t');
SET search_path = regress_cf_id, public;
SELECT counted('ri');

--
-- Arguments: by type and by value
--
SELECT cache_fetch_row('ri:arg', 'SELECT $1 AS v, pg_typeof($1) AS t', 1::int);
SELECT cache_fetch_row('ri:arg', 'SELECT $1 AS v, pg_typeof($1) AS t', 1::bigint);
SELECT cache_fetch_row('ri:arg', 'SELECT $1 AS v, pg_typeof($1) AS t', 1::smallint);
SELECT cache_fetch_row('ri:arg', 'SELECT $1 AS v, pg_typeof($1) AS t', 1::oid);
SELECT cache_fetch_row('ri:arg', 'SELECT $1 AS v, pg_typeof($1) AS t', true);
SELECT cache_fetch_row('ri:arg', 'SELECT $1 AS v, pg_typeof($1) AS t', '1'::text);
SELECT cache_fetch_row('ri:arg', 'SELECT $1 AS v, pg_typeof($1) AS t', '1'::varchar);
SELECT cache_fetch_row('ri:arg', 'SELECT $1 AS v, pg_typeof($1) AS t', ROW('1'::"char"));
SELECT cache_fetch_row('ri:arg', 'SELECT $1 AS v, pg_typeof($1) AS t', '1'::bytea);
SELECT cache_fetch_row('ri:arg', 'SELECT $1 AS v, pg_typeof($1) AS t', '1'::numeric);
SELECT cache_fetch_row('ri:arg', 'SELECT $1 AS v, pg_typeof($1) AS t', '1.0'::numeric);
SELECT cache_fetch_row('ri:arg', 'SELECT $1 AS v, pg_typeof($1) AS t', '1'::float8);
SELECT cache_fetch_row('ri:arg', 'SELECT $1 AS v, pg_typeof($1) AS t', '0'::float8);
SELECT cache_fetch_row('ri:arg', 'SELECT $1 AS v, pg_typeof($1) AS t', '-0'::float8);
SELECT cache_fetch_row('ri:arg', 'SELECT $1 AS v, pg_typeof($1) AS t', NULL::int);
SELECT cache_fetch_row('ri:arg', 'SELECT $1 AS v, pg_typeof($1) AS t', NULL::text);
SELECT cache_fetch_row('ri:arg', 'SELECT $1 AS v, pg_typeof($1) AS t', ''::text);
SELECT cache_fetch_row('ri:arg', 'SELECT $1 AS v, pg_typeof($1) AS t', '{1}'::int[]);
SELECT cache_fetch_row('ri:arg', 'SELECT $1 AS v, pg_typeof($1) AS t', '[0:0]={1}'::int[]);
SELECT counted('ri');
-- where one argument ends counts, too
SELECT cache_fetch_row('ri:arg', 'SELECT $1 AS a, $2 AS b', ('ab'::text, 'c'::text));
SELECT cache_fetch_row('ri:arg', 'SELECT $1 AS a, $2 AS b', ('a'::text, 'bc'::text));
SELECT cache_fetch_row('ri:arg', 'SELECT $1 AS a, $2 AS b', (NULL::text, 'c'::text));
SELECT cache_fetch_row('ri:arg', 'SELECT $1 AS a, $2 AS b', ('c'::text, NULL::text));
SELECT counted('ri');
-- long and compressed values
CREATE TABLE long AS SELECT repeat('x', 100000) AS a;
SELECT cache_fetch_row('ri:arg', 'SELECT length($1) AS n', a) FROM long;
SELECT cache_fetch_row('ri:arg', 'SELECT length($1) AS n', repeat('x', 100000));
SELECT cache_fetch_row('ri:arg', 'SELECT length($1) AS n', repeat('x', 99999));
SELECT counted('ri');
-- columns of rows: by type and typmod; their names are the caller's
SELECT * FROM cache_fetch_rows('ri:cols', 'SELECT 1.25 AS v') AS t(v numeric);
SELECT * FROM cache_fetch_rows('ri:cols', 'SELECT 1.25 AS v') AS t(v numeric(5,1));
SELECT * FROM cache_fetch_rows('ri:cols', 'SELECT 1.25 AS v') AS t(v text);
SELECT counted('ri');
SELECT * FROM cache_fetch_rows('ri:cols', 'SELECT 1.25 AS v') AS t(w numeric);
SELECT counted('ri');

--
-- Settings: with one value, another, and the first again
--
CREATE FUNCTION under(setting text, one text, two text, query text,
					  OUT v1 text, OUT v2 text, OUT v1_again text, OUT loads bigint)
LANGUAGE plpgsql AS $$
DECLARE
	before bigint;
	was text := current_setting(setting);
BEGIN
	SELECT s.loads INTO before FROM cache_stats s WHERE cache = 'ri';
	PERFORM set_config(setting, one, false);
	v1 := cache_fetch_row('ri:setting', query) ->> 'v';
	PERFORM set_config(setting, two, false);
	v2 := cache_fetch_row('ri:setting', query) ->> 'v';
	PERFORM set_config(setting, one, false);
	v1_again := cache_fetch_row('ri:setting', query) ->> 'v';
	PERFORM set_config(setting, was, false);
	SELECT s.loads - before INTO loads FROM cache_stats s WHERE cache = 'ri';
END $$;
SELECT * FROM under('TimeZone', 'UTC', 'Asia/Tokyo', 'SELECT ''2024-02-01 00:00+00''::timestamptz AS v');
SELECT * FROM under('TimeZone', '<+01>-1', '<+02>-2', 'SELECT ''2024-02-01 00:00+00''::timestamptz AS v');
SELECT * FROM under('DateStyle', 'ISO, MDY', 'German, DMY', 'SELECT ''2024-02-01''::date::text AS v');
SELECT * FROM under('DateStyle', 'ISO, MDY', 'ISO, DMY', 'SELECT ''02/01/2024''::text::date AS v');
SELECT * FROM under('IntervalStyle', 'postgres', 'iso_8601', 'SELECT ''1 day 2 hours''::interval AS v');
SELECT * FROM under('extra_float_digits', '1', '0', 'SELECT 0.1::float8 + 0.2::float8 AS v');
SELECT * FROM under('bytea_output', 'hex', 'escape', 'SELECT ''ab''::bytea AS v');
SELECT * FROM under('xmloption', 'content', 'document', 'SELECT current_setting(''xmloption'') AS v');
SELECT * FROM under('xmlbinary', 'base64', 'hex', 'SELECT current_setting(''xmlbinary'') AS v');
SELECT * FROM under('lc_monetary', 'C', 'POSIX', 'SELECT current_setting(''lc_monetary'') AS v');
SELECT * FROM under('lc_numeric', 'C', 'POSIX', 'SELECT current_setting(''lc_numeric'') AS v');
SELECT * FROM under('lc_time', 'C', 'POSIX', 'SELECT current_setting(''lc_time'') AS v');
SELECT * FROM under('lc_messages', 'C', 'POSIX', 'SELECT current_setting(''lc_messages'') AS v');
SELECT * FROM under('default_text_search_config', 'pg_catalog.simple', 'pg_catalog.english', 'SELECT to_tsvector(''running cats'') AS v');
SELECT * FROM under('standard_conforming_strings', 'on', 'off', 'SELECT length(''\\'') AS v');
SELECT * FROM under('transform_null_equals', 'off', 'on', 'SELECT 1 = NULL AS v');
SELECT * FROM under('array_nulls', 'on', 'off', 'SELECT (''{NULL}''::text::text[])[1] IS NULL AS v');
SELECT * FROM under('quote_all_identifiers', 'off', 'on', 'SELECT quote_ident(''a'') AS v');
SELECT * FROM under('timezone_abbreviations', 'Default', 'India', 'SELECT ''2024-02-01 12:00 IST''::text::timestamptz AT TIME ZONE ''UTC'' AS v');
-- and one that does not matter
SELECT * FROM under('work_mem', '4MB', '8MB', 'SELECT 1 AS v');
SELECT counted('ri');

--
-- Temporary tables: never cached, and never hidden by what is
--
CREATE TABLE shadow AS SELECT 'permanent' AS v;
CREATE VIEW over AS SELECT v FROM shadow;
CREATE FUNCTION through() RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN (SELECT v FROM shadow); END $$;
CREATE FUNCTION through_sql() RETURNS text LANGUAGE sql STABLE AS $$ SELECT v FROM shadow $$;
SELECT cache_fetch_row('ri:temp', 'SELECT v FROM shadow'), cache_fetch_row('ri:temp', 'SELECT v FROM over'),
	cache_fetch_row('ri:temp', 'SELECT through() AS v'), cache_fetch_row('ri:temp', 'SELECT through_sql() AS v');
SELECT counted('ri');
CREATE TEMP TABLE mine (a int);
INSERT INTO mine VALUES (1);
SELECT cache_fetch_row('ri:temp', 'SELECT count(*) AS n FROM mine');
INSERT INTO mine VALUES (2);
SELECT cache_fetch_row('ri:temp', 'SELECT count(*) AS n FROM mine');
SELECT * FROM cache_fetch_rows('ri:temp', 'SELECT count(*) FROM mine') AS t(n bigint);
SELECT counted('ri');
SELECT count(*) FROM cache_entries WHERE key = 'ri:temp';
-- the permanent one is found as before
SELECT cache_fetch_row('ri:temp', 'SELECT v FROM shadow'), cache_fetch_row('ri:temp', 'SELECT v FROM over');
SELECT counted('ri');
-- hidden by a temporary table; the view still means the permanent one
CREATE TEMP TABLE shadow AS SELECT 'temporary' AS v;
SELECT cache_fetch_row('ri:temp', 'SELECT v FROM shadow'), cache_fetch_row('ri:temp', 'SELECT v FROM over');
SELECT cache_fetch_row('ri:temp', 'SELECT v FROM shadow'), cache_fetch_row('ri:temp', 'SELECT v FROM over');
SELECT counted('ri');
SELECT cache_fetch_row('ri:temp', 'SELECT v FROM regress_cf_id.shadow');
-- functions look for the name when they run
SELECT cache_fetch_row('ri:temp', 'SELECT through() AS v'), through();
SELECT cache_fetch_row('ri:temp', 'SELECT through_sql() AS v'), through_sql();
DROP TABLE pg_temp.shadow;
SELECT cache_fetch_row('ri:temp', 'SELECT through() AS v'), through();
SELECT cache_fetch_row('ri:temp', 'SELECT through_sql() AS v'), through_sql();
DO $$ BEGIN PERFORM counted('ri'); END $$;
SELECT cache_fetch_row('ri:temp', 'SELECT v FROM shadow');
SELECT counted('ri');
-- by a temporary view; in a transaction; undone
CREATE TEMP VIEW shadow AS SELECT 'temporary view' AS v;
SELECT cache_fetch_row('ri:temp', 'SELECT v FROM shadow');
DROP VIEW pg_temp.shadow;
SELECT cache_fetch_row('ri:temp', 'SELECT v FROM shadow');
SELECT counted('ri');
BEGIN;
CREATE TEMP TABLE shadow ON COMMIT DROP AS SELECT 'until commit' AS v;
SELECT cache_fetch_row('ri:temp', 'SELECT v FROM shadow');
COMMIT;
SELECT cache_fetch_row('ri:temp', 'SELECT v FROM shadow');
BEGIN;
SAVEPOINT a;
CREATE TEMP TABLE shadow AS SELECT 'until rollback' AS v;
SELECT cache_fetch_row('ri:temp', 'SELECT v FROM shadow');
ROLLBACK TO a;
SELECT cache_fetch_row('ri:temp', 'SELECT v FROM shadow');
COMMIT;
SELECT cache_fetch_row('ri:temp', 'SELECT v FROM shadow');
SELECT counted('ri');
-- errors are of the cached query, not of the one around it
SELECT cache_fetch_row('ri:temp', 'SELECT v, nosuch FROM shadow');
SELECT cache_fetch_row('ri:temp', 'SELECT v FROM');
DO $$ BEGIN PERFORM counted('ri'); END $$;
-- made by renaming
CREATE TEMP TABLE other AS SELECT 'renamed' AS v;
SELECT cache_fetch_row('ri:temp', 'SELECT v FROM shadow');
ALTER TABLE other RENAME TO shadow;
SELECT cache_fetch_row('ri:temp', 'SELECT v FROM shadow');
DISCARD TEMP;
SELECT cache_fetch_row('ri:temp', 'SELECT v FROM shadow');
SELECT counted('ri');
-- a temporary table in a join, a subquery, behind a view of its own, behind a function
CREATE TEMP TABLE mine AS SELECT 1 AS a;
CREATE TEMP VIEW mine_too AS SELECT a FROM mine;
CREATE FUNCTION reads_mine() RETURNS bigint LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN (SELECT sum(a) FROM pg_temp.mine); END $$;
SELECT cache_fetch_row('ri:temp', 'SELECT s.v FROM shadow s CROSS JOIN mine'),
	cache_fetch_row('ri:temp', 'SELECT v FROM shadow WHERE EXISTS (SELECT FROM mine)'),
	cache_fetch_row('ri:temp', 'SELECT a FROM mine_too');
SELECT counted('ri');
SELECT cache_fetch_row('ri:temp', 'SELECT reads_mine() AS n');
UPDATE mine SET a = 2;
SELECT cache_fetch_row('ri:temp', 'SELECT a FROM mine_too'),
	cache_fetch_row('ri:temp', 'SELECT reads_mine() AS n');
DISCARD TEMP;

SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 207;
SELECT cache_drop('ri');
SELECT cache_flush();
DROP SCHEMA regress_cf_id, regress_cf_id1, regress_cf_id2 CASCADE;
DROP ROLE regress_cf_alice, regress_cf_bob, regress_cf_readers;
