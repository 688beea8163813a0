--
-- Row rules are proven by the plan of what is read, not believed by how a key is spelled
--
CREATE SCHEMA proven;
SET search_path = proven, public;
SET cachefront.notify = off;
SET client_min_messages = notice;
\set VERBOSITY terse

CREATE FUNCTION hits() RETURNS bigint LANGUAGE sql AS $$
	SELECT l1_hits FROM cache_stats WHERE cache = '*'
$$;

-- Reads a query, writes to a row that does not matter to it, reads again: is it still
-- a hit? Writes to one that does, and reads again: is the change seen? Says how the
-- tables are covered, too.
CREATE PROCEDURE prove(what text, query text, other text, own text, args text[] DEFAULT NULL)
LANGUAGE plpgsql AS $$
DECLARE
	key text := what;
	before bigint;
	hit boolean;
	seen json;
	truth json;
	line text;
BEGIN
	FOR line IN SELECT value FROM cache_explain(key, query, args) WHERE item = 'table' LOOP
		RAISE NOTICE '%: %', what, regexp_replace(line, 'cache_rule_[0-9a-f]{8}', 'R', 'g');
	END LOOP;
	COMMIT;
	PERFORM cache_fetch(key, query, args);
	COMMIT;
	-- who depends on a table for the first time has to read again
	PERFORM cache_fetch(key, query, args);
	COMMIT;
	EXECUTE other;
	COMMIT;
	before := hits();
	PERFORM cache_fetch(key, query, args);
	hit := hits() > before;
	COMMIT;
	EXECUTE own;
	COMMIT;
	seen := cache_fetch(key, query, args);
	COMMIT;
	SET LOCAL cachefront.enabled = off;
	truth := cache_fetch(key, query, args);
	COMMIT;
	RAISE NOTICE '%: other rows %, own row %', what, CASE WHEN hit THEN 'keep it' ELSE 'drop it' END,
		CASE WHEN seen::text = truth::text THEN 'seen' ELSE 'STALE: ' || seen || ' for ' || truth END;
END $$;

CREATE TABLE products (id int PRIMARY KEY, name text, price numeric, stock int, category int);
INSERT INTO products SELECT i, 'p' || i, i, 0, i % 3 FROM generate_series(1, 50) i;
CREATE TABLE orders (order_id bigint PRIMARY KEY, note text);
CREATE TABLE lines (order_id bigint, line int, product int, qty int, PRIMARY KEY (order_id, line));
INSERT INTO orders SELECT i, 'n' FROM generate_series(1, 50) i;
INSERT INTO lines SELECT i, k, k, 1 FROM generate_series(1, 50) i, generate_series(1, 2) k;
ANALYZE;

--
-- What rows are told apart by
--
SELECT cache_attach('products') IS NOT NULL AS attached;
SELECT cache_attach('products', columns => '{price}') IS NOT NULL AS attached;
SELECT cache_detach('products', columns => '{price}', rows => '{id}');
SELECT cache_attach('orders', key => 'order:{order_id}') IS NOT NULL AS attached;
SELECT cache_attach('lines', rows => '{order_id}') IS NOT NULL AS attached;
SELECT rel, kind, key, tags, rows, columns, problem FROM cache_rules ORDER BY rel::text COLLATE "C";
SELECT pg_get_triggerdef(oid) ~ 'cache_invalidate_row\(''row'', ''id''\)' AS written_down FROM pg_trigger
	WHERE tgrelid = 'products'::regclass AND tgname !~ 'truncate';
CREATE TABLE keyless (id int, j json);
SELECT cache_attach('keyless');
SELECT cache_attach('keyless', rows => '{j}');
SELECT cache_attach('keyless', rows => '{nothing}');
SELECT cache_attach('keyless', rows => array_fill('id'::text, ARRAY[17]));
SELECT cache_attach('keyless', rows => '{}', columns => '{id}');
SELECT cache_attach('keyless', rows => '{id}') IS NOT NULL AS attached;
SELECT cache_attach('keyless', rows => '{id}');
SELECT cache_detach('keyless', rows => '{}');
SELECT cache_detach('keyless', rows => '{id}');

--
-- However keys are spelled
--
CALL prove('simple', 'SELECT * FROM products WHERE id = 42', 'UPDATE products SET stock = stock + 1 WHERE id = 41',
	'UPDATE products SET stock = stock + 1 WHERE id = 42');
CALL prove('order:007', 'SELECT * FROM orders WHERE order_id = 7', 'UPDATE orders SET note = note || 1 WHERE order_id = 8',
	'UPDATE orders SET note = note || 1 WHERE order_id = 7');
-- a template that matches by accident
CALL prove('order:9', 'SELECT * FROM orders WHERE order_id = 10', 'UPDATE orders SET note = note || 1 WHERE order_id = 8',
	'UPDATE orders SET note = note || 1 WHERE order_id = 10');
CALL prove('order:11', 'SELECT count(*) FROM orders WHERE note <> ''n''', 'SELECT 1',
	'UPDATE orders SET note = note || 1 WHERE order_id = 12');
CREATE TABLE spelled (id int PRIMARY KEY, u uuid, n numeric, c char(5), vc varchar(9), iv interval, d date, ts timestamp,
	tz timestamptz, f float8, b bytea, t text, i2 smallint, ok bool, v int DEFAULT 0);
