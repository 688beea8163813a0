-- Plain SELECTs that are served from the cache: what is, what is not, and that none
-- of them gives anything else than without it.

CREATE TABLE tp_shops (id int PRIMARY KEY, name text, big text, at timestamptz DEFAULT '2026-01-01');
INSERT INTO tp_shops SELECT g, 'shop ' || g FROM generate_series(1, 100) g;
CREATE TABLE tp_orders (id int PRIMARY KEY, shop int, amount numeric);
INSERT INTO tp_orders SELECT g, 1 + g % 100, g FROM generate_series(1, 1000) g;
CREATE VIEW tp_sums AS SELECT shop, sum(amount) AS total FROM tp_orders GROUP BY shop;
ANALYZE tp_shops, tp_orders;

-- What the last statement did: hits, and results that were kept, since the last call.
CREATE TEMP TABLE tp_seen (hits bigint, fills bigint);
INSERT INTO tp_seen VALUES (0, 0);
CREATE FUNCTION tp_did(OUT hits bigint, OUT kept bigint) LANGUAGE plpgsql AS $$
DECLARE s record; o record;
BEGIN
	SELECT c.l1_hits, c.fills INTO s FROM cache_stats c WHERE c.cache = '*';
	SELECT * INTO o FROM tp_seen;
	hits := s.l1_hits - o.hits;
	kept := s.fills - o.fills;
	UPDATE tp_seen t SET hits = s.l1_hits, fills = s.fills;
END $$;
SELECT FROM tp_did();

-- Off, nothing happens.
SHOW cachefront.transparent;
/* cache */ SELECT name FROM tp_shops WHERE id = 1;
/* cache */ SELECT name FROM tp_shops WHERE id = 1;
SELECT * FROM tp_did();

-- Marked, those that say so.
SET cachefront.transparent = marked;
SELECT name FROM tp_shops WHERE id = 1;
SELECT * FROM tp_did();
/* cache */ SELECT name FROM tp_shops WHERE id = 1;
/* cache */ SELECT name FROM tp_shops WHERE id = 1;
SELECT * FROM tp_did();
-- the comment may follow the first word, and others; its place in the text does not matter
SELECT /* mine */ /* cache */ name
	FROM tp_shops WHERE id = 1;
SELECT * FROM tp_did();
-- with options
/* cache name=home ttl=30s */ SELECT name FROM tp_shops WHERE id = 2;
/* cache ttl=30s name=home */ SELECT name FROM tp_shops WHERE id = 2;
SELECT * FROM tp_did();
SELECT split_part(key, ':', 1) AS cache, form, ttl_left <= '30 s' AS short
	FROM cache_entries WHERE key LIKE 'home:%';
-- none of ours
/* cached */ SELECT name FROM tp_shops WHERE id = 2;
/* cache it */ SELECT name FROM tp_shops WHERE id = 2;
/* cache ttl=soon */ SELECT name FROM tp_shops WHERE id = 2;
-- cache
SELECT name FROM tp_shops WHERE id = 2;
SELECT * FROM tp_did();

-- Any change is seen at once.
UPDATE tp_shops SET name = 'new' WHERE id = 1;
/* cache */ SELECT name FROM tp_shops WHERE id = 1;
SELECT * FROM tp_did();

-- From here on all that can be is served.
SET cachefront.transparent_min_saving = 0;
SET cachefront.transparent = auto;

-- Other texts of one meaning are one; others are not.
SELECT id, name FROM tp_shops WHERE id < 4 ORDER BY id;
select  ID ,  NAME  from  TP_SHOPS  where  ID  <  4  order  by  ID;
SELECT * FROM tp_did();
SELECT id, name AS title FROM tp_shops WHERE id < 4 ORDER BY id;
SELECT id, name FROM tp_shops WHERE id < 4 ORDER BY id DESC;
SELECT id::bigint, name FROM tp_shops WHERE id < 4 ORDER BY id;
SELECT * FROM tp_did();
-- pairs that statistics take for one
SELECT concat(VARIADIC ARRAY[name, 'x']) FROM tp_shops WHERE id = 3;
SELECT concat(ARRAY[name, 'x']) FROM tp_shops WHERE id = 3;
SELECT row_to_json(s) FROM (SELECT id AS x FROM tp_shops WHERE id = 3) s;
SELECT row_to_json(s) FROM (SELECT id AS y FROM tp_shops WHERE id = 3) s;
SELECT ARRAY[]::int[] FROM tp_shops WHERE id = 3;
SELECT ARRAY[]::text[] FROM tp_shops WHERE id = 3;
SELECT xmlelement(name foo, id) FROM tp_shops WHERE id = 3;
SELECT xmlelement(name bar, id) FROM tp_shops WHERE id = 3;
SELECT shop % 2 AS a, shop % 3 AS b, count(*) FROM tp_orders WHERE shop < 3 GROUP BY ROLLUP (1, 2) ORDER BY 1, 2;
SELECT shop % 2 AS a, shop % 3 AS b, count(*) FROM tp_orders WHERE shop < 3 GROUP BY CUBE (1, 2) ORDER BY 1, 2;
SELECT * FROM tp_did();

