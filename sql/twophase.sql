-- Two-phase commit: what a prepared transaction has changed counts for nobody until
-- it has ended; then it is out of date, or as before. Nothing else is touched.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cachefront;
CREATE SCHEMA regress_cf_twophase;
SET search_path = regress_cf_twophase, public;
CREATE TABLE changed (id int PRIMARY KEY, v int);
CREATE TABLE other (v int);
INSERT INTO changed SELECT i, 0 FROM generate_series(1, 100) i;
CREATE TABLE tree (id int, v int) PARTITION BY RANGE (id);
DO $$ BEGIN FOR i IN 0 .. 79 LOOP
	EXECUTE format('CREATE TABLE tree%s PARTITION OF tree FOR VALUES FROM (%s) TO (%s)', i, i, i + 1);
END LOOP; END $$;
CREATE FUNCTION look(OUT changed text, OUT other text, OUT tree text, OUT hits bigint) LANGUAGE plpgsql AS $$
DECLARE
	before bigint := l1_hits FROM cache_stats WHERE cache = '(default)';
BEGIN
	changed := cache_fetch_row('tp:changed', 'SELECT sum(v) AS v FROM changed') ->> 'v';
	other := cache_fetch_row('tp:other', 'SELECT count(*) AS v FROM other') ->> 'v';
	tree := cache_fetch_row('tp:tree', 'SELECT count(*) AS v FROM tree') ->> 'v';
	hits := l1_hits - before FROM cache_stats WHERE cache = '(default)';
END $$;
SELECT * FROM look();
SELECT * FROM look();
-- committed
BEGIN; UPDATE changed SET v = 1 WHERE id = 1; PREPARE TRANSACTION 'cf_tp';
SELECT * FROM look();
SELECT * FROM look();
COMMIT PREPARED 'cf_tp';
SELECT * FROM look();
SELECT * FROM look();
-- rolled back: the entry from before is as good as it was
BEGIN; UPDATE changed SET v = 2 WHERE id = 1; PREPARE TRANSACTION 'cf_tp';
SELECT * FROM look();
ROLLBACK PREPARED 'cf_tp';
SELECT * FROM look();
-- a name that is in use: PREPARE fails, and takes nothing from the first
BEGIN; UPDATE changed SET v = 3 WHERE id = 3; PREPARE TRANSACTION 'cf_tp';
BEGIN; INSERT INTO other VALUES (1); PREPARE TRANSACTION 'cf_tp';
SELECT * FROM look();
SELECT * FROM look();
COMMIT PREPARED 'cf_tp';
SELECT * FROM look();
SELECT * FROM look();
-- two at once, ended in the other order
BEGIN; UPDATE changed SET v = 4 WHERE id = 4; PREPARE TRANSACTION 'cf_tp1';
BEGIN; UPDATE changed SET v = 5 WHERE id = 5; PREPARE TRANSACTION 'cf_tp2';
COMMIT PREPARED 'cf_tp2';
SELECT * FROM look();
SELECT * FROM look();
COMMIT PREPARED 'cf_tp1';
SELECT * FROM look();
SELECT * FROM look();
-- TRUNCATE, savepoints
BEGIN; SAVEPOINT s; UPDATE changed SET v = 9; ROLLBACK TO s; INSERT INTO other VALUES (2); PREPARE TRANSACTION 'cf_tp';
SELECT * FROM look();
COMMIT PREPARED 'cf_tp';
SELECT * FROM look();
SELECT * FROM look();
BEGIN; TRUNCATE other; PREPARE TRANSACTION 'cf_tp';
COMMIT PREPARED 'cf_tp';
SELECT * FROM look();
SELECT * FROM look();
-- more tables than are kept one by one: the database
BEGIN; INSERT INTO tree SELECT i, 0 FROM generate_series(0, 79) i; PREPARE TRANSACTION 'cf_tp';
SELECT * FROM look();
COMMIT PREPARED 'cf_tp';
SELECT * FROM look();
SELECT * FROM look();
-- where PostgreSQL did not count, as well
BEGIN; SET LOCAL track_counts = off; UPDATE changed SET v = 20 WHERE id = 20; PREPARE TRANSACTION 'cf_tp';
SELECT * FROM look();
COMMIT PREPARED 'cf_tp';
SELECT * FROM look();
SELECT * FROM look();
-- invalidations by hand, and definitions
BEGIN; SELECT cache_invalidate('tp:changed'), cache_invalidate_tag('none'); PREPARE TRANSACTION 'cf_tp';
SELECT hits FROM look();
COMMIT PREPARED 'cf_tp';
SELECT hits FROM look();
SELECT hits FROM look();
BEGIN; CREATE TABLE made (a int); PREPARE TRANSACTION 'cf_tp';
SELECT hits FROM look();
ROLLBACK PREPARED 'cf_tp';
SELECT hits FROM look();
BEGIN; CREATE TABLE made (a int); PREPARE TRANSACTION 'cf_tp';
COMMIT PREPARED 'cf_tp';
SELECT hits FROM look();
-- nothing but an id
BEGIN; SELECT pg_current_xact_id() IS NOT NULL AS has_id; PREPARE TRANSACTION 'cf_tp';
SELECT hits FROM look();
COMMIT PREPARED 'cf_tp';
SELECT hits FROM look();
DROP SCHEMA regress_cf_twophase CASCADE;
