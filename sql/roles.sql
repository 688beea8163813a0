--
-- Who may make entries miss: role changes that concern how one logs in do not,
-- nor do statements that fail or find nothing; what changes a right does.
--
CREATE EXTENSION IF NOT EXISTS cachefront;
SET client_min_messages = error;
CREATE ROLE regress_cf_plain;
CREATE ROLE regress_cf_team;
CREATE ROLE regress_cf_boss;
SET client_min_messages = notice;
CREATE TABLE roles_t (id int PRIMARY KEY, v text);
INSERT INTO roles_t VALUES (1, 'one');
GRANT SELECT ON roles_t TO regress_cf_plain;
SELECT cache_define('roles', jitter => 0, xfetch_beta => 0);
-- what became of the entry; then it is there again
\set look 'SELECT (SELECT state FROM cache_entries WHERE key = ''roles:1'' AND database = current_database()) AS state, cache_fetch_row(''roles:1'', ''SELECT v FROM roles_t WHERE id = 1'') IS NOT NULL AS read;'
:look
-- harmless
CREATE ROLE regress_cf_short LOGIN PASSWORD 'x' VALID UNTIL '2100-01-01' CONNECTION LIMIT 3;
:look
CREATE ROLE regress_cf_member IN ROLE regress_cf_team;
:look
CREATE USER regress_cf_super SUPERUSER CREATEDB CREATEROLE BYPASSRLS REPLICATION NOINHERIT;
:look
ALTER ROLE regress_cf_short PASSWORD 'y';
:look
ALTER ROLE regress_cf_short VALID UNTIL 'infinity' CONNECTION LIMIT -1 NOLOGIN;
:look
ALTER ROLE regress_cf_short SET work_mem = '1MB';
:look
ALTER ROLE regress_cf_short RESET ALL;
:look
DROP ROLE regress_cf_short;
:look
DROP ROLE regress_cf_member, regress_cf_super;
:look
DROP ROLE IF EXISTS regress_cf_nobody;
:look
DROP TABLE IF EXISTS roles_nothing;
:look
DROP FUNCTION IF EXISTS roles_nothing(int);
:look
ALTER TABLE IF EXISTS roles_nothing ADD COLUMN a int;
:look
-- by a role that may do nothing else
SET ROLE regress_cf_plain;
ALTER ROLE regress_cf_plain SET work_mem = '1MB';
ALTER ROLE regress_cf_plain PASSWORD 'mine';
ALTER ROLE CURRENT_USER RESET work_mem;
RESET ROLE;
:look
-- that fails, and is caught
\set VERBOSITY sqlstate
SET ROLE regress_cf_plain;
ALTER ROLE regress_cf_plain SUPERUSER;
DROP ROLE regress_cf_boss;
GRANT regress_cf_boss TO regress_cf_plain;
DO $$
DECLARE
	stmt text;
BEGIN
	CREATE TEMP TABLE roles_xid ();
	FOREACH stmt IN ARRAY ARRAY['ALTER ROLE regress_cf_plain SUPERUSER',
		'GRANT regress_cf_boss TO regress_cf_plain', 'DROP TABLE roles_t',
		'CREATE FUNCTION public.roles_f() RETURNS int LANGUAGE sql AS ''SELECT 1''; SELECT 1/0',
		'ALTER DATABASE postgres OWNER TO regress_cf_plain']
	LOOP
		BEGIN
			EXECUTE stmt;
			RAISE 'done' USING ERRCODE = 'PT001';
		EXCEPTION WHEN OTHERS THEN
			NULL;
		END;
	END LOOP;
END $$;
DROP TABLE roles_xid;
RESET ROLE;
\set VERBOSITY default
:look
BEGIN;
SAVEPOINT a;
SAVEPOINT b;
ALTER TABLE roles_t ADD COLUMN w int;
GRANT regress_cf_team TO regress_cf_plain;
RELEASE b;
ROLLBACK TO a;
SELECT pg_current_xact_id() IS NOT NULL AS has_xid;
COMMIT;
:look
-- what changes a right, or what is read
CREATE ROLE regress_cf_short ROLE regress_cf_plain;
:look
-- a right through the role goes with it
DROP ROLE regress_cf_short;
:look
CREATE ROLE regress_cf_short ADMIN regress_cf_plain;
:look
ALTER ROLE regress_cf_short PASSWORD 'z' NOINHERIT;
:look
ALTER ROLE regress_cf_short SUPERUSER;
:look
ALTER ROLE regress_cf_short BYPASSRLS;
:look
ALTER GROUP regress_cf_short ADD USER regress_cf_boss;
:look
GRANT regress_cf_team TO regress_cf_plain;
:look
REVOKE regress_cf_team FROM regress_cf_plain;
:look
ALTER ROLE regress_cf_boss RENAME TO regress_cf_chief;
:look
DROP ROLE regress_cf_short;
:look
-- in a subtransaction that counts
BEGIN;
SAVEPOINT a;
SAVEPOINT b;
ALTER TABLE roles_t ADD COLUMN w int;
RELEASE b;
SAVEPOINT c;
ALTER TABLE roles_t ADD COLUMN x int;
ROLLBACK TO c;
RELEASE a;
COMMIT;
:look
DROP OWNED BY regress_cf_plain;
DROP TABLE roles_t;
DROP ROLE regress_cf_plain, regress_cf_team, regress_cf_chief;
SELECT cache_drop('roles');
