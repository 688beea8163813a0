-- Who shares a value with whom: nobody, unless everything that may change the
-- answer is the same. And what changes a right or a definition acts at once.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cachefront;
DROP DATABASE IF EXISTS regress_cf_other;
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

--
-- Row security, in a session without temporary tables
--
\c
SET client_min_messages = warning;
SET search_path = regress_cf_id, public;
DO $$ BEGIN PERFORM counted('ri'); END $$;
CREATE TABLE accounts (tenant text, v text);
INSERT INTO accounts VALUES ('a', 'of a'), ('b', 'of b');
ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
CREATE POLICY by_tenant ON accounts USING (tenant = current_setting('app.tenant', true));
GRANT SELECT ON accounts TO regress_cf_alice, regress_cf_bob;
-- who is not under it is cached
SELECT cache_fetch('ri:rls', 'SELECT v FROM accounts ORDER BY v');
SELECT cache_fetch('ri:rls', 'SELECT v FROM accounts ORDER BY v');
SELECT counted('ri');
SET ROLE regress_cf_alice;
SET app.tenant = 'a';
SELECT cache_fetch('ri:rls', 'SELECT v FROM accounts ORDER BY v');
SET app.tenant = 'b';
SELECT cache_fetch('ri:rls', 'SELECT v FROM accounts ORDER BY v');
SELECT * FROM cache_fetch_rows('ri:rls', 'SELECT v FROM accounts ORDER BY v') AS t(v text);
RESET app.tenant;
SELECT cache_fetch('ri:rls', 'SELECT v FROM accounts ORDER BY v');
SELECT counted('ri');
-- wherever the table hides
CREATE VIEW accounts_invoker WITH (security_invoker = true) AS SELECT v FROM accounts;
CREATE FUNCTION accounts_of_plpgsql() RETURNS SETOF text LANGUAGE plpgsql STABLE AS
$$ BEGIN RETURN QUERY SELECT v FROM accounts; END $$;
CREATE FUNCTION accounts_of_sql() RETURNS SETOF text LANGUAGE sql STABLE AS $$ SELECT v FROM accounts $$;
CREATE FUNCTION accounts_of_fetch() RETURNS json LANGUAGE plpgsql AS
$$ BEGIN RETURN cache_fetch('ri:rls', 'SELECT v FROM accounts ORDER BY v'); END $$;
RESET ROLE;
CREATE VIEW accounts_of_bob AS SELECT v FROM accounts;
ALTER VIEW accounts_of_bob OWNER TO regress_cf_bob;
CREATE VIEW accounts_of_owner AS SELECT v FROM accounts;
GRANT SELECT ON accounts_of_bob, accounts_of_owner TO regress_cf_alice;
CREATE FUNCTION accounts_of_definer() RETURNS SETOF text LANGUAGE plpgsql STABLE SECURITY DEFINER AS
$$ BEGIN RETURN QUERY SELECT v FROM accounts ORDER BY v; END $$;
SET ROLE regress_cf_alice;
CREATE FUNCTION everywhere() RETURNS TABLE (query text, one json, two json, bypassed bigint) LANGUAGE plpgsql AS $$
DECLARE
	before bigint;
BEGIN
	FOREACH query IN ARRAY ARRAY[
		'SELECT v FROM (SELECT v FROM accounts OFFSET 0) x',
		'SELECT (SELECT string_agg(v, '' '') FROM accounts) AS v',
		'WITH x AS MATERIALIZED (SELECT v FROM accounts) SELECT v FROM x',
		'SELECT count(*) AS v FROM accounts',
		'SELECT v FROM accounts WHERE false',
		'SELECT v FROM accounts_invoker',
		'SELECT v FROM accounts_of_bob',
		'SELECT v FROM accounts_of_sql() v',
		'SELECT accounts_of_sql() AS v',
		'SELECT v FROM accounts_of_plpgsql() v',
		'SELECT accounts_of_fetch() AS v',
		'SELECT v FROM accounts_of_definer() v',
		'SELECT v FROM accounts_of_owner ORDER BY v']
	LOOP
		SELECT bypass_row_security INTO before FROM cache_stats WHERE cache = 'ri';
		PERFORM set_config('app.tenant', 'a', false);
		one := cache_fetch('ri:rls', query);
		PERFORM set_config('app.tenant', 'b', false);
		two := cache_fetch('ri:rls', query);
		SELECT bypass_row_security - before INTO bypassed FROM cache_stats WHERE cache = 'ri';
		RETURN NEXT;
	END LOOP;
