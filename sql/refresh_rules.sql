-- Write-through: rules of mode 'refresh'; whose rights a load at the commit has.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cachefront;
CREATE SCHEMA regress_cf_refresh_rules;
SET search_path = regress_cf_refresh_rules, public;
SET cachefront.refresh_timeout = '60s';
CREATE TABLE product (id int PRIMARY KEY, name text, price int);
INSERT INTO product VALUES (3, 'three', 30), (1, 'one', 61);
SELECT cache_define('rfp', query => 'SELECT id, name, price FROM product WHERE id = $1', arg_types => '{int}', scope => 'shared');
SELECT FROM cache_stats_reset();

-- Counters of a cache, as of the last call less.
CREATE FUNCTION done(wanted text DEFAULT 'rfp') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	now bigint[];
	was bigint[];
BEGIN
	SELECT ARRAY[refreshes, refresh_errors, refreshes_skipped, refreshes_refused]
	INTO now FROM cache_stats WHERE cache = wanted;
	was := coalesce(nullif(current_setting('regress.' || wanted, true), ''), '{0,0,0,0}')::bigint[];
	PERFORM set_config('regress.' || wanted, now::text, false);
	RETURN format('%s published, %s failed, %s skipped, %s refused',
		now[1] - was[1], now[2] - was[2], now[3] - was[3], now[4] - was[4]);
END $$;
-- The value, and how it was found.
CREATE FUNCTION read(id int, wanted text DEFAULT 'rfp') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hits bigint := (SELECT l1_hits FROM cache_stats WHERE cache = wanted);
	value text := cache_read(wanted, id);
BEGIN
	RETURN CASE (SELECT l1_hits FROM cache_stats WHERE cache = wanted) - hits WHEN 1 THEN 'hit  ' ELSE 'miss ' END || value;
END $$;

--
-- Rules: the keys of the old and the new row
--
SELECT cache_attach('product', rows => '{id}', cache => 'rfp', arg_columns => '{id}', mode => 'refresh') AS rule \gset
SELECT rule = :'rule' AS named, kind, rows, columns, cache, arg_columns, problem FROM cache_rules WHERE rel = 'product'::regclass;
SELECT read(g) FROM generate_series(1, 4) g;
SELECT done();
UPDATE product SET price = 70 WHERE id = 1;
SELECT read(1), done();
INSERT INTO product VALUES (4, 'four', 40);
SELECT read(4), done();
UPDATE product SET id = 5 WHERE id = 4;
SELECT read(4), read(5), done();
DELETE FROM product WHERE id = 5;
SELECT read(5), done();
-- Of what the change does not concern nothing is loaded, and what is there stays.
SELECT read(3), done();
UPDATE product SET price = price + 1;
SELECT done();
SELECT read(g) FROM generate_series(1, 3) g;
-- Not under a snapshot of the transaction's own.
BEGIN ISOLATION LEVEL REPEATABLE READ;
UPDATE product SET price = 70 WHERE id = 1;
COMMIT;
SELECT read(1), done();
BEGIN ISOLATION LEVEL SERIALIZABLE;
UPDATE product SET price = 71 WHERE id = 1;
COMMIT;
SELECT read(1), done();
BEGIN;
UPDATE product SET price = 70 WHERE id = 1;
PREPARE TRANSACTION 'regress_cf_refresh';
COMMIT PREPARED 'regress_cf_refresh';
SELECT read(1), done();
-- The same row again and again; and what is rolled back.
BEGIN;
UPDATE product SET price = 71 WHERE id = 1;
UPDATE product SET price = 72 WHERE id = 1;
SAVEPOINT s;
UPDATE product SET price = 73 WHERE id = 1;
UPDATE product SET price = 73 WHERE id = 3;
ROLLBACK TO s;
COMMIT;
SELECT read(1), read(3), done();
-- More than there may be: the others are invalidated.
INSERT INTO product SELECT g, 'many', g FROM generate_series(1001, 1300) g;
SELECT done();
SELECT read(1100), read(1101), done();
DELETE FROM product WHERE id > 1000;
SELECT read(1001), read(1300), done();
-- More keys than a transaction names: all that the rule reaches.
SET cachefront.max_keys_per_commit = 5;
INSERT INTO product SELECT g, 'many', g FROM generate_series(1001, 1020) g;
SELECT done();
SELECT read(1001), read(1020), done();
RESET cachefront.max_keys_per_commit;
DELETE FROM product WHERE id > 1000;
SELECT done() IS NULL AS none;

