-- What a role that has nothing but CONNECT and a table of its own can do to others.
-- server: without tracking
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cachefront;
DROP ROLE IF EXISTS regress_cf_owner, regress_cf_mallory;
CREATE ROLE regress_cf_owner;
CREATE ROLE regress_cf_mallory;
CREATE SCHEMA regress_cf_disturb AUTHORIZATION regress_cf_owner;
CREATE SCHEMA regress_cf_mallory AUTHORIZATION regress_cf_mallory;
GRANT USAGE ON SCHEMA regress_cf_disturb TO regress_cf_mallory;
SET search_path = regress_cf_disturb;
-- is the owner's entry of a key served from memory?
CREATE FUNCTION state_of(text) RETURNS text LANGUAGE sql AS
	$$ SELECT string_agg(state, ',' ORDER BY state) FROM public.cache_entries
	   WHERE key = $1 AND database = current_database() $$;

--
-- Tags: none of a caller moves an epoch or a table's clock, whatever its name
--
CREATE TABLE t AS SELECT 1 AS v;
CREATE PROCEDURE regress_cf_mallory.flood() LANGUAGE plpgsql AS $$
BEGIN
	FOR n IN 1..15 LOOP
		PERFORM public.cache_invalidate_tag(VARIADIC ARRAY(SELECT n || '-' || i FROM generate_series(1, 20000) i));
		COMMIT;
	END LOOP;
END $$;
SELECT public.cache_fetch('rd:none', 'SELECT 1 AS v');
SELECT public.cache_fetch('rd:table', 'SELECT v FROM regress_cf_disturb.t');
SELECT format('table:%s', 't'::regclass::oid) AS tag, format('rule:%s:cache_rule_1', 't'::regclass::oid) AS rule \gset
SET ROLE regress_cf_mallory;
\set VERBOSITY sqlstate
SELECT public.cache_invalidate_tag(:'tag');
SELECT public.cache_invalidate_tag('rd:other', :'rule');
SELECT public.cache_fetch('rd:mallory', 'SELECT 1', tags => ARRAY[:'tag']);
SELECT public.cache_fetch('rd:mallory', 'SELECT 1', tags => ARRAY['rd:other', :'rule']);
SELECT public.cache_set('rd:mallory', '1', tags => ARRAY[:'tag']);
SELECT count(*) FROM public.cache_explain('rd:mallory', 'SELECT 1', tags => ARRAY[:'rule']);
\set VERBOSITY default
SELECT public.cache_invalidate_tag('table:');
SELECT public.cache_invalidate_tag('rule:1');
-- what only looks like one is an ordinary tag
SELECT public.cache_invalidate_tag('table', 'rule', 'Table:1', 'my table:1', 'rules:1');
-- as many tags as reach nearly all clocks of tags: epochs, tables and rules have their own
CALL regress_cf_mallory.flood();
RESET ROLE;
SELECT state_of('rd:none') AS none, state_of('rd:table') AS "table";
-- nor by a template
SET ROLE regress_cf_owner;
CREATE TABLE o (id int, kind text);
RESET ROLE;
SELECT public.cache_attach('o', tags => ARRAY['table:{id}']);
SELECT public.cache_attach('o', tags => ARRAY['rule:{id}:cache_rule_1']);
SELECT public.cache_attach('o', tags => '{"{kind}:{id}"}');
SELECT public.cache_fetch('rd:table', 'SELECT v FROM regress_cf_disturb.t', tags => '{rd}');
INSERT INTO o VALUES ('t'::regclass::oid::int, 'table');
SELECT state_of('rd:table') AS state;

--
-- Rules: without a right nobody makes one; and many do not keep others from caching
--
SET ROLE regress_cf_mallory;
CREATE TABLE regress_cf_mallory.junk (id int, kind text);
CREATE TRIGGER x AFTER INSERT ON regress_cf_mallory.junk FOR EACH ROW
	EXECUTE FUNCTION public.cache_invalidate_row('tag', 'rd:{id}');
