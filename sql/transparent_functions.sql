-- Plain SELECTs that call functions of users: which are served, what drops them, and that
-- what a function does is done each time.

SET client_min_messages = warning;
CREATE TABLE tf (id int PRIMARY KEY, v text, d date DEFAULT '2026-01-01');
INSERT INTO tf SELECT g, 'v' || g FROM generate_series(1, 10) g;
CREATE TABLE tf_other (id int PRIMARY KEY, n int);
INSERT INTO tf_other SELECT g, g FROM generate_series(1, 10) g;
-- Sends a statement some times, as an application does, and says how often it gave the same and
-- came from the cache. Plans of its own each time.
CREATE PROCEDURE tf_send(statement text, times int DEFAULT 3) LANGUAGE plpgsql AS $$
DECLARE before bigint; first text; next text; same bool := true;
BEGIN
	SELECT l1_hits INTO before FROM cache_stats WHERE cache = '*';
	FOR i IN 1 .. times LOOP
		COMMIT;
		EXECUTE 'SELECT array_agg(x)::text FROM (' || statement || ') x' INTO next;
		first := coalesce(first, next);
		same := same AND next = first;
	END LOOP;
	RAISE WARNING '%, % hits: %', CASE WHEN same THEN 'same' ELSE 'DIFFERENT' END,
		(SELECT l1_hits - before FROM cache_stats WHERE cache = '*'), next;
END $$;
SET cachefront.transparent_min_saving = 0;
SET cachefront.transparent = auto;