INSERT INTO spelled VALUES (1, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 1.50, 'ab', 'x', '1 day', '2026-01-31',
	'2026-01-31 12:00', '2026-01-31 12:00+00', 0, '\x00', 'T', 7, true);
INSERT INTO spelled VALUES (2, 'b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 2.50, 'cd', 'y', '2 days', '2026-02-01',
	'2026-02-01 12:00', '2026-02-01 12:00+00', 1, '\x01', 'U', 8, false);
SELECT count(cache_attach('spelled', rows => ARRAY[c])) FROM unnest('{u,n,c,vc,iv,d,ts,tz,f,b,t,i2,ok}'::text[]) c;
\set other '\'UPDATE spelled SET v = v + 1 WHERE id = 2\''
\set own '\'UPDATE spelled SET v = v + 1 WHERE id = 1\''
CALL prove('uuid', 'SELECT v FROM spelled WHERE u = ''A0EEBC999C0B4EF8BB6D6BB9BD380A11''', :other, :own);
CALL prove('numeric', 'SELECT v FROM spelled WHERE n = 1.5000', :other, :own);
CALL prove('numeric by int', 'SELECT v FROM spelled WHERE n = $1::numeric', :other, :own, '{1.5}');
CALL prove('char(n)', 'SELECT v FROM spelled WHERE c = ''ab ''', :other, :own);
CALL prove('char(n) as text', 'SELECT v FROM spelled WHERE c::text = ''ab''', :other, :own);
CALL prove('varchar', 'SELECT v FROM spelled WHERE vc = ''x''', :other, :own);
CALL prove('interval', 'SELECT v FROM spelled WHERE iv = ''24:00''', :other, :own);
CALL prove('date', 'SELECT v FROM spelled WHERE d = ''Jan 31 2026''', :other, :own);
CALL prove('date by timestamp', 'SELECT v FROM spelled WHERE d = timestamp ''2026-01-31''', :other, :own);
CALL prove('timestamp', 'SELECT v FROM spelled WHERE ts = ''2026-01-31 12:00''', :other, :own);
CALL prove('timestamptz', 'SELECT v FROM spelled WHERE tz = ''2026-01-31 14:00+02''', :other, :own);
CALL prove('float', 'SELECT v FROM spelled WHERE f = ''-0''', :other, :own);
CALL prove('float4', 'SELECT v FROM spelled WHERE f = ''-0''::float4', :other, :own);
CALL prove('bytea', 'SELECT v FROM spelled WHERE b = ''\000''', :other, :own);
CALL prove('boolean', 'SELECT v FROM spelled WHERE ok', :other, :own);
CALL prove('not', 'SELECT v FROM spelled WHERE ok = false', 'UPDATE spelled SET v = v + 1 WHERE id = 1', 'UPDATE spelled SET v = v + 1 WHERE id = 2');
-- operators across types, either way round
CALL prove('int2 by int8', 'SELECT v FROM spelled WHERE i2 = 7::bigint', :other, :own);
CALL prove('int8 by int2', 'SELECT * FROM orders WHERE 7::smallint = order_id', 'UPDATE orders SET note = note || 1 WHERE order_id = 8',
	'UPDATE orders SET note = note || 1 WHERE order_id = 7');
CALL prove('int2 by numeric', 'SELECT v FROM spelled WHERE i2 = 7.0', :other, :own);
CALL prove('name', 'SELECT v FROM spelled WHERE t = ''T''::name', :other, :own);
-- a row moves: both what it was and what it is count
CALL prove('comes', 'SELECT count(*) FROM spelled WHERE i2 = 9', :other, 'UPDATE spelled SET i2 = 9 WHERE id = 1');
CALL prove('goes', 'SELECT count(*) FROM spelled WHERE i2 = 9', :other, 'UPDATE spelled SET i2 = 7 WHERE id = 1');
CALL prove('new', 'SELECT count(*) FROM spelled WHERE i2 = 10', :other, 'INSERT INTO spelled (id, i2) VALUES (3, 10)');
CALL prove('old', 'SELECT count(*) FROM spelled WHERE i2 = 10', :other, 'DELETE FROM spelled WHERE id = 3');

--
-- A table that is in the plan twice
--
CALL prove('self-join', 'SELECT a.note, b.note FROM orders a, orders b WHERE a.order_id = 1 AND b.order_id = 2',
	'UPDATE orders SET note = note || 1 WHERE order_id = 3', 'UPDATE orders SET note = note || 1 WHERE order_id = 2');
CALL prove('self-join, once', 'SELECT count(*) FROM orders a, orders b WHERE a.order_id = 1 AND a.note = b.note',
	'SELECT 1', 'UPDATE orders SET note = note || 2 WHERE order_id = 49');
CALL prove('subselect', 'SELECT note, (SELECT count(*) FROM orders) FROM orders WHERE order_id = 1',
	'SELECT 1', 'INSERT INTO orders VALUES (100)');