END $$;
SELECT * FROM everywhere();
RESET ROLE;
DROP FUNCTION everywhere();
SELECT counted('ri');
-- a scope makes it cached, for each value of the setting and for each role
SELECT cache_define('ri_tenant', jitter => 0, xfetch_beta => 0, scope => 'setting:app.tenant');
DO $$ BEGIN PERFORM counted('ri_tenant'); END $$;
SET ROLE regress_cf_alice;
SET app.tenant = 'a';
SELECT cache_fetch('ri_tenant:1', 'SELECT v FROM accounts'), cache_fetch('ri_tenant:1', 'SELECT v FROM accounts');
SET app.tenant = 'b';
SELECT cache_fetch('ri_tenant:1', 'SELECT v FROM accounts'), cache_fetch('ri_tenant:1', 'SELECT v FROM accounts');
SET app.tenant = '';
SELECT cache_fetch('ri_tenant:1', 'SELECT v FROM accounts'), cache_fetch('ri_tenant:1', 'SELECT v FROM accounts');
SET app.tenant = 'a';
SELECT cache_fetch('ri_tenant:1', 'SELECT v FROM accounts');
SELECT counted('ri_tenant');
SET ROLE regress_cf_bob;
SELECT cache_fetch('ri_tenant:1', 'SELECT v FROM accounts');
RESET ROLE;
SELECT cache_fetch('ri_tenant:1', 'SELECT v FROM accounts ORDER BY v');
SELECT counted('ri_tenant');
-- values of cache_set have that scope, too
SET ROLE regress_cf_alice;
SELECT cache_set('ri_tenant:2', '"value of a"');
SET app.tenant = 'b';
SELECT cache_get('ri_tenant:2') IS NULL AS none;
SET app.tenant = 'a';
SELECT cache_get('ri_tenant:2');
SELECT counted('ri_tenant');
-- a value of one scope gets into no other by way of a fetch inside a fetch
CREATE FUNCTION scoped() RETURNS json LANGUAGE plpgsql AS
$$ BEGIN RETURN cache_fetch('ri_tenant:1', 'SELECT v FROM accounts'); END $$;
SELECT cache_fetch('ri:rls', 'SELECT scoped() AS v');
SET app.tenant = 'b';
SELECT cache_fetch('ri:rls', 'SELECT scoped() AS v');
SELECT counted('ri');
RESET ROLE;
RESET app.tenant;
-- one role's freedom from policies is not another's: nothing to share
SELECT cache_define('ri_shared', jitter => 0, xfetch_beta => 0, scope => 'shared');
DO $$ BEGIN PERFORM counted('ri_shared'); END $$;
SELECT cache_fetch('ri_shared:rls', 'SELECT v FROM accounts ORDER BY v');
SET ROLE regress_cf_alice;
SET app.tenant = 'a';
SELECT cache_fetch('ri_shared:rls', 'SELECT v FROM accounts ORDER BY v');
RESET app.tenant;
RESET ROLE;
SELECT counted('ri_shared');

