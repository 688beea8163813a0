-- What savepoints and ends of transactions of all kinds make of what they do to the cache.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cachefront;
CREATE SCHEMA regress_cf_ends;
SET search_path = regress_cf_ends, public;
SELECT cache_define('rk', jitter => 0, xfetch_beta => 0);

-- The counters of a cache that moved since the last call. It keeps what it saw
-- in a setting, as a write would change what is tested.
CREATE FUNCTION counted(name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	seen json;
	before json;
	moved text;
BEGIN
	SELECT row_to_json(s) INTO seen FROM cache_stats s WHERE s.cache = name;
	before := coalesce(nullif(current_setting('cf_test.' || name, true), ''), '{}');
	SELECT string_agg(format('%s %s', key, value::bigint - coalesce(before ->> key, '0')::bigint),
					  ', ' ORDER BY ord)
	INTO moved
	FROM json_each_text(seen) WITH ORDINALITY AS e(key, value, ord)
	WHERE key <> 'cache' AND value <> coalesce(before ->> key, '0');
	PERFORM set_config('cf_test.' || name, seen::text, false);
	RETURN coalesce(moved, 'nothing');
END $$;
DO $$ BEGIN PERFORM counted('rk'); END $$;

-- Own reads, and what shared memory holds for all.
CREATE FUNCTION look(VARIADIC keys text[], OUT key text, OUT own json, OUT stored text)
RETURNS SETOF record LANGUAGE sql AS $$
	SELECT 'rk:' || k, cache_get('rk:' || k),
		(SELECT string_agg(form || ' ' || state, ', ' ORDER BY form) FROM cache_entries e
		 WHERE e.key = 'rk:' || k AND e.database = current_database())
	FROM unnest(keys) k
$$;

--
-- Savepoints
--
BEGIN;
SELECT cache_set('rk:a', '0');
SAVEPOINT one;
SELECT cache_set('rk:a', '1');
SAVEPOINT two;
SELECT cache_set('rk:a', '2'), cache_set('rk:b', '2');
SAVEPOINT three;
SELECT cache_set('rk:a', '3'), cache_delete('rk:b');
SELECT * FROM look('a', 'b');
ROLLBACK TO three;
SELECT * FROM look('a', 'b');
ROLLBACK TO two;
SELECT * FROM look('a', 'b');
SAVEPOINT four;
SELECT cache_set('rk:b', '4');
RELEASE four;
SELECT * FROM look('a', 'b');
ROLLBACK TO one;
SELECT * FROM look('a', 'b');
COMMIT;
SELECT * FROM look('a', 'b');
-- released into one that is rolled back
BEGIN;
SAVEPOINT one;
SAVEPOINT two;
SAVEPOINT three;
SELECT cache_set('rk:a', '3'), cache_set('rk:b', '3');
RELEASE three;
SELECT cache_delete('rk:b');
RELEASE two;
SELECT * FROM look('a', 'b');
ROLLBACK TO one;
SELECT * FROM look('a', 'b');
COMMIT;
SELECT * FROM look('a', 'b');
-- released all the way
BEGIN;
SAVEPOINT one;
SELECT cache_set('rk:a', '1');
SAVEPOINT two;
SELECT cache_set('rk:b', '2');
SAVEPOINT three;
SELECT cache_set('rk:c', '3');
RELEASE three;
RELEASE two;
RELEASE one;
SELECT * FROM look('a', 'b', 'c');
COMMIT;
SELECT * FROM look('a', 'b', 'c');
-- rolled back in the middle, then added to, at the same depth and deeper
BEGIN;
SAVEPOINT one;
SELECT cache_delete('rk:a');
SAVEPOINT two;
SELECT cache_delete('rk:b');
ROLLBACK TO two;
SELECT cache_delete('rk:c');
SAVEPOINT three;
SELECT cache_set('rk:c', '4');
RELEASE two;
SAVEPOINT two;
SELECT cache_set('rk:c', '5');
ROLLBACK TO two;
SELECT * FROM look('a', 'b', 'c');
RELEASE one;
COMMIT;
SELECT * FROM look('a', 'b', 'c');
-- of touches and invalidations
SELECT cache_set('rk:a', '1', tags => '{red}');
SELECT cache_fetch('rk:q', 'SELECT 1 AS a', tags => '{red}');
BEGIN;
SAVEPOINT one;
SELECT cache_invalidate_tag('red');
SELECT cache_touch('rk:a', '1 year');
SELECT cache_invalidate('rk:q');
ROLLBACK TO one;
COMMIT;
SELECT * FROM look('a', 'q');
BEGIN;
SAVEPOINT one;
SELECT cache_flush();
SELECT cache_invalidate('rk:q');
ROLLBACK TO one;
SELECT cache_invalidate('rk:q');
COMMIT;
SELECT * FROM look('a', 'q');
BEGIN;
SELECT cache_invalidate_tag('red');
SAVEPOINT one;
SELECT cache_invalidate_tag('red');
ROLLBACK TO one;
COMMIT;
SELECT * FROM look('a');
-- in PL/pgSQL's exception blocks
CREATE FUNCTION blocks() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM cache_set('rk:a', '"outer"');
	BEGIN
		PERFORM cache_set('rk:a', '"undone"'), cache_set('rk:b', '"undone"');
		BEGIN
			PERFORM cache_delete('rk:a', 'rk:c');
			RAISE EXCEPTION 'inner';
		EXCEPTION WHEN raise_exception THEN
			PERFORM cache_set('rk:c', '"by the handler, undone"');
		END;
		PERFORM 1 / 0;
	EXCEPTION WHEN division_by_zero THEN
		PERFORM cache_set('rk:d', '"by the handler"');
	END;
	BEGIN
		PERFORM cache_set('rk:e', '"kept"');
	EXCEPTION WHEN OTHERS THEN
		NULL;
	END;
END $$;
SELECT cache_delete('rk:a', 'rk:b', 'rk:c', 'rk:d', 'rk:e');
SELECT blocks();
SELECT * FROM look('a', 'b', 'c', 'd', 'e');
-- many operations, many savepoints, compared with the same in a table
CREATE TABLE model (k text PRIMARY KEY, v int);
DO $$
BEGIN
	FOR i IN 1..300 LOOP
		BEGIN
			PERFORM cache_set('rk:m' || i % 50, to_json(i));
			PERFORM cache_delete('rk:m' || (i + 7) % 50);
			IF i % 3 = 0 THEN
				RAISE EXCEPTION 'undo';
			END IF;
		EXCEPTION WHEN raise_exception THEN
			NULL;
		END;
	END LOOP;
END $$;
SELECT count(*) FROM cache_entries WHERE key LIKE 'rk:m%';
DO $$
BEGIN
	FOR i IN 1..300 LOOP
		BEGIN
			INSERT INTO model VALUES ('m' || i % 50, i) ON CONFLICT (k) DO UPDATE SET v = i;
			DELETE FROM model WHERE k = 'm' || (i + 7) % 50;
			IF i % 3 = 0 THEN
				RAISE EXCEPTION 'undo';
			END IF;
		EXCEPTION WHEN raise_exception THEN
			NULL;
		END;
	END LOOP;
END $$;
SELECT count(*) AS values, count(*) FILTER (WHERE cache_get('rk:' || k)::text = v::text) AS same FROM model;
SELECT cache_flush();

--
-- Transactions that end in other ways
--
DO $$
BEGIN
	PERFORM cache_set('rk:a', '"committed"');
	COMMIT;
	PERFORM cache_set('rk:b', '"rolled back"');
	ROLLBACK;
	PERFORM cache_set('rk:c', '"at the end"');
END $$;
SELECT * FROM look('a', 'b', 'c');
-- by a deferred trigger, at commit
CREATE TABLE items (id int PRIMARY KEY, v text);
CREATE TABLE refers (id int REFERENCES items DEFERRABLE INITIALLY DEFERRED);
CREATE FUNCTION drop_item() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM cache_invalidate('rk:item:' || NEW.id);
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER later AFTER INSERT OR UPDATE ON items DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION drop_item();
INSERT INTO items VALUES (1, 'first'), (2, 'second');
SELECT cache_fetch_row('rk:item:1', 'SELECT v FROM items WHERE id = $1', (1));
SELECT cache_fetch_row('rk:item:2', 'SELECT v FROM items WHERE id = $1', (2));
BEGIN;
UPDATE items SET v = 'changed' WHERE id = 1;
SELECT cache_fetch_row('rk:item:1', 'SELECT v FROM items WHERE id = $1', (1));
COMMIT;
SELECT cache_fetch_row('rk:item:1', 'SELECT v FROM items WHERE id = $1', (1));
-- failing at commit, nothing happens
SELECT cache_set('rk:a', '"before"');
BEGIN;
SELECT cache_set('rk:a', '"never"'), cache_invalidate('rk:item:2');
INSERT INTO refers VALUES (99);
COMMIT;
SELECT * FROM look('a', 'item:2');
-- a cursor that outlives the transaction sees its writes
BEGIN;
SELECT cache_set('rk:a', '"held"');
DECLARE c CURSOR WITH HOLD FOR SELECT cache_get('rk:a');
COMMIT;
FETCH c;
CLOSE c;
-- two-phase commit is refused where values are stored
BEGIN;
SELECT cache_set('rk:a', '"prepared"');
PREPARE TRANSACTION 'regress_cf_ends'; \echo :LAST_ERROR_SQLSTATE
SELECT * FROM look('a');
BEGIN;
SAVEPOINT one;
SELECT cache_touch('rk:a', '1 hour');
RELEASE one;
PREPARE TRANSACTION 'regress_cf_ends'; \echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM pg_prepared_xacts WHERE gid = 'regress_cf_ends';
SELECT * FROM look('a');
-- in a read-only transaction: the cache is not the database
BEGIN READ ONLY;
SELECT cache_set('rk:a', '"read-only"'), cache_delete('rk:b'), cache_invalidate_tag('red');
COMMIT;
SELECT * FROM look('a');
-- a value that does not fit takes its predecessor with it
SELECT counted('rk') IS NOT NULL AS counted;
SET cachefront.l1_max_value = 1024;
SELECT cache_set('rk:a', to_json(repeat('x', 2000)));
SELECT * FROM look('a');
RESET cachefront.l1_max_value;
SELECT counted('rk');
-- switched off: nothing is read or kept, but what is old goes
SELECT cache_set('rk:a', '"old"'), cache_set('rk:b', '"old"'), cache_set('rk:c', '"old"'), cache_set('rk:d', '"old"');
SET cachefront.enabled = off;
SELECT cache_get('rk:a') IS NULL AS none;
SELECT cache_set('rk:a', '"new"'), cache_delete('rk:b'), cache_touch('rk:d', '1 year');
RESET cachefront.enabled;
SELECT * FROM look('a', 'b', 'c');
SELECT cache_flush();

SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 207;
SELECT cache_drop('rk');
SELECT cache_flush();
DROP SCHEMA regress_cf_ends CASCADE;