CALL prove('min', 'SELECT min(order_id) FROM orders', 'SELECT 1', 'INSERT INTO orders VALUES (-1)');
CALL prove('not exists', 'SELECT 1 WHERE NOT EXISTS (SELECT FROM orders WHERE order_id = 77)',
	'INSERT INTO orders VALUES (76)', 'INSERT INTO orders VALUES (77)');
CALL prove('CTE', 'WITH o AS MATERIALIZED (SELECT * FROM orders WHERE order_id = 5) SELECT * FROM o, orders p WHERE p.order_id = 6',
	'UPDATE orders SET note = note || 1 WHERE order_id = 3', 'UPDATE orders SET note = note || 1 WHERE order_id = 5');

--
-- Views, and constants that joins hand on
--
CREATE VIEW detail AS SELECT o.order_id, o.note, l.line, l.qty FROM orders o JOIN lines l ON l.order_id = o.order_id;
CALL prove('view', 'SELECT * FROM detail WHERE order_id = 20 ORDER BY line', 'UPDATE lines SET qty = qty + 1 WHERE order_id = 21',
	'UPDATE lines SET qty = qty + 1 WHERE order_id = 20 AND line = 2');
CALL prove('join', 'SELECT * FROM orders o JOIN lines l USING (order_id) WHERE l.order_id = 22 ORDER BY line',
	'UPDATE orders SET note = note || 1 WHERE order_id = 21', 'UPDATE orders SET note = note || 1 WHERE order_id = 22');
CALL prove('outer join', 'SELECT * FROM orders o LEFT JOIN lines l ON l.order_id = o.order_id AND l.qty > 100 WHERE o.order_id = 23',
	'UPDATE lines SET qty = 200 WHERE order_id = 24', 'UPDATE lines SET qty = 200 WHERE order_id = 23 AND line = 1');
CALL prove('outer join, other side', 'SELECT count(l.qty) FROM orders o LEFT JOIN lines l ON l.order_id = 25',
	'UPDATE lines SET qty = 200 WHERE order_id = 26', 'INSERT INTO lines VALUES (25, 9)');
CALL prove('semi-join', 'SELECT note FROM orders o WHERE order_id = 27 AND EXISTS (SELECT FROM lines l WHERE l.order_id = o.order_id AND qty > 100)',
	'UPDATE lines SET qty = 200 WHERE order_id = 28', 'UPDATE lines SET qty = 200 WHERE order_id = 27');
CALL prove('lateral', 'SELECT o.note, l.* FROM orders o, LATERAL (SELECT sum(qty) FROM lines l WHERE l.order_id = o.order_id) l WHERE o.order_id = 30',
	'UPDATE lines SET qty = 200 WHERE order_id = 29', 'UPDATE lines SET qty = 200 WHERE order_id = 30 AND line = 1');

--
-- NULLs and lists
--
CALL prove('NULL', 'SELECT count(*) FROM spelled WHERE i2 = $1::smallint', 'UPDATE spelled SET i2 = NULL WHERE id = 2', 'UPDATE spelled SET i2 = 8 WHERE id = 2', '{NULL}');
CALL prove('IS NULL', 'SELECT count(*) FROM spelled WHERE i2 IS NULL', 'SELECT 1', 'UPDATE spelled SET i2 = NULL WHERE id = 2');
UPDATE spelled SET i2 = 8 WHERE id = 2;
CALL prove('IN', 'SELECT * FROM products WHERE id IN (1, 2, NULL) ORDER BY id', 'UPDATE products SET stock = stock + 1 WHERE id = 3',
	'UPDATE products SET stock = stock + 1 WHERE id = 2');
CALL prove('= ANY', 'SELECT * FROM products WHERE id = ANY ($1::int[]) ORDER BY id', 'UPDATE products SET stock = stock + 1 WHERE id = 3',
	'UPDATE products SET stock = stock + 1 WHERE id = 2', '{"{1,2,NULL}"}');
CALL prove('= ANY, NULL', 'SELECT count(*) FROM products WHERE id = ANY ($1::int[])', 'UPDATE products SET stock = stock + 1 WHERE id = 3',
	'UPDATE products SET stock = stock + 1 WHERE id = 2', '{NULL}');
CALL prove('= ANY, empty', 'SELECT count(*) FROM products WHERE id = ANY ($1::int[])', 'UPDATE products SET stock = stock + 1 WHERE id = 3',
	'UPDATE products SET stock = stock + 1 WHERE id = 2', '{"{}"}');
-- true of rows that are in no list
CALL prove('= ALL', 'SELECT sum(stock) FROM products WHERE id = ALL ($1::int[])', 'SELECT 1',
	'UPDATE products SET stock = stock + 1 WHERE id = 3', '{"{}"}');
CALL prove('<> ALL', 'SELECT sum(stock) FROM products WHERE id <> ALL (''{1,2}'')', 'SELECT 1',
	'UPDATE products SET stock = stock + 1 WHERE id = 3');
CALL prove('NOT', 'SELECT sum(stock) FROM products WHERE NOT id = 4', 'SELECT 1',
	'UPDATE products SET stock = stock + 1 WHERE id = 3');
CALL prove('OR', 'SELECT sum(stock) FROM products WHERE id = 4 OR stock > 0', 'SELECT 1',
	'UPDATE products SET stock = stock + 1 WHERE id = 3');