-- Known texts are not planned: what is found is what a plan would give.
SELECT name FROM tp_shops WHERE id = 51;
SELECT name FROM tp_shops WHERE id = 51;
SELECT name FROM tp_shops WHERE id = 51;
UPDATE tp_shops SET name = 'changed' WHERE id = 51;
SELECT name FROM tp_shops WHERE id = 51;
SELECT name FROM tp_shops WHERE id = 51;
SELECT * FROM tp_did();
-- the same text means something else: by the search path, the role, a setting, DDL
CREATE SCHEMA tp_other;
CREATE TABLE tp_other.tp_shops AS SELECT 51 AS id, 'elsewhere' AS name;
SET search_path = tp_other, public;
SELECT name FROM tp_shops WHERE id = 51;
SET search_path = public, tp_other;
SELECT name FROM tp_shops WHERE id = 51;
RESET search_path;
SELECT at FROM tp_shops WHERE at = '2026-01-01' AND id = 52;
SELECT at FROM tp_shops WHERE at = '2026-01-01' AND id = 52;
SELECT at FROM tp_shops WHERE at = '2026-01-01' AND id = 52;
SET TimeZone = 'Asia/Tokyo';
SELECT at FROM tp_shops WHERE at = '2026-01-01' AND id = 52;
RESET TimeZone;
SELECT * FROM tp_sums WHERE shop = 6;
SELECT * FROM tp_sums WHERE shop = 6;
SELECT * FROM tp_sums WHERE shop = 6;
CREATE OR REPLACE VIEW tp_sums AS SELECT shop, sum(amount) + 1 AS total FROM tp_orders GROUP BY shop;
SELECT * FROM tp_sums WHERE shop = 6;
CREATE OR REPLACE VIEW tp_sums AS SELECT shop, sum(amount) AS total FROM tp_orders GROUP BY shop;
SELECT * FROM tp_sums WHERE shop = 6;
DROP SCHEMA tp_other CASCADE;

-- Parameters: by value, by plans for one value and for all.
PREPARE tp_one(int) AS SELECT name FROM tp_shops WHERE id = $1;
EXECUTE tp_one(10);
EXECUTE tp_one(10);
SELECT * FROM tp_did();
SET plan_cache_mode = force_generic_plan;
EXECUTE tp_one(11);
EXECUTE tp_one(11);
EXECUTE tp_one(10);
EXECUTE tp_one(NULL);
UPDATE tp_shops SET name = 'eleven' WHERE id = 11;
EXECUTE tp_one(11);
RESET plan_cache_mode;
SELECT * FROM tp_did();
DEALLOCATE tp_one;

-- Views, joins, aggregates, no rows, many rows, wide values.
SELECT total FROM tp_sums WHERE shop = 5;
SELECT total FROM tp_sums WHERE shop = 5;
SELECT name FROM tp_shops WHERE id = -1;
SELECT name FROM tp_shops WHERE id = -1;
UPDATE tp_shops SET big = (SELECT string_agg(md5(g::text), '') FROM generate_series(1, 500) g) WHERE id = 20;
SELECT id, length(big), md5(big) FROM (SELECT id, big FROM tp_shops WHERE id = 20 OFFSET 0) s;
SELECT big FROM tp_shops WHERE id = 20 \gset first_
SELECT big FROM tp_shops WHERE id = 20 \gset second_
SELECT :'first_big' = :'second_big' AS same, length(:'second_big');
SELECT count(*), sum(x.amount) FROM (SELECT o.amount FROM tp_orders o JOIN tp_shops s ON s.id = o.shop OFFSET 0) x;
SELECT * FROM tp_did();

