-- Plain SELECTs that cache_query has marked: served without a comment.

CREATE TABLE tq_items (id int PRIMARY KEY, kind int, name text, price numeric);
INSERT INTO tq_items SELECT g, g % 10, 'item ' || g, g FROM generate_series(1, 200) g;
CREATE TABLE tq_orders (id int PRIMARY KEY, item int, n int, at timestamptz DEFAULT '2026-01-01');
INSERT INTO tq_orders SELECT g, 1 + g % 200, g FROM generate_series(1, 500) g;
CREATE VIEW tq_sums AS SELECT item, sum(n) AS total FROM tq_orders GROUP BY item;
ANALYZE tq_items, tq_orders;

-- Asked of the cache, and answered from it, since the last call.
CREATE TEMP TABLE tq_seen (fetches bigint, hits bigint);
INSERT INTO tq_seen VALUES (0, 0);
CREATE FUNCTION tq_did(OUT asked bigint, OUT hits bigint) LANGUAGE plpgsql AS $$
DECLARE s record; o record;
BEGIN
	SELECT c.fetches, c.l1_hits INTO s FROM cache_stats c WHERE c.cache = '*';
	SELECT * INTO o FROM tq_seen;
	asked := s.fetches - o.fetches;
	hits := s.l1_hits - o.hits;
	UPDATE tq_seen t SET fetches = s.fetches, hits = s.l1_hits;
END $$;
SELECT FROM tq_did();

-- A text marks all statements that differ from it in constants and parameters alone.
SELECT cache_query('SELECT name FROM tq_items WHERE id = $1', name => 'tq_item');
SELECT name, query, cache, ttl, max_stale, tags, search_path, owner = current_user AS mine, problem FROM cache_queries;
SELECT name FROM tq_items WHERE id = 1;
SELECT * FROM tq_did();
SET cachefront.transparent = marked;
SELECT name FROM tq_items WHERE id = 1;
SELECT name FROM tq_items WHERE id = 1;
select NAME from tq_items where id = 1;
SELECT * FROM tq_did();
-- of whatever type a driver says that a value is
SELECT name FROM tq_items WHERE id = 1::bigint;
SELECT name FROM tq_items WHERE id = '1';
SELECT name FROM tq_items WHERE id = 2::smallint;
PREPARE tq_two(smallint) AS SELECT name FROM tq_items WHERE id = $1;
EXECUTE tq_two(2);
DEALLOCATE tq_two;
SELECT * FROM tq_did();
-- not of another
SELECT name FROM tq_items WHERE id <> 1 AND id < 3;
SELECT name FROM tq_items WHERE kind = 1 AND id = 1;
SELECT price FROM tq_items WHERE id = 1;
SELECT name FROM tq_items WHERE id > 199;
SELECT name FROM tq_items i WHERE id = 1 LIMIT 1;
SELECT name FROM tq_items WHERE id = 1 FOR UPDATE;
SELECT * FROM tq_did();
-- and every change is seen
UPDATE tq_items SET name = 'new' WHERE id = 1;
SELECT name FROM tq_items WHERE id = 1;
SELECT name FROM tq_items WHERE id = 1;
SELECT * FROM tq_did();

-- What the cache of its name says counts; what follows a colon tells queries of a cache apart.
SELECT cache_define('tq_home', ttl => '1 hour', scope => 'shared');
SELECT cache_query('SELECT count(*) FROM tq_orders WHERE n < 10', name => 'tq_home:orders', ttl => '10 min', tags => '{front,page}');
SELECT cache_query('SELECT total FROM tq_sums WHERE item IN (1, 2, 3)');
SELECT name, cache, ttl, tags, problem FROM cache_queries ORDER BY name;
SELECT count(*) FROM tq_orders WHERE n < 20;
SELECT count(*) FROM tq_orders WHERE n < 20;
SELECT total FROM tq_sums WHERE item IN (4, 5);
SELECT total FROM tq_sums WHERE item IN (4, 5);
SELECT * FROM tq_did();
SELECT split_part(key, ':', 1) AS cache, ttl_left <= '10 min' AS as_marked FROM cache_entries
	WHERE database = current_database() AND key LIKE 'tq\_home:%';
