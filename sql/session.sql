--
-- What is of a session: its settings, roles, state, temporary objects; and
-- what functions in a query read with the rights of who calls them.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE SCHEMA regress_cf_session;
SET search_path = regress_cf_session, public;
CREATE ROLE regress_cf_owner;
CREATE ROLE regress_cf_one;
CREATE ROLE regress_cf_two;
GRANT USAGE, CREATE ON SCHEMA regress_cf_session TO PUBLIC;
SELECT cache_define('rs', jitter => 0, xfetch_beta => 0);
SELECT cache_define('rs_shared', jitter => 0, xfetch_beta => 0, scope => 'shared');

CREATE TABLE tenants (tenant text, v text);
INSERT INTO tenants VALUES ('one', 'of one'), ('two', 'of two'), ('regress_cf_one', 'role one'),
	('regress_cf_two', 'role two');
GRANT SELECT ON tenants TO PUBLIC;

-- Asks under one value of a setting, then under another, twice each: each must
-- get what the query itself gives, and the second time without a load.
CREATE FUNCTION under(setting text, one text, two text, query text, key text DEFAULT 'rs:under')
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	setting_value text;
	plain text;
	cached text;
	before bigint;
	hits bigint := 0;
	wrong text := '';
BEGIN
	FOREACH setting_value IN ARRAY ARRAY[one, two, one, two, one] LOOP
		PERFORM set_config(setting, setting_value, false);
		EXECUTE 'SELECT v::text FROM (' || query || ') s(v)' INTO plain;
		SELECT l1_hits INTO before FROM cache_stats WHERE cache = split_part(key, ':', 1);
		cached := cache_fetch_row(key, 'SELECT v::text AS v FROM (' || query || ') s(v)') ->> 'v';
		SELECT hits + l1_hits - before INTO hits FROM cache_stats WHERE cache = split_part(key, ':', 1);
		IF cached IS DISTINCT FROM plain THEN
			wrong := wrong || format(' %s instead of %s', cached, plain);
		END IF;
	END LOOP;
	EXECUTE format('RESET %s', setting);
	RETURN CASE WHEN wrong = '' THEN format('right, %s hits', hits) ELSE 'WRONG:' || wrong END;
END $$;

-- ways that no argument shows, or no tree
CREATE AGGREGATE setting_of(boolean) (sfunc = current_setting, stype = text, initcond = 'app.tenant');
CREATE OPERATOR ?? (rightarg = text, function = current_setting);
CREATE FUNCTION alias(text) RETURNS text LANGUAGE internal STABLE AS 'show_config_by_name';
CREATE DOMAIN checked AS text CHECK (value <> current_setting('app.tenant', true) OR value = 'one');
CREATE TYPE has_checked AS (t checked);
CREATE FUNCTION passes(t text) RETURNS text LANGUAGE plpgsql STABLE AS
	$$ BEGIN PERFORM t::checked; RETURN 'yes'; EXCEPTION WHEN check_violation THEN RETURN 'no'; END $$;
CREATE FUNCTION assigns_checked(t text) RETURNS text LANGUAGE plpgsql STABLE AS
	$$ DECLARE c checked; BEGIN c := t; RETURN 'yes'; EXCEPTION WHEN check_violation THEN RETURN 'no'; END $$;
CREATE FUNCTION populates(t text) RETURNS text LANGUAGE plpgsql STABLE AS
	$$ BEGIN PERFORM json_populate_record(NULL::has_checked, json_build_object('t', t)); RETURN 'yes';
	EXCEPTION WHEN check_violation THEN RETURN 'no'; END $$;
SELECT cache_fetch('rs:0', 'SELECT 1');
-- every way to a setting
CREATE FUNCTION mine(x text DEFAULT current_setting('app.tenant')) RETURNS text
	LANGUAGE sql STABLE AS 'SELECT v FROM tenants WHERE tenant = x';
CREATE FUNCTION mine_plpgsql(x text DEFAULT current_setting('app.tenant')) RETURNS text
	LANGUAGE plpgsql STABLE AS 'BEGIN RETURN x; END';
