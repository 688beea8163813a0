-- What there is to look at, who may look, and what it says.
-- server: without tracking
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cachefront;
DROP ROLE IF EXISTS regress_cf_reader, regress_cf_dba;
CREATE SCHEMA regress_cf_report;
SET search_path = regress_cf_report, public;
CREATE ROLE regress_cf_reader;
CREATE ROLE regress_cf_dba;
GRANT USAGE ON SCHEMA regress_cf_report TO regress_cf_reader;

--
-- The extension's objects
--
-- without the row types of tables, which 17 and later count
CREATE VIEW members AS
	SELECT classid, objid, pg_describe_object(classid, objid, 0) AS object FROM pg_depend
	WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
	AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cachefront')
	AND NOT (classid = 'pg_type'::regclass AND EXISTS (SELECT FROM pg_type t LEFT JOIN pg_type e ON e.oid = t.typelem
		WHERE t.oid = objid AND coalesce(e.typrelid, t.typrelid) <> 0));
\pset format unaligned
SELECT p.proname || '(' || pg_get_function_arguments(p.oid) || ')' AS function, pg_get_function_result(p.oid) AS result,
	p.provolatile AS volatile, p.proparallel AS parallel,
	has_function_privilege('regress_cf_reader', p.oid, 'EXECUTE') AS public
	FROM pg_proc p JOIN members m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
	ORDER BY p.proname COLLATE "C", pg_get_function_arguments(p.oid) COLLATE "C";
SELECT c.relname AS relation, c.relkind AS kind, has_table_privilege('regress_cf_reader', c.oid, 'SELECT') AS public,
	has_table_privilege('regress_cf_reader', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') AS writable
	FROM pg_class c JOIN members m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
	ORDER BY c.relname COLLATE "C";
SELECT c.relname AS relation, string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum) AS columns
	FROM pg_class c JOIN members m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
	JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
	GROUP BY c.relname ORDER BY c.relname COLLATE "C";
\pset format aligned
-- every object has a comment; and so have the extension and its trigger
SELECT object FROM members WHERE coalesce(obj_description(objid, (SELECT relname FROM pg_class WHERE oid = classid)), '') = ''
	ORDER BY object COLLATE "C";
SELECT obj_description(oid, 'pg_extension') <> '' AS extension FROM pg_extension WHERE extname = 'cachefront';
SELECT tgname, tgenabled, obj_description(oid, 'pg_trigger') <> '' AS commented FROM pg_trigger
	WHERE tgrelid = 'cache_definitions'::regclass;
-- nothing is in the schema but with the prefix
SELECT object FROM members WHERE object !~ '^(function|table|view|sequence) (public\.)?cache_' ORDER BY object;
-- the settings
SELECT name, unit, context, vartype AS type, min_val, max_val, boot_val, enumvals AS values
	FROM pg_settings WHERE name LIKE 'cachefront.%' ORDER BY name;
SELECT name, short_desc FROM pg_settings WHERE name LIKE 'cachefront.%' AND coalesce(short_desc, '') !~ '^(Sets|Enables) .*\.$';

