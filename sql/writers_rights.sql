-- Write-behind: whose rights. The statement runs as the writer's owner and as nobody else,
-- and whoever makes it run has its rights, or was named.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cachefront;
CREATE ROLE regress_cf_w_owner;
CREATE ROLE regress_cf_w_caller;
CREATE ROLE regress_cf_w_group;
CREATE SCHEMA regress_cf_w AUTHORIZATION regress_cf_w_owner;
GRANT EXECUTE ON FUNCTION cache_define_writer(text, text, regtype[], regtype, text, interval, integer, text, text, text, name[], boolean),
	cache_drop_writer(text, boolean), cache_retry_writes(text) TO regress_cf_w_owner, regress_cf_w_caller;
SET search_path = regress_cf_w, public;
SET ROLE regress_cf_w_owner;
CREATE TABLE page (id int PRIMARY KEY, views bigint NOT NULL DEFAULT 0);
INSERT INTO page SELECT generate_series(1, 5);
CREATE TABLE seen (by text, super boolean, setting text);
-- It would tell if it ran as anybody else, or later.
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	INSERT INTO regress_cf_w.seen SELECT current_user, rolsuper, current_setting('search_path') FROM pg_catalog.pg_roles WHERE rolname = current_user;
	RETURN NEW; END $$;
CREATE CONSTRAINT TRIGGER note AFTER UPDATE ON page DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note();
SELECT cache_define_writer('rrv', $$UPDATE page p SET views = p.views + b.value
	FROM unnest($1::int[], $2::bigint[]) AS b(id, value) WHERE p.id = b.id$$, '{int}', flush_interval => '1 hour');
SELECT cache_add('rrv', 1, 1);
RESET ROLE;
SELECT cache_add('rrv', 1, 2);
SELECT cache_flush_writes();
SELECT * FROM page WHERE views > 0 ORDER BY id;
SELECT DISTINCT * FROM seen;

--
-- What would run at COMMIT, or as somebody else, is an error: the writer waits
--
SET ROLE regress_cf_w_owner;
CREATE FUNCTION defer() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN SET CONSTRAINTS ALL DEFERRED; RETURN NEW; END $$;
CREATE TRIGGER defer BEFORE UPDATE ON page FOR EACH ROW EXECUTE FUNCTION defer();
SELECT cache_add('rrv', 1, 3);
RESET ROLE;
SELECT cache_flush_writes('0.5 s');
SELECT state, last_error FROM cache_writes WHERE name = 'rrv';
ALTER FUNCTION defer() RENAME TO other;
CREATE OR REPLACE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'SET ROLE ' || quote_ident(session_user); RETURN NEW; END $$;
SELECT cache_flush_writes('0.5 s');
SELECT state, last_error FROM cache_writes WHERE name = 'rrv';
CREATE OR REPLACE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DECLARE c CURSOR WITH HOLD FOR SELECT 1'; RETURN NEW; END $$;
SELECT cache_flush_writes('0.5 s');
SELECT state, last_error FROM cache_writes WHERE name = 'rrv';
-- What it sets is gone with it.
CREATE OR REPLACE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	IF current_setting('work_mem') = '123kB' THEN RAISE 'it stayed'; END IF; SET work_mem = '123kB'; RETURN NEW; END $$;
SELECT cache_flush_writes();
SELECT cache_add('rrv', 1, 3);
SELECT cache_flush_writes();
SELECT state FROM cache_writes WHERE name = 'rrv';
SELECT count(*) FROM cache_dead_writes WHERE writer = 'rrv';
DROP TRIGGER defer ON page;
SELECT DISTINCT by, super FROM seen;

--
-- Who may write
--
SET ROLE regress_cf_w_caller;
SELECT cache_add('rrv', 1, 4);
SELECT cache_pending('rrv', 4);
SELECT count(*) FROM cache_pending('rrv');
RESET ROLE;
GRANT SELECT, UPDATE ON page TO regress_cf_w_caller;
SET ROLE regress_cf_w_caller;
SELECT cache_add('rrv', 1, 4);
SELECT cache_pending('rrv', 4);
RESET ROLE;
REVOKE UPDATE ON page FROM regress_cf_w_caller;
GRANT UPDATE (id) ON page TO regress_cf_w_caller;
SET ROLE regress_cf_w_caller;
SELECT cache_add('rrv', 1, 4);
RESET ROLE;
REVOKE ALL ON page FROM regress_cf_w_caller;
SELECT cache_flush_writes();
-- Or whoever is named, and his members.
SET ROLE regress_cf_w_owner;
SELECT cache_define_writer('rrv', $$UPDATE page p SET views = p.views + b.value
	FROM unnest($1::int[], $2::bigint[]) AS b(id, value) WHERE p.id = b.id$$, '{int}', flush_interval => '1 hour',
	writers => '{regress_cf_w_group}');