CREATE FUNCTION in_body() RETURNS text LANGUAGE plpgsql STABLE AS
	$$ BEGIN RETURN current_setting('app.tenant'); END $$;
CREATE FUNCTION in_condition() RETURNS text LANGUAGE plpgsql STABLE AS
	$$ BEGIN IF current_setting('app.tenant') = 'one' THEN RETURN 'first'; END IF; RETURN 'other'; END $$;
CREATE FUNCTION in_declaration() RETURNS text LANGUAGE plpgsql STABLE AS
	$$ DECLARE t text := current_setting('app.tenant'); BEGIN RETURN t; END $$;
CREATE FUNCTION in_loop() RETURNS text LANGUAGE plpgsql STABLE AS
	$$ BEGIN FOR i IN 1 .. length(current_setting('app.tenant')) + (current_setting('app.tenant') = 'two')::int LOOP
		IF i = 4 THEN RETURN 'long'; END IF; END LOOP; RETURN 'short'; END $$;
CREATE FUNCTION in_handler() RETURNS text LANGUAGE plpgsql STABLE AS
	$$ BEGIN PERFORM 1 / 0; RETURN ''; EXCEPTION WHEN division_by_zero THEN RETURN current_setting('app.tenant'); END $$;
CREATE FUNCTION dynamic() RETURNS text LANGUAGE plpgsql STABLE AS
	$$ DECLARE r text; BEGIN EXECUTE 'SELECT current_set' || 'ting($1)' INTO r USING 'app.tenant'; RETURN r; END $$;
CREATE FUNCTION by_name(name text) RETURNS text LANGUAGE sql STABLE AS 'SELECT current_setting(name)';
CREATE FUNCTION by_catalog() RETURNS text LANGUAGE plpgsql STABLE AS
	$$ BEGIN RETURN (SELECT string_agg(setting, ',') FROM pg_settings WHERE name = 'work_mem'); END $$;
CREATE FUNCTION by_show() RETURNS text LANGUAGE plpgsql AS
	$$ DECLARE r text; BEGIN EXECUTE 'SHOW app.tenant' INTO r; RETURN r; END $$;
CREATE FUNCTION step(state text, v text) RETURNS text LANGUAGE plpgsql STABLE AS
	$$ BEGIN RETURN current_setting('app.tenant'); END $$;
CREATE AGGREGATE tenant_of(text) (sfunc = step, stype = text, initcond = '');
CREATE FUNCTION finish(state text) RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_setting('app.tenant') $$;
CREATE AGGREGATE finished(text) (sfunc = textcat, stype = text, initcond = '', finalfunc = finish);
CREATE FUNCTION is_mine(text, text) RETURNS boolean LANGUAGE plpgsql STABLE AS
	$$ BEGIN RETURN $1 = current_setting('app.tenant'); END $$;
CREATE OPERATOR === (leftarg = text, rightarg = text, function = is_mine);
CREATE FUNCTION uses_operator() RETURNS text LANGUAGE plpgsql STABLE AS
	$$ BEGIN RETURN (SELECT v FROM tenants WHERE tenant === v); END $$;
CREATE FUNCTION simple_operator() RETURNS text LANGUAGE plpgsql STABLE AS
	$$ BEGIN RETURN ('one'::text === ''::text)::text; END $$;
CREATE TYPE boxed AS (t text);
CREATE FUNCTION unbox(boxed) RETURNS text LANGUAGE plpgsql STABLE AS
	$$ BEGIN RETURN ($1).t || current_setting('app.tenant'); END $$;
CREATE CAST (boxed AS text) WITH FUNCTION unbox(boxed) AS ASSIGNMENT;
CREATE FUNCTION uses_cast() RETURNS text LANGUAGE plpgsql STABLE AS
	$$ DECLARE r text; b boxed := ROW('x'); BEGIN r := b::text; RETURN r; END $$;
CREATE FUNCTION assigns_cast() RETURNS text LANGUAGE plpgsql STABLE AS
	$$ DECLARE r text; b boxed := ROW('x'); BEGIN r := b; RETURN r; END $$;
