/*
 * catalogue.c - what a run can consist of, by feature.
 *
 * The promise must hold in every world that these entries can make: each table
 * has rules that reach what is read from it, or the query is one that must not
 * be kept at all. README.md says how to add one, and which fault of the cache
 * each feature was made for.
 *
 * test/differential/catalogue.c
 */
#include <stddef.h>

#include "differential.h"

#define SETUP(f, sql) {.feature = f, .kind = ENTRY_SETUP, .a = sql}
#define FETCH(f, key, query, argument, columns, tags) \
	{.feature = f, .kind = ENTRY_FETCH, .a = key, .b = query, .c = argument, .d = columns, \
		.e = tags}
#define PAIR(f, cached, plain) {.feature = f, .kind = ENTRY_PAIR, .a = cached, .b = plain}
#define PAIR_AFTER(f, cached, plain, prelude, when) \
	{.feature = f, .kind = ENTRY_PAIR, .a = cached, .b = plain, .c = prelude, .d = when}
#define SELF(f, sql) {.feature = f, .kind = ENTRY_SELF, .a = sql}
#define ACT(f, sql) {.feature = f, .kind = ENTRY_ACT, .a = sql}
#define ADMIN(f, sql) {.feature = f, .kind = ENTRY_ADMIN, .a = sql}
#define ALONE(f, sql) {.feature = f, .kind = ENTRY_ALONE, .a = sql}
#define SET(f, sql) {.feature = f, .kind = ENTRY_SET, .a = sql}

#define SCENE(f, lines) {.feature = f, .kind = ENTRY_SCENE, .a = lines}

#define ANY_INT "{id}::{int2|int4|int4|int8}"
#define SOME_PATH "{public|public|public, pg_temp|pg_temp, public|s2, public|public, s2|s2, pg_temp, public}"
#define SET_TENANT(feature) \
	SET(feature, "SET app.tenant = '{a|b}'"), \
	SET(feature, "SELECT set_config('app.tenant', '{a|b}', {true|false})"), \
	SET(feature, "RESET app.tenant")

