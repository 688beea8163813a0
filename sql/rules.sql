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

SET client_min_messages = warning;
DROP SCHEMA rules CASCADE;