CREATE TRIGGER x AFTER INSERT ON regress_cf_mallory.junk FOR EACH STATEMENT
	EXECUTE FUNCTION public.cache_invalidate_statement();
SELECT public.cache_attach('regress_cf_mallory.junk', rows => '{}');
RESET ROLE;
GRANT EXECUTE ON FUNCTION public.cache_invalidate_row TO regress_cf_mallory;
SET ROLE regress_cf_mallory;
DO $$
BEGIN
	FOR i IN 1..1001 LOOP
		EXECUTE format('CREATE TRIGGER x%s AFTER UPDATE ON regress_cf_mallory.junk FOR EACH ROW'
			' EXECUTE FUNCTION public.cache_invalidate_row(''key'', ''rd:{id}'', ''tag'', ''rd{kind}'')', i);
	END LOOP;
END $$;
RESET ROLE;
SELECT public.cache_attach('o', key => 'rd:o:{id}');
SELECT rel, count(*) FROM public.cache_rules WHERE rel IN ('o', 'regress_cf_mallory.junk') GROUP BY rel ORDER BY count;
SELECT public.cache_set('rd:set', '1', tags => '{rd}');
SELECT public.cache_set('rd:set:tags', '2', tags => array_agg('rd' || g)) FROM generate_series(1, 1000) g;
SELECT public.cache_get('rd:set'), public.cache_get('rd:set:tags');
SELECT public.cache_fetch('rd:o:1', 'SELECT count(*) FROM regress_cf_disturb.o WHERE id = 1');
SELECT state_of('rd:o:1');
SELECT item, value FROM public.cache_explain('rd:o:1', 'SELECT count(*) FROM regress_cf_disturb.o WHERE id = 1')
	WHERE item IN ('cached', 'table', 'covered');
-- exact all the same, by key and by rule, whosever rule it is
SET cachefront.max_keys_per_commit = 100;
INSERT INTO o VALUES (1);
SELECT public.cache_fetch('rd:o:1', 'SELECT count(*) FROM regress_cf_disturb.o WHERE id = 1');
SELECT public.cache_get('rd:set'), public.cache_get('rd:set:tags');
INSERT INTO o SELECT i FROM generate_series(10, 300) i;
SELECT public.cache_get('rd:set'), public.cache_get('rd:set:tags');
SELECT public.cache_fetch('rd:o:1', 'SELECT count(*) FROM regress_cf_disturb.o WHERE id = 1');
UPDATE o SET id = 1;
SELECT public.cache_fetch('rd:o:1', 'SELECT count(*) FROM regress_cf_disturb.o WHERE id = 1');
REVOKE EXECUTE ON FUNCTION public.cache_invalidate_row FROM regress_cf_mallory;
DROP TABLE regress_cf_mallory.junk, o;

--
-- Rules are found by the beginning of their templates: as a look at each would
--
CREATE TABLE expected (rel regclass, pattern text);
DO $$
DECLARE
	template text;
BEGIN
	FOREACH template IN ARRAY ARRAY['a{id}', 'ab{id}', 'a:{id}', 'b{id}b', '{id}b', '{id}a{id}',
			'ab{id}:{id}b', 'a{id}', '{id}:', 'ab{id}c'] LOOP
		EXECUTE format('CREATE TABLE r%s (id int)', (SELECT count(*) FROM expected));
		INSERT INTO expected SELECT format('r%s', count(*))::regclass, replace(template, '{id}', '%') FROM expected;
		PERFORM public.cache_attach((SELECT max(rel::oid) FROM expected), key => template, tags => ARRAY['t' || template]);
		EXECUTE format('INSERT INTO %s SELECT generate_series(1001, 1200)', (SELECT max(rel::oid)::regclass FROM expected));
	END LOOP;