CREATE FUNCTION is_tenant(v text) RETURNS boolean LANGUAGE sql STABLE AS
	$$ SELECT v = current_setting('app.tenant') OR v = 'any' $$;
CREATE VIEW seen AS SELECT v FROM tenants WHERE tenant = current_setting('app.tenant');
CREATE VIEW plain_view AS SELECT v FROM tenants;
CREATE FUNCTION asserts() RETURNS text LANGUAGE plpgsql STABLE AS
	$$ BEGIN ASSERT (SELECT count(*) FROM tenants) = 0; RETURN 'none'; EXCEPTION WHEN assert_failure THEN RETURN 'some'; END $$;
CREATE FUNCTION first_of_many() RETURNS text LANGUAGE plpgsql STABLE AS
	$$ DECLARE r text; BEGIN SELECT v INTO r FROM tenants ORDER BY v; RETURN r; EXCEPTION WHEN too_many_rows THEN RETURN 'many'; END $$;
CREATE FUNCTION variable_or_column() RETURNS text LANGUAGE plpgsql STABLE AS
	$$ DECLARE v text := 'variable'; BEGIN RETURN (SELECT min(v) FROM tenants); EXCEPTION WHEN ambiguous_column THEN RETURN 'either'; END $$;
CREATE FUNCTION detail(id int) RETURNS text LANGUAGE plpgsql STABLE AS
	$$ DECLARE r text; BEGIN SELECT v INTO STRICT r FROM tenants WHERE id = 1; RETURN r;
	EXCEPTION WHEN too_many_rows THEN GET STACKED DIAGNOSTICS r = PG_EXCEPTION_DETAIL; RETURN r; END $$;
CREATE FUNCTION over_view() RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN (SELECT v FROM seen); END $$;
CREATE FUNCTION outer_plpgsql() RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN in_body(); END $$;

SELECT query, under('app.tenant', 'one', 'two', query) FROM (VALUES
	(1, 'SELECT current_setting(''app.tenant'')'),
	(2, 'SELECT v FROM tenants WHERE tenant = current_setting(''app.tenant'')'),
	(3, 'SELECT mine()'), (4, 'SELECT mine_plpgsql()'), (5, 'SELECT in_body()'),
	(6, 'SELECT in_condition()'), (7, 'SELECT in_declaration()'), (8, 'SELECT in_loop()'),
	(9, 'SELECT in_handler()'), (10, 'SELECT dynamic()'), (11, 'SELECT by_name(''app.tenant'')'),
	(12, 'SELECT by_show()'), (13, 'SELECT tenant_of(v) FROM tenants'),
	(14, 'SELECT finished(v) FROM tenants'), (15, 'SELECT v FROM tenants WHERE tenant === v'),
	(16, 'SELECT uses_operator()'), (17, 'SELECT simple_operator()'), (18, 'SELECT ROW(''x'')::boxed::text'),
	(19, 'SELECT uses_cast()'), (20, 'SELECT assigns_cast()'), (21, 'SELECT count(*) FROM tenants WHERE is_tenant(tenant)'),
	(22, 'SELECT v FROM seen'), (23, 'SELECT over_view()'), (24, 'SELECT outer_plpgsql()'),
	(25, 'SELECT max(v) OVER (ORDER BY mine()) FROM tenants LIMIT 1'),
	(26, 'SELECT v FROM tenants ORDER BY tenant <> in_body() LIMIT 1'),
	(27, 'SELECT (SELECT v FROM tenants t WHERE t.tenant = in_body() LIMIT 1) FROM tenants LIMIT 1'),
	(28, 'WITH RECURSIVE r(v, n) AS (SELECT in_body(), 1 UNION ALL SELECT v, n + 1 FROM r WHERE n < 2) SELECT max(v) FROM r'),
	(29, 'SELECT (xpath(''//in_body/text()'', query_to_xml(''SELECT in_body()'', true, false, '''')))[1]::text'),
	(30, 'SELECT setting_of(true)'), (31, 'SELECT ?? ''app.tenant'''), (32, 'SELECT alias(''app.tenant'')'),
	(33, 'SELECT passes(''two'')'), (34, 'SELECT assigns_checked(''two'')'), (35, 'SELECT populates(''two'')'),
	(36, 'SELECT setting_of(true) OVER () FROM tenants LIMIT 1')
) q(n, query) ORDER BY n;

