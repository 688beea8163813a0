-- Would a plain statement be served? cache_explain says it, and EXPLAIN shows it.

CREATE TABLE tx_items (id int PRIMARY KEY, kind int, name text);
INSERT INTO tx_items SELECT g, g % 10, 'item ' || g FROM generate_series(1, 100) g;
CREATE TABLE tx_orders (id int PRIMARY KEY, item int, n int);
INSERT INTO tx_orders SELECT g, 1 + g % 100, g FROM generate_series(1, 300) g;
CREATE VIEW tx_sums AS SELECT item, sum(n) AS total FROM tx_orders GROUP BY item;
ANALYZE tx_items, tx_orders;

-- What says nothing of this server or session.
CREATE FUNCTION tx_explain(query text) RETURNS TABLE (item text, value text) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT * FROM cache_explain(query) e
		WHERE e.item NOT IN ('identity', 'role', 'session role', 'age', 'ttl left', 'load time', 'search path', 'negative ttl', 'stale ttl', 'bytes');
END $$;

-- Served or not, by whom it is asked for, and what it depends on.
SELECT * FROM tx_explain('SELECT name FROM tx_items WHERE id = 1');
SET cachefront.transparent = marked;
SELECT * FROM tx_explain('SELECT name FROM tx_items WHERE id = 1');
SELECT * FROM tx_explain('/* cache name=home ttl=30s */ SELECT total FROM tx_sums WHERE item < 3');
SELECT cache_query('SELECT name FROM tx_items WHERE id = $1', name => 'tx', ttl => '1 min', tags => '{shop}');
SELECT * FROM tx_explain('SELECT name FROM tx_items WHERE id = 7');
SELECT name FROM tx_items WHERE id = 7;
SELECT name FROM tx_items WHERE id = 7;
SELECT * FROM cache_explain('SELECT name FROM tx_items WHERE id = 7') WHERE item IN ('served', 'L1');
-- parameters: by type alone, or with values
SELECT * FROM tx_explain('SELECT name FROM tx_items WHERE id = $1');
SELECT * FROM cache_explain('SELECT name FROM tx_items WHERE id = $1', args => 8) WHERE item IN ('served', 'L1');
PREPARE tx_one(int) AS SELECT name FROM tx_items WHERE id = $1;
EXECUTE tx_one(9);
SELECT * FROM cache_explain('SELECT name FROM tx_items WHERE id = $1', args => 9) WHERE item IN ('served', 'L1');
SELECT * FROM cache_explain('SELECT name FROM tx_items WHERE id = $1 AND name = $2', args => (9, 'x')) WHERE item IN ('served', 'reason');
SELECT * FROM cache_explain('SELECT name FROM tx_items WHERE id = $1', args => (9, 'x'));
SELECT item, value FROM cache_explain('a key', 'SELECT 1') WHERE item = 'cached';
UPDATE tx_items SET name = 'new' WHERE id = 9;
SELECT * FROM cache_explain('SELECT name FROM tx_items WHERE id = $1', args => 9) WHERE item IN ('served', 'L1');
SELECT cache_query_drop('tx');

-- Why not.
CREATE TEMP TABLE tx_temp (a int);
SET cachefront.transparent = auto;
SELECT query, item, value
	FROM (VALUES ('SELECT 1'), ('SELECT name FROM tx_items FOR UPDATE'), ('SELECT now(), name FROM tx_items'),
			('SELECT random() FROM tx_items'), ('SELECT relname FROM pg_class'), ('SELECT a FROM tx_temp'),
			('SELECT ROW(id, name) FROM tx_items'),
			('SELECT count(*) FROM tx_items TABLESAMPLE SYSTEM (50)'), ('SELECT name FROM tx_items')) q(query),
		LATERAL cache_explain(query) WHERE item IN ('served', 'reason') ORDER BY query COLLATE "C", item;
