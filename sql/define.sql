-- cache_define and cache_drop, and what each setting does as far as it shows
-- without waiting.
-- server: without tracking
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cachefront;
DROP DATABASE IF EXISTS regress_cf_define;
DROP ROLE IF EXISTS regress_cf_definer;
CREATE SCHEMA regress_cf_define;
SET search_path = regress_cf_define, public;
CREATE ROLE regress_cf_definer;
GRANT USAGE ON SCHEMA regress_cf_define TO regress_cf_definer;

CREATE FUNCTION explained(key text, item text) RETURNS text LANGUAGE sql AS
$$ SELECT e.value FROM cache_explain(key, 'SELECT 1') e WHERE e.item = explained.item $$;
CREATE FUNCTION ttl_of(wanted text) RETURNS interval LANGUAGE sql AS
$$ SELECT age + ttl_left FROM cache_entries WHERE key = wanted AND database = current_database() $$;

--
-- The table
--
SELECT count(*) FROM cache_definitions WHERE name LIKE 'rd%';
SELECT cache_define('rd');
SELECT cache_define('rd:full', ttl => '1 hour', negative_ttl => '1 minute', stale_ttl => '0',
	jitter => 0.5, xfetch_beta => 2, scope => 'shared');
SELECT cache_define('rd/tenant.x-y_z', NULL, '1 day', scope => 'setting:app.tenant');
SELECT name, ttl, negative_ttl, stale_ttl, jitter, xfetch_beta, scope, owner = current_user AS mine
	FROM cache_definitions WHERE name LIKE 'rd%' ORDER BY name;
-- once more: what is not named is the default again
SELECT cache_define('rd:full', ttl => '2 hours');
SELECT name, ttl, negative_ttl, stale_ttl, jitter, xfetch_beta, scope, owner = current_user AS mine
	FROM cache_definitions WHERE name = 'rd:full';
SELECT cache_drop('rd:full'), cache_drop('rd:full'), cache_drop('rd:nobody'), cache_drop('rd/tenant.x-y_z');
SELECT name FROM cache_definitions WHERE name LIKE 'rd%' ORDER BY name;
-- the limits of each
SELECT cache_define('rd:min', ttl => '1 microsecond', negative_ttl => '1 microsecond', stale_ttl => '0', jitter => 0, xfetch_beta => 0);
SELECT cache_define('rd:max', ttl => '366 days', negative_ttl => '366 days', stale_ttl => '366 days', jitter => 1, xfetch_beta => 1000);
SELECT cache_drop('rd:min'), cache_drop('rd:max');
-- with pg_dump, the definitions go along
SELECT extconfig = ARRAY['cache_definitions', 'cache_query_marks', 'cache_writers', 'cache_write_number', 'cache_dead_writes']::regclass[]::oid[] AS dumped FROM pg_extension WHERE extname = 'cachefront';

--
-- A cache is a prefix: the longest name wins
--
SELECT cache_define('rd:a'), cache_define('rd:a:b'), cache_define('rd:a:b:c:d'), cache_define(rpad('rd:long', 63, 'g'));
SELECT left(key, 25) AS key, length(key), explained(key, 'cache') AS cache FROM unnest(ARRAY[
	'rd', 'rd:', 'rd:1', 'rd:1:2', 'rdx:1', 'RD:1', ' rd:1', 'x:rd:1', 'rd/1',
	'rd:a', 'rd:a:', 'rd:a:1', 'rd:ab:1', 'rd:a:b', 'rd:a:b:1', 'rd:a:b:c', 'rd:a:b:c:d', 'rd:a:b:c:d:e',
	'rd::a', 'rd:a::b', 'rd:a:b::', ':', '::', 'a:',
	rpad('rd:long', 63, 'g') || ':1', rpad('rd:long', 64, 'g') || ':1', 'rd:' || repeat('x', 1000)]) WITH ORDINALITY AS k(key, o) ORDER BY o;
