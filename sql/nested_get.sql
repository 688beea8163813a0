--
-- cache_get in a query that is cached: the result depends on the key, whether
-- there was a value or not.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE SCHEMA regress_cf_nested;
SET search_path = regress_cf_nested, public;
SELECT cache_define('ng', ttl => '1 hour', jitter => 0, xfetch_beta => 0);
CREATE FUNCTION in_plpgsql(key text) RETURNS json LANGUAGE plpgsql AS $$ BEGIN RETURN cache_get(key); END $$;
CREATE FUNCTION in_sql(key text) RETURNS json LANGUAGE sql AS $$ SELECT cache_get(key) $$;
CREATE FUNCTION twice(key text) RETURNS json LANGUAGE plpgsql AS
	$$ BEGIN RETURN cache_fetch_row('ng:middle', 'SELECT cache_get($1) AS v', ROW(key)); END $$;
CREATE FUNCTION pair() RETURNS text LANGUAGE plpgsql AS
	$$ BEGIN RETURN concat(cache_get('ng:a'), ',', cache_get('ng:b')); END $$;
CREATE VIEW fetched AS SELECT
	cache_fetch_row('ng:1', 'SELECT cache_get(''ng:a'') AS v') ->> 'v' AS here,
	cache_fetch_row('ng:2', 'SELECT in_plpgsql(''ng:a'') AS v') ->> 'v' AS plpgsql,
	cache_fetch_row('ng:3', 'SELECT in_sql(''ng:a'') AS v') ->> 'v' AS sql,
	cache_fetch_row('ng:4', 'SELECT twice(''ng:a'') ->> ''v'' AS v') ->> 'v' AS twice,
	cache_fetch_row('ng:5', 'SELECT pair() AS v') ->> 'v' AS two,
	cache_fetch_row('ng:6', 'SELECT cache_get(''ng:b'') AS v') ->> 'v' AS other;
-- loads that a look takes
CREATE FUNCTION loads(OUT loads bigint) LANGUAGE sql AS $$ SELECT loads FROM cache_stats WHERE cache = 'ng' $$;

SELECT * FROM fetched;
SELECT loads() AS before \gset
SELECT *, loads() - :before AS loads FROM fetched;
-- the first value, and another
SELECT cache_set('ng:a', '1', tags => '{ng}');
SELECT *, loads() - :before AS loads FROM fetched;
SELECT *, loads() - :before AS loads FROM fetched;
SELECT cache_set('ng:a', '2', tags => '{ng}');
SELECT * FROM fetched;
-- what is rolled back changes nothing; who has set it sees it at once
BEGIN;
SELECT cache_set('ng:a', '3');
SELECT * FROM fetched;
ROLLBACK;
SELECT loads() AS before \gset
SELECT *, loads() - :before AS loads FROM fetched;
-- gone: by its tag, by its key, by name
SELECT cache_invalidate_tag('ng');
SELECT * FROM fetched;
SELECT cache_set('ng:a', '4');
SELECT * FROM fetched;
SELECT cache_delete('ng:a');
SELECT * FROM fetched;
SELECT cache_set('ng:a', '5');
SELECT * FROM fetched;
SELECT cache_invalidate('ng:a');
SELECT * FROM fetched;
-- no snapshot proves it
SELECT cache_set('ng:a', '6');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM fetched;
ROLLBACK;

DROP SCHEMA regress_cf_nested CASCADE;
SELECT cache_drop('ng');
