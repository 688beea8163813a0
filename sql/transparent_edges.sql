-- Plain SELECTs that are served from the cache: what happens around a plan that was kept.

SET client_min_messages = warning;
CREATE TABLE te (id int PRIMARY KEY, v text);
INSERT INTO te SELECT g, 'v' || g FROM generate_series(1, 10) g;
CREATE FUNCTION te_hits() RETURNS bigint LANGUAGE sql AS $$SELECT l1_hits FROM cache_stats WHERE cache = '*'$$;

-- Turned off, what was prepared before is not served, either.
SET cachefront.transparent_min_saving = 0;
SET cachefront.transparent = auto;
PREPARE te_one AS SELECT v FROM te WHERE id = 1;
EXECUTE te_one;
EXECUTE te_one;
SELECT te_hits() AS before \gset
EXECUTE te_one;
SELECT te_hits() - :before AS hits;
SET cachefront.transparent = off;
EXECUTE te_one;
SELECT te_hits() - :before AS hits;
SET cachefront.transparent = auto;

-- What a plan that is kept holds was computed under the settings of then.
PREPARE te_bytes AS SELECT '\x41'::bytea::text AS b, '1 day'::interval::text AS i, id FROM te WHERE id = 1;
EXECUTE te_bytes;
EXECUTE te_bytes;
SET bytea_output = escape;
SET intervalstyle = iso_8601;
EXECUTE te_bytes;
EXECUTE te_bytes;
SELECT '\x41'::bytea::text AS b, '1 day'::interval::text AS i, id FROM te WHERE id = 1;
SELECT '\x41'::bytea::text AS b, '1 day'::interval::text AS i, id FROM te WHERE id = 1;
EXECUTE te_bytes;
SELECT '\x41'::bytea::text AS b, '1 day'::interval::text AS i, id FROM te WHERE id = 1;
RESET bytea_output;
RESET intervalstyle;

-- The check of a domain may depend on anything; where columns are defined no expression shows it.
CREATE DOMAIN te_tenant AS text CHECK (value = current_setting('te.tenant', true));
SET te.tenant = 'v1';
SELECT a FROM te, json_to_record('{"a":"v1"}') AS r(a te_tenant) WHERE id = 1;
SELECT a FROM te, json_to_record('{"a":"v1"}') AS r(a te_tenant) WHERE id = 1;
SELECT a FROM te, jsonb_to_recordset('[{"a":"v1"}]') AS r(a te_tenant) WHERE id = 1;
SELECT a FROM te, XMLTABLE('/r' PASSING '<r><a>v1</a></r>' COLUMNS a te_tenant) WHERE id = 1;
SET te.tenant = 'v2';
SELECT a FROM te, json_to_record('{"a":"v1"}') AS r(a te_tenant) WHERE id = 1;
SELECT a FROM te, jsonb_to_recordset('[{"a":"v1"}]') AS r(a te_tenant) WHERE id = 1;
SELECT a FROM te, XMLTABLE('/r' PASSING '<r><a>v1</a></r>' COLUMNS a te_tenant) WHERE id = 1;
DROP DOMAIN te_tenant;

-- Under each setting that chooses plans it is another statement, whatever the version has.
DO $$
DECLARE
	setting record;
	hits bigint;
	n int := 0;