SET ROLE regress_cf_w_caller;
SELECT cache_add('rrv', 1, 4);
RESET ROLE;
GRANT regress_cf_w_group TO regress_cf_w_caller;
SET ROLE regress_cf_w_caller;
SELECT cache_add('rrv', 1, 4);
-- His names are not the owner's.
CREATE TEMP TABLE page (id int, views bigint);
CREATE FUNCTION pg_temp.unnest(int[], bigint[]) RETURNS TABLE(id int, value bigint) LANGUAGE sql AS 'SELECT 4, 1000000::bigint';
SELECT cache_add('rrv', 1, 4);
DROP FUNCTION pg_temp.unnest;
RESET ROLE;
DROP TABLE pg_temp.page;
REVOKE regress_cf_w_group FROM regress_cf_w_caller;
SET ROLE regress_cf_w_caller;
SELECT cache_add('rrv', 1, 4);
RESET ROLE;
SELECT cache_flush_writes();
SELECT * FROM page WHERE id = 4;

--
-- A function of the owner's runs as nobody else, not even when a superuser writes
--
SET ROLE regress_cf_w_owner;
CREATE FUNCTION trap() RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
	IF current_user <> 'regress_cf_w_owner' THEN RAISE 'as %', current_user; END IF; RETURN 0; END $$;
SELECT cache_define_writer('rrt', $$UPDATE page p SET views = p.views + b.value
	FROM unnest($1::int[], $2::bigint[]) AS b(id, value) WHERE p.id = b.id + trap()$$, '{int}', flush_interval => '1 hour');
RESET ROLE;
SELECT cache_add('rrt', 1, 5);
SELECT cache_pending('rrt', 5);
SELECT cache_flush_writes();
SELECT * FROM page WHERE id = 5;
REVOKE EXECUTE ON FUNCTION trap() FROM PUBLIC;
GRANT SELECT, UPDATE ON page TO regress_cf_w_caller;
SET ROLE regress_cf_w_caller;
SELECT cache_add('rrt', 1, 5);
RESET ROLE;

--
-- Row security
--
ALTER TABLE page ENABLE ROW LEVEL SECURITY;
SET ROLE regress_cf_w_caller;
SELECT cache_add('rrv', 1, 4);
SET ROLE regress_cf_w_owner;
SELECT cache_define_writer('rrs', 'UPDATE page SET views = views + $2[1] WHERE id = $1[1]', '{int}');
SELECT cache_define_writer('rrs', $$UPDATE page p SET views = p.views + b.value
	FROM unnest($1::int[], $2::bigint[]) AS b(id, value) WHERE p.id = b.id$$, '{int}', flush_interval => '1 hour', security => 'definer');
SET ROLE regress_cf_w_caller;
SELECT cache_add('rrs', 1, 4), cache_add('rrs', 1, 5);
RESET ROLE;
-- And it is in force for the owner, where he says so.
ALTER TABLE page FORCE ROW LEVEL SECURITY;
CREATE POLICY most ON page USING (id <> 5);
SELECT cache_flush_writes();
SELECT id, views FROM page WHERE id >= 4 ORDER BY id;
SELECT args, error FROM cache_dead_writes WHERE writer = 'rrs';
ALTER TABLE page DISABLE ROW LEVEL SECURITY;

--
-- Whose a writer is
--
SET ROLE regress_cf_w_caller;
SELECT cache_define_writer('rrv', 'UPDATE page SET views = 0', '{}');
SELECT cache_drop_writer('rrv', discard => true);
SELECT cache_retry_writes('rrs');
INSERT INTO cache_writers (name, write) VALUES ('rrx', 'UPDATE page SET views = 0');
INSERT INTO cache_write_queue (writer) VALUES ('rrv');
SELECT * FROM cache_dead_writes;
RESET ROLE;
SELECT cache_define_writer('rrr', 'UPDATE page SET views = views + $1[1] WHERE id = 1', '{}');
SET ROLE regress_cf_w_owner;
\set VERBOSITY terse
SELECT cache_drop_writer('rrr');
\set VERBOSITY default
RESET ROLE;
-- Whoever may restore the table cannot name another as an owner.
GRANT INSERT ON cache_writers TO regress_cf_w_caller;
SELECT current_user AS super \gset
SET ROLE regress_cf_w_caller;
INSERT INTO cache_writers (name, write, value_type, owner) VALUES ('rrx', 'UPDATE page SET views = 0', 'bigint', :'super'),
	('rry', 'UPDATE page SET views = 0', 'bigint', 'regress_cf_w_caller'), ('rrz', 'UPDATE page SET views = 0', 'bigint', 'regress_cf_w_later');
RESET ROLE;
SELECT name, owner FROM cache_writers WHERE name IN ('rrx', 'rry', 'rrz') ORDER BY name;
SELECT cache_add('rrx', 1);
REVOKE INSERT ON cache_writers FROM regress_cf_w_caller;
-- With its owner gone it waits.
SELECT cache_add('rrv', 1, 1);
DROP OWNED BY regress_cf_w_caller, regress_cf_w_owner;
DROP ROLE regress_cf_w_owner;
SELECT cache_flush_writes('0.5 s');
SELECT state, buffered, last_error FROM cache_writes WHERE name = 'rrv';
SELECT cache_add('rrv', 1, 1);
SELECT cache_drop_writer(name, discard => true) FROM cache_writers WHERE name LIKE 'rr%' ORDER BY name;
DELETE FROM cache_dead_writes WHERE writer LIKE 'rr%';
DROP ROLE regress_cf_w_caller;
DROP ROLE regress_cf_w_group;