-- What is not served.
SELECT 1;
SELECT count(*) FROM pg_class WHERE relname = 'tp_shops';
SELECT name FROM tp_shops WHERE id = 2 FOR UPDATE;
SELECT id FROM tp_shops WHERE at < now() AND id = 2;
SELECT id FROM tp_shops WHERE random() < 2 AND id = 2;
SELECT id FROM tp_shops WHERE name::date = 'today' AND id < 0;
SELECT ctid FROM tp_shops WHERE id = 3;
SELECT count(*) >= 0 FROM tp_shops TABLESAMPLE SYSTEM (50);
SELECT current_setting('role'), id FROM tp_shops WHERE pg_backend_pid() < 0;
SELECT * FROM tp_did();
CREATE FUNCTION tp_user(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
SELECT tp_user(id) FROM tp_shops WHERE id = 2;
SELECT tp_user(id) FROM tp_shops WHERE id = 2;
CREATE TEMP TABLE tp_temporary AS SELECT 1 AS a;
SELECT a FROM tp_temporary;
SELECT a FROM tp_temporary;
CREATE SEQUENCE tp_numbers;
SELECT last_value FROM tp_numbers;
SELECT last_value FROM tp_numbers;
SELECT (s.id, s.name) FROM tp_shops s WHERE id = 2;
WITH w AS (DELETE FROM tp_orders WHERE id = -1 RETURNING id) SELECT count(*) FROM tp_shops, w;
SELECT * FROM tp_did();

-- A temporary table hides one that has been cached.
SELECT count(*) FROM tp_orders;
CREATE TEMP TABLE tp_orders (id int);
SELECT count(*) FROM tp_orders;
DROP TABLE pg_temp.tp_orders;
SELECT count(*) FROM tp_orders;

-- Own writes, savepoints, and what others may see of them.
BEGIN;
SELECT FROM tp_did();
UPDATE tp_shops SET name = 'mine' WHERE id = 30;
SELECT name FROM tp_shops WHERE id = 30;
SAVEPOINT a;
UPDATE tp_shops SET name = 'undone' WHERE id = 30;
SELECT name FROM tp_shops WHERE id = 30;
ROLLBACK TO a;
SELECT name FROM tp_shops WHERE id = 30;
-- an untouched table may be a hit
SELECT total FROM tp_sums WHERE shop = 5;
ROLLBACK;
SELECT name FROM tp_shops WHERE id = 30;
SELECT name FROM tp_shops WHERE id = 30;
SELECT * FROM tp_did();

-- One statement, one snapshot: a cursor, and functions in a query.
CREATE FUNCTION tp_count() RETURNS bigint STABLE LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM tp_orders); END';
CREATE FUNCTION tp_insert() RETURNS int LANGUAGE plpgsql AS 'BEGIN INSERT INTO tp_orders VALUES (2000, 1, 0); RETURN 1; END';
SELECT count(*) FROM tp_orders;
BEGIN;
DECLARE c CURSOR FOR SELECT count(*) FROM tp_orders;
INSERT INTO tp_orders VALUES (2001, 1, 0);
FETCH c;
ROLLBACK;
BEGIN;
SELECT tp_insert(), tp_count();
SELECT tp_count();
ROLLBACK;
SELECT tp_count();

-- A row that nobody asks for is not computed; an error comes where it came.
SELECT FROM tp_did();
DO $$
DECLARE v int;
BEGIN
	FOR i IN 1 .. 2 LOOP
		SELECT 1 / (id - 2) INTO v FROM tp_shops WHERE id < 3 ORDER BY id;
		RAISE NOTICE '%', v;
	END LOOP;
END $$;
SELECT 1 / (id - 2) FROM tp_shops WHERE id < 3 ORDER BY id;
SELECT 1 / (id - 2) FROM tp_shops WHERE id < 3 ORDER BY id;
SELECT * FROM tp_did();

-- Cursors that move, update and stay.
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id FROM tp_shops WHERE id < 4 ORDER BY id;
FETCH ALL c;
FETCH BACKWARD 2 FROM c;
CLOSE c;
DECLARE c CURSOR FOR SELECT id, name FROM tp_shops WHERE id = 40;
FETCH c;
UPDATE tp_shops SET name = 'current' WHERE CURRENT OF c;
SELECT name FROM tp_shops WHERE id = 40;
ROLLBACK;

-- COPY, CREATE TABLE AS, INSERT ... SELECT, PL/pgSQL loops.
COPY (SELECT id, name FROM tp_shops WHERE id < 4 ORDER BY id) TO STDOUT;
COPY (SELECT id, name FROM tp_shops WHERE id < 4 ORDER BY id) TO STDOUT;
CREATE TABLE tp_copy AS SELECT id, name FROM tp_shops WHERE id < 4;
SELECT count(*) FROM tp_copy;
INSERT INTO tp_copy SELECT id, name FROM tp_shops WHERE id < 4;
SELECT count(*) FROM tp_copy;
DO $$
DECLARE r record; n int := 0;
BEGIN
	FOR i IN 1 .. 3 LOOP
		FOR r IN SELECT id FROM tp_shops WHERE id <= 60 LOOP
			n := n + 1;
		END LOOP;
	END LOOP;
	RAISE NOTICE '% rows', n;