--
-- What its freshness is declared by
--
SELECT cache_define('rfd', query => 'SELECT count(*) AS n, (SELECT price FROM product WHERE id = $1) AS price FROM product', arg_types => '{int}', scope => 'shared', freshness => 'declared');
SELECT cache_attach('product', rows => '{id}', cache => 'rfd', arg_columns => '{id}', mode => 'refresh') AS declared \gset
SELECT read(1, 'rfd'), read(3, 'rfd'), done('rfd');
UPDATE product SET price = 80 WHERE id = 1;
SELECT read(1, 'rfd'), read(3, 'rfd'), done('rfd');
BEGIN;
UPDATE product SET price = 81 WHERE id = 1;
SELECT read(1, 'rfd');
ROLLBACK;
SELECT read(1, 'rfd');
SET cachefront.refresh_per_commit = 0;
UPDATE product SET price = 82 WHERE id = 1;
SELECT read(1, 'rfd'), read(3, 'rfd'), done('rfd');
RESET cachefront.refresh_per_commit;
SET cachefront.max_keys_per_commit = 2;
BEGIN;
UPDATE product SET price = 83 WHERE id = 1;
UPDATE product SET price = 83 WHERE id = 3;
COMMIT;
RESET cachefront.max_keys_per_commit;
SELECT read(1, 'rfd'), read(3, 'rfd'), done('rfd');
-- The definition changes under the rule: arguments that no key can be made of.
SELECT cache_alter('rfd', arg_types => '{date}', query => 'SELECT count(*) AS n, (SELECT max(price) FROM product WHERE $1 IS NOT NULL) AS price FROM product');
SELECT cache_read('rfd', '2024-01-01');
UPDATE product SET price = 84;
SELECT cache_read('rfd', '2024-01-01'), done('rfd');
SELECT cache_drop('rfd');
UPDATE product SET price = 85 WHERE id = 1;
SELECT cache, problem FROM cache_rules WHERE rel = 'product'::regclass AND cache = 'rfd';
SELECT cache_detach('product', rows => '{id}', cache => 'rfd', arg_columns => '{id}');
SELECT done() IS NULL AS none;