-- Taken apart by the planner.
CREATE FUNCTION tf_twice(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 * 2';
CREATE FUNCTION tf_of(int) RETURNS SETOF tf STABLE LANGUAGE sql AS 'SELECT * FROM tf WHERE id = $1';
CALL tf_send('SELECT tf_twice(id) FROM tf WHERE id = 3');
CALL tf_send('SELECT v FROM tf_of(4)');
UPDATE tf SET v = 'changed' WHERE id = 4;
CALL tf_send('SELECT v FROM tf_of(4)');
CREATE OR REPLACE FUNCTION tf_twice(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 * 20';
CALL tf_send('SELECT tf_twice(id) FROM tf WHERE id = 3');

-- Not taken apart: what they read, by themselves or through others, drops the result.
CREATE FUNCTION tf_sum() RETURNS bigint STABLE SECURITY DEFINER LANGUAGE sql AS 'SELECT sum(n) FROM tf_other';
CREATE FUNCTION tf_pl(i int) RETURNS text STABLE LANGUAGE plpgsql AS $$
DECLARE r text;
BEGIN
	IF i > 5 THEN
		SELECT 'other ' || n INTO r FROM tf_other WHERE id = i;
	END IF;
	RETURN coalesce(r, 'none') || tf_sum();
END $$;
CALL tf_send('SELECT v, tf_sum() FROM tf WHERE id = 1');
UPDATE tf_other SET n = 100 WHERE id = 1;
CALL tf_send('SELECT v, tf_sum() FROM tf WHERE id = 1');
CALL tf_send('SELECT id, tf_pl(id) FROM tf WHERE id IN (5, 6) ORDER BY id');
UPDATE tf_other SET n = 60 WHERE id = 6;
CALL tf_send('SELECT id, tf_pl(id) FROM tf WHERE id IN (5, 6) ORDER BY id');
CREATE OR REPLACE FUNCTION tf_sum() RETURNS bigint STABLE SECURITY DEFINER LANGUAGE sql AS 'SELECT -sum(n) FROM tf_other';
CALL tf_send('SELECT id, tf_pl(id) FROM tf WHERE id IN (5, 6) ORDER BY id');
CREATE FUNCTION tf_rows(int) RETURNS TABLE (id int, v text) STABLE LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT t.id, t.v FROM tf t WHERE t.id <= $1 ORDER BY 1;
END $$;
CALL tf_send('SELECT * FROM tf_rows(2)');
UPDATE tf SET v = 'second' WHERE id = 2;
CALL tf_send('SELECT * FROM tf_rows(2)');
CREATE FUNCTION tf_nothing(int) RETURNS SETOF int STABLE LANGUAGE plpgsql AS 'BEGIN RETURN NEXT $1; END';
CALL tf_send('SELECT * FROM tf_nothing(2)');

-- In operators, casts, aggregates, domains, defaults, views.
CREATE FUNCTION tf_plus(text, int) RETURNS text STABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 || (SELECT n FROM tf_other WHERE id = $2); END';
CREATE OPERATOR ### (LEFTARG = text, RIGHTARG = int, FUNCTION = tf_plus);
CALL tf_send('SELECT v ### id FROM tf WHERE id = 2');
UPDATE tf_other SET n = 200 WHERE id = 2;
CALL tf_send('SELECT v ### id FROM tf WHERE id = 2');
CREATE FUNCTION tf_add(bigint, int) RETURNS bigint STABLE LANGUAGE sql AS 'SELECT coalesce($1, 0) + n FROM tf_other WHERE id = $2';
CREATE AGGREGATE tf_total(int) (SFUNC = tf_add, STYPE = bigint);
CALL tf_send('SELECT tf_total(id) FROM tf WHERE id IN (2, 3)');
UPDATE tf_other SET n = 300 WHERE id = 3;
CALL tf_send('SELECT tf_total(id) FROM tf WHERE id IN (2, 3)');
CREATE FUNCTION tf_good(int) RETURNS bool STABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 < (SELECT max(n) FROM tf_other); END';
CREATE DOMAIN tf_small AS int CHECK (tf_good(VALUE));
CALL tf_send('SELECT (id + 200)::tf_small FROM tf WHERE id = 7');
UPDATE tf_other SET n = 1;
CALL tf_send('SELECT (id + 200)::tf_small FROM tf WHERE id = 7');
UPDATE tf_other SET n = id;
CREATE FUNCTION tf_default(int, text DEFAULT tf_pl(7)) RETURNS text STABLE LANGUAGE sql AS 'SELECT $2 || $1';
CREATE VIEW tf_view AS SELECT id, tf_default(id) AS x FROM tf;
CALL tf_send('SELECT x FROM tf_view WHERE id = 7');
UPDATE tf_other SET n = 700 WHERE id = 7;
CALL tf_send('SELECT x FROM tf_view WHERE id = 7');

-- Bound to settings, if they read any.
CREATE FUNCTION tf_tenant() RETURNS int STABLE LANGUAGE plpgsql AS $$BEGIN RETURN current_setting('tf.tenant', true)::int; END$$;
SET tf.tenant = 1;
CALL tf_send('SELECT v, tf_tenant() FROM tf WHERE id = 1');
SET tf.tenant = 2;
CALL tf_send('SELECT v, tf_tenant() FROM tf WHERE id = 1');
SET tf.tenant = 1;
CALL tf_send('SELECT v, tf_tenant() FROM tf WHERE id = 1');
CREATE FUNCTION tf_path() RETURNS text STABLE SET search_path = pg_catalog LANGUAGE sql AS $$SELECT current_setting('search_path')$$;
CALL tf_send('SELECT v, tf_path() FROM tf WHERE id = 1');

-- Time, chance, effects: none is kept.
CREATE FUNCTION tf_now() RETURNS timestamptz STABLE LANGUAGE plpgsql AS 'BEGIN RETURN now(); END';
CREATE FUNCTION tf_random() RETURNS bool STABLE LANGUAGE plpgsql AS 'BEGIN RETURN random() < 2; END';
CREATE FUNCTION tf_today() RETURNS bool STABLE LANGUAGE plpgsql AS $$DECLARE x date := 'today'; BEGIN RETURN x > '2000-01-01'; END$$;
CREATE FUNCTION tf_today_cast(t text) RETURNS bool STABLE LANGUAGE plpgsql AS $$BEGIN RETURN t::date > '2000-01-01'; END$$;
CREATE FUNCTION tf_today_into() RETURNS bool STABLE LANGUAGE plpgsql AS $$DECLARE x date; BEGIN SELECT 'today'::text INTO x; RETURN x > '2000-01-01'; END$$;
CREATE FUNCTION tf_today_sql() RETURNS bool STABLE LANGUAGE sql AS $$SELECT d < 'today' FROM tf WHERE id = 1$$;
CREATE FUNCTION tf_today_inlined(date) RETURNS bool STABLE LANGUAGE sql AS $$SELECT $1 < 'today'::date$$;
CREATE FUNCTION tf_date_inlined(date) RETURNS bool STABLE LANGUAGE sql AS $$SELECT $1 < '2030-01-01'$$;
CREATE FUNCTION tf_date_into() RETURNS date STABLE LANGUAGE plpgsql AS $$DECLARE x date; r tf; BEGIN SELECT d INTO x FROM tf WHERE id = 1; SELECT * INTO r FROM tf WHERE id = 2; x := x + 1; RETURN greatest(x, r.d); END$$;
CALL tf_send('SELECT tf_now() > d FROM tf WHERE id = 1');
CALL tf_send('SELECT tf_random() FROM tf WHERE id = 1');
CALL tf_send('SELECT tf_today() FROM tf WHERE id = 1');
CALL tf_send('SELECT tf_today_cast(''today'') FROM tf WHERE id = 1');
CALL tf_send('SELECT tf_today_into() FROM tf WHERE id = 1');
CALL tf_send('SELECT tf_today_sql() FROM tf WHERE id = 1');
CALL tf_send('SELECT tf_today_inlined(d) FROM tf WHERE id = 1');
CALL tf_send('SELECT tf_date_inlined(d) FROM tf WHERE id = 1 AND d < date ''2027-01-01'' - 7');
CALL tf_send('SELECT tf_date_into() FROM tf WHERE id = 1');
CREATE FUNCTION tf_volatile(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
CALL tf_send('SELECT tf_volatile(id) FROM tf WHERE id = 1');
CREATE FUNCTION tf_volatile_add(int, int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN coalesce($1, 0) + $2; END';
CREATE AGGREGATE tf_volatile_sum(int) (SFUNC = tf_volatile_add, STYPE = int);
CALL tf_send('SELECT tf_volatile_sum(id) FROM tf WHERE id < 3');

CREATE TABLE tf_log (what text);
CREATE FUNCTION tf_write(text) RETURNS int LANGUAGE plpgsql AS 'BEGIN INSERT INTO tf_log VALUES ($1); RETURN 1; END';
CREATE FUNCTION tf_writes(text) RETURNS int STABLE LANGUAGE plpgsql AS 'BEGIN RETURN tf_write($1); END';
CREATE FUNCTION tf_write_undone(text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		INSERT INTO tf_log VALUES ($1); RAISE division_by_zero;
	EXCEPTION WHEN division_by_zero THEN RETURN 0; END;
END $$;
CREATE FUNCTION tf_writes_undone(text) RETURNS int STABLE LANGUAGE plpgsql AS 'BEGIN RETURN tf_write_undone($1); END';
CREATE FUNCTION tf_write_nothing() RETURNS int LANGUAGE plpgsql AS 'BEGIN UPDATE tf_log SET what = NULL WHERE false; RETURN 1; END';
CREATE FUNCTION tf_writes_nothing() RETURNS int STABLE LANGUAGE plpgsql AS 'BEGIN RETURN tf_write_nothing(); END';
CREATE FUNCTION tf_lock() RETURNS int LANGUAGE plpgsql AS 'BEGIN PERFORM 1 FROM tf_log FOR UPDATE; PERFORM pg_advisory_xact_lock(1); RETURN 1; END';
CREATE FUNCTION tf_locks() RETURNS int STABLE LANGUAGE plpgsql AS 'BEGIN RETURN tf_lock(); END';
CREATE FUNCTION tf_advisory() RETURNS int STABLE LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN 1; END';
CREATE FUNCTION tf_notify() RETURNS int STABLE LANGUAGE plpgsql AS $$BEGIN PERFORM pg_notify('tf', 'x'); RETURN 1; END$$;
CREATE FUNCTION tf_set() RETURNS int STABLE LANGUAGE plpgsql AS $$BEGIN PERFORM set_config('tf.set', '1', false); RETURN 1; END$$;
CREATE FUNCTION tf_notice() RETURNS int STABLE LANGUAGE plpgsql AS $$BEGIN RAISE WARNING 'told'; RETURN 1; END$$;
CREATE FUNCTION tf_caught() RETURNS int STABLE LANGUAGE plpgsql AS $$BEGIN BEGIN RETURN 1 / 0; EXCEPTION WHEN division_by_zero THEN RETURN -1; END; END$$;
CALL tf_send('SELECT tf_writes(v) FROM tf WHERE id = 1');
SELECT count(*) FROM tf_log;
CALL tf_send('SELECT tf_writes_undone(v) FROM tf WHERE id = 1');
CALL tf_send('SELECT tf_writes_nothing() FROM tf WHERE id = 1');
CALL tf_send('SELECT tf_locks() FROM tf WHERE id = 1');
CALL tf_send('SELECT tf_advisory() FROM tf WHERE id = 1');
CALL tf_send('SELECT tf_notify() FROM tf WHERE id = 1');
CALL tf_send('SELECT tf_set() FROM tf WHERE id = 1');
CALL tf_send('SELECT tf_notice() FROM tf WHERE id = 1');
CALL tf_send('SELECT tf_caught() FROM tf WHERE id = 1');

-- What is declared IMMUTABLE and reads is in the plan. It is evaluated with it, and never kept.
CREATE FUNCTION tf_liar() RETURNS bigint IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT sum(n) FROM tf_other); END';
CREATE FUNCTION tf_liar_setting() RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$BEGIN RETURN current_setting('tf.tenant'); END$$;
CALL tf_send('SELECT v, tf_liar_setting() FROM tf WHERE id = 1');
SET tf.tenant = 3;
CALL tf_send('SELECT v, tf_liar_setting() FROM tf WHERE id = 1');
CALL tf_send('SELECT v, tf_liar() > 0 FROM tf WHERE id = 1');

-- From here on this session does not know what its functions' plans hold.
CALL tf_send('SELECT v, tf_sum() < 0 FROM tf WHERE id = 1');
CALL tf_send('SELECT tf_twice(id) FROM tf WHERE id = 3');
\connect -
SET client_min_messages = warning;
SET cachefront.transparent_min_saving = 0;
SET cachefront.transparent = auto;

-- Rights: of functions, too.
CREATE ROLE regress_tf_a;
CREATE ROLE regress_tf_b;
GRANT SELECT ON tf, tf_other, cache_stats TO regress_tf_a, regress_tf_b;
REVOKE EXECUTE ON FUNCTION tf_twice, tf_pl FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tf_twice, tf_pl TO regress_tf_a;
SET ROLE regress_tf_a;
CALL tf_send('SELECT tf_twice(id) FROM tf WHERE id = 3');
CALL tf_send('SELECT tf_pl(id) FROM tf WHERE id = 3');
SET ROLE regress_tf_b;
CALL tf_send('SELECT tf_twice(id) FROM tf WHERE id = 3');
CALL tf_send('SELECT tf_pl(id) FROM tf WHERE id = 3');
RESET ROLE;
-- one plan for both
PREPARE tf_plan AS SELECT tf_twice(id) FROM tf WHERE id = 5;
SET plan_cache_mode = force_generic_plan;
SET ROLE regress_tf_a;
EXECUTE tf_plan;
EXECUTE tf_plan;
SET ROLE regress_tf_b;
EXECUTE tf_plan;
EXECUTE tf_plan;
SELECT tf_twice(id) FROM tf WHERE id = 5;
RESET ROLE;
DEALLOCATE tf_plan;
RESET plan_cache_mode;
SELECT cache_define('tf_shared', scope => 'shared');
SELECT l1_hits AS before FROM cache_stats WHERE cache = '*' \gset
/* cache name=tf_shared */ SELECT tf_twice(id) FROM tf WHERE id = 6;
/* cache name=tf_shared */ SELECT tf_twice(id) FROM tf WHERE id = 6;
SELECT l1_hits - :before AS hits FROM cache_stats WHERE cache = '*';
SET ROLE regress_tf_b;
/* cache name=tf_shared */ SELECT tf_twice(id) FROM tf WHERE id = 6;
RESET ROLE;

-- Temporary objects may hide what a function means.
CALL tf_send('SELECT v, tf_sum() FROM tf WHERE id = 1');
CREATE TEMP TABLE tf_other AS SELECT 1 AS id, 1000 AS n;
CALL tf_send('SELECT v, tf_sum() FROM tf WHERE id = 1');
DROP TABLE pg_temp.tf_other;
CALL tf_send('SELECT v, tf_sum() FROM tf WHERE id = 1');
\connect -
SET client_min_messages = warning;
SET cachefront.transparent_min_saving = 0;
SET cachefront.transparent = auto;

-- Other languages: if they are named, and STABLE or IMMUTABLE.
CREATE FUNCTION tf_c(text) RETURNS text STABLE LANGUAGE internal AS 'upper';
CALL tf_send('SELECT tf_c(v) FROM tf WHERE id = 1');
CREATE EXTENSION pg_trgm;
CALL tf_send('SELECT id FROM tf WHERE v % ''v1'' AND id < 3');
CALL tf_send('SELECT similarity(v, ''v1'') FROM tf WHERE id = 2');
CREATE FUNCTION tf_wraps(text) RETURNS real STABLE LANGUAGE sql AS $$SELECT similarity($1, 'v1')$$;
CALL tf_send('SELECT tf_wraps(v) FROM tf WHERE id = 2');
SET cachefront.transparent_functions = 'nothing, similarity_op,similarity';
CALL tf_send('SELECT id FROM tf WHERE v % ''v1'' AND id < 3');
SET pg_trgm.similarity_threshold = 0.1;
CALL tf_send('SELECT id FROM tf WHERE v % ''v1'' AND id < 3');
RESET pg_trgm.similarity_threshold;
CALL tf_send('SELECT id FROM tf WHERE v % ''v1'' AND id < 3');
CALL tf_send('SELECT tf_wraps(v) FROM tf WHERE id = 2');
SET cachefront.transparent_functions = 'public.similarity';
CALL tf_send('SELECT similarity(v, ''v1'') FROM tf WHERE id = 2');
SET cachefront.transparent_functions = 'public.*';
CALL tf_send('SELECT similarity(v, ''v1'') FROM tf WHERE id = 2');
SET cachefront.transparent_functions = 'other.similarity, other.*, similar, similarity_';
CALL tf_send('SELECT similarity(v, ''v1'') FROM tf WHERE id = 2');
SET cachefront.transparent_functions = 'similarity(text)';
SET cachefront.transparent_functions = 'similarity, tf_volatile';
CALL tf_send('SELECT tf_volatile(id) FROM tf WHERE id = 1');
ALTER FUNCTION similarity(text, text) VOLATILE;
CALL tf_send('SELECT similarity(v, ''v1'') FROM tf WHERE id = 2');
RESET cachefront.transparent_functions;
SET ROLE regress_tf_a;
SET cachefront.transparent_functions = 'tf_key';
RESET ROLE;

-- Own writes, and an old snapshot.
BEGIN;
UPDATE tf_other SET n = -1000 WHERE id = 1;
SELECT v, tf_sum() FROM tf WHERE id = 1;
ROLLBACK;
SELECT v, tf_sum() FROM tf WHERE id = 1;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT v, tf_sum() FROM tf WHERE id = 1;
SELECT v, tf_sum() FROM tf WHERE id = 1;
COMMIT;

RESET cachefront.transparent;
SELECT cache_drop('tf_shared');
DROP TABLE tf, tf_other, tf_log CASCADE;
DROP PROCEDURE tf_send;
DROP AGGREGATE tf_total(int);
DROP AGGREGATE tf_volatile_sum(int);
DROP OPERATOR ### (text, int);
DROP DOMAIN tf_small;
DROP EXTENSION pg_trgm;
DROP FUNCTION tf_rows, tf_nothing, tf_wraps, tf_default, tf_twice, tf_sum, tf_pl, tf_plus, tf_add, tf_good, tf_tenant, tf_path, tf_now, tf_random,
	tf_today, tf_today_cast, tf_today_into, tf_today_sql, tf_today_inlined, tf_date_inlined, tf_date_into,
	tf_volatile, tf_volatile_add, tf_write, tf_writes, tf_write_undone, tf_writes_undone, tf_write_nothing,
	tf_writes_nothing, tf_lock, tf_locks, tf_advisory, tf_notify, tf_set, tf_notice, tf_caught, tf_liar,
	tf_liar_setting, tf_c;
REVOKE ALL ON cache_stats FROM regress_tf_a, regress_tf_b;
DROP ROLE regress_tf_a, regress_tf_b;
