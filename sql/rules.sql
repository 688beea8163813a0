--
-- Rules: what a change of a table invalidates
--
-- server: without tracking
CREATE SCHEMA rules;
SET search_path = rules, public;
-- without notices of what NOTIFY would show
SET cachefront.notify = off;

-- Each probe is a cached query. warm() fetches them all; cold() names those
-- that are not valid any more, and so shows what was invalidated, no less and
-- no more.
CREATE TABLE probes (key text, query text, tags text[]);
CREATE FUNCTION warm() RETURNS bigint LANGUAGE sql AS $$
	SELECT count(cache_fetch(key, query, tags => tags)) FROM rules.probes
$$;
CREATE FUNCTION cold() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(p.key, ' ' ORDER BY p.key COLLATE "C")
	FROM rules.probes p, cache_explain(p.key, p.query, tags => p.tags) e
	WHERE e.item = 'L1' AND e.value <> 'fresh'
$$;
CREATE FUNCTION coverage(key text, query text, tags text[] DEFAULT NULL)
RETURNS SETOF text LANGUAGE sql AS $$
	SELECT e.item || ': ' || e.value FROM cache_explain(key, query, tags => tags) e
	WHERE e.item IN ('table', 'function', 'covered')
$$;

--
-- Row rules: keys and tags of several columns, literal braces, NULL
--
CREATE TABLE orders (tenant int, id int, status text, note text, PRIMARY KEY (tenant, id));
INSERT INTO orders VALUES (1, 1, 'new', 'a'), (1, 2, 'new', 'b'), (2, 1, NULL, 'c');
SELECT cache_attach('orders', key => 'order:{tenant}:{id}', tags => '{"st:{status}","{{lit}}{tenant}"}');
SELECT rel, rule, kind, key, tags, columns, enabled, problem FROM cache_rules;
SELECT tgname, tgenabled, replace(pg_get_triggerdef(oid), 'public.', '') FROM pg_trigger
WHERE tgrelid = 'orders'::regclass AND NOT tgisinternal ORDER BY 1;
INSERT INTO probes VALUES
	('order:1:1', 'SELECT * FROM orders WHERE tenant = 1 AND id = 1'),
	('order:1:2', 'SELECT * FROM orders WHERE tenant = 1 AND id = 2'),
	('order:2:1', 'SELECT * FROM orders WHERE tenant = 2 AND id = 1'),
	('order:9:9', 'SELECT * FROM orders WHERE tenant = 9 AND id = 9');
INSERT INTO probes VALUES
	('new', 'SELECT id FROM orders WHERE status = ''new''', '{st:new}'),
	('old', 'SELECT id FROM orders WHERE status = ''old''', '{st:old}'),
	('null', 'SELECT id FROM orders WHERE status IS NULL', '{st:}'),
	('tenant 2', 'SELECT id FROM orders WHERE tenant = 2', '{"{lit}2"}'),
	('unrelated', 'SELECT 1', NULL);
SELECT warm(), cold();
UPDATE orders SET note = 'x' WHERE tenant = 1 AND id = 1;
SELECT cold(), warm(), cold();
-- old and new row both count
UPDATE orders SET status = 'old' WHERE tenant = 1 AND id = 2;
SELECT cold(), warm();
UPDATE orders SET tenant = 9, id = 9 WHERE tenant = 1 AND id = 2;
SELECT cold(), warm();
INSERT INTO orders VALUES (1, 2, 'new', NULL);
SELECT cold(), warm();
DELETE FROM orders WHERE tenant = 2;
SELECT cold(), warm();
UPDATE orders SET note = 'none' WHERE id = 77;
SELECT cold();
-- ON CONFLICT, MERGE, COPY
INSERT INTO orders VALUES (1, 1, 'x', 'y') ON CONFLICT (tenant, id) DO NOTHING;
SELECT cold();
INSERT INTO orders VALUES (1, 1, 'x', 'y') ON CONFLICT (tenant, id) DO UPDATE SET note = 'conflict';
SELECT cold(), warm();
MERGE INTO orders o USING (VALUES (1, 1), (2, 1)) s(tenant, id)
	ON o.tenant = s.tenant AND o.id = s.id
	WHEN MATCHED THEN DELETE
	WHEN NOT MATCHED THEN INSERT VALUES (s.tenant, s.id, NULL, 'merged');
