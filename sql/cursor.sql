--
-- Cursors that a load did not open: their rows are of the past, or of one
-- session. What a load opens and closes itself is cached.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE SCHEMA regress_cf_cursor;
SET search_path = regress_cf_cursor, public;
SELECT cache_define('cu', jitter => 0, xfetch_beta => 0);
CREATE TABLE rows (id int, v text);
INSERT INTO rows VALUES (1, 'one'), (2, 'two'), (3, 'three');
SELECT cache_attach('rows', rows => '{}');

-- other people's cursors, by every statement that knows a name
CREATE FUNCTION fetches(c refcursor) RETURNS text LANGUAGE plpgsql AS
	$$ DECLARE r text; BEGIN FETCH c INTO r; RETURN r; END $$;
CREATE FUNCTION fetches_again(c refcursor) RETURNS text LANGUAGE plpgsql AS
	$$ DECLARE r text; BEGIN MOVE ABSOLUTE 0 FROM c; FETCH c INTO r; RETURN r; END $$;
CREATE FUNCTION stays(c refcursor) RETURNS text LANGUAGE plpgsql AS
	$$ DECLARE r text; BEGIN FETCH RELATIVE 0 FROM c INTO r; RETURN r; END $$;
CREATE FUNCTION moves(c refcursor) RETURNS bool LANGUAGE plpgsql AS
	$$ BEGIN MOVE ABSOLUTE 2 FROM c; RETURN FOUND; END $$;
CREATE FUNCTION dynamic(c text) RETURNS text LANGUAGE plpgsql AS
	$$ DECLARE r text; BEGIN EXECUTE 'FETCH ABSOLUTE 1 FROM ' || quote_ident(c) INTO r; RETURN r; END $$;
CREATE FUNCTION dynamic_move(c text) RETURNS bigint LANGUAGE plpgsql AS
	$$ DECLARE n bigint; BEGIN EXECUTE 'MOVE ABSOLUTE 1 FROM ' || quote_ident(c); GET DIAGNOSTICS n = ROW_COUNT; RETURN n; END $$;
CREATE FUNCTION in_sql() RETURNS bigint LANGUAGE sql AS
	$$ MOVE ABSOLUTE 1 FROM held; SELECT count(*) FROM rows $$;
CREATE FUNCTION is_there(c refcursor) RETURNS bool LANGUAGE plpgsql AS
	$$ BEGIN MOVE RELATIVE 0 FROM c; RETURN true; EXCEPTION WHEN invalid_cursor_name THEN RETURN false; END $$;
CREATE FUNCTION closes(c refcursor) RETURNS bool LANGUAGE plpgsql AS
	$$ BEGIN CLOSE c; RETURN true; EXCEPTION WHEN invalid_cursor_name THEN RETURN false; END $$;
CREATE FUNCTION dynamic_close() RETURNS bool LANGUAGE plpgsql AS
	$$ BEGIN EXECUTE 'CLOSE ALL'; RETURN true; END $$;
CREATE FUNCTION is_free(c refcursor) RETURNS bool LANGUAGE plpgsql AS
	$$ BEGIN OPEN c FOR SELECT 1; CLOSE c; RETURN true; EXCEPTION WHEN duplicate_cursor THEN RETURN false; END $$;
CREATE FUNCTION is_free_to_loop() RETURNS bool LANGUAGE plpgsql AS
	$$ DECLARE held CURSOR FOR SELECT 1; BEGIN held := 'held'; FOR r IN held LOOP RETURN true; END LOOP;
	EXCEPTION WHEN duplicate_cursor THEN RETURN false; END $$;
CREATE FUNCTION is_free_dynamic() RETURNS bool LANGUAGE plpgsql AS
	$$ BEGIN EXECUTE 'DECLARE held CURSOR FOR SELECT 1'; EXECUTE 'CLOSE held'; RETURN true;
	EXCEPTION WHEN duplicate_cursor THEN RETURN false; END $$;