BEGIN
	FOR setting IN
		SELECT name, CASE vartype WHEN 'bool' THEN (NOT s.setting::bool)::text
				WHEN 'enum' THEN (SELECT v FROM unnest(enumvals) v WHERE v <> s.setting LIMIT 1)
				WHEN 'real' THEN (CASE WHEN s.setting::float8 = max_val::float8 THEN min_val ELSE max_val END)
				ELSE (CASE WHEN s.setting = min_val THEN s.setting::int + 1 ELSE min_val::int END)::text END AS other
		FROM pg_settings s
		WHERE category LIKE 'Query Tuning%' OR name IN ('work_mem', 'hash_mem_multiplier', 'debug_parallel_query',
			'force_parallel_mode', 'max_parallel_workers_per_gather', 'parallel_leader_participation')
	LOOP
		FOR i IN 1 .. 3 LOOP
			hits := te_hits();
			EXECUTE 'SELECT v FROM te WHERE id = 3';
		END LOOP;
		IF te_hits() = hits THEN
			RAISE WARNING 'no hit before % is set', setting.name;
		END IF;
		hits := te_hits();
		PERFORM set_config(setting.name, setting.other, true);
		EXECUTE 'SELECT v FROM te WHERE id = 3';
		IF te_hits() > hits THEN
			RAISE WARNING 'a hit after % is set to %', setting.name, setting.other;
		END IF;
		EXECUTE format('RESET %I', setting.name);
		n := n + 1;
	END LOOP;
	RAISE WARNING '% settings', CASE WHEN n > 40 THEN 'all' ELSE n::text END;
END $$;

-- A text that is known means something else when a temporary object hides what it read.
SELECT v FROM te WHERE id = 2;
SELECT v FROM te WHERE id = 2;
SELECT v FROM te WHERE id = 2;
CREATE TEMP TABLE te (id int, v text);
SELECT v FROM te WHERE id = 2;
DROP TABLE pg_temp.te;
SELECT v FROM te WHERE id = 2;
SELECT v FROM te WHERE id = 2;
SELECT v FROM te WHERE id = 2;
CREATE TEMP TABLE te_hides AS SELECT 2 AS id, 'temporary'::text AS v;
SELECT v FROM te WHERE id = 2;
SELECT v FROM te WHERE id = 2;
ALTER TABLE te_hides RENAME TO te;
SELECT v FROM te WHERE id = 2;
DISCARD TEMP;
SELECT v FROM te WHERE id = 2;
SELECT v FROM te WHERE id = 2;
SELECT v FROM te WHERE id = 2;
BEGIN;
CREATE TEMP VIEW te AS SELECT 2 AS id, 'view'::text AS v;
SELECT v FROM te WHERE id = 2;
ROLLBACK;
SELECT v FROM te WHERE id = 2;
SELECT v FROM te WHERE id = 2;
SELECT v FROM te WHERE id = 2;
-- What it prints is not the same in each version.
EXPLAIN ANALYZE CREATE TEMP TABLE te AS SELECT 2 AS id, 'explained'::text AS v \g /dev/null
SELECT v FROM te WHERE id = 2;
DROP TABLE pg_temp.te;
SELECT v FROM te WHERE id = 2;
SELECT v FROM te WHERE id = 2;
SELECT v FROM te WHERE id = 2;
SELECT 2 AS id, 'into'::text AS v INTO TEMP te;
SELECT v FROM te WHERE id = 2;
DROP TABLE pg_temp.te;
SELECT 'v2'::te_domain FROM te WHERE id = 2;
CREATE DOMAIN te_domain AS text;
SELECT 'v2'::te_domain FROM te WHERE id = 2;
SELECT 'v2'::te_domain FROM te WHERE id = 2;
SELECT 'v2'::te_domain FROM te WHERE id = 2;
CREATE DOMAIN pg_temp.te_domain AS text CHECK (value <> 'v2');
SELECT 'v2'::te_domain FROM te WHERE id = 2;
DROP DOMAIN pg_temp.te_domain, public.te_domain;

-- A word of time in two pieces is one: it means something else in the next transaction.
BEGIN;
SELECT 'n'
'ow'::timestamp AS t FROM te WHERE id = 3 \gset first_
SELECT 'n'
'ow'::timestamp AS t FROM te WHERE id = 3 \gset first_
SELECT 'n'
'ow'::timestamp AS t FROM te WHERE id = 3 \gset first_
COMMIT;
SELECT 'n'
'ow'::timestamp AS t FROM te WHERE id = 3 \gset second_
SELECT :'first_t' < :'second_t' AS later;

