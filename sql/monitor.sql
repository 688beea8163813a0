--
-- Who may look at what; what the reports say of keys of other databases; and
-- sums that are right without looking at the entries
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cachefront;
DROP ROLE IF EXISTS regress_cf_monitor, regress_cf_owner, regress_cf_member, regress_cf_nobody;
CREATE ROLE regress_cf_monitor IN ROLE pg_monitor;
CREATE ROLE regress_cf_owner;
CREATE ROLE regress_cf_member IN ROLE regress_cf_owner;
CREATE ROLE regress_cf_nobody;
CREATE SCHEMA regress_cf_watch;
SET search_path = regress_cf_watch, public;
SELECT current_database() AS here \gset

--
-- pg_monitor reads every view
--
CREATE FUNCTION unreadable(who name) RETURNS SETOF name LANGUAGE sql AS $$
	SELECT c.relname FROM pg_class c
	JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
	JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'cachefront'
	WHERE c.relkind = 'v' AND NOT (has_table_privilege(who, c.oid, 'SELECT')
		AND has_function_privilege(who, c.relname || '_data()', 'EXECUTE'))
	ORDER BY 1
$$;
SELECT unreadable('regress_cf_monitor');
SELECT unreadable('regress_cf_nobody');
SET ROLE regress_cf_monitor;
SELECT count(*) > 0 AS ok FROM cache_status;
SELECT count(*) > 0 AS ok FROM cache_stats;
SELECT count(*) > 0 AS ok FROM cache_summary;
SELECT count(*) > 0 AS ok FROM cache_latency;
SELECT count(*) > 0 AS ok FROM cache_latency_buckets;
SELECT count(*) >= 0 AS ok FROM cache_entries;
SELECT count(*) >= 0 AS ok FROM cache_inflight;
SELECT count(*) >= 0 AS ok FROM cache_rules;
RESET ROLE;

--
-- Rules: an owner sees those of his own tables
--
CREATE TABLE his (id int);
CREATE TABLE other (id int) PARTITION BY LIST (id);
CREATE TABLE part PARTITION OF other FOR VALUES IN (1);
SELECT count(cache_attach(t, key => 'w:{id}')) FROM unnest('{his,other,part}'::regclass[]) t;
ALTER TABLE his OWNER TO regress_cf_owner;
ALTER TABLE part OWNER TO regress_cf_owner;
GRANT USAGE ON SCHEMA regress_cf_watch TO regress_cf_owner, regress_cf_nobody;
GRANT SELECT ON his TO regress_cf_nobody;
SET ROLE regress_cf_owner;
SELECT rel, key FROM cache_rules ORDER BY rel::text;
SET ROLE regress_cf_member;
SELECT rel, key FROM cache_rules ORDER BY rel::text;
SET ROLE regress_cf_nobody;
SELECT rel, key FROM cache_rules;
SET ROLE regress_cf_monitor;
SELECT count(*) FROM cache_rules;
RESET ROLE;
SELECT count(*) FROM cache_rules;

--
-- cache_summary says what cache_entries would
--
CREATE FUNCTION differing() RETURNS TABLE (cache text, entries bigint, bytes bigint) LANGUAGE sql AS $$
	(SELECT cache, entries, bytes FROM cache_summary WHERE entries > 0
	EXCEPT SELECT cache, count(*), sum(bytes) FROM cache_entries GROUP BY database = current_database() OR cache = '(default)', cache)
	UNION ALL
	(SELECT cache, count(*), sum(bytes) FROM cache_entries GROUP BY database = current_database() OR cache = '(default)', cache
	EXCEPT SELECT cache, entries, bytes FROM cache_summary)
$$;
CREATE FUNCTION sums() RETURNS TABLE (cache text, entries bigint, lookups bigint, hits bigint, ratio numeric) LANGUAGE sql AS $$
	SELECT cache, entries, lookups, hits, round(hit_ratio::numeric, 2) FROM cache_summary
	WHERE database = current_database() AND cache LIKE 'sum%' ORDER BY cache
