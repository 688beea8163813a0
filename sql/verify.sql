-- The live self-check: which hits are compared with their query, and what comes
-- of a difference. pg_surgery changes a table in a way that nobody can notice.
SET client_min_messages = warning;
CREATE SCHEMA regress_cf_verify;
SET search_path = regress_cf_verify, public;
CREATE EXTENSION IF NOT EXISTS pg_surgery;
SET cachefront.ttl_jitter = 0;
SET cachefront.xfetch_beta = 0;

CREATE TABLE item (id int PRIMARY KEY, cat int, price numeric, weight float8, name text, doc json);
CREATE TABLE pair (a int, b int, PRIMARY KEY (a, b));
INSERT INTO pair VALUES (1, 1), (1, 2), (2, 2);
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child () INHERITS (parent);
INSERT INTO parent VALUES (1);
INSERT INTO child VALUES (1);
INSERT INTO item SELECT i, i % 3, i, i, 'item ' || i, '[{"a":"}],[{\""},{}]' FROM generate_series(1, 20) i;
SELECT cache_attach(rel) IS NOT NULL FROM unnest(ARRAY['item', 'pair', 'parent']::regclass[]) rel;
SELECT cache_define('rv');

-- Fetches twice; says how many of the hits were compared, and how many differ.
CREATE PROCEDURE check_twice(query text, max_stale interval DEFAULT NULL) LANGUAGE plpgsql AS $$
DECLARE
	before record;
BEGIN
	SELECT verified, verify_failures INTO before FROM cache_stats WHERE cache = 'rv';
	PERFORM cache_fetch('rv:' || query, query);
	PERFORM cache_fetch('rv:' || query, query);
	RAISE WARNING '%: %', query, (SELECT (verified - before.verified) || '/' || (verify_failures - before.verify_failures)
		FROM cache_stats WHERE cache = 'rv');
END $$;
CREATE FUNCTION checks() RETURNS TABLE (verified bigint, failures bigint) LANGUAGE sql AS
$$ SELECT verified, verify_failures FROM cache_stats WHERE cache = 'rv' $$;
\set VERBOSITY terse

