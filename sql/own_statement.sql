--
-- A fetch inside of a statement that writes: its functions see what it has
-- changed so far, though no row trigger has fired yet.
--
CREATE EXTENSION IF NOT EXISTS cachefront;
SELECT cache_define('own', jitter => 0, xfetch_beta => 0);
CREATE TABLE own_t (id int PRIMARY KEY, v int);
CREATE TABLE own_log (id int, got text, direct text);
INSERT INTO own_t VALUES (1, 1), (2, 1), (3, 1);
GRANT SELECT ON own_t TO PUBLIC;
SELECT cache_attach('own_t', key => 'own:{id}') IS NOT NULL AS attached;
CREATE FUNCTION got(int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN cache_fetch_row('own:' || $1, 'SELECT v FROM own_t WHERE id = $1', ($1))->>'v';
END $$;
CREATE FUNCTION direct(int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT v FROM own_t WHERE id = $1);
END $$;
CREATE FUNCTION set_v(int, int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	UPDATE own_t SET v = $2 WHERE id = $1 RETURNING v, got($1), direct($1) INTO r;
	RETURN r;
END $$;
CREATE FUNCTION set_sql(int, int) RETURNS text LANGUAGE sql AS
	'UPDATE own_t SET v = $2 WHERE id = $1; SELECT got($1)';
CREATE FUNCTION hits() RETURNS bigint LANGUAGE sql AS
	$$ SELECT l1_hits FROM cache_stats WHERE cache = 'own' $$;
-- entries that must not come out
\set fill 'SELECT got(1), got(2), got(3);'
:fill
UPDATE own_t SET v = 2 WHERE id = 1 RETURNING v, got(id), direct(id);
:fill
-- the rows before it, too
UPDATE own_t SET v = v + 1 RETURNING v, got(id), direct(id), got(1) AS got1, direct(1) AS direct1;
:fill
DELETE FROM own_t WHERE id = 3 RETURNING got(id), direct(id);
:fill
INSERT INTO own_t VALUES (3, 1) RETURNING got(id), direct(id);
:fill
INSERT INTO own_t VALUES (3, 9) ON CONFLICT (id) DO UPDATE SET v = 2 RETURNING got(id), direct(id);
:fill
-- a WITH clause, whose main query is a SELECT; its rows are read as it goes
WITH w AS (UPDATE own_t SET v = v + 1 RETURNING id) SELECT id, got(id), direct(id) FROM w ORDER BY id;
:fill
WITH w AS (UPDATE own_t SET v = v + 1 WHERE id = 1 RETURNING id)
	INSERT INTO own_log SELECT id, got(id), direct(id) FROM w;
SELECT * FROM own_log;
:fill
-- one that is carried out after the main query's rows
WITH w AS (UPDATE own_t SET v = v + 1 RETURNING got(id) = direct(id) AS same)
	SELECT 1 AS one;
:fill
-- a statement that reads what it writes
TRUNCATE own_log;
INSERT INTO own_t SELECT id + 10, got(id)::int FROM own_t RETURNING got(id), direct(id);
:fill
MERGE INTO own_t USING (VALUES (1), (2)) s (id) ON own_t.id = s.id
	WHEN MATCHED AND got(s.id) = direct(s.id) THEN UPDATE SET v = own_t.v + 1;
:fill
MERGE INTO own_t USING (VALUES (1), (1 + 1)) s (id) ON own_t.id = s.id
	WHEN MATCHED THEN UPDATE SET v = CASE WHEN got(1) = direct(1) THEN own_t.v + 1 ELSE -1 END;
:fill
-- COPY evaluates defaults
CREATE TABLE own_copy (id int, a text DEFAULT got(4), b text DEFAULT direct(4));
GRANT SELECT ON own_copy TO PUBLIC;
SELECT cache_attach('own_copy', key => 'own:copy{id}') IS NOT NULL AS attached;
CREATE FUNCTION count_copy() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN cache_fetch_row('own:copy1', 'SELECT count(*) AS v FROM own_copy WHERE id = 1')->>'v';
END $$;
CREATE FUNCTION count_direct() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT count(*) FROM own_copy WHERE id = 1);
END $$;
ALTER TABLE own_copy ALTER a SET DEFAULT count_copy(), ALTER b SET DEFAULT count_direct();
SELECT count_copy(), got(1);
COPY own_copy (id) FROM stdin;
1
1
1
\.
SELECT * FROM own_copy;
DROP TABLE own_copy;
:fill
-- in functions: by what they do, and by who calls them
SELECT set_v(1, 50), got(1), direct(1);
:fill
SELECT set_sql(1, 51), got(1), direct(1);
:fill
UPDATE own_t SET v = 52 WHERE id = 2 RETURNING set_v(1, 53), got(2), direct(2), got(1), direct(1);
:fill
DO $$
DECLARE
	r record;
BEGIN
	FOR r IN UPDATE own_t SET v = v + 1 RETURNING id, got(id) AS got, direct(id) AS direct
	LOOP
		RAISE NOTICE '% % % %', r, got(r.id), direct(r.id), got(r.id) = direct(r.id);
	END LOOP;
END $$;
:fill
PREPARE own_p AS UPDATE own_t SET v = v + 1 WHERE id = $1 RETURNING got(id), direct(id);
EXECUTE own_p(1);
:fill
-- Between statements a transaction that has written has hits again, also after an
-- error inside of one.
SELECT cache_stats_reset();
BEGIN;
UPDATE own_t SET v = 60 WHERE id = 1;
SELECT got(2) = direct(2) AS same;
SAVEPOINT a;
UPDATE own_t SET v = 1 / (v - v) WHERE id = 2 RETURNING got(id);
ROLLBACK TO a;
UPDATE own_t SET v = v + 1 WHERE id = 2 RETURNING 1 / (got(id)::int - v);
ROLLBACK TO a;
DO $$
BEGIN
	UPDATE own_t SET v = 1 WHERE id = 1 RETURNING 1 / (direct(id)::int - v);
EXCEPTION WHEN division_by_zero THEN
	RAISE NOTICE 'caught';
END $$;
COPY own_t FROM stdin;
99	x
\.
ROLLBACK TO a;
SELECT got(2) = direct(2) AS same, got(1) = direct(1) AS own;
COMMIT;
SELECT hits();
-- and after an error that ends the transaction
UPDATE own_t SET v = 1 / (v - v) WHERE id = 2 RETURNING got(id);
BEGIN;
UPDATE own_t SET v = 61 WHERE id = 1;
SELECT got(2) = direct(2) AS same;
COMMIT;
SELECT hits();
DROP TABLE own_t, own_log;
DROP FUNCTION got(int), direct(int), set_v(int, int), set_sql(int, int), hits(),
	count_copy(), count_direct();
SELECT cache_drop('own');