$$;
SELECT cache_flush(), cache_stats_reset();
SELECT cache_define('sum1'), cache_define('sum2', ttl => '1 h');
SELECT count(cache_fetch('sum1:' || i, 'SELECT repeat(''x'', $1)', i)) FROM generate_series(1, 100) i;
SELECT count(cache_fetch('sum1:' || i, 'SELECT repeat(''x'', $1)', i)) FROM generate_series(1, 50) i;
SELECT count(cache_fetch('sum2:' || i % 5, 'SELECT repeat(''x'', $1)', i * 100)) FROM generate_series(1, 10) i;
SELECT count(cache_fetch('sumless:' || i, 'SELECT 1')) FROM generate_series(1, 7) i;
SELECT * FROM sums();
SELECT * FROM differing();
-- replaced, touched, dropped, refused
SELECT count(cache_set('sum1:' || i, to_json(i))) FROM generate_series(1, 3) i;
SELECT count(cache_set('sum1:' || i, to_json(repeat('y', i)))) FROM generate_series(1, 3) i;
SELECT count(cache_get('sum1:' || i)) FROM generate_series(1, 4) i;
SELECT * FROM sums();
SELECT * FROM differing();
SELECT count(cache_invalidate('sum1:' || i)) FROM generate_series(1, 20) i;
SELECT count(cache_delete('sum1:' || i)) FROM generate_series(1, 20) i;
BEGIN;
SELECT cache_fetch('sum1:200', 'SELECT 1 AS a');
ROLLBACK;
SELECT * FROM sums();
SELECT * FROM differing();
-- a reset of the counters leaves what is in memory
SELECT cache_stats_reset();
SELECT * FROM sums();
SELECT * FROM differing();
-- evicted
SELECT count(cache_fetch('sum2:' || i, 'SELECT repeat(''x'', 100000 + $1)', i)) FROM generate_series(1, 1000) i;
SELECT evictions > 0 AS evicted, entries < 1000 AS fewer FROM cache_summary
	WHERE database = current_database() AND cache = 'sum2';
SELECT * FROM differing();
SELECT cache_flush();
SELECT * FROM differing();
SELECT sum(entries), sum(bytes) FROM cache_summary WHERE database = current_database();

--
-- Variants of a key
--
SELECT cache_fetch('variant', 'SELECT 1 AS a');
SELECT cache_fetch('variant', 'SELECT 2 AS a');
SET datestyle = 'German';
SELECT cache_fetch('variant', 'SELECT 1 AS a');
SELECT cache_fetch('variant', 'SELECT $1 AS a, ''ä'' AS b', 1::int);
SELECT cache_fetch('variant', 'SELECT $1 AS a, ''ä'' AS b', 2::int);
SELECT cache_set('variant', '3');
SELECT count(*), count(DISTINCT identity) FROM cache_entries WHERE key = 'variant';
SELECT form, query, count(*), count(DISTINCT identity) FROM cache_entries WHERE key = 'variant'
	GROUP BY form, query ORDER BY query COLLATE "C";
-- a long text by its beginning
SELECT cache_fetch('long', 'SELECT ' || repeat('1 + ', 100) || '1 AS a');
SELECT octet_length(query), query LIKE 'SELECT 1 + 1%' AS beginning FROM cache_entries WHERE key = 'long';
SELECT cache_fetch('long', 'SELECT ''' || repeat(U&'\2192', 100) || ''' <> '''' AS a');
SELECT octet_length(query), char_length(query), right(query, 2) FROM cache_entries WHERE key = 'long' AND query ~ U&'\2192';
-- many texts: some are forgotten
SELECT count(cache_fetch('many', 'SELECT 1 AS a' || i)) FROM generate_series(1, 3000) i;
SELECT count(*) > 0 AS forgotten FROM cache_entries WHERE key = 'many' AND query IS NULL AND settings IS NULL;
SELECT count(query) BETWEEN 1 AND 1024 AS texts, bool_and(query ~ '^SELECT 1 AS a\d+$' OR query IS NULL) AS right
	FROM cache_entries WHERE key = 'many';
