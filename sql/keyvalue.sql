-- Key/value and invalidation by hand: what a transaction does to the cache
-- happens when it commits, and only then.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cachefront;
CREATE SCHEMA regress_cf_kv;
SET search_path = regress_cf_kv, public;
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
-- Values
--
SELECT cache_get('rk:a') IS NULL AS none;
SELECT cache_set('rk:a', '{"a": 1}');
SELECT cache_get('rk:a');
SELECT counted('rk');
SELECT key, cache, form, state, negative, dependencies, age + ttl_left AS ttl
	FROM cache_entries WHERE key = 'rk:a';
-- the text is kept as it was given
SELECT cache_set('rk:a', E' {"b":1,\n  "a" : [1.50, 9007199254740993, 1e2] ,"a":"\\u00e9é"} ');
SELECT cache_get('rk:a');
SELECT cache_get('rk:a')::text = E' {"b":1,\n  "a" : [1.50, 9007199254740993, 1e2] ,"a":"\\u00e9é"} ' AS same;
SELECT cache_set('rk:b', '[]'), cache_set('rk:c', 'null'), cache_set('rk:d', '""'), cache_set('rk:e', '0'), cache_set('rk:f', 'false');
-- the JSON value null is a value
SELECT cache_get('rk:b') AS b, cache_get('rk:c') AS c, cache_get('rk:c') IS NULL AS c_is_null,
	cache_get('rk:d') AS d, cache_get('rk:e') AS e, cache_get('rk:f') AS f;