END $$;
-- each key and tag of up to four letters, beside what LIKE says, when all rows of a rule change
-- (a few more go with clocks that they share with others)
CREATE PROCEDURE compare(OUT checked int, OUT matched int, OUT missed text, OUT spurious_few bool) LANGUAGE plpgsql AS $$
DECLARE
	keys text[] := ARRAY(WITH RECURSIVE k(k) AS (VALUES ('') UNION ALL SELECT k || l FROM k,
		unnest('{a,b,c,:}'::text[]) l WHERE length(k) < 4) SELECT k FROM k WHERE k <> '');
	e record;
	r record;
	spurious int := 0;
BEGIN
	checked := 0;
	matched := 0;
	FOR e IN SELECT * FROM expected ORDER BY rel LOOP
		PERFORM public.cache_fetch(k, 'SELECT 1') FROM unnest(keys) k;
		PERFORM public.cache_set('=' || k, '1', tags => ARRAY['t' || k]) FROM unnest(keys) k;
		COMMIT;
		EXECUTE format('UPDATE %s SET id = id + 1000', e.rel);
		COMMIT;
		SELECT count(*) AS n, count(*) FILTER (WHERE k LIKE e.pattern) AS matched,
				string_agg(e.pattern || ' ' || k, ', ') FILTER (WHERE k LIKE e.pattern AND 'fresh' IN (c.state, s.state)) AS missed,
				count(*) FILTER (WHERE NOT k LIKE e.pattern AND (c.state <> 'fresh' OR s.state <> 'fresh')) AS spurious INTO r
			FROM unnest(keys) k JOIN public.cache_entries c ON c.key = k AND c.database = current_database()
			JOIN public.cache_entries s ON s.key = '=' || k AND s.database = current_database();
		checked := checked + r.n;
		matched := matched + r.matched;
		missed := concat_ws(', ', missed, r.missed);
		spurious := spurious + r.spurious;
	END LOOP;
	spurious_few := spurious < checked / 20;
END $$;
SELECT public.cache_flush();
CALL compare(NULL, NULL, NULL, NULL);
RESET cachefront.max_keys_per_commit;
DROP TABLE r0, r1, r2, r3, r4, r5, r6, r7, r8, r9;

--
-- Too many dependencies: cache_explain says what the cache does
--
SELECT n, e.item, e.value FROM generate_series(999, 1001) n,
	LATERAL (SELECT array_agg('t' || g) FROM generate_series(1, n - 1) g) t(tags),
	LATERAL public.cache_explain('rx', 'SELECT v FROM regress_cf_disturb.t', tags => t.tags) e
	WHERE e.item IN ('cached', 'reason') ORDER BY n, item;
SELECT n, public.cache_fetch('rx' || n, 'SELECT v FROM regress_cf_disturb.t', tags => t.tags) FROM generate_series(999, 1001) n,
	LATERAL (SELECT array_agg('t' || g) FROM generate_series(1, n - 1) g) t(tags);
SELECT n, state_of('rx' || n) FROM generate_series(999, 1001) n;

--
-- cache_explain tells nothing of shared values to who may not run the query
--
SELECT public.cache_define('ru', scope => 'shared');
CREATE TABLE secret AS SELECT 1 AS id, repeat('x', 100) AS v;
CREATE TABLE policed AS SELECT 1 AS id;
ALTER TABLE policed ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON policed TO regress_cf_mallory;
SELECT public.cache_fetch('ru:1', 'SELECT * FROM regress_cf_disturb.secret') IS NOT NULL,
	public.cache_fetch('ru:2', 'SELECT * FROM regress_cf_disturb.policed');
SELECT string_agg(item, ', ') FROM public.cache_explain('ru:1', 'SELECT * FROM regress_cf_disturb.secret')
	WHERE item IN ('L1', 'L2', 'age', 'ttl left', 'bytes', 'load time');
