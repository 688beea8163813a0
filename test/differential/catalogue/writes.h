/*
 * writes.h - a part of the catalogue (catalogue.c), in its order.
 *
 * Other ways to write, names that come to hide others, and tables without any rule.
 *
 * test/differential/catalogue/writes.h
 */

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