SELECT cache_invalidate_tag('page');
SELECT count(*) FROM tq_orders WHERE n < 20;
SELECT * FROM tq_did();
-- a comment of its own goes before
/* cache name=tq_else */ SELECT count(*) FROM tq_orders WHERE n < 20;
SELECT count(*) FROM cache_entries WHERE database = current_database() AND key LIKE 'tq_else:%';
SELECT FROM tq_did();

-- Auto serves it without a trial, however little it saves; observe and off do not.
SET cachefront.transparent = auto;
SET cachefront.transparent_min_saving = 1000000;
SELECT name FROM tq_items WHERE id = 3;
SELECT name FROM tq_items WHERE id = 3;
SELECT * FROM tq_did();
SET cachefront.transparent = observe;
SELECT name FROM tq_items WHERE id = 3;
SELECT * FROM tq_did();
SET cachefront.transparent = off;
SELECT name FROM tq_items WHERE id = 3;
SELECT * FROM tq_did();
SET cachefront.transparent = marked;

-- Kept plans are made anew when marks come or go.
SET plan_cache_mode = force_generic_plan;
PREPARE tq_kind(int) AS SELECT count(*) FROM tq_items WHERE kind = $1;
EXECUTE tq_kind(3);
SELECT * FROM tq_did();
SELECT cache_query('SELECT count(*) FROM tq_items WHERE kind = 1', name => 'kind');
EXECUTE tq_kind(3);
EXECUTE tq_kind(3);
SELECT * FROM tq_did();
SELECT cache_query_drop('kind');
EXECUTE tq_kind(3);
SELECT * FROM tq_did();
SELECT cache_query_drop('kind');
DEALLOCATE tq_kind;
RESET plan_cache_mode;

-- Rolled back, it never was; own definitions count at once.
BEGIN;
SELECT cache_query('SELECT count(*) FROM tq_items WHERE kind = 1', name => 'kind');
SELECT count(*) FROM tq_items WHERE kind = 4;
ROLLBACK;
SELECT * FROM tq_did();
SELECT count(*) FROM tq_items WHERE kind = 4;
SELECT * FROM tq_did();

-- Names mean what they meant to who marked it.
CREATE SCHEMA tq_other;
CREATE TABLE tq_other.tq_items AS SELECT * FROM tq_items;
SET search_path = tq_other, public;
SELECT name FROM tq_items WHERE id = 5;
SELECT * FROM tq_did();
SELECT name FROM public.tq_items WHERE id = 5;
SELECT name FROM public.tq_items WHERE id = 5;
SELECT * FROM tq_did();
RESET search_path;
-- whatever temporary tables a session has
CREATE TEMP TABLE tq_items AS SELECT * FROM public.tq_items;
SELECT name FROM tq_items WHERE id = 6;
SELECT * FROM tq_did();
SELECT name FROM public.tq_items WHERE id = 6;
SELECT * FROM tq_did();
DROP TABLE pg_temp.tq_items;

-- Tables that go and come again, views, columns, and what stands in the way.
DROP VIEW tq_sums;
SELECT name, problem FROM cache_queries WHERE problem IS NOT NULL;
CREATE VIEW tq_sums AS SELECT item, max(n) AS total FROM tq_orders GROUP BY item;
SELECT count(*) AS problems FROM cache_queries WHERE problem IS NOT NULL;
SELECT total FROM tq_sums WHERE item IN (4, 5);
SELECT total FROM tq_sums WHERE item IN (4, 5);
SELECT * FROM tq_did();
SELECT cache_query('SELECT * FROM tq_items WHERE id = 1', name => 'star');
SELECT * FROM tq_items WHERE id = 7;
ALTER TABLE tq_items ADD COLUMN more int DEFAULT 7;
SELECT * FROM tq_items WHERE id = 7;
SELECT * FROM tq_did();
CREATE TABLE tq_new (LIKE tq_items);
INSERT INTO tq_new SELECT * FROM tq_items;
ALTER TABLE tq_items RENAME TO tq_old;
ALTER TABLE tq_new RENAME TO tq_items;
SELECT name FROM tq_items WHERE id = 7;
SELECT name FROM tq_old WHERE id = 7;
SELECT * FROM tq_did();
DROP TABLE tq_old;
CREATE OR REPLACE VIEW tq_sums AS SELECT item, (max(n) + extract(epoch FROM now()) * 0)::int AS total FROM tq_orders GROUP BY item;
SELECT problem FROM cache_queries WHERE query LIKE '%tq_sums%';
SELECT total FROM tq_sums WHERE item IN (4, 5);
SELECT * FROM tq_did();

