-- What changes a right or a definition acts at once; what changes no answer drops nothing.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cachefront;
DROP DATABASE IF EXISTS regress_cf_other;
DROP ROLE IF EXISTS regress_cf_alice, regress_cf_bob, regress_cf_readers;
CREATE SCHEMA regress_cf_rights;
SET search_path = regress_cf_rights, public;
SELECT cache_define('ri', jitter => 0, xfetch_beta => 0);
CREATE ROLE regress_cf_alice;
CREATE ROLE regress_cf_bob;
CREATE ROLE regress_cf_readers;
GRANT ALL ON SCHEMA regress_cf_rights TO regress_cf_alice, regress_cf_bob, regress_cf_readers;

-- The counters of a cache that moved since the last call. It keeps what it saw
-- in a setting, as a write would change what is tested.
CREATE FUNCTION counted(name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	seen json;
	before json;
	moved text;
BEGIN
	SELECT row_to_json(s) INTO seen FROM cache_stats s WHERE s.cache = name;
	before := coalesce(nullif(current_setting('cf_test.' || name, true), ''), '{}');
	SELECT string_agg(format('%s %s', key, value::bigint - coalesce(before ->> key, '0')::bigint),
					  ', ' ORDER BY ord)
	INTO moved
	FROM json_each_text(seen) WITH ORDINALITY AS e(key, value, ord)
	WHERE key <> 'cache' AND value <> coalesce(before ->> key, '0');
	PERFORM set_config('cf_test.' || name, seen::text, false);
	RETURN coalesce(moved, 'nothing');
END $$;
DO $$ BEGIN PERFORM counted('ri'); END $$;

CREATE TABLE accounts (tenant text, v text);
INSERT INTO accounts VALUES ('a', 'of a'), ('b', 'of b');
ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
CREATE POLICY by_tenant ON accounts USING (tenant = current_setting('app.tenant', true));
GRANT SELECT ON accounts TO regress_cf_alice, regress_cf_bob;
SELECT cache_define('ri_tenant', jitter => 0, xfetch_beta => 0, scope => 'setting:app.tenant');

--
-- Rights and definitions: a change acts on the next call
--
CREATE TABLE papers (id int, v text);
INSERT INTO papers VALUES (1, 'first');
GRANT SELECT ON papers TO regress_cf_alice;
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
RESET ROLE;
REVOKE SELECT ON papers FROM regress_cf_alice;
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
RESET ROLE;
-- in part
GRANT SELECT (id) ON papers TO regress_cf_alice;
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri:ddl', 'SELECT id FROM papers');
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
RESET ROLE;
REVOKE SELECT (id) ON papers FROM regress_cf_alice;
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri:ddl', 'SELECT id FROM papers');
RESET ROLE;
-- by membership
GRANT SELECT ON papers TO regress_cf_readers;
GRANT regress_cf_readers TO regress_cf_alice;
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
RESET ROLE;
REVOKE regress_cf_readers FROM regress_cf_alice;
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
RESET ROLE;
GRANT regress_cf_readers TO regress_cf_alice;
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
RESET ROLE;
-- 16 and later keep inheritance with the membership
SELECT current_setting('server_version_num')::int < 160000 AS of_role \gset
\if :of_role
ALTER ROLE regress_cf_alice NOINHERIT;
\else
GRANT regress_cf_readers TO regress_cf_alice WITH INHERIT FALSE;
\endif
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
RESET ROLE;
\if :of_role
ALTER ROLE regress_cf_alice INHERIT;
\else
GRANT regress_cf_readers TO regress_cf_alice WITH INHERIT TRUE;
\endif
-- on the schema
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM regress_cf_rights.papers');
RESET ROLE;
REVOKE ALL ON SCHEMA regress_cf_rights FROM regress_cf_alice, regress_cf_readers;
SET ROLE regress_cf_alice;
SELECT public.cache_fetch('ri:ddl', 'SELECT * FROM regress_cf_rights.papers');
RESET ROLE;
GRANT ALL ON SCHEMA regress_cf_rights TO regress_cf_alice, regress_cf_readers;
-- on a function
CREATE FUNCTION secret() RETURNS int LANGUAGE sql AS 'SELECT 42';
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri:ddl', 'SELECT secret() AS v');
RESET ROLE;
REVOKE EXECUTE ON FUNCTION secret() FROM PUBLIC;
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri:ddl', 'SELECT secret() AS v');
RESET ROLE;
-- undone, nothing changes; in a subtransaction that is undone as well
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
DO $$ BEGIN PERFORM counted('ri'); END $$;
BEGIN;
REVOKE SELECT ON papers FROM regress_cf_readers;
ROLLBACK;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
SELECT counted('ri');
-- definitions
ALTER TABLE papers ADD COLUMN w int DEFAULT 7;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
SELECT * FROM cache_fetch_rows('ri:ddl', 'SELECT * FROM papers') AS t(id int, v text, w int);
ALTER TABLE papers DROP COLUMN w;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
SELECT * FROM cache_fetch_rows('ri:ddl', 'SELECT * FROM papers') AS t(id int, v text, w int);
ALTER TABLE papers RENAME COLUMN v TO title;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
ALTER TABLE papers ALTER COLUMN id TYPE text USING 'no. ' || id;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
CREATE VIEW paper AS SELECT title FROM papers;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM paper');
CREATE OR REPLACE VIEW paper AS SELECT upper(title) AS title FROM papers;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM paper');
DROP VIEW paper;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM paper');
CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT 'old' $$;
CREATE FUNCTION g() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'old'; END $$;
SELECT cache_fetch('ri:ddl', 'SELECT f(), g()');
CREATE OR REPLACE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT 'new' $$;
SELECT cache_fetch('ri:ddl', 'SELECT f(), g()');
CREATE OR REPLACE FUNCTION g() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'new'; END $$;
SELECT cache_fetch('ri:ddl', 'SELECT f(), g()');
CREATE FUNCTION h() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$ SELECT current_user::text $$;
ALTER FUNCTION h() OWNER TO regress_cf_bob;
SELECT cache_fetch('ri:ddl', 'SELECT h()');
ALTER FUNCTION h() OWNER TO regress_cf_alice;
SELECT cache_fetch('ri:ddl', 'SELECT h()');
CREATE TYPE answer AS ENUM ('yes', 'no');
SELECT cache_fetch('ri:ddl', 'SELECT ''yes''::answer AS v, enum_range(NULL::answer) AS r');
ALTER TYPE answer ADD VALUE 'perhaps';
SELECT cache_fetch('ri:ddl', 'SELECT ''yes''::answer AS v, enum_range(NULL::answer) AS r');
ALTER TYPE answer RENAME VALUE 'no' TO 'never';
SELECT cache_fetch('ri:ddl', 'SELECT ''yes''::answer AS v, enum_range(NULL::answer) AS r');
DO $$ BEGIN EXECUTE 'ALTER TABLE papers ADD COLUMN by_do int'; END $$;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
DROP TABLE papers;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
CREATE TABLE papers AS SELECT 'another table' AS v;
SELECT cache_fetch('ri:ddl', 'SELECT * FROM papers');
-- policies and the roles under them
SET ROLE regress_cf_alice;
SET app.tenant = 'a';
SELECT cache_fetch('ri_tenant:p', 'SELECT v FROM accounts ORDER BY v');
RESET ROLE;
CREATE POLICY too ON accounts TO regress_cf_alice USING (tenant = 'b');
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri_tenant:p', 'SELECT v FROM accounts ORDER BY v');
RESET ROLE;
ALTER POLICY too ON accounts USING (false);
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri_tenant:p', 'SELECT v FROM accounts ORDER BY v');
RESET ROLE;
DROP POLICY by_tenant ON accounts;
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri_tenant:p', 'SELECT v FROM accounts ORDER BY v');
RESET ROLE;
CREATE POLICY readers ON accounts TO regress_cf_readers USING (true);
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri_tenant:p', 'SELECT v FROM accounts ORDER BY v');
RESET ROLE;
REVOKE regress_cf_readers FROM regress_cf_alice;
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri_tenant:p', 'SELECT v FROM accounts ORDER BY v');
RESET ROLE;
ALTER ROLE regress_cf_alice BYPASSRLS;
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri_tenant:p', 'SELECT v FROM accounts ORDER BY v');
SELECT cache_fetch('ri:p', 'SELECT v FROM accounts ORDER BY v');
RESET ROLE;
ALTER ROLE regress_cf_alice NOBYPASSRLS;
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri_tenant:p', 'SELECT v FROM accounts ORDER BY v');
SELECT cache_fetch('ri:p', 'SELECT v FROM accounts ORDER BY v');
RESET ROLE;
ALTER TABLE accounts DISABLE ROW LEVEL SECURITY;
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri:p', 'SELECT v FROM accounts ORDER BY v');
RESET ROLE;
ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
SET ROLE regress_cf_alice;
SELECT cache_fetch('ri:p', 'SELECT v FROM accounts ORDER BY v');
SET row_security = off;
SELECT cache_fetch('ri:p', 'SELECT v FROM accounts ORDER BY v');
RESET row_security;
RESET ROLE;
RESET app.tenant;

--
-- What changes no answer drops nothing
--
CREATE TABLE kept (a int PRIMARY KEY, v text);
INSERT INTO kept VALUES (1, 'kept');
SELECT cache_fetch_row('ri:kept', 'SELECT v FROM kept');
DO $$ BEGIN PERFORM counted('ri'); END $$;
CREATE INDEX kept_v ON kept (v);
CREATE INDEX CONCURRENTLY kept_v2 ON kept (v);
REINDEX INDEX kept_v;
REINDEX TABLE kept;
DROP INDEX kept_v;
ANALYZE kept;
VACUUM kept;
CREATE STATISTICS kept_statistics ON a, v FROM kept;
COMMENT ON TABLE kept IS 'a comment';
CREATE TEMP TABLE t1 (a int);
CREATE TEMP TABLE t2 AS SELECT 1 AS a;
SELECT 1 AS a INTO TEMP t3;
CREATE TEMP VIEW t4 AS SELECT 1 AS a;
CREATE TEMP SEQUENCE t5;
ALTER TABLE t1 ADD COLUMN b int;
CREATE INDEX ON t1 (a);
TRUNCATE t1;
DROP VIEW t4;
DROP TABLE t1, t2, t3;
DISCARD TEMP;
PREPARE p AS SELECT 1;
EXECUTE p;
DEALLOCATE p;
BEGIN; LOCK TABLE kept; COMMIT;
CHECKPOINT;
SET work_mem = '8MB';
RESET work_mem;
SELECT counted('ri');
SELECT cache_fetch_row('ri:kept', 'SELECT v FROM kept');
SELECT counted('ri');

--
-- Databases
--
SELECT cache_fetch_row('ri:db', 'SELECT current_database() = $1 AS first', current_database()) AS this;
SELECT cache_fetch_row('ri:db2', 'SELECT count(*) AS n FROM pg_namespace WHERE nspname = ''regress_cf_rights''');
SELECT cache_set('ri:db', '"of the first"');
SELECT current_database() AS first \gset
CREATE DATABASE regress_cf_other TEMPLATE template0;
\c regress_cf_other
SET client_min_messages = warning;
CREATE EXTENSION cachefront;
SELECT cache_fetch_row('ri:db', 'SELECT current_database() = $1 AS first', :'first'::name) AS other;
SELECT cache_fetch_row('ri:db2', 'SELECT count(*) AS n FROM pg_namespace WHERE nspname = ''regress_cf_rights''');
SELECT cache_get('ri:db') IS NULL AS none;
SELECT cache_set('ri:db', '"of the other"');
SELECT count(*) FROM cache_definitions;
SELECT database = :'first' AS of_first, key, form, count(*) FROM cache_entries
	WHERE key LIKE 'ri:db%' AND state = 'fresh' AND database IN (:'first', 'regress_cf_other')
	GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
-- DDL, invalidations and a flush are this database's
CREATE TABLE ddl (a int);
SELECT cache_delete('ri:db', 'ri:db2');
SELECT cache_invalidate_tag('anything');
SELECT cache_flush();
SELECT database = :'first' AS of_first, key, form, count(*) FROM cache_entries
	WHERE key LIKE 'ri:db%' AND state = 'fresh' AND database IN (:'first', 'regress_cf_other')
	GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
\c :first
SET client_min_messages = warning;
SELECT cache_get('ri:db');
-- the rights of a role are everybody's
ALTER ROLE regress_cf_bob NOINHERIT;
SELECT key, state FROM cache_entries WHERE key = 'ri:db2' AND database = current_database();
DROP DATABASE regress_cf_other;
SELECT count(*) FROM cache_entries WHERE database IS NULL AND state = 'fresh';

SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 207;
SELECT cache_drop('ri'), cache_drop('ri_tenant');
SELECT cache_flush();
DROP SCHEMA regress_cf_rights CASCADE;
DROP ROLE regress_cf_alice, regress_cf_bob, regress_cf_readers;
