-- Generated columns that are computed when they are read: triggers do not see
-- their values. Before 18 there are none.
SET client_min_messages = warning;
SELECT current_setting('server_version_num')::int < 180000 AS too_old \gset
\if :too_old
\quit
\endif
CREATE EXTENSION IF NOT EXISTS cachefront;
CREATE SCHEMA regress_cf_virtual;
SET search_path = regress_cf_virtual, public;
CREATE TABLE t (id int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) VIRTUAL,
	thrice int GENERATED ALWAYS AS (a * 3) STORED);
INSERT INTO t VALUES (1, 10), (2, 20);
-- a rule cannot name it
SELECT cache_attach('t', key => 'rv:{twice}'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_attach('t', tags => '{"rv:{id}:{twice}"}'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_attach('t', key => 'rv:{id}', columns => '{twice}'); \echo :LAST_ERROR_SQLSTATE
-- what is stored it can
SELECT count(cache_attach('t', key => 'rv_stored:{thrice}', columns => '{thrice}'));
SELECT cache_fetch('rv_stored:30', 'SELECT twice FROM t WHERE thrice = 30');
UPDATE t SET a = 11 WHERE id = 1;
SELECT cache_fetch('rv_stored:30', 'SELECT twice FROM t WHERE thrice = 30');
SELECT cache_detach('t');
-- a rule of before invalidates the whole table, and says so
ALTER TABLE t ADD COLUMN later int;
UPDATE t SET later = a * 2;
SELECT count(cache_attach('t', key => 'rv:{later}'));
SELECT cache_fetch('rv:22', 'SELECT id, a FROM t WHERE later = 22');
ALTER TABLE t DROP COLUMN later, ADD COLUMN later int GENERATED ALWAYS AS (a * 2) VIRTUAL;
SELECT problem FROM cache_rules WHERE rel = 't'::regclass;
SELECT cache_fetch('rv:22', 'SELECT id, a FROM t WHERE later = 22');
UPDATE t SET a = 12 WHERE id = 1;
SELECT cache_fetch('rv:22', 'SELECT id, a FROM t WHERE later = 22');
SELECT cache_detach('t');
-- of a filter
ALTER TABLE t DROP COLUMN later, ADD COLUMN later int;
SELECT count(cache_attach('t', key => 'rv:{id}', columns => '{later}'));
ALTER TABLE t DROP COLUMN later, ADD COLUMN later int GENERATED ALWAYS AS (a * 2) VIRTUAL;
SELECT problem FROM cache_rules WHERE rel = 't'::regclass;
SELECT cache_fetch('rv:1', 'SELECT later FROM t WHERE id = 1');
UPDATE t SET a = 13 WHERE id = 1;
SELECT cache_fetch('rv:1', 'SELECT later FROM t WHERE id = 1');
-- in queries it is a column like any other
SELECT * FROM cache_fetch_rows('rv:1', 'SELECT * FROM t WHERE id = 1') AS t(id int, a int, twice int, thrice int, later int);
SELECT * FROM cache_fetch_rows('rv:1', 'SELECT * FROM t WHERE id = 1') AS t(id int, a int, twice int, thrice int, later int);
DROP SCHEMA regress_cf_virtual CASCADE;