SELECT cache_drop('rd:a');
SELECT explained('rd:a:1', 'cache'), explained('rd:a:b:1', 'cache');
SELECT cache_drop('rd:a:b'), cache_drop('rd:a:b:c:d'), cache_drop(rpad('rd:long', 63, 'g'));
-- counted by name; keys of no cache together
SELECT cache_define('rd:count');
SELECT fetches AS rd FROM cache_stats WHERE cache = 'rd' \gset before_
SELECT coalesce(max(fetches), 0) AS rd_count FROM cache_stats WHERE cache = 'rd:count' \gset before_
SELECT fetches AS none FROM cache_stats WHERE cache = '(default)' \gset before_
SELECT fetches AS total FROM cache_stats WHERE cache = '*' \gset before_
SELECT count(cache_fetch('rd:' || g, 'SELECT 1')) FROM generate_series(1, 3) g;
SELECT count(cache_fetch('rd:count:' || g, 'SELECT 1')) FROM generate_series(1, 4) g;
SELECT count(cache_fetch('rdx:' || g, 'SELECT 1')) FROM generate_series(1, 5) g;
SELECT cache, fetches - CASE cache WHEN 'rd' THEN :before_rd WHEN 'rd:count' THEN :before_rd_count
		WHEN '*' THEN :before_total ELSE :before_none END AS fetches
	FROM cache_stats WHERE cache IN ('rd', 'rd:count', '(default)', '*') ORDER BY cache;
SELECT cache_drop('rd:count');

--
-- Transactions
--
BEGIN;
SELECT cache_define('rd:t', ttl => '3 minutes');
SELECT explained('rd:t:1', 'cache'), explained('rd:t:1', 'ttl');
SAVEPOINT one;
SELECT cache_define('rd:t', ttl => '4 minutes');
SELECT explained('rd:t:1', 'cache'), explained('rd:t:1', 'ttl');
SAVEPOINT two;
SELECT cache_drop('rd:t');
SELECT explained('rd:t:1', 'cache'), explained('rd:t:1', 'ttl');
ROLLBACK TO two;
SELECT explained('rd:t:1', 'cache'), explained('rd:t:1', 'ttl');
ROLLBACK TO one;
SELECT explained('rd:t:1', 'cache'), explained('rd:t:1', 'ttl');
ROLLBACK;
SELECT explained('rd:t:1', 'cache'), explained('rd:t:1', 'ttl');
BEGIN;
SELECT cache_define('rd:t', ttl => '3 minutes');
COMMIT;
SELECT explained('rd:t:1', 'cache'), explained('rd:t:1', 'ttl');
BEGIN;
SELECT cache_drop('rd:t');
ROLLBACK;
SELECT explained('rd:t:1', 'cache'), explained('rd:t:1', 'ttl');
-- in a function, at once
DO $$
BEGIN
	PERFORM cache_define('rd:t', ttl => '5 minutes');
	ASSERT regress_cf_define.explained('rd:t:1', 'ttl') = '300.000 s';
	BEGIN
		PERFORM cache_define('rd:t', ttl => '6 minutes');
		ASSERT regress_cf_define.explained('rd:t:1', 'ttl') = '360.000 s';
		RAISE EXCEPTION 'undo';
	EXCEPTION WHEN raise_exception THEN
		ASSERT regress_cf_define.explained('rd:t:1', 'ttl') = '300.000 s';
	END;
END $$;
SELECT explained('rd:t:1', 'ttl');
BEGIN READ ONLY;
\set VERBOSITY terse
SELECT cache_define('rd:t'); \echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
ROLLBACK;