SELECT cold(), warm();
COPY orders FROM stdin;
1	1	old	copied
\.
SELECT cold(), warm();
-- TRUNCATE drops all that the rule covers
TRUNCATE orders;
SELECT cold(), warm();
-- nothing of a transaction that is rolled back; savepoints as well
BEGIN;
INSERT INTO orders VALUES (1, 1, 'new', 'a');
SAVEPOINT s;
INSERT INTO orders VALUES (1, 2, 'old', 'b');
ROLLBACK TO s;
COMMIT;
SELECT cold(), warm();
BEGIN;
TRUNCATE orders;
ROLLBACK;
SELECT cold();
-- many keys collapse to the tag of the rule; what it does not cover stays
SET cachefront.max_keys_per_commit = 2;
INSERT INTO orders SELECT 5, i, 'new', 'a' FROM generate_series(1, 10) i;
SELECT cold(), warm();
RESET cachefront.max_keys_per_commit;
-- what is prepared counts from then on, until it is known how it ends
BEGIN;
UPDATE orders SET note = 'p' WHERE tenant = 1 AND id = 1;
PREPARE TRANSACTION 'regress_cf_rules';
SELECT cold();
ROLLBACK PREPARED 'regress_cf_rules';
SELECT cold(), warm();
BEGIN;
UPDATE orders SET note = 'p' WHERE tenant = 1 AND id = 1;
PREPARE TRANSACTION 'regress_cf_rules';
COMMIT PREPARED 'regress_cf_rules';
SELECT cold(), warm();
-- a rule is made once
SELECT cache_attach('orders', key => 'order:{tenant}:{id}', tags => '{"st:{status}","{{lit}}{tenant}"}');
SELECT cache_attach('orders', key => 'o:{id}');
SELECT cache_detach('orders', key => 'no such {id}');
SELECT cache_detach('orders', key => 'o:{id}');
SELECT cache_detach('orders');
SELECT count(*) FROM cache_rules;
SELECT tgname FROM pg_trigger WHERE tgrelid = 'orders'::regclass;
TRUNCATE probes;

--
-- Values of every type, as its output function prints them with fixed settings
--
CREATE TYPE colour AS ENUM ('red', 'sea green');
CREATE DOMAIN age AS int CHECK (VALUE >= 0);
CREATE TYPE pair AS (a int, b text);
CREATE TABLE types (
	id int PRIMARY KEY, b bool, i2 int2, i8 int8, n numeric(10,2), f4 float4, f8 float8,
	t text, vc varchar(20), c char(5), d date, ti time, ts timestamp, tz timestamptz,
	iv interval, by bytea, u uuid, js json, jb jsonb, ar text[], e colour, dm age,
	pr pair, ip inet, r int4range, g int GENERATED ALWAYS AS (id * 2) STORED, "odd } name" int);
SELECT cache_attach('types', tags => ARRAY['b:{b}', 'i2:{i2}', 'i8:{i8}', 'n:{n}', 'f4:{f4}',
	'f8:{f8}', 't:{t}', 'vc:{vc}', 'c:{c}', 'd:{d}', 'ti:{ti}', 'ts:{ts}', 'tz:{tz}']);
SELECT cache_attach('types', tags => ARRAY['iv:{iv}', 'by:{by}', 'u:{u}', 'js:{js}', 'jb:{jb}',
	'ar:{ar}', 'e:{e}', 'dm:{dm}', 'pr:{pr}', 'ip:{ip}', 'r:{r}', 'g:{g}', 'odd:{odd }} name}']);
