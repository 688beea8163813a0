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

SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 207;
SELECT cache_drop('rk');
SELECT cache_flush();
DROP SCHEMA regress_cf_kv CASCADE;