--
-- The table edited by hand
--
INSERT INTO cache_definitions (name, ttl) VALUES ('rd:hand', '7 minutes');
SELECT explained('rd:hand:1', 'cache'), explained('rd:hand:1', 'ttl');
UPDATE cache_definitions SET ttl = '8 minutes' WHERE name = 'rd:hand';
SELECT explained('rd:hand:1', 'cache'), explained('rd:hand:1', 'ttl');
DELETE FROM cache_definitions WHERE name = 'rd:hand';
SELECT explained('rd:hand:1', 'cache');
SET session_replication_role = replica;
INSERT INTO cache_definitions (name, ttl) VALUES ('rd:hand', '9 minutes');
SELECT explained('rd:hand:1', 'cache'), explained('rd:hand:1', 'ttl');
RESET session_replication_role;
BEGIN;
TRUNCATE cache_definitions;
SELECT explained('rd:hand:1', 'cache'), explained('rd:t:1', 'cache'), explained('rd:1', 'cache');
ROLLBACK;
SELECT explained('rd:hand:1', 'cache'), explained('rd:t:1', 'cache'), explained('rd:1', 'cache');
-- whatever is in it does no harm: refused, or cut to what cache_define allows
CREATE PROCEDURE by_hand(change text) LANGUAGE plpgsql AS $$
DECLARE
	wrong text;
BEGIN
	DELETE FROM cache_definitions WHERE name = 'rd:hand';
	BEGIN
		EXECUTE 'INSERT INTO cache_definitions ' || change;
	EXCEPTION WHEN check_violation THEN
		NULL;
	END;
	PERFORM cache_invalidate('rd:hand:1', 'rd:hand:2', 'rd:hand:3');
	COMMIT;
	FOR i IN 1..3 LOOP
		PERFORM cache_fetch('rd:hand:1', 'SELECT 1'), cache_fetch('rd:hand:2', 'SELECT 1 WHERE false');
	END LOOP;
	PERFORM cache_set('rd:hand:3', '1');
	COMMIT;
	SELECT string_agg(item || ' ' || value, ', ') INTO wrong FROM cache_explain('rd:hand:1', 'SELECT 1')
		WHERE item IN ('scope', 'ttl', 'negative ttl', 'stale ttl')
		AND value !~ '^(role|shared|setting:\S+|\d{1,8}\.\d{3} s)$';
	SELECT concat_ws(', ', wrong, string_agg(key || ' ' || form || ' ttl ' || (age + ttl_left), ', ' ORDER BY key)) INTO wrong
		FROM cache_entries WHERE key LIKE 'rd:hand:%' AND database = current_database()
		AND NOT age + ttl_left BETWEEN '0' AND '366 days';
	IF wrong <> '' THEN
		RAISE WARNING '%: %', change, wrong;
	END IF;
END $$;
CALL by_hand($$(name, ttl) VALUES ('rd:hand', '0')$$);
CALL by_hand($$(name, ttl) VALUES ('rd:hand', '-1 year')$$);
CALL by_hand($$(name, ttl) VALUES ('rd:hand', '290000 years')$$);
CALL by_hand($$(name, ttl) VALUES ('rd:hand', '100000000 years')$$);
CALL by_hand($$(name, ttl, stale_ttl) VALUES ('rd:hand', '1 s', '290000 years')$$);
CALL by_hand($$(name, stale_ttl) VALUES ('rd:hand', '-1 s')$$);
CALL by_hand($$(name, negative_ttl) VALUES ('rd:hand', '-1 s')$$);
CALL by_hand($$(name, negative_ttl) VALUES ('rd:hand', '100000000 years')$$);
CALL by_hand($$(name, jitter) VALUES ('rd:hand', 7)$$);
CALL by_hand($$(name, jitter) VALUES ('rd:hand', -7)$$);
CALL by_hand($$(name, jitter) VALUES ('rd:hand', 'NaN')$$);
CALL by_hand($$(name, jitter) VALUES ('rd:hand', 'Infinity')$$);
CALL by_hand($$(name, xfetch_beta) VALUES ('rd:hand', 'NaN')$$);
CALL by_hand($$(name, xfetch_beta) VALUES ('rd:hand', 'Infinity')$$);
CALL by_hand($$(name, xfetch_beta) VALUES ('rd:hand', -1)$$);
CALL by_hand($$(name, scope) VALUES ('rd:hand', 'everybody')$$);
CALL by_hand($$(name, scope) VALUES ('rd:hand', 'setting:')$$);
CALL by_hand($$(name) VALUES ('')$$);
CALL by_hand($$(name) VALUES (repeat('rd:x', 100))$$);
DELETE FROM cache_definitions WHERE name IN ('', 'rd:hand', 'rd:t') OR name LIKE 'rd:x%';