INSERT INTO probes SELECT tag, 'SELECT * FROM types WHERE id = 1', ARRAY[tag] FROM unnest(ARRAY[
	'b:t', 'i2:-7', 'i8:9007199254740993', 'n:12.50', 'f4:0.1', 'f8:0.1', 't:it''s {x}',
	'vc:v c', 'c:ab   ', 'd:2026-01-31', 'ti:12:00:00', 'ts:2026-01-31 12:00:00',
	'tz:2026-01-31 12:00:00+00', 'iv:1 day 02:00:00', 'by:\x00ff',
	'u:a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'js:{"a" : 1}', 'jb:{"a": 1}', 'ar:{a,"b c"}',
	'e:sea green', 'dm:40', 'pr:(1,"x y")', 'ip:10.0.0.1', 'r:[1,4)', 'g:2', 'odd:5']) tag;
SELECT warm();
SET datestyle = 'German'; SET timezone = 'Asia/Tokyo'; SET intervalstyle = 'iso_8601';
SET extra_float_digits = -3; SET bytea_output = 'escape';
INSERT INTO types VALUES (1, true, -7, 9007199254740993, 12.5, 0.1, 0.1, 'it''s {x}', 'v c',
	'ab', '2026-01-31', '12:00', '2026-01-31 12:00', '2026-01-31 12:00+00', '1 day 2 hours',
	'\x00ff', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"a" : 1}', '{"a":1}', '{a,b c}',
	'sea green', 40, (1, 'x y'), '10.0.0.1', '[1,3]', DEFAULT, 5);
-- the session's own settings are as they were
SHOW timezone;
RESET datestyle; RESET timezone; RESET intervalstyle; RESET extra_float_digits; RESET bytea_output;
-- none is left
SELECT p.key, e.value FROM probes p, cache_explain(p.key, p.query, tags => p.tags) e
WHERE e.item = 'L1' AND e.value <> 'miss';
-- a stored generated column has its new value as well
TRUNCATE probes;
INSERT INTO probes VALUES ('two', 'SELECT 1 FROM types', '{g:2}'), ('four', 'SELECT 1 FROM types', '{g:4}'),
	('six', 'SELECT 1 FROM types', '{g:6}');
SELECT warm();
UPDATE types SET id = 2;
SELECT cold();
-- keys that are too long were never cached
SELECT cache_detach('types');
SELECT cache_attach('types', key => 'tt:{t}');
UPDATE types SET t = repeat('x', 5000);
DROP TABLE types;
TRUNCATE probes;

--
-- Column filter
--
CREATE TABLE items (id int PRIMARY KEY, price int, views int, body text);
INSERT INTO items VALUES (1, 10, 0, repeat('long ', 100000)), (2, NULL, 0, NULL);
SELECT cache_attach('items', key => 'item:{id}', columns => '{price,body}');
INSERT INTO probes VALUES ('item:1', 'SELECT price FROM items WHERE id = 1'),
	('item:2', 'SELECT price FROM items WHERE id = 2'), ('item:3', 'SELECT price FROM items WHERE id = 3');
SELECT warm();
UPDATE items SET views = views + 1;
SELECT cold();
UPDATE items SET price = price, body = body || '';
SELECT cold();
UPDATE items SET price = 11 WHERE id = 1;
SELECT cold(), warm();
UPDATE items SET price = 0 WHERE id = 2;
SELECT cold(), warm();
UPDATE items SET price = NULL WHERE id = 2;
SELECT cold(), warm();
UPDATE items SET body = overlay(body PLACING 'LONG' FROM 400000) WHERE id = 1;
SELECT cold(), warm();
-- a row that comes to have another key counts, whatever the filter says
UPDATE items SET id = 3 WHERE id = 2;
SELECT cold(), warm();
DELETE FROM items WHERE id = 3;
SELECT cold(), warm();
SELECT columns FROM cache_rules;
DROP TABLE items;
SELECT count(*) FROM cache_rules;
TRUNCATE probes;