--
-- Which hits
--
SHOW cachefront.verify_rate;
CALL check_twice('SELECT * FROM item');
SET cachefront.verify_rate = 1;
CALL check_twice('SELECT * FROM item');
CALL check_twice('SELECT * FROM item WHERE id = 21');
CALL check_twice('SELECT id, name FROM item WHERE cat = 1 ORDER BY name DESC');
CALL check_twice('SELECT count(*), sum(id), sum(price), avg(price), min(id), max(name), bool_or(cat = 1) FROM item');
CALL check_twice('SELECT cat, count(*), array_agg(id ORDER BY id) FROM item GROUP BY cat');
CALL check_twice('SELECT DISTINCT cat FROM item');
CALL check_twice('SELECT id FROM item UNION SELECT cat FROM item');
CALL check_twice('SELECT price FROM item UNION ALL SELECT price FROM item');
CALL check_twice('WITH w AS (SELECT id FROM item) SELECT i.id, (SELECT count(*) FROM w) FROM item i WHERE EXISTS (SELECT FROM w WHERE w.id = i.cat)');
CALL check_twice('SELECT FROM item');
CALL check_twice('SELECT i, g FROM item i, generate_series(1, 2) g');
CALL check_twice('SELECT name FROM item ORDER BY id DESC LIMIT 3');
CALL check_twice('SELECT name FROM item ORDER BY cat, id OFFSET 2 LIMIT 3');
CALL check_twice('SELECT count(*) FROM (SELECT * FROM pair ORDER BY b, a FETCH FIRST 2 ROWS WITH TIES) s');
-- an order, or chance, decides
CALL check_twice('SELECT id FROM item LIMIT 3');
CALL check_twice('SELECT id FROM item ORDER BY cat LIMIT 3');
CALL check_twice('SELECT id FROM item ORDER BY -id LIMIT 3');
CALL check_twice('SELECT a FROM pair ORDER BY b LIMIT 1');
CALL check_twice('SELECT i.id FROM item i, pair ORDER BY i.id LIMIT 3');
CALL check_twice('SELECT cat FROM item GROUP BY cat ORDER BY cat LIMIT 1');
CALL check_twice('SELECT id FROM parent ORDER BY id LIMIT 1');
CALL check_twice('SELECT id FROM item OFFSET 3');
CALL check_twice('SELECT DISTINCT ON (cat) cat, id FROM item');
CALL check_twice('SELECT sum(weight) FROM item');
CALL check_twice('SELECT array_agg(id) FROM item');
CALL check_twice('SELECT array_agg(id ORDER BY cat) FROM item');
CALL check_twice('SELECT string_agg(name, cat::text ORDER BY name) FROM item');
CALL check_twice('SELECT json_agg(id ORDER BY id) FROM item');
CALL check_twice('SELECT ARRAY(SELECT id FROM item)');
CALL check_twice('SELECT price, count(*) FROM item GROUP BY price');
CALL check_twice('SELECT DISTINCT price FROM item');
CALL check_twice('SELECT price FROM item INTERSECT SELECT price FROM item');
CALL check_twice('SELECT max(price) FROM item');
CALL check_twice('SELECT id, row_number() OVER (ORDER BY cat) FROM item');
CALL check_twice('SELECT id FROM item TABLESAMPLE BERNOULLI (50) REPEATABLE (1)');
CALL check_twice('SELECT id, ctid FROM item');
CALL check_twice('SELECT id, xmax FROM item');
CALL check_twice('SELECT count(*) FROM (SELECT id FROM item LIMIT 3) s');
CALL check_twice('SELECT id FROM item WHERE id IN (SELECT cat FROM item LIMIT 1)');
CALL check_twice('WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n, id FROM r JOIN item ON id = n');
-- time
CALL check_twice('SELECT id FROM item WHERE now() > ''2000-01-01''');
CALL check_twice('SELECT id FROM item WHERE random() < 2');
-- what is not covered
CALL check_twice('SELECT count(*) FROM pg_am, item');
-- functions of users
CREATE FUNCTION twice(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 2 * $1; END';
CALL check_twice('SELECT twice(id) FROM item');

--
-- The other forms, and other orders
--
SELECT verified AS v FROM checks() \gset before_
SELECT cache_fetch_row('rv:row', 'SELECT id, doc FROM item WHERE id < 3 ORDER BY id');
SELECT cache_fetch_row('rv:row', 'SELECT id, doc FROM item WHERE id < 3 ORDER BY id');
SELECT * FROM cache_fetch_rows('rv:rows', 'SELECT id, NULL, doc, weight FROM item WHERE id < 3') AS t(id int, n text, doc json, weight float8);
SELECT * FROM cache_fetch_rows('rv:rows', 'SELECT id, NULL, doc, weight FROM item WHERE id < 3') AS t(id int, n text, doc json, weight float8);
SELECT cache_fetch('rv:args', 'SELECT name FROM item WHERE id = $1', (7));
SELECT cache_fetch('rv:args', 'SELECT name FROM item WHERE id = $1', (7));
SELECT verified - :before_v AS verified, failures FROM checks();
-- a plan that gives another order
CREATE INDEX backwards ON item (id DESC) INCLUDE (cat) WHERE id > 0;
SELECT cache_fetch('rv:order', 'SELECT id, cat FROM item WHERE id > 17');
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT verified AS v FROM checks() \gset before_
SELECT cache_fetch('rv:order', 'SELECT id, cat FROM item WHERE id > 17');
SELECT verified - :before_v AS verified, failures FROM checks();
RESET enable_seqscan;
RESET enable_bitmapscan;

--
-- Who is not checked
--
SELECT verified AS v FROM checks() \gset before_
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM item;
SELECT cache_fetch('rv:args', 'SELECT name FROM item WHERE id = $1', (7));
COMMIT;
BEGIN;
CREATE TABLE written (v int);
SELECT cache_fetch('rv:args', 'SELECT name FROM item WHERE id = $1', (7));
ROLLBACK;
CREATE FUNCTION nested() RETURNS json LANGUAGE sql AS
$$ SELECT cache_fetch('rv:args', 'SELECT name FROM item WHERE id = $1', (7)) $$;
SELECT cache_fetch('other', 'SELECT nested()');
SET cachefront.max_stale = '1 h';
UPDATE item SET name = 'new' WHERE id = 7;
SELECT cache_fetch('rv:args', 'SELECT name FROM item WHERE id = $1', (7));
SET cachefront.max_stale = 0;
SELECT verified - :before_v AS verified, failures FROM checks();
-- but within a function, and in a cursor
CREATE FUNCTION within() RETURNS json LANGUAGE plpgsql STABLE AS
$$ BEGIN RETURN cache_fetch('rv:args', 'SELECT name FROM item WHERE id = $1', (7)); END $$;
SELECT within();
SELECT within();
BEGIN;
DECLARE c CURSOR FOR SELECT within() FROM generate_series(1, 3);
FETCH 2 FROM c;
COMMIT;
SELECT verified - :before_v AS verified, failures FROM checks();
-- who may set it
CREATE ROLE regress_cf_verify;
SET ROLE regress_cf_verify;
SET cachefront.verify_rate = 0;
RESET ROLE;
SET cachefront.verify_rate = 1.5;

--
-- A check that fails fails nothing
--
SET work_mem = '64kB';
SELECT cache_fetch('rv:big', 'SELECT count(DISTINCT id * 1000000 + g) FROM item, generate_series(1, 2000) g');
SET temp_file_limit = 0;
SELECT verified AS v FROM checks() \gset before_
SELECT cache_fetch('rv:big', 'SELECT count(DISTINCT id * 1000000 + g) FROM item, generate_series(1, 2000) g');
BEGIN;
SELECT cache_fetch('rv:big', 'SELECT count(DISTINCT id * 1000000 + g) FROM item, generate_series(1, 2000) g');
SELECT cache_fetch('rv:big', 'SELECT count(DISTINCT id * 1000000 + g) FROM item, generate_series(1, 2000) g');
COMMIT;
SELECT verified - :before_v AS verified FROM checks();
RESET temp_file_limit;
SELECT cache_fetch('rv:big', 'SELECT count(DISTINCT id * 1000000 + g) FROM item, generate_series(1, 2000) g');
SELECT verified - :before_v AS verified, failures FROM checks();
RESET work_mem;

--
-- A row vanishes
--
SELECT cache_fetch('rv:gone', 'SELECT id FROM item WHERE id IN (1, 2)');
SELECT cache_fetch_row('rv:gone', 'SELECT id FROM item WHERE id = 2');
SELECT * FROM cache_fetch_rows('rv:gone', 'SELECT id FROM item WHERE id IN (1, 2)') AS t(id int);
SELECT cache_fetch('rv:kept', 'SELECT id FROM item WHERE id IN (3, 4)');
SELECT verified AS v FROM checks() \gset before_
SELECT heap_force_kill('item', ARRAY['(0,2)']::tid[]) \g /dev/null
SET cachefront.verify_rate = 0;
SELECT cache_fetch('rv:gone', 'SELECT id FROM item WHERE id IN (1, 2)');
SET cachefront.verify_rate = 1;
SELECT cache_fetch('rv:gone', 'SELECT id FROM item WHERE id IN (1, 2)');
SELECT count(*) FROM cache_entries WHERE key = 'rv:gone' AND database = current_database();
SELECT cache_fetch_row('rv:gone', 'SELECT id FROM item WHERE id = 2');
SELECT * FROM cache_fetch_rows('rv:gone', 'SELECT id FROM item WHERE id IN (1, 2)') AS t(id int);
SELECT cache_fetch('rv:kept', 'SELECT id FROM item WHERE id IN (3, 4)');
SELECT count(*) FROM cache_entries WHERE key = 'rv:gone' AND database = current_database();
SELECT verified - :before_v AS verified, failures FROM checks();
SET cachefront.verify_rate = 0;
SELECT cache_fetch('rv:gone', 'SELECT id FROM item WHERE id IN (1, 2)');

DROP ROLE regress_cf_verify;
SELECT cache_drop('rv');
DROP EXTENSION pg_surgery;
DROP SCHEMA regress_cf_verify CASCADE;