--
-- Settings of one's own in a query: bound to them, whatever the scope
--
SET app.x = 'first';
SELECT cache_fetch_row('ri:custom', 'SELECT current_setting(''app.x'') AS v');
SET app.x = 'second';
SELECT cache_fetch_row('ri:custom', 'SELECT current_setting(''app.x'') AS v');
SELECT counted('ri');
CREATE VIEW custom AS SELECT current_setting('app.x', true) AS v;
CREATE FUNCTION custom_sql() RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_setting('app.x', true) $$;
CREATE FUNCTION custom_plpgsql() RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN current_setting('app.x', true); END $$;
CREATE FUNCTION custom_everywhere(key text) RETURNS TABLE (query text, one text, two text) LANGUAGE plpgsql AS $$
BEGIN
	FOREACH query IN ARRAY ARRAY[
		'SELECT current_setting(''app.x'', true) AS v',
		'SELECT current_setting(''APP.X'') AS v',
		'SELECT current_setting(''app.'' || ''x'') AS v',
		'SELECT s.v FROM shadow, (SELECT current_setting(''app.x'')) s(v)',
		'SELECT max(x) AS v FROM (VALUES (current_setting(''app.x''))) s(x)',
		'SELECT current_setting(''app.x'') AS v FROM shadow WHERE current_setting(''app.x'') <> '''' ORDER BY 1 LIMIT 1',
		'SELECT v FROM custom',
		'SELECT custom_sql() AS v',
		'SELECT v FROM custom_sql() v',
		'SELECT custom_plpgsql() AS v']
	LOOP
		PERFORM set_config('app.x', 'one', false);
		one := cache_fetch_row(key, query) ->> 'v';
		PERFORM set_config('app.x', 'two', false);
		two := cache_fetch_row(key, query) ->> 'v';
		RETURN NEXT;
	END LOOP;
END $$;
SELECT bypass_setting AS before FROM cache_stats WHERE cache = 'ri' \gset
SELECT * FROM custom_everywhere('ri:custom');
SELECT bypass_setting - :before AS bypassed,
	(SELECT count(*) FROM cache_entries WHERE key = 'ri:custom' AND state = 'fresh' AND database = current_database()) AS cached
	FROM cache_stats WHERE cache = 'ri';
-- a scope that names the setting, or another one, makes no difference
SELECT cache_define('ri_x', jitter => 0, xfetch_beta => 0, scope => 'setting:app.x');
SELECT cache_define('ri_y', jitter => 0, xfetch_beta => 0, scope => 'setting:app.y');
SELECT * FROM custom_everywhere('ri_x:custom');
SELECT bypass_setting, l1_hits FROM cache_stats WHERE cache = 'ri_x' \gset before_
SELECT * FROM custom_everywhere('ri_x:custom') WHERE one <> 'one' OR two <> 'two';
SELECT l1_hits - :before_l1_hits AS hits FROM cache_stats WHERE cache = 'ri_x';
SELECT cache_fetch_row('ri_y:custom', 'SELECT current_setting(''app.x'') AS v');
SET app.x = 'third';
SELECT cache_fetch_row('ri_y:custom', 'SELECT current_setting(''app.x'') AS v');
SELECT cache_fetch_row('ri_shared:custom', 'SELECT current_setting(''app.x'') AS v');
SET app.x = 'fourth';
SELECT cache_fetch_row('ri_shared:custom', 'SELECT current_setting(''app.x'') AS v');
RESET app.x;

--
-- Scope 'shared': one entry for all roles
--
CREATE TABLE common AS SELECT 'common' AS v;
GRANT SELECT ON common TO regress_cf_alice, regress_cf_bob;
DO $$ BEGIN PERFORM counted('ri_shared'); END $$;
SET ROLE regress_cf_alice;
SELECT cache_fetch_row('ri_shared:1', 'SELECT v FROM common');
SELECT cache_set('ri_shared:2', '"for all"');
SET ROLE regress_cf_bob;
SELECT cache_fetch_row('ri_shared:1', 'SELECT v FROM common');
SELECT cache_get('ri_shared:2');
SET SESSION AUTHORIZATION regress_cf_alice;
SELECT cache_fetch_row('ri_shared:1', 'SELECT v FROM common');
RESET SESSION AUTHORIZATION;
SELECT counted('ri_shared');
SELECT key, role, session_role FROM cache_entries WHERE key LIKE 'ri_shared:%' AND state = 'fresh' ORDER BY key;
-- for those who may read it themselves
SET ROLE regress_cf_readers;
SELECT cache_fetch_row('ri_shared:1', 'SELECT v FROM common');
RESET ROLE;
REVOKE SELECT ON common FROM regress_cf_bob;
SET ROLE regress_cf_alice;
SELECT cache_fetch_row('ri_shared:1', 'SELECT v FROM common');
SET ROLE regress_cf_bob;
SELECT cache_fetch_row('ri_shared:1', 'SELECT v FROM common');
RESET ROLE;
DO $$ BEGIN PERFORM counted('ri_shared'); END $$;
-- all the rest still tells entries apart
SET ROLE regress_cf_alice;
SET TimeZone = 'Asia/Tokyo';
SELECT cache_fetch_row('ri_shared:1', 'SELECT v FROM common');
RESET TimeZone;
RESET ROLE;
SELECT counted('ri_shared');

--
-- Rights and definitions: a change acts on the next call
--
CREATE TABLE papers (id int, v text);
INSERT INTO papers VALUES (1, 'first');
GRANT SELECT ON papers TO regress_cf_alice;
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
RESET ROLE;
REVOKE SELECT ON papers FROM regress_cf_alice;
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
RESET ROLE;
-- in part
GRANT SELECT (id) ON papers TO regress_cf_alice;
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri:ddl', 'SELECT id FROM papers');
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
RESET ROLE;
REVOKE SELECT (id) ON papers FROM regress_cf_alice;
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri:ddl', 'SELECT id FROM papers');
RESET ROLE;
-- by membership
GRANT SELECT ON papers TO regress_cf_readers;
GRANT regress_cf_readers TO regress_cf_alice;
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
RESET ROLE;
REVOKE regress_cf_readers FROM regress_cf_alice;
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
RESET ROLE;
GRANT regress_cf_readers TO regress_cf_alice;
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
RESET ROLE;
-- 16 and later keep inheritance with the membership
SELECT current_setting('server_version_num')::int < 160000 AS of_role \gset
\if :of_role
ALTER ROLE regress_cf_alice NOINHERIT;
\else
GRANT regress_cf_readers TO regress_cf_alice WITH INHERIT FALSE;
\endif
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
RESET ROLE;
\if :of_role
ALTER ROLE regress_cf_alice INHERIT;
\else
GRANT regress_cf_readers TO regress_cf_alice WITH INHERIT TRUE;
\endif
-- on the schema
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM regress_cf_id.papers');
RESET ROLE;
REVOKE ALL ON SCHEMA regress_cf_id FROM regress_cf_alice, regress_cf_readers;
SET ROLE regress_cf_alice;
SELECT public.cache_fetch('ri:ddl', 'SELECT * FROM regress_cf_id.papers');
RESET ROLE;
GRANT ALL ON SCHEMA regress_cf_id TO regress_cf_alice, regress_cf_readers;
-- on a function
CREATE FUNCTION secret() RETURNS int LANGUAGE sql AS 'SELECT 42';
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri:ddl', 'SELECT secret() AS v');
RESET ROLE;
REVOKE EXECUTE ON FUNCTION secret() FROM PUBLIC;
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri:ddl', 'SELECT secret() AS v');
RESET ROLE;
-- undone, nothing changes; in a subtransaction that is undone as well
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
DO $$ BEGIN PERFORM counted('ri'); END $$;
BEGIN;
REVOKE SELECT ON papers FROM regress_cf_readers;
ROLLBACK;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
SELECT counted('ri');
-- definitions
ALTER TABLE papers ADD COLUMN w int DEFAULT 7;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
SELECT * FROM cache_fetch_rows('ri:ddl', 'SELECT * FROM papers') AS t(id int, v text, w int);
ALTER TABLE papers DROP COLUMN w;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
SELECT * FROM cache_fetch_rows('ri:ddl', 'SELECT * FROM papers') AS t(id int, v text, w int);
ALTER TABLE papers RENAME COLUMN v TO title;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
ALTER TABLE papers ALTER COLUMN id TYPE text USING 'no. ' || id;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
CREATE VIEW paper AS SELECT title FROM papers;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM paper');
CREATE OR REPLACE VIEW paper AS SELECT upper(title) AS title FROM papers;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM paper');
DROP VIEW paper;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM paper');
CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT 'old' $$;
CREATE FUNCTION g() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'old'; END $$;
SELECT cache_fetch('ri:ddl', 'SELECT f(), g()');
CREATE OR REPLACE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT 'new' $$;
SELECT cache_fetch('ri:ddl', 'SELECT f(), g()');
CREATE OR REPLACE FUNCTION g() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'new'; END $$;
SELECT cache_fetch('ri:ddl', 'SELECT f(), g()');
CREATE FUNCTION h() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$ SELECT current_user::text $$;
ALTER FUNCTION h() OWNER TO regress_cf_bob;
SELECT cache_fetch('ri:ddl', 'SELECT h()');
ALTER FUNCTION h() OWNER TO regress_cf_alice;
SELECT cache_fetch('ri:ddl', 'SELECT h()');
CREATE TYPE answer AS ENUM ('yes', 'no');
SELECT cache_fetch('ri:ddl', 'SELECT ''yes''::answer AS v, enum_range(NULL::answer) AS r');
ALTER TYPE answer ADD VALUE 'perhaps';
SELECT cache_fetch('ri:ddl', 'SELECT ''yes''::answer AS v, enum_range(NULL::answer) AS r');
ALTER TYPE answer RENAME VALUE 'no' TO 'never';
SELECT cache_fetch('ri:ddl', 'SELECT ''yes''::answer AS v, enum_range(NULL::answer) AS r');
DO $$ BEGIN EXECUTE 'ALTER TABLE papers ADD COLUMN by_do int'; END $$;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
DROP TABLE papers;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
CREATE TABLE papers AS SELECT 'another table' AS v;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
-- policies and the roles under them
SET ROLE regress_cf_alice;
SET app.tenant = 'a';
SELECT cache_fetch('ri_tenant:p', 'SELECT v FROM accounts ORDER BY v');
RESET ROLE;
CREATE POLICY too ON accounts TO regress_cf_alice USING (tenant = 'b');
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri_tenant:p', 'SELECT v FROM accounts ORDER BY v');
RESET ROLE;
ALTER POLICY too ON accounts USING (false);
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri_tenant:p', 'SELECT v FROM accounts ORDER BY v');
RESET ROLE;
DROP POLICY by_tenant ON accounts;
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri_tenant:p', 'SELECT v FROM accounts ORDER BY v');
RESET ROLE;
CREATE POLICY readers ON accounts TO regress_cf_readers USING (true);
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri_tenant:p', 'SELECT v FROM accounts ORDER BY v');
RESET ROLE;
REVOKE regress_cf_readers FROM regress_cf_alice;
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri_tenant:p', 'SELECT v FROM accounts ORDER BY v');
RESET ROLE;
ALTER ROLE regress_cf_alice BYPASSRLS;
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri_tenant:p', 'SELECT v FROM accounts ORDER BY v');
SELECT cache_fetch('ri:p', 'SELECT v FROM accounts ORDER BY v');
RESET ROLE;
ALTER ROLE regress_cf_alice NOBYPASSRLS;
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri_tenant:p', 'SELECT v FROM accounts ORDER BY v');
SELECT cache_fetch('ri:p', 'SELECT v FROM accounts ORDER BY v');
RESET ROLE;
ALTER TABLE accounts DISABLE ROW LEVEL SECURITY;
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri:p', 'SELECT v FROM accounts ORDER BY v');
RESET ROLE;
ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri:p', 'SELECT v FROM accounts ORDER BY v');
SET row_security = off;
SELECT cache_fetch('ri:p', 'SELECT v FROM accounts ORDER BY v');
RESET row_security;
RESET ROLE;
RESET app.tenant;

--
-- What changes no answer drops nothing
--
CREATE TABLE kept (a int PRIMARY KEY, v text);
INSERT INTO kept VALUES (1, 'kept');
SELECT cache_fetch_row('ri:kept', 'SELECT v FROM kept');
DO $$ BEGIN PERFORM counted('ri'); END $$;
CREATE INDEX kept_v ON kept (v);
CREATE INDEX CONCURRENTLY kept_v2 ON kept (v);
REINDEX INDEX kept_v;
REINDEX TABLE kept;
DROP INDEX kept_v;
ANALYZE kept;
VACUUM kept;
CREATE STATISTICS kept_statistics ON a, v FROM kept;
COMMENT ON TABLE kept IS 'a comment';
CREATE TEMP TABLE t1 (a int);
CREATE TEMP TABLE t2 AS SELECT 1 AS a;
SELECT 1 AS a INTO TEMP t3;
CREATE TEMP VIEW t4 AS SELECT 1 AS a;
CREATE TEMP SEQUENCE t5;
ALTER TABLE t1 ADD COLUMN b int;
CREATE INDEX ON t1 (a);
TRUNCATE t1;
DROP VIEW t4;
DROP TABLE t1, t2, t3;
DISCARD TEMP;
PREPARE p AS SELECT 1;
EXECUTE p;
DEALLOCATE p;
BEGIN; LOCK TABLE kept; COMMIT;
CHECKPOINT;
SET work_mem = '8MB';
RESET work_mem;
SELECT counted('ri');
SELECT cache_fetch_row('ri:kept', 'SELECT v FROM kept');
SELECT counted('ri');

--
-- Databases
--
SELECT cache_fetch_row('ri:db', 'SELECT current_database() = $1 AS first', current_database()) AS this;
SELECT cache_fetch_row('ri:db2', 'SELECT count(*) AS n FROM pg_namespace WHERE nspname = ''regress_cf_id''');
SELECT cache_set('ri:db', '"of the first"');
SELECT current_database() AS first \gset
CREATE DATABASE regress_cf_other TEMPLATE template0;
\c regress_cf_other
SET client_min_messages = warning;
CREATE EXTENSION cachefront;
SELECT cache_fetch_row('ri:db', 'SELECT current_database() = $1 AS first', :'first'::name) AS other;
SELECT cache_fetch_row('ri:db2', 'SELECT count(*) AS n FROM pg_namespace WHERE nspname = ''regress_cf_id''');
SELECT cache_get('ri:db') IS NULL AS none;
SELECT cache_set('ri:db', '"of the other"');
SELECT count(*) FROM cache_definitions;
SELECT database = :'first' AS of_first, key, form, count(*) FROM cache_entries
	WHERE key LIKE 'ri:db%' AND state = 'fresh' AND database IN (:'first', 'regress_cf_other')
	GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
-- DDL, invalidations and a flush are this database's
CREATE TABLE ddl (a int);
SELECT cache_delete('ri:db', 'ri:db2');
SELECT cache_invalidate_tag('anything');
SELECT cache_flush();
SELECT database = :'first' AS of_first, key, form, count(*) FROM cache_entries
	WHERE key LIKE 'ri:db%' AND state = 'fresh' AND database IN (:'first', 'regress_cf_other')
	GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
\c :first
SET client_min_messages = warning;
SELECT cache_get('ri:db');
-- the rights of a role are everybody's
ALTER ROLE regress_cf_bob NOINHERIT;
SELECT key, state FROM cache_entries WHERE key = 'ri:db2' AND database = current_database();
DROP DATABASE regress_cf_other;
SELECT count(*) FROM cache_entries WHERE database IS NULL AND state = 'fresh';

SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 207;
SELECT cache_drop('ri'), cache_drop('ri_tenant'), cache_drop('ri_shared'), cache_drop('ri_x'), cache_drop('ri_y');
SELECT cache_flush();
DROP SCHEMA regress_cf_id, regress_cf_id1, regress_cf_id2 CASCADE;
DROP ROLE regress_cf_alice, regress_cf_bob, regress_cf_readers;