CALL prove('32 of them', 'SELECT sum(stock) FROM products WHERE id = ANY (ARRAY(SELECT generate_series(1, 32)))', 'SELECT 1',
	'UPDATE products SET stock = stock + 1 WHERE id = 3');
SELECT format('SELECT sum(stock) FROM products WHERE id IN (%s)', string_agg(i::text, ',')) AS list32 FROM generate_series(1, 32) i \gset
SELECT format('SELECT sum(stock) FROM products WHERE id IN (%s)', string_agg(i::text, ',')) AS list33 FROM generate_series(1, 33) i \gset
CALL prove('32', :'list32', 'UPDATE products SET stock = stock + 1 WHERE id = 33', 'UPDATE products SET stock = stock + 1 WHERE id = 32');
CALL prove('33', :'list33', 'UPDATE products SET stock = stock + 1 WHERE id = 34', 'UPDATE products SET stock = stock + 1 WHERE id = 32');
-- two columns: each with each
CREATE TABLE tenants (tenant int, id int, v int, PRIMARY KEY (tenant, id));
INSERT INTO tenants SELECT i, k, 0 FROM generate_series(1, 5) i, generate_series(1, 5) k;
SELECT cache_attach('tenants') IS NOT NULL AS attached;
CALL prove('two columns', 'SELECT sum(v) FROM tenants WHERE id IN (1, 2) AND tenant IN (3, 4)',
	'UPDATE tenants SET v = v + 1 WHERE tenant = 3 AND id = 3', 'UPDATE tenants SET v = v + 1 WHERE tenant = 4 AND id = 1');
CALL prove('36 of two columns', 'SELECT sum(v) FROM tenants WHERE id IN (1, 2, 3, 4, 5, 6) AND tenant IN (1, 2, 3, 4, 5, 6)',
	'SELECT 1', 'UPDATE tenants SET v = v + 1 WHERE tenant = 4 AND id = 1');
CALL prove('one of two', 'SELECT sum(v) FROM tenants WHERE tenant = 3', 'SELECT 1', 'UPDATE tenants SET v = v + 1 WHERE tenant = 3 AND id = 1');
SELECT cache_attach('tenants', key => 't:{id}:{tenant}', tags => '{"of:{tenant}"}') IS NOT NULL AS attached;
CALL prove('one of two, a family', 'SELECT sum(v) FROM tenants WHERE tenant = 3', 'UPDATE tenants SET v = v + 1 WHERE tenant = 2 AND id = 1',
	'UPDATE tenants SET v = v + 1 WHERE tenant = 3 AND id = 1');

--
-- Columns that count
--
SELECT cache_detach('products');
SELECT cache_attach('products', columns => '{price}') IS NOT NULL AS attached;
CALL prove('columns', 'SELECT price FROM products WHERE id = 5', 'UPDATE products SET stock = stock + 1 WHERE id = 5',
	'UPDATE products SET price = price + 1 WHERE id = 5');
CALL prove('another column', 'SELECT price, stock FROM products WHERE id = 5', 'SELECT 1', 'UPDATE products SET stock = stock + 1 WHERE id = 5');
CALL prove('another in WHERE', 'SELECT price FROM products WHERE id = 5 AND stock >= 0', 'SELECT 1', 'UPDATE products SET stock = -1 WHERE id = 5');
CALL prove('another in ORDER BY', 'SELECT id FROM products WHERE id IN (6, 7) ORDER BY stock', 'SELECT 1', 'UPDATE products SET stock = 100 WHERE id = 6');
CALL prove('another in a join', 'SELECT p.price FROM products p JOIN orders o ON o.order_id = p.stock WHERE p.id = 8 AND o.order_id < 3', 'SELECT 1',
	'UPDATE products SET stock = 2 WHERE id = 8');
CALL prove('whole row', 'SELECT p FROM products p WHERE id = 5', 'SELECT 1', 'UPDATE products SET stock = stock + 1 WHERE id = 5');
CALL prove('where it lies', 'SELECT ctid FROM products p WHERE id = 5', 'SELECT 1', 'UPDATE products SET stock = stock + 1 WHERE id = 5');
SELECT cache_detach('products');

--
-- Row security: what policies read and ask for counts as well
--
CREATE ROLE regress_cf_proven;
GRANT USAGE ON SCHEMA proven TO regress_cf_proven;
GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA proven TO regress_cf_proven;
CREATE POLICY cheap ON products USING (stock < 1000);
ALTER TABLE products ENABLE ROW LEVEL SECURITY;
SELECT cache_attach('products', columns => '{price}') IS NOT NULL AS attached;
SELECT cache_define('rls', scope => 'setting:app.tenant');
SET ROLE regress_cf_proven;
CALL prove('rls:policy', 'SELECT price FROM products WHERE id = 9', 'SELECT 1', 'UPDATE products SET stock = 999 WHERE id = 9');
RESET ROLE;
SELECT cache_detach('products');
SELECT cache_attach('products') IS NOT NULL AS attached;
SET ROLE regress_cf_proven;
CALL prove('rls:rows', 'SELECT price FROM products WHERE id = 10', 'UPDATE products SET stock = 7 WHERE id = 11', 'UPDATE products SET stock = 999 WHERE id = 10');
RESET ROLE;
ALTER TABLE products DISABLE ROW LEVEL SECURITY;
SELECT cache_drop('rls');