-- settings that change how a query runs do not count, unless it asks for them
SELECT under('work_mem', '4MB', '5MB', 'SELECT current_setting(''work_mem'')');
SELECT under('work_mem', '4MB', '5MB', 'SELECT by_catalog()');
SELECT under('work_mem', '4MB', '5MB', 'SELECT by_name(''work_mem'')');
SELECT under('search_path', 'regress_cf_session, public', '"regress_cf_session", public',
	'SELECT current_setting(''search_path'')');
SET search_path = regress_cf_session, public;
SELECT under('client_encoding', 'UTF8', 'LATIN1', 'SELECT pg_client_encoding()');
RESET client_encoding;
-- which views a query may read at all
SELECT l1_hits AS before FROM cache_stats WHERE cache = 'rs' \gset
SELECT cache_fetch('rs:view', 'SELECT v FROM plain_view');
SELECT cache_fetch('rs:view', 'SELECT v FROM plain_view');
SET restrict_nonsystem_relation_kind = 'view';
SELECT cache_fetch('rs:view', 'SELECT v FROM plain_view');
RESET restrict_nonsystem_relation_kind;
SELECT cache_fetch('rs:view', 'SELECT v FROM plain_view');
SELECT l1_hits - :before AS hits FROM cache_stats WHERE cache = 'rs';

-- PL/pgSQL has settings of its own, before it is loaded, too
SELECT under('plpgsql.check_asserts', 'on', 'off', 'SELECT asserts()');
SELECT under('plpgsql.check_asserts', 'off', 'on', 'SELECT asserts()', 'rs:other_way');
\set ask 'SELECT cache_fetch(''rs:plpgsql'', ''SELECT first_of_many(), variable_or_column(), detail(1)'');'
\c -
SET search_path = regress_cf_session, public;
:ask
\c -
SET search_path = regress_cf_session, public;
SET plpgsql.extra_errors = 'too_many_rows';
:ask
:ask
RESET plpgsql.extra_errors;
\c -
SET search_path = regress_cf_session, public;
SET plpgsql.variable_conflict = use_column;
:ask
\c -
SET search_path = regress_cf_session, public;
LOAD 'plpgsql';
SET plpgsql.print_strict_params = on;
SET plpgsql.variable_conflict = use_column;
:ask
\c -
SET search_path = regress_cf_session, public;
SET client_min_messages = warning;
SELECT l1_hits AS before FROM cache_stats WHERE cache = 'rs' \gset
:ask
LOAD 'plpgsql';
:ask
SELECT l1_hits - :before AS hits FROM cache_stats WHERE cache = 'rs';
SELECT set_config('app.tenant', 'one', false);
SET work_mem = '5MB';
SELECT cache_fetch_row('rs:mem', 'SELECT in_body() AS v');
SET work_mem = '6MB';
SELECT cache_fetch_row('rs:mem', 'SELECT in_body() AS v');
SELECT count(*) FROM cache_entries WHERE key = 'rs:mem' AND state = 'fresh';
RESET work_mem;

-- a setting that was never set is not one that is empty
SELECT cache_fetch_row('rs:never', 'SELECT current_setting(''app.never'', true) IS NULL AS v');
BEGIN;
SET LOCAL app.never = 'x';
COMMIT;
SELECT cache_fetch_row('rs:never', 'SELECT current_setting(''app.never'', true) IS NULL AS v');

-- what an application has told us not to look at
SET cachefront.ignore_settings = 'app.request, app.trace';
SET app.request = '1';
SELECT cache_fetch_row('rs:request', 'SELECT in_body() AS v');
SET app.request = '2';
SELECT cache_fetch_row('rs:request', 'SELECT in_body() AS v');
SELECT count(*) FROM cache_entries WHERE key = 'rs:request' AND state = 'fresh';
SET cachefront.ignore_settings = 'a;b';
RESET cachefront.ignore_settings;
SET ROLE regress_cf_one;
SET cachefront.ignore_settings = 'app.tenant';
RESET ROLE;