SET cachefront.transparent = observe;
SELECT * FROM cache_explain('SELECT name FROM tx_items') WHERE item IN ('served', 'reason');
SET cachefront.transparent = auto;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT * FROM cache_explain('SELECT name FROM tx_items') WHERE item IN ('served', 'reason');
COMMIT;
SELECT * FROM cache_explain('DELETE FROM tx_items');
SELECT * FROM cache_explain('SELECT nothing FROM tx_items');
SELECT * FROM cache_explain(NULL);
-- rights, and policies
CREATE ROLE regress_tx;
SET ROLE regress_tx;
SELECT * FROM cache_explain('SELECT name FROM tx_items') WHERE item IN ('served', 'reason');
RESET ROLE;
GRANT SELECT ON tx_items TO regress_tx;
ALTER TABLE tx_items ENABLE ROW LEVEL SECURITY;
CREATE POLICY tx_policy ON tx_items USING (kind = 1);
SET ROLE regress_tx;
SELECT * FROM cache_explain('SELECT name FROM tx_items') WHERE item IN ('served', 'reason');
RESET ROLE;
ALTER TABLE tx_items DISABLE ROW LEVEL SECURITY;

-- EXPLAIN shows the plan itself, or, if so set, what asks the cache.
SELECT cache_query('SELECT name FROM tx_items WHERE id = $1', name => 'tx');
SET cachefront.transparent = marked;
EXPLAIN (COSTS OFF) SELECT name FROM tx_items WHERE id = 20;
SET cachefront.explain = on;
EXPLAIN (COSTS OFF) SELECT name FROM tx_items WHERE id = 20;
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) SELECT name FROM tx_items WHERE id = 20;
EXPLAIN (COSTS OFF) SELECT name FROM tx_items WHERE id = 20;
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) SELECT name FROM tx_items WHERE id = 20;
EXPLAIN (COSTS OFF, FORMAT JSON) SELECT name FROM tx_items WHERE id = 20;
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) EXECUTE tx_one(20);
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE tx_one(21);
-- what is not served, and why
EXPLAIN (COSTS OFF) SELECT name FROM tx_items WHERE kind = 1;
EXPLAIN (COSTS OFF, FORMAT JSON) SELECT name FROM tx_items WHERE kind = 1;
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) SELECT count(*), max(name) FROM tx_items WHERE kind = 1 ORDER BY min(id);
/* cache */ EXPLAIN (COSTS OFF) SELECT name, now() FROM tx_items WHERE kind = 1;
EXPLAIN (COSTS OFF) SELECT name FROM tx_items WHERE id = 20 FOR UPDATE;
EXPLAIN (COSTS OFF) SELECT 1;
EXPLAIN (COSTS OFF) WITH w AS (DELETE FROM tx_orders WHERE id = 1 RETURNING id) SELECT * FROM w;
EXPLAIN (COSTS OFF) UPDATE tx_items SET name = 'x' WHERE id = 20;
EXPLAIN (COSTS OFF) DECLARE c CURSOR FOR SELECT name FROM tx_items WHERE id = 20;
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) CREATE TABLE tx_copy AS SELECT name FROM tx_items WHERE id = 20;
SELECT * FROM tx_copy;
-- what EXPLAIN has let PostgreSQL keep is run as without
PREPARE tx_kind AS SELECT name FROM tx_items WHERE kind = 2 AND id < 20 ORDER BY id;
EXPLAIN (COSTS OFF) EXECUTE tx_kind;
EXECUTE tx_kind;
SET cachefront.explain = off;
EXPLAIN (COSTS OFF) EXECUTE tx_kind;
SET cachefront.explain = on;
SET cachefront.transparent = observe;
EXPLAIN (COSTS OFF) SELECT name FROM tx_items WHERE id = 20;
SET cachefront.transparent = off;
EXPLAIN (COSTS OFF) SELECT name FROM tx_items WHERE id = 20;
RESET cachefront.explain;
SELECT cache_query_drop('tx');
DEALLOCATE ALL;
DROP TABLE tx_copy;

RESET cachefront.transparent;
DROP TABLE tx_items, tx_orders CASCADE;
DROP FUNCTION tx_explain;
DROP ROLE regress_tx;
