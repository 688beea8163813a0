-- What functions read is what a result depends on, by whatever way they read it. With
-- no rule attached: a write to a table that was read is seen, one to another is a hit.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cachefront;
CREATE SCHEMA regress_cf_covered;
SET search_path = regress_cf_covered, public;
SELECT cache_define('cv', jitter => 0, xfetch_beta => 0), cache_define('inner', jitter => 0, xfetch_beta => 0);
CREATE TABLE a (id int PRIMARY KEY, v int NOT NULL);
CREATE TABLE b (LIKE a INCLUDING ALL);
CREATE TABLE c (LIKE a INCLUDING ALL);
CREATE TABLE d (id int NOT NULL, v int NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE d1 PARTITION OF d FOR VALUES FROM (0) TO (100);
INSERT INTO a SELECT i, 1 FROM generate_series(1, 5) i;
INSERT INTO b SELECT i, 10 FROM generate_series(1, 5) i;
INSERT INTO c SELECT i, 100 FROM generate_series(1, 5) i;
INSERT INTO d SELECT i, 1000 FROM generate_series(1, 5) i;
CREATE TABLE cases (n int GENERATED ALWAYS AS IDENTITY, query text);

-- What is said of a query once it is cached.
CREATE FUNCTION covered(key text, query text) RETURNS text LANGUAGE sql AS
	$$ SELECT value FROM cache_explain(key, query) WHERE item = 'covered' $$;
CREATE FUNCTION hits() RETURNS bigint LANGUAGE sql AS $$ SELECT l1_hits FROM cache_stats WHERE cache = 'cv' $$;

-- Each case after a change of each table: which made it a miss, and where was it wrong?
CREATE PROCEDURE try(first int, INOUT result text DEFAULT '') LANGUAGE plpgsql AS $$
DECLARE
	w record;
	changed text;
	before bigint;
	missed text;
	wrong text;
	cached json;
	fresh json;
	said text;
BEGIN
	FOR k IN first..(SELECT max(n) FROM cases) LOOP
		SELECT n, query INTO w FROM cases WHERE n = k;
		missed := '';
		wrong := '';
		FOREACH changed IN ARRAY '{a,b,c,d}'::text[] LOOP
			-- the first fill that depends on a table is refused, of each server
			FOR i IN 1..3 LOOP
				PERFORM cache_fetch('cv:' || w.n, w.query);
				COMMIT;
			END LOOP;
			said := covered('cv:' || w.n, w.query);
			EXECUTE format('UPDATE %I SET v = v + 1', changed);
			COMMIT;
			before := hits();
			cached := cache_fetch('cv:' || w.n, w.query);
			IF hits() = before THEN
				missed := missed || changed || ' ';
			END IF;
			COMMIT;
			EXECUTE format('SELECT coalesce(json_agg(t), ''[]'') FROM (%s) t', w.query) INTO fresh;
			IF cached::jsonb IS DISTINCT FROM fresh::jsonb THEN
				wrong := wrong || changed || ' ';
			END IF;
			COMMIT;
		END LOOP;
		result := result || E'\n' || rpad(said, 4) || rpad(missed, 9) ||
			CASE WHEN wrong <> '' THEN 'WRONG ' || wrong ELSE '' END || w.query;
		COMMIT;
	END LOOP;
END $$;

-- branches, loops, statements and expressions of every kind
CREATE FUNCTION branch(n int) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
	IF n = 1 THEN
		RETURN (SELECT sum(v) FROM a);
	ELSIF (SELECT count(*) FROM c WHERE id = n) > 0 THEN
		RETURN (SELECT sum(v) FROM b);
	END IF;
	RETURN 0;
END $$;
CREATE FUNCTION loops() RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE r record; x bigint := 0; y int;
BEGIN
	FOR r IN SELECT id, v FROM a ORDER BY id LOOP
		SELECT v INTO y FROM b WHERE id = r.id;
		x := x + r.v * y;
	END LOOP;
	WHILE x < (SELECT min(v) FROM c) LOOP x := x + 1; END LOOP;
	RETURN x;
END $$;
CREATE FUNCTION cases_of(n int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	CASE (SELECT v % 2 FROM a WHERE id = n) WHEN 0 THEN RETURN 'even'; ELSE RETURN (SELECT max(v) FROM c)::text; END CASE;
END $$;
CREATE FUNCTION performs() RETURNS bool LANGUAGE plpgsql AS $$ BEGIN PERFORM FROM a WHERE v % 2 = 0; RETURN FOUND; END $$;
CREATE FUNCTION arrays() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE x int[] := ARRAY(SELECT v FROM a ORDER BY id); y int; s bigint := 0;
BEGIN
	x[2] := (SELECT max(v) FROM b);
	FOREACH y IN ARRAY x LOOP s := s + y; END LOOP;
	RETURN s;
END $$;
CREATE FUNCTION dynamic(t text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE x bigint; BEGIN EXECUTE format('SELECT sum(v) FROM %I WHERE id < $1', t) INTO x USING 4; RETURN x; END $$;
CREATE FUNCTION dynamic_loop(t text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE x bigint := 0; r record; BEGIN FOR r IN EXECUTE 'SELECT v FROM ' || t LOOP x := x + r.v; END LOOP; RETURN x; END $$;
CREATE FUNCTION chosen() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN RETURN dynamic(CASE WHEN (SELECT sum(v) FROM c) > 0 THEN 'b' ELSE 'a' END); END $$;
CREATE FUNCTION caught() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT 1 / (count(*) - count(v)) FROM a);
EXCEPTION WHEN division_by_zero THEN
	RETURN (SELECT sum(v) FROM b);
END $$;
CREATE FUNCTION missing() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'SELECT count(*) FROM nowhere';
	RETURN 0;
EXCEPTION WHEN undefined_table THEN
	RETURN (SELECT sum(v) FROM c);
END $$;
CREATE FUNCTION leaf() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT sum(v) FROM d1); END $$;
CREATE FUNCTION calls_procedure() RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE x bigint; BEGIN CALL gives(x); RETURN x; END $$;
CREATE PROCEDURE gives(INOUT x bigint) LANGUAGE plpgsql AS $$ BEGIN SELECT sum(v) INTO x FROM c; END $$;
CREATE FUNCTION does() RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'DO $d$ BEGIN IF (SELECT sum(v) FROM a) % 2 = 0 THEN RAISE division_by_zero; END IF; END $d$';
	RETURN true;
EXCEPTION WHEN division_by_zero THEN RETURN false;
END $$;
INSERT INTO cases (query) VALUES ('SELECT branch(1)'), ('SELECT branch(2)'), ('SELECT branch(99)'), ('SELECT loops()'),
	('SELECT cases_of(1)'), ('SELECT performs()'), ('SELECT arrays()'), ('SELECT dynamic(''b'')'),
	('SELECT dynamic_loop(''a'')'), ('SELECT chosen()'), ('SELECT caught()'), ('SELECT missing()'), ('SELECT leaf()'),
	('SELECT calls_procedure()'), ('SELECT does()');
CALL try(1);

-- sets, cursors
CREATE FUNCTION set_of() RETURNS SETOF int LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY SELECT v FROM a; RETURN NEXT (SELECT max(v) FROM b); END $$;
CREATE FUNCTION set_dynamic(t text) RETURNS TABLE (v int) LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'SELECT v FROM ' || t; END $$;
CREATE FUNCTION bound() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE c1 CURSOR (n int) FOR SELECT v FROM c WHERE id > n; x bigint := 0;
BEGIN FOR r IN c1(2) LOOP x := x + r.v; END LOOP; RETURN x; END $$;
CREATE FUNCTION opened() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE c1 refcursor; x bigint; BEGIN OPEN c1 FOR EXECUTE 'SELECT sum(v) FROM b'; FETCH c1 INTO x; CLOSE c1; RETURN x; END $$;
CREATE FUNCTION declared() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE x bigint; BEGIN EXECUTE 'DECLARE mine CURSOR FOR SELECT sum(v) FROM a'; EXECUTE 'FETCH mine' INTO x; EXECUTE 'CLOSE mine'; RETURN x; END $$;
-- SQL
CREATE FUNCTION inlined(n int) RETURNS int LANGUAGE sql STABLE AS $$ SELECT v FROM a WHERE id = n $$;
CREATE FUNCTION not_inlined(n int) RETURNS int LANGUAGE sql AS $$ SELECT v FROM b WHERE id = n $$;
CREATE FUNCTION two() RETURNS int LANGUAGE sql AS $$ SELECT max(v) FROM a; SELECT min(v) FROM c $$;
CREATE FUNCTION nests(n int) RETURNS int LANGUAGE sql SET work_mem = '1MB' AS $$ SELECT not_inlined(n) + inlined(n) $$;
CREATE FUNCTION definer() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = regress_cf_covered AS $$ BEGIN RETURN (SELECT sum(v) FROM b); END $$;
CREATE FUNCTION by_default(n int DEFAULT not_inlined(1)) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN n; END $$;
CREATE VIEW over_function AS SELECT loops() AS n, i FROM generate_series(1, 2) i;
CREATE FUNCTION over_view() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT sum(n) FROM over_function); END $$;
-- what no FuncExpr shows
CREATE FUNCTION sums(state bigint, n int) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN state + n * (SELECT max(v) FROM b); END $$;
CREATE FUNCTION ends(state bigint) RETURNS bigint LANGUAGE sql AS $$ SELECT $1 + (SELECT max(v) FROM c) $$;
CREATE AGGREGATE summed(int) (SFUNC = sums, STYPE = bigint, INITCOND = '0', FINALFUNC = ends);
CREATE FUNCTION allowed(n int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN n <= (SELECT max(v) FROM c); END $$;
CREATE DOMAIN small AS int CHECK (allowed(VALUE));
CREATE FUNCTION plus(int, text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN $1 + (SELECT max(v) FROM b); END $$;
CREATE OPERATOR |+| (LEFTARG = int, RIGHTARG = text, FUNCTION = plus);
CREATE TYPE box_of AS (n int);
CREATE FUNCTION to_box(int) RETURNS box_of LANGUAGE sql AS $$ SELECT ROW($1 + (SELECT max(v) FROM c))::box_of $$;
CREATE CAST (int AS box_of) WITH FUNCTION to_box(int);
-- simple expressions, which no executor runs
CREATE FUNCTION simple() RETURNS int LANGUAGE plpgsql AS $$ DECLARE x int; BEGIN x := inlined(1) + not_inlined(2); RETURN x; END $$;
CREATE FUNCTION simple_twice() RETURNS int LANGUAGE plpgsql AS $$
DECLARE x int; BEGIN x := by_default(1); x := two(); RETURN x + by_default(); END $$;
CREATE FUNCTION casts() RETURNS text LANGUAGE plpgsql AS $$ DECLARE x box_of; BEGIN x := 1::box_of; RETURN x::text; END $$;
INSERT INTO cases (query) VALUES ('SELECT * FROM set_of() AS s'), ('SELECT sum(v) FROM set_dynamic(''c'')'), ('SELECT bound()'), ('SELECT opened()'),
	('SELECT declared()'), ('SELECT inlined(1)'), ('SELECT not_inlined(1)'), ('SELECT two()'), ('SELECT nests(1)'),
	('SELECT definer()'), ('SELECT by_default()'), ('SELECT * FROM over_function'), ('SELECT over_view()'),
	('SELECT summed(id) FROM a'), ('SELECT 5::small'), ('SELECT id::small FROM a'), ('SELECT 1 |+| ''x''::text'), ('SELECT 1::box_of'),
	('SELECT simple()'), ('SELECT simple_twice()'), ('SELECT casts()'),
	('SELECT a.id, x FROM a, LATERAL dynamic(''b'') x ORDER BY not_inlined(a.id)'),
	('SELECT id FROM a GROUP BY id HAVING max(v) > 0 AND dynamic(''c'') > 0'),
	('SELECT (query_to_xml(''SELECT sum(v) FROM c'', true, false, ''''))::text AS x');
CALL try(16);

-- fetches inside
CREATE FUNCTION nested() RETURNS json LANGUAGE plpgsql AS $$ BEGIN RETURN cache_fetch_row('inner:1', 'SELECT sum(v) FROM b'); END $$;
CREATE FUNCTION nested_function() RETURNS json LANGUAGE plpgsql AS $$ BEGIN RETURN cache_fetch_row('inner:2', 'SELECT dynamic(''c'')'); END $$;
CREATE FUNCTION nested_rows() RETURNS bigint LANGUAGE sql AS $$ SELECT sum(v) + (SELECT max(v) FROM a) FROM cache_fetch_rows('inner:3', 'SELECT v FROM b') AS t(v int) $$;
INSERT INTO cases (query) VALUES ('SELECT nested()'), ('SELECT nested(), (SELECT sum(v) FROM a)'), ('SELECT nested_function()'), ('SELECT nested_rows()'),
	('SELECT cache_fetch_row(''inner:4'', ''SELECT nested()'')');
CALL try(40);

-- parts of a plan that would run in other processes
CREATE FUNCTION safe(n int) RETURNS int LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$ BEGIN RETURN (SELECT v FROM b WHERE id = n); END $$;
CREATE FUNCTION in_parallel() RETURNS bigint LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN (SELECT sum(safe(id)) FROM a); END $$;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET parallel_leader_participation = off;
ALTER TABLE a SET (parallel_workers = 2);
INSERT INTO cases (query) VALUES ('SELECT in_parallel()');
CALL try(45);
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET parallel_leader_participation;

-- a row rule knows the key, but not what a function reads: that is the table's
SELECT cache_attach('b', key => 'cv:{id}');
CREATE FUNCTION another() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT v FROM b WHERE id = 3); END $$;
INSERT INTO cases (query) VALUES ('SELECT another()');
CALL try(46);
SELECT cache_detach('b');

--
-- Not covered
--
CREATE SEQUENCE numbers;
CREATE VIEW names AS SELECT relname FROM pg_class WHERE relname = 'a';
CREATE EXTENSION IF NOT EXISTS file_fdw SCHEMA public;
CREATE SERVER regress_cf_files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE far (id int, v int) SERVER regress_cf_files OPTIONS (program 'echo 1000,1', format 'csv');
CREATE FOREIGN TABLE d2 PARTITION OF d FOR VALUES FROM (1000) TO (2000) SERVER regress_cf_files OPTIONS (program 'echo 1000,1', format 'csv');
-- PL/pgSQL by another name is a language that nobody sees into
CREATE LANGUAGE regress_cf_other HANDLER plpgsql_call_handler INLINE plpgsql_inline_handler VALIDATOR plpgsql_validator;
CREATE FUNCTION other() RETURNS bigint LANGUAGE regress_cf_other STABLE AS $$ BEGIN RETURN (SELECT sum(v) FROM a); END $$;
CREATE FUNCTION other_immutable() RETURNS int LANGUAGE regress_cf_other IMMUTABLE AS $$ BEGIN RETURN 1; END $$;
CREATE FUNCTION behind(query text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE x text; BEGIN EXECUTE query INTO x; RETURN x; END $$;
SELECT lo_from_bytea(99999, 'large') AS loid;
-- of PL/pgSQL no statement shows these, and from the second time on no hook for functions
CREATE FUNCTION reads_large() RETURNS text LANGUAGE plpgsql AS $$ DECLARE x text; BEGIN x := encode(lo_get(99999), 'hex'); RETURN x || (SELECT max(v) FROM a); END $$;
CREATE FUNCTION looks_up() RETURNS bool LANGUAGE plpgsql AS $$ BEGIN IF to_regclass('nowhere') IS NULL THEN RETURN (SELECT max(v) > 0 FROM a); END IF; RETURN true; END $$;
CREATE FUNCTION by_type() RETURNS text LANGUAGE plpgsql AS $$ DECLARE x regclass; BEGIN SELECT max(tableoid::int)::oid INTO x FROM a; RETURN x; END $$;
CREATE FUNCTION by_return() RETURNS regclass LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT max(tableoid::int) FROM a)::oid; END $$;
CREATE FUNCTION asks() RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN has_table_privilege('a', 'SELECT') AND (SELECT max(v) > 0 FROM a); END $$;
CREATE FUNCTION measures() RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN pg_relation_size('a') > 0 AND EXISTS (SELECT FROM a); END $$;
CREATE FUNCTION in_sql() RETURNS bigint LANGUAGE sql AS $$ SELECT (SELECT sum(v) FROM a) + pg_relation_size('b') $$;
CREATE FUNCTION gets() RETURNS json LANGUAGE plpgsql AS $$ BEGIN PERFORM max(v) FROM a; RETURN cache_get('inner:value'); END $$;
CREATE FUNCTION wraps(query text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM max(v) FROM a; RETURN cache_fetch('inner:' || md5(query), query); END $$;
SELECT cache_set('inner:value', '1');
CREATE TABLE uncovered (n int GENERATED ALWAYS AS IDENTITY, query text);
INSERT INTO uncovered (query) VALUES
	('SELECT count(*) FROM pg_class WHERE relname = ''a'''), ('SELECT sizing_id FROM information_schema.sql_sizing WHERE sizing_id = 34'), ('SELECT * FROM names'),
	('SELECT last_value, v FROM numbers, a'), ('SELECT v FROM far'), ('SELECT sum(v) FROM d'), ('SELECT sum(v) FROM d WHERE id < 50'),
	('SELECT v FROM a TABLESAMPLE system (100)'), ('SELECT v FROM a WHERE ctid = ''(0,1)'''), ('SELECT ctid FROM a'), ('SELECT v FROM a WHERE xmin::text = ''x'''),
	('SELECT max(cmin::text) FROM a'), ('SELECT tableoid = ''a''::regclass AS same FROM a'), ('SELECT tableoid::regclass FROM a'),
	('SELECT to_json(x) FROM (SELECT tableoid::regclass AS x FROM a) s'), ('SELECT pg_typeof(v) FROM a'), ('SELECT to_regclass(''a'') IS NULL AS x FROM a'),
	('SELECT obj_description(''a''::regclass, ''pg_class''), v FROM a'), ('SELECT pg_relation_size(''a'') > 0 AS x FROM a'), ('SELECT convert_from(lo_get(99999), ''UTF8''), v FROM a'),
	('SELECT behind(''SELECT count(*) FROM pg_class WHERE relname = ''''a'''''')'), ('SELECT behind(''SELECT last_value FROM numbers'')'),
	('SELECT behind(''SELECT sum(v) FROM d'')'), ('SELECT behind(''SELECT ctid FROM a'')'), ('SELECT behind(''SELECT v FROM a TABLESAMPLE system (100)'')'),
	('SELECT behind(''SELECT v FROM far'')'), ('SELECT behind(''SELECT sum(v) FROM a'')'), ('SELECT other(), v FROM a'), ('SELECT other_immutable(), v FROM a'),
	('SELECT behind(''SELECT other()'')'), ('SELECT reads_large()'), ('SELECT looks_up()'), ('SELECT by_type()'), ('SELECT by_return()'), ('SELECT asks()'),
	('SELECT measures()'), ('SELECT in_sql()'), ('SELECT gets()'), ('SELECT wraps(''SELECT last_value FROM numbers'')'), ('SELECT wraps(''SELECT reads_large()'')'),
	('SELECT wraps(''SELECT sum(v) FROM b'')');
-- twice in a transaction, and after another has kept the expressions ready
CREATE PROCEDURE look(INOUT result text DEFAULT '') LANGUAGE plpgsql AS $$
DECLARE w record;
BEGIN
	FOR k IN 1..(SELECT max(n) FROM uncovered) LOOP
		SELECT n, query INTO w FROM uncovered WHERE n = k;
		EXECUTE w.query;
		PERFORM cache_fetch('cv:u' || w.n, w.query);
		COMMIT;
		EXECUTE w.query;
		PERFORM cache_fetch('cv:u' || w.n, w.query);
		result := result || E'\n' || rpad(covered('cv:u' || w.n, w.query), 4) || w.query;
		COMMIT;
	END LOOP;
END $$;
CALL look();
-- and in a transaction of its own, where an inner one is taken from the cache
SELECT covered('cv:u' || n, query) AS covered, query FROM uncovered WHERE query ~ 'wraps';
SELECT cache_delete('cv:u' || n) FROM uncovered WHERE query ~ 'wraps';
SELECT cache_fetch('cv:u' || n, query) IS NOT NULL AS fetched FROM uncovered WHERE query ~ 'wraps';
SELECT covered('cv:u' || n, query) AS covered, query FROM uncovered WHERE query ~ 'wraps';

-- of one session: not cached at all
PREPARE mine AS SELECT sum(v) FROM a;
CREATE FUNCTION does(statement text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN EXECUTE statement; RETURN 1; END $$;
INSERT INTO uncovered (query) VALUES ('SELECT behind(''EXECUTE mine'')'), ('SELECT does(''DO LANGUAGE regress_cf_other $d$ BEGIN END $d$'')'),
	('SELECT does(''DO $d$ BEGIN END $d$''), v FROM a');
SELECT cache_fetch('cv:u' || n, query) IS NOT NULL AS fetched FROM uncovered WHERE query ~ 'mine|does';
SELECT value AS cached, query FROM uncovered, LATERAL cache_explain('cv:u' || n, query) WHERE item = 'cached' AND query ~ 'mine|does';

-- and why, as far as the plan tells
CREATE FUNCTION why(query text) RETURNS SETOF text LANGUAGE sql AS
	$$ SELECT item || ': ' || value FROM cache_explain('cv:why', query) WHERE item IN ('table', 'function', 'plan', 'covered') $$;
SELECT why('SELECT count(*) FROM pg_class, numbers, far, a');
SELECT why('SELECT ctid, v FROM a TABLESAMPLE system (100)');
SELECT why('SELECT other(), tableoid::regclass, to_regclass(''a'') FROM a');
SELECT why('SELECT now(), random(), clock_timestamp() > CURRENT_DATE AS later, pg_relation_size(''a''), v FROM a');
-- Text may be a word of time: that is read each day anew.
SELECT why('SELECT v::text::date FROM a');
SELECT why('SELECT v FROM a WHERE ''today''::date > ''2000-01-01''');
SELECT why('SELECT v FROM a WHERE ''[today,)''::daterange @> ''2000-01-01''::date');
SELECT why('SELECT v FROM a WHERE ''2000-01-02''::date > ''2000-01-01''');
SELECT why('SELECT r.* FROM a, json_to_record(to_json(a)) AS r(v timestamptz)');
SELECT why('SELECT v::text::int FROM a');
SELECT why('SELECT branch(1), nested()');
SELECT why('SELECT cache_fetch(''inner:9'', ''SELECT 1''), v FROM a');

-- A result that depends on time or chance is covered, as to the tables that it reads.
CREATE FUNCTION tells_time() RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN now() > '2000-01-01' AND (SELECT max(v) > 0 FROM a); END $$;
SELECT cache_fetch('cv:time', 'SELECT tells_time()') FROM generate_series(1, 2);
SELECT covered('cv:time', 'SELECT tells_time()');

-- in a transaction that has written
SELECT cache_fetch('cv:own', 'SELECT dynamic(''b'') AS n') IS NOT NULL AS fetched;
SELECT hits() AS hits \gset
BEGIN;
UPDATE a SET v = v + 1;
SELECT cache_fetch_row('cv:own', 'SELECT dynamic(''b'') AS n') ->> 'n' = dynamic('b')::text AS same;
SELECT hits() - :hits AS hits;
UPDATE b SET v = v + 1;
SELECT cache_fetch_row('cv:own', 'SELECT dynamic(''b'') AS n') ->> 'n' = dynamic('b')::text AS same;
SELECT hits() - :hits AS hits;
ROLLBACK;

-- An expression that is kept from before, and whose plan is gone since.
CREATE FUNCTION kept(n int) RETURNS int LANGUAGE plpgsql AS $$ DECLARE x int; BEGIN x := inlined(n); IF n = 1 THEN x := x + kept(2); END IF; RETURN x; END $$;
SELECT kept(1) IS NOT NULL AS kept;
ANALYZE a;
SELECT cache_fetch('cv:kept', 'SELECT kept(1)') IS NOT NULL AS fetched;
DISCARD PLANS;
SELECT cache_fetch('cv:kept', 'SELECT kept(2)') IS NOT NULL AS fetched;

-- A function that is declared IMMUTABLE, and lies. Folded into the plan of the load:
\c -
SET search_path = regress_cf_covered, public;
SET client_min_messages = warning;
CREATE FUNCTION lies() RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN (SELECT sum(v) FROM a); END $$;
SELECT cache_fetch('cv:lies', 'SELECT lies(), v FROM c') IS NOT NULL AS fetched FROM generate_series(1, 3);
SELECT covered('cv:lies', 'SELECT lies(), v FROM c');
SELECT sum(v) + 5 AS changed FROM a \gset
UPDATE a SET v = v + 1;
SELECT cache_fetch_row('cv:lies', 'SELECT lies(), v FROM c') ->> 'lies' = :'changed' AS seen;
-- into one that is kept: of the next load nobody knows it
CREATE FUNCTION believes() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT lies() + count(*) FROM c); END $$;
CREATE FUNCTION innocent() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT sum(v) FROM b); END $$;
SELECT cache_fetch('cv:innocent', 'SELECT innocent()') IS NOT NULL AS fetched;
SELECT covered('cv:innocent', 'SELECT innocent()');
SELECT believes() IS NOT NULL AS planned;
SELECT cache_fetch('cv:believes', 'SELECT believes()') IS NOT NULL AS fetched FROM generate_series(1, 2);
SELECT covered('cv:believes', 'SELECT believes()');
-- and so if it is from the cache that it takes what it should not
\c -
SET search_path = regress_cf_covered, public;
SET client_min_messages = warning;
CREATE FUNCTION lies_too() RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN cache_fetch_row('inner:lie', 'SELECT sum(v) FROM a') ->> 'sum'; END $$;
CREATE FUNCTION believes_too() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT lies_too() || count(*) FROM c); END $$;
SELECT cache_fetch_row('inner:lie', 'SELECT sum(v) FROM a') IS NOT NULL AS fetched;
SELECT believes_too() IS NOT NULL AS planned;
SELECT cache_fetch('cv:too', 'SELECT believes_too()') IS NOT NULL AS fetched FROM generate_series(1, 2);
SELECT covered('cv:too', 'SELECT believes_too()');
-- what no function runs is exact all the same
SELECT cache_fetch('cv:plain', 'SELECT sum(v) FROM b') IS NOT NULL AS fetched;
SELECT covered('cv:plain', 'SELECT sum(v) FROM b');

SELECT lo_unlink(99999);
SELECT cache_drop('cv'), cache_drop('inner');
DROP SERVER regress_cf_files CASCADE;
DROP SCHEMA regress_cf_covered CASCADE;
DROP LANGUAGE regress_cf_other CASCADE;
DROP EXTENSION file_fdw;
