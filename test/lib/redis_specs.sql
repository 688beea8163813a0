-- What test/specs/redis_*.spec share. Run once, in database postgres of a server
-- that uses a Redis.
--
-- These values may be cached: item(n), whose key a row of table item gives;
-- total(), which has table total as a tag; note(n), whose tag 'n' only SQL
-- functions invalidate. They are larger than 1 kB, so that a session with
-- cachefront.l1_max_value = '1kB' keeps them in Redis alone.

CREATE DATABASE isolation_regression;
\c isolation_regression
CREATE EXTENSION cachefront;

-- A wait point holds whoever comes to it until it is released.
CREATE FUNCTION hold(name text) RETURNS void
LANGUAGE C AS '$libdir/cachefront', 'cachefront_debug_waitpoint_enable';
CREATE FUNCTION release(name text) RETURNS void
LANGUAGE C AS '$libdir/cachefront', 'cachefront_debug_waitpoint_release';

-- ---- what is in Redis ----

CREATE FUNCTION redis_command(args text[], timeout_ms int, interruptible boolean,
	generation bigint) RETURNS text
LANGUAGE C AS '$libdir/cachefront', 'cachefront_debug_redis';
CREATE FUNCTION redis(VARIADIC args text[]) RETURNS text
LANGUAGE sql AS $$ SELECT redis_command(args, -1, true, 0) $$;

-- Of the key i:<name>: its value, and how many leases there are.
CREATE FUNCTION in_redis(name text) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(nullif(concat_ws(', ',
		'value ' || substring(redis('HGET', k, 'v') FROM '"v":"?(\d+)'),
		nullif(regexp_count(redis('HGET', k, 'l'), '@'), 0) || ' leased'), ''), '-')
	FROM (SELECT 'cf:iso:i:' || name) _ (k) $$;

-- As another server, or want of memory, would.
CREATE FUNCTION lose_in_redis(VARIADIC keys text[]) RETURNS void
LANGUAGE sql AS $$ SELECT redis(VARIADIC ARRAY['DEL'] || keys) $$;

-- ---- what is cached ----

CREATE TABLE item (id int PRIMARY KEY, v int);
CREATE TABLE total (v int);
CREATE TABLE note (v int);
SELECT cache_attach('item', 'i:item{id}'), cache_attach('total', rows => '{}'),
	cache_define('i', scope => 'shared', jitter => 0, xfetch_beta => 0);

CREATE FUNCTION item(id int) RETURNS text LANGUAGE sql AS $$
	SELECT cache_fetch_row('i:item' || id, 'SELECT v, repeat(''x'', 2000) FROM item WHERE id = $1', row(id))->>'v' $$;
CREATE FUNCTION total() RETURNS text LANGUAGE sql AS $$
	SELECT cache_fetch_row('i:total', 'SELECT sum(v) AS v, repeat(''x'', 2000) FROM total')->>'v' $$;
CREATE FUNCTION note(n int DEFAULT 1) RETURNS text LANGUAGE sql AS $$
	SELECT cache_fetch_row('i:note' || n, 'SELECT v, repeat(''x'', 2000) FROM note', tags => '{n}')->>'v' $$;

-- With its owner's rights: else what is made of it would not be shared.
CREATE FUNCTION note_of_owner() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT note()';

-- Where answers came from and where they went since the last call.
CREATE FUNCTION how() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	SELECT coalesce(string_agg(name || ' ' || n, ', ' ORDER BY place), '-') INTO answer
	FROM cache_stats, unnest(
		ARRAY['l1_hits', 'l2_hits', 'handovers', 'l2_misses', 'loads', 'fills',
			'fills_refused', 'l2_fills', 'l2_fills_refused', 'bypass_repeatable_read', 'bypass_own_writes'],
		ARRAY[l1_hits, l2_hits, flight_handovers, l2_misses, loads, fills,
			fills_refused, l2_fills, l2_fills_refused, bypass_repeatable_read,
			bypass_own_writes])
		WITH ORDINALITY _ (name, n, place)
	WHERE cache = 'i' AND n > 0;
	PERFORM cache_stats_reset();
	RETURN answer;
END $$;

-- Everything is 1, and cached nowhere.
CREATE PROCEDURE fresh() LANGUAGE plpgsql AS $$
BEGIN
	TRUNCATE item, total, note;
	INSERT INTO item VALUES (1, 1), (2, 1);
	INSERT INTO total VALUES (1);
	INSERT INTO note VALUES (1);
	PERFORM cache_flush();
	COMMIT;
	PERFORM redis('EVAL', $lua$
		for _, pattern in ipairs({'cf:iso:*'}) do
			for _, key in ipairs(redis.call('KEYS', pattern)) do redis.call('DEL', key) end
		end$lua$, '0');
	PERFORM cache_stats_reset();
END $$;

-- ---- until Redis is in use ----

SET statement_timeout = '60s';
-- Who is the first to depend on a table outdates what he has: not in a test.
SELECT note(), total(), item(1);
DO $$
BEGIN
	WHILE (SELECT l2 FROM cache_status) <> 'up' LOOP
		PERFORM pg_sleep(0.05);
	END LOOP;
END $$;