SELECT e.key FROM cache_entries e JOIN cache_explain('variant', 'SELECT 1 AS a') x ON x.item = 'identity' AND x.value = e.identity;
RESET datestyle;
-- the settings that differ, but for those that change nothing; and no secrets
CREATE FUNCTION settings(k text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT regexp_replace(s, '#[0-9a-f]{8}$', '#') FROM cache_entries, regexp_split_to_table(settings, '; ') s
	WHERE key = k AND s !~* '^(datestyle|intervalstyle|timezone|client_encoding|search_path|lc_)'
	ORDER BY s COLLATE "C"
$$;
SET work_mem = '5MB';
SET application_name = 'monitored';
SET bytea_output = 'escape';
SET app.token = 'secret';
SELECT cache_fetch('with settings', 'SELECT 1 AS a');
SELECT settings('with settings');
SELECT count(*) FROM cache_entries WHERE settings ~ 'secret|monitored';
RESET bytea_output;
SELECT cache_fetch('one tenant', 'SELECT 1 AS a');
SELECT cache_fetch('same tenant', 'SELECT 1 AS a');
SET app.token = 'other';
SELECT cache_fetch('other tenant', 'SELECT 1 AS a');
SELECT count(DISTINCT settings) FROM cache_entries WHERE key ~ '^(one|same) tenant';
SELECT count(DISTINCT settings) FROM cache_entries WHERE key ~ '^(one|other) tenant';
RESET work_mem;
RESET application_name;

--
-- Keys of other databases, in other encodings
--
SELECT cache_flush();
CREATE DATABASE regress_cf_utf8 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
CREATE DATABASE regress_cf_latin1 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
CREATE DATABASE regress_cf_ascii ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
\c regress_cf_utf8
SET client_min_messages = warning;
SET client_encoding = 'UTF8';
CREATE EXTENSION cachefront;
SELECT cache_define('arrow');
SELECT cache_fetch(U&'\00E4:1', U&'SELECT ''\2192'' AS a');
SELECT cache_fetch(U&'arrow:\2192\\', 'SELECT 1 AS a');
SELECT cache_fetch('plain:\', 'SELECT 1 AS a');
\c regress_cf_latin1
SET client_min_messages = warning;
CREATE EXTENSION cachefront;
SELECT count(cache_fetch(convert_from('\x6c3ae4', 'LATIN1'), 'SELECT 1 AS a'));
\c regress_cf_ascii
SET client_min_messages = warning;
CREATE EXTENSION cachefront;
SELECT count(cache_fetch(convert_from('\x733ae4ff', 'SQL_ASCII'), 'SELECT 1 AS a'));
SELECT count(cache_fetch(convert_from('\x733ac3a4', 'SQL_ASCII'), 'SELECT 1 AS a'));
-- what each reader gets: his own as they are, others' escaped
\c regress_cf_utf8
SET client_encoding = 'UTF8';
SELECT database, key, cache, query, octet_length(key) AS len FROM cache_entries WHERE database ~ '^regress_cf' ORDER BY database, key COLLATE "C";
SELECT database, cache, entries FROM cache_summary WHERE database ~ '^regress_cf' ORDER BY 1, 2;
-- a client that has no arrow
SET client_encoding = 'LATIN1';
SELECT key FROM cache_entries WHERE key ~ 'arrow';
SELECT count(*) FROM cache_entries WHERE key = U&'\00E4:1';
SET client_encoding = 'SQL_ASCII';
SELECT key FROM cache_entries WHERE key ~ 'arrow|plain' ORDER BY 1;
\c regress_cf_latin1
SET client_encoding = 'UTF8';
SELECT database, key, cache, query, octet_length(key) AS len FROM cache_entries WHERE database ~ '^regress_cf' ORDER BY database, key COLLATE "C";
\c regress_cf_ascii
SET client_encoding = 'UTF8';
SELECT database, key, cache, query, octet_length(key) AS len FROM cache_entries WHERE database ~ '^regress_cf' ORDER BY database, key COLLATE "C";
\c :here
SET client_min_messages = warning;
DROP DATABASE regress_cf_utf8;
DROP DATABASE regress_cf_latin1;
DROP DATABASE regress_cf_ascii;
SELECT count(*) FROM cache_entries WHERE database IS NULL AND key ~ 'arrow';
SET search_path = regress_cf_watch, public;
SELECT cache_drop('sum1'), cache_drop('sum2');
DROP SCHEMA regress_cf_watch CASCADE;
DROP ROLE regress_cf_monitor, regress_cf_owner, regress_cf_member, regress_cf_nobody;