--
-- Who may look
--
SET ROLE regress_cf_reader;
SELECT count(*) FROM cache_status;
SELECT count(*) > 1 AS rows FROM cache_stats;
SELECT count(*) > 5 AS rows FROM cache_explain('rr:1', 'SELECT 1');
SELECT count(*) FROM cache_latency; \echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM cache_entries; \echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM cache_inflight; \echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM cache_latency_data(); \echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM cache_entries_data(); \echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM cache_inflight_data(); \echo :LAST_ERROR_SQLSTATE
SELECT cache_stats_reset(); \echo :LAST_ERROR_SQLSTATE
SELECT cache_flush(); \echo :LAST_ERROR_SQLSTATE
SELECT cache_invalidate_table('pg_class'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_fetch('rr:public', 'SELECT 1 AS a');
SELECT cache_set('rr:public', '1'), cache_get('rr:public'), cache_touch('rr:public');
SELECT cache_invalidate('rr:public'), cache_invalidate_tag('public'), cache_delete('rr:public');
RESET ROLE;
-- the rest is for the DBA to grant
GRANT SELECT ON cache_latency, cache_entries, cache_inflight TO regress_cf_dba;
GRANT EXECUTE ON FUNCTION cache_latency_data(), cache_entries_data(), cache_inflight_data(), cache_stats_reset(),
	cache_flush(), cache_invalidate_table(regclass) TO regress_cf_dba;
SET ROLE regress_cf_dba;
SELECT count(*) FROM cache_latency;
SELECT count(*) >= 0 AS entries FROM cache_entries;
SELECT count(*) FROM cache_inflight;
SELECT cache_stats_reset(), cache_flush(), cache_invalidate_table('pg_class');
RESET ROLE;

--
-- cache_explain. What differs from run to run is masked.
--
CREATE TABLE public.regress_cf_t (a int, v text);
INSERT INTO public.regress_cf_t VALUES (1, 'one');
CREATE VIEW public.regress_cf_v AS SELECT a, v FROM public.regress_cf_t;
CREATE TABLE public.regress_cf_rls (a int);
ALTER TABLE public.regress_cf_rls ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON public.regress_cf_t, public.regress_cf_v, public.regress_cf_rls TO regress_cf_reader;
CREATE FUNCTION told(key text, query text) RETURNS TABLE (item text, value text) LANGUAGE sql AS $$
	SELECT item, CASE WHEN item = 'identity' AND value ~ '^[0-9a-f]{32}$' THEN '(hash)'
		WHEN item IN ('age', 'ttl left', 'load time') AND value ~ '^-?\d+\.\d{3} s$' THEN '(time)' ELSE value END
	FROM cache_explain(key, query)
$$;
CREATE FUNCTION reason(key text, query text) RETURNS TABLE (item text, value text) LANGUAGE sql AS $$
	SELECT item, value FROM told(key, query) WHERE item IN ('cached', 'reason', 'table', 'function', 'covered', 'L1')
$$;
CREATE FUNCTION plpgsql_one() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
SET cachefront.default_ttl = '5min';
SET cachefront.negative_ttl = '30s';
SET cachefront.stale_ttl = '10min';
SELECT cache_define('rr', ttl => '10 min', negative_ttl => '1 h', stale_ttl => '0', jitter => 0, xfetch_beta => 0);
SELECT cache_define('rr_tenant', scope => 'setting:app.tenant');
SELECT cache_define('rr_shared', scope => 'shared');
SET SESSION AUTHORIZATION regress_cf_reader;
SET search_path = regress_cf_report, public;
-- not in the cache yet, then there, then past its time
SELECT * FROM told('rr:1', 'SELECT v FROM regress_cf_v');
SELECT cache_fetch('rr:1', 'SELECT v FROM regress_cf_v');
SELECT * FROM told('rr:1', 'SELECT v FROM regress_cf_v');
SELECT cache_fetch('rr_tenant:1', 'SELECT 1', ttl => '1 microsecond');
SELECT * FROM told('rr_tenant:1', 'SELECT 1');
SELECT * FROM told('rr_shared:1', 'SELECT 1');
SELECT * FROM told('none:1', 'SELECT 1') WHERE item IN ('cached', 'cache', 'scope', 'ttl', 'negative ttl', 'stale ttl');
-- it plans, it does not run; and it counts nothing
SELECT fetches, misses, loads, l1_hits FROM cache_stats WHERE cache = 'rr' \gset before_
SELECT count(*) FROM cache_explain('rr:1', 'SELECT pg_sleep(600)');
SELECT count(*) FROM cache_explain('rr:1', 'SELECT v FROM regress_cf_v');
SELECT fetches - :before_fetches AS fetches, misses - :before_misses AS misses, loads - :before_loads AS loads,
	l1_hits - :before_l1_hits AS l1_hits FROM cache_stats WHERE cache = 'rr';
-- functions that may read what the plan does not show; not PostgreSQL's own
SELECT * FROM reason('rr:1', 'SELECT plpgsql_one(), ''a'' || 1 AS b, age(now())');
-- each reason not to
SET cachefront.enabled = off;
SELECT * FROM reason('rr:1', 'SELECT v FROM regress_cf_v');
RESET cachefront.enabled;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT * FROM reason('rr:1', 'SELECT v FROM regress_cf_v');
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM reason('rr:1', 'SELECT v FROM regress_cf_v');
COMMIT;
BEGIN;
SELECT txid_current() > 0 AS assigned;
SELECT * FROM reason('rr:1', 'SELECT v FROM regress_cf_v');
COMMIT;
BEGIN;
SELECT cache_delete('rr:2');
SELECT * FROM reason('rr:1', 'SELECT v FROM regress_cf_v');
COMMIT;
SELECT * FROM reason('rr:1', 'SELECT a FROM regress_cf_rls');
SELECT * FROM reason('rr_shared:1', 'SELECT a FROM regress_cf_rls');
SELECT * FROM reason('rr_tenant:1', 'SELECT a FROM regress_cf_rls');
SELECT * FROM reason('rr:1', 'SELECT current_setting(''app.tenant'')');
SELECT * FROM reason('rr_tenant:1', 'SELECT current_setting(''app.tenant'', true)');
SELECT * FROM reason('rr_tenant:1', 'SELECT current_setting(''app.other'', true)');
CREATE TEMP TABLE mine (a int);
SELECT item, regexp_replace(value, 'pg_temp_\d+', 'pg_temp') AS value FROM reason('rr:1', 'SELECT a FROM mine');
DISCARD TEMP;
SELECT * FROM reason('rr:1', 'SELECT v FROM regress_cf_v');
-- once fetched, it is known
SELECT cache_fetch('rr:rls', 'SELECT a FROM regress_cf_rls');
SELECT * FROM reason('rr:rls', 'SELECT a FROM regress_cf_rls');
RESET SESSION AUTHORIZATION;
SET search_path = regress_cf_report, public;
-- an entry is this identity's: here there is none
SELECT * FROM reason('rr:1', 'SELECT v FROM regress_cf_v');
SELECT * FROM reason('rr:1', 'SELECT c.a, (SELECT count(*) FROM regress_cf_rls) FROM regress_cf_t c JOIN regress_cf_t d USING (a)');

--
-- cache_entries
--
SELECT key, cache, role, session_role, form, state, negative, value_bytes, dependencies, load_ms >= 0 AS load_ms,
	filled_at <= now() AS filled_at, age >= '0' AS age, bytes > value_bytes AS bytes,
	bytes - value_bytes - length(key) <= 128 + 8 * dependencies + 8 AS small
	FROM cache_entries WHERE key LIKE 'rr%' AND role = 'regress_cf_reader' AND database = current_database() ORDER BY key, form;
SELECT cache_set('rr_shared:2', '"value"', tags => '{a,b}');
SELECT cache_fetch('rr_shared:2', 'SELECT 1 WHERE false');
SELECT * FROM cache_fetch_rows('rr_shared:2', 'SELECT 1') AS t(a int);
SELECT key, cache, role, session_role, form, state, negative, dependencies
	FROM cache_entries WHERE key LIKE 'rr_shared%' AND database = current_database() ORDER BY key, form;
-- every state
SELECT cache_fetch('rr:state:expired', 'SELECT 1 AS a', ttl => '1 microsecond');
SELECT cache_fetch('none:state:stale', 'SELECT 1 AS a', ttl => '1 microsecond');
SELECT cache_fetch('rr:state:fresh', 'SELECT 1 AS a');
SELECT cache_fetch('rr:state:invalidated', 'SELECT 1 AS a', tags => '{state}');
SELECT cache_fetch('rr:state:not', 'SELECT current_setting(''app.x'', true) AS a');
SELECT cache_invalidate_tag('state');
SELECT key, state, ttl_left > '0' AS left FROM cache_entries WHERE key LIKE '%:state:%' ORDER BY key;

--
-- cache_status
--
SELECT version = (SELECT extversion FROM pg_extension WHERE extname = 'cachefront') AS version, enabled, l2,
	l1_bytes BETWEEN 1 AND l1_size AS l1_bytes, l1_entries > 0 AS l1_entries, l1_partitions, l1_evictions >= 0 AS l1_evictions,
	flights, waiters, definitions = (SELECT count(*) FROM cache_definitions) AS definitions, stats_reset <= now() AS stats_reset
	FROM cache_status;
-- bytes and entries add up
SELECT s.l1_entries = e.entries AS entries, s.l1_bytes = e.bytes AS bytes
	FROM cache_status s, (SELECT count(*) AS entries, sum(bytes) AS bytes FROM cache_entries) e;

--
-- cache_inflight, seen by the query in flight
--
SELECT cache_fetch_row('rr:flight', $$
	SELECT i.key, i.waiters, i.leader = pg_backend_pid() AS my_own, i.database = current_database() AS here,
		i.started <= clock_timestamp() AS started, i.age BETWEEN '0' AND '1 min' AS age,
		(SELECT flights FROM cache_status) AS flights,
		(SELECT string_agg(mode || ' ' || granted, ', ') FROM pg_locks
		 WHERE locktype = 'advisory' AND objsubid = 207 AND pid = pg_backend_pid()) AS locks
	FROM cache_inflight i $$);
SELECT count(*) FROM cache_inflight;
SELECT flights, waiters FROM cache_status;
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 207;

-- each column says what it is
SELECT a.attrelid::regclass, a.attname FROM pg_depend d JOIN pg_attribute a ON d.objid = a.attrelid
	WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cachefront') AND d.classid = 'pg_class'::regclass
	AND a.attnum > 0 AND a.attrelid <> 'cache_write_number'::regclass AND col_description(a.attrelid, a.attnum) IS NULL;

--
-- cache_stats, cache_latency and their reset
--
SELECT reset.stats_reset AS before FROM cache_status reset \gset
SELECT cache_stats_reset();
SELECT stats_reset > :'before' AS later FROM cache_status;
SELECT s.cache, e.* FROM cache_stats s, row_to_json(s) j, json_each_text(j) e
	WHERE s.cache LIKE 'rr%' AND e.key <> 'cache' AND e.value <> '0';
SELECT * FROM cache_latency ORDER BY operation;
SELECT count(cache_fetch('rr:latency:' || g % 2, 'SELECT 1')) FROM generate_series(1, 64) g;
SELECT operation, samples, p50_us > 0 AS p50, p50_us <= p95_us AS p95, p95_us <= p99_us AS p99, p99_us <= max_us AS max
	FROM cache_latency WHERE operation <> 'l1_hit' ORDER BY operation;
-- one hit in 16 is timed
SELECT samples IN (3, 4) AS samples, p50_us > 0 AS p50, p50_us <= p95_us AS p95, p95_us <= p99_us AS p99, p99_us <= max_us AS max
	FROM cache_latency WHERE operation = 'l1_hit';
-- the same as a histogram
SELECT operation, count(*) AS rows, min(below_us), max(below_us), max(samples) = (SELECT samples FROM cache_latency l
		WHERE l.operation = b.operation) AS all,
	max(total_us) BETWEEN 0.001 AND (SELECT samples * max_us FROM cache_latency l WHERE l.operation = b.operation) AS total
	FROM cache_latency_buckets b WHERE operation IN ('load', 'l1_hit') GROUP BY operation ORDER BY operation;
SELECT bool_and(samples >= before AND total_us >= total_before AND below_us > below) AS grows
	FROM (SELECT *, lag(samples, 1, 0::bigint) OVER w AS before, lag(total_us, 1, 0::float8) OVER w AS total_before,
			lag(below_us, 1, 0::float8) OVER w AS below
		FROM cache_latency_buckets WINDOW w AS (PARTITION BY operation ORDER BY below_us)) b;
-- half of the samples are below the first bound that is above their median
SELECT bool_and(b.samples * 2 >= l.samples) AS median
	FROM cache_latency l, LATERAL (SELECT samples FROM cache_latency_buckets b
		WHERE b.operation = l.operation AND b.below_us > l.p50_us ORDER BY b.below_us LIMIT 1) b;
SELECT * FROM cache_stats WHERE cache = 'rr' \gx
-- the total is of all caches, of all databases
SELECT bool_and(t.fetches >= s.fetches AND t.loads >= s.loads) AS total
	FROM cache_stats s, cache_stats t WHERE t.cache = '*';
-- the names stay when the caches go
SELECT cache_drop('rr'), cache_drop('rr_tenant'), cache_drop('rr_shared');
SELECT cache, l1_hits FROM cache_stats WHERE cache = 'rr';

SELECT cache_flush();
SELECT count(*) FROM cache_entries WHERE database = current_database();
DROP TABLE public.regress_cf_t, public.regress_cf_rls CASCADE;
DROP SCHEMA regress_cf_report CASCADE;
DROP OWNED BY regress_cf_reader, regress_cf_dba;
DROP ROLE regress_cf_reader, regress_cf_dba;
