--
-- What DDL drops: for each statement, of a set of entries those that are gone, and
-- whether what is fetched then is what the query gives.
--
\set VERBOSITY terse
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_cf_ddl;
CREATE ROLE regress_cf_ddl;
CREATE SCHEMA regress_cf_early;
CREATE SCHEMA regress_cf_ddl;
SET search_path = regress_cf_ddl, public;
SELECT cache_define('dd', jitter => 0, xfetch_beta => 0);

CREATE TABLE t (id int PRIMARY KEY, v int, note text);
INSERT INTO t SELECT i, i * 10, 'n' || i FROM generate_series(1, 5) i;
CREATE TABLE u (id int PRIMARY KEY, v int);
INSERT INTO u SELECT i, i FROM generate_series(1, 5) i;
CREATE TABLE p (id int, v int) PARTITION BY RANGE (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
CREATE TABLE p2 (id int, v int);
CREATE TABLE q (id int, v int) PARTITION BY RANGE (id);
CREATE TABLE q1 PARTITION OF q FOR VALUES FROM (0) TO (10) PARTITION BY RANGE (id);
CREATE TABLE q11 PARTITION OF q1 FOR VALUES FROM (0) TO (5);
INSERT INTO p VALUES (1, 1);
INSERT INTO q VALUES (1, 1);
INSERT INTO p2 VALUES (11, 11);
CREATE TABLE parent (id int, v int);
CREATE TABLE heir () INHERITS (parent);
CREATE TABLE orphan (id int, v int);
INSERT INTO heir VALUES (1, 1);
INSERT INTO orphan VALUES (2, 2);
CREATE TABLE ruled (id int PRIMARY KEY, v int);
INSERT INTO ruled VALUES (1, 1);
SELECT cache_attach('ruled');
CREATE SEQUENCE seq;
CREATE VIEW view_t AS SELECT id, v FROM t;
CREATE VIEW view_u AS SELECT id, v FROM u;
CREATE MATERIALIZED VIEW mat AS SELECT sum(v) AS v FROM t;
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE moods (id int, m mood);
INSERT INTO moods VALUES (1, 'ok');
CREATE FUNCTION f_sql(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1 + count(*)::int FROM u';
CREATE FUNCTION f_pl(int) RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN $1 + (SELECT count(*) FROM u); END';
CREATE FUNCTION f_inlined(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1';
CREATE DOMAIN small AS int CHECK (VALUE < 100);
CREATE DOMAIN smaller AS small CHECK (VALUE < 50);
CREATE TABLE doms (id int, d smaller);
INSERT INTO doms VALUES (1, 7);
CREATE AGGREGATE total (int) (sfunc = int4pl, stype = int, initcond = '0');
CREATE VIEW view_total AS SELECT total(v) AS v FROM t;
CREATE FUNCTION f_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';

CREATE TABLE entries (name text PRIMARY KEY, query text);
INSERT INTO entries VALUES
	('t', 'SELECT sum(v) AS v FROM regress_cf_ddl.t'),
	('star', 'SELECT * FROM regress_cf_ddl.t ORDER BY id'),
	('bare', 'SELECT count(*) AS v FROM t'),
	('u', 'SELECT sum(v) AS v FROM regress_cf_ddl.u'),
	('joined', 'SELECT count(*) AS v FROM regress_cf_ddl.t JOIN regress_cf_ddl.u USING (id)'),
	('view', 'SELECT sum(v) AS v FROM regress_cf_ddl.view_t'),
	('mat', 'SELECT v FROM regress_cf_ddl.mat'),
	('p', 'SELECT sum(v) AS v FROM regress_cf_ddl.p'),
	('pruned', 'SELECT sum(v) AS v FROM regress_cf_ddl.p WHERE id = 1'),
	('leaf', 'SELECT sum(v) AS v FROM regress_cf_ddl.p1'),
	('q', 'SELECT sum(v) AS v FROM regress_cf_ddl.q'),
	('parent', 'SELECT sum(v) AS v FROM regress_cf_ddl.parent'),
	('heir', 'SELECT sum(v) AS v FROM regress_cf_ddl.heir'),
	('ruled', 'SELECT v FROM regress_cf_ddl.ruled WHERE id = 1'),
	('row', 'SELECT row_to_json(u) AS v FROM regress_cf_ddl.u ORDER BY id'),
	('mood', 'SELECT m AS v FROM regress_cf_ddl.moods'),
	('sql', 'SELECT regress_cf_ddl.f_sql(v) AS v FROM regress_cf_ddl.u ORDER BY id'),
	('pl', 'SELECT regress_cf_ddl.f_pl(v) AS v FROM regress_cf_ddl.u ORDER BY id'),
	('inlined', 'SELECT regress_cf_ddl.f_inlined(v) AS v FROM regress_cf_ddl.u ORDER BY id'),
	('regclass', 'SELECT to_regclass(''shadow'')::text AS v FROM regress_cf_ddl.u LIMIT 1'),
	('catalog', 'SELECT count(*) AS v FROM pg_class WHERE relname ~ ''^(shadow|made)'''),
	('lower', 'SELECT string_agg(lower(note), '','' ORDER BY id) AS v FROM regress_cf_ddl.t'),
	('cast', 'SELECT id::text::mood AS v FROM regress_cf_ddl.moods WHERE id < 0'),
	('label', 'SELECT m::text AS v FROM regress_cf_ddl.moods'),
	('named', 'SELECT ''ok''::mood AS v FROM regress_cf_ddl.u LIMIT 1'),
	('equal', 'SELECT count(*) AS v FROM regress_cf_ddl.u WHERE v = 2'),
	('kind', 'SELECT count(*) AS v FROM regress_cf_ddl.moods WHERE m = ''ok'''),
	('kinds', 'SELECT count(*) AS v FROM regress_cf_ddl.moods WHERE m IN (''ok'', ''sad'')'),
	('kind_case', 'SELECT CASE m WHEN ''ok'' THEN 1 ELSE 0 END AS v FROM regress_cf_ddl.moods'),
	('kind_range', 'SELECT count(*) AS v FROM regress_cf_ddl.moods WHERE m BETWEEN ''ok'' AND ''ok'''),
	('kind_using', 'SELECT count(*) AS v FROM regress_cf_ddl.moods a JOIN regress_cf_ddl.moods b USING (m)'),
	('kind_order', 'SELECT m AS v FROM regress_cf_ddl.moods ORDER BY m USING OPERATOR(pg_catalog.<)'),
	('between', 'SELECT count(*) AS v FROM regress_cf_ddl.u WHERE v BETWEEN 2 AND 3'),
	('in', 'SELECT count(*) AS v FROM regress_cf_ddl.u WHERE v IN (SELECT id FROM regress_cf_ddl.u)'),
	('case', 'SELECT max(CASE v WHEN 2 THEN ''two'' ELSE ''other'' END) AS v FROM regress_cf_ddl.u'),
	('like', 'SELECT count(*) AS v FROM regress_cf_ddl.t WHERE note LIKE ''n%'''),
	('operator', 'SELECT count(*) AS v FROM regress_cf_ddl.u WHERE v OPERATOR(pg_catalog.=) 2'),
	('check', 'SELECT v::small AS v FROM regress_cf_ddl.u ORDER BY id'),
	('stored', 'SELECT d AS v FROM regress_cf_ddl.doms'),
	('attribute', 'SELECT u.row_to_json AS v FROM regress_cf_ddl.u ORDER BY id LIMIT 1'),
	('total', 'SELECT total(v) AS v FROM regress_cf_ddl.u'),
	('viewed', 'SELECT v FROM regress_cf_ddl.view_total'),
	('schema', 'SELECT current_schema()::text AS v FROM regress_cf_ddl.u LIMIT 1');

CREATE FUNCTION cached(name text, query text) RETURNS text LANGUAGE plpgsql AS
	$$ BEGIN RETURN cache_fetch('dd:' || name, query)::jsonb::text; EXCEPTION WHEN OTHERS THEN RETURN sqlerrm; END $$;
CREATE FUNCTION plain(query text) RETURNS text LANGUAGE plpgsql AS
	$$ DECLARE v text; BEGIN EXECUTE 'SELECT coalesce(jsonb_agg(to_jsonb(s)), ''[]'')::text FROM (' || query || ') s' INTO v; RETURN v;
	EXCEPTION WHEN OTHERS THEN RETURN sqlerrm; END $$;
CREATE PROCEDURE ddl(statement text) LANGUAGE plpgsql AS
$$
DECLARE
	gone text;
	wrong text;
	part text;
BEGIN
	PERFORM cached(name, query) FROM entries;
	COMMIT;
	FOREACH part IN ARRAY string_to_array(statement, ';; ')
	LOOP
		EXECUTE part;
	END LOOP;
	COMMIT;
	SELECT string_agg(name, ' ' ORDER BY name) INTO gone FROM entries
		WHERE NOT EXISTS (SELECT FROM cache_entries c WHERE c.key = 'dd:' || name AND c.state = 'fresh');
	SELECT string_agg(name, ' ') INTO wrong FROM entries WHERE cached(name, query) IS DISTINCT FROM plain(query);
	RAISE INFO '%: %', CASE WHEN wrong IS NULL THEN coalesce(gone, '-') ELSE 'WRONG: ' || wrong END, statement;
	COMMIT;
END
$$;
-- where names are looked up before they are found
SET search_path = regress_cf_none, regress_cf_early, regress_cf_ddl, public;
SELECT name, cached(name, query) = plain(query) AS "right" FROM entries ORDER BY name;

-- new relations: who has no name to look up keeps what he has
CALL ddl('CREATE TABLE made (id int PRIMARY KEY, s serial)');
CALL ddl('CREATE TABLE made_as AS SELECT 1 AS v');
CALL ddl('CREATE UNLOGGED TABLE made_un (id int)');
CALL ddl('CREATE TABLE made_like (LIKE t INCLUDING ALL)');
CALL ddl('CREATE VIEW made_view AS SELECT 1 AS v');
CALL ddl('CREATE MATERIALIZED VIEW made_mat AS SELECT 1 AS v');
CALL ddl('CREATE SEQUENCE made_seq');
CALL ddl('ALTER SEQUENCE made_seq INCREMENT 2');
CALL ddl('CREATE TABLE IF NOT EXISTS made (id int)');
CALL ddl('CREATE TABLE made_ref (id int REFERENCES u)');
CALL ddl('DROP TABLE made_ref');
CALL ddl('DROP VIEW made_view;; DROP MATERIALIZED VIEW made_mat;; DROP SEQUENCE made_seq');
CALL ddl('DROP TABLE IF EXISTS nowhere');
CALL ddl('CREATE TABLE made_gone (id int);; DROP TABLE made_gone');
CALL ddl('CREATE TABLE shadow (id int)');
CALL ddl('DROP TABLE shadow, made_as, made_un, made_like, made');

-- a name that comes to mean something else, by whatever way
CALL ddl('CREATE TABLE regress_cf_early.t (id int)');
CALL ddl('DROP TABLE regress_cf_early.t');
CALL ddl('CREATE VIEW regress_cf_early.t AS SELECT 1 AS id');
CALL ddl('DROP VIEW regress_cf_early.t');
CALL ddl('CREATE TABLE regress_cf_early.foo AS SELECT 1 AS id');
CALL ddl('ALTER TABLE regress_cf_early.foo RENAME TO t');
CALL ddl('ALTER TABLE regress_cf_early.t RENAME TO foo');
CALL ddl('ALTER TABLE regress_cf_early.foo SET SCHEMA public');
CALL ddl('ALTER TABLE public.foo RENAME TO t');
CALL ddl('ALTER TABLE public.t SET SCHEMA regress_cf_early');
CALL ddl('DROP TABLE regress_cf_early.t');
CALL ddl('CREATE MATERIALIZED VIEW regress_cf_early.t AS SELECT 1 AS id');
CALL ddl('DROP MATERIALIZED VIEW regress_cf_early.t');
CALL ddl('CREATE SEQUENCE regress_cf_early.t');
CALL ddl('DROP SEQUENCE regress_cf_early.t');
CALL ddl('CREATE TABLE regress_cf_early.t () INHERITS (p2)');
CALL ddl('DROP TABLE regress_cf_early.t');
CALL ddl('CREATE TABLE regress_cf_early.mood (id int)');
CALL ddl('DROP TABLE regress_cf_early.mood');
CALL ddl('ALTER TABLE u RENAME TO u_old;; CREATE TABLE u AS SELECT * FROM u_old');
CALL ddl('DROP TABLE u;; ALTER TABLE u_old RENAME TO u');

-- functions: by their names where they are candidates, whoever calls one of a user depends on any
CALL ddl($d$CREATE FUNCTION regress_cf_early.unrelated(text) RETURNS text LANGUAGE sql AS 'SELECT $1'$d$);
CALL ddl($d$CREATE FUNCTION public.lower(text) RETURNS text LANGUAGE sql AS 'SELECT upper($1)'$d$);
CALL ddl($d$CREATE FUNCTION public.lower(varchar) RETURNS text LANGUAGE sql AS 'SELECT upper($1)'$d$);
CALL ddl($d$CREATE OR REPLACE FUNCTION public.lower(text) RETURNS text LANGUAGE sql AS 'SELECT reverse($1)'$d$);
CALL ddl('ALTER FUNCTION public.lower(varchar) RENAME TO sum');
CALL ddl('ALTER FUNCTION public.sum(varchar) SET SCHEMA regress_cf_early');
CALL ddl('ALTER FUNCTION regress_cf_early.unrelated(text) COST 5');
CALL ddl('DROP FUNCTION public.lower(text)');
CALL ddl('DROP FUNCTION regress_cf_early.sum(varchar), regress_cf_early.unrelated(text)');
CALL ddl($d$CREATE OR REPLACE FUNCTION regress_cf_ddl.f_sql(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1 + 1000'$d$);
CALL ddl($d$CREATE OR REPLACE FUNCTION regress_cf_ddl.f_pl(int) RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN $1 + 1000; END'$d$);
CALL ddl($d$CREATE OR REPLACE FUNCTION regress_cf_ddl.f_inlined(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1000'$d$);
CALL ddl('CREATE TABLE limited (id int CHECK (f_inlined(id) > 0))');
CALL ddl($d$CREATE OR REPLACE FUNCTION regress_cf_ddl.f_inlined(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 7'$d$);
CALL ddl('DROP TABLE limited');
CALL ddl('CREATE PROCEDURE nothing() LANGUAGE sql AS $d$ SELECT 1 $d$');
CALL ddl('DROP PROCEDURE nothing()');

-- partitions
CALL ddl('CREATE TABLE p3 PARTITION OF p FOR VALUES FROM (20) TO (30)');
CALL ddl('DROP TABLE p3');
CALL ddl('ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20)');
CALL ddl('ALTER TABLE p DETACH PARTITION p2');
CALL ddl('CREATE TABLE q12 PARTITION OF q1 FOR VALUES FROM (5) TO (10)');
CALL ddl('INSERT INTO q VALUES (6, 6)');
CALL ddl('ALTER TABLE q1 DETACH PARTITION q12');
CALL ddl('DROP TABLE q12');
CALL ddl('ALTER TABLE heir NO INHERIT parent');
CALL ddl('ALTER TABLE heir INHERIT parent');
CALL ddl('ALTER TABLE orphan INHERIT parent');
CALL ddl('DROP TABLE orphan');
CALL ddl('CREATE TABLE another () INHERITS (parent)');
CALL ddl('DROP TABLE another');
CALL ddl('GRANT SELECT ON p1 TO regress_cf_ddl');

-- columns, constraints and the like
CALL ddl('ALTER TABLE t ADD COLUMN w int DEFAULT 7');
CALL ddl('ALTER TABLE t ALTER COLUMN w TYPE text USING ''x'' || w');
CALL ddl('ALTER TABLE t RENAME COLUMN w TO x');
CALL ddl('ALTER TABLE t DROP COLUMN x');
CALL ddl('ALTER TABLE t ALTER COLUMN v SET DEFAULT 5');
CALL ddl('ALTER TABLE t ADD CONSTRAINT positive CHECK (v > 0)');
CALL ddl('ALTER TABLE t RENAME CONSTRAINT positive TO above');
CALL ddl('ALTER TABLE t DROP CONSTRAINT above');
CALL ddl('ALTER TABLE t ALTER COLUMN v SET STATISTICS 10');
CALL ddl('ALTER TABLE t SET (fillfactor = 90)');
CALL ddl('ALTER TABLE t OWNER TO CURRENT_USER');
CALL ddl('ALTER TABLE t REPLICA IDENTITY FULL');
CALL ddl('ALTER TABLE u ADD COLUMN w int DEFAULT 1');
CALL ddl('ALTER TABLE u DROP COLUMN w');
CALL ddl('ALTER TABLE ruled ADD COLUMN w int');
CALL ddl('ALTER TABLE ruled DROP COLUMN w');
CALL ddl('ALTER TABLE ruled RENAME COLUMN v TO w;; ALTER TABLE ruled RENAME COLUMN w TO v');
CALL ddl('CREATE OR REPLACE VIEW regress_cf_ddl.view_t AS SELECT id, v + 1 AS v FROM t');
CALL ddl('CREATE OR REPLACE VIEW regress_cf_ddl.view_u AS SELECT id, v + 1 AS v FROM u');
CALL ddl('ALTER VIEW view_t RENAME TO view_s;; ALTER VIEW view_s RENAME TO view_t');
CALL ddl('ALTER VIEW view_t SET (security_barrier)');

-- rights, policies, triggers
CALL ddl('GRANT SELECT ON u TO regress_cf_ddl');
CALL ddl('GRANT SELECT (id) ON t TO regress_cf_ddl');
CALL ddl('REVOKE ALL ON u, t FROM regress_cf_ddl');
CALL ddl('GRANT SELECT ON seq TO regress_cf_ddl');
CALL ddl('ALTER TABLE u ENABLE ROW LEVEL SECURITY');
CALL ddl('ALTER TABLE u FORCE ROW LEVEL SECURITY');
CALL ddl('CREATE POLICY odd ON u USING (id % 2 = 1)');
CALL ddl('ALTER POLICY odd ON u USING (id % 2 = 0)');
CALL ddl('ALTER POLICY odd ON u RENAME TO even');
CALL ddl('DROP POLICY even ON u');
CALL ddl('ALTER TABLE u NO FORCE ROW LEVEL SECURITY;; ALTER TABLE u DISABLE ROW LEVEL SECURITY');
CALL ddl('CREATE TRIGGER nothing BEFORE INSERT ON u FOR EACH ROW EXECUTE FUNCTION f_trigger()');
CALL ddl('ALTER TABLE u DISABLE TRIGGER nothing');
CALL ddl('DROP TRIGGER nothing ON u');

-- what changes no result
CALL ddl('COMMENT ON TABLE t IS ''one''');
CALL ddl('CREATE INDEX t_v ON t (v)');
CALL ddl('REINDEX TABLE t');
CALL ddl('ANALYZE t');
CALL ddl('DROP INDEX t_v');
CALL ddl('SELECT cache_define(''d2'');; SELECT cache_drop(''d2'')');
CALL ddl('CREATE STATISTICS t_s ON id, v FROM t');
CALL ddl('CREATE INDEX p_v ON p (v)');
CALL ddl('REINDEX INDEX t_pkey');
CALL ddl('ANALYZE p');
CALL ddl('DROP INDEX p_v');
-- and changes of rows, which drop what reads them
CALL ddl('TRUNCATE u');
CALL ddl('INSERT INTO u SELECT i, i FROM generate_series(1, 5) i');
CALL ddl('REFRESH MATERIALIZED VIEW mat');

-- schemas: for who names them, or has them in his search path
CALL ddl('CREATE SCHEMA regress_cf_third');
CALL ddl('GRANT USAGE ON SCHEMA regress_cf_third TO regress_cf_ddl');
CALL ddl('ALTER SCHEMA regress_cf_third RENAME TO regress_cf_fourth');
CALL ddl('ALTER SCHEMA regress_cf_fourth RENAME TO regress_cf_none;; CREATE TABLE regress_cf_none.t AS SELECT 1 AS id');
CALL ddl('DROP SCHEMA regress_cf_none CASCADE');
CALL ddl('CREATE SCHEMA regress_cf_none CREATE TABLE t (id int)');
CALL ddl('ALTER SCHEMA regress_cf_none OWNER TO regress_cf_ddl');
CALL ddl('DROP SCHEMA regress_cf_none CASCADE');
CALL ddl('GRANT USAGE ON SCHEMA regress_cf_ddl TO regress_cf_ddl');
CALL ddl('ALTER SCHEMA regress_cf_ddl RENAME TO regress_cf_gone;; ALTER SCHEMA regress_cf_gone RENAME TO regress_cf_ddl');

-- types: by name, and by what values are of
CALL ddl('CREATE TYPE made_type AS (a int)');
CALL ddl('DROP TYPE made_type');
CALL ddl('CREATE TYPE made_range AS RANGE (subtype = int)');
CALL ddl('DROP TYPE made_range');
CALL ddl('ALTER TYPE mood ADD VALUE ''happy'' BEFORE ''sad''');
CALL ddl('ALTER TYPE mood RENAME VALUE ''ok'' TO ''fine'';; ALTER TYPE mood RENAME VALUE ''sad'' TO ''ok''');
CALL ddl('ALTER TYPE mood RENAME VALUE ''ok'' TO ''sad'';; ALTER TYPE mood RENAME VALUE ''fine'' TO ''ok''');
CALL ddl('CREATE TYPE regress_cf_early.mood AS ENUM (''bad'')');
CALL ddl('ALTER TYPE regress_cf_early.mood RENAME TO mod');
CALL ddl('ALTER TYPE regress_cf_early.mod RENAME TO mood');
CALL ddl('DROP TYPE regress_cf_early.mood');
CALL ddl('CREATE DOMAIN made_domain AS int');
CALL ddl('DROP DOMAIN made_domain');
CALL ddl('CREATE DOMAIN regress_cf_early.small AS int CHECK (VALUE < 3)');
CALL ddl('DROP DOMAIN regress_cf_early.small');
CALL ddl('ALTER DOMAIN small ADD CONSTRAINT tiny CHECK (VALUE < 3) NOT VALID');
CALL ddl('ALTER DOMAIN small DROP CONSTRAINT tiny');

-- operators and aggregates by name, casts by what they are from
CREATE FUNCTION f_not(mood, mood) RETURNS bool LANGUAGE sql AS 'SELECT false';
CALL ddl('CREATE OPERATOR regress_cf_early.= (leftarg = mood, rightarg = mood, function = f_not)');
CALL ddl('DROP OPERATOR regress_cf_early.= (mood, mood)');
CALL ddl('CREATE OPERATOR regress_cf_early.>= (leftarg = mood, rightarg = mood, function = f_not)');
CALL ddl('DROP OPERATOR regress_cf_early.>= (mood, mood)');
CALL ddl('CREATE OPERATOR public.~~ (leftarg = text, rightarg = text, function = textnlike)');
CALL ddl('DROP OPERATOR public.~~ (text, text)');
CALL ddl('CREATE AGGREGATE regress_cf_early.total (int) (sfunc = int4mul, stype = int, initcond = ''1'')');
CALL ddl('DROP AGGREGATE regress_cf_early.total (int)');
CALL ddl('CREATE OR REPLACE AGGREGATE regress_cf_ddl.total (int) (sfunc = int4mul, stype = int, initcond = ''1'')');
CALL ddl($d$CREATE FUNCTION public.row_to_json(u) RETURNS text LANGUAGE sql AS 'SELECT ''row'''$d$);
CALL ddl('DROP FUNCTION public.row_to_json(u)');
CREATE FUNCTION f_label(mood) RETURNS text LANGUAGE sql AS $d$ SELECT 'label' $d$;
CALL ddl('CREATE CAST (mood AS text) WITH FUNCTION f_label(mood)');
CALL ddl('DROP CAST (mood AS text)');
CALL ddl('CREATE CAST (int AS mood) WITH INOUT AS IMPLICIT');
CALL ddl('DROP CAST (int AS mood)');

-- what nobody can tell drops everything
CALL ddl('CREATE TYPE made_shell');
CALL ddl('DROP TYPE made_shell');
CALL ddl('CREATE TEXT SEARCH CONFIGURATION made_config (copy = simple)');
CALL ddl('DROP TEXT SEARCH CONFIGURATION made_config');
CALL ddl('CREATE RULE nothing AS ON INSERT TO t DO ALSO NOTHING');
CALL ddl('DROP RULE nothing ON t');
CALL ddl('CREATE OPERATOR public.~~~~ (leftarg = int, rightarg = int, function = int4pl)');
CALL ddl('DROP OPERATOR public.~~~~ (int, int)');
CALL ddl('GRANT EXECUTE ON FUNCTION f_sql(int) TO regress_cf_ddl;; REVOKE ALL ON FUNCTION f_sql(int) FROM regress_cf_ddl');
CALL ddl('ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO regress_cf_ddl;; ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM regress_cf_ddl');
CALL ddl('SELECT cache_attach(''u'')');
CALL ddl('SELECT cache_detach(''u'')');

-- undone, or partly
CALL ddl('DO $d$ BEGIN ALTER TABLE t ADD COLUMN w int; RAISE division_by_zero; EXCEPTION WHEN OTHERS THEN NULL; END $d$');
CALL ddl('DO $d$ BEGIN ALTER TABLE t ADD COLUMN w int; RAISE division_by_zero; EXCEPTION WHEN OTHERS THEN ALTER TABLE u ADD COLUMN w int; END $d$');
-- who has done it sees it at once
BEGIN;
ALTER TABLE t ADD COLUMN y int DEFAULT 3;
CREATE TABLE regress_cf_early.t (id int);
SELECT name FROM entries WHERE cached(name, query) IS DISTINCT FROM plain(query);
ROLLBACK;
SELECT name FROM entries WHERE cached(name, query) IS DISTINCT FROM plain(query);

-- without a statement: the catalog itself
SET allow_system_table_mods = on;
CALL ddl('UPDATE pg_class SET relname = ''t_new'' WHERE oid = ''regress_cf_ddl.t''::regclass;; UPDATE pg_class SET relname = ''t'' WHERE oid = ''regress_cf_ddl.t_new''::regclass');
CALL ddl('UPDATE pg_class SET relname = ''t'', relnamespace = ''regress_cf_early''::regnamespace WHERE oid = ''regress_cf_ddl.moods''::regclass');
CALL ddl('UPDATE pg_class SET relname = ''moods'', relnamespace = ''regress_cf_ddl''::regnamespace WHERE oid = ''regress_cf_early.t''::regclass');
CALL ddl('UPDATE pg_proc SET prosrc = ''SELECT $1 + 5'' WHERE proname = ''f_sql''');
CALL ddl('UPDATE pg_attribute SET attname = ''vv'' WHERE attrelid = ''u''::regclass AND attname = ''v'';; UPDATE pg_attribute SET attname = ''v'' WHERE attrelid = ''u''::regclass AND attname = ''vv''');
-- beside a harmless statement about the same table: before it, after it, between two, in a savepoint
CREATE PROCEDURE rename_column(old text, new text) LANGUAGE sql AS
	$$ UPDATE pg_attribute SET attname = new WHERE attrelid = 't'::regclass AND attname = old $$;
CALL ddl('CREATE INDEX made_i ON t (v);; CALL rename_column(''note'', ''n1'')');
CALL ddl('CALL rename_column(''n1'', ''n2'');; DROP INDEX made_i');
CALL ddl('CREATE INDEX made_i ON t (v);; CALL rename_column(''n2'', ''n3'');; REINDEX TABLE t');
CALL ddl('ANALYZE t;; CALL rename_column(''n3'', ''n4'');; ANALYZE t');
CALL ddl('CALL rename_column(''n4'', ''n5'');; DO $d$ BEGIN DROP INDEX made_i; EXCEPTION WHEN OTHERS THEN NULL; END $d$');
CALL ddl('DO $d$ BEGIN CREATE INDEX made_i ON t (v); CALL rename_column(''n5'', ''n6''); EXCEPTION WHEN OTHERS THEN NULL; END $d$');
CALL ddl('CREATE STATISTICS made_st ON v, id FROM t;; CALL rename_column(''n6'', ''n7'')');
CALL ddl('CALL rename_column(''n7'', ''note'')');
-- several harmless ones
CALL ddl('DROP INDEX made_i;; DROP STATISTICS made_st;; CREATE INDEX made_i ON t (v);; CREATE INDEX made_j ON t (v);; REINDEX TABLE t;; DROP INDEX made_i, made_j;; ANALYZE t, u');
-- who has done it sees it at once
BEGIN;
SELECT name FROM entries WHERE cached(name, query) IS DISTINCT FROM plain(query);
CALL rename_column('note', 'x');
SELECT name FROM entries WHERE cached(name, query) IS DISTINCT FROM plain(query);
SELECT name FROM entries WHERE cached(name, query) IS DISTINCT FROM plain(query);
SAVEPOINT a;
UPDATE pg_proc SET prosrc = 'SELECT $1 + 7' WHERE proname = 'f_sql';
SELECT name FROM entries WHERE cached(name, query) IS DISTINCT FROM plain(query);
ROLLBACK TO a;
SELECT name FROM entries WHERE cached(name, query) IS DISTINCT FROM plain(query);
ROLLBACK;
SELECT name FROM entries WHERE cached(name, query) IS DISTINCT FROM plain(query);
RESET allow_system_table_mods;

-- temporary objects are nobody else's
CALL ddl('CREATE TEMP VIEW passed AS SELECT * FROM t;; DISCARD TEMP');
CALL ddl('CREATE TEMP TABLE passing (id int PRIMARY KEY);; DROP TABLE passing');
CALL ddl('CREATE TEMP TABLE passing (id int PRIMARY KEY);; DROP TABLE passing');
SET allow_system_table_mods = on;
CALL ddl('CREATE TEMP TABLE passing () INHERITS (t);; CALL rename_column(''note'', ''n8'');; DROP TABLE passing');
RESET allow_system_table_mods;

-- temporary types, functions and the like
DISCARD TEMP;
CALL ddl('CREATE TYPE pg_temp.e AS ENUM (''a'', ''b'')');
CALL ddl('ALTER TYPE pg_temp.e ADD VALUE ''c'';; ALTER TYPE pg_temp.e OWNER TO regress_cf_ddl;; GRANT USAGE ON TYPE pg_temp.e TO PUBLIC');
CALL ddl('ALTER TYPE e RENAME VALUE ''a'' TO ''x'';; ALTER TYPE e RENAME TO e2');
CALL ddl('CREATE DOMAIN pg_temp.d AS int CHECK (value > 0);; ALTER DOMAIN d ADD CHECK (value > 1);; ALTER DOMAIN d SET NOT NULL');
CALL ddl('CREATE TYPE pg_temp.c AS (a int);; ALTER TYPE c ADD ATTRIBUTE b int');
CALL ddl('CREATE TYPE pg_temp.r AS RANGE (subtype = int)');
CALL ddl('CREATE FUNCTION pg_temp.f(e2) RETURNS int LANGUAGE sql AS ''SELECT 1''');
CALL ddl('CREATE OR REPLACE FUNCTION pg_temp.f(e2) RETURNS int LANGUAGE plpgsql AS ''BEGIN RETURN 1; END'';; GRANT EXECUTE ON FUNCTION pg_temp.f(e2) TO regress_cf_ddl');
CALL ddl('CREATE AGGREGATE pg_temp.a (int) (sfunc = int4pl, stype = int)');
CALL ddl('CREATE OPERATOR pg_temp.### (leftarg = int, rightarg = int, function = int4pl)');
CALL ddl('CREATE COLLATION pg_temp.co FROM "C"');
CALL ddl('CREATE TEXT SEARCH CONFIGURATION pg_temp.tc (copy = simple);; CREATE TEXT SEARCH DICTIONARY pg_temp.td (template = simple)');
CALL ddl('DROP FUNCTION pg_temp.f(e2);; DROP TYPE e2, c, r;; DROP DOMAIN d;; DROP AGGREGATE pg_temp.a (int)');
CALL ddl('DROP OPERATOR pg_temp.### (int, int);; DROP COLLATION pg_temp.co');
CALL ddl('DROP TEXT SEARCH CONFIGURATION pg_temp.tc;; DROP TEXT SEARCH DICTIONARY pg_temp.td');
CALL ddl('CREATE TYPE pg_temp.e AS ENUM (''a'');; CREATE DOMAIN pg_temp.d AS e;; DISCARD TEMP');
CALL ddl('SET search_path = pg_temp;; CREATE TYPE e AS ENUM (''a'');; DROP TYPE e;; SET search_path = regress_cf_none, regress_cf_early, regress_cf_ddl, public');
-- beside what is permanent they hide nothing
CALL ddl('CREATE TYPE pg_temp.e AS ENUM (''a'');; ALTER TYPE mood RENAME VALUE ''ok'' TO ''fine''');
SET allow_system_table_mods = on;
CALL ddl('DROP TYPE pg_temp.e;; UPDATE pg_enum SET enumlabel = ''ok'' WHERE enumlabel = ''fine''');
RESET allow_system_table_mods;
CALL ddl('CREATE TYPE pg_temp.e AS ENUM (''a'');; CREATE TYPE regress_cf_early.mood AS ENUM (''ok'')');
CALL ddl('DROP TYPE pg_temp.e, regress_cf_early.mood');
CALL ddl('CREATE TYPE kind AS ENUM (''a'')');
CALL ddl('DROP TYPE kind');
CALL ddl('CREATE FUNCTION pg_temp.low(int) RETURNS int LANGUAGE sql IMMUTABLE AS ''SELECT $1'';; ALTER TABLE u ADD CHECK (pg_temp.low(id) > 0)');
CALL ddl('CREATE OR REPLACE FUNCTION pg_temp.low(int) RETURNS int LANGUAGE sql IMMUTABLE AS ''SELECT $1 + 1''');
CALL ddl('DROP FUNCTION pg_temp.low(int) CASCADE');
DISCARD TEMP;

-- who may not use a schema any more, and who may now
GRANT USAGE ON SCHEMA regress_cf_ddl TO regress_cf_ddl;
GRANT SELECT ON regress_cf_ddl.u TO regress_cf_ddl;
SELECT cache_define('dr', jitter => 0, xfetch_beta => 0);
CREATE TABLE regress_cf_early.u AS SELECT 4242 AS v;
GRANT SELECT ON regress_cf_early.u TO regress_cf_ddl;
SET ROLE regress_cf_ddl;
SELECT public.cache_fetch('dr:named', 'SELECT max(v) AS v FROM regress_cf_ddl.u');
SELECT public.cache_fetch('dr:bare', 'SELECT max(v) AS v FROM u');
RESET ROLE;
GRANT USAGE ON SCHEMA regress_cf_early TO regress_cf_ddl;
SET ROLE regress_cf_ddl;
SELECT public.cache_fetch('dr:named', 'SELECT max(v) AS v FROM regress_cf_ddl.u');
SELECT public.cache_fetch('dr:bare', 'SELECT max(v) AS v FROM u');
RESET ROLE;
REVOKE USAGE ON SCHEMA regress_cf_early FROM regress_cf_ddl;
SET ROLE regress_cf_ddl;
SELECT public.cache_fetch('dr:bare', 'SELECT max(v) AS v FROM u');
RESET ROLE;
REVOKE USAGE ON SCHEMA regress_cf_ddl FROM regress_cf_ddl;
SET ROLE regress_cf_ddl;
SELECT public.cache_fetch('dr:named', 'SELECT max(v) AS v FROM regress_cf_ddl.u');
RESET ROLE;
SELECT cache_drop('dr');

-- rules of a table, default privileges, rights on large objects
CALL ddl('CREATE RULE r AS ON DELETE TO regress_cf_ddl.parent DO ALSO SELECT 1');
CALL ddl('ALTER TABLE parent DISABLE RULE r;; ALTER RULE r ON parent RENAME TO r2');
CALL ddl('DROP RULE r2 ON parent');
CALL ddl('CREATE OR REPLACE RULE "_RETURN" AS ON SELECT TO view_t DO INSTEAD SELECT id, 2 * v AS v FROM t');
SELECT lo_from_bytea(4242001, 'x');
CALL ddl('GRANT SELECT ON LARGE OBJECT 4242001 TO regress_cf_ddl');
SELECT lo_unlink(4242001);

DROP SCHEMA regress_cf_ddl, regress_cf_early CASCADE;
DROP OWNED BY regress_cf_ddl;
DROP ROLE regress_cf_ddl;
SELECT cache_drop('dd');
