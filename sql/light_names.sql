--
-- Results with names of roles or indexes in them: CREATE ROLE, DROP INDEX and the
-- like drop these, and no others.
--
\set VERBOSITY terse
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_cf_named, regress_cf_other;
CREATE SCHEMA regress_cf_names;
SET search_path = regress_cf_names, public;
SELECT cache_define('rn', jitter => 0, xfetch_beta => 0);
CREATE ROLE regress_cf_named;
CREATE DOMAIN owner AS regrole;
CREATE TYPE owned AS (id int, o owner);
CREATE TABLE items (id int, o oid, r regrole, a aclitem, acl aclitem[], w owned);
INSERT INTO items SELECT 1, r, r, makeaclitem(r, r, 'SELECT', false),
	ARRAY[makeaclitem(r, r, 'SELECT', false)], ROW(1, r)::owned FROM (SELECT 'regress_cf_named'::regrole AS r) s;
SELECT cache_attach('items', rows => '{}');

CREATE FUNCTION by_variable(x oid) RETURNS text LANGUAGE plpgsql STABLE AS
	$$ DECLARE r regrole := x; BEGIN RETURN r; END $$;
CREATE FUNCTION by_return(r regrole) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN r; END $$;
CREATE FUNCTION by_record() RETURNS text LANGUAGE plpgsql STABLE AS
	$$ DECLARE i record; BEGIN SELECT * INTO i FROM items; RETURN i.a; END $$;
CREATE FUNCTION in_sql(oid) RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT $1::regrole::text $$;
CREATE FUNCTION is_there(name text) RETURNS bool LANGUAGE plpgsql STABLE AS
	$$ BEGIN PERFORM name::regrole; RETURN true; EXCEPTION WHEN undefined_object THEN RETURN false; END $$;
CREATE FUNCTION nested() RETURNS text LANGUAGE plpgsql AS
	$$ BEGIN RETURN cache_fetch_row('rn:inner', 'SELECT r AS v FROM items') ->> 'v'; END $$;

CREATE TABLE tries (n int, query text);
INSERT INTO tries VALUES (1, 'SELECT a AS v FROM items'), (2, 'SELECT acl AS v FROM items'), (3, 'SELECT r AS v FROM items'),
	(4, 'SELECT w AS v FROM items'), (5, 'SELECT pg_get_userbyid(o) AS v FROM items'), (6, 'SELECT o::regrole AS v FROM items'),
	(7, 'SELECT to_regrole(''regress_cf_named'') IS NULL AS v FROM items'), (8, 'SELECT array_to_string(acl, '','') AS v FROM items'),
	(9, 'SELECT format(''%s'', a) AS v FROM items'), (10, 'SELECT to_json(items) ->> ''r'' AS v FROM items'),
	(11, 'SELECT string_agg(r::text, '','') AS v FROM items'), (12, 'SELECT by_variable(o) AS v FROM items'),
	(13, 'SELECT by_return(r) AS v FROM items'), (14, 'SELECT by_record() AS v'), (15, 'SELECT in_sql(o) AS v FROM items'),
	(16, 'SELECT is_there(''regress_cf_named'') AS v FROM items'), (17, 'SELECT nested() AS v'),
	(18, 'SELECT json_agg(acl)::text AS v FROM items'), (19, 'SELECT id AS v FROM items WHERE a::text LIKE ''regress%'''),
	(20, 'SELECT (w).o AS v FROM items'), (21, 'SELECT id AS v FROM items ORDER BY r::text'),
	(22, 'SELECT (pg_identify_object(1260, o, 0)).name AS v FROM items'), (23, 'SELECT concat(r) AS v FROM items');
CREATE FUNCTION cached(query text) RETURNS text LANGUAGE plpgsql AS
	$$ BEGIN RETURN cache_fetch_row('rn:' || md5(query), query) ->> 'v'; END $$;
CREATE FUNCTION plain(query text) RETURNS text LANGUAGE plpgsql AS
	$$ DECLARE v text; BEGIN EXECUTE 'SELECT row_to_json(s) ->> ''v'' FROM (' || query || ') s' INTO v; RETURN v; END $$;
CREATE FUNCTION state_of(query text) RETURNS text LANGUAGE sql AS
	$$ SELECT coalesce(string_agg(state, ','), 'none') FROM cache_entries WHERE key = 'rn:' || md5($1) $$;
