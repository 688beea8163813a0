-- Cursors over plain SELECTs that are served: they move, close, fail and update as without.

SET client_min_messages = warning;
CREATE TABLE tc (id int PRIMARY KEY, grp int, v text);
INSERT INTO tc SELECT g, g % 5, 'v' || g FROM generate_series(1, 60) g;
CREATE TABLE tc_groups (grp int PRIMARY KEY, name text);
INSERT INTO tc_groups SELECT g, 'group ' || g FROM generate_series(0, 4) g;
ANALYZE tc, tc_groups;
CREATE FUNCTION tc_hits() RETURNS bigint LANGUAGE sql AS $$SELECT l1_hits FROM cache_stats WHERE cache = '*'$$;
CREATE FUNCTION tc_fills() RETURNS bigint LANGUAGE sql AS $$SELECT fills FROM cache_stats WHERE cache = '*'$$;
SET cachefront.transparent_min_saving = 0;
SET cachefront.transparent = auto;
SELECT count(*) FROM tc, tc_groups;

-- Some rows at a time: kept when all have come, then a hit.
BEGIN;
SELECT tc_hits() AS hits, tc_fills() AS fills \gset
DECLARE c CURSOR FOR SELECT id, v FROM tc WHERE id <= 5 ORDER BY v;
FETCH 2 FROM c;
FETCH 2 FROM c;
FETCH 2 FROM c;
SELECT tc_hits() - :hits AS hits, tc_fills() - :fills AS fills;
CLOSE c;
DECLARE c CURSOR FOR SELECT id, v FROM tc WHERE id <= 5 ORDER BY v;
FETCH 2 FROM c;
FETCH 2 FROM c;
FETCH 2 FROM c;
SELECT tc_hits() - :hits AS hits, tc_fills() - :fills AS fills;
CLOSE c;
COMMIT;
-- not one that was left in the middle, or between whose parts a setting changed
BEGIN;
SELECT tc_fills() AS fills \gset
DECLARE c CURSOR FOR SELECT id, v FROM tc WHERE id <= 6 ORDER BY v;
FETCH 2 FROM c;
CLOSE c;
DECLARE c CURSOR FOR SELECT id, v, id::float8 / 3 AS f, (id * 1.1)::float8::text AS t FROM tc WHERE id <= 3 ORDER BY v;
FETCH 1 FROM c;
SET LOCAL extra_float_digits = 0;
FETCH 1 FROM c;
SET LOCAL extra_float_digits = 1;
FETCH 2 FROM c;
SELECT tc_fills() - :fills AS fills;
COMMIT;