--
-- Rights
--
SET ROLE regress_cf_definer;
SELECT cache_define('rd:role', ttl => '1 minute'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_drop('rd'); \echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM cache_definitions; \echo :LAST_ERROR_SQLSTATE
-- the definitions hold for one who may not see them
SELECT explained('rd:1', 'cache');
RESET ROLE;
GRANT EXECUTE ON FUNCTION cache_define(text, text, interval, interval, interval, float8, float8, text, interval, text, regtype[], text, interval), cache_drop(text)
	TO regress_cf_definer;
SET ROLE regress_cf_definer;
SELECT cache_define('rd:role', ttl => '1 minute');
SELECT explained('rd:role:1', 'cache'), explained('rd:role:1', 'ttl');
SELECT cache_define('rd:role', ttl => '2 minutes');
SELECT explained('rd:role:1', 'ttl');
SELECT count(*) FROM cache_definitions; \echo :LAST_ERROR_SQLSTATE
SELECT current_user;
SELECT cache_drop('rd:role'), cache_drop('rd:role');
RESET ROLE;
REVOKE EXECUTE ON FUNCTION cache_define(text, text, interval, interval, interval, float8, float8, text, interval, text, regtype[], text, interval), cache_drop(text)
	FROM regress_cf_definer;

--
-- Settings, and the definition over the setting, and the call over both
--
SET cachefront.ttl_jitter = 0;
SET cachefront.xfetch_beta = 0;
SELECT cache_drop('rd');
-- default_ttl
SET cachefront.default_ttl = '42s';
SELECT cache_fetch('rd:ttl:1', 'SELECT 1 AS a');
SELECT cache_set('rd:ttl:2', '1');
SELECT ttl_of('rd:ttl:1'), ttl_of('rd:ttl:2');
SELECT cache_define('rd', ttl => '43 s');
SELECT cache_fetch('rd:ttl:3', 'SELECT 1 AS a');
SELECT cache_set('rd:ttl:4', '1');
SELECT cache_fetch('rd:ttl:5', 'SELECT 1 AS a', ttl => '44 s');
SELECT cache_set('rd:ttl:6', '1', ttl => '44 s');
SELECT ttl_of('rd:ttl:3'), ttl_of('rd:ttl:4'), ttl_of('rd:ttl:5'), ttl_of('rd:ttl:6');
-- an entry keeps the time to live that it was stored with
SELECT cache_define('rd', ttl => '45 s');
SELECT cache_fetch('rd:ttl:3', 'SELECT 1 AS a');
SELECT ttl_of('rd:ttl:3');
SELECT cache_drop('rd');
RESET cachefront.default_ttl;
-- negative_ttl: at most a fifth of the time to live
SET cachefront.negative_ttl = '10s';
SELECT cache_fetch('rd:neg:1', 'SELECT 1 WHERE false', ttl => '100 s'), cache_fetch('rd:neg:2', 'SELECT 1 WHERE false', ttl => '20 s');
SELECT ttl_of('rd:neg:1'), ttl_of('rd:neg:2');
SELECT cache_define('rd', ttl => '100 s', negative_ttl => '15 s');
SELECT cache_fetch('rd:neg:3', 'SELECT 1 WHERE false'), cache_fetch('rd:neg:4', 'SELECT 1 WHERE false', ttl => '20 s');
SELECT ttl_of('rd:neg:3'), ttl_of('rd:neg:4');
SELECT cache_define('rd', ttl => '100 s', negative_ttl => '1 hour');
SELECT cache_fetch('rd:neg:5', 'SELECT 1 WHERE false');
SELECT ttl_of('rd:neg:5');
SELECT cache_drop('rd');
RESET cachefront.negative_ttl;
-- stale_ttl
SELECT cache_fetch('rd:stale:1', 'SELECT 1 AS a', ttl => '1 microsecond');
SET cachefront.stale_ttl = 0;
SELECT cache_fetch('rd:stale:2', 'SELECT 1 AS a', ttl => '1 microsecond');
SELECT cache_define('rd', stale_ttl => '1 hour');
SELECT cache_fetch('rd:stale:3', 'SELECT 1 AS a', ttl => '1 microsecond');
RESET cachefront.stale_ttl;
SELECT cache_define('rd', stale_ttl => '0');
SELECT cache_fetch('rd:stale:4', 'SELECT 1 AS a', ttl => '1 microsecond');
SELECT key, state FROM cache_entries WHERE key LIKE 'rd:stale:%' ORDER BY key;
SELECT cache_drop('rd');
-- served when the query meets trouble, and only then
\set VERBOSITY sqlstate
CREATE FUNCTION fill_disk() RETURNS bigint LANGUAGE sql
SET temp_file_limit = 0 SET work_mem = '64kB'
AS 'SELECT count(*) FROM (SELECT g FROM generate_series(1, 20000) g ORDER BY -g OFFSET 1) s';
CREATE FUNCTION fails_if_told() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF (SELECT told FROM told) THEN
		PERFORM fill_disk();
	END IF;
	RETURN 'good';
END $$;
CREATE TABLE told (told bool);
INSERT INTO told VALUES (false);
SELECT stale_hits, load_errors FROM cache_stats WHERE cache = '(default)' \gset before_
SELECT cache_fetch_row('rd:serve', 'SELECT fails_if_told() AS v', ttl => '1 microsecond');
UPDATE told SET told = true;
SELECT cache_fetch_row('rd:serve', 'SELECT fails_if_told() AS v', ttl => '1 microsecond');
SELECT stale_hits - :before_stale_hits AS stale_hits, load_errors - :before_load_errors AS load_errors
	FROM cache_stats WHERE cache = '(default)';
-- not what was invalidated, not without an entry, not with stale_ttl 0 when it was stored
SELECT cache_invalidate('rd:serve');
SELECT cache_fetch_row('rd:serve', 'SELECT fails_if_told() AS v', ttl => '1 microsecond');
UPDATE told SET told = false;
SET cachefront.stale_ttl = 0;
SELECT cache_fetch_row('rd:serve', 'SELECT fails_if_told() AS v', ttl => '1 microsecond');
RESET cachefront.stale_ttl;
UPDATE told SET told = true;
SELECT cache_fetch_row('rd:serve', 'SELECT fails_if_told() AS v', ttl => '1 microsecond');
SELECT stale_hits - :before_stale_hits AS stale_hits, load_errors - :before_load_errors AS load_errors
	FROM cache_stats WHERE cache = '(default)';
-- the transaction goes on after a failure that was hidden, and a cancel is not hidden
UPDATE told SET told = false;
SELECT cache_fetch_row('rd:serve', 'SELECT fails_if_told() AS v', ttl => '1 microsecond');
UPDATE told SET told = true;
BEGIN;
SELECT cache_fetch_row('rd:serve', 'SELECT fails_if_told() AS v', ttl => '1 microsecond');
SHOW transaction_read_only;
SELECT pg_current_xact_id_if_assigned() IS NULL AS no_xid;
INSERT INTO told SELECT true WHERE false;
COMMIT;
\set VERBOSITY default
CREATE FUNCTION sleeps_if_told() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF (SELECT told FROM told) THEN
		PERFORM pg_sleep(60);
	END IF;
	RETURN 'good';
END $$;
UPDATE told SET told = false;
SELECT cache_fetch_row('rd:serve', 'SELECT sleeps_if_told() AS v', ttl => '1 microsecond');
UPDATE told SET told = true;
SET statement_timeout = '100ms';
\set VERBOSITY terse
SELECT cache_fetch_row('rd:serve', 'SELECT sleeps_if_told() AS v', ttl => '1 microsecond'); \echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
RESET statement_timeout;
-- ttl_jitter only shortens, and by no more than it says
SET cachefront.ttl_jitter = 0.25;
SELECT count(cache_fetch('rd:jitter:' || g, 'SELECT 1', ttl => '100 s')) FROM generate_series(1, 200) g;
SELECT min(age + ttl_left) >= '75 s' AS not_below, max(age + ttl_left) <= '100 s' AS not_above,
	min(age + ttl_left) < '80 s' AS low, max(age + ttl_left) > '95 s' AS high, count(DISTINCT age + ttl_left) > 190 AS many
	FROM cache_entries WHERE key LIKE 'rd:jitter:%';
SELECT cache_flush();
SELECT cache_define('rd', jitter => 1);
SELECT count(cache_fetch('rd:jitter:' || g, 'SELECT 1', ttl => '100 s')) FROM generate_series(1, 200) g;
SELECT min(age + ttl_left) > '0' AS positive, max(age + ttl_left) <= '100 s' AS not_above,
	min(age + ttl_left) < '10 s' AS low, max(age + ttl_left) > '90 s' AS high
	FROM cache_entries WHERE key LIKE 'rd:jitter:%';
SELECT cache_flush();
SELECT cache_define('rd', jitter => 0);
SELECT count(cache_fetch('rd:jitter:' || g, 'SELECT 1', ttl => '100 s')) FROM generate_series(1, 20) g;
SELECT DISTINCT age + ttl_left AS ttl FROM cache_entries WHERE key LIKE 'rd:jitter:%';
RESET cachefront.ttl_jitter;
-- xfetch_beta: 40 ms to load, 4 s to live, beta 1000: a hit refreshes with probability 0.9
SELECT early_refreshes AS before FROM cache_stats WHERE cache = 'rd' \gset
CREATE FUNCTION hits(key text, n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..n LOOP
		PERFORM cache_fetch(key, 'SELECT pg_sleep(0.04)', ttl => '4 s');
	END LOOP;
END $$;
SET cachefront.xfetch_beta = 0;
SELECT hits('rd:xfetch', 11);
SELECT early_refreshes - :before AS early_refreshes FROM cache_stats WHERE cache = 'rd';
SET cachefront.xfetch_beta = 1000;
SELECT hits('rd:xfetch', 11);
SELECT early_refreshes > :before AS refreshed FROM cache_stats WHERE cache = 'rd';
SELECT early_refreshes AS before FROM cache_stats WHERE cache = 'rd' \gset
SELECT cache_define('rd', jitter => 0, xfetch_beta => 0);
SELECT hits('rd:xfetch', 11);
SELECT early_refreshes - :before AS early_refreshes FROM cache_stats WHERE cache = 'rd';
SET cachefront.xfetch_beta = 0;
SELECT cache_define('rd', jitter => 0, xfetch_beta => 1000);
SELECT hits('rd:xfetch', 11);
SELECT early_refreshes > :before AS refreshed FROM cache_stats WHERE cache = 'rd';
RESET cachefront.xfetch_beta;
-- l1_max_value
SELECT too_large, fills FROM cache_stats WHERE cache = 'rd' \gset before_
SET cachefront.l1_max_value = '2kB';
SELECT length(cache_fetch_row('rd:large:1', 'SELECT repeat(''x'', 1000) AS v') ->> 'v'),
	length(cache_fetch_row('rd:large:2', 'SELECT repeat(''x'', 3000) AS v') ->> 'v'),
	length(cache_fetch_row('rd:large:2', 'SELECT repeat(''x'', 3000) AS v') ->> 'v');
RESET cachefront.l1_max_value;
SELECT key, value_bytes FROM cache_entries WHERE key LIKE 'rd:large:%';
SELECT too_large - :before_too_large AS too_large, fills - :before_fills AS fills FROM cache_stats WHERE cache = 'rd';
-- enabled
SELECT cache_fetch('rd:on', 'SELECT 1 AS a');
SELECT fetches, l1_hits, loads, fills, bypass_disabled FROM cache_stats WHERE cache = 'rd' \gset before_
SET cachefront.enabled = off;
SELECT cache_fetch('rd:on', 'SELECT 1 AS a'), cache_fetch_row('rd:on', 'SELECT 1 AS a'), cache_fetch('rd:on2', 'SELECT 1 AS a');
SELECT * FROM cache_fetch_rows('rd:on', 'SELECT 1 AS a') AS t(a int);
SELECT fetches - :before_fetches AS fetches, l1_hits - :before_l1_hits AS l1_hits, loads - :before_loads AS loads,
	fills - :before_fills AS fills, bypass_disabled - :before_bypass_disabled AS bypass_disabled
	FROM cache_stats WHERE cache = 'rd';
SELECT enabled FROM cache_status;
SELECT cache_invalidate('rd:on');
RESET cachefront.enabled;
SELECT count(*) FROM cache_entries WHERE key LIKE 'rd:on%';
-- l1_size and clock_slots show in cache_status
SELECT l1_size = pg_size_bytes(current_setting('cachefront.l1_size')) AS l1_size,
	l1_max_value = pg_size_bytes(current_setting('cachefront.l1_max_value')) AS l1_max_value,
	clock_slots BETWEEN current_setting('cachefront.clock_slots')::int AND 2 * current_setting('cachefront.clock_slots')::int AS clock_slots,
	definitions = (SELECT count(*) FROM cache_definitions) AS definitions
	FROM cache_status;
SELECT cache_drop('rd');

--
-- In another schema, of an odd name; dropped and made again
--
SELECT current_database() AS first \gset
CREATE DATABASE regress_cf_define TEMPLATE template0;
\c regress_cf_define
SET client_min_messages = warning;
CREATE SCHEMA "odd ""schema";
CREATE EXTENSION cachefront SCHEMA "odd ""schema";
SELECT "odd ""schema".cache_define('rd', ttl => '77 s');
SELECT value FROM "odd ""schema".cache_explain('rd:1', 'SELECT 1') WHERE item = 'ttl';
SELECT "odd ""schema".cache_fetch('rd:1', 'SELECT 1 AS a');
SET search_path = "odd ""schema";
CREATE TABLE pg_temp.cache_definitions (name text);
SELECT cache_define('rd', ttl => '78 s');
SELECT value FROM cache_explain('rd:1', 'SELECT 1') WHERE item = 'ttl';
SELECT cache_drop('rd'), cache_drop('rd');
SELECT cache_define('rd', ttl => '79 s');
SELECT count(*) FROM cache_entries WHERE database = 'regress_cf_define' AND key = 'rd:1';
DROP EXTENSION cachefront;
RESET search_path;
CREATE EXTENSION cachefront;
SELECT value FROM cache_explain('rd:1', 'SELECT 1') WHERE item = 'cache';
SELECT cache_define('rd', ttl => '80 s');
SELECT value FROM cache_explain('rd:1', 'SELECT 1') WHERE item IN ('cache', 'ttl');
SELECT cache_fetch('rd:1', 'SELECT 1 AS a');
\c :first
SET client_min_messages = warning;
SET search_path = regress_cf_define, public;
SELECT explained('rd:1', 'cache');
DROP DATABASE regress_cf_define;

SELECT cache_flush();
DROP SCHEMA regress_cf_define CASCADE;
DROP ROLE regress_cf_definer;
