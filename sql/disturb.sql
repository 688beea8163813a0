-- What a role that has nothing but CONNECT and a table of its own can do to others.
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
SELECT public.cache_fetch('rd:table', 'SELECT v FROM regress_cf_disturb.t', tags => '{rd}');
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
-- as many tags as reach nearly all clocks of tags: epochs have their own
CALL regress_cf_mallory.flood();
RESET ROLE;
SELECT state_of('rd:none') AS none;
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
-- The end
--
DROP SCHEMA regress_cf_disturb, regress_cf_mallory CASCADE;
DROP ROLE regress_cf_owner, regress_cf_mallory;