--
-- Table rules
--
CREATE TABLE plain (id int, v int);
CREATE VIEW plain_view AS SELECT sum(v) FROM plain;
CREATE MATERIALIZED VIEW plain_matview AS SELECT sum(v) FROM plain;
SELECT cache_attach('plain', rows => '{}');
SELECT cache_attach('plain', rows => '{}');
SELECT rel, rule, kind, key, tags, columns, enabled, problem FROM cache_rules;
SELECT coverage('any', 'SELECT * FROM plain');
SELECT coverage('any', 'SELECT * FROM plain_view, plain_matview, probes');
INSERT INTO probes VALUES ('a', 'SELECT * FROM plain'), ('b', 'SELECT * FROM plain_view'),
	('c', 'SELECT * FROM plain_matview'), ('d', 'SELECT 1');
SELECT warm();
INSERT INTO plain VALUES (1, 1);
SELECT cold(), warm();
UPDATE plain SET v = 2;
SELECT cold(), warm();
REFRESH MATERIALIZED VIEW plain_matview;
SELECT cold(), warm();
DELETE FROM plain;
SELECT cold(), warm();
TRUNCATE plain;
SELECT cold(), warm();
BEGIN;
INSERT INTO plain VALUES (1, 1);
ROLLBACK;
SELECT cold();
-- disabled: it covers nothing
SELECT rule FROM cache_rules WHERE rel = 'plain'::regclass \gset
ALTER TABLE plain DISABLE TRIGGER :rule;
SELECT enabled FROM cache_rules;
SELECT coverage('any', 'SELECT * FROM plain');
SET client_min_messages = warning;
DROP TABLE plain CASCADE;
RESET client_min_messages;
TRUNCATE probes;

--
-- Foreign keys that cascade
--
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int PRIMARY KEY, parent_id int REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE orphan (id int PRIMARY KEY, parent_id int REFERENCES parent ON DELETE SET NULL);
INSERT INTO parent VALUES (1), (2);
INSERT INTO child VALUES (1, 1), (2, 2);
INSERT INTO orphan VALUES (1, 1), (2, 2);
SELECT cache_attach('child', key => 'child:{id}', tags => ARRAY['of:{parent_id}']);
SELECT cache_attach('orphan', key => 'orphan:{id}');
INSERT INTO probes VALUES ('child:1', 'SELECT * FROM child WHERE id = 1'),
	('child:2', 'SELECT * FROM child WHERE id = 2'), ('orphan:1', 'SELECT * FROM orphan WHERE id = 1'),
	('orphan:2', 'SELECT * FROM orphan WHERE id = 2');
INSERT INTO probes VALUES ('children of 3', 'SELECT * FROM child WHERE parent_id = 3', '{of:3}');
SELECT warm();
DELETE FROM parent WHERE id = 1;
SELECT cold(), warm();
UPDATE orphan SET parent_id = NULL;
SELECT cold(), warm();
UPDATE parent SET id = 3 WHERE id = 2;
SELECT cold(), warm();
SET client_min_messages = warning;
TRUNCATE parent CASCADE;
RESET client_min_messages;
SELECT cold();
DROP TABLE parent, child, orphan;
TRUNCATE probes;

--
-- Partitions
--
CREATE TABLE part (region text, id int, v int) PARTITION BY LIST (region);
CREATE TABLE part_eu PARTITION OF part FOR VALUES IN ('eu');
CREATE TABLE part_us (v int, extra int, region text, id int);
ALTER TABLE part_us DROP COLUMN extra;
ALTER TABLE part ATTACH PARTITION part_us FOR VALUES IN ('us');
INSERT INTO part VALUES ('eu', 1, 1), ('us', 2, 2);
SELECT cache_attach('part', key => 'part:{id}', tags => ARRAY['region:{region}']);
SELECT rel, rule, kind FROM cache_rules;
INSERT INTO probes VALUES ('part:1', 'SELECT v FROM part WHERE id = 1'),
	('part:2', 'SELECT v FROM part WHERE id = 2'), ('part:3', 'SELECT v FROM part WHERE id = 3');