END $$;

-- EXPLAIN shows and runs the plan itself.
EXPLAIN (COSTS OFF) SELECT name FROM tp_shops WHERE id = 2;
-- 18 prints the number of rows as 1000.00.
DO $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) SELECT count(*) FROM tp_orders' LOOP
		RAISE NOTICE '%', replace(line, '.00', '');
	END LOOP;
END $$;

-- Rights count each time, also of what another has filled.
CREATE ROLE regress_tp_a;
CREATE ROLE regress_tp_b;
GRANT SELECT ON tp_shops TO regress_tp_a;
SET ROLE regress_tp_a;
SELECT name FROM tp_shops WHERE id = 3;
SELECT name FROM tp_shops WHERE id = 3;
SET ROLE regress_tp_b;
SELECT name FROM tp_shops WHERE id = 3;
RESET ROLE;
SELECT cache_define('shared_shops', scope => 'shared');
GRANT SELECT (id, name) ON tp_shops TO regress_tp_b;
SELECT FROM tp_did();
/* cache name=shared_shops */ SELECT name FROM tp_shops WHERE id = 3;
SET ROLE regress_tp_b;
/* cache name=shared_shops */ SELECT name FROM tp_shops WHERE id = 3;
RESET ROLE;
REVOKE ALL ON tp_shops FROM regress_tp_b;
SET ROLE regress_tp_b;
/* cache name=shared_shops */ SELECT name FROM tp_shops WHERE id = 3;
RESET ROLE;
SELECT * FROM tp_did();

-- Row security.
ALTER TABLE tp_orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY tp_policy ON tp_orders USING (shop = current_setting('tp.shop')::int);
GRANT SELECT ON tp_orders TO regress_tp_a, regress_tp_b;
SET ROLE regress_tp_a;
SET tp.shop = 1;
SELECT count(*), min(shop) FROM tp_orders;
SET tp.shop = 2;
SELECT count(*), min(shop) FROM tp_orders;
SET ROLE regress_tp_b;
SELECT count(*), min(shop) FROM tp_orders;
RESET ROLE;
SELECT count(DISTINCT shop) FROM tp_orders;

-- DDL.
CREATE TABLE tp_parts (id int, v text) PARTITION BY RANGE (id);
CREATE TABLE tp_parts_1 PARTITION OF tp_parts FOR VALUES FROM (1) TO (10);
INSERT INTO tp_parts VALUES (1, 'one');
SELECT * FROM tp_parts ORDER BY id;
SELECT * FROM tp_parts ORDER BY id;
CREATE TABLE tp_parts_2 (id int, v text);
INSERT INTO tp_parts_2 VALUES (11, 'eleven');
ALTER TABLE tp_parts ATTACH PARTITION tp_parts_2 FOR VALUES FROM (10) TO (20);
SELECT * FROM tp_parts ORDER BY id;
ALTER TABLE tp_parts DETACH PARTITION tp_parts_1;
SELECT * FROM tp_parts ORDER BY id;
ALTER TABLE tp_parts ADD COLUMN w int DEFAULT 7;
SELECT * FROM tp_parts ORDER BY id;
CREATE OR REPLACE VIEW tp_sums AS SELECT shop, -sum(amount) AS total FROM tp_orders GROUP BY shop;
SELECT total FROM tp_sums WHERE shop = 5;

-- Inside of a load the plan runs: what the load gives is kept by its own rules.
SELECT cache_fetch('tp', 'SELECT count(*) FROM tp_parts');
CREATE FUNCTION tp_parts_count() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM tp_parts); END';
SELECT tp_parts_count();
SELECT cache_fetch('tp_f', 'SELECT tp_parts_count()');
INSERT INTO tp_parts VALUES (12, 'twelve');
SELECT cache_fetch('tp_f', 'SELECT tp_parts_count()');
SELECT tp_parts_count();

RESET cachefront.transparent;
SELECT cache_drop('shared_shops');
DROP TABLE tp_parts, tp_parts_1, tp_copy, tp_shops CASCADE;
DROP TABLE tp_orders CASCADE;
DROP SEQUENCE tp_numbers;
DROP FUNCTION tp_did, tp_user, tp_count, tp_insert, tp_parts_count;
DROP ROLE regress_tp_a, regress_tp_b;