CREATE VIEW outcome AS SELECT n, query, CASE WHEN v = p OR (v IS NULL AND p IS NULL) THEN 'right' ELSE format('WRONG: %s, not %s', v, p) END AS answer
	FROM (SELECT n, query, cached(query) AS v, plain(query) AS p FROM tries OFFSET 0) s;

-- one without any, and one that names a role in a constant
SELECT cached('SELECT id AS v FROM items'), cached('SELECT id AS v FROM items WHERE o = ''regress_cf_named''::regrole');
SELECT n, query, answer, state_of(query) FROM outcome ORDER BY n;
-- what is rolled back changes nothing; who has done it sees it at once
BEGIN;
SAVEPOINT a;
DROP ROLE regress_cf_named;
SELECT count(*), count(*) FILTER (WHERE answer = 'right') AS "right" FROM outcome;
ROLLBACK TO a;
SELECT count(*), count(*) FILTER (WHERE answer = 'right') AS "right" FROM outcome;
COMMIT;
SELECT state_of(query), count(*) FROM tries GROUP BY 1;
-- gone
DROP ROLE regress_cf_named;
SELECT state_of(query), count(*) FROM tries GROUP BY 1;
SELECT state_of('SELECT id AS v FROM items');
SELECT n, query, answer FROM outcome WHERE answer <> 'right' ORDER BY n;
-- another with the same name
CREATE ROLE regress_cf_named;
SELECT n, query, answer FROM outcome WHERE answer <> 'right' ORDER BY n;
SELECT cached('SELECT id AS v FROM items WHERE o = ''regress_cf_named''::regrole');
SELECT state_of('SELECT id AS v FROM items');
-- rows of their types, too
SELECT a::text, r::text FROM cache_fetch_rows('rn:rows', 'SELECT makeaclitem(r, r, ''SELECT'', false), r FROM (SELECT ''regress_cf_named''::regrole) s(r)')
	AS t(a aclitem, r regrole);
DROP ROLE regress_cf_named;
CREATE ROLE regress_cf_other;
SELECT state_of('SELECT id AS v FROM items');
-- how a role logs in is nobody's business
SELECT cached('SELECT r AS v FROM items') IS NOT NULL AS fetched;
ALTER ROLE regress_cf_other VALID UNTIL '2040-01-01';
SELECT state_of('SELECT r AS v FROM items');
DROP ROLE regress_cf_other;

-- names of indexes
CREATE TABLE watched (id int, i regclass);
INSERT INTO watched VALUES (1, NULL);
SELECT cache_attach('watched', rows => '{}');
TRUNCATE tries;
INSERT INTO tries VALUES (1, 'SELECT id AS v FROM watched'), (2, 'SELECT to_regclass(''regress_cf_names.watched_i'') AS v FROM watched'),
	(3, 'SELECT i AS v FROM watched'), (4, 'SELECT i::text AS v FROM watched'), (5, 'SELECT concat(i) AS v FROM watched'),
	(6, 'SELECT pg_get_indexdef(i) AS v FROM watched'), (7, 'SELECT ''regress_cf_names.watched_i''::text::regclass::oid IS NULL AS v FROM watched WHERE i IS NOT NULL');
SELECT n, answer, state_of(query) FROM outcome ORDER BY n;
CREATE INDEX watched_i ON watched (id);
SELECT n, answer, state_of(query) FROM outcome ORDER BY n;
UPDATE watched SET i = 'watched_i';
SELECT n, answer, state_of(query) FROM outcome ORDER BY n;
-- one of a temporary table is nobody else's
CREATE TEMP TABLE passing (id int);
CREATE INDEX passing_i ON passing (id);
DROP INDEX passing_i;
SELECT state_of(query), count(*) FROM tries GROUP BY 1;
DROP TABLE passing;
DROP INDEX watched_i;
\c -
SET client_min_messages = warning;
SET search_path = regress_cf_names, public;
SELECT n, state_of(query) FROM tries ORDER BY n;
DELETE FROM tries WHERE n = 7;
SELECT n, answer FROM outcome WHERE answer <> 'right';
-- in several transactions
CREATE INDEX CONCURRENTLY watched_i ON watched (id);
UPDATE watched SET i = 'watched_i';
SELECT n, answer, state_of(query) FROM outcome ORDER BY n;
DROP INDEX CONCURRENTLY watched_i;
SELECT n, state_of(query) FROM tries ORDER BY n;
SELECT n, answer FROM outcome WHERE answer <> 'right';

DROP SCHEMA regress_cf_names CASCADE;
SELECT cache_drop('rn');