INSERT INTO probes VALUES ('eu', 'SELECT id FROM part WHERE region = ''eu''', '{region:eu}'),
	('us', 'SELECT id FROM part_us', '{region:us}');
SELECT coverage('part:1', 'SELECT v FROM part WHERE id = 1');
SELECT coverage('us', 'SELECT id FROM part_us', '{region:us}');
SELECT coverage('other', 'SELECT id FROM part_us');
SELECT warm();
UPDATE part SET v = 10 WHERE id = 1;
SELECT cold(), warm();
UPDATE part_us SET v = 20;
SELECT cold(), warm();
UPDATE part SET region = 'us' WHERE id = 1;
SELECT cold(), warm();
-- attached later: the rule is cloned
CREATE TABLE part_asia (region text, id int, v int);
INSERT INTO part_asia VALUES ('asia', 3, 3);
ALTER TABLE part ATTACH PARTITION part_asia FOR VALUES IN ('asia');
SELECT cold(), warm();
INSERT INTO part VALUES ('asia', 3, 4);
SELECT cold(), warm();
-- one partition's TRUNCATE has no trigger of its own
TRUNCATE part_us;
SELECT cold(), warm();
SELECT cache_fetch_row('part:2', 'SELECT v FROM part WHERE id = 2');
TRUNCATE part;
SELECT cold(), warm();
ALTER TABLE part DETACH PARTITION part_us;
SELECT coverage('part:2', 'SELECT v FROM part_us WHERE id = 2');
-- columns have the names of the query, whatever the partition has
INSERT INTO part VALUES ('eu', 1, 1), ('asia', 2, 2);
SELECT cache_fetch('names', 'SELECT id AS a, v AS b FROM part');
SELECT cache_fetch('names', 'SELECT v FROM part');
DROP TABLE part, part_us;
TRUNCATE probes;
-- a table rule on a partitioned table is a row trigger: only that fires in
-- every partition
CREATE TABLE part (region text, id int, v int) PARTITION BY LIST (region);
CREATE TABLE part_eu PARTITION OF part FOR VALUES IN ('eu');
CREATE TABLE part_us PARTITION OF part FOR VALUES IN ('us');
SELECT cache_attach('part', rows => '{}');
SELECT rel, rule, kind FROM cache_rules;
SELECT coverage('any', 'SELECT * FROM part');
INSERT INTO probes VALUES ('all', 'SELECT id FROM part'), ('only eu', 'SELECT id FROM part_eu'),
	('only us', 'SELECT id FROM part_us');
SELECT warm();
INSERT INTO part VALUES ('eu', 1, 1);
SELECT cold(), warm();
INSERT INTO part_us VALUES ('us', 1, 1);
SELECT cold(), warm();
TRUNCATE part_us;
SELECT cold(), warm();
TRUNCATE part;
SELECT cold(), warm();
DROP TABLE part;
TRUNCATE probes;

--
-- Inheritance: each child has triggers of its own
--
CREATE TABLE animals (id int, name text);
CREATE TABLE dogs (breed text) INHERITS (animals);
SELECT cache_attach('animals', key => 'animal:{id}');
CREATE TABLE cats () INHERITS (animals);
SELECT rel, rule, kind, key FROM cache_rules ORDER BY rel::text;
INSERT INTO probes VALUES ('animal:1', 'SELECT name FROM animals WHERE id = 1'),
	('animal:2', 'SELECT name FROM animals WHERE id = 2');
SELECT warm();
INSERT INTO dogs VALUES (1, 'Rex', 'pug');
SELECT cold(), warm();
UPDATE animals SET name = 'Max' WHERE id = 1;
SELECT cold(), warm();
TRUNCATE dogs;
SELECT cold(), warm();
-- made later: has no rule, and cache_explain says so
SELECT coverage('animal:1', 'SELECT name FROM animals WHERE id = 1');
SELECT cache_detach('animals');
SELECT count(*) FROM cache_rules;
SET client_min_messages = warning;
DROP TABLE animals CASCADE;
RESET client_min_messages;
TRUNCATE probes;

