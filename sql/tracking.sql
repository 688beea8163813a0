-- Exact with no rule attached: whoever writes, and in whatever way, what was read
-- from the table is out of date; and what only seems to write outdates nothing.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cachefront;
CREATE SCHEMA regress_cf_tracking;
SET search_path = regress_cf_tracking, public;
CREATE TABLE plain (id int PRIMARY KEY, v int NOT NULL DEFAULT 0);
CREATE TABLE child (id int PRIMARY KEY, plain int REFERENCES plain ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE parted (id int, v int NOT NULL DEFAULT 0) PARTITION BY RANGE (id);
CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (100);
CREATE TABLE parted_high PARTITION OF parted FOR VALUES FROM (100) TO (200) PARTITION BY RANGE (id);
CREATE TABLE parted_leaf PARTITION OF parted_high FOR VALUES FROM (100) TO (150);
CREATE TABLE other_base (v int);
CREATE TABLE base (v int);
CREATE TABLE heir () INHERITS (other_base, base);
CREATE UNLOGGED TABLE quick (v int);
CREATE TABLE elsewhere (v int);
CREATE MATERIALIZED VIEW summed AS SELECT count(*) AS n FROM plain;
CREATE UNIQUE INDEX ON summed (n);
CREATE VIEW viewed AS SELECT id, v FROM plain;
CREATE VIEW counted AS SELECT count(*) AS n FROM plain;
INSERT INTO plain SELECT i, 0 FROM generate_series(1, 10) i;
INSERT INTO child SELECT i, i FROM generate_series(1, 5) i;
INSERT INTO parted SELECT i, 0 FROM generate_series(1, 10) i;
INSERT INTO parted VALUES (101, 0);
CREATE TABLE watched (key text, query text);
INSERT INTO watched VALUES
	('plain', 'SELECT count(*) AS n, sum(v) AS v, sum(id) AS id FROM plain'),
	('view', 'SELECT n FROM counted'),
	('child', 'SELECT count(*) AS n, sum(plain) AS p FROM child'),
	('joined', 'SELECT count(*) AS n FROM child JOIN plain ON plain.id = child.plain WHERE v > 0'),
	('tree', 'SELECT count(*) AS n, sum(v) AS v FROM parted'),
	('pruned', 'SELECT count(*) AS n, sum(v) AS v FROM parted WHERE id < 50'),
	('middle', 'SELECT count(*) AS n, sum(v) AS v FROM parted_high'),
	('leaf', 'SELECT count(*) AS n, sum(v) AS v FROM parted_leaf'),
	('base', 'SELECT count(*) AS n, sum(v) AS v FROM base'),
	('second', 'SELECT count(*) AS n, sum(v) AS v FROM other_base'),
	('only', 'SELECT count(*) AS n FROM ONLY base'),
	('heir', 'SELECT count(*) AS n FROM heir'),
	('quick', 'SELECT count(*) AS n, sum(v) AS v FROM quick'),
	('matview', 'SELECT n FROM summed'),
	('elsewhere', 'SELECT count(*) AS n FROM elsewhere');
CREATE TABLE counter (n int);

-- Warms what is watched; the statement commits; which entries are out of date, and
-- which of those that are not are wrong?
CREATE PROCEDURE way(statement text, INOUT outdated text DEFAULT NULL, INOUT wrong text DEFAULT NULL)
LANGUAGE plpgsql AS $$
DECLARE
	w record;
	cached json;
	fresh json;
BEGIN
	outdated := '';
	wrong := '';
	FOR w IN SELECT key, query FROM watched LOOP
		PERFORM cache_fetch('tr:' || w.key, w.query);
	END LOOP;
	COMMIT;
	IF statement <> '' THEN
		EXECUTE statement;
		COMMIT;
	END IF;
	SELECT string_agg(s.key, ' ' ORDER BY s.key COLLATE "C") INTO outdated FROM (
		SELECT watched.key, (SELECT max(state) FROM cache_entries e
			WHERE e.key = 'tr:' || watched.key AND e.database = current_database()) AS state
		FROM watched) s WHERE s.state IS DISTINCT FROM 'fresh';
	FOR w IN SELECT key, query FROM watched ORDER BY key COLLATE "C" LOOP
		cached := cache_fetch('tr:' || w.key, w.query);
		EXECUTE format('SELECT coalesce(json_agg(t), ''[]'') FROM (%s) t', w.query) INTO fresh;
		IF cached::jsonb IS DISTINCT FROM fresh::jsonb THEN
			wrong := wrong || w.key || ' ';
		END IF;
	END LOOP;
END $$;

CREATE FUNCTION hits() RETURNS bigint LANGUAGE sql AS
	$$ SELECT l1_hits FROM cache_stats WHERE cache = '(default)' $$;

CALL way('');
SELECT item, value FROM cache_explain('tr:joined', (SELECT query FROM watched WHERE key = 'joined'))
	WHERE item IN ('table', 'covered');
-- ways to write
CALL way('INSERT INTO plain VALUES (11, 1)');
CALL way('UPDATE plain SET v = v + 1 WHERE id = 1');
CALL way('DELETE FROM plain WHERE id = 11');
CALL way('INSERT INTO plain VALUES (1, 5) ON CONFLICT (id) DO UPDATE SET v = excluded.v');
CALL way('MERGE INTO plain USING (VALUES (2), (12)) s(i) ON id = i WHEN MATCHED THEN UPDATE SET v = 2 WHEN NOT MATCHED THEN INSERT VALUES (i, 3)');
CALL way('WITH w AS (UPDATE plain SET v = 7 WHERE id = 3 RETURNING *) SELECT count(*) FROM w');
CALL way('UPDATE viewed SET v = 8 WHERE id = 4');
CALL way('UPDATE plain SET id = 20 WHERE id = 5');
CALL way('DELETE FROM plain WHERE id = 20');
CALL way('INSERT INTO parted VALUES (11, 1)');
CALL way('INSERT INTO parted_low VALUES (12, 1)');
CALL way('INSERT INTO parted_leaf VALUES (102, 1)');
CALL way('UPDATE parted SET id = 103 WHERE id = 12');
CALL way('UPDATE parted_high SET v = 4');
CALL way('INSERT INTO heir VALUES (1)');
CALL way('UPDATE base SET v = 2');
CALL way('UPDATE ONLY other_base SET v = 3');
CALL way('INSERT INTO base VALUES (5)');
CALL way('INSERT INTO quick VALUES (1)');
CALL way('REFRESH MATERIALIZED VIEW summed');
INSERT INTO plain VALUES (30, 0);
CALL way('REFRESH MATERIALIZED VIEW CONCURRENTLY summed');
CALL way('TRUNCATE quick');
CALL way('TRUNCATE child');
CALL way('TRUNCATE parted_leaf');
CALL way('TRUNCATE parted');
CALL way('TRUNCATE plain CASCADE');
COPY plain FROM stdin;
1	1
2	1
3	1
\.
CALL way('');
SET session_replication_role = replica;
CALL way('UPDATE plain SET v = 100 WHERE id = 1');
RESET session_replication_role;
-- COPY into a tree, with entries of it
CALL way('COPY parted FROM PROGRAM ''echo 1,7; echo 110,8'' (FORMAT csv)');
-- by functions, triggers, rules, deferred triggers, dynamic SQL
CREATE FUNCTION writes() RETURNS void LANGUAGE sql AS 'UPDATE plain SET v = v + 1 WHERE id = 2';
CALL way('SELECT writes()');
CREATE FUNCTION triggers() RETURNS trigger LANGUAGE plpgsql AS
	$$ BEGIN UPDATE plain SET v = v + 1 WHERE id = 3; RETURN NULL; END $$;
CREATE TRIGGER t AFTER INSERT ON elsewhere FOR EACH ROW EXECUTE FUNCTION triggers();
CALL way('INSERT INTO elsewhere VALUES (1)');
DROP TRIGGER t ON elsewhere;
CREATE CONSTRAINT TRIGGER t AFTER INSERT ON elsewhere DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION triggers();
CALL way('INSERT INTO elsewhere VALUES (2)');
DROP TRIGGER t ON elsewhere;
CREATE RULE r AS ON INSERT TO elsewhere DO ALSO INSERT INTO quick VALUES (1);
CALL way('INSERT INTO elsewhere VALUES (3)');
DROP RULE r ON elsewhere;
CALL way('DO $d$ BEGIN EXECUTE ''UPDATE pl'' || ''ain SET v = 9 WHERE id = 1''; END $d$');
-- names that change hands
CALL way('ALTER TABLE quick SET SCHEMA public; ALTER TABLE public.quick SET SCHEMA regress_cf_tracking');
CALL way('ALTER TABLE elsewhere RENAME TO swapped; CREATE TABLE elsewhere AS SELECT 1 AS v');
CALL way('INSERT INTO swapped VALUES (1)');
CALL way('INSERT INTO elsewhere VALUES (1)');
-- what has triggers that are off has no triggers; tracking asks none
CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fails'; END $$;
CREATE TRIGGER off BEFORE UPDATE ON plain FOR EACH ROW EXECUTE FUNCTION fails();
ALTER TABLE plain DISABLE TRIGGER ALL;
CALL way('UPDATE plain SET v = 10 WHERE id = 1');
ALTER TABLE plain ENABLE TRIGGER ALL;
DROP TRIGGER off ON plain;

-- what only seems to write
CALL way('UPDATE plain SET v = 0 WHERE id = -1');
CALL way('INSERT INTO plain VALUES (1) ON CONFLICT DO NOTHING');
CALL way('DELETE FROM plain WHERE false');
CALL way('SELECT * FROM plain FOR UPDATE');
CALL way('DO $d$ BEGIN BEGIN UPDATE plain SET v = 1; RAISE SQLSTATE ''XX001''; EXCEPTION WHEN SQLSTATE ''XX001'' THEN NULL; END; END $d$');
CALL way('CREATE TEMP TABLE mine AS SELECT 1 AS v');
CALL way('INSERT INTO mine VALUES (2); UPDATE mine SET v = 3; DELETE FROM mine');
CALL way('TRUNCATE mine');
CALL way('ANALYZE plain');
CALL way('INSERT INTO counter VALUES (1)');
BEGIN;
SAVEPOINT s;
UPDATE plain SET v = 77;
TRUNCATE quick;
ROLLBACK TO s;
INSERT INTO counter VALUES (2);
COMMIT;
CALL way('');
BEGIN;
UPDATE plain SET v = 77;
ROLLBACK;
CALL way('');

-- own writes: seen at once, undone by savepoints, and others' tables are still hits
SELECT hits() AS hits \gset
BEGIN;
INSERT INTO counter VALUES (3);
SELECT cache_fetch_row('tr:plain', query) IS NOT NULL AS fetched FROM watched WHERE key = 'plain';
SELECT hits() - :hits AS hits;
SAVEPOINT s;
UPDATE plain SET v = v + 1000;
SELECT (cache_fetch_row('tr:plain', query) ->> 'v')::int > 1000 AS seen FROM watched WHERE key = 'plain';
SELECT hits() - :hits AS hits;
ROLLBACK TO s;
SELECT (cache_fetch_row('tr:plain', query) ->> 'v')::int > 1000 AS seen FROM watched WHERE key = 'plain';
SELECT hits() - :hits AS hits;
SAVEPOINT s;
SAVEPOINT deeper;
INSERT INTO parted_leaf VALUES (120, 1);
RELEASE deeper;
SELECT cache_fetch_row('tr:tree', query) ->> 'n' AS n FROM watched WHERE key = 'tree';
SELECT cache_fetch_row('tr:pruned', query) ->> 'n' AS n FROM watched WHERE key = 'pruned';
SELECT hits() - :hits AS hits;
COMMIT;
CALL way('');
-- looks in savepoints leave the list of changes whole
BEGIN;
INSERT INTO counter VALUES (4);
SAVEPOINT a;
SELECT cache_fetch_row('tr:quick', query) ->> 'n' AS n FROM watched WHERE key = 'quick';
INSERT INTO quick VALUES (5);
SAVEPOINT b;
SELECT cache_fetch_row('tr:child', query) ->> 'n' AS n FROM watched WHERE key = 'child';
INSERT INTO child VALUES (50, NULL);
RELEASE a;
SELECT cache_fetch_row('tr:heir', query) ->> 'n' AS n FROM watched WHERE key = 'heir';
COMMIT;
CALL way('');
-- REPEATABLE READ takes what its snapshot proves
SELECT hits() AS hits \gset
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT cache_fetch_row('tr:plain', query) IS NOT NULL AS fetched FROM watched WHERE key = 'plain';
SELECT hits() - :hits AS hits;
COMMIT;

-- where PostgreSQL does not count, the database is forgotten
SELECT blind_commits AS blind FROM cache_stats WHERE cache = '*' \gset
SET track_counts = off;
CALL way('UPDATE plain SET v = 41 WHERE id = 1');
RESET track_counts;
CREATE FUNCTION blinds(int) RETURNS int LANGUAGE plpgsql SET track_counts = off AS
	$$ BEGIN PERFORM count(*) FROM plain; RETURN $1; END $$;
CALL way('UPDATE plain SET v = v + blinds(1)');
CALL way('DO $d$ BEGIN PERFORM set_config(''track_counts'', ''off'', true); UPDATE plain SET v = 43; PERFORM set_config(''track_counts'', ''on'', true); END $d$');
BEGIN;
SELECT set_config('track_counts', 'off', true);
INSERT INTO plain VALUES (60, 1);
SELECT cache_fetch_row('tr:plain', query) ->> 'n' = (SELECT count(*)::text FROM plain) AS seen FROM watched WHERE key = 'plain';
ROLLBACK;
CALL way('UPDATE plain SET v = 44');
SELECT blind_commits - :blind AS blind FROM cache_stats WHERE cache = '*';

-- what is not covered
CREATE SEQUENCE numbers;
CREATE FUNCTION covers(query text) RETURNS text LANGUAGE sql AS
	$$ SELECT value FROM cache_explain('tr:covers', query) WHERE item = 'covered' $$;
SELECT covers('SELECT last_value FROM numbers') AS sequence, covers('SELECT count(*) FROM pg_class') AS catalog,
	covers('SELECT count(*) FROM information_schema.sql_features') AS information_schema,
	covers('SELECT count(*) FROM plain, pg_class') AS both, covers('SELECT count(*) FROM plain') AS plain,
	covers('SELECT 1') AS nothing;
SELECT late_writes FROM cache_stats WHERE cache = '*';

DROP SCHEMA regress_cf_tracking CASCADE;