SET ROLE regress_cf_mallory;
SET search_path = regress_cf_disturb;
SELECT item, value FROM public.cache_explain('ru:1', 'SELECT * FROM regress_cf_disturb.secret');
SELECT item FROM public.cache_explain('ru:2', 'SELECT * FROM regress_cf_disturb.policed')
	WHERE item IN ('cached', 'L1', 'L2', 'age', 'ttl left', 'bytes', 'load time');
RESET ROLE;
GRANT SELECT ON secret TO regress_cf_mallory;
SELECT public.cache_fetch('ru:1', 'SELECT * FROM regress_cf_disturb.secret') IS NOT NULL;
SET ROLE regress_cf_mallory;
SELECT item, value FROM public.cache_explain('ru:1', 'SELECT * FROM regress_cf_disturb.secret')
	WHERE item IN ('L1', 'bytes');
RESET ROLE;
SELECT public.cache_drop('ru');

--
-- NOTIFY: who may listen, and what cache_attach says of it
--
SET client_min_messages = notice;
CREATE TABLE patient (id int, ssn text, ward text);
GRANT SELECT (ward) ON patient TO PUBLIC;
SELECT public.cache_attach('patient', key => 'patient:{ssn}', tags => '{"ward:{ward}","pair:{id}-{ssn}"}') IS NOT NULL;
SELECT public.cache_attach('patient', tags => '{"ward:{ward}"}') IS NOT NULL;
SELECT public.cache_attach('patient', rows => '{}') IS NOT NULL;
SELECT public.cache_detach('patient');
SET cachefront.notify = off;
SELECT public.cache_attach('patient', key => 'patient:{ssn}') IS NOT NULL;
SELECT public.cache_detach('patient');
RESET cachefront.notify;
GRANT SELECT ON patient TO PUBLIC;
SELECT public.cache_attach('patient', key => 'patient:{ssn}') IS NOT NULL;
SET client_min_messages = warning;
SET ROLE regress_cf_mallory;
\set VERBOSITY sqlstate
SHOW cachefront.notify_channel;
SHOW cachefront.hash_seed;
SET cachefront.hash_seed = 2;
\set VERBOSITY default
SELECT count(*) FROM pg_settings WHERE name = 'cachefront.notify_channel';
SET cachefront.notify_channel = 'mine';
RESET ROLE;

--
-- Variants of one key: who makes many drives out his own, and at most half of the others'
--
CREATE FUNCTION variants(OUT mallory bigint, OUT mine bigint) LANGUAGE sql AS $$
	SELECT count(*) FILTER (WHERE role = 'regress_cf_mallory'), count(*) FILTER (WHERE role = current_user)
	FROM public.cache_entries WHERE key = 'rv' AND database = current_database() AND state = 'fresh' $$;
CREATE FUNCTION make(first int, last int) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(public.cache_fetch('rv', 'SELECT $1::int AS i', i)) FROM generate_series(first, last) i $$;
GRANT EXECUTE ON FUNCTION make TO regress_cf_mallory;
SELECT make(1, 2);
SET ROLE regress_cf_mallory;
SELECT make(1, 1500);
RESET ROLE;
SELECT * FROM variants();
SELECT make(1, 10);
SELECT * FROM variants();
SELECT l1_hits AS before FROM public.cache_stats WHERE cache = '*' \gset
SELECT make(1, 10);
SELECT l1_hits - :before AS hits FROM public.cache_stats WHERE cache = '*';
SELECT make(1, 1500);
SELECT * FROM variants();
SET ROLE regress_cf_mallory;
SELECT make(2000, 4000);
RESET ROLE;
SELECT * FROM variants();
-- all of them go with the key
SELECT public.cache_invalidate('rv');
SELECT * FROM variants();

--
-- The end
--
DROP SCHEMA regress_cf_disturb, regress_cf_mallory CASCADE;
DROP ROLE regress_cf_owner, regress_cf_mallory;
