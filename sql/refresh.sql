-- Write-through: cache_refresh.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cachefront;
CREATE SCHEMA regress_cf_refresh;
SET search_path = regress_cf_refresh, public;
SET cachefront.refresh_timeout = '60s';
CREATE TABLE product (id int PRIMARY KEY, name text, price int);
INSERT INTO product VALUES (1, 'one', 10), (2, 'two', 20), (3, 'three', 30);
SELECT cache_define('rfp', query => 'SELECT id, name, price FROM product WHERE id = $1', arg_types => '{int}', scope => 'shared');

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
-- cache_refresh: outside of a writing transaction, and in one
--
SELECT cache_refresh('rfp', 1);
SELECT read(1), done();
BEGIN;
UPDATE product SET price = 11 WHERE id = 1;
SELECT cache_refresh('rfp', 1);
COMMIT;
SELECT read(1), done();
-- Called first; by untyped and other arguments; twice.
BEGIN;
SELECT cache_refresh('rfp', '1');
UPDATE product SET price = 12 WHERE id = 1;
SELECT cache_refresh('rfp', VARIADIC ARRAY['1']), cache_refresh('rfp', 1::bigint);
UPDATE product SET price = 13 WHERE id = 1;
COMMIT;
SELECT read(1), done();
-- The last statement of a simple message: nobody has counted its command yet.
CREATE FUNCTION reprice(product int, new int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	UPDATE product p SET price = new WHERE p.id = product;
	PERFORM cache_refresh('rfp', product);
END $$;
SELECT reprice(1, 14);
SELECT read(1), done();
SELECT reprice(1, 15) \;  UPDATE product SET price = 16 WHERE id = 1;
SELECT read(1), done();
-- A row that is not there (any more).
BEGIN;
DELETE FROM product WHERE id = 2;
SELECT cache_refresh('rfp', 2);
COMMIT;
SELECT read(2), done();
-- Own reads go past what is to be refreshed.
BEGIN;
UPDATE product SET price = 17 WHERE id = 1;
SELECT cache_refresh('rfp', 1);
SELECT read(1);
COMMIT;
SELECT read(1), done();
SELECT cache_refresh('rfp');
SELECT cache_refresh('nosuch', 1);
SELECT cache_refresh('rfp', 'x');
SELECT cache_fetch('rf:nested', 'SELECT cache_refresh(''rfp'', 1)');

--
-- What is rolled back
--
BEGIN;
UPDATE product SET price = 99 WHERE id = 1;
SELECT cache_refresh('rfp', 1);
ROLLBACK;
SELECT read(1), done();
BEGIN;
UPDATE product SET price = 18 WHERE id = 1;
SAVEPOINT s;
UPDATE product SET price = 99 WHERE id = 1;
SELECT cache_refresh('rfp', 1), cache_refresh('rfp', 3);
ROLLBACK TO s;
SELECT cache_refresh('rfp', 1);
COMMIT;
SELECT read(1), read(3), done();
BEGIN;
SAVEPOINT s;
UPDATE product SET price = 19 WHERE id = 1;
SAVEPOINT t;
SELECT cache_refresh('rfp', 1);
RELEASE t;
RELEASE s;
COMMIT;
SELECT read(1), done();
-- After a failure the session goes on as before.
BEGIN;
UPDATE product SET price = 99 WHERE id = 1;
SELECT cache_refresh('rfp', 1);
SELECT 1 / 0;
COMMIT;
SELECT reprice(1, 20);
SELECT read(1), done();

--
-- Errors of the loader: the write goes on, and the key is invalidated
--
CREATE FUNCTION moody(price int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
	IF price = 666 THEN
		RAISE EXCEPTION 'not this price';
	END IF;
	RETURN price;
END $$;
SELECT cache_define('rfe', query => 'SELECT moody(price) AS price FROM product WHERE id = $1', arg_types => '{int}', scope => 'shared');
SELECT read(1, 'rfe'), done('rfe');
CREATE FUNCTION reprice(product int, new int, wanted text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	UPDATE product p SET price = new WHERE p.id = product;
	PERFORM cache_refresh(wanted, product);
END $$;
SELECT reprice(1, 666, 'rfe');
SELECT done('rfe'), (SELECT price FROM product WHERE id = 1);
SELECT read(1, 'rfe');
SELECT reprice(1, 21, 'rfe');
SELECT read(1, 'rfe'), done('rfe');
-- It takes too long, and waits for too long.
SELECT cache_define('rfs', query => 'SELECT price, pg_sleep(10) IS NULL AS slept FROM product WHERE id = $1', arg_types => '{int}', scope => 'shared');
SET statement_timeout = '8s';
SET cachefront.refresh_timeout = '20ms';
SELECT reprice(1, 22, 'rfs');
SELECT done('rfs'), (SELECT price FROM product WHERE id = 1);
SET cachefront.refresh_timeout = '1ms';
SELECT reprice(1, 23, 'rfs'), pg_sleep(0.01);
SELECT pg_sleep(0.01), done('rfs');
RESET statement_timeout;
-- It catches the first cancel.
CREATE FUNCTION stubborn() RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
	BEGIN
		PERFORM pg_sleep(10);
	EXCEPTION WHEN query_canceled THEN
		NULL;
	END;
	PERFORM pg_sleep(10);
	RETURN 1;
END $$;
SELECT cache_define('rfb', query => 'SELECT stubborn() AS n, $1 AS id', arg_types => '{int}', scope => 'shared');
SET statement_timeout = '8s';
SET cachefront.refresh_timeout = '20ms';
SELECT reprice(1, 24, 'rfb');
RESET statement_timeout;
SET cachefront.refresh_timeout = '60s';
SELECT done('rfb'), (SELECT price FROM product WHERE id = 1);
-- It writes.
CREATE FUNCTION writes() RETURNS int LANGUAGE sql VOLATILE AS $$ INSERT INTO product VALUES (77, 'x', 1) RETURNING id $$;
SELECT cache_define('rfw', query => 'SELECT writes() AS n, $1 AS id', arg_types => '{int}', scope => 'shared');
SELECT reprice(1, 25, 'rfw');
SELECT done('rfw'), (SELECT price FROM product WHERE id = 1), (SELECT count(*) FROM product WHERE id = 77);
-- It leaves a cursor open.
CREATE FUNCTION opens() RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE
	c refcursor := 'left_open';
	n int;
BEGIN
	OPEN c FOR SELECT price FROM product ORDER BY id;
	FETCH c INTO n;
	RETURN n;
END $$;
SELECT cache_define('rfc', query => 'SELECT opens() AS n, $1 AS id', arg_types => '{int}', scope => 'shared');
SELECT reprice(1, 26, 'rfc');
SELECT done('rfc');
FETCH left_open;
SELECT read(1, 'rfc');
-- It is gone, or takes other arguments, by the time of the commit.
SELECT cache_define('rfg', query => 'SELECT price FROM product WHERE id = $1', arg_types => '{int}', scope => 'shared');
BEGIN;
UPDATE product SET price = 27 WHERE id = 1;
SELECT cache_refresh('rfg', 1);
SELECT cache_alter('rfg', query => 'SELECT price FROM product WHERE name = $1 AND id = $2', arg_types => '{text,int}');
COMMIT;
SELECT done('rfg');
BEGIN;
UPDATE product SET price = 28 WHERE id = 1;
SELECT cache_refresh('rfg', 'one', 1);
SELECT cache_drop('rfg');
COMMIT;

--
-- Limits
--
SELECT read(g) FROM generate_series(1, 3) g;
SET cachefront.refresh_per_commit = 2;
BEGIN;
UPDATE product SET price = 30;
SELECT cache_refresh('rfp', g) FROM generate_series(1, 3) g;
COMMIT;
SELECT done();
SELECT read(g) FROM generate_series(1, 3) g;
SET cachefront.refresh_per_commit = 0;
SELECT reprice(1, 31);
SELECT read(1), done();
RESET cachefront.refresh_per_commit;
-- Not under a snapshot of the transaction's own.
BEGIN ISOLATION LEVEL REPEATABLE READ;
UPDATE product SET price = 32 WHERE id = 1;
SELECT cache_refresh('rfp', 1);
COMMIT;
SELECT read(1), done();
BEGIN ISOLATION LEVEL SERIALIZABLE;
UPDATE product SET price = 33 WHERE id = 1;
SELECT cache_refresh('rfp', 1);
COMMIT;
SELECT read(1), done();
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT cache_refresh('rfp', 1);
COMMIT;
SELECT read(1), done();
-- Nor of a prepared one, or where definitions change.
BEGIN;
UPDATE product SET price = 34 WHERE id = 1;
SELECT cache_refresh('rfp', 1);
PREPARE TRANSACTION 'regress_cf_refresh';
COMMIT PREPARED 'regress_cf_refresh';
SELECT read(1), done();
BEGIN;
ALTER TABLE product ADD COLUMN more int;
UPDATE product SET price = 35 WHERE id = 1;
SELECT cache_refresh('rfp', 1);
COMMIT;
SELECT read(1), done();
SET cachefront.enabled = off;
SELECT reprice(1, 36);
RESET cachefront.enabled;
SELECT read(1), done();
-- What the transaction has stored looks like somebody else's change: nothing is published.
SELECT cache_define('rfn', scope => 'shared');
SELECT cache_define('rfk', query => 'SELECT cache_get(''rfn:note'') AS note, $1 AS id', arg_types => '{int}', scope => 'shared');
SELECT cache_set('rfn:note', '1');
SELECT read(1, 'rfk');
BEGIN;
SELECT cache_set('rfn:note', '2');
UPDATE product SET price = 37 WHERE id = 1;
SELECT cache_refresh('rfk', 1);
COMMIT;
SELECT done('rfk');
SELECT read(1, 'rfk');
SELECT read(1, 'rfk');
UPDATE product SET price = 37 WHERE id = 1;
SELECT reprice(1, 37, 'rfk');
SELECT read(1, 'rfk'), done('rfk');
SELECT cache_set('rfn:note', '3');
SELECT read(1, 'rfk');

--
-- Triggers that fire at the commit
--
CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF new.price >= 100 THEN
		UPDATE product SET price = price - 100 WHERE id = new.id;
		PERFORM cache_refresh('rfp', new.id);
	END IF;
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER later AFTER UPDATE ON product DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION later();
SELECT reprice(1, 140);
SELECT read(1), done();
UPDATE product SET price = 241 WHERE id = 1;
SELECT read(1), done();
DROP TRIGGER later ON product;

-- What a load leaves behind may write once all are loaded: what does not show that is dropped.
CREATE FUNCTION bump() RETURNS int LANGUAGE sql VOLATILE AS 'UPDATE product SET price = price + 1 WHERE id = 1 RETURNING price';
CREATE FUNCTION holds() RETURNS int LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	EXECUTE 'DECLARE held CURSOR WITH HOLD FOR SELECT regress_cf_refresh.bump()';
	RETURN 1;
END $$;
SELECT cache_define('rfh', query => 'SELECT holds() AS n, $1 AS id', arg_types => '{int}');
BEGIN;
UPDATE product SET price = 42 WHERE id = 1;
SELECT cache_refresh('rfp', 1), cache_refresh('rfh', 1);
COMMIT;
FETCH held;
CLOSE held;
SELECT read(1), done();

--
-- Procedures that commit, chained transactions
--
CREATE PROCEDURE reprice_all(first int) LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 3 LOOP
		UPDATE product SET price = first + i WHERE id = 1;
		PERFORM cache_refresh('rfp', 1);
		COMMIT;
		RAISE NOTICE '%', read(1);
	END LOOP;
END $$;
SET client_min_messages = notice;
CALL reprice_all(50);
SET client_min_messages = warning;
SELECT done();
BEGIN;
UPDATE product SET price = 60 WHERE id = 1;
SELECT cache_refresh('rfp', 1);
COMMIT AND CHAIN;
SELECT read(1);
UPDATE product SET price = 61 WHERE id = 1;
SELECT cache_refresh('rfp', 1);
COMMIT;
SELECT read(1), done();

DROP SCHEMA regress_cf_refresh CASCADE;
SELECT count(cache_drop(name)) FROM cache_definitions WHERE name LIKE 'rf_';