const Entry catalogue[] = {
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

	/* ---- DDL -------------------------------------------------------------------- */
	SETUP("ddl", "CREATE VIEW v1 AS SELECT id, v FROM t1; CREATE FUNCTION shout(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper($1)'"),
	FETCH("ddl", "view", "SELECT * FROM public.v1 ORDER BY 1", NULL, NULL, NULL),
	FETCH("ddl", "shout", "SELECT id, public.shout(v) AS s FROM public.t1 ORDER BY 1", NULL, "id int, s text", NULL),
	FETCH("ddl", "star", "SELECT * FROM public.t1 ORDER BY id", NULL, NULL, NULL),
	ADMIN("ddl", "TRUNCATE public.{t1|t2}"),
	ADMIN("ddl", "ALTER TABLE public.t1 ADD COLUMN c{n} int DEFAULT {n}"),
	ADMIN("ddl", "ALTER TABLE public.t1 ALTER grp TYPE {int|bigint|int2}"),
	ADMIN("ddl", "ALTER TABLE public.t2 RENAME v TO w; ALTER TABLE public.t2 RENAME grp TO v; ALTER TABLE public.t2 RENAME w TO grp;"
		  " ALTER TABLE public.t2 RENAME grp TO w; ALTER TABLE public.t2 RENAME v TO grp; ALTER TABLE public.t2 RENAME w TO v"),
	ADMIN("ddl", "CREATE TABLE public.new (LIKE public.t1 INCLUDING ALL); INSERT INTO public.new SELECT * FROM public.t1;"
		  " UPDATE public.new SET v = 's{n}' WHERE id = {id}; SELECT public.cache_attach('public.new', rows => '{}');"
		  " ALTER TABLE public.t1 RENAME TO old{n}; ALTER TABLE public.new RENAME TO t1"),
	ADMIN("ddl", "CREATE OR REPLACE VIEW public.v1 AS SELECT id, v || '{n}' AS v FROM public.t1"),
	ADMIN("ddl", "CREATE OR REPLACE FUNCTION public.shout(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT $1 || '{n}'$$"),
	ALONE("ddl", "VACUUM FULL public.t1"),
	/* what drops some entries and leaves others */
	SETUP("ddl-fine",
		  "CREATE TABLE dn (id int, v text); INSERT INTO dn VALUES (1, 'a'), (2, 'b'); SELECT cache_attach('dn', rows => '{}');"
		  " CREATE TABLE dp (id int, v text) PARTITION BY LIST (id); CREATE TABLE dp0 PARTITION OF dp FOR VALUES IN (0);"
		  " CREATE TABLE dq (id int, v text); INSERT INTO dq VALUES (7, 'q'); CREATE TABLE dh () INHERITS (dq);"
		  " SELECT cache_attach('dp', rows => '{}'), cache_attach('dq', rows => '{}');"
		  " CREATE VIEW dv AS SELECT id, v FROM dn; GRANT ALL ON ALL TABLES IN SCHEMA public TO diff_r1, diff_r2;"
		  " CREATE FUNCTION dfun() RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN (SELECT string_agg(v, ',' ORDER BY v) FROM dn); END $$"),
	FETCH("ddl-fine", "dn", "SELECT id, v FROM dn ORDER BY id, v", NULL, "id int, v text", NULL),
	FETCH("ddl-fine", "dnq", "SELECT count(*) AS n, max(v) AS m FROM public.dn", NULL, "n bigint, m text", NULL),
	FETCH("ddl-fine", "dnu", "SELECT upper(v) AS u, length(v) AS l FROM public.dn ORDER BY id, v", NULL, "u text, l int", NULL),
	FETCH("ddl-fine", "dnr", "SELECT row_to_json(d)::text AS j FROM dn d ORDER BY 1", NULL, "j text", NULL),
	FETCH("ddl-fine", "dnt", "SELECT v::varchar::text AS t FROM public.dn ORDER BY 1", NULL, "t text", NULL),
	FETCH("ddl-fine", "dnx", "SELECT count(*) AS n FROM public.dn WHERE EXISTS (SELECT FROM dv WHERE dv.id = dn.id)", NULL, "n bigint", NULL),
	FETCH("ddl-fine", "dp", "SELECT count(*) AS n, max(v) AS m FROM public.dp", NULL, "n bigint, m text", NULL),
	FETCH("ddl-fine", "dp:{id}", "SELECT v FROM public.dp WHERE id = $1 ORDER BY v", ANY_INT, "v text", NULL),
	FETCH("ddl-fine", "dq", "SELECT count(*) AS n, max(v) AS m FROM public.dq", NULL, "n bigint, m text", NULL),
	FETCH("ddl-fine", "dv", "SELECT * FROM dv ORDER BY 1, 2", NULL, NULL, NULL),
	FETCH("ddl-fine", "dfun", "SELECT public.dfun() AS f FROM public.dn LIMIT 1", NULL, "f text", NULL),
	SET("ddl-fine", "SET search_path = {public|s2, public|s2, public|public, s2}"),
	ADMIN("ddl-fine", "CREATE TABLE s2.dn AS SELECT {id} AS id, 's{n}'::text AS v; GRANT ALL ON s2.dn TO diff_r1, diff_r2"),
	ADMIN("ddl-fine", "DROP TABLE IF EXISTS s2.dn"),
	ADMIN("ddl-fine", "CREATE TABLE s2.dm AS SELECT {id} AS id, 'm{n}'::text AS v; GRANT ALL ON s2.dm TO PUBLIC; ALTER TABLE s2.dm RENAME TO dn"),
	ADMIN("ddl-fine", "CREATE TABLE public.dm AS SELECT {id} AS id, 'm{n}'::text AS v; GRANT ALL ON public.dm TO PUBLIC; ALTER TABLE public.dm RENAME TO dm{n};"
		  " ALTER TABLE public.dm{n} SET SCHEMA s2; ALTER TABLE s2.dm{n} RENAME TO {dn|dv|dq}"),
	ADMIN("ddl-fine", "CREATE OR REPLACE VIEW s2.dv AS SELECT {id} AS id, 'v{n}'::text AS v; GRANT ALL ON s2.dv TO PUBLIC"),
	ADMIN("ddl-fine", "DROP {VIEW|TABLE} IF EXISTS s2.dv"),
	ADMIN("ddl-fine", "CREATE OR REPLACE FUNCTION {s2|public}.{upper|length|max}({text|varchar}) RETURNS text LANGUAGE sql AS $$SELECT $1 || '{n}'$$"),
	ADMIN("ddl-fine", "DROP FUNCTION IF EXISTS {s2|public}.{upper|length|max}({text|varchar})"),
	ADMIN("ddl-fine", "CREATE TABLE s2.{text|varchar|upper} (id int)"),
	ADMIN("ddl-fine", "DROP TABLE IF EXISTS s2.{text|varchar|upper}"),
	ADMIN("ddl-fine", "CREATE TABLE public.dp{n} PARTITION OF public.dp FOR VALUES IN ({id})"),
	ADMIN("ddl-fine", "CREATE TABLE public.dp{n} (id int, v text); INSERT INTO public.dp{n} VALUES ({id}, 'p{n}'); ALTER TABLE public.dp ATTACH PARTITION public.dp{n} FOR VALUES IN ({id})"),
	ADMIN("ddl-fine", "DO $$ BEGIN EXECUTE (SELECT format('{ALTER TABLE public.dp DETACH PARTITION %s|DROP TABLE %s|ALTER TABLE %s RENAME TO dr}', min(inhrelid)::regclass) FROM pg_inherits WHERE inhparent = 'public.dp'::regclass); END $$"),
	ADMIN("ddl-fine", "ALTER TABLE public.dh {INHERIT|NO INHERIT} public.dq"),
	ADMIN("ddl-fine", "CREATE TABLE public.dh{n} () INHERITS (public.dq); INSERT INTO public.dh{n} VALUES ({id}, 'h{n}')"),
	ADMIN("ddl-fine", "GRANT SELECT ON public.{dn|dv|dp|dq} TO diff_r{1|2}"),
	ADMIN("ddl-fine", "REVOKE SELECT ON public.{dn|dv|dp|dq} FROM diff_r{1|2}"),
	ADMIN("ddl-fine", "ALTER TABLE public.dn {ENABLE|DISABLE} ROW LEVEL SECURITY"),
	ADMIN("ddl-fine", "CREATE POLICY some ON public.dn USING (id % 2 = {0|1})"),
	ADMIN("ddl-fine", "DROP POLICY IF EXISTS some ON public.dn"),
	ADMIN("ddl-fine", "ALTER TABLE public.dn ADD COLUMN c{n} int DEFAULT {n}"),
	ADMIN("ddl-fine", "CREATE OR REPLACE VIEW public.dv AS SELECT id, v || '{n}' AS v FROM public.{dn|dq}"),
	ADMIN("ddl-fine", "ALTER TABLE public.dn RENAME TO do{n}; CREATE TABLE public.dn AS SELECT id, v || 'r' AS v FROM public.do{n}; GRANT ALL ON public.dn TO PUBLIC"),
	ADMIN("ddl-fine", "UPDATE pg_class SET relname = 'dz{n}' WHERE oid = to_regclass('s2.dn')"),
	ACT("ddl-fine", "INSERT INTO public.dp VALUES ({id}, 'i{n}')"),
	ACT("ddl-fine", "INSERT INTO public.{dn|dq|dh} VALUES ({id}, 'i{n}')"),
	ACT("ddl-fine", "UPDATE public.{dn|dp|dq} SET v = 'u{n}' WHERE id = {id}"),
	SETUP("enum", "CREATE TYPE en AS ENUM ('a', 'b'); CREATE TABLE te (id int, e en); INSERT INTO te VALUES (1, 'a'), (2, 'b'); SELECT cache_attach('te', rows => '{}')"),
	FETCH("enum", "en", "SELECT id, e, e > 'a' AS m FROM public.te ORDER BY e, id", NULL, "id int, e public.en, m bool", NULL),
	ALONE("enum", "ALTER TYPE public.en ADD VALUE 'x{n}' BEFORE 'b'"),
	ADMIN("enum", "ALTER TYPE public.en RENAME VALUE '{a|c}' TO '{a|c}'"),
	ACT("enum", "UPDATE public.te SET e = '{a|b|c}' WHERE id = {id}"),

	/* ---- partitions, children, views, cascades --------------------------------- */
	SETUP("partition",
		  "CREATE TABLE pt (id int, g int, v text) PARTITION BY LIST (g);"
		  "CREATE TABLE pt1 PARTITION OF pt FOR VALUES IN (1); CREATE TABLE pt2 PARTITION OF pt FOR VALUES IN (2, 3);"
		  "SELECT cache_attach('pt', key => 'pt:{id}'), cache_attach('pt', rows => '{}');"
		  "INSERT INTO pt SELECT i, 1 + i % 3, 'p' || i FROM generate_series(1, 6) i"),
	FETCH("partition", "pt:{id}", "SELECT g, v FROM public.pt WHERE id = $1 ORDER BY g, v", ANY_INT, "g int, v text", NULL),
	FETCH("partition", "pts", "SELECT count(*) AS n, max(v) AS m FROM public.pt", NULL, "n bigint, m text", NULL),
	FETCH("partition", "pt1", "SELECT id, v FROM public.pt1 ORDER BY id, v", NULL, "id int, v text", NULL),
	ACT("partition", "UPDATE public.pt SET g = {1|2|3}, v = 'm{n}' WHERE id = {id}"),
	ACT("partition", "UPDATE public.pt1 SET v = 'd{n}' WHERE id < {id} + 2"),
	ACT("partition", "INSERT INTO public.{pt|pt1} VALUES ({id}, 1, 'i{n}')"),
	ADMIN("partition", "TRUNCATE public.{pt|pt1|pt2}"),
	ADMIN("partition", "CREATE TABLE public.pt{n} (LIKE public.pt); INSERT INTO public.pt{n} VALUES ({id}, {n} + 10, 'n');"
		  " ALTER TABLE public.pt ATTACH PARTITION public.pt{n} FOR VALUES IN ({n} + 10)"),
	ADMIN("partition-detach", "ALTER TABLE public.pt DETACH PARTITION public.pt1; UPDATE public.pt1 SET v = 'a{n}' WHERE id = {id};"
		  " ALTER TABLE public.pt ATTACH PARTITION public.pt1 FOR VALUES IN (1)"),
	SETUP("inherit",
		  "CREATE TABLE par (id int, v text); CREATE TABLE chi (w text) INHERITS (par);"
		  "INSERT INTO par VALUES (1, 'p'); INSERT INTO chi VALUES (2, 'c', 'w'); SELECT cache_attach('par', rows => '{}')"),
	FETCH("inherit", "inh", "SELECT id, v FROM public.par ORDER BY id, v", NULL, "id int, v text", NULL),
	ACT("inherit", "UPDATE public.{par|chi} SET v = 'h{n}'"),
	ACT("inherit", "INSERT INTO public.chi VALUES ({n}, 'i{n}', '')"),
	ADMIN("inherit", "TRUNCATE public.{par|chi}"),
	SETUP("cascade",
		  "CREATE TABLE up (id int PRIMARY KEY, v text); CREATE TABLE down (id int, up int REFERENCES up ON DELETE CASCADE ON UPDATE CASCADE);"
		  "INSERT INTO up SELECT i, 'u' || i FROM generate_series(1, 4) i; INSERT INTO down SELECT i, 1 + i % 4 FROM generate_series(1, 8) i;"
		  "SELECT cache_attach('down', rows => '{}'), cache_attach('down', key => 'down:{up}'), cache_attach('up', rows => '{}')"),
	FETCH("cascade", "down:{id}", "SELECT id, up FROM public.down WHERE up = $1 ORDER BY id", ANY_INT, "id int, up int", NULL),
	FETCH("cascade", "downs", "SELECT up, count(*) AS n FROM public.down GROUP BY up ORDER BY up", NULL, "up int, n bigint", NULL),
	ACT("cascade", "DELETE FROM public.up WHERE id = {id}"),
	ACT("cascade", "UPDATE public.up SET id = {id} + {n} WHERE id = {id}"),
	ACT("cascade", "INSERT INTO public.up VALUES ({id}, 'u') ON CONFLICT DO NOTHING; INSERT INTO public.down VALUES ({n}, {id})"),
	ADMIN("cascade", "TRUNCATE public.up CASCADE"),
	SETUP("matview", "CREATE MATERIALIZED VIEW mv AS SELECT id, v FROM t1; CREATE UNIQUE INDEX ON mv (id)"),
	FETCH("matview", "mv", "SELECT id, v FROM public.mv ORDER BY id", NULL, "id int, v text", NULL),
	ADMIN("matview", "REFRESH MATERIALIZED VIEW {|CONCURRENTLY }public.mv"),

	/* ---- roles and rights ------------------------------------------------------- */
	SET("role", "SET ROLE diff_r{1|2}"),
	SET("role", "SET LOCAL ROLE diff_r{1|2}"),
	SET("role", "RESET ROLE"),
	FETCH("role", "who", "SELECT current_user AS c, session_user AS s, count(*) AS n FROM public.t1", NULL, "c name, s name, n bigint", NULL),
	FETCH("role-setting", "role", "SELECT current_setting('{role|is_superuser|session_authorization}') AS r", NULL, "r text", NULL),
	SET("role-setting", "SET ROLE diff_r{1|2}"),
	SETUP("role-shared", "SELECT cache_define('shr', scope => 'shared')"),
	FETCH("role-shared", "shr", "SELECT current_setting('{role|is_superuser|session_authorization}') AS r", NULL, "r text", NULL),
	SETUP("role-outer",
		  "CREATE TABLE own (id int, tenant text); INSERT INTO own VALUES (1, 'diff_r1'), (2, 'diff_r2'), (3, 'none'); SELECT cache_attach('own', rows => '{}');"
		  "CREATE FUNCTION gotown() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$"
		  " SELECT cache_fetch('own', 'SELECT id FROM own WHERE tenant = current_setting(''role'')') #>> '{0,id}' $$;"
		  "CREATE FUNCTION wantown() RETURNS text LANGUAGE sql SECURITY DEFINER AS"
		  " 'SELECT id::text FROM own WHERE tenant = current_setting(''role'')'"),
	PAIR("role-outer", "SELECT public.gotown()", "SELECT public.wantown()"),
	SET("role-outer", "SET ROLE {diff_r1|diff_r2|none}"),
	SETUP("rights",
		  "CREATE TABLE sal (id int, v int, w int); INSERT INTO sal VALUES (1, 100, 1), (2, 200, 2), (3, 300, 3);"
		  "SELECT cache_attach('sal', rows => '{}'), cache_define('sh', scope => 'shared'); REVOKE ALL ON sal FROM diff_r1, diff_r2;"
		  "CREATE VIEW vsal AS SELECT id, v FROM sal; REVOKE ALL ON vsal FROM diff_r2;"
		  "CREATE FUNCTION deffun(int) RETURNS int LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT v FROM sal WHERE id = $1'"),
	FETCH("rights", "{sh|sh|ro}:sal:{id}", "SELECT v FROM public.{sal|vsal} WHERE id = $1", ANY_INT, "v int", NULL),
	FETCH("rights", "{sh|ro}:sum", "SELECT sum(v) AS s FROM public.{sal|vsal}", NULL, "s bigint", NULL),
	ADMIN("rights", "GRANT SELECT{| (id, v)} ON public.sal TO diff_r{1|2}"),
	ADMIN("rights", "REVOKE SELECT ON public.{sal|vsal} FROM diff_r{1|2}"),
	ADMIN("rights", "ALTER VIEW public.vsal SET (security_invoker = {true|false})"),
	ADMIN("rights", "GRANT SELECT ON public.vsal TO diff_r{1|2}"),
	ADMIN("rights", "{GRANT|REVOKE} USAGE ON SCHEMA public {TO|FROM} diff_r1"),
	ADMIN("rights", "{GRANT diff_r2 TO|REVOKE diff_r2 FROM} diff_r1"),
	ACT("rights", "UPDATE public.sal SET v = v + 1 WHERE id = {id}"),
	SET("rights", "{SET ROLE diff_r1|SET ROLE diff_r2|RESET ROLE}"),
	SETUP("shared",
		  "CREATE TABLE hid (id int, v int); INSERT INTO hid VALUES (1, 100), (2, 200), (3, 300); REVOKE ALL ON hid FROM diff_r1, diff_r2;"
		  "SELECT cache_attach('hid', rows => '{}'), cache_define('shf', scope => 'shared');"
		  "CREATE FUNCTION hidsql(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT v FROM hid WHERE id = $1';"
		  "CREATE FUNCTION hidpl(int) RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT v FROM hid WHERE id = $1); END';"
		  "CREATE FUNCTION hidnest(int) RETURNS text LANGUAGE sql AS $$"
		  " SELECT public.cache_fetch_row('shf:in', 'SELECT v FROM public.hid WHERE id = $1', ROW($1)) ->> 'v' $$"),
	PAIR("shared", "SELECT public.cache_fetch_row('shf:{f=hidsql|hidpl}', 'SELECT public.{f}($1) AS v', ROW({id}::int)) ->> 'v'",
		 "SELECT public.{f}({id})"),
	PAIR("shared", "SELECT public.cache_fetch_row('shf:n', 'SELECT public.hidnest({id}) AS v') ->> 'v'",
		 "SELECT v FROM public.hid WHERE id = {id}"),
	PAIR("shared", "SELECT public.hidnest({id})", "SELECT v FROM public.hid WHERE id = {id}"),
	ACT("shared", "UPDATE public.hid SET v = v + 1 WHERE id = {id}"),
	SETUP("shared-granted",
		  "CREATE FUNCTION onlyr1(int) RETURNS int LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT v FROM hid WHERE id = $1';"
		  "REVOKE EXECUTE ON FUNCTION onlyr1 FROM PUBLIC; GRANT EXECUTE ON FUNCTION onlyr1 TO diff_r1;"
		  "CREATE FUNCTION callsr1(int) RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN onlyr1($1); END'"),
	PAIR("shared-granted", "SELECT public.cache_fetch_row('shf:g', 'SELECT public.callsr1($1) AS v', ROW({id}::int)) ->> 'v'",
		 "SELECT public.callsr1({id})"),
	ADMIN("shared-granted", "{GRANT|REVOKE} EXECUTE ON FUNCTION public.onlyr1 {TO|FROM} diff_r1"),
	FETCH("shared-privilege", "shf:p", "SELECT has_table_privilege('public.hid', 'SELECT') AS s, pg_has_role('diff_r1', 'MEMBER') AS r",
		  NULL, "s bool, r bool", NULL),
	SET("shared", "{SET ROLE diff_r1|SET ROLE diff_r2|RESET ROLE}"),
	ADMIN("shared", "{GRANT|REVOKE} SELECT ON public.hid {TO|FROM} diff_r1"),
	SETUP("rls",
		  "CREATE TABLE rls (id int, tenant text, v text); INSERT INTO rls SELECT i, chr(96 + i % 3), 'r' || i FROM generate_series(1, 9) i;"
		  "ALTER TABLE rls ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON rls USING (tenant = current_setting('app.tenant', true));"
		  "SELECT cache_attach('rls', rows => '{}'), cache_define('rls', scope => 'setting:app.tenant')"),
	FETCH("rls", "rls:all", "SELECT id, tenant, v FROM public.rls ORDER BY id", NULL, "id int, tenant text, v text", NULL),
	FETCH("rls", "nors:all", "SELECT id, tenant, v FROM public.rls ORDER BY id", NULL, "id int, tenant text, v text", NULL),
	SET_TENANT("rls"),
	SET("rls", "{SET ROLE diff_r1|SET ROLE diff_r2|RESET ROLE}"),
	SET("rls", "SET row_security = {on|off}"),
	ACT("rls", "UPDATE public.rls SET v = 'x{n}' WHERE id = {id}"),
	ACT("rls", "UPDATE public.rls SET tenant = '{a|b}' WHERE id = {id}"),
	ADMIN("rls", "ALTER TABLE public.rls {ENABLE|DISABLE|FORCE|NO FORCE} ROW LEVEL SECURITY"),
	ADMIN("rls", "ALTER POLICY p ON public.rls USING ({true|false|id > 2|id < 7|tenant = current_setting('app.tenant', true)})"),
	ADMIN("rls", "ALTER TABLE public.rls OWNER TO {diff_r1|CURRENT_USER}"),
	ADMIN("rls", "CREATE POLICY q ON public.rls TO diff_r2 USING (id = {id})"),
	ADMIN("rls", "DROP POLICY IF EXISTS q ON public.rls"),
	ADMIN("rls", "ALTER ROLE diff_r2 {BYPASSRLS|NOBYPASSRLS}"),

	/* ---- settings, seen and hidden ------------------------------------------------ */
	FETCH("setting", "set", "SELECT current_setting('app.tenant', true) AS s, count(*) AS n FROM public.t1", NULL, "s text, n bigint", NULL),
	SET_TENANT("setting"),
	FETCH("setting-output", "out", "SELECT '2020-01-02 03:04:05+00'::timestamptz::text AS a, '1 mon 2 days'::interval::text AS b,"
		  " '\\x41'::bytea::text AS c, (1::float8 / 3)::text AS d, to_char(1234.5, '9G999D9') AS e, n FROM (SELECT count(*) AS n FROM public.t1) x",
		  NULL, "a text, b text, c text, d text, e text, n bigint", NULL),
	SET("setting-output", "SET {datestyle = German|datestyle = ISO|timezone = 'Asia/Tokyo'|timezone = UTC|intervalstyle = iso_8601|"
		"intervalstyle = postgres|bytea_output = escape|bytea_output = hex|extra_float_digits = 0|extra_float_digits = 3|extra_float_digits = -5}"),
	SETUP("setting-default", "CREATE FUNCTION mine(x text DEFAULT current_setting('app.tenant', true)) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN x; END'"),
	FETCH("setting-default", "mine", "SELECT public.mine() AS m, count(*) AS n FROM public.t1", NULL, "m text, n bigint", NULL),
	SET_TENANT("setting-default"),
	SETUP("setting-aggregate",
		  "CREATE FUNCTION tnext(text, text) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN coalesce($1, '') || current_setting('app.tenant', true); END $$;"
		  "CREATE AGGREGATE tall(text) (SFUNC = tnext, STYPE = text);"
		  "CREATE AGGREGATE setall(bool) (SFUNC = current_setting, STYPE = text, INITCOND = 'app.tenant')"),
	FETCH("setting-aggregate", "setall", "SELECT public.setall(true) AS m FROM public.t1 WHERE id = {id}", NULL, "m text", NULL),
	FETCH("setting-aggregate", "tall", "SELECT public.tall(v) AS m FROM public.t1", NULL, "m text", NULL),
	SET_TENANT("setting-aggregate"),
	SETUP("setting-operator",
		  "CREATE FUNCTION opf(text, text) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN $1 || current_setting('app.tenant', true); END $$;"
		  "CREATE OPERATOR ## (FUNCTION = opf, LEFTARG = text, RIGHTARG = text);"
		  "CREATE FUNCTION opbody(text) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN $1 OPERATOR(public.##) 'x'; END $$;"
		  "CREATE OPERATOR ### (FUNCTION = current_setting, LEFTARG = text, RIGHTARG = bool);"
		  "CREATE FUNCTION alias(text, bool) RETURNS text LANGUAGE internal STABLE AS 'show_config_by_name_missing_ok'"),
	FETCH("setting-operator", "ops", "SELECT 'app.tenant' OPERATOR(public.###) {true|(id > 0)} AS m FROM public.t1 ORDER BY id", NULL, "m text", NULL),
	FETCH("setting-operator", "alias", "SELECT public.alias('app.tenant', true) AS m, count(*) AS n FROM public.t1", NULL, "m text, n bigint", NULL),
	FETCH("setting-operator", "op", "SELECT v OPERATOR(public.##) 'x' AS m FROM public.t1 ORDER BY id", NULL, "m text", NULL),
	FETCH("setting-operator", "opb", "SELECT public.opbody(v) AS m FROM public.t1 ORDER BY id", NULL, "m text", NULL),
	SET_TENANT("setting-operator"),
	SETUP("setting-cast",
		  "CREATE TYPE wrap AS (x text);"
		  "CREATE FUNCTION unwrap(wrap) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN ($1).x || current_setting('app.tenant', true); END $$;"
		  "CREATE CAST (wrap AS text) WITH FUNCTION unwrap(wrap);"
		  "CREATE FUNCTION castbody(text) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN ROW($1)::wrap::text; END $$"),
	FETCH("setting-cast", "cast", "SELECT ROW(v)::public.wrap::text AS m FROM public.t1 ORDER BY id", NULL, "m text", NULL),
	FETCH("setting-cast", "castb", "SELECT public.castbody(v) AS m FROM public.t1 ORDER BY id", NULL, "m text", NULL),
	SET_TENANT("setting-cast"),
	SETUP("setting-domain",
		  "CREATE DOMAIN notmine AS text CHECK (VALUE IS DISTINCT FROM current_setting('app.tenant', true));"
		  "CREATE FUNCTION ismine(text) RETURNS bool LANGUAGE plpgsql STABLE AS $$ DECLARE d notmine; BEGIN"
		  " d := $1; RETURN false; EXCEPTION WHEN check_violation THEN RETURN true; END $$"),
	FETCH("setting-domain", "mine?", "SELECT public.ismine('{a|b}') AS m, count(*) AS n FROM public.t1", NULL, "m bool, n bigint", NULL),
	SET_TENANT("setting-domain"),
	SETUP("setting-dynamic",
		  "CREATE FUNCTION dyn() RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE r text; BEGIN"
		  " EXECUTE 'SELECT current_' || 'setting(''app.tenant'', true)' INTO r; RETURN r; END $$;"
		  "CREATE VIEW vdyn AS SELECT id, dyn() AS d FROM t1"),
	FETCH("setting-dynamic", "dyn", "SELECT public.dyn() AS m, count(*) AS n FROM public.t1", NULL, "m text, n bigint", NULL),
	FETCH("setting-dynamic", "vdyn", "SELECT id, d FROM public.vdyn ORDER BY id", NULL, "id int, d text", NULL),
	SET_TENANT("setting-dynamic"),
	SETUP("setting-trgm", "CREATE EXTENSION pg_trgm"),
	FETCH("setting-trgm", "trgm", "SELECT id FROM public.t1 WHERE v || 'bcd' OPERATOR(public.%) 'abcd' ORDER BY id", NULL, "id int", NULL),
	SET("setting-trgm", "SET pg_trgm.similarity_threshold = {0.05|0.3|0.95}"),
	FETCH("setting-path", "path", "SELECT {current_setting('search_path')|current_setting('search_path')|current_schemas(true)::text|current_schema::text} AS p",
		  NULL, "p text", NULL),
	SET("setting-path", "SET search_path = {public|public, pg_temp|missing, public|public, public}"),
	SET("setting-path", "SET search_path = " SOME_PATH),
	FETCH("setting-encoding", "enc", "SELECT pg_client_encoding() AS e, count(*) AS n FROM public.t1", NULL, "e name, n bigint", NULL),
	SET("setting-encoding", "SET client_encoding = {utf8|latin1}"),
	FETCH("setting-named", "app", "SELECT current_setting('{application_name|work_mem|statement_timeout|transaction_isolation|client_min_messages|enable_seqscan}') AS a", NULL, "a text", NULL),
	SET("setting-named", "SET {application_name = a|application_name = b|work_mem = '1MB'|work_mem = '2MB'|statement_timeout = '50s'|enable_seqscan = off|enable_seqscan = on|default_transaction_read_only = off}"),
	SETUP("setting-nested",
		  "CREATE FUNCTION innerset() RETURNS text LANGUAGE plpgsql AS $$ BEGIN"
		  " RETURN public.cache_fetch_row('sn:in', 'SELECT current_setting(''app.tenant'', true) AS t, count(*) AS n FROM public.t1') ->> 't'; END $$"),
	PAIR("setting-nested", "SELECT public.innerset()", "SELECT current_setting('app.tenant', true)"),
	PAIR("setting-nested", "SELECT public.cache_fetch_row('sn:out', 'SELECT public.innerset() AS t') ->> 't'", "SELECT current_setting('app.tenant', true)"),
	SET_TENANT("setting-nested"),
	SETUP("setting-utility",
		  "CREATE FUNCTION explained() RETURNS text LANGUAGE plpgsql AS $$ DECLARE l text; r text := ''; BEGIN"
		  " FOR l IN EXECUTE 'EXPLAIN (COSTS OFF) SELECT * FROM t1 WHERE id = 1' LOOP r := r || l; END LOOP; RETURN r; END $$;"
		  "CREATE FUNCTION shown() RETURNS text LANGUAGE plpgsql AS $$ DECLARE r text; BEGIN"
		  " EXECUTE 'SHOW work_mem' INTO r; RETURN r; END $$"),
	FETCH("setting-utility", "utility", "SELECT public.{explained()|shown()} AS s, count(*) AS n FROM public.t1", NULL, "s text, n bigint", NULL),
	SET("setting-utility", "SET {enable_indexscan = off|enable_bitmapscan = off|enable_indexscan = on|enable_bitmapscan = on|work_mem = '1MB'|work_mem = '2MB'}"),
	SETUP("setting-function",
		  "CREATE FUNCTION setfun() RETURNS text LANGUAGE plpgsql STABLE SET app.tenant = 'f' AS $$ BEGIN"
		  " RETURN cache_fetch_row('sf', 'SELECT current_setting(''app.tenant'', true) AS t') ->> 't'; END $$"),
	PAIR("setting-function", "SELECT public.setfun()", "SELECT 'f'"),
	FETCH("setting-function", "sf", "SELECT current_setting('app.tenant', true) AS t", NULL, NULL, NULL),
	SET_TENANT("setting-function"),

	/* ---- the session's own state --------------------------------------------------- */
	SETUP("state-sequence", "CREATE SEQUENCE sq; GRANT ALL ON sq TO diff_r1, diff_r2;"
		  "CREATE FUNCTION curfun() RETURNS bigint LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN currval('sq'); END $$"),
	FETCH("state-sequence", "cur", "SELECT {currval('public.sq')|lastval()|public.curfun()} AS c", NULL, "c bigint", NULL),
	FETCH("state-sequence", "curt", "SELECT id FROM public.t1 WHERE id = {currval('public.sq')|public.curfun()} % 4", NULL, "id int", NULL),
	SET("state-sequence", "SELECT nextval('public.sq')"),
	SETUP("state-backend",
		  "CREATE VIEW vpid AS SELECT pg_backend_pid() AS p; CREATE FUNCTION fpid() RETURNS int LANGUAGE sql STABLE AS 'SELECT pg_backend_pid()';"
		  "CREATE FUNCTION ppid() RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN pg_backend_pid(); END';"
		  "CREATE TABLE ctx (pid int, v text); INSERT INTO ctx SELECT pid, 'c' || pid FROM pg_stat_activity; SELECT cache_attach('ctx', rows => '{}');"
		  "CREATE VIEW vctx AS SELECT v FROM ctx WHERE pid = pg_backend_pid()"),
	FETCH("state-backend", "pid", "SELECT {pg_backend_pid()|public.fpid()|public.ppid()|(SELECT p FROM public.vpid)} AS p", NULL, "p int", NULL),
	FETCH("state-backend", "ctx", "SELECT v FROM public.vctx", NULL, "v text", NULL),
	ACT("state-backend", "INSERT INTO public.ctx VALUES (pg_backend_pid(), 'own{n}')"),
	FETCH("state-session", "list", "SELECT {array(SELECT pg_listening_channels())::text|(SELECT string_agg(name, ',' ORDER BY name) FROM pg_cursors)|"
		  "(SELECT string_agg(name, ',' ORDER BY name) FROM pg_prepared_statements)|pg_my_temp_schema()::text|pg_current_xact_id_if_assigned()::text|"
		  "(SELECT usename::text FROM pg_stat_activity WHERE pid = pg_backend_pid())} AS s, count(*) AS n FROM public.t1", NULL, "s text, n bigint", NULL),
	SET("state-session", "{LISTEN a|LISTEN b|UNLISTEN *|PREPARE p{n} AS SELECT 1|DECLARE c{n} CURSOR WITH HOLD FOR SELECT 1|CREATE TEMP TABLE tmp{n} ()}"),
	SETUP("state-cursor",
		  "CREATE FUNCTION readhc() RETURNS text LANGUAGE plpgsql AS $$ DECLARE c refcursor := 'hc'; r text; BEGIN"
		  " MOVE ABSOLUTE 0 FROM c; FETCH c INTO r; RETURN r; END $$"),
	FETCH("state-cursor", "hc", "SELECT id, v, public.readhc() AS h FROM public.t1 WHERE id = $1", ANY_INT, "id int, v text, h text", NULL),
	SET("state-cursor", "DECLARE hc SCROLL CURSOR WITH HOLD FOR SELECT string_agg(v, ',' ORDER BY id) FROM public.t1"),
	SET("state-cursor", "CLOSE hc"),

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

	/* ---- other ways to write ------------------------------------------------------------ */
	ACT("merge", "MERGE INTO public.t{x=1|2} t USING (VALUES ({id})) s(i) ON t.id = s.i WHEN MATCHED THEN UPDATE SET v = 'm{n}'"
		" WHEN NOT MATCHED THEN INSERT VALUES (i, 1, 'm{n}')"),
	FETCH("merge", "t2:{id}", "SELECT v FROM public.t2 WHERE id = $1", ANY_INT, "v text", NULL),
	SETUP("via-view", "CREATE VIEW upd AS SELECT id, v FROM t2; CREATE VIEW ruled AS SELECT id, v FROM t1;"
		  "CREATE RULE r AS ON UPDATE TO ruled DO INSTEAD UPDATE t1 SET v = NEW.v WHERE id = OLD.id;"
		  "CREATE RULE d AS ON DELETE TO ruled DO INSTEAD (UPDATE t2 SET v = OLD.v WHERE id = OLD.id; DELETE FROM t1 WHERE id = OLD.id)"),
	ACT("via-view", "UPDATE public.{upd|ruled} SET v = 'w{n}' WHERE id = {id}"),
	ACT("via-view", "DELETE FROM public.ruled WHERE id = {id}"),
	FETCH("via-view", "t2:{id}", "SELECT v FROM public.upd WHERE id = $1", ANY_INT, "v text", NULL),
	FETCH("via-view", "ruled", "SELECT id, v FROM public.ruled ORDER BY id", NULL, "id int, v text", NULL),
	SET("replica", "SET session_replication_role = {replica|origin|local}"),
	FETCH("replica", "all", "SELECT id, grp, v FROM public.t1 ORDER BY id", NULL, "id int, grp int, v text", NULL),
	SET("disabled", "SET cachefront.enabled = {on|on|off}"),
	SET("disabled", "SET LOCAL cachefront.enabled = {on|off}"),
	FETCH("disabled", "t2:{id}", "SELECT v FROM public.t2 WHERE id = $1", ANY_INT, "v text", NULL),
	SETUP("columns", "CREATE TABLE cl (id int, v text, w text); INSERT INTO cl SELECT i, 'c' || i, '' FROM generate_series(1, 3) i;"
		  "SELECT cache_attach('cl', key => 'cl:{id}', columns => '{v}')"),
	FETCH("columns", "cl:{id}", "SELECT v FROM public.cl WHERE id = $1", ANY_INT, "v text", NULL),
	ACT("columns", "UPDATE public.cl SET {v|w} = 'n{n}' WHERE id = {id}"),
	ACT("columns", "UPDATE public.cl SET v = w, w = v"),
	ACT("columns", "UPDATE public.cl SET id = 4 - id"),
	ACT("session-authorization", "SET SESSION AUTHORIZATION {diff_r1|diff_r2|DEFAULT}"),
	FETCH("session-authorization", "who", "SELECT current_user AS c, session_user AS s, count(*) AS n FROM public.t1", NULL, "c name, s name, n bigint", NULL),

	/* ---- names that come to hide others --------------------------------------------------- */
	SETUP("hiding", "CREATE TABLE hd (id int, v text); INSERT INTO hd VALUES (1, 'public'); SELECT cache_attach('hd', rows => '{}');"
		  "CREATE FUNCTION public.say() RETURNS text LANGUAGE sql STABLE AS $$SELECT 'public'$$;"
		  "CREATE FUNCTION public.saypl() RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE r text; BEGIN"
		  " EXECUTE 'SELECT say()' INTO r; RETURN r; END $$"),
	FETCH("hiding", "hd", "SELECT id, v FROM hd ORDER BY id, v", NULL, "id int, v text", NULL),
	FETCH("hiding", "say", "SELECT say() AS s, public.saypl() AS p, count(*) AS n FROM public.t1", NULL, "s text, p text, n bigint", NULL),
	SET("hiding", "SET search_path = {s2, public|public, s2|s2, pg_catalog, public}"),
	ADMIN("hiding", "CREATE TABLE s2.hd (id int, v text); INSERT INTO s2.hd VALUES (2, 's2 {n}'); GRANT ALL ON s2.hd TO diff_r1, diff_r2;"
		  " SELECT public.cache_attach('s2.hd', rows => '{}')"),
	ADMIN("hiding", "DROP TABLE s2.hd"),
	ADMIN("hiding", "ALTER TABLE {public|s2}.hd SET SCHEMA {public|s2}"),
	ADMIN("hiding", "CREATE OR REPLACE FUNCTION s2.say() RETURNS text LANGUAGE sql STABLE AS $$SELECT 's2 {n}'$$"),
	ADMIN("hiding", "DROP FUNCTION IF EXISTS s2.say()"),

	/*
	 * ---- names and definitions that come, go and change ----
	 * PL/pgSQL keeps a plan that calls ov(bigint) though there is an ov(int) now, each
	 * session its own: so the names in its functions are looked up anew.
	 */
	SETUP("names",
		  "CREATE TABLE nm1 (id int PRIMARY KEY, v text); CREATE TABLE nm2 (id int PRIMARY KEY, v text);"
		  "INSERT INTO nm1 SELECT i, 'one' || i FROM generate_series(1, 3) i; INSERT INTO nm2 SELECT i, 'two' || i FROM generate_series(1, 3) i;"
		  "SELECT cache_attach('nm1', rows => '{}'), cache_attach('nm2', rows => '{}');"
		  "CREATE VIEW nv AS SELECT id, v FROM nm1"),
	FETCH("names", "nm", "SELECT id, v FROM {nm1|nm2|public.nm1|nv} ORDER BY id", NULL, "id int, v text", NULL),
	ADMIN("names", "ALTER TABLE public.nm1 RENAME TO nmx; ALTER TABLE public.nm2 RENAME TO nm1; ALTER TABLE public.nmx RENAME TO nm2"),
	ADMIN("names", "ALTER TABLE {public|s2}.nm{1|2} SET SCHEMA {public|s2}"),
	ADMIN("names", "ALTER {VIEW|TABLE} {public|s2}.nv SET SCHEMA {public|s2}"),
	ADMIN("names", "DROP VIEW IF EXISTS {public|s2}.nv; CREATE VIEW {public|s2}.nv AS SELECT id, v || '{n}' AS v FROM public.nm{1|2}"),
	ADMIN("names", "CREATE TABLE public.nmc AS SELECT id, v || 'c{n}' AS v FROM public.nm1; SELECT public.cache_attach('public.nmc', rows => '{}');"
		  " DROP TABLE public.nm1 CASCADE; ALTER TABLE public.nmc RENAME TO nm1; GRANT ALL ON public.nm1 TO diff_r1, diff_r2"),
	ADMIN("names", "ALTER TABLE public.nm1 ALTER v SET DEFAULT '{n}'"),
	ADMIN("names", "ALTER TABLE public.nm1 DROP COLUMN v; ALTER TABLE public.nm1 ADD COLUMN v text DEFAULT 'd{n}'"),
	ADMIN("names", "ALTER SCHEMA s2 RENAME TO s3; ALTER SCHEMA s3 RENAME TO s2"),
	ACT("names", "UPDATE {public|s2}.nm{1|2} SET v = 'n{n}' WHERE id = {id}"),
	SET("names", "SET search_path = {s2, public|public, s2|public}"),
	SETUP("overload",
		  "CREATE FUNCTION public.ov(bigint) RETURNS text LANGUAGE sql STABLE AS $$SELECT 'bigint ' || $1$$;"
		  "CREATE FUNCTION public.ovpl(int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE r text; BEGIN"
		  " EXECUTE 'SELECT ov($1) || (SELECT count(*) FROM t1)' INTO r USING $1; RETURN r; END $$;"
		  "CREATE VIEW ovview AS SELECT id, ov(id) AS o FROM t1"),
	FETCH("overload", "ov", "SELECT ov(id) AS o, public.ovpl(id) AS p FROM public.t1 ORDER BY id", NULL, "o text, p text", NULL),
	FETCH("overload", "ovv", "SELECT id, o FROM public.ovview ORDER BY id", NULL, "id int, o text", NULL),
	ADMIN("overload", "CREATE OR REPLACE FUNCTION {public|s2}.ov({int|int|bigint}) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN 'pl{n}'; END $$"),
	ADMIN("overload", "CREATE OR REPLACE FUNCTION {public|s2}.ov({int|int|bigint|text}) RETURNS text LANGUAGE sql STABLE AS $$SELECT 'sql{n}'$$"),
	ADMIN("overload", "DROP FUNCTION IF EXISTS {public|s2}.ov(int)"),
	ADMIN("overload", "ALTER FUNCTION {public|s2}.ov(int) SET SCHEMA {public|s2}"),
	ADMIN("overload", "ALTER FUNCTION public.ov(int) RENAME TO ov2; ALTER FUNCTION public.ov(bigint) RENAME TO ov; ALTER FUNCTION public.ov2(int) RENAME TO ov"),
	ADMIN("overload", "ALTER FUNCTION public.ovpl SET search_path = {public|s2, public|public, s2}"),
	ADMIN("overload", "DO $$ BEGIN EXECUTE 'CREATE OR REPLACE FUNCTION s2.ov(int) RETURNS text LANGUAGE sql STABLE AS ''SELECT ''''do{n}'''''''; END $$"),
	SET("overload", "SET search_path = {s2, public|public, s2|public}"),
	SETUP("meaning",
		  "CREATE FUNCTION same(text, text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT lower($1) = lower($2)';"
		  "CREATE OPERATOR === (FUNCTION = same, LEFTARG = text, RIGHTARG = text);"
		  "CREATE TYPE mood AS ENUM ('low', 'high'); CREATE TABLE md (id int, m mood, c int); INSERT INTO md VALUES (1, 'low', 1), (2, 'high', 2);"
		  "SELECT cache_attach('md', rows => '{}');"
		  "CREATE FUNCTION mdcheck(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 0';"
		  "CREATE DOMAIN mdom AS int"),
	FETCH("meaning", "same", "SELECT id FROM public.t1 WHERE v OPERATOR(public.===) 'A{id}' ORDER BY id", NULL, "id int", NULL),
	FETCH("meaning", "mood", "SELECT id, m, m > 'low' AS h, public.mdcheck(c) AS k FROM public.md ORDER BY m, id", NULL, "id int, m public.mood, h bool, k bool", NULL),
	FETCH("meaning", "mdom", "SELECT id, c::public.mdom AS d FROM public.md ORDER BY id", NULL, "id int, d public.mdom", NULL),
	ADMIN("meaning", "CREATE OR REPLACE FUNCTION public.same(text, text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT {$1 = $2|lower($1) = lower($2)|true|$1 > $2}'"),
	ADMIN("meaning", "CREATE OR REPLACE FUNCTION public.mdcheck(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 > {0|1|2}'"),
	ADMIN("meaning", "ALTER TYPE public.mood RENAME VALUE '{low|high|x}' TO '{low|high|x}'"),
	ADMIN("meaning", "ALTER DOMAIN public.mdom {ADD CONSTRAINT c CHECK (VALUE < 2) NOT VALID|DROP CONSTRAINT IF EXISTS c}"),
	ADMIN("meaning", "ALTER TABLE public.md ALTER c TYPE {int|bigint} USING {c|-c}"),
	ACT("meaning", "UPDATE public.md SET m = '{low|high|x}', c = {0|1|2} WHERE id = {id}"),

	/* ---- without any rule (--tracking): ways to write that no trigger would follow ------- */
	SETUP("tracking-ways",
		  "CREATE TABLE wy (id int PRIMARY KEY, v text); INSERT INTO wy SELECT i, 'w' || i FROM generate_series(1, 4) i;"
		  "CREATE UNLOGGED TABLE ul (id int, v text); INSERT INTO ul VALUES (1, 'u');"
		  "CREATE FUNCTION writes(int, text) RETURNS int LANGUAGE sql AS 'UPDATE wy SET v = $2 WHERE id = $1 RETURNING 1'"),
	FETCH("tracking-ways", "wy:{id}", "SELECT id, v FROM public.wy WHERE id = $1", ANY_INT, "id int, v text", NULL),
	FETCH("tracking-ways", "wys", "SELECT w.id, w.v, u.v AS u FROM public.wy w LEFT JOIN public.ul u ON u.id = w.id ORDER BY w.id, u.v", NULL, "id int, v text, u text", NULL),
	ACT("tracking-ways", "UPDATE public.wy SET v = 'u{n}' WHERE id = {id}"),
	ACT("tracking-ways", "DELETE FROM public.wy WHERE id = {id}"),
	ACT("tracking-ways", "INSERT INTO public.wy VALUES ({id}, 'i{n}') ON CONFLICT (id) DO {NOTHING|UPDATE SET v = excluded.v}"),
	ACT("tracking-ways", "MERGE INTO public.wy w USING (VALUES ({id})) s(i) ON w.id = s.i WHEN MATCHED THEN {DELETE|UPDATE SET v = 'm{n}'}"
		" WHEN NOT MATCHED THEN INSERT VALUES (i, 'm{n}')"),
	ACT("tracking-ways", "TRUNCATE public.{wy|ul}"),
	ACT("tracking-ways", "INSERT INTO public.ul VALUES ({id}, 'l{n}')"),
	ACT("tracking-ways", "WITH w AS (DELETE FROM public.wy WHERE id = {id} RETURNING *) INSERT INTO public.ul SELECT * FROM w"),
	ADMIN("tracking-ways", "COPY public.{wy|ul} FROM PROGRAM 'printf \"{id}\\tcopied{n}\\n\"'"),
	ACT("tracking-ways", "DECLARE wc CURSOR WITH HOLD FOR SELECT public.writes(i, 'h{n}') FROM generate_series(1, {id}) i; CLOSE wc"),
	ACT("tracking-ways", "DO $$ BEGIN UPDATE public.wy SET v = 'e{n}' WHERE id = {id}; RAISE division_by_zero;"
		" EXCEPTION WHEN division_by_zero THEN {NULL|UPDATE public.ul SET v = 'e{n}'}; END $$"),
	ACT("tracking-ways", "BEGIN; SAVEPOINT w; UPDATE public.wy SET v = 's{n}' WHERE id = {id}; {ROLLBACK TO w|RELEASE w}; COMMIT"),
	SET("tracking-ways", "SET session_replication_role = {replica|origin|local}"),
	ADMIN("tracking-ways", "ALTER TABLE public.wy {DISABLE|ENABLE} TRIGGER {ALL|USER}"),
	ADMIN("tracking-ways", "CREATE TABLE public.wyn (LIKE public.wy INCLUDING ALL); INSERT INTO public.wyn VALUES (1, 'swapped{n}');"
		  " ALTER TABLE public.wy RENAME TO wyo{n}; ALTER TABLE public.wyn RENAME TO wy; GRANT ALL ON public.wy TO diff_r1, diff_r2"),
	ADMIN("tracking-ways", "ALTER TABLE public.wy SET {LOGGED|UNLOGGED}"),
	ADMIN("tracking-ways", "ALTER TABLE {public|s2}.{wy|ul} SET SCHEMA {public|s2}"),
	ADMIN("tracking-ways", "ALTER TABLE public.wy ALTER v TYPE text USING v || '+'"),
	SCENE("tracking-ways",
		  "a: BEGIN{| ISOLATION LEVEL REPEATABLE READ}; UPDATE public.wy SET v = 'p{n}' WHERE id = {id}; PREPARE TRANSACTION 'w{n}'\n"
		  "b? SELECT public.cache_fetch_row('wp:{id}', 'SELECT v FROM public.wy WHERE id = {id}') ->> 'v' ~ SELECT (SELECT v FROM public.wy WHERE id = {id})\n"
		  "C: {COMMIT|COMMIT|ROLLBACK} PREPARED 'w{n}'\n"
		  "b? SELECT public.cache_fetch_row('wp:{id}', 'SELECT v FROM public.wy WHERE id = {id}') ->> 'v' ~ SELECT (SELECT v FROM public.wy WHERE id = {id})"),
	SCENE("tracking-ways",
		  "b: BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1\n"
		  "a: BEGIN; UPDATE public.wy SET v = 'q{n}' WHERE id = {id}; PREPARE TRANSACTION 'x{n}'\n"
		  "C: COMMIT PREPARED 'x{n}'\n"
		  "b? SELECT public.cache_fetch_row('wp:{id}', 'SELECT v FROM public.wy WHERE id = {id}') ->> 'v' ~ SELECT (SELECT v FROM public.wy WHERE id = {id})\n"
		  "b: COMMIT\n"
		  "b? SELECT public.cache_fetch_row('wp:{id}', 'SELECT v FROM public.wy WHERE id = {id}') ->> 'v' ~ SELECT (SELECT v FROM public.wy WHERE id = {id})"),
	SETUP("tracking-tree",
		  "CREATE TABLE tt (id int, g int, v text) PARTITION BY LIST (g);"
		  "CREATE TABLE tt1 PARTITION OF tt FOR VALUES IN (1); CREATE TABLE tt2 PARTITION OF tt FOR VALUES IN (2) PARTITION BY RANGE (id);"
		  "CREATE TABLE tt2a PARTITION OF tt2 FOR VALUES FROM (0) TO (3); CREATE TABLE tt2b PARTITION OF tt2 FOR VALUES FROM (3) TO (100000);"
		  "CREATE TABLE ttd PARTITION OF tt DEFAULT;"
		  "INSERT INTO tt SELECT i, 1 + i % 3, 't' || i FROM generate_series(1, 6) i;"
		  "CREATE TABLE tp (id int, v text); CREATE TABLE tc (w text) INHERITS (tp); INSERT INTO tp VALUES (1, 'p'); INSERT INTO tc VALUES (2, 'c', '')"),
	FETCH("tracking-tree", "tt:{id}", "SELECT g, v FROM public.tt WHERE id = $1 ORDER BY g, v", ANY_INT, "g int, v text", NULL),
	FETCH("tracking-tree", "tts", "SELECT count(*) AS n, max(v) AS m FROM public.{tt|tt1|tt2|tt2a|ttd} WHERE g = {1|2|3} OR {true|false}", NULL, "n bigint, m text", NULL),
	FETCH("tracking-tree", "tps", "SELECT id, v FROM {public.tp|ONLY public.tp|public.tc} ORDER BY id, v", NULL, "id int, v text", NULL),
	ACT("tracking-tree", "UPDATE public.{tt|tt1|tt2|tt2a|ttd} SET v = 'u{n}' WHERE id = {id}"),
	ACT("tracking-tree", "UPDATE public.tt SET g = {1|2|3|4}, v = 'm{n}' WHERE id = {id}"),
	ACT("tracking-tree", "INSERT INTO public.{tt|tt|tt2|tt2a} VALUES ({id}, 2, 'i{n}')"),
	ACT("tracking-tree", "DELETE FROM public.{tt|tt2|tt2b} WHERE id = {id} + 2"),
	ACT("tracking-tree", "{UPDATE public.tp SET|UPDATE ONLY public.tp SET|UPDATE public.tc SET} v = 'h{n}'"),
	ADMIN("tracking-tree", "TRUNCATE {public.tt|public.tt2|public.tt2a|public.ttd|public.tp|ONLY public.tp|public.tc}"),
	ADMIN("tracking-tree", "COPY public.{tt|tt2|tt2a} FROM PROGRAM 'printf \"{id}\\t2\\tcopied{n}\\n\"'"),
	ADMIN("tracking-tree", "ALTER TABLE public.tt DETACH PARTITION public.tt1; UPDATE public.tt1 SET v = 'a{n}' WHERE id = {id};"
		  " ALTER TABLE public.tt ATTACH PARTITION public.tt1 FOR VALUES IN (1)"),
	ALONE("tracking-tree", "ALTER TABLE public.tt DETACH PARTITION public.tt1 CONCURRENTLY"),
	ADMIN("tracking-tree", "ALTER TABLE public.tt DETACH PARTITION public.tt{1|d}"),
	ADMIN("tracking-tree", "ALTER TABLE public.tt ATTACH PARTITION public.{tt1 FOR VALUES IN (1)|ttd DEFAULT}"),
	ADMIN("tracking-tree", "CREATE TABLE public.tt{n} PARTITION OF public.tt2 FOR VALUES FROM ({n} + 100000) TO ({n} + 100001);"
		  " INSERT INTO public.tt{n} VALUES ({n} + 100000, 2, 'new')"),
	ADMIN("tracking-tree", "CREATE TABLE public.tc{n} (id int, v text); INSERT INTO public.tc{n} VALUES ({n}, 'n'); ALTER TABLE public.tc{n} INHERIT public.tp"),
	ADMIN("tracking-tree", "ALTER TABLE public.tc {NO INHERIT|INHERIT} public.tp"),
	SETUP("tracking-cascade",
		  "CREATE TABLE fu (id int PRIMARY KEY, v text); CREATE TABLE fd (id int, fu int REFERENCES fu ON DELETE CASCADE ON UPDATE CASCADE DEFERRABLE);"
		  "INSERT INTO fu SELECT i, 'f' FROM generate_series(1, 4) i; INSERT INTO fd SELECT i, 1 + i % 4 FROM generate_series(1, 8) i;"
		  "CREATE TABLE fl (id int, what text);"
		  "CREATE FUNCTION flog() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO fl VALUES (NEW.id, TG_OP); RETURN NULL; END $$;"
		  "CREATE CONSTRAINT TRIGGER fdef AFTER INSERT OR UPDATE ON fd DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION flog();"
		  "CREATE MATERIALIZED VIEW fm AS SELECT fu, count(*) AS n FROM fd GROUP BY fu; CREATE UNIQUE INDEX ON fm (fu)"),
	FETCH("tracking-cascade", "fd:{id}", "SELECT id, fu FROM public.fd WHERE fu = $1 ORDER BY id", ANY_INT, "id int, fu int", NULL),
	FETCH("tracking-cascade", "fl", "SELECT count(*) AS n FROM public.fl", NULL, "n bigint", NULL),
	FETCH("tracking-cascade", "fm", "SELECT fu, n FROM public.fm ORDER BY fu", NULL, "fu int, n bigint", NULL),
	ACT("tracking-cascade", "DELETE FROM public.fu WHERE id = {id}"),
	ACT("tracking-cascade", "UPDATE public.fu SET id = {id} + {n} WHERE id = {id}"),
	ACT("tracking-cascade", "INSERT INTO public.fu VALUES ({id}, 'f') ON CONFLICT DO NOTHING; INSERT INTO public.fd VALUES ({n}, {id})"),
	ADMIN("tracking-cascade", "REFRESH MATERIALIZED VIEW {|CONCURRENTLY }public.fm"),
	ADMIN("tracking-cascade", "TRUNCATE public.fu CASCADE"),
	SETUP("tracking-functions",
		  "CREATE TABLE fa (id int, v text); CREATE TABLE fb (id int, v text); CREATE TABLE which (t text);"
		  "INSERT INTO fa VALUES (1, 'a'); INSERT INTO fb VALUES (1, 'b'); INSERT INTO which VALUES ('fa');"
		  "CREATE FUNCTION branches() RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE r text; BEGIN"
		  " IF (SELECT t FROM which) = 'fa' THEN RETURN (SELECT max(v) FROM fa); ELSE SELECT max(v) INTO r FROM fb; RETURN r; END IF; END $$;"
		  "CREATE FUNCTION dynamic() RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE r text; BEGIN"
		  " EXECUTE format('SELECT max(v) FROM %I', (SELECT t FROM which)) INTO r; RETURN r; EXCEPTION WHEN undefined_table THEN RETURN 'none'; END $$;"
		  "CREATE FUNCTION loops() RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE r text := ''; x record; BEGIN"
		  " FOR x IN SELECT v FROM fa LOOP r := r || x.v; END LOOP; RETURN r; END $$;"
		  "CREATE FUNCTION inlined() RETURNS SETOF text LANGUAGE sql STABLE AS 'SELECT v FROM fa UNION ALL SELECT v FROM fb'"),
	FETCH("tracking-functions", "fun", "SELECT public.{branches()|dynamic()|loops()} AS s", NULL, "s text", NULL),
	FETCH("tracking-functions", "inl", "SELECT s FROM public.inlined() s ORDER BY s", NULL, "s text", NULL),
	ACT("tracking-functions", "UPDATE public.{fa|fb} SET v = 'f{n}'"),
	ACT("tracking-functions", "INSERT INTO public.{fa|fb} VALUES ({id}, 'g{n}')"),
	ACT("tracking-functions", "UPDATE public.which SET t = '{fa|fb|fc}'"),
	ADMIN("tracking-functions", "CREATE TABLE public.fc AS SELECT {id} AS id, 'c{n}' AS v; GRANT ALL ON public.fc TO diff_r1, diff_r2"),
	ADMIN("tracking-functions", "DROP TABLE IF EXISTS public.fc"),
	SETUP("tracking-behind",
		  "CREATE TABLE ba (id int, v text); CREATE TABLE bb (id int, v text); CREATE TABLE bc (id int, v text);"
		  "INSERT INTO ba SELECT i, 'a' || i FROM generate_series(1, 4) i; INSERT INTO bb SELECT * FROM ba; INSERT INTO bc SELECT * FROM ba;"
		  "CREATE FUNCTION hsql(int) RETURNS text LANGUAGE sql AS 'SELECT max(v) FROM ba WHERE id = $1';"
		  "CREATE FUNCTION hstable(int) RETURNS text LANGUAGE sql STABLE AS 'SELECT v FROM bb WHERE id = $1 ORDER BY v LIMIT 1';"
		  "CREATE FUNCTION hsimple(int) RETURNS text LANGUAGE plpgsql AS $$ DECLARE r text := hsql($1); BEGIN"
		  " IF hstable($1) IS NULL THEN r := r || 'none'; END IF; RETURN r || coalesce(hstable($1), ''); END $$;"
		  "CREATE FUNCTION hcursor(int) RETURNS text LANGUAGE plpgsql AS $$ DECLARE c refcursor; r text; d CURSOR (n int) FOR SELECT v FROM bc WHERE id >= n ORDER BY id; BEGIN"
		  " OPEN c FOR EXECUTE 'SELECT max(v) FROM bb'; FETCH c INTO r; CLOSE c; FOR x IN d($1) LOOP r := r || x.v; END LOOP; RETURN r; END $$;"
		  "CREATE FUNCTION hset(int) RETURNS SETOF text LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS"
		  " $$ BEGIN RETURN QUERY SELECT v FROM bb WHERE id >= $1; RETURN QUERY EXECUTE 'SELECT max(v) FROM bc'; END $$;"
		  "CREATE FUNCTION hset1(int) RETURNS text LANGUAGE sql AS 'SELECT string_agg(x, '','' ORDER BY x) FROM hset($1) x';"
		  "CREATE FUNCTION hcaught(int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 1 / (SELECT count(*) FROM ba WHERE id = $1 AND v < 'm');"
		  " EXCEPTION WHEN division_by_zero THEN RETURN (SELECT max(v) FROM bc); END $$;"
		  "CREATE FUNCTION hnested(int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN"
		  " RETURN cache_fetch_row('bi:' || $1, 'SELECT public.hsimple($1) AS v', ROW($1)) ->> 'v' || (SELECT max(v) FROM bc); END $$;"
		  "CREATE FUNCTION htrans(text, int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN $1 || coalesce(hsql($2), '-'); END $$;"
		  "CREATE AGGREGATE hagg(int) (SFUNC = htrans, STYPE = text, INITCOND = '');"
		  "CREATE FUNCTION haggs(int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT hagg(id ORDER BY id) FROM bb WHERE id >= $1); END $$;"
		  "CREATE FUNCTION hplus(int, int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN hstable($1) || hsql($2); END $$;"
		  "CREATE OPERATOR |+| (LEFTARG = int, RIGHTARG = int, FUNCTION = hplus);"
		  "CREATE FUNCTION hop(int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN $1 OPERATOR(public.|+|) 2; END $$;"
		  "CREATE FUNCTION hlies(int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN (SELECT max(v) FROM ba WHERE id >= $1); END $$;"
		  "CREATE FUNCTION hbelieves(int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN hlies(1) || (SELECT max(v) || hlies(2) FROM bb); END $$;"
		  "CREATE VIEW hview AS SELECT id, hsql(id) AS v, hcursor(id) AS w FROM bc"),
	FETCH("tracking-behind", "bh:{id}", "SELECT public.{hsql|hstable|hsimple|hcursor|hset1|hcaught|hnested|haggs|hop|hlies|hbelieves}($1::int) AS v", ANY_INT, "v text", NULL),
	FETCH("tracking-behind", "bv", "SELECT id, v, w FROM public.hview ORDER BY id, v, w", NULL, "id int, v text, w text", NULL),
	FETCH("tracking-behind", "bn", "SELECT public.cache_fetch_row('bi:1', 'SELECT public.{hcursor|haggs|hop}(1) AS v') ->> 'v' AS v", NULL, "v text", NULL),
	ACT("tracking-behind", "UPDATE public.{ba|bb|bc} SET v = '{b|z}{n}' WHERE id = {id}"),
	ACT("tracking-behind", "INSERT INTO public.{ba|bb|bc} VALUES ({id}, 'i{n}')"),
	ACT("tracking-behind", "DELETE FROM public.{ba|bb|bc} WHERE id = {id}"),
	ADMIN("tracking-behind", "TRUNCATE public.{ba|bb|bc}"),
	ADMIN("tracking-behind", "CREATE OR REPLACE FUNCTION public.hsql(int) RETURNS text LANGUAGE sql AS 'SELECT {max|min}(v) FROM public.{ba|bb|bc} WHERE id = $1'"),
	SET("tracking-behind", "DISCARD PLANS"),
	SET("tracking-behind", "SET plan_cache_mode = {auto|force_generic_plan|force_custom_plan}"),
};

const int	catalogue_size = sizeof(catalogue) / sizeof(catalogue[0]);