--
-- Collations
--
CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE words (id int PRIMARY KEY, cs text, ci text COLLATE ci, v int DEFAULT 0);
INSERT INTO words VALUES (1, 'a', 'a'), (2, 'A', 'A'), (3, 'b', 'b');
SELECT count(cache_attach('words', rows => ARRAY[c])) FROM unnest('{cs,ci}'::text[]) c;
CALL prove('tells apart less', 'SELECT sum(v) FROM words WHERE cs = ''a'' COLLATE ci', 'SELECT 1', 'UPDATE words SET v = v + 1 WHERE id = 2');
CALL prove('as the column', 'SELECT sum(v) FROM words WHERE ci = ''A''', 'UPDATE words SET v = v + 1 WHERE id = 3', 'UPDATE words SET v = v + 1 WHERE id = 1');
CALL prove('tells apart more', 'SELECT sum(v) FROM words WHERE ci = ''a'' COLLATE "C"', 'UPDATE words SET v = v + 1 WHERE id = 3', 'UPDATE words SET v = v + 1 WHERE id = 1');
CALL prove('as another', 'SELECT sum(v) FROM words WHERE cs = ''a'' COLLATE "C"', 'UPDATE words SET v = v + 1 WHERE id = 2', 'UPDATE words SET v = v + 1 WHERE id = 1');

--
-- Domains, enums, arrays, and what has no hash
--
CREATE TYPE colour AS ENUM ('red', 'green');
CREATE DOMAIN code AS varchar(5);
CREATE TABLE kinds (id int PRIMARY KEY, e colour, dm code, ar int[], r int4range, p point, v int DEFAULT 0);
INSERT INTO kinds VALUES (1, 'red', 'a', '{1,2}', '[1,2)', '(1,1)'), (2, 'green', 'b', '{2}', '[2,3)', '(2,2)');
SELECT count(cache_attach('kinds', rows => ARRAY[c])) FROM unnest('{e,dm,ar}'::text[]) c;
SELECT cache_attach('kinds', rows => '{r}');
SELECT cache_attach('kinds', rows => '{p}');
SELECT cache_attach('kinds', tags => '{"p:{p}"}') IS NOT NULL AS attached;
\set other '\'UPDATE kinds SET v = v + 1 WHERE id = 2\''
\set own '\'UPDATE kinds SET v = v + 1 WHERE id = 1\''
CALL prove('enum', 'SELECT v FROM kinds WHERE e = ''red''', :other, :own);
CALL prove('domain', 'SELECT v FROM kinds WHERE dm = ''a''', :other, :own);
CALL prove('array', 'SELECT v FROM kinds WHERE ar = ''{1,2}''', :other, :own);
CALL prove('range', 'SELECT v FROM kinds WHERE r = ''[1,1]''', :other, :own);
CALL prove('point', 'SELECT v FROM kinds WHERE p ~= ''(1,1)''', :other, :own);

--
-- UNION ALL: each member by its own conditions; columns lie elsewhere
--
CREATE TABLE u1 (id int PRIMARY KEY, x int);
CREATE TABLE u2 (x int, id int PRIMARY KEY);
INSERT INTO u1 SELECT i, i + 1 FROM generate_series(1, 5) i;
INSERT INTO u2 SELECT i + 1, i FROM generate_series(1, 5) i;
SELECT count(cache_attach(t)) FROM unnest('{u1,u2}'::regclass[]) t;
CALL prove('union all', 'SELECT * FROM (SELECT id, x FROM u1 UNION ALL SELECT id, x FROM u2) u WHERE id = 2',
	'UPDATE u2 SET x = 0 WHERE id = 1', 'UPDATE u2 SET x = 0 WHERE id = 2');
CALL prove('union all, own conditions', 'SELECT * FROM (SELECT id, x FROM u1 WHERE id = 3 UNION ALL SELECT id, x FROM u2 WHERE x = 4) u',
	'UPDATE u1 SET x = x + 1 WHERE id = 1', 'UPDATE u2 SET x = 4 WHERE id = 5');
CALL prove('union', 'SELECT id FROM u1 WHERE id = 3 UNION SELECT x FROM u2 WHERE id = 3',
	'UPDATE u2 SET x = 77 WHERE id = 4', 'UPDATE u2 SET x = 77 WHERE id = 3');

--
-- Inheritance: row triggers are not inherited, so each child needs its own
--
CREATE TABLE parent (id int PRIMARY KEY, v int);
SELECT cache_attach('parent') IS NOT NULL AS attached;
CREATE TABLE child (more int) INHERITS (parent);
INSERT INTO parent VALUES (1, 0), (2, 0);
INSERT INTO child VALUES (1, 0), (3, 0);
CALL prove('child without', 'SELECT sum(v) FROM parent WHERE id = 1', 'UPDATE ONLY parent SET v = v + 1 WHERE id = 2', 'UPDATE child SET v = v + 1 WHERE id = 1');
CALL prove('parent alone', 'SELECT sum(v) FROM ONLY parent WHERE id = 1', 'UPDATE ONLY parent SET v = v + 1 WHERE id = 2', 'UPDATE parent SET v = v + 1 WHERE id = 1');
SELECT cache_attach('child', rows => '{id}') IS NOT NULL AS attached;
CALL prove('child with', 'SELECT sum(v) FROM parent WHERE id = 1', 'UPDATE parent SET v = v + 1 WHERE id > 1', 'UPDATE child SET v = v + 1 WHERE id = 1');