CREATE FUNCTION leaves_open() RETURNS text LANGUAGE plpgsql AS
	$$ DECLARE c refcursor := 'left'; BEGIN OPEN c FOR SELECT v FROM rows; RETURN c::text; END $$;
CREATE FUNCTION leaves_declared() RETURNS bool LANGUAGE plpgsql AS
	$$ BEGIN EXECUTE 'DECLARE left2 CURSOR FOR SELECT v FROM rows'; RETURN true; END $$;
CREATE FUNCTION opens(c refcursor) RETURNS refcursor LANGUAGE plpgsql AS
	$$ BEGIN OPEN c FOR SELECT v FROM rows ORDER BY id; RETURN c; END $$;
CREATE FUNCTION opened_inside() RETURNS text LANGUAGE plpgsql AS
	$$ DECLARE c refcursor := 'inner'; r text; BEGIN PERFORM cache_fetch('cu:inner', 'SELECT opens(''inner'')');
	FETCH c INTO r; CLOSE c; RETURN r; END $$;
CREATE FUNCTION fetches_inside() RETURNS text LANGUAGE plpgsql AS
	$$ DECLARE c refcursor := 'outer'; r text; BEGIN OPEN c FOR SELECT v FROM rows ORDER BY id;
	r := cache_fetch_row('cu:inside', 'SELECT fetches(''outer'') AS v') ->> 'v'; CLOSE c; RETURN r; END $$;

-- its own
CREATE FUNCTION own() RETURNS text LANGUAGE plpgsql AS
	$$ DECLARE c refcursor; r text; BEGIN OPEN c FOR SELECT v FROM rows ORDER BY id; FETCH c INTO r; CLOSE c; RETURN r; END $$;
CREATE FUNCTION own_bound() RETURNS text LANGUAGE plpgsql AS
	$$ DECLARE c SCROLL CURSOR (n int) FOR SELECT v FROM rows WHERE id > n ORDER BY id; r text;
	BEGIN OPEN c(1); MOVE ABSOLUTE 2 FROM c; FETCH PRIOR FROM c INTO r; CLOSE c; RETURN r; END $$;
CREATE FUNCTION own_loop() RETURNS text LANGUAGE plpgsql AS
	$$ DECLARE c CURSOR FOR SELECT v FROM rows ORDER BY id; s text := ''; x text; BEGIN
	FOR r IN c LOOP FETCH c INTO x; s := s || r.v || coalesce(x, '-'); END LOOP; RETURN s; END $$;
CREATE FUNCTION own_query_loop() RETURNS text LANGUAGE plpgsql AS
	$$ DECLARE s text := ''; r record; BEGIN FOR r IN SELECT v FROM rows ORDER BY id LOOP s := s || r.v; END LOOP; RETURN s; END $$;
CREATE FUNCTION own_dynamic() RETURNS text LANGUAGE plpgsql AS
	$$ DECLARE r text; BEGIN EXECUTE 'DECLARE d CURSOR FOR SELECT v FROM rows ORDER BY id';
	EXECUTE 'FETCH ABSOLUTE 2 FROM d' INTO r; EXECUTE 'CLOSE d'; RETURN r; END $$;
CREATE FUNCTION own_passed() RETURNS text LANGUAGE plpgsql AS
	$$ DECLARE c refcursor := opens('passed'); r text; BEGIN r := fetches(c) || fetches(c); CLOSE c; RETURN r; END $$;
CREATE FUNCTION unseen(text, text) RETURNS real LANGUAGE c STABLE AS '$libdir/pg_trgm', 'similarity';
CREATE FUNCTION unseen_inside() RETURNS real LANGUAGE plpgsql AS $$ BEGIN RETURN unseen('a', 'b'); END $$;
CREATE FUNCTION immutable(text, text) RETURNS real LANGUAGE c IMMUTABLE AS '$libdir/pg_trgm', 'similarity';