--
-- Replication apply fires rules as well
--
CREATE TABLE t (id int PRIMARY KEY, v int);
INSERT INTO t VALUES (1, 1), (2, 2);
SELECT cache_attach('t', key => 't:{id}');
INSERT INTO probes VALUES ('t:1', 'SELECT v FROM t WHERE id = 1'), ('t:2', 'SELECT v FROM t WHERE id = 2');
INSERT INTO probes VALUES ('list', 'SELECT v FROM t', NULL);
SELECT warm();
SET session_replication_role = replica;
UPDATE t SET v = 2 WHERE id = 1;
RESET session_replication_role;
SELECT cold(), warm();

--
-- Renames
--
ALTER TABLE t RENAME TO t2;
UPDATE probes SET query = replace(query, 'FROM t', 'FROM t2');
SELECT rel, key, problem FROM cache_rules;
SELECT warm();
UPDATE t2 SET v = 3 WHERE id = 1;
SELECT cold(), warm();
-- a template that names a column that is gone: the write does not fail, and
-- everything that the rule covers or that reads the table goes
ALTER TABLE t2 RENAME id TO number;
UPDATE probes SET query = replace(query, 'WHERE id', 'WHERE number');
SELECT rel, key, problem FROM cache_rules;
SELECT coverage('t:1', 'SELECT v FROM t2 WHERE number = 1');
SELECT coverage('list', 'SELECT v FROM t2');
SELECT warm();
UPDATE t2 SET v = 4 WHERE number = 1;
SELECT cold(), warm();
ALTER TABLE t2 RENAME number TO id;
UPDATE probes SET query = replace(query, 'WHERE number', 'WHERE id');
SELECT problem FROM cache_rules;
SELECT warm();
UPDATE t2 SET v = 5 WHERE id = 1;
SELECT cold();
DROP TABLE t2;
TRUNCATE probes;

--
-- Triggers made by hand are rules as well
--
CREATE TABLE t (id int PRIMARY KEY, cat int, v int);
INSERT INTO t VALUES (1, 1, 1), (2, 2, 2);
CREATE TRIGGER mine AFTER INSERT OR UPDATE OR DELETE ON t
	FOR EACH ROW EXECUTE FUNCTION cache_invalidate_row('key', 't:{id}', 'tag', 'cat:{cat}');
SELECT rel, rule, kind, key, tags, enabled, problem FROM cache_rules;
INSERT INTO probes VALUES ('t:1', 'SELECT v FROM t WHERE id = 1'), ('t:2', 'SELECT v FROM t WHERE id = 2');
INSERT INTO probes VALUES ('cat 1', 'SELECT v FROM t WHERE cat = 1', '{cat:1}');
SELECT coverage('t:1', 'SELECT v FROM t WHERE id = 1');
SELECT warm();
UPDATE t SET v = 10 WHERE id = 1;
SELECT cold(), warm();
-- TRUNCATE is seen without a trigger for it
TRUNCATE t;
SELECT cold(), warm();
SELECT cache_detach('t');
-- those that do not fire for all changes, or not at once, cover nothing
CREATE TRIGGER part AFTER INSERT OR DELETE ON t
	FOR EACH ROW EXECUTE FUNCTION cache_invalidate_row('key', 't:{id}');
CREATE TRIGGER narrow AFTER INSERT OR UPDATE OF cat OR DELETE ON t
	FOR EACH ROW EXECUTE FUNCTION cache_invalidate_row('key', 't:{id}');
CREATE TRIGGER sometimes AFTER INSERT OR UPDATE OR DELETE ON t
	FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION cache_invalidate_row('key', 't:{id}');
