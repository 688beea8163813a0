/*
 * ddl.h - a part of the catalogue (catalogue.c), in its order.
 *
 * DDL; partitions, children, views, cascades.
 *
 * test/differential/catalogue/ddl.h
 */

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
	ADMIN("ddl-fine", "CREATE TABLE s2.{varchar|upper} (id int)"),
	ADMIN("ddl-fine", "DROP TABLE IF EXISTS s2.{varchar|upper}"),
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
	/* names of types, operators, casts and schemas; rights on schemas */
	SETUP("ddl-names",
		  "CREATE TYPE dm AS ENUM ('a', 'b'); CREATE DOMAIN dd AS int CHECK (VALUE < 1000); CREATE SCHEMA s3; GRANT USAGE ON SCHEMA s3 TO diff_r1, diff_r2;"
		  " CREATE TABLE dt (id int, m dm, d dd); INSERT INTO dt VALUES (1, 'a', 1), (2, 'b', 2), (3, 'a', 3); CREATE TABLE s3.du AS SELECT 3 AS id, 's3'::text AS v;"
		  " CREATE TABLE du (id int, v text); INSERT INTO du VALUES (1, 'u'); GRANT ALL ON ALL TABLES IN SCHEMA public, s3 TO diff_r1, diff_r2;"
		  " CREATE AGGREGATE ag (int) (sfunc = int4pl, stype = int, initcond = '0'); CREATE VIEW dw AS SELECT ag(id) AS n FROM dt; GRANT SELECT ON dw TO PUBLIC;"
		  " CREATE FUNCTION dm_no(dm, dm) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT NOT enum_eq($1, $2)';"
		  " CREATE FUNCTION dm_text(dm) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'cast'$$;"
		  " CREATE FUNCTION dm_json(dm) RETURNS json LANGUAGE sql IMMUTABLE AS $$SELECT '1'::json$$;"
		  " SELECT cache_attach('dt', rows => '{}'), cache_attach('du', rows => '{}'), cache_attach('s3.du', rows => '{}')"),
	FETCH("ddl-names", "dme", "SELECT count(*) AS n FROM public.dt WHERE m = 'a'", NULL, "n bigint", NULL),
	FETCH("ddl-names", "dmi", "SELECT count(*) AS n FROM public.dt WHERE m IN ('a', 'b')", NULL, "n bigint", NULL),
	FETCH("ddl-names", "dmb", "SELECT count(*) AS n FROM public.dt WHERE m BETWEEN 'a' AND 'a'", NULL, "n bigint", NULL),
	FETCH("ddl-names", "dmc", "SELECT id, CASE m WHEN 'a' THEN 1 ELSE 2 END AS k FROM public.dt ORDER BY id", NULL, "id int, k int", NULL),
	FETCH("ddl-names", "dmu", "SELECT count(*) AS n FROM public.dt x JOIN public.dt y USING (m)", NULL, "n bigint", NULL),
	FETCH("ddl-names", "dml", "SELECT id, m::text AS t, to_json(m)::text AS j FROM public.dt ORDER BY id", NULL, "id int, t text, j text", NULL),
	FETCH("ddl-names", "dmn", "SELECT 'a'::dm::text AS t, {id}::dd::int AS d FROM public.dt LIMIT 1", NULL, "t text, d int", NULL),
	FETCH("ddl-names", "dmd", "SELECT json_populate_record(NULL::public.dt, '{\"d\": 7}')::text AS t FROM public.dt LIMIT 1", NULL, "t text", NULL),
	FETCH("ddl-names", "dag", "SELECT ag(id) AS n FROM public.dt", NULL, "n int", NULL),
	FETCH("ddl-names", "dagv", "SELECT n FROM public.dw", NULL, "n int", NULL),
	FETCH("ddl-names", "dus", "SELECT id, v FROM s3.du ORDER BY id, v", NULL, "id int, v text", NULL),
	FETCH("ddl-names", "dub", "SELECT id, v FROM du ORDER BY id, v", NULL, "id int, v text", NULL),
	SET("ddl-names", "SET search_path = {public|s2, public|s3, public|s4, s3, public|s3, s2, public}"),
	ADMIN("ddl-names", "CREATE OPERATOR {s2|s3|public}.{=|=|>=|<=} (leftarg = public.dm, rightarg = public.dm, function = public.dm_no)"),
	ADMIN("ddl-names", "DROP OPERATOR IF EXISTS {s2|s3|public}.{=|=|>=|<=} (public.dm, public.dm)"),
	ADMIN("ddl-names", "CREATE TYPE {s2|s3}.dm AS ENUM ('a', 'z{n}')"),
	ADMIN("ddl-names", "DROP TYPE IF EXISTS {s2|s3}.dm"),
	ADMIN("ddl-names", "CREATE DOMAIN {s2|s3}.dd AS int CHECK (VALUE < {id})"),
	ADMIN("ddl-names", "DROP DOMAIN IF EXISTS {s2|s3}.dd"),
	ADMIN("ddl-names", "ALTER DOMAIN public.dd ADD CONSTRAINT c{n} CHECK (VALUE < {3|7|8}) NOT VALID"),
	ADMIN("ddl-names", "DO $$ BEGIN EXECUTE (SELECT 'ALTER DOMAIN public.dd DROP CONSTRAINT ' || conname FROM pg_constraint WHERE contypid = 'public.dd'::regtype ORDER BY oid DESC LIMIT 1); END $$"),
	ADMIN("ddl-names", "ALTER TYPE public.dm RENAME VALUE '{a|c|b}' TO '{a|c|b}'"),
	ALONE("ddl-names", "ALTER TYPE public.dm ADD VALUE 'y{n}' BEFORE 'b'"),
	ADMIN("ddl-names", "CREATE CAST (public.dm AS {text|json}) WITH FUNCTION public.dm_{text|json}(public.dm){| AS IMPLICIT}"),
	ADMIN("ddl-names", "DROP CAST IF EXISTS (public.dm AS {text|json})"),
	ADMIN("ddl-names", "CREATE CAST (int AS public.dm) WITH INOUT AS {IMPLICIT|ASSIGNMENT}; DROP CAST (int AS public.dm)"),
	ADMIN("ddl-names", "CREATE AGGREGATE {s2|s3}.ag (int) (sfunc = int4mul, stype = int, initcond = '1')"),
	ADMIN("ddl-names", "DROP AGGREGATE IF EXISTS {s2|s3}.ag (int)"),
	ADMIN("ddl-names", "CREATE OR REPLACE AGGREGATE public.ag (int) (sfunc = {int4mul|int4pl}, stype = int, initcond = '1')"),
	ADMIN("ddl-names", "CREATE SCHEMA s4; CREATE TABLE s4.du AS SELECT {id} AS id, 's4 {n}'::text AS v; GRANT SELECT ON s4.du TO PUBLIC;"
		  " SELECT cache_attach('s4.du', rows => '{}')"),
	ADMIN("ddl-names", "{GRANT|GRANT|REVOKE} USAGE ON SCHEMA s4 {TO|TO|FROM} {diff_r1|PUBLIC}"),
	ADMIN("ddl-names", "DROP SCHEMA IF EXISTS s4 CASCADE"),
	ADMIN("ddl-names", "GRANT USAGE ON SCHEMA s3 TO diff_r{1|2}"),
	ADMIN("ddl-names", "REVOKE USAGE ON SCHEMA s3 FROM diff_r{1|2}"),
	ADMIN("ddl-names", "ALTER SCHEMA s3 RENAME TO s5; CREATE SCHEMA s3; CREATE TABLE s3.du AS SELECT 9 AS id, 'new {n}'::text AS v; GRANT ALL ON s3.du TO PUBLIC;"
		  " GRANT USAGE ON SCHEMA s3 TO PUBLIC; SELECT cache_attach('s3.du', rows => '{}'); DROP SCHEMA s5 CASCADE"),
	ACT("ddl-names", "UPDATE public.dt SET m = '{a|b}' WHERE id = {id}"),
	ACT("ddl-names", "INSERT INTO {s3.du|public.du} VALUES ({id}, 'i{n}')"),
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
