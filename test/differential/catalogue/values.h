/*
 * values.h - a part of the catalogue (catalogue.c), in its order.
 *
 * Names, errors, types, values of cache_set, nested fetches, scopes, ages, shapes.
 *
 * test/differential/catalogue/values.h
 */

	/* ---- names -------------------------------------------------------------------- */
	SETUP("path", "CREATE TABLE s2.t1 (id int PRIMARY KEY, grp int, v text); INSERT INTO s2.t1 VALUES (1, 1, 's'), (2, 2, 's');"
		  "SELECT cache_attach('s2.t1', rows => '{}'); GRANT ALL ON s2.t1 TO diff_r1, diff_r2;"
		  "CREATE FUNCTION pathfun() RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN (SELECT max(v) FROM t1); END $$"),
	FETCH("path", "u:{id}", "SELECT v FROM t1 WHERE id = $1", ANY_INT, "v text", NULL),
	FETCH("path", "us", "SELECT id, v FROM t1 ORDER BY id", NULL, "id int, v text", NULL),
	SET("path", "SET search_path = " SOME_PATH),
	SET("path", "SET LOCAL search_path = " SOME_PATH),
	SET("path", "RESET search_path"),
	ACT("path", "UPDATE {public|s2}.t1 SET v = 'p{n}' WHERE id = {id}"),
	SET("temp", "CREATE TEMP TABLE t1 AS SELECT i AS id, i AS grp, 'temp{n}' AS v FROM generate_series(1, 3) i"),
	SET("temp", "DROP TABLE IF EXISTS pg_temp.t1"),
	SET("temp", "DISCARD TEMP"),
	SET("temp", "SET search_path = {public|public, pg_temp|pg_temp, public|pg_catalog, public, pg_temp}"),
	SETUP("temp-place",
		  "CREATE FUNCTION gotlast() RETURNS text LANGUAGE plpgsql SET search_path = public, pg_temp AS $$ BEGIN"
		  " RETURN cache_fetch_row('up', 'SELECT v FROM t1 WHERE id = 1') ->> 'v'; END $$;"
		  "CREATE FUNCTION wantlast() RETURNS text LANGUAGE plpgsql SET search_path = public, pg_temp AS $$ BEGIN"
		  " RETURN (SELECT v FROM t1 WHERE id = 1); END $$"),
	PAIR("temp-place", "SELECT public.gotlast()", "SELECT public.wantlast()"),
	PAIR("temp-place", "SELECT public.cache_fetch_row('up', 'SELECT v FROM t1 WHERE id = 1') ->> 'v'", "SELECT (SELECT v FROM t1 WHERE id = 1)"),
	SCENE("temp-place",
		  "a: CREATE TEMP TABLE t1 AS SELECT i AS id, i AS grp, 'temp{n}' AS v FROM generate_series(1, 3) i\n"
		  "a: SET search_path = {public, pg_temp|pg_catalog, public, pg_temp}\n"
		  "a? SELECT public.{gotlast()|cache_fetch_row('up', 'SELECT v FROM t1 WHERE id = 1') ->> 'v'} ~ SELECT (SELECT v FROM public.t1 WHERE id = 1)"
		  " ~ SELECT current_setting('search_path') LIKE '%public, pg_temp'\n"
		  "a: {RESET search_path|SET search_path = pg_temp, public|SET search_path = public}\n"
		  "a? SELECT public.cache_fetch_row('up', 'SELECT v FROM t1 WHERE id = 1') ->> 'v' ~ SELECT (SELECT v FROM t1 WHERE id = 1)"),
	FETCH("temp", "u:{id}", "SELECT v FROM t1 WHERE id = $1", ANY_INT, "v text", NULL),
	FETCH("temp", "us", "SELECT id, v FROM t1 ORDER BY id", NULL, "id int, v text", NULL),

	/* ---- errors that must not be hidden ---------------------------------------------- */
	SETUP("guard",
		  "CREATE TABLE shut (id int, state text); INSERT INTO shut VALUES (1, ''); GRANT ALL ON shut TO diff_r1, diff_r2;"
		  "CREATE FUNCTION guard() RETURNS bool LANGUAGE plpgsql STABLE AS $$ DECLARE s text; BEGIN SELECT state INTO s FROM shut;"
		  " IF s <> '' THEN RAISE EXCEPTION 'no' USING ERRCODE = s; END IF; RETURN true; END $$"),
	PAIR_AFTER("guard", "SELECT public.cache_fetch_row('guard', 'SELECT id FROM public.t1 WHERE public.guard() ORDER BY id', ttl => '1 ms') ->> 'id'",
		"SELECT (SELECT id FROM public.t1 WHERE public.guard() ORDER BY id LIMIT 1)", "SELECT pg_sleep(0.003)", NULL),
	ACT("guard", "UPDATE public.shut SET state = '{|P0001|PT403|P0002|42501|53100|XX000|08001|54001}'"),

	/* ---- decoding ------------------------------------------------------------------- */
	SETUP("decode-domain", "CREATE DOMAIN pos AS int; CREATE TYPE haspos AS (x pos); CREATE TABLE dom (id int, x pos); INSERT INTO dom VALUES (1, -1), (2, 2), (3, NULL); SELECT cache_attach('dom', rows => '{}')"),
	FETCH("decode-domain", "dom", "SELECT id, x FROM public.dom ORDER BY id", NULL, "id int, x public.pos", NULL),
	FETCH("decode-domain", "domc", "SELECT id, ROW(x)::public.haspos AS c FROM public.dom ORDER BY id", NULL, "id int, c public.haspos", NULL),
	ADMIN("decode-domain", "ALTER DOMAIN public.pos ADD CONSTRAINT c CHECK (VALUE > 0) NOT VALID"),
	ADMIN("decode-domain", "ALTER DOMAIN public.pos DROP CONSTRAINT IF EXISTS c"),
	ACT("decode-domain", "UPDATE public.dom SET id = id + 3 WHERE id = {id}"),
	SETUP("decode-xml", "CREATE TABLE xm (id int, x xml); INSERT INTO xm VALUES (1, '<a/><b/>'), (2, '<a/>'); SELECT cache_attach('xm', rows => '{}')"),
	FETCH("decode-xml", "xm", "SELECT id, x FROM public.xm ORDER BY id", NULL, "id int, x xml", NULL),
	SET("decode-xml", "SET xmloption = {document|content}"),
	SETUP("decode-acl", "CREATE TABLE acls (id int, a aclitem[]); SELECT cache_attach('acls', rows => '{}')"),
	FETCH("decode-acl", "acls", "SELECT id, a FROM public.acls ORDER BY id", NULL, "id int, a aclitem[]", NULL),
	ADMIN("decode-acl", "CREATE ROLE diff_x; INSERT INTO public.acls VALUES ({n}, ARRAY[makeaclitem('diff_x'::regrole, 'diff_x'::regrole, 'SELECT', false)])"),
	ADMIN("decode-acl", "DROP ROLE IF EXISTS diff_x"),
	SETUP("names", "CREATE TABLE named (id int, o oid, i regclass); INSERT INTO named VALUES (1, 0, NULL); SELECT cache_attach('named', rows => '{}')"),
	FETCH("names", "named", "SELECT id, {o::regrole::text|pg_get_userbyid(o)::text|to_regrole('diff_y')::text|concat(i)|to_regclass('public.named_i')::text} AS n"
		  " FROM public.named ORDER BY id", NULL, "id int, n text", NULL),
	FETCH("names", "named:i", "SELECT id, i FROM public.named ORDER BY id", NULL, "id int, i regclass", NULL),
	ADMIN("names", "CREATE ROLE diff_y; UPDATE public.named SET o = 'diff_y'::regrole"),
	ADMIN("names", "DROP ROLE IF EXISTS diff_y"),
	ADMIN("names", "CREATE INDEX named_i ON public.named (id); UPDATE public.named SET i = 'public.named_i'"),
	ADMIN("names", "DROP INDEX IF EXISTS public.named_i"),

	/* ---- values of cache_set: kv holds what each should be, a lost one is none ----- */
	SETUP("kv", "CREATE TABLE kv (k text, w text, v text, g text, PRIMARY KEY (k, w)); GRANT ALL ON kv TO diff_r1, diff_r2"),
	ACT("kv", "INSERT INTO public.kv VALUES ('k{id}', session_user || current_user, '{n}', '')"
		" ON CONFLICT (k, w) DO UPDATE SET v = excluded.v, g = ''; SELECT public.cache_set('k{id}', '{n}')"),
	ACT("kv", "INSERT INTO public.kv VALUES ('k{id}', session_user || current_user, '{n}', '{x=1|2}')"
		" ON CONFLICT (k, w) DO UPDATE SET v = excluded.v, g = excluded.g; SELECT public.cache_set('k{id}', '{n}', tags => ARRAY['kt{x}'])"),
	ACT("kv-overtaken", "INSERT INTO public.kv VALUES ('k{id}', session_user || current_user, '{n}', '{x=1|2}')"
		" ON CONFLICT (k, w) DO UPDATE SET v = excluded.v, g = excluded.g; SELECT public.cache_set('k{id}', '{n}', tags => ARRAY['kt{x}']);"
		" DELETE FROM public.kv WHERE g = '{x}'; SELECT public.cache_invalidate_tag('kt{x}')"),
	SCENE("kv-overtaken",
		  "a: INSERT INTO public.kv VALUES ('k{id}', session_user || current_user, 'o{n}', '')"
		  " ON CONFLICT (k, w) DO UPDATE SET v = excluded.v, g = ''; SELECT public.cache_set('k{id}', 'o{n}')\n"
		  "a: INSERT INTO public.kv VALUES ('k{id}', session_user || current_user, '{n}', '{x=1|2}')"
		  " ON CONFLICT (k, w) DO UPDATE SET v = excluded.v, g = excluded.g; SELECT public.cache_set('k{id}', '{n}', tags => ARRAY['kt{x}']);"
		  " DELETE FROM public.kv WHERE g = '{x}'; SELECT public.cache_invalidate_tag('kt{x}')\n"
		  "a? SELECT coalesce(public.cache_get('k{id}')::text, (SELECT v FROM public.kv WHERE k = 'k{id}' AND w = session_user || current_user))"
		  " ~ SELECT (SELECT v FROM public.kv WHERE k = 'k{id}' AND w = session_user || current_user)"
		  " ~ SELECT current_setting('transaction_isolation') = 'read committed'"),
	ACT("kv", "DELETE FROM public.kv WHERE k = 'k{id}'; SELECT public.cache_delete('k{id}')"),
	ACT("kv", "DELETE FROM public.kv WHERE g = '{x=1|2}'; SELECT public.cache_invalidate_tag('kt{x}')"),
	PAIR_AFTER("kv", "SELECT coalesce(public.cache_get('k{id}')::text, (SELECT v FROM public.kv WHERE k = 'k{id}' AND w = session_user || current_user))",
		"SELECT (SELECT v FROM public.kv WHERE k = 'k{id}' AND w = session_user || current_user)", NULL,
		"SELECT current_setting('transaction_isolation') = 'read committed'"),
	FETCH("kv-nested", "kn:{id}", "SELECT public.cache_get('k{id}')::text AS v", NULL, "v text", NULL),
	PAIR_AFTER("kv-new", "SELECT public.cache_get('f{n}')::text", "SELECT (SELECT v FROM public.kv WHERE k = 'f{n}')",
		"{|SELECT public.cache_get('f{n}');} INSERT INTO public.kv VALUES ('f{n}', 'x', '{n}', ''); {|SELECT public.cache_invalidate_tag('kt1');|SELECT public.cache_delete('f{n}');}"
		" SELECT public.cache_set('f{n}', '{n}')",
		"SELECT to_regclass('public.kv') IS NOT NULL"),
	PAIR_AFTER("kv-ddl", "SELECT public.cache_get('f{n}')::text", "SELECT (SELECT v FROM public.kv WHERE k = 'f{n}')",
		"{|SELECT public.cache_get('f{n}');} CREATE TABLE public.f{n} (); INSERT INTO public.kv VALUES ('f{n}', 'x', '{n}', '');"
		" SELECT public.cache_set('f{n}', '{n}')",
		"SELECT to_regclass('public.kv') IS NOT NULL"),

	/* ---- nested fetches -------------------------------------------------------------- */
	SETUP("nested",
		  "CREATE VIEW nest AS SELECT * FROM cache_fetch_rows('in:1', 'SELECT id, v FROM public.t1 ORDER BY id') AS t(id int, v text);"
		  "CREATE VIEW nest2 AS SELECT * FROM cache_fetch_rows('nl', 'SELECT id, v FROM public.t2 WHERE grp = 1 ORDER BY id',"
		  " tags => ARRAY['g2:1']) AS t(id int, v text)"),
	PAIR("nested", "SELECT public.cache_fetch('out:1', 'SELECT count(*) AS n, max(v) AS m FROM public.nest')::text",
		 "SELECT '[' || row_to_json(q)::text || ']' FROM (SELECT count(*) AS n, max(v) AS m FROM public.t1) q"),
	PAIR("nested", "SELECT public.cache_fetch_row('out:2', 'SELECT count(*) AS n, max(v) AS m FROM public.nest2')::text",
		 "SELECT row_to_json(q)::text FROM (SELECT count(*) AS n, max(v) AS m FROM public.t2 WHERE grp = 1) q"),
	PAIR("nested", "SELECT id, v FROM public.nest", "SELECT id, v FROM public.t1 ORDER BY id"),

	/* ---- a rule that comes with a prepared transaction ---------------------------------- */
	SETUP("prepared", "CREATE TABLE bare1 (v text); CREATE TABLE bare2 (v text); CREATE TABLE bare3 (v text);"
		  "INSERT INTO bare1 VALUES ('a'); INSERT INTO bare2 VALUES ('b'); INSERT INTO bare3 VALUES ('c')"),
	PAIR_AFTER("prepared", "SELECT public.cache_fetch_row('b:{id}', 'SELECT v FROM public.bare{id}') ->> 'v'",
			   "SELECT v FROM public.bare{id}", NULL,
			   "SELECT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'public.bare{id}'::regclass)"),
	ACT("prepared", "UPDATE public.bare{id} SET v = 'u{n}'"),
	SCENE("prepared",
		  "A: SELECT public.cache_detach('public.bare{id}')\n"
		  "b: BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1\n"
		  "A: BEGIN; UPDATE public.bare{id} SET v = 'r{n}'; SELECT public.cache_attach('public.bare{id}', rows => '{}'); PREPARE TRANSACTION 'r{n}'\n"
		  "A: COMMIT PREPARED 'r{n}'\n"
		  "b? SELECT public.cache_fetch_row('b:{id}', 'SELECT v FROM public.bare{id}') ->> 'v' ~ SELECT v FROM public.bare{id}"
		  " ~ SELECT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'public.bare{id}'::regclass)\n"
		  "b: COMMIT\n"
		  "b? SELECT public.cache_fetch_row('b:{id}', 'SELECT v FROM public.bare{id}') ->> 'v' ~ SELECT v FROM public.bare{id}"
		  " ~ SELECT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'public.bare{id}'::regclass)"),
	ALONE("prepared", "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1"),
	ALONE("prepared", "BEGIN; UPDATE public.bare{id} SET v = 'q{n}'; SELECT public.cache_attach('public.bare{id}', rows => '{}'); PREPARE TRANSACTION 'q'"),
	ALONE("prepared", "{COMMIT|COMMIT|COMMIT|ROLLBACK} PREPARED 'q'"),

	/* ---- changes that no trigger tells of, and that are said by hand afterwards ---------- */
	SETUP("hand", "CREATE TABLE hh (id int PRIMARY KEY, v text, w text); INSERT INTO hh SELECT i, 'h', 'h' FROM generate_series(1, 3) i;"
		  "SELECT cache_attach('hh', key => 'hh:{id}', columns => '{v}')"),
	FETCH("hand", "hh:{id}", "SELECT v, w FROM public.hh WHERE id = $1", "{id}::int4", "v text, w text", NULL),
	ACT("hand", "UPDATE public.hh SET v = 'u{n}' WHERE id = {id}"),
	SCENE("hand",
		  "a: BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1\n"
		  "b: BEGIN; UPDATE public.hh SET w = 'w{n}' WHERE id = {id}; COMMIT; SELECT public.cache_invalidate('hh:{id}')\n"
		  "a? SELECT public.cache_fetch_row('hh:{id}', 'SELECT v, w FROM public.hh WHERE id = {id}') ->> 'w' ~ SELECT (SELECT w FROM public.hh WHERE id = {id})\n"
		  "a: COMMIT\n"
		  "a? SELECT public.cache_fetch_row('hh:{id}', 'SELECT v, w FROM public.hh WHERE id = {id}') ->> 'w' ~ SELECT (SELECT w FROM public.hh WHERE id = {id})"),

	/* ---- scopes and times to live of definitions ------------------------------- */
	SETUP("prefix", "SELECT cache_define('pa', scope => 'role'), cache_define('pa:b', scope => 'shared')"),
	FETCH("prefix", "pa:{b:|}{id}", "SELECT current_user AS u, count(*) AS n FROM public.t1", NULL, "u name, n bigint", NULL),
	SETUP("prefix-owner", "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO diff_r1, diff_r2"),
	ACT("prefix-owner", "DO $$ BEGIN IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN"
		" PERFORM public.cache_define('pa', scope => 'shared'); END IF; END $$"),
	FETCH("prefix-owner", "pa:{id}", "SELECT current_user AS u, count(*) AS n FROM public.t1", NULL, "u name, n bigint", NULL),
	SET("prefix", "{SET ROLE diff_r1|SET ROLE diff_r2|RESET ROLE}"),
	SETUP("ttl", "CREATE TABLE norule (id int, v text); INSERT INTO norule VALUES (1, 'a');"
		  "SELECT cache_define('tt', ttl => '1 ms', scope => 'shared')"),
	ACT("ttl", "SELECT public.cache_fetch_row('tt:1', 'SELECT v FROM public.norule', ttl => '1 year')"),
	PAIR_AFTER("ttl", "SELECT public.cache_fetch_row('tt:1', 'SELECT v FROM public.norule') ->> 'v'", "SELECT v FROM public.norule",
			   "SELECT pg_sleep(0.003)", NULL),
	ACT("ttl", "SELECT public.cache_fetch_row('tl:1', 'SELECT v FROM public.norule'{|, ttl => '1 year'})"),
	PAIR_AFTER("ttl", "SELECT public.cache_fetch_row('tl:1', 'SELECT v FROM public.norule', ttl => '1 ms') ->> 'v'", "SELECT v FROM public.norule",
			   "SELECT pg_sleep(0.003)", NULL),
	ACT("ttl", "UPDATE public.norule SET v = 't{n}'"),

	/* ---- of an age that counts from what it is made of: after 60 ms it must be new ------ */
	SETUP("age", "CREATE TABLE aged (v text); INSERT INTO aged VALUES ('a');"
		  "CREATE FUNCTION ageinner() RETURNS text LANGUAGE plpgsql AS $$ BEGIN"
		  " RETURN cache_fetch_row('age:in', 'SELECT v FROM aged') ->> 'v'; END $$;"
		  "CREATE FUNCTION agemid() RETURNS text LANGUAGE plpgsql AS $$ BEGIN"
		  " RETURN cache_fetch_row('age:mid', 'SELECT ageinner() AS v') ->> 'v'; END $$;"
		  "CREATE FUNCTION ageouter() RETURNS text LANGUAGE plpgsql AS $$ BEGIN"
		  " RETURN cache_fetch_row('age:out', 'SELECT ageinner() AS v', ttl => '60 ms') ->> 'v'; END $$;"
		  "CREATE FUNCTION agedeep() RETURNS text LANGUAGE plpgsql AS $$ BEGIN"
		  " RETURN cache_fetch_row('age:deep', 'SELECT agemid() AS v', ttl => '60 ms') ->> 'v'; END $$"),
	PAIR_AFTER("age", "SELECT public.{f}()", "SELECT v FROM public.aged",
			   "ROLLBACK; UPDATE public.aged SET v = 'o{n}'; SELECT public.cache_invalidate('age:' || k) FROM unnest('{{in,mid,out,deep}'::text[]) k; COMMIT;"
			   " SELECT public.{ageinner|ageinner|ageouter}(); COMMIT; SELECT pg_sleep(0.04); COMMIT; SELECT public.{f=ageouter|agedeep}(); COMMIT;"
			   " UPDATE public.aged SET v = 'p{n}'; SELECT public.cache_invalidate('age:in'), public.cache_invalidate('age:mid'); COMMIT;"
			   " SELECT pg_sleep(0.03)",
			   NULL),

	/* ---- shapes of queries and values ------------------------------------------------ */
	FETCH("shapes", "shape", "SELECT 1 AS a, v AS a, NULL AS \"we \"\"ird\" FROM public.t1 ORDER BY id", NULL, NULL, NULL),
	FETCH("shapes", "shape", "{TABLE public.t1 ORDER BY id|SELECT FROM public.t1|VALUES (1, 'a'), (2, NULL)|SELECT id FROM public.t1 WHERE false|"
		  "WITH w AS (SELECT id, v FROM public.t1) SELECT * FROM w ORDER BY 1 -- end\n|"
		  "SELECT DISTINCT ON (grp) grp, v FROM public.t1 ORDER BY grp, id|SELECT t1 AS r, ARRAY[id, NULL] AS a FROM public.t1 ORDER BY id|"
		  "SELECT v, row_number() OVER (ORDER BY id DESC) AS n FROM public.t1 ORDER BY 2|SELECT id FROM public.t1 UNION SELECT id FROM public.t2 ORDER BY 1}",
		  NULL, NULL, NULL),
	FETCH("large", "large", "SELECT repeat(v, {1000|20000|600000}) AS x, id FROM public.t1 ORDER BY id", NULL, "x text, id int", NULL),
	PAIR("lateral", "SELECT i, public.cache_fetch_row('t2:' || i, 'SELECT v FROM public.t2 WHERE id = $1', ROW(i)) ->> 'v' FROM generate_series(1, 4) i",
		 "SELECT i, (SELECT v FROM public.t2 WHERE id = i) FROM generate_series(1, 4) i"),
	SET("lateral", "PREPARE st(int) AS SELECT public.cache_fetch_row('t2:' || $1, 'SELECT v FROM public.t2 WHERE id = $1', ROW($1)) ->> 'v'"),
	SET("lateral", "PREPARE pl(int) AS SELECT (SELECT v FROM public.t2 WHERE id = $1)"),
	PAIR_AFTER("lateral", "EXECUTE st({id})", "EXECUTE pl({id})", NULL,
			   "SELECT count(*) = 2 FROM pg_prepared_statements WHERE name IN ('st', 'pl')"),
	SETUP("composite", "CREATE TYPE comp AS (a int, b text); CREATE TABLE co (id int, c comp, g int GENERATED ALWAYS AS (id * 2) STORED);"
		  "INSERT INTO co VALUES (1, (1, 'x')), (2, NULL); SELECT cache_attach('co', rows => '{}'), cache_attach('co', key => 'co:{g}')"),
	FETCH("composite", "comp", "SELECT id, c FROM public.co ORDER BY id", NULL, "id int, c public.comp", NULL),
	FETCH("composite", "co:{x=2|4|6}", "SELECT id FROM public.co WHERE g = $1 ORDER BY id", "{x}::int", "id int", NULL),
	ADMIN("composite", "ALTER TYPE public.comp ADD ATTRIBUTE c{n} int CASCADE"),
	ADMIN("composite", "ALTER TYPE public.comp RENAME ATTRIBUTE {b|x} TO {x|b}"),
	ACT("composite", "UPDATE public.co SET c.a = {id}, id = {1|2|3} WHERE id = {id}"),