-- Forward and back: those that may scroll, say so or not, of a miss and of a hit.
CREATE FUNCTION tc_moves(declares text, query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	c refcursor := 'tc_cursor';
	r record;
	move text;
BEGIN
	EXECUTE declares || ' ' || query;
	FOREACH move IN ARRAY '{NEXT,FORWARD 2,PRIOR,BACKWARD 5,PRIOR,NEXT,FORWARD ALL,NEXT,PRIOR,PRIOR,BACKWARD ALL,NEXT,ABSOLUTE 3,RELATIVE -1,RELATIVE 0,LAST,NEXT,FIRST,PRIOR,ABSOLUTE -2,FORWARD 10,ABSOLUTE 0,NEXT}'::text[] LOOP
		BEGIN
			FOR r IN EXECUTE 'SELECT x FROM tc_fetch($1) x' USING move LOOP
				RETURN NEXT move || ': ' || r.x;
			END LOOP;
		EXCEPTION WHEN object_not_in_prerequisite_state THEN
			RETURN NEXT move || ': ' || SQLERRM;
		END;
	END LOOP;
	CLOSE c;
END $$;
CREATE FUNCTION tc_fetch(move text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	c refcursor := 'tc_cursor';
	r record;
BEGIN
	IF move ~ 'ALL|\d' AND move !~ 'ABSOLUTE|RELATIVE' THEN
		EXECUTE 'MOVE ' || move || ' FROM tc_cursor';
	END IF;
	IF move = 'NEXT' THEN FETCH NEXT FROM c INTO r;
	ELSIF move = 'PRIOR' THEN FETCH PRIOR FROM c INTO r;
	ELSIF move = 'FIRST' THEN FETCH FIRST FROM c INTO r;
	ELSIF move = 'LAST' THEN FETCH LAST FROM c INTO r;
	ELSIF move ~ 'ABSOLUTE' THEN FETCH ABSOLUTE (split_part(move, ' ', 2)::int) FROM c INTO r;
	ELSIF move ~ 'RELATIVE' THEN FETCH RELATIVE (split_part(move, ' ', 2)::int) FROM c INTO r;
	ELSE RETURN;
	END IF;
	RETURN NEXT coalesce(r::text, 'none');
END $$;
-- what it gives with the cache, filled and found, is what it gives without
CREATE PROCEDURE tc_compare(declares text, query text) LANGUAGE plpgsql AS $$
DECLARE plain text[]; miss text[]; hit text[]; hits bigint; c refcursor := 'tc_cursor';
BEGIN
	SET cachefront.transparent = off;
	SELECT array_agg(m) INTO plain FROM tc_moves(declares, query) m;
	SET cachefront.transparent = auto;
	SELECT array_agg(m) INTO miss FROM tc_moves(declares, query) m;
	EXECUTE declares || ' ' || query;
	MOVE FORWARD ALL FROM c;
	CLOSE c;
	hits := tc_hits();
	SELECT array_agg(m) INTO hit FROM tc_moves(declares, query) m;
	RAISE WARNING '%, % of %: % moves, % hits', CASE WHEN plain = miss AND plain = hit THEN 'same' ELSE 'DIFFERENT' END,
		declares, query, cardinality(plain), tc_hits() - hits;
	IF plain <> miss OR plain <> hit THEN
		RAISE WARNING '% % %', plain, miss, hit;
	END IF;
END $$;
CALL tc_compare('DECLARE tc_cursor CURSOR FOR', 'SELECT id, v FROM tc WHERE id <= 4 ORDER BY v');
CALL tc_compare('DECLARE tc_cursor SCROLL CURSOR FOR', 'SELECT id, v FROM tc WHERE id <= 5 ORDER BY v');
CALL tc_compare('DECLARE tc_cursor NO SCROLL CURSOR FOR', 'SELECT id, v FROM tc WHERE id <= 6 ORDER BY v');
CALL tc_compare('DECLARE tc_cursor CURSOR FOR', 'SELECT grp, count(*) FROM tc GROUP BY grp');
CALL tc_compare('DECLARE tc_cursor SCROLL CURSOR FOR', 'SELECT grp, count(*) FROM tc GROUP BY grp ORDER BY grp');
CALL tc_compare('DECLARE tc_cursor SCROLL CURSOR FOR', 'SELECT t.id, g.name FROM tc t JOIN tc_groups g USING (grp) WHERE t.id < 7');
CALL tc_compare('DECLARE tc_cursor CURSOR FOR', 'SELECT t.id, g.name FROM tc t JOIN tc_groups g USING (grp) WHERE t.id < 7 ORDER BY g.name, t.id DESC');
CALL tc_compare('DECLARE tc_cursor SCROLL CURSOR FOR', 'SELECT DISTINCT grp FROM tc UNION ALL SELECT grp FROM tc_groups ORDER BY 1');
CALL tc_compare('DECLARE tc_cursor SCROLL CURSOR FOR', 'SELECT id FROM tc WHERE id < 0 ORDER BY v');
CALL tc_compare('DECLARE tc_cursor SCROLL CURSOR FOR', 'SELECT id, v FROM tc WHERE id <= 4');
CALL tc_compare('DECLARE tc_cursor SCROLL CURSOR WITH HOLD FOR', 'SELECT id, v FROM tc WHERE id <= 4 ORDER BY v');
CALL tc_compare('DECLARE tc_cursor SCROLL CURSOR FOR', 'SELECT id, v FROM tc ORDER BY v LIMIT 3');
CALL tc_compare('DECLARE tc_cursor SCROLL CURSOR FOR', 'SELECT id, v FROM tc LIMIT 3');

-- WHERE CURRENT OF: what PostgreSQL can update where it stands is not served; else one error.
CREATE PROCEDURE tc_update(query text) LANGUAGE plpgsql AS $$
DECLARE message text; c refcursor := 'tc_cursor'; r record;
BEGIN
	FOR i IN 1 .. 3 LOOP
		EXECUTE 'DECLARE tc_cursor CURSOR FOR ' || query;
		FETCH c INTO r;
		BEGIN
			EXECUTE 'UPDATE tc SET v = v WHERE CURRENT OF tc_cursor';
			message := 'updated';
		EXCEPTION WHEN OTHERS THEN
			message := SQLERRM;
		END;
		RAISE WARNING '%', message;
		CLOSE c;
	END LOOP;
END $$;
CALL tc_update('SELECT * FROM tc WHERE id = 7');
CALL tc_update('SELECT * FROM tc WHERE id < 7 LIMIT 2');
CALL tc_update('SELECT * FROM tc WHERE id < 7 ORDER BY v');
CALL tc_update('SELECT * FROM tc ORDER BY id LIMIT 1');
CALL tc_update('SELECT * FROM (SELECT * FROM tc WHERE id < 7 OFFSET 0) s');
CALL tc_update('SELECT * FROM tc WHERE id = 7 UNION ALL SELECT * FROM tc WHERE id = 8');
CALL tc_update('SELECT t.* FROM tc t JOIN tc_groups g USING (grp) WHERE t.id < 7');
CALL tc_update('SELECT grp, count(*) FROM tc GROUP BY grp');

-- PL/pgSQL: loops of more rows than are fetched at a time, OPEN, RETURN QUERY.
CREATE FUNCTION tc_loop() RETURNS int LANGUAGE plpgsql AS $$
DECLARE r record; n int := 0;
BEGIN
	FOR r IN SELECT id, v FROM tc LOOP n := n + r.id; END LOOP;
	RETURN n;
END $$;
CREATE FUNCTION tc_open() RETURNS text LANGUAGE plpgsql AS $$
DECLARE c CURSOR (g int) FOR SELECT id FROM tc WHERE grp = g ORDER BY v; o refcursor; x int; a text := '';
BEGIN
	FOR r IN c(2) LOOP a := a || r.id || ' '; END LOOP;
	OPEN o FOR SELECT max(id) FROM tc; FETCH o INTO x; CLOSE o;
	RETURN a || x;
END $$;
CREATE FUNCTION tc_return() RETURNS SETOF tc LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT * FROM tc WHERE grp = 3;
END $$;
SELECT tc_hits() AS hits, tc_fills() AS fills \gset
SELECT tc_loop();
SELECT tc_loop();
SELECT tc_hits() - :hits AS hits, tc_fills() - :fills AS fills;
SELECT tc_open();
SELECT tc_open();
SELECT tc_hits() - :hits AS hits, tc_fills() - :fills AS fills;
SELECT count(*) FROM tc_return();
SELECT count(*) FROM tc_return();
SELECT tc_hits() - :hits AS hits, tc_fills() - :fills AS fills;
UPDATE tc SET id = id + 100 WHERE grp = 2;
SELECT tc_loop();
SELECT tc_open();
SELECT count(*) FROM tc_return();

-- The snapshot is that of DECLARE, and so are the rows of a hit.
BEGIN;
DECLARE c CURSOR FOR SELECT count(*) FROM tc;
INSERT INTO tc VALUES (1000, 1, 'mine');
FETCH c;
DECLARE d CURSOR FOR SELECT count(*) FROM tc;
FETCH d;
ROLLBACK;
-- while it is open its table is
BEGIN;
DECLARE c CURSOR FOR SELECT grp, count(*) FROM tc GROUP BY grp ORDER BY grp;
FETCH 1 FROM c;
SAVEPOINT s;
TRUNCATE tc;
ROLLBACK TO s;
FETCH 1 FROM c;
COMMIT;
-- an error comes where it came
BEGIN;
DECLARE c CURSOR FOR SELECT 10 / (grp - 2) FROM tc_groups ORDER BY grp;
FETCH 1 FROM c;
FETCH 1 FROM c;
FETCH 1 FROM c;
ROLLBACK;

RESET cachefront.transparent;
DROP TABLE tc, tc_groups CASCADE;
DROP PROCEDURE tc_compare, tc_update;
DROP FUNCTION tc_hits, tc_fills, tc_moves, tc_fetch, tc_loop, tc_open;
