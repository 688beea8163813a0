/*
 * rights.h - a part of the catalogue (catalogue.c), in its order.
 *
 * Roles, rights, settings, and what a session has of its own.
 *
 * test/differential/catalogue/rights.h
 */

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
	/* PostgreSQL keeps the plans of prepared statements when BYPASSRLS comes and goes. */
	FETCH_UNPREPARED("rls", "rls:all", "SELECT id, tenant, v FROM public.rls ORDER BY id", NULL, "id int, tenant text, v text", NULL),
	FETCH_UNPREPARED("rls", "nors:all", "SELECT id, tenant, v FROM public.rls ORDER BY id", NULL, "id int, tenant text, v text", NULL),
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