-- nested: what the inner one is bound to, the outer one is
CREATE FUNCTION nested() RETURNS text LANGUAGE plpgsql AS
	$$ BEGIN RETURN cache_fetch_row('rs:inner', 'SELECT in_body() AS v') ->> 'v'; END $$;
SELECT under('app.tenant', 'one', 'two', 'SELECT nested()');
SELECT set_config('app.tenant', 'one', false), cache_fetch_row('rs:inner', 'SELECT in_body() AS v');
SELECT set_config('app.tenant', 'two', false), cache_fetch_row('rs:inner', 'SELECT in_body() AS v');
SELECT under('app.tenant', 'two', 'one', 'SELECT nested() || ''!''');

-- the role that SET ROLE chose, in a function with its owner's rights
CREATE FUNCTION of_role(setting text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = regress_cf_session, public AS
	$$ BEGIN RETURN cache_fetch_row('rs:of_role',
		format('SELECT v FROM tenants WHERE tenant = current_setting(%L)', setting)) ->> 'v'; END $$;
CREATE FUNCTION is_super() RETURNS text LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = regress_cf_session, public AS
	$$ BEGIN RETURN cache_fetch_row('rs:super', 'SELECT current_setting(''is_superuser'') AS v') ->> 'v'; END $$;
SELECT is_super();
SET ROLE regress_cf_one;
SELECT of_role('role'), is_super();
SET ROLE regress_cf_two;
SELECT of_role('role'), is_super();
RESET ROLE;

-- results that are of one session
CREATE SEQUENCE counter;
SELECT nextval('counter');
CREATE FUNCTION my_pid() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN pg_backend_pid(); END $$;
CREATE VIEW context AS SELECT pg_backend_pid() AS pid;
CREATE FUNCTION by_context() RETURNS int LANGUAGE sql AS 'SELECT pid FROM context';
CREATE FUNCTION pid_by_default(pid int DEFAULT pg_backend_pid()) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN pid; END $$;
CREATE FUNCTION pid_dynamic() RETURNS int LANGUAGE plpgsql AS
	$$ DECLARE r int; BEGIN EXECUTE 'SELECT pg_backend_' || 'pid()' INTO r; RETURN r; END $$;
CREATE FUNCTION sets() RETURNS int LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'SET app.x = 1'; RETURN 1; END $$;
-- an expression that was evaluated before the load, in its transaction
DO $$ BEGIN PERFORM my_pid(); PERFORM cache_fetch('rs:session:warm', 'SELECT my_pid()');
	PERFORM cache_fetch('rs:session:warm', 'SELECT my_pid()'); END $$;
SELECT state FROM cache_entries WHERE key = 'rs:session:warm';
CREATE FUNCTION is_kept(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	k text := 'rs:session:' || md5(query);
	r record;
BEGIN
	PERFORM cache_fetch(k, query);
	SELECT state INTO r FROM cache_entries WHERE key = k AND state = 'fresh';
	RETURN CASE WHEN FOUND THEN 'kept' ELSE 'not kept' END;
END $$;
SELECT query, is_kept(query) FROM (VALUES
	(1, 'SELECT currval(''counter'')'), (2, 'SELECT lastval()'), (3, 'SELECT pg_backend_pid()'),
	(4, 'SELECT my_pid()'), (5, 'SELECT * FROM context'), (6, 'SELECT by_context()'),
	(7, 'SELECT inet_client_addr()'), (8, 'SELECT inet_server_port()'),
	(9, 'SELECT * FROM pg_listening_channels()'), (10, 'SELECT name FROM pg_cursors'),
	(11, 'SELECT name FROM pg_prepared_statements'), (12, 'SELECT txid_current_if_assigned()'),
	(13, 'SELECT pg_current_snapshot()'), (14, 'SELECT query FROM pg_stat_activity'),
	(15, 'SELECT pid_by_default()'), (16, 'SELECT pid_dynamic()'), (17, 'SELECT pg_my_temp_schema()'),
	(18, 'SELECT current_schemas(true)'), (19, 'SELECT current_query()'), (20, 'SELECT pg_trigger_depth()'),
	(21, 'SELECT * FROM pg_stat_xact_user_tables'), (22, 'SELECT count(*) FROM pg_locks'),
	(23, 'SELECT pg_export_snapshot()'), (24, 'SELECT pg_try_advisory_lock(1)'),
	(25, 'SELECT max(pg_backend_pid()) FROM tenants'), (26, 'SELECT v FROM tenants WHERE my_pid() > 0'),
	(27, 'SELECT set_config(''app.x'', ''1'', false)'), (28, 'SELECT sets()'),
	(101, 'SELECT now()'), (102, 'SELECT random()'), (103, 'SELECT pg_relation_size(''tenants'')'),
	(104, 'SELECT version()'), (105, 'SELECT to_char(now(), ''YYYY'')'), (106, 'SELECT in_body()'),
	(107, 'SELECT json_agg(t) FROM tenants t'), (108, 'SELECT current_user'), (109, 'SELECT format_type(23, -1)')
) q(n, query) ORDER BY n;
SELECT pg_advisory_unlock_all();
SELECT value FROM cache_explain('rs:why', 'SELECT max(pg_backend_pid()) FROM tenants')
	WHERE item IN ('cached', 'reason', 'function');
SELECT value FROM cache_explain('rs:why', 'SELECT current_setting(''app.tenant'')')
	WHERE item IN ('cached', 'settings', 'function');
SELECT bypass_session > 20 AS counted FROM cache_stats WHERE cache = 'rs';

-- the place of pg_temp in the search path
CREATE TABLE shadowed (v text);
INSERT INTO shadowed VALUES ('permanent');
CREATE FUNCTION permanent() RETURNS text LANGUAGE plpgsql SET search_path = regress_cf_session, public, pg_temp AS
	$$ BEGIN RETURN cache_fetch_row('rs:shadow', 'SELECT v FROM shadowed') ->> 'v'; END $$;
CREATE TEMP TABLE shadowed (v text);
INSERT INTO pg_temp.shadowed VALUES ('temporary');
SET search_path = regress_cf_session, public, pg_temp;
SELECT cache_fetch_row('rs:shadow', 'SELECT v FROM shadowed');
SET search_path = regress_cf_session, public;
SELECT cache_fetch_row('rs:shadow', 'SELECT v FROM shadowed');
SELECT permanent(), cache_fetch_row('rs:shadow', 'SELECT v FROM shadowed') ->> 'v' AS v;
SET search_path = pg_temp, regress_cf_session, public;
SELECT cache_fetch_row('rs:shadow', 'SELECT v FROM shadowed');
SET search_path = regress_cf_session, pg_temp, public;
SELECT cache_fetch_row('rs:shadow', 'SELECT v FROM shadowed');
SET search_path = regress_cf_session, public;
-- names that a temporary object answers to
SELECT query, is_kept(query) FROM (VALUES (1, 'SELECT to_regclass(''shadowed'')'),
	(2, 'SELECT ''shadowed''::regclass'), (3, 'SELECT has_table_privilege(''shadowed'', ''SELECT'')'),
	(4, 'SELECT ''shadowed''::text::regclass'), (5, 'SELECT pg_get_viewdef(''seen''::regclass)'),
	(6, 'SELECT v FROM tenants')) q(n, query) ORDER BY n;
DROP TABLE pg_temp.shadowed;

-- scope 'shared', and what functions read with the caller's rights
\c -
SET client_min_messages = warning;
SET search_path = regress_cf_session, public;
CREATE TABLE salaries (id int, v text);
INSERT INTO salaries VALUES (1, 'secret');
ALTER TABLE salaries OWNER TO regress_cf_owner;
SET ROLE regress_cf_owner;
CREATE FUNCTION f_sql(int) RETURNS text LANGUAGE sql STABLE AS 'SELECT v FROM salaries WHERE id = $1';
CREATE FUNCTION f_barrier(int) RETURNS text LANGUAGE sql VOLATILE AS 'SELECT v FROM salaries WHERE id = $1';
CREATE FUNCTION f_plpgsql(int) RETURNS text LANGUAGE plpgsql STABLE AS
	$$ BEGIN RETURN (SELECT v FROM salaries WHERE id = $1); END $$;
CREATE FUNCTION f_dynamic(int) RETURNS text LANGUAGE plpgsql STABLE AS
	$$ DECLARE r text; BEGIN EXECUTE 'SELECT v FROM salaries WHERE id = $1' INTO r USING $1; RETURN r; END $$;
CREATE FUNCTION f_definer(int) RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER AS
	$$ BEGIN RETURN (SELECT v FROM regress_cf_session.salaries WHERE id = $1); END $$;
CREATE FUNCTION f_hidden() RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN 'constant'; END $$;
REVOKE EXECUTE ON FUNCTION f_hidden() FROM PUBLIC;
CREATE FUNCTION f_calls_hidden() RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN f_hidden(); END $$;
CREATE FUNCTION f_nested(int) RETURNS text LANGUAGE plpgsql AS
	$$ BEGIN RETURN cache_fetch_row('rs_shared:nested', 'SELECT v FROM salaries WHERE id = $1', ($1)) ->> 'v'; END $$;
CREATE VIEW v_fetch AS SELECT * FROM cache_fetch_rows('rs_shared:rows', 'SELECT v FROM salaries') AS t(v text);
GRANT SELECT ON v_fetch TO PUBLIC;
RESET ROLE;
CREATE FUNCTION tried(query text) RETURNS text LANGUAGE plpgsql AS
	$$ BEGIN RETURN cache_fetch_row('rs_shared:' || md5(query), query) ->> 'v';
	EXCEPTION WHEN insufficient_privilege THEN RETURN SQLERRM; END $$;
CREATE TABLE tries (n int, query text);
INSERT INTO tries VALUES (1, 'SELECT f_sql(1) AS v'), (2, 'SELECT f_barrier(1) AS v'), (3, 'SELECT f_plpgsql(1) AS v'),
	(4, 'SELECT f_dynamic(1) AS v'), (5, 'SELECT f_calls_hidden() AS v'), (6, 'SELECT f_nested(1) AS v'),
	(7, 'SELECT v FROM v_fetch'), (8, 'SELECT f_definer(1) AS v'),
	(9, 'SELECT has_table_privilege(''salaries'', ''SELECT'') AS v'),
	(10, 'SELECT (xpath(''//v/text()'', query_to_xml(''SELECT v FROM salaries'', true, false, '''')))[1]::text AS v');
GRANT SELECT ON tries TO PUBLIC;
SET ROLE regress_cf_owner;
SELECT query, tried(query), tried(query) AS again FROM tries ORDER BY n;
SET ROLE regress_cf_two;
SELECT query, tried(query) FROM tries ORDER BY n;
RESET ROLE;
-- what is the same for all is shared
SELECT t.query FROM tries t, cache_entries e
	WHERE e.key = 'rs_shared:' || md5(t.query) AND e.state = 'fresh';
-- rights that come and go
GRANT SELECT ON salaries TO regress_cf_two;
SET ROLE regress_cf_two;
SELECT tried('SELECT f_plpgsql(1) AS v');
RESET ROLE;
REVOKE SELECT ON salaries FROM regress_cf_two;
SET ROLE regress_cf_two;
SELECT tried('SELECT f_plpgsql(1) AS v');
SET ROLE regress_cf_owner;
SELECT tried('SELECT f_plpgsql(1) AS v');
SELECT value FROM cache_explain('rs_shared:' || md5('SELECT f_plpgsql(1) AS v'), 'SELECT f_plpgsql(1) AS v')
	WHERE item IN ('cached', 'reason');
RESET ROLE;

DROP SCHEMA regress_cf_session CASCADE;
SELECT cache_drop('rs'), cache_drop('rs_shared');
REVOKE ALL ON SCHEMA public FROM regress_cf_owner, regress_cf_one, regress_cf_two;
DROP ROLE regress_cf_owner, regress_cf_one, regress_cf_two;