-- A value that is too large is not read only to find that out.
SHOW cachefront.l1_max_value;
CREATE TABLE te_large (id int, v text);
ALTER TABLE te_large ALTER v SET STORAGE EXTERNAL;
INSERT INTO te_large VALUES (1, repeat('x', 5000000));
CREATE FUNCTION te_toast_reads() RETURNS bigint LANGUAGE sql AS $$
	SELECT coalesce(sum(pg_stat_get_xact_numscans(i.indexrelid)), 0) FROM pg_class c JOIN pg_index i ON i.indrelid = c.reltoastrelid
	WHERE c.relname = 'te_large'$$;
SELECT id FROM te_large WHERE id = 0;
BEGIN;
-- What the INSERT did counts still, or has been reported meanwhile.
SELECT te_toast_reads() AS before \gset
DO $$
DECLARE a text; b text;
BEGIN
	SELECT v, v INTO a, b FROM te_large;
	SELECT v, v INTO a, b FROM te_large;
END $$;
SELECT te_toast_reads() - :before AS reads;
SELECT length(v) FROM te_large;
SELECT te_toast_reads() - :before AS reads;
COMMIT;
DROP TABLE te_large;
DROP FUNCTION te_toast_reads;

-- What a statement tells, it tells each time.
RESET client_min_messages;
CREATE TABLE te_notice (id int, v text);
INSERT INTO te_notice VALUES (1, 'the'), (2, 'cat');
SELECT id, to_tsquery('english', v) FROM te_notice ORDER BY id;
SELECT id, to_tsquery('english', v) FROM te_notice ORDER BY id;
SELECT id, to_tsquery('english', v) FROM te_notice ORDER BY id;
SELECT id, to_tsquery('english', v)::text || 'x' FROM te_notice WHERE id = 2;
SELECT id, to_tsquery('english', v)::text || 'x' FROM te_notice WHERE id = 2;
SELECT te_hits() AS before \gset
SELECT id, to_tsquery('english', v)::text || 'x' FROM te_notice WHERE id = 2;
SELECT te_hits() - :before AS hits;
SELECT id, to_tsquery('english', 'the')::text || 'x' FROM te_notice WHERE id = 1;
SELECT id, to_tsquery('english', 'the')::text || 'x' FROM te_notice WHERE id = 1;
SELECT id, to_tsquery('english', 'the')::text || 'x' FROM te_notice WHERE id = 1;
SELECT id, to_tsquery('english', 'the')::text || 'x' FROM te_notice WHERE id = 1;
SET client_min_messages = warning;
SELECT id, to_tsquery('english', v) FROM te_notice WHERE id = 1;
SELECT id, to_tsquery('english', v) FROM te_notice WHERE id = 1;
RESET client_min_messages;
SELECT id, to_tsquery('english', v) FROM te_notice WHERE id = 1;
DROP TABLE te_notice;

-- A text of a megabyte is too long to be told from others.
SELECT fetches AS before FROM cache_stats WHERE cache = '*' \gset
DO $$
DECLARE n int;
BEGIN
	FOR length IN 1000 .. 1001 LOOP
		EXECUTE 'SELECT count(*) FROM te WHERE v = $q$' || repeat('x', length * 1000) || '$q$' INTO n;
		EXECUTE 'SELECT count(*) FROM te WHERE v = $q$' || repeat('x', length * 1050) || '$q$' INTO n;
	END LOOP;
END $$;
SELECT fetches - :before AS asked FROM cache_stats WHERE cache = '*';

-- The place of temporary objects in the search path counts, too.
SET search_path = public, pg_temp;
CREATE TEMP TABLE te AS SELECT 2 AS id, 'temporary'::text AS v;
SELECT v FROM te WHERE id = 2;
SELECT v FROM te WHERE id = 2;
SELECT v FROM te WHERE id = 2;
SET search_path = public;
SELECT v FROM te WHERE id = 2;
SET search_path = public, pg_temp;
SELECT v FROM te WHERE id = 2;
DROP TABLE pg_temp.te;
RESET search_path;

DEALLOCATE ALL;
DROP FUNCTION te_hits;
DROP TABLE te;