CREATE CONSTRAINT TRIGGER late AFTER INSERT OR UPDATE OR DELETE ON t DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION cache_invalidate_row('key', 't:{id}');
SELECT rule, problem FROM cache_rules ORDER BY rule;
SELECT coverage('t:1', 'SELECT v FROM t WHERE id = 1');
DROP TABLE t;
TRUNCATE probes;

--
-- Own writes, by whatever means, and REPEATABLE READ
--
CREATE TABLE t (id int PRIMARY KEY, v int);
INSERT INTO t VALUES (1, 1), (2, 2), (3, 3);
SELECT cache_attach('t', key => 't:{id}');
CREATE FUNCTION get(i int) RETURNS text LANGUAGE sql AS $$
	SELECT cache_fetch_row('t:' || i, 'SELECT v FROM rules.t WHERE id = $1', (i))::text
$$;
CREATE TABLE seen (what text);
CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO rules.seen VALUES (NEW.id || ': ' || rules.get(NEW.id));
	RETURN NULL;
END $$;
CREATE TRIGGER before_ours AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION look();
SELECT get(1), get(2);
-- a trigger that runs before ours
UPDATE t SET v = v + 10;
SELECT * FROM seen ORDER BY what;
DROP TRIGGER before_ours ON t;
SELECT get(1), get(2);
BEGIN;
UPDATE t SET v = 100 WHERE id = 1;
SELECT get(1), get(2);
ROLLBACK;
SELECT get(1), get(2);
BEGIN;
ALTER TABLE t ALTER v TYPE int USING v + 1000;
SELECT get(1);
ROLLBACK;
SELECT rule FROM cache_rules WHERE rel = 't'::regclass \gset
BEGIN;
ALTER TABLE t DISABLE TRIGGER :rule;
UPDATE t SET v = 2000 WHERE id = 1;
SELECT get(1);
ROLLBACK;
BEGIN;
SELECT cache_detach('t');
UPDATE t SET v = 3000 WHERE id = 1;
SELECT get(1);
ROLLBACK;
BEGIN;
TRUNCATE t;
SELECT get(1);
ROLLBACK;
SELECT get(1), get(2);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT get(1), get(3);
UPDATE t SET v = 4000 WHERE id = 1;
SELECT get(1), get(3);
ROLLBACK;
SELECT get(1), get(3);
DROP TABLE t;
DROP FUNCTION look();

--
-- An owner who is not superuser
--
CREATE ROLE regress_cf_owner;
GRANT ALL ON SCHEMA rules TO regress_cf_owner;
CREATE TABLE of_another (id int);
SET ROLE regress_cf_owner;
CREATE TABLE mine (id int PRIMARY KEY, v int);
SELECT cache_attach('mine', key => 'mine:{id}');
SELECT * FROM cache_rules;
RESET ROLE;
GRANT EXECUTE ON FUNCTION cache_attach, cache_detach, cache_invalidate_row, cache_invalidate_statement TO regress_cf_owner;
SET ROLE regress_cf_owner;
SELECT cache_attach('mine', key => 'mine:{id}');
INSERT INTO mine VALUES (1, 1);
SELECT cache_fetch_row('mine:1', 'SELECT v FROM mine WHERE id = 1');
UPDATE mine SET v = 2;
SELECT cache_fetch_row('mine:1', 'SELECT v FROM mine WHERE id = 1');
SELECT cache_attach('of_another', key => 'x:{id}');
SELECT cache_detach('of_another');
SELECT cache_detach('mine');
RESET ROLE;
REVOKE EXECUTE ON FUNCTION cache_attach, cache_detach, cache_invalidate_row, cache_invalidate_statement FROM regress_cf_owner;
DROP TABLE mine, of_another;
REVOKE ALL ON SCHEMA rules FROM regress_cf_owner;
DROP ROLE regress_cf_owner;

