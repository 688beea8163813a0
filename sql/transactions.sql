-- Queries in transactions: isolation levels and own writes.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cachefront;
CREATE SCHEMA regress_cf_trans;
SET search_path = regress_cf_trans, public;
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
DROP SCHEMA regress_cf_trans CASCADE;