--
-- Columns that count, partitions, deferred keys, types
--
CREATE TABLE part (id bigint, region text, n int, noise int, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE part_a PARTITION OF part FOR VALUES IN ('a');
CREATE TABLE part_b PARTITION OF part FOR VALUES IN ('b');
SELECT cache_define('rfq', query => 'SELECT id, region, n FROM part WHERE region = $1 AND id = $2', arg_types => '{text,numeric}', scope => 'shared');
SELECT cache_attach('part', rows => '{region,id}', cache => 'rfq', arg_columns => '{region,id}', mode => 'refresh', columns => '{n}') IS NULL AS none;
INSERT INTO part VALUES (1, 'a', 1, 1), (1, 'b', 2, 1);
SELECT done('rfq'), cache_read('rfq', 'a', 1), cache_read('rfq', 'b', 1);
SELECT l1_hits, misses FROM cache_stats WHERE cache = 'rfq';
UPDATE part SET noise = 2;
SELECT done('rfq');
UPDATE part SET n = 3;
SELECT done('rfq');
UPDATE part SET region = 'b', id = 2 WHERE region = 'a';
SELECT done('rfq'), cache_read('rfq', 'a', 1), cache_read('rfq', 'b', 2);
SELECT l1_hits, misses FROM cache_stats WHERE cache = 'rfq';
-- A column that goes away makes it the whole table.
ALTER TABLE product ADD COLUMN code varchar(10);
UPDATE product SET code = 'c' || id;
SELECT cache_define('rfv', query => 'SELECT id FROM product WHERE name = $1', arg_types => '{text}', scope => 'shared');
SELECT cache_attach('product', rows => '{id}', cache => 'rfv', arg_columns => '{code}', mode => 'refresh') IS NULL AS none;
UPDATE product SET price = 86 WHERE id = 1;
SELECT done('rfv');
ALTER TABLE product DROP COLUMN code;
SELECT problem FROM cache_rules WHERE cache = 'rfv';
UPDATE product SET price = 87 WHERE id = 1;
SELECT done('rfv');
SELECT read(1), done();

--
-- What cache_attach refuses
--
SELECT cache_attach('product', mode => 'through');
SELECT cache_attach('product', mode => 'refresh');
SELECT cache_attach('product', mode => 'refresh', cache => 'rfp');
SELECT cache_attach('product', cache => 'rfp', arg_columns => '{id}');
SELECT cache_attach('product', mode => 'refresh', cache => 'nosuch', arg_columns => '{id}');
SELECT cache_attach('product', mode => 'refresh', cache => 'rfp', arg_columns => '{id,price}');
SELECT cache_attach('product', mode => 'refresh', cache => 'rfp', arg_columns => '{nosuch}');
SELECT cache_attach('product', rows => '{id}', mode => 'refresh', cache => 'rfp', arg_columns => '{id}');
CREATE DOMAIN small AS int CHECK (value < 100);
CREATE TABLE wide (big bigint, small int, moment timestamptz, day date, label char(4), word varchar(9), num numeric, tiny small);
CREATE FUNCTION fits(columns name, type regtype) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM cache_define('rft', query => 'SELECT $1 AS n', arg_types => ARRAY[type], scope => 'shared');
	PERFORM cache_attach('wide', rows => '{}', mode => 'refresh', cache => 'rft', arg_columns => ARRAY[columns]);
	PERFORM cache_detach('wide');
	RETURN 'yes';
EXCEPTION WHEN datatype_mismatch THEN
	RETURN sqlerrm;
END $$;
SELECT columns, type, fits(columns, type) FROM (VALUES ('big'::name, 'int'::regtype), ('big', 'bigint'), ('small', 'bigint'), ('small', 'smallint'),
	('big', 'numeric'), ('num', 'int'), ('day', 'timestamptz'), ('moment', 'date'), ('label', 'text'), ('word', 'text'),
	('small', 'text'), ('tiny', 'int'), ('small', 'small'), ('tiny', 'small')) v(columns, type);
SELECT cache_drop('rft');

--
-- Whose rights
--
CREATE ROLE regress_cf_shop;
CREATE ROLE regress_cf_writer;
CREATE ROLE regress_cf_thief;
GRANT USAGE, CREATE ON SCHEMA regress_cf_refresh_rules TO regress_cf_shop, regress_cf_writer, regress_cf_thief;
GRANT EXECUTE ON FUNCTION cache_define, cache_alter, cache_attach, cache_detach, cache_invalidate_row, cache_invalidate_statement
	TO regress_cf_shop, regress_cf_thief;
SET ROLE regress_cf_shop;
CREATE TABLE item (id int PRIMARY KEY, price int);
CREATE TABLE secret (id int PRIMARY KEY, cost int);
INSERT INTO item VALUES (1, 10);
INSERT INTO secret VALUES (1, 5);
GRANT SELECT, UPDATE ON item TO regress_cf_writer;
SELECT cache_define('rfi', query => 'SELECT i.id, price - cost AS gain, current_user FROM item i, secret s WHERE i.id = $1 AND s.id = i.id', arg_types => '{int}', scope => 'shared');
SELECT cache_attach('item', cache => 'rfi', arg_columns => '{id}', mode => 'refresh') IS NULL AS none;
-- The writer may not read what the query reads; it runs as the cache's owner.
SET ROLE regress_cf_writer;
UPDATE item SET price = 11;
SELECT cache_refresh('rfi', 1);
BEGIN;
UPDATE item SET price = 11;
SELECT cache_refresh('rfi', 1);
COMMIT;
SET ROLE regress_cf_shop;
SELECT cache_read('rfi', 1);
RESET ROLE;
SELECT done('rfi'), l1_hits FROM cache_stats WHERE cache = 'rfi';
UPDATE item SET price = 12;
SELECT done('rfi'), current_user = session_user AS back;
-- A function that writes as its owner makes no difference.
SET ROLE regress_cf_shop;
CREATE FUNCTION reprice_item(new int) RETURNS void LANGUAGE sql SECURITY DEFINER AS 'UPDATE regress_cf_refresh_rules.item SET price = new';
SET ROLE regress_cf_writer;
SELECT reprice_item(13);
RESET ROLE;
SELECT done('rfi');
-- In scope 'role' it does: what is loaded at the commit would be the session's.
SET ROLE regress_cf_shop;
SELECT cache_define('rfr', query => 'SELECT price, current_user FROM item WHERE id = $1', arg_types => '{int}');
SELECT cache_attach('item', cache => 'rfr', arg_columns => '{id}', mode => 'refresh') IS NULL AS none;
UPDATE item SET price = 14;
SELECT cache_read('rfr', 1);
RESET ROLE;
SELECT done('rfr'), l1_hits FROM cache_stats WHERE cache = 'rfr';
SET ROLE regress_cf_writer;
SELECT reprice_item(15);
UPDATE item SET price = 16;
SELECT cache_read('rfr', 1);
RESET ROLE;
SELECT done('rfr'), l1_hits FROM cache_stats WHERE cache = 'rfr';
-- The commit publishes one variant of the key; of the others nothing old stays.
SET ROLE regress_cf_shop;
SELECT cache_define('rft', query => 'SELECT price, current_user AS who FROM item WHERE id = $1', arg_types => '{int}');
SELECT cache_read('rft', 1);
SELECT * FROM cache_read_rows('rft', 1) AS t(price int, who name);
SET ROLE regress_cf_writer;
SELECT cache_read('rft', 1);
BEGIN;
UPDATE item SET price = 17;
SELECT cache_refresh('rft', 1);
COMMIT;
SELECT cache_read('rft', 1);
SET ROLE regress_cf_shop;
SELECT cache_read('rft', 1);
SELECT * FROM cache_read_rows('rft', 1) AS t(price int, who name);
RESET ROLE;
SELECT done('rft'), l1_hits, loads FROM cache_stats WHERE cache = 'rft';
-- Nobody gets his query run as somebody else.
SET ROLE regress_cf_thief;
SELECT cache_define('rfz', query => 'SELECT $1 AS id, current_user', arg_types => '{int}', scope => 'shared');
SET ROLE regress_cf_shop;
SELECT cache_attach('item', cache => 'rfz', arg_columns => '{id}', mode => 'refresh');
SET ROLE regress_cf_thief;
SELECT cache_alter('rfz', scope => 'role');
SET ROLE regress_cf_shop;
SELECT cache_attach('item', cache => 'rfz', arg_columns => '{id}', mode => 'refresh');
CREATE TRIGGER by_hand AFTER UPDATE ON item FOR EACH ROW EXECUTE FUNCTION cache_invalidate_row('row', 'id', 'cache', 'rfz', 'arg', 'id');
SELECT problem FROM cache_rules WHERE cache = 'rfz';
UPDATE item SET price = 17;
RESET ROLE;
SELECT done('rfz');
SET ROLE regress_cf_thief;
SELECT cache_alter('rfz', scope => 'shared');
RESET ROLE;
UPDATE item SET price = 18;
SELECT done('rfz');
DROP TRIGGER by_hand ON item;
-- It cannot change the role back, nor do in the session what outlives it.
SET ROLE regress_cf_shop;
CREATE FUNCTION escape() RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
	PERFORM set_config('role', 'none', false);
	RETURN current_user;
END $$;
CREATE FUNCTION listens() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	EXECUTE 'LISTEN regress_cf';
	RETURN current_user;
END $$;
SELECT cache_define('rfx', query => 'SELECT escape() AS who, $1 AS id', arg_types => '{int}', scope => 'shared');
SELECT cache_define('rfy', query => 'SELECT listens() AS who, $1 AS id', arg_types => '{int}', scope => 'shared');
SELECT cache_attach('item', cache => 'rfx', arg_columns => '{id}', mode => 'refresh') IS NULL AS none;
SELECT cache_attach('item', cache => 'rfy', arg_columns => '{id}', mode => 'refresh') IS NULL AS none;
RESET ROLE;
UPDATE item SET price = 19;
SELECT done('rfx'), done('rfy'), current_user = session_user AS back, (SELECT count(*) FROM pg_listening_channels()) AS channels;
-- Row security: of scope 'shared' nothing is kept.
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_rows ON item USING (true);
SELECT done('rfi') IS NULL AS none;
UPDATE item SET price = 20;
SELECT done('rfi');

DROP SCHEMA regress_cf_refresh_rules CASCADE;
SELECT count(cache_drop(name)) FROM cache_definitions WHERE name LIKE 'rf_';
DROP OWNED BY regress_cf_shop, regress_cf_writer, regress_cf_thief;
DROP ROLE regress_cf_shop, regress_cf_writer, regress_cf_thief;
