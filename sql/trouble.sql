-- Which errors of a query are answered with the last good value: trouble of the
-- server and of connections is; whatever somebody raises on purpose is not,
-- whichever SQLSTATE he gives it.
-- server: without tracking
SET client_min_messages = warning;
CREATE SCHEMA regress_cf_trouble;
SET search_path = regress_cf_trouble, public;
SET cachefront.ttl_jitter = 0;
SET cachefront.xfetch_beta = 0;
\set VERBOSITY sqlstate

-- Does what the table says, and returns 'good' if that raises nothing.
CREATE TABLE todo (what text);
INSERT INTO todo VALUES (NULL);
CREATE FUNCTION guarded() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	what text := (SELECT todo.what FROM todo);
BEGIN
	IF what IS NOT NULL THEN
		EXECUTE what;
	END IF;
	RETURN 'good';
END $$;

CREATE FUNCTION raise_with(code text) RETURNS int LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'no' USING errcode = code; END $$;
CREATE FUNCTION raise_again(code text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM raise_with(code);
	RETURN 1;
EXCEPTION WHEN OTHERS THEN
	RAISE;
END $$;
CREATE FUNCTION fill_disk() RETURNS bigint LANGUAGE sql
SET temp_file_limit = 0 SET work_mem = '64kB'
AS 'SELECT count(*) FROM (SELECT g FROM generate_series(1, 20000) g ORDER BY -g OFFSET 1) s';
CREATE FUNCTION fill_disk_and_pass_on() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	RETURN fill_disk();
EXCEPTION WHEN OTHERS THEN
	RAISE EXCEPTION 'no' USING errcode = SQLSTATE;
END $$;
CREATE FUNCTION dive(n int) RETURNS int LANGUAGE plpgsql SET max_stack_depth = '200kB'
AS $$ BEGIN RETURN dive(n + 1); END $$;
CREATE EXTENSION postgres_fdw;
CREATE SERVER nowhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '/nonexistent');
CREATE USER MAPPING FOR CURRENT_USER SERVER nowhere OPTIONS (user 'nobody');
CREATE FOREIGN TABLE far (v int) SERVER nowhere;
CREATE TABLE positive (v int);
CREATE DOMAIN positive_int AS int CHECK (value > 0);

-- one entry, past its time to live whenever it is asked for
SELECT stale_hits, load_errors FROM cache_stats WHERE cache = '(default)' \gset before_
\set ask 'SELECT cache_fetch_row(''rt:k'', ''SELECT guarded() AS v'', ttl => ''1 microsecond'');'
:ask

-- trouble
UPDATE todo SET what = 'SELECT fill_disk()';
:ask
UPDATE todo SET what = 'SELECT dive(1)';
:ask
UPDATE todo SET what = 'SELECT count(*) FROM far';
:ask
SELECT stale_hits - :before_stale_hits AS stale_hits, load_errors - :before_load_errors AS load_errors
	FROM cache_stats WHERE cache = '(default)';

-- a guard says no
UPDATE todo SET what = 'SELECT raise_with(''P0001'')';
:ask
UPDATE todo SET what = 'SELECT raise_with(''PT403'')';
:ask
UPDATE todo SET what = 'SELECT raise_with(''CF001'')';
:ask
UPDATE todo SET what = 'SELECT raise_with(''P0002'')';
:ask
UPDATE todo SET what = 'DO ''BEGIN ASSERT false; END''';
:ask
-- and calls it trouble
UPDATE todo SET what = 'SELECT raise_with(''08006'')';
:ask
UPDATE todo SET what = 'SELECT raise_with(''40001'')';
:ask
UPDATE todo SET what = 'SELECT raise_with(''53200'')';
:ask
UPDATE todo SET what = 'SELECT raise_with(''55P03'')';
:ask
UPDATE todo SET what = 'SELECT raise_with(''57P01'')';
:ask
UPDATE todo SET what = 'SELECT raise_with(''58030'')';
:ask
UPDATE todo SET what = 'SELECT raise_with(''XX000'')';
:ask
UPDATE todo SET what = 'SELECT raise_with(''HV00N'')';
:ask
UPDATE todo SET what = 'SELECT raise_again(''53200'')';
:ask
UPDATE todo SET what = 'SELECT fill_disk_and_pass_on()';
:ask
UPDATE todo SET what = 'DO ''BEGIN RAISE SQLSTATE $$XX001$$; END''';
:ask

-- mistakes, in the query or in the data
UPDATE todo SET what = 'SELECT 1 / 0';
:ask
UPDATE todo SET what = 'SELECT ''x''::int';
:ask
UPDATE todo SET what = 'SELECT (-1)::positive_int';
:ask
UPDATE todo SET what = 'INSERT INTO positive VALUES (1)';
:ask
UPDATE todo SET what = 'SELECT nobody_knows';
:ask
UPDATE todo SET what = 'SELECT repeat(''x'', 2000000000)';
:ask
UPDATE todo SET what = 'SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(10)';
:ask

SELECT stale_hits - :before_stale_hits AS stale_hits FROM cache_stats WHERE cache = '(default)';
UPDATE todo SET what = NULL;
:ask

SELECT cache_flush();
DROP EXTENSION postgres_fdw CASCADE;
DROP SCHEMA regress_cf_trouble CASCADE;