-- What cannot be marked, and why.
SELECT cache_query(NULL);
SELECT cache_query('');
SELECT cache_query('SELECT 1 FROM');
SELECT cache_query('SELECT nothing FROM tq_items');
SELECT cache_query('SELECT $1');
SELECT cache_query('SELECT name FROM tq_items WHERE $1 IS NULL');
SELECT cache_query('SELECT 1; SELECT 2');
SELECT cache_query('UPDATE tq_items SET n = 1');
SELECT cache_query('SELECT 1');
SELECT cache_query('SELECT name FROM tq_items FOR UPDATE');
SELECT cache_query('SELECT name, now() FROM tq_items');
SELECT cache_query('SELECT relname FROM pg_class');
SELECT cache_query('SELECT tq_did() FROM tq_items');
SELECT cache_query('SELECT i FROM (SELECT ROW(id, name) AS i FROM tq_items) s');
SELECT cache_query('WITH tq_orders AS (SELECT id FROM tq_items) SELECT count(*) FROM tq_orders');
SELECT cache_query('SELECT name FROM tq_items WHERE id = 8', name => 'again');
SELECT cache_query('SELECT name FROM tq_items WHERE id = 8', name => 'bad name');
SELECT cache_query('SELECT name FROM tq_items WHERE id = 8', name => 'tq_item', ttl => '0 s');
SELECT cache_query('SELECT name FROM tq_items WHERE id = 8', name => 'tq_item', tags => '{table:x}');
SELECT cache_query('SELECT name FROM tq_items WHERE id = 8', name => 'tq_item', max_stale => '-1 s');
-- the same name replaces
SELECT cache_query('SELECT name FROM tq_items WHERE id = 8', name => 'tq_item', ttl => '1 min');
SELECT query, ttl FROM cache_queries WHERE name = 'tq_item';
SET default_transaction_read_only = on;
SELECT cache_query('SELECT price FROM tq_items');
RESET default_transaction_read_only;