--
-- Wrong use
--
CREATE TABLE t (id int, v int);
CREATE VIEW v AS SELECT * FROM t;
CREATE MATERIALIZED VIEW mv AS SELECT * FROM t;
CREATE SEQUENCE seq;
CREATE TEMP TABLE tmp (id int);
CREATE FOREIGN DATA WRAPPER regress_cf_fdw;
CREATE SERVER regress_cf_server FOREIGN DATA WRAPPER regress_cf_fdw;
CREATE FOREIGN TABLE ft (id int) SERVER regress_cf_server;
SELECT cache_attach(NULL);
SELECT cache_attach('v', key => 'x:{id}');
SELECT cache_attach('mv', rows => '{}');
SELECT cache_attach('seq', rows => '{}');
SELECT cache_attach('tmp', rows => '{}');
SELECT cache_attach('ft', rows => '{}');
SELECT cache_attach('pg_class', key => 'x:{oid}');
SELECT cache_attach('t', key => 'x:{nothing}');
SELECT cache_attach('t', key => 'x:{ctid}');
SELECT cache_attach('t', tags => ARRAY['x:{nothing}']);
SELECT cache_attach('t', key => '');
SELECT cache_attach('t', key => 'x:{id');
SELECT cache_attach('t', key => 'x:id}');
SELECT cache_attach('t', key => 'x:{}');
SELECT cache_attach('t', tags => '{}');
SELECT cache_attach('t', tags => '{NULL}');
SELECT cache_attach('t', tags => array_fill('x:{id}'::text, ARRAY[17]));
SELECT cache_attach('t', columns => '{id}');
SELECT cache_attach('t', key => 'x:{id}', columns => '{nothing}');
SELECT cache_attach('t', key => 'x:{id}', mode => 'through');
SELECT cache_attach('t', key => 'x:{id}', mode => NULL);
SELECT cache_detach(NULL);
SELECT cache_invalidate_row();
SELECT cache_invalidate_statement();
CREATE TRIGGER b BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION cache_invalidate_row('key', 'x');
INSERT INTO t VALUES (1, 1);
DROP TRIGGER b ON t;
CREATE TRIGGER b AFTER INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION cache_invalidate_row('key', 'x');
INSERT INTO t VALUES (1, 1);
DROP TRIGGER b ON t;
CREATE TRIGGER b INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION cache_invalidate_row('key', 'x');
INSERT INTO v VALUES (1, 1);
DROP TRIGGER b ON v;
-- arguments that cannot be read: the write goes on, the whole table is dropped
CREATE TRIGGER b AFTER INSERT OR UPDATE OR DELETE ON t
	FOR EACH ROW EXECUTE FUNCTION cache_invalidate_row('nonsense', 'x');
CREATE TRIGGER c AFTER INSERT OR UPDATE OR DELETE ON t
	FOR EACH ROW EXECUTE FUNCTION cache_invalidate_row('key');
CREATE TRIGGER d AFTER INSERT OR UPDATE OR DELETE ON t
	FOR EACH ROW EXECUTE FUNCTION cache_invalidate_row('key', 'x:{id', 'tag', 'y');
SELECT rule, problem FROM cache_rules ORDER BY rule;
INSERT INTO probes VALUES ('t', 'SELECT * FROM t');
SELECT warm();
INSERT INTO t VALUES (1, 1);
SELECT cold();
DROP TRIGGER b ON t; DROP TRIGGER c ON t; DROP TRIGGER d ON t;

--
-- What a query hides, and what cache_explain says of it
--
CREATE FUNCTION hidden() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM rules.t); END';
SELECT coverage('x', 'SELECT hidden()');
SELECT coverage('x', 'SELECT hidden(), * FROM t');
SELECT coverage('x', 'SELECT 1');
SELECT coverage('x', 'SELECT relname FROM pg_class');
SET client_min_messages = warning;
DROP FOREIGN DATA WRAPPER regress_cf_fdw CASCADE;
DROP SCHEMA rules CASCADE;
DROP TABLE tmp;