-- Fetches each query twice: is the second answer the query's own, and from the cache?
CREATE TABLE tries (n int, query text);
CREATE FUNCTION try(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	k text := 'cu:' || md5(query);
	kept bool;
BEGIN
	PERFORM cache_fetch(k, query);
	SELECT count(*) > 0 INTO kept FROM cache_entries WHERE key = k AND state = 'fresh';
	RETURN CASE WHEN kept THEN 'kept' ELSE 'not kept' END;
END $$;
INSERT INTO tries VALUES (1, 'SELECT fetches(''held'')'), (2, 'SELECT fetches_again(''held'')'), (3, 'SELECT stays(''held'')'),
	(4, 'SELECT moves(''held'')'), (5, 'SELECT dynamic(''held'')'), (6, 'SELECT dynamic_move(''held'')'),
	(7, 'SELECT in_sql()'), (8, 'SELECT is_there(''held'')'), (9, 'SELECT is_there(''nowhere'')'), (10, 'SELECT closes(''nowhere'')'),
	(11, 'SELECT is_free(''held'')'), (12, 'SELECT is_free_to_loop()'), (13, 'SELECT is_free_dynamic()'),
	(14, 'SELECT cursor_to_xml(''held'', 1, true, false, '''')'), (15, 'SELECT leaves_open()'), (16, 'SELECT leaves_declared()'),
	(17, 'SELECT opened_inside()'), (18, 'SELECT unseen(''a'', ''b'')'), (19, 'SELECT unseen_inside()'),
	(20, 'SELECT v FROM rows WHERE v <> fetches(''held'')'), (21, 'SELECT own() || fetches(''held'')'),
	(101, 'SELECT own()'), (102, 'SELECT own_bound()'), (103, 'SELECT own_loop()'), (104, 'SELECT own_query_loop()'),
	(105, 'SELECT own_dynamic()'), (106, 'SELECT own_passed()'), (107, 'SELECT is_free(''free'')'), (108, 'SELECT immutable(''a'', ''b'')');

-- rows that are kept, from an older transaction
DECLARE held SCROLL CURSOR WITH HOLD FOR SELECT v FROM rows ORDER BY id;
SELECT query, try(query) FROM tries ORDER BY n;
SELECT closes('left'), closes('left2'), closes('inner');
-- rows that a query of this transaction still has to give
SELECT cache_invalidate_table('rows');
SELECT cache_flush();
CLOSE held;
BEGIN;
DECLARE held SCROLL CURSOR FOR SELECT v FROM rows ORDER BY id;
SELECT query, try(query) FROM tries WHERE n < 18 OR n > 19 ORDER BY n;
SELECT query, try(query) FROM tries WHERE n IN (18, 19) ORDER BY n;
ROLLBACK;
SELECT fetches_inside(), count(*) FILTER (WHERE state = 'fresh') FROM cache_entries WHERE key = 'cu:inside';
-- what closes them all
BEGIN;
SELECT try('SELECT dynamic_close()');
ROLLBACK;
-- without any, a function that is not seen into is cached, if it says it may be
SELECT try('SELECT unseen(''a'', ''c'')');
PREPARE p AS SELECT try('SELECT unseen(''a'', ''d'')');
EXECUTE p;

-- rows of the past never answer anybody
DECLARE held SCROLL CURSOR WITH HOLD FOR SELECT v FROM rows ORDER BY id;
UPDATE rows SET v = v || ' now';
SELECT cache_fetch_row('cu:past', 'SELECT fetches_again(''held'') AS v');
CLOSE held;
DECLARE held SCROLL CURSOR WITH HOLD FOR SELECT v FROM rows ORDER BY id;
SELECT cache_fetch_row('cu:past', 'SELECT fetches_again(''held'') AS v');

DROP SCHEMA regress_cf_cursor CASCADE;
SELECT cache_drop('cu');