-- Who may mark, replace and drop; who may run it, may be served.
CREATE ROLE regress_tq_owner;
CREATE ROLE regress_tq_app;
SET ROLE regress_tq_owner;
SELECT cache_query('SELECT price FROM tq_items');
SELECT * FROM cache_queries;
RESET ROLE;
GRANT EXECUTE ON FUNCTION cache_query(text, text, interval, interval, text[]), cache_query_drop(text) TO regress_tq_owner;
SET ROLE regress_tq_owner;
SELECT cache_query('SELECT price FROM tq_items');
SELECT cache_query_drop('tq_item');
RESET ROLE;
GRANT SELECT ON tq_items TO regress_tq_owner;
SET ROLE regress_tq_owner;
SELECT cache_query('SELECT price FROM tq_items WHERE id = 1', name => 'price');
SELECT cache_query('SELECT price FROM tq_items WHERE id = 1', name => 'tq_item');
RESET ROLE;
SELECT FROM tq_did();
SET ROLE regress_tq_app;
SELECT price FROM tq_items WHERE id = 9;
RESET ROLE;
GRANT SELECT ON tq_items TO regress_tq_app;
SET ROLE regress_tq_app;
SELECT price FROM tq_items WHERE id = 9;
SELECT price FROM tq_items WHERE id = 9;
RESET ROLE;
SELECT * FROM tq_did();
-- one that cannot use the schema of a mark
CREATE TABLE tq_other.hidden AS SELECT 1 AS id;
CREATE VIEW tq_shown AS SELECT id FROM tq_other.hidden;
SELECT cache_query('SELECT id FROM tq_shown WHERE id = 1', name => 'shown');
SET search_path = tq_other, public;
SELECT cache_query('SELECT id FROM hidden WHERE id = 1', name => 'hidden');
RESET search_path;
GRANT SELECT ON tq_shown TO regress_tq_app;
SET ROLE regress_tq_app;
SELECT id FROM tq_shown WHERE id = 1;
SELECT id FROM tq_shown WHERE id = 1;
RESET ROLE;
SELECT id FROM tq_other.hidden WHERE id = 1;
SELECT id FROM tq_other.hidden WHERE id = 1;
SELECT * FROM tq_did();
-- policies are of who asks
ALTER TABLE tq_items ENABLE ROW LEVEL SECURITY;
CREATE POLICY tq_policy ON tq_items USING (kind = current_setting('tq.kind')::int);
SET ROLE regress_tq_app;
SET tq.kind = 1;
SELECT price FROM tq_items WHERE id = 11;
SET tq.kind = 2;
SELECT price FROM tq_items WHERE id = 11;
RESET ROLE;
SELECT price FROM tq_items WHERE id = 11;
SELECT hits FROM tq_did();
SELECT cache_define('price', scope => 'setting:tq.kind');
SET ROLE regress_tq_app;
SET tq.kind = 1;
SELECT price FROM tq_items WHERE id = 11;
SELECT price FROM tq_items WHERE id = 11;
SET tq.kind = 2;
SELECT price FROM tq_items WHERE id = 11;
RESET ROLE;
SELECT hits FROM tq_did();
ALTER TABLE tq_items DISABLE ROW LEVEL SECURITY;

-- Of a role that is gone the database's owner disposes.
DROP OWNED BY regress_tq_owner;
DROP ROLE regress_tq_owner;
SELECT cache_query_drop('price');

-- By hand: sessions are told, and what is nonsense marks nothing.
INSERT INTO cache_query_marks (name, query) VALUES ('nonsense', 'SELECT FROM WHERE'), ('empty', NULL);
INSERT INTO cache_query_marks (name, query, search_path, ttl, max_stale) VALUES ('by hand', 'SELECT max(n) FROM public.tq_orders', 'no path at all', '-1 day', '-1 day');
SELECT name, query, ttl, max_stale, problem FROM cache_queries WHERE name IN ('nonsense', 'empty', 'by hand') ORDER BY name;
SELECT max(n) FROM tq_orders;
SELECT max(n) FROM tq_orders;
SELECT * FROM tq_did();
DELETE FROM cache_query_marks;
SELECT max(n) FROM tq_orders;
SELECT * FROM tq_did();

-- An error of a mark is no error of a statement, nor does its transaction end.
SELECT cache_query('SELECT upper(name) FROM tq_items WHERE id = 1', name => 'upper');
CREATE FUNCTION pg_temp.upper(text) RETURNS int LANGUAGE sql AS 'SELECT 1';
BEGIN;
SELECT lower(name) FROM tq_items WHERE id = 12;
SAVEPOINT a;
SELECT upper(name) FROM tq_items WHERE id = 12;
ROLLBACK TO a;
SELECT upper(name) FROM tq_items WHERE id = 12;
COMMIT;
ALTER TABLE tq_items RENAME COLUMN name TO title;
BEGIN;
SELECT title FROM tq_items WHERE id = 12;
SELECT upper(title) FROM tq_items WHERE id = 12;
COMMIT;
SELECT problem FROM cache_queries;

RESET cachefront.transparent;
RESET cachefront.transparent_min_saving;
SELECT cache_query_drop('upper'), cache_drop('tq_home'), cache_drop('price');
DROP TABLE tq_items, tq_orders, tq_other.tq_items, tq_other.hidden CASCADE;
DROP SCHEMA tq_other;
DROP FUNCTION tq_did;
DROP ROLE regress_tq_app;