--
-- Partitions: as their table; columns lie elsewhere
--
CREATE TABLE part (region int, id int, v int, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE part1 PARTITION OF part FOR VALUES IN (1) PARTITION BY RANGE (id);
CREATE TABLE part1a PARTITION OF part1 FOR VALUES FROM (0) TO (10);
CREATE TABLE part2 (v int, dropped int, id int NOT NULL, region int NOT NULL);
ALTER TABLE part2 DROP COLUMN dropped;
ALTER TABLE part ATTACH PARTITION part2 FOR VALUES IN (2);
SELECT cache_attach('part', rows => '{id}') IS NOT NULL AS attached;
INSERT INTO part SELECT r, i, 0 FROM generate_series(1, 2) r, generate_series(1, 5) i;
CALL prove('partitions', 'SELECT sum(v) FROM part WHERE id = 3', 'UPDATE part SET v = v + 1 WHERE id = 4', 'UPDATE part2 SET v = v + 1 WHERE id = 3');
CALL prove('a partition', 'SELECT sum(v) FROM part1a WHERE id = 3', 'UPDATE part SET v = v + 1 WHERE id = 4', 'UPDATE part1 SET v = v + 1 WHERE id = 3');
CALL prove('a row moves', 'SELECT count(*) FROM part WHERE id = 3 AND region = 2', 'UPDATE part SET v = v + 1 WHERE id = 4',
	'DELETE FROM part2 WHERE id = 3; UPDATE part SET region = 2 WHERE id = 3');
CREATE TABLE part3 PARTITION OF part FOR VALUES IN (3);
CALL prove('a new one', 'SELECT sum(v) FROM part WHERE id = 5', 'INSERT INTO part VALUES (3, 6, 6)', 'INSERT INTO part3 VALUES (3, 5, 5)');
CALL prove('a partition without', 'SELECT sum(v) FROM part WHERE region = 3', 'SELECT 1', 'INSERT INTO part3 VALUES (3, 7, 5)');
-- a rule of a part of the tree covers no more than that
SELECT cache_detach('part');
SELECT cache_attach('part1', rows => '{id}') IS NOT NULL AS attached;
CALL prove('part of the tree', 'SELECT sum(v) FROM part WHERE id = 2', 'SELECT 1', 'UPDATE part2 SET v = v + 1 WHERE id = 2');
CALL prove('part by itself', 'SELECT sum(v) FROM part1 WHERE id = 2', 'UPDATE part SET v = v + 1 WHERE id = 4', 'UPDATE part SET v = v + 1 WHERE id = 2');

--
-- Statements of functions: custom and generic plans, of this load or another
--
CREATE FUNCTION note_of(bigint) RETURNS text STABLE LANGUAGE plpgsql AS $$
BEGIN RETURN (SELECT note FROM orders WHERE order_id = $1); END $$;
CREATE FUNCTION note_by_sql(bigint) RETURNS text STABLE LANGUAGE sql AS 'SELECT note FROM orders WHERE order_id = $1';
CALL prove('by plpgsql', 'SELECT note_of(33)', 'UPDATE orders SET note = note || 1 WHERE order_id = 34', 'UPDATE orders SET note = note || 1 WHERE order_id = 33');
CALL prove('by plpgsql', 'SELECT note_of(33)', 'UPDATE orders SET note = note || 1 WHERE order_id = 34', 'UPDATE orders SET note = note || 1 WHERE order_id = 33');
CALL prove('by sql', 'SELECT note_by_sql(31)', 'UPDATE orders SET note = note || 1 WHERE order_id = 32', 'UPDATE orders SET note = note || 1 WHERE order_id = 31');

-- a plan that was made when nobody looked: of this table nothing is known
SET plan_cache_mode = force_generic_plan;
CREATE FUNCTION old_plan(bigint) RETURNS text STABLE LANGUAGE plpgsql AS $$
BEGIN RETURN (SELECT note FROM orders WHERE order_id = $1); END $$;
SELECT old_plan(35) IS NOT NULL AS planned;
CALL prove('plan of before', 'SELECT old_plan(35)', 'UPDATE orders SET note = note || 1 WHERE order_id = 36', 'UPDATE orders SET note = note || 1 WHERE order_id = 35');
-- and one that a load made serves all others, with values of their own
CREATE FUNCTION generic(bigint) RETURNS text STABLE LANGUAGE plpgsql AS $$
BEGIN RETURN (SELECT note FROM orders WHERE order_id = $1); END $$;
CALL prove('generic', 'SELECT generic(37)', 'UPDATE orders SET note = note || 1 WHERE order_id = 38', 'UPDATE orders SET note = note || 1 WHERE order_id = 37');
CALL prove('generic again', 'SELECT generic(38)', 'UPDATE orders SET note = note || 1 WHERE order_id = 37', 'UPDATE orders SET note = note || 1 WHERE order_id = 38');
RESET plan_cache_mode;
-- what is not seen
CALL prove('sample', 'SELECT * FROM products TABLESAMPLE bernoulli (100) WHERE id = 12', 'SELECT 1', 'UPDATE products SET stock = stock + 1 WHERE id = 12');

--
-- Rules that note less than every change prove nothing
--
CREATE TABLE hand (id int PRIMARY KEY, v int);
INSERT INTO hand VALUES (1, 0), (2, 0);
CREATE TRIGGER hand_when AFTER INSERT OR UPDATE OR DELETE ON hand FOR EACH ROW WHEN (pg_trigger_depth() > 5)
	EXECUTE FUNCTION cache_invalidate_row('row', 'id');
CREATE TRIGGER hand_some AFTER INSERT OR UPDATE ON hand FOR EACH ROW EXECUTE FUNCTION cache_invalidate_row('row', 'id');
CREATE TRIGGER hand_off AFTER INSERT OR UPDATE OR DELETE ON hand FOR EACH ROW EXECUTE FUNCTION cache_invalidate_row('row', 'id');
ALTER TABLE hand DISABLE TRIGGER hand_off;
CALL prove('none of them', 'SELECT * FROM hand WHERE id = 1', 'UPDATE hand SET v = v + 1 WHERE id = 2', 'UPDATE hand SET v = v + 1 WHERE id = 1');
ALTER TABLE hand ENABLE TRIGGER hand_off;
CALL prove('one of them', 'SELECT * FROM hand WHERE id = 1', 'UPDATE hand SET v = v + 1 WHERE id = 2', 'UPDATE hand SET v = v + 1 WHERE id = 1');
-- whoever detaches a rule has its entries dropped
CALL prove('detached', 'SELECT * FROM hand WHERE id = 1', 'UPDATE hand SET v = v + 1 WHERE id = 2',
	'ALTER TABLE hand DISABLE TRIGGER hand_off; UPDATE hand SET v = v + 1 WHERE id = 1');
CALL prove('TRUNCATE', 'SELECT * FROM products WHERE id = 12', 'UPDATE products SET stock = stock + 1 WHERE id = 13', 'TRUNCATE products');
CALL prove('more than may be named', 'SELECT * FROM lines WHERE order_id = 12', 'SELECT 1',
	'SET LOCAL cachefront.max_keys_per_commit = 1; UPDATE lines SET qty = qty + 1 WHERE order_id < 20');

--
-- Who knows better than the plan: keys and tags alone count, and what is done by hand
--
SELECT cache_define('order', freshness => 'sometimes');
SELECT cache_define('order', freshness => 'declared');
SELECT freshness FROM cache_definitions WHERE name = 'order';
CALL prove('order:40', 'SELECT count(*), max(note) FROM orders', 'INSERT INTO orders VALUES (201)', 'UPDATE orders SET note = ''zz'' WHERE order_id = 40');
CALL prove('order:all', 'SELECT count(*) FROM orders', 'INSERT INTO orders VALUES (202)', 'SELECT cache_invalidate_table(''orders'')');
CALL prove('order:all', 'SELECT count(*) FROM orders', 'SELECT 1', 'TRUNCATE orders');
SELECT item, value FROM cache_explain('order:all', 'SELECT count(*) FROM orders') WHERE item IN ('freshness', 'covered');
-- what is declared of an entry is not declared of what is made of it
INSERT INTO orders VALUES (60, 'n');
SELECT cache_fetch('order:60', 'SELECT note FROM orders');
SELECT cache_fetch('order:60', 'SELECT note FROM orders');
SELECT cache_fetch('outer', $$SELECT cache_fetch('order:60', 'SELECT note FROM orders')$$);
SELECT cache_fetch('outer', $$SELECT cache_fetch('order:60', 'SELECT note FROM orders')$$);
SELECT loads AS before FROM cache_stats WHERE cache = '*' \gset
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT cache_fetch('order:60', 'SELECT note FROM orders');
SELECT loads - :before AS loads FROM cache_stats WHERE cache = '*';
SELECT cache_fetch('outer', $$SELECT cache_fetch('order:60', 'SELECT note FROM orders')$$);
SELECT loads - :before AS loads FROM cache_stats WHERE cache = '*';
ROLLBACK;
SELECT cache_drop('order');

--
-- The counts: what a trigger did not see, no read relies on
--
CREATE TABLE counted (id int PRIMARY KEY, v int);
INSERT INTO counted SELECT i, 0 FROM generate_series(1, 9) i;
CREATE TRIGGER counted_rule AFTER INSERT OR UPDATE OR DELETE ON counted
	FOR EACH ROW EXECUTE FUNCTION cache_invalidate_row('row', 'id');
SELECT cache_attach('counted', key => 'counted:{id}') IS NOT NULL AS attached;
\set q '\'SELECT v FROM counted WHERE id = 1\''
\set other '\'UPDATE counted SET v = v + 1 WHERE id = 2\''
CREATE FUNCTION missed() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%s %s%s', regexp_replace(rule, 'cache_rule_.*', 'R'), missed, ': ' || problem), ', ' ORDER BY rule DESC) FROM cache_rules
	WHERE rel = 'counted'::regclass
$$;
SELECT missed();
-- what savepoints and exception blocks undo counts neither here nor there
CALL prove('savepoints', :q, 'DO $d$ BEGIN
	UPDATE counted SET v = v + 1 WHERE id = 3;
	BEGIN UPDATE counted SET v = v + 1 WHERE id < 5; RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN NULL; END;
	BEGIN UPDATE counted SET v = v + 1 WHERE id > 5;
		BEGIN UPDATE counted SET v = v + 1 WHERE id > 6; EXCEPTION WHEN division_by_zero THEN NULL; END;
		BEGIN DELETE FROM counted; RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN NULL; END;
		EXCEPTION WHEN others THEN NULL; END;
	FOR i IN 3..9 LOOP BEGIN UPDATE counted SET v = v + 1 WHERE id = i; EXCEPTION WHEN others THEN NULL; END; END LOOP;
	END $d$', 'UPDATE counted SET v = v + 1');
SELECT missed();
CALL prove('ON CONFLICT', :q, 'INSERT INTO counted VALUES (2, 0), (10, 0) ON CONFLICT (id) DO UPDATE SET v = counted.v + 1; INSERT INTO counted VALUES (2, 2) ON CONFLICT DO NOTHING', 'UPDATE counted SET v = v + 1');
CALL prove('MERGE', :q, 'MERGE INTO counted c USING generate_series(2, 12) i ON c.id = i WHEN MATCHED AND i = 3 THEN DELETE WHEN MATCHED THEN UPDATE SET v = c.v + 1 WHEN NOT MATCHED THEN INSERT VALUES (i, 0)',
	'UPDATE counted SET v = v + 1');
CALL prove('no row', :q, 'UPDATE counted SET v = 0 WHERE id = 100; UPDATE counted SET v = 0 WHERE false', 'UPDATE counted SET v = v + 1');
SELECT missed();
-- a session that replays what others have written: one rule sees it, the other does not
CALL prove('replica', 'SELECT v FROM counted WHERE id = 1', :other, 'SET LOCAL session_replication_role = replica; UPDATE counted SET v = v + 1 WHERE id = 1');
SELECT missed();
SELECT cache_detach('counted', key => 'counted:{id}');
CALL prove('replica', :q, :other, 'SET LOCAL session_replication_role = replica; UPDATE counted SET v = v + 1 WHERE id = 1');
SELECT missed();
-- as many calls as rows, but not for each rule by itself: see review R3
CREATE TRIGGER counted_too AFTER INSERT OR UPDATE OR DELETE ON counted
	FOR EACH ROW EXECUTE FUNCTION cache_invalidate_row('row', 'id');
ALTER TABLE counted ENABLE ALWAYS TRIGGER counted_too;
CALL prove('one of two', :q, :other, 'SET LOCAL session_replication_role = replica; UPDATE counted SET v = v + 1 WHERE id = 1');
SELECT missed();
-- own writes that no trigger saw are seen as well
DROP TRIGGER counted_too ON counted;
SELECT cache_fetch('own', :q);
SELECT cache_fetch('own', :q);
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE counted SET v = 1000 WHERE id = 1;
SELECT cache_fetch('own', :q);
SAVEPOINT s;
SELECT cache_fetch('own', :q);
UPDATE counted SET v = 2000 WHERE id = 1;
SELECT cache_fetch('own', :q);
ROLLBACK TO s;
SELECT cache_fetch('own', :q);
ROLLBACK;
SELECT cache_fetch('own', :q);
-- and those of rows that a trigger saw, one by one
BEGIN;
UPDATE counted SET v = 3000 WHERE id = 2;
SELECT hits() AS before \gset
SELECT cache_fetch('own', :q);
SELECT hits() - :before AS hits;
UPDATE counted SET v = 3000 WHERE id = 1;
SELECT cache_fetch('own', :q);
ROLLBACK;
-- a clone that is off, on one partition
CREATE TABLE split (id int, half int, v int) PARTITION BY LIST (half);
CREATE TABLE split1 PARTITION OF split FOR VALUES IN (1);
CREATE TABLE split2 PARTITION OF split FOR VALUES IN (2);
INSERT INTO split SELECT i, 1 + i % 2, 0 FROM generate_series(1, 4) i;
SELECT cache_attach('split', rows => '{id}') AS rule \gset
ALTER TABLE split1 DISABLE TRIGGER :rule;
CALL prove('a clone is off', 'SELECT v FROM split WHERE id = 2', 'UPDATE split SET v = v + 1 WHERE id = 1', 'UPDATE split SET v = v + 1 WHERE id = 2');
SELECT missed, problem FROM cache_rules WHERE rule = :'rule';
-- where PostgreSQL does not count, nobody can compare
CALL prove('track_counts', 'SELECT v FROM split WHERE id = 1', 'SELECT 1', 'SET LOCAL track_counts = off; UPDATE split SET v = v + 1 WHERE id = 1');
SELECT missed FROM cache_rules WHERE rule = :'rule';
SELECT cache_stats_reset();
SELECT missed, problem FROM cache_rules WHERE rule = :'rule';

DROP SCHEMA proven CASCADE;
DROP ROLE regress_cf_proven;
