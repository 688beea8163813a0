/*
 * reads.h - a part of the catalogue (catalogue.c), in its order.
 *
 * Two tables, and what is read from them: keys, tags, arguments, order, reads in statements that
 * write.
 *
 * test/differential/catalogue/reads.h
 */

	/* ---- two tables, one with a table rule, one with row rules -------------- */
	{.feature = "core", .kind = ENTRY_SETUP, .flags = KEEP, .a =
		"CREATE EXTENSION cachefront;"
		"GRANT ALL ON SCHEMA public TO diff_r1, diff_r2;"
		"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO diff_r1, diff_r2;"
		"CREATE FUNCTION public.cache_hits() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS"
		" 'SELECT l1_hits + get_hits FROM public.cache_stats WHERE cache = ''*''';"
		"CREATE SCHEMA s2; GRANT ALL ON SCHEMA s2 TO diff_r1, diff_r2"},
	{.feature = "core", .kind = ENTRY_SETUP, .flags = KEEP, .a =
		"CREATE TABLE t1 (id int PRIMARY KEY, grp int, v text);"
		"INSERT INTO t1 SELECT i, i % 2, 'a' || i FROM generate_series(1, 4) i;"
		"SELECT cache_attach('t1', rows => '{}');"
		"CREATE TABLE t2 (id int PRIMARY KEY, grp int, v text);"
		"INSERT INTO t2 SELECT i, 1 + i % 3, 'b' || i FROM generate_series(1, 5) i;"
		"SELECT cache_attach('t2', key => 't2:{id}');"
		"SELECT cache_attach('t2', tags => '{\"g2:{grp}\"}')"},
	FETCH("core", "all", "SELECT id, grp, v FROM public.t1 ORDER BY id", NULL, "id int, grp int, v text", NULL),
	FETCH("core", "t1:{id}", "SELECT * FROM public.t1 WHERE id = $1", ANY_INT, NULL, NULL),
	FETCH("core", "sums", "SELECT count(*) AS n, max(v) AS m FROM public.t1", NULL, "n bigint, m text", NULL),
	FETCH("core", "t2:{id}", "SELECT id, v FROM public.t2 WHERE id = $1", ANY_INT, "id int, v text", NULL),
	FETCH("core", "t2:{id}", "SELECT v, grp FROM public.t2 WHERE id = $1", ANY_INT, "v text, grp int", NULL),
	FETCH("core", "both:{id}",
		  "SELECT a.v, b.v AS w FROM public.t1 a JOIN public.t2 b ON b.grp = a.grp WHERE b.grp = $1 ORDER BY 1, 2",
		  ANY_INT, "v text, w text", "ARRAY['g2:{id}']"),
	ACT("core", "UPDATE public.t1 SET v = 'v{n}' WHERE id = {id}"),
	ACT("core", "UPDATE public.t1 SET grp = {id} WHERE v < 'b'"),
	ACT("core", "INSERT INTO public.t1 VALUES ({id}, {0|1}, 'i{n}') ON CONFLICT (id) DO UPDATE SET v = excluded.v"),
	ACT("core", "DELETE FROM public.t1 WHERE id = {id}"),
	ACT("core", "UPDATE public.t2 SET v = 'v{n}' WHERE id = {id}"),
	ACT("core", "UPDATE public.t2 SET grp = {1|2|3}, v = 'g{n}' WHERE id = {id}"),
	ACT("core", "UPDATE public.t2 SET id = {x=6|7|8} WHERE id = {id}; UPDATE public.t2 SET id = {id} WHERE id = {x}"),
	ACT("core", "DELETE FROM public.t2 WHERE id = {id}"),
	ACT("core", "INSERT INTO public.t2 VALUES ({id}, {1|2|3}, 'i{n}') ON CONFLICT (id) DO UPDATE SET v = excluded.v"),
	ACT("core", "WITH w AS (UPDATE public.t2 SET v = 'w{n}' WHERE id = {id} RETURNING *)"
		" UPDATE public.t1 SET v = 'w{n}' FROM w WHERE t1.id = w.id"),
	ACT("core", "DO $$ BEGIN UPDATE public.t1 SET v = 'e{n}' WHERE id = {id};"
		" RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN"
		" UPDATE public.t2 SET v = 'e{n}' WHERE id = {id}; END $$"),
	ACT("core", "SELECT public.cache_invalidate('t2:{id}')"),
	ACT("core", "SELECT public.cache_invalidate_tag('g2:{id}')"),

	/* ---- lists by a tag, which not all callers name --------------------------- */
	FETCH("tags", "list:{id}", "SELECT id, v FROM public.t2 WHERE grp = $1 ORDER BY id", ANY_INT,
		  "id int, v text", "ARRAY['g2:{id}']"),
	ACT("tags-unnamed", "SELECT public.cache_fetch('list:{id}',"
		" $q$SELECT id, v FROM public.t2 WHERE grp = $1 ORDER BY id$q$, ROW({id}::int4))"),
	FETCH("tags-unnamed", "list:{id}", "SELECT id, v FROM public.t2 WHERE grp = $1 ORDER BY id", "{id}::int4",
		  "id int, v text", "ARRAY['g2:{id}']"),

	/* ---- keys made of values of several types -------------------------------- */
	SETUP("types",
		  "CREATE TABLE ty (a text, n numeric, d date, b bool, v text);"
		  "INSERT INTO ty VALUES ('x', 1.5, '2020-02-03', true, '1'), ('X y', 1.50, '2021-01-01', false, '2'),"
		  " ('', -1, NULL, NULL, '3'), (NULL, NULL, 'infinity', true, '4'), (U&'\\00e4{%', 1e3, '0001-01-01 BC', true, '5');"
		  "SELECT cache_attach('ty', key => 'a:{a}'), cache_attach('ty', key => 'n:{n}'),"
		  " cache_attach('ty', key => 'd:{d}'), cache_attach('ty', key => 'b:{b}')"),
	FETCH("types", "a:{x=x|X y||zz}", "SELECT a, v FROM public.ty WHERE a = $1 ORDER BY v", "'{x}'::text", "a text, v text", NULL),
	FETCH("types", "a:", "SELECT v FROM public.ty WHERE a IS NULL ORDER BY v", NULL, "v text", NULL),
	FETCH("types", "n:{x=1.5|-1|1000|NaN}", "SELECT n, v FROM public.ty WHERE n = $1 AND n::text = '{x}' ORDER BY v", "'{x}'::numeric", "n numeric, v text", NULL),
	FETCH("types", "d:{x=2020-02-03|infinity|2021-01-01}", "SELECT d, v FROM public.ty WHERE d = $1 ORDER BY v", "'{x}'::date", "d date, v text", NULL),
	FETCH("types", "b:{t|f}", "SELECT d, v FROM public.ty WHERE b = $1 AND false ORDER BY v", "true", "d date, v text", NULL),
	ACT("types", "UPDATE public.ty SET a = {'x'|'X y'|''|NULL|'zz'} WHERE v = '{1|2|3|4|5}'"),
	ACT("types", "UPDATE public.ty SET n = {1.5|1.50|-1|'NaN'|1000} WHERE v = '{1|2|3|4|5}'"),
	ACT("types", "UPDATE public.ty SET d = {'2020-02-03'|'infinity'|NULL|'2021-01-01'}, b = {true|false} WHERE v = '{1|2|3|4|5}'"),
	SET("types", "SET datestyle = '{ISO|German|SQL, DMY}'"),

	/* ---- arguments: null, arrays, records -------------------------------------- */
	FETCH("arguments", "arg", "SELECT $1 AS x, count(*) AS n FROM public.t1",
		  "{NULL::int|1::int|1::bigint|'1'::text|ARRAY[1, NULL]|ARRAY['a', 'b']|1.0::numeric|1.00::numeric|true|"
		  "'2020-01-01'::date|'1 day'::interval|'24 hours'::interval|'-0'::float8|'0'::float8|'NaN'::float8}", NULL, NULL),
	FETCH("arguments-record", "rec", "SELECT id, v FROM public.t1 WHERE (id, v) > $1 ORDER BY id",
		  "{ROW(1, 'a'::text)|ROW(2, 'a2'::text)|ROW(3, 'b'::text)}", "id int, v text", NULL),
	FETCH("arguments-record", "shown", "SELECT $1::text AS r, count(*) AS n FROM public.t1", "{ROW(1)|ROW('2000-01-02'::date)|ROW(1::oid)|ROW('1'::xid)}",
		  "r text, n bigint", NULL),

	/* ---- order without ORDER BY ------------------------------------------------- */
	SETUP("order",
		  "CREATE TABLE od (id int, v text); CREATE INDEX od_v ON od (v);"
		  "INSERT INTO od SELECT i, 'v' || 9 - i FROM generate_series(1, 5) i; SELECT cache_attach('od', rows => '{}')"),
	FETCH("order", "od", "SELECT id, v FROM public.od", NULL, "id int, v text", NULL),
	FETCH("order", "sample", "SELECT id FROM public.od TABLESAMPLE BERNOULLI (50) REPEATABLE (1)", NULL, "id int", NULL),
	ACT("order", "UPDATE public.od SET v = 'v' || {1|5|9} WHERE id = {id}"),
	ALONE("order-cluster", "CLUSTER public.od USING od_v"),
	ALONE("order-cluster", "VACUUM FULL public.od"),
	ALONE("order", "VACUUM public.od"),

	/* ---- fetches within writing statements ------------------------------------- */
	SETUP("writing",
		  "CREATE FUNCTION got1(int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN"
		  " RETURN cache_fetch_row('got1:' || $1, 'SELECT v FROM t1 WHERE id = $1', ROW($1)) ->> 'v'; END $$;"
		  "CREATE FUNCTION want1(int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT v FROM t1 WHERE id = $1); END $$;"
		  "CREATE FUNCTION got2(int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN"
		  " RETURN cache_fetch_row('t2:' || $1, 'SELECT v FROM t2 WHERE id = $1', ROW($1)) ->> 'v'; END $$;"
		  "CREATE FUNCTION want2(int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT v FROM t2 WHERE id = $1); END $$"),
	SELF("writing", "UPDATE public.t{x=1|2} SET v = 'u{n}' WHERE id = {id} RETURNING public.got{x}(id), public.want{x}(id)"),
	SELF("writing", "DELETE FROM public.t{x=1|2} WHERE id = {id} RETURNING public.got{x}(id), public.want{x}(id)"),
	SELF("writing", "INSERT INTO public.t{x=1|2} VALUES ({id}, 1, 'r{n}') ON CONFLICT DO NOTHING RETURNING public.got{x}(id), public.want{x}(id)"),
	SELF("writing", "WITH w AS (UPDATE public.t{x=1|2} SET v = 'c{n}' WHERE id = {id} RETURNING id)"
		 " SELECT public.got{x}(id), public.want{x}(id) FROM w"),
	SELF("writing", "UPDATE public.t1 SET v = 'o{n}' WHERE id = {id} RETURNING public.got1({1|2|3}), 'x', 'x'"),
	PAIR("writing", "SELECT public.got{x=1|2}({id})", "SELECT public.want{x}({id})"),
	SETUP("trigger",
		  "CREATE TABLE tr (id int PRIMARY KEY, v text); INSERT INTO tr VALUES (1, 'a'), (2, 'b'), (3, 'c');"
		  "CREATE FUNCTION trcheck() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE g text; w text; BEGIN"
		  " SELECT string_agg(v, ',' ORDER BY id) INTO w FROM tr;"
		  " g := cache_fetch_row('tr', 'SELECT string_agg(v, '','' ORDER BY id) AS s FROM tr') ->> 's';"
		  " IF g IS DISTINCT FROM w THEN RAISE EXCEPTION 'DIFFERENT % %', g, w; END IF;"
		  " RETURN coalesce(NEW, OLD); END $$;"
		  "SELECT cache_attach('tr', rows => '{}');"
		  "CREATE TRIGGER a_before BEFORE INSERT OR UPDATE OR DELETE ON tr FOR EACH ROW EXECUTE FUNCTION trcheck();"
		  "CREATE TRIGGER a_after AFTER INSERT OR UPDATE OR DELETE ON tr FOR EACH ROW EXECUTE FUNCTION trcheck();"
		  "CREATE TRIGGER z_after AFTER INSERT OR UPDATE OR DELETE ON tr FOR EACH STATEMENT EXECUTE FUNCTION trcheck();"
		  "CREATE CONSTRAINT TRIGGER d_after AFTER INSERT OR UPDATE ON tr DEFERRABLE INITIALLY DEFERRED"
		  " FOR EACH ROW EXECUTE FUNCTION trcheck()"),
	SELF("trigger", "UPDATE public.tr SET v = 'u{n}' WHERE id <= {id}"),
	SELF("trigger", "INSERT INTO public.tr VALUES ({n}, 'i{n}')"),
	SELF("trigger", "DELETE FROM public.tr WHERE id > {id} + 2"),
	FETCH("trigger", "tr", "SELECT string_agg(v, ',' ORDER BY id) AS s FROM tr", NULL, "s text", NULL),