SELECT cache_set('rk:b', row_to_json(x)) FROM (SELECT 1 AS a, 'x' AS b) x;
SELECT cache_get('rk:b');
-- a long one
SELECT cache_set('rk:b', to_json(repeat('long ', 20000)));
SELECT length(cache_get('rk:b') #>> '{}');
-- a key may hold a value, and results of queries: each function sees its own
SELECT cache_set('rk:g', '"value"');
SELECT cache_fetch('rk:g', 'SELECT 1 AS a');
SELECT cache_get('rk:g');
SELECT * FROM look('g');
SELECT cache_delete('rk:g');
SELECT * FROM look('g');
SELECT cache_delete('rk:a', 'rk:b', 'rk:c', 'rk:nobody');
SELECT cache_get('rk:a') IS NULL AS a, cache_get('rk:b') IS NULL AS b, cache_get('rk:c') IS NULL AS c, cache_get('rk:d') AS d;
SELECT cache_delete('rk:d', 'rk:e', 'rk:f');

--
-- ttl and touch
--
SELECT cache_set('rk:a', '1', '1 hour'), cache_set('rk:b', '2', ttl => '1 day'), cache_set('rk:c', '3', '1 microsecond');
SELECT key, age + ttl_left AS ttl, state FROM cache_entries WHERE key ~ '^rk:[abc]$' ORDER BY key;
SELECT cache_get('rk:a') AS a, cache_get('rk:b') AS b, cache_get('rk:c') IS NULL AS c_is_gone;
-- from now on
SELECT cache_touch('rk:a', '2 hours'), cache_touch('rk:b'), cache_touch('rk:c', '1 hour'), cache_touch('rk:nobody', '1 hour');
SELECT key, round(extract(epoch FROM ttl_left)) AS ttl_left, age + ttl_left > '2 hours' AS longer
	FROM cache_entries WHERE key ~ '^rk:[ab]$' ORDER BY key;
SELECT cache_get('rk:a') AS a, cache_get('rk:c') IS NULL AS c_is_gone, cache_get('rk:nobody') IS NULL AS nobody;
-- results of queries are not touched
SELECT cache_fetch('rk:q', 'SELECT 1 AS a', ttl => '1 hour');
SELECT cache_touch('rk:q', '2 hours');
SELECT age + ttl_left AS ttl FROM cache_entries WHERE key = 'rk:q';
SELECT counted('rk');
SELECT cache_delete('rk:a', 'rk:b', 'rk:c', 'rk:q');

--
-- tags
--
SELECT cache_set('rk:a', '1', tags => '{red,blue}'), cache_set('rk:b', '2', tags => '{blue}'), cache_set('rk:c', '3', tags => '{}');
SELECT key, dependencies FROM cache_entries WHERE key ~ '^rk:[abc]$' ORDER BY key;
SELECT cache_invalidate_tag('green');
SELECT * FROM look('a', 'b', 'c');
SELECT cache_invalidate_tag('red');
SELECT * FROM look('a', 'b', 'c');
SELECT cache_touch('rk:a', '1 hour');
SELECT cache_get('rk:a') IS NULL AS stays_gone;
SELECT cache_set('rk:a', '4', tags => '{red}');
SELECT cache_invalidate_tag('red', 'blue');
SELECT * FROM look('a', 'b', 'c');
-- a value has the tags of its last cache_set only
SELECT cache_set('rk:a', '5', tags => '{red}');
SELECT cache_set('rk:a', '6', tags => '{blue}');
SELECT cache_invalidate_tag('red');
SELECT * FROM look('a');
SELECT cache_delete('rk:a', 'rk:b', 'rk:c');

--
-- Commit and rollback
--
BEGIN;
SELECT cache_set('rk:a', '1');
SELECT * FROM look('a');
ROLLBACK;
SELECT * FROM look('a');
BEGIN;
SELECT cache_set('rk:a', '1');
COMMIT;
SELECT * FROM look('a');
BEGIN;
SELECT cache_set('rk:a', '2');
SELECT * FROM look('a');
ROLLBACK;
SELECT * FROM look('a');
BEGIN;
SELECT cache_delete('rk:a');
SELECT * FROM look('a');
ROLLBACK;
SELECT * FROM look('a');
BEGIN;
SELECT cache_touch('rk:a', '1 year');
SELECT * FROM look('a');
ROLLBACK;
SELECT ttl_left < '1 day' AS untouched FROM cache_entries WHERE key = 'rk:a';
-- an error undoes it as ROLLBACK does
BEGIN;
SELECT cache_set('rk:a', '3');
SELECT 1 / 0;
COMMIT;
SELECT * FROM look('a');
-- many in one transaction: the last one counts
BEGIN;
SELECT cache_set('rk:a', '4');
SELECT cache_delete('rk:a');
SELECT * FROM look('a');
SELECT cache_set('rk:a', '5');
SELECT * FROM look('a');
COMMIT;
SELECT * FROM look('a');
BEGIN;
SELECT cache_set('rk:a', '6'), cache_set('rk:b', '7');
SELECT cache_set('rk:a', '8');
SELECT cache_delete('rk:a');
COMMIT;
SELECT * FROM look('a', 'b');
BEGIN;
SELECT cache_delete('rk:b');
SELECT cache_set('rk:b', '9');
SELECT cache_delete('rk:b');
SELECT cache_set('rk:b', '10');
ROLLBACK;
SELECT * FROM look('a', 'b');
-- touch: of one's own value, of one that is gone
BEGIN;
SELECT cache_set('rk:a', '11', '1 minute', '{red}');
SELECT cache_touch('rk:a', '1 hour');
SELECT * FROM look('a');
COMMIT;
SELECT age + ttl_left AS ttl, dependencies FROM cache_entries WHERE key = 'rk:a';
BEGIN;
SELECT cache_delete('rk:a');
SELECT cache_touch('rk:a', '1 hour');
COMMIT;
SELECT * FROM look('a');
BEGIN;
SELECT cache_touch('rk:b', '1 hour');
SELECT cache_set('rk:b', '12', '1 minute');
COMMIT;
SELECT age + ttl_left AS ttl FROM cache_entries WHERE key = 'rk:b';
-- several in one statement
SELECT cache_set('rk:n' || g, to_json(g)) FROM generate_series(1, 3) g;
SELECT * FROM look('n1', 'n2', 'n3');
BEGIN;
SELECT cache_delete('rk:n1', 'rk:n2', 'rk:n1'), cache_set('rk:n2', '"again"');
COMMIT;
SELECT * FROM look('n1', 'n2', 'n3');

--
-- Order of sets and invalidations by tag, table and flush in one transaction
--
SELECT cache_set('rk:a', '"old"', tags => '{red}'), cache_set('rk:b', '"of another"', tags => '{blue}');
BEGIN;
SELECT cache_invalidate_tag('red');
SELECT key, own FROM look('a', 'b');
SELECT cache_set('rk:a', '"after the tag"', tags => '{red}');
SELECT key, own FROM look('a', 'b');
COMMIT;
SELECT key, own FROM look('a', 'b');
BEGIN;
SELECT cache_set('rk:a', '"before the tag"', tags => '{red}'), cache_set('rk:b', '"of another still"', tags => '{blue}');
SELECT cache_invalidate_tag('red');
SELECT key, own FROM look('a', 'b');
COMMIT;
SELECT key, own FROM look('a', 'b');
BEGIN;
SELECT cache_set('rk:a', '"before and after"', tags => '{red}');
SELECT cache_invalidate_tag('red');
SELECT cache_touch('rk:a', '1 year');
SELECT key, own FROM look('a');
SELECT cache_set('rk:a', '"before and after"', tags => '{red}');
SAVEPOINT one;
SELECT cache_invalidate_tag('red');
SELECT key, own FROM look('a');
ROLLBACK TO one;
COMMIT;
SELECT key, own FROM look('a');
-- missed, because the transaction dropped it or because nobody had it, then set
SELECT cache_set('rk:a', '"old"', tags => '{red}');
BEGIN;
SELECT cache_invalidate_tag('red');
SELECT cache_get('rk:a') IS NULL AS none, cache_get('rk:o') IS NULL AS nobody;
SELECT cache_set('rk:a', '"new"', tags => '{red}'), cache_set('rk:o', '"new"', tags => '{red}');
COMMIT;
SELECT key, own FROM look('a', 'o');
BEGIN;
SELECT cache_get('rk:p') IS NULL AS nobody;
SELECT cache_set('rk:p', '"filled"', tags => '{red}');
COMMIT;
SELECT key, own FROM look('p');
BEGIN;
SELECT cache_set('rk:a', '"before the flush"');
SELECT cache_flush();
SELECT cache_set('rk:b', '"after the flush"');
SELECT * FROM look('a', 'b', 'n2');
COMMIT;
SELECT * FROM look('a', 'b', 'n2');
BEGIN;
SELECT cache_flush();
SELECT * FROM look('b');
ROLLBACK;
SELECT * FROM look('b');
SELECT cache_delete('rk:a', 'rk:b');

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
PREPARE TRANSACTION 'regress_cf_kv'; \echo :LAST_ERROR_SQLSTATE
SELECT * FROM look('a');
BEGIN;
SAVEPOINT one;
SELECT cache_touch('rk:a', '1 hour');
RELEASE one;
PREPARE TRANSACTION 'regress_cf_kv'; \echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM pg_prepared_xacts WHERE gid = 'regress_cf_kv';
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

--
-- Queries in transactions (isolation levels, own writes)
--
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
CREATE FUNCTION writes_then_reads() RETURNS json LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO t VALUES (2);
	RETURN cache_fetch_row('rk:t6', 'SELECT count(*) AS n FROM t');
END $$;
SELECT counted('rk') IS NOT NULL AS counted;
-- its own writes are seen, and nothing of them stays
BEGIN;
INSERT INTO t VALUES (2);
SELECT cache_fetch_row('rk:t', 'SELECT count(*) AS n FROM t');
SELECT * FROM cache_fetch_rows('rk:t', 'SELECT count(*) FROM t') AS t(n bigint);
ROLLBACK;
SELECT count(*) FROM cache_entries WHERE key = 'rk:t';
SELECT counted('rk');
SELECT cache_fetch_row('rk:t', 'SELECT count(*) AS n FROM t');
SELECT counted('rk');
-- nor with an entry there
BEGIN;
SELECT cache_fetch_row('rk:t', 'SELECT count(*) AS n FROM t');
INSERT INTO t VALUES (2);
SELECT cache_fetch_row('rk:t', 'SELECT count(*) AS n FROM t');
SAVEPOINT a;
INSERT INTO t VALUES (3);
SELECT cache_fetch_row('rk:t', 'SELECT count(*) AS n FROM t');
ROLLBACK TO a;
SELECT cache_fetch_row('rk:t', 'SELECT count(*) AS n FROM t');
ROLLBACK;
SELECT cache_fetch_row('rk:t', 'SELECT count(*) AS n FROM t');
SELECT counted('rk');
-- in one statement with the write
WITH w AS (INSERT INTO t VALUES (2) RETURNING a)
SELECT a, cache_fetch_row('rk:t', 'SELECT count(*) AS n FROM t'), (SELECT count(*) FROM t) AS direct FROM w;
SELECT counted('rk');
DELETE FROM t WHERE a > 1;
-- the subtransaction that wrote is gone, its transaction id is not
BEGIN;
SAVEPOINT a;
INSERT INTO t VALUES (2);
ROLLBACK TO a;
SELECT cache_fetch_row('rk:t2', 'SELECT count(*) AS n FROM t');
COMMIT;
SELECT count(*) FROM cache_entries WHERE key = 'rk:t2';
SELECT counted('rk');
-- a transaction id without a write
BEGIN;
SELECT txid_current() IS NOT NULL AS assigned;
SELECT cache_fetch_row('rk:t2', 'SELECT count(*) AS n FROM t');
COMMIT;
SELECT cache_fetch_row('rk:t2', 'SELECT txid_current() IS NOT NULL AS assigned');
SELECT cache_fetch_row('rk:t2', 'SELECT pg_current_xact_id_if_assigned() IS NULL AS none');
SELECT count(*) FROM cache_entries WHERE key = 'rk:t2';
SELECT counted('rk');
-- writes to the cache are writes, as long as they stand
BEGIN;
SELECT cache_invalidate('rk:other');
SELECT cache_fetch_row('rk:t', 'SELECT count(*) AS n FROM t');
ROLLBACK;
BEGIN;
SAVEPOINT a;
SELECT cache_set('rk:other', '1');
ROLLBACK TO a;
SELECT cache_fetch_row('rk:t', 'SELECT count(*) AS n FROM t');
COMMIT;
SELECT counted('rk');
-- a transaction that fetches gets no transaction id
BEGIN;
SELECT cache_fetch_row('rk:t3', 'SELECT count(*) AS n FROM t');
SELECT cache_fetch_row('rk:t3', 'SELECT count(*) AS n FROM t');
SELECT cache_set('rk:t3', '1'), cache_get('rk:t3'), cache_delete('rk:t3');
SELECT pg_current_xact_id_if_assigned() IS NULL AS none;
COMMIT;
-- isolation levels
SELECT counted('rk') IS NOT NULL AS counted;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT cache_fetch_row('rk:t', 'SELECT count(*) AS n FROM t'), cache_fetch_row('rk:t4', 'SELECT count(*) AS n FROM t');
COMMIT;
SELECT counted('rk');
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE;
SELECT cache_fetch_row('rk:t', 'SELECT count(*) AS n FROM t'), cache_fetch_row('rk:t4', 'SELECT count(*) AS n FROM t');
COMMIT;
SELECT counted('rk');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT cache_fetch_row('rk:t', 'SELECT count(*) AS n FROM t'), cache_fetch_row('rk:t4', 'SELECT count(*) AS n FROM t');
SELECT * FROM cache_fetch_rows('rk:t4', 'SELECT count(*) FROM t') AS t(n bigint);
COMMIT;
SELECT counted('rk');
SELECT count(*) FROM cache_entries WHERE key = 'rk:t4';
BEGIN ISOLATION LEVEL READ UNCOMMITTED;
SELECT cache_fetch_row('rk:t', 'SELECT count(*) AS n FROM t'), cache_fetch_row('rk:t4', 'SELECT count(*) AS n FROM t');
COMMIT;
SELECT counted('rk');
SET default_transaction_isolation = 'repeatable read';
SELECT cache_fetch_row('rk:t', 'SELECT count(*) AS n FROM t');
RESET default_transaction_isolation;
SELECT counted('rk');
-- values are read and written at every level
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT cache_set('rk:v', '1'), cache_get('rk:v');
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT cache_get('rk:v');
COMMIT;
SELECT counted('rk');
-- read-only transactions use the cache
BEGIN READ ONLY;
SELECT cache_fetch_row('rk:t', 'SELECT count(*) AS n FROM t'), cache_fetch_row('rk:t5', 'SELECT count(*) AS n FROM t');
COMMIT;
SELECT counted('rk');
-- a function that writes, then reads
SELECT writes_then_reads();
SELECT count(*) FROM cache_entries WHERE key = 'rk:t6';
-- invalidation undone: the entry is there as before
BEGIN;
SELECT cache_invalidate('rk:t'), cache_invalidate_table('t'), cache_invalidate_tag('x');
ROLLBACK;
SELECT cache_fetch_row('rk:t', 'SELECT count(*) AS n FROM t');
SELECT cache_invalidate_table('t');
SELECT cache_fetch_row('rk:t', 'SELECT count(*) AS n FROM t');

SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 207;
SELECT cache_drop('rk');
SELECT cache_flush();
DROP SCHEMA regress_cf_kv CASCADE;
