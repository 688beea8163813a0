-- Plain SELECTs whose rows say who asks, or what comes first on the search path.

SET client_min_messages = warning;
CREATE ROLE regress_tw_a;
CREATE ROLE regress_tw_b;
CREATE TABLE tw (id int PRIMARY KEY, owner text);
INSERT INTO tw VALUES (1, 'regress_tw_a'), (2, 'regress_tw_b'), (3, 'regress_tw_b');
CREATE VIEW tw_mine AS SELECT id FROM tw WHERE owner = CURRENT_USER;
CREATE DOMAIN tw_not_me AS text CHECK (value <> CURRENT_USER);
CREATE DOMAIN tw_not_us AS tw_not_me CHECK (value <> SESSION_USER);
GRANT SELECT ON tw, tw_mine, cache_stats TO regress_tw_a, regress_tw_b;
SELECT cache_define('tw_shared', scope => 'shared');
SET cachefront.transparent = marked;

-- What all share does not say who asked first.
CREATE PROCEDURE tw_ask(expression text) LANGUAGE plpgsql AS $$
DECLARE said text; role text; hits bigint;
BEGIN
	FOR i IN 1 .. 4 LOOP
		role := CASE WHEN i < 3 THEN 'regress_tw_a' ELSE 'regress_tw_b' END;
		EXECUTE 'SET ROLE ' || role;
		COMMIT;
		BEGIN
			EXECUTE '/* cache name=tw_shared */ SELECT array_agg(DISTINCT ' || expression ||
				')::text FROM tw' INTO said;
		EXCEPTION WHEN check_violation THEN
			said := SQLERRM;
		END;
		RAISE WARNING '%: %', role, said;
	END LOOP;
	RESET ROLE;
END $$;
SELECT l1_hits AS before FROM cache_stats WHERE cache = 'tw_shared' \gset
CALL tw_ask('CURRENT_USER');
CALL tw_ask('CURRENT_ROLE || id');
CALL tw_ask('(SELECT USER)');
CALL tw_ask('getpgusername()');
CALL tw_ask('(SELECT count(*) FROM tw_mine)');
CALL tw_ask('$q$regress_tw_b$q$::tw_not_me');
CALL tw_ask('$q$regress_tw_a$q$::tw_not_us');
SELECT l1_hits - :before AS hits FROM cache_stats WHERE cache = 'tw_shared';
CALL tw_ask('owner');
SELECT l1_hits - :before AS hits FROM cache_stats WHERE cache = 'tw_shared';
SET SESSION AUTHORIZATION regress_tw_a;
/* cache name=tw_shared */ SELECT SESSION_USER, count(*) FROM public.tw;
/* cache name=tw_shared */ SELECT SESSION_USER, count(*) FROM public.tw;
SET SESSION AUTHORIZATION regress_tw_b;
/* cache name=tw_shared */ SELECT SESSION_USER, count(*) FROM public.tw;
RESET SESSION AUTHORIZATION;

-- The same schemas are looked into, and another is the first that is named.
CREATE PROCEDURE tw_first(expression text) LANGUAGE plpgsql AS $$
DECLARE said text; path text;
BEGIN
	FOREACH path IN ARRAY ARRAY['public', 'public', 'pg_catalog, public', 'public', 'pg_temp, public', 'public, pg_temp'] LOOP
		PERFORM set_config('search_path', path, false);
		COMMIT;
		EXECUTE '/* cache */ SELECT min(' || expression || '::text) FROM public.tw' INTO said;
		RAISE WARNING '%: %', path, regexp_replace(said, '\d+', 'N');
		said := cache_fetch('tw:' || expression, 'SELECT min(' || expression || '::text) FROM public.tw');
		RAISE WARNING '%: %', path, regexp_replace(said, '\d+', 'N');
	END LOOP;
	RESET search_path;
END $$;
SELECT l1_hits AS before FROM cache_stats WHERE cache = '*' \gset
CALL tw_first('CURRENT_SCHEMA');
CALL tw_first('current_schema()');
CALL tw_first('(SELECT CURRENT_SCHEMA || id)');
CALL tw_first('current_schemas(false)');
SELECT l1_hits > :before AS hits FROM cache_stats WHERE cache = '*';

RESET cachefront.transparent;
SELECT cache_drop('tw_shared');
DROP TABLE tw CASCADE;
DROP DOMAIN tw_not_us, tw_not_me;
DROP PROCEDURE tw_ask, tw_first;
REVOKE ALL ON cache_stats FROM regress_tw_a, regress_tw_b;
DROP ROLE regress_tw_a, regress_tw_b;
