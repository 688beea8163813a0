-- Row security, settings of one's own and scopes: for whom a value is.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cachefront;
DROP ROLE IF EXISTS regress_cf_alice, regress_cf_bob, regress_cf_readers;
CREATE SCHEMA regress_cf_scope;
SET search_path = regress_cf_scope, public;
SELECT cache_define('ri', jitter => 0, xfetch_beta => 0);
CREATE ROLE regress_cf_alice;
CREATE ROLE regress_cf_bob;
CREATE ROLE regress_cf_readers;
GRANT ALL ON SCHEMA regress_cf_scope TO regress_cf_alice, regress_cf_bob, regress_cf_readers;

-- The counters of a cache that moved since the last call. It keeps what it saw
-- in a setting, as a write would change what is tested.
CREATE FUNCTION counted(name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	seen json;
	before json;
	moved text;
BEGIN
	SELECT row_to_json(s) INTO seen FROM cache_stats s WHERE s.cache = name;
	before := coalesce(nullif(current_setting('cf_test.' || name, true), ''), '{}');
	SELECT string_agg(format('%s %s', key, value::bigint - coalesce(before ->> key, '0')::bigint),
					  ', ' ORDER BY ord)
	INTO moved
	FROM json_each_text(seen) WITH ORDINALITY AS e(key, value, ord)
	WHERE key <> 'cache' AND value <> coalesce(before ->> key, '0');
	PERFORM set_config('cf_test.' || name, seen::text, false);
	RETURN coalesce(moved, 'nothing');
END $$;
DO $$ BEGIN PERFORM counted('ri'); END $$;

--
-- Row security
--
CREATE TABLE shadow AS SELECT 'permanent' AS v;
CREATE TABLE accounts (tenant text, v text);
INSERT INTO accounts VALUES ('a', 'of a'), ('b', 'of b');
ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
CREATE POLICY by_tenant ON accounts USING (tenant = current_setting('app.tenant', true));
GRANT SELECT ON accounts TO regress_cf_alice, regress_cf_bob;
-- who is not under it is cached
SELECT cache_fetch('ri:rls', 'SELECT v FROM accounts ORDER BY v');
SELECT cache_fetch('ri:rls', 'SELECT v FROM accounts ORDER BY v');
SELECT counted('ri');
SET ROLE regress_cf_alice;
SET app.tenant = 'a';
SELECT cache_fetch('ri:rls', 'SELECT v FROM accounts ORDER BY v');
SET app.tenant = 'b';
SELECT cache_fetch('ri:rls', 'SELECT v FROM accounts ORDER BY v');
SELECT * FROM cache_fetch_rows('ri:rls', 'SELECT v FROM accounts ORDER BY v') AS t(v text);
RESET app.tenant;
SELECT cache_fetch('ri:rls', 'SELECT v FROM accounts ORDER BY v');
SELECT counted('ri');
-- wherever the table hides
CREATE VIEW accounts_invoker WITH (security_invoker = true) AS SELECT v FROM accounts;
CREATE FUNCTION accounts_of_plpgsql() RETURNS SETOF text LANGUAGE plpgsql STABLE AS
$$ BEGIN RETURN QUERY SELECT v FROM accounts; END $$;
CREATE FUNCTION accounts_of_sql() RETURNS SETOF text LANGUAGE sql STABLE AS $$ SELECT v FROM accounts $$;
CREATE FUNCTION accounts_of_fetch() RETURNS json LANGUAGE plpgsql AS
$$ BEGIN RETURN cache_fetch('ri:rls', 'SELECT v FROM accounts ORDER BY v'); END $$;
RESET ROLE;
CREATE VIEW accounts_of_bob AS SELECT v FROM accounts;
ALTER VIEW accounts_of_bob OWNER TO regress_cf_bob;
CREATE VIEW accounts_of_owner AS SELECT v FROM accounts;
GRANT SELECT ON accounts_of_bob, accounts_of_owner TO regress_cf_alice;
CREATE FUNCTION accounts_of_definer() RETURNS SETOF text LANGUAGE plpgsql STABLE SECURITY DEFINER AS
$$ BEGIN RETURN QUERY SELECT v FROM accounts ORDER BY v; END $$;
SET ROLE regress_cf_alice;
CREATE FUNCTION everywhere() RETURNS TABLE (query text, one json, two json, bypassed bigint) LANGUAGE plpgsql AS $$
DECLARE
	before bigint;
BEGIN
	FOREACH query IN ARRAY ARRAY[
		'SELECT v FROM (SELECT v FROM accounts OFFSET 0) x',
		'SELECT (SELECT string_agg(v, '' '') FROM accounts) AS v',
		'WITH x AS MATERIALIZED (SELECT v FROM accounts) SELECT v FROM x',
		'SELECT count(*) AS v FROM accounts',
		'SELECT v FROM accounts WHERE false',
		'SELECT v FROM accounts_invoker',
		'SELECT v FROM accounts_of_bob',
		'SELECT v FROM accounts_of_sql() v',
		'SELECT accounts_of_sql() AS v',
		'SELECT v FROM accounts_of_plpgsql() v',
		'SELECT accounts_of_fetch() AS v',
		'SELECT v FROM accounts_of_definer() v',
		'SELECT v FROM accounts_of_owner ORDER BY v']
	LOOP
		SELECT bypass_row_security INTO before FROM cache_stats WHERE cache = 'ri';
		PERFORM set_config('app.tenant', 'a', false);
		one := cache_fetch('ri:rls', query);
		PERFORM set_config('app.tenant', 'b', false);
		two := cache_fetch('ri:rls', query);
		SELECT bypass_row_security - before INTO bypassed FROM cache_stats WHERE cache = 'ri';
		RETURN NEXT;
	END LOOP;
END $$;
SELECT * FROM everywhere();
RESET ROLE;
DROP FUNCTION everywhere();
SELECT counted('ri');
-- a scope makes it cached, for each value of the setting and for each role
SELECT cache_define('ri_tenant', jitter => 0, xfetch_beta => 0, scope => 'setting:app.tenant');
DO $$ BEGIN PERFORM counted('ri_tenant'); END $$;
SET ROLE regress_cf_alice;
SET app.tenant = 'a';
SELECT cache_fetch('ri_tenant:1', 'SELECT v FROM accounts'), cache_fetch('ri_tenant:1', 'SELECT v FROM accounts');
SET app.tenant = 'b';
SELECT cache_fetch('ri_tenant:1', 'SELECT v FROM accounts'), cache_fetch('ri_tenant:1', 'SELECT v FROM accounts');
SET app.tenant = '';
SELECT cache_fetch('ri_tenant:1', 'SELECT v FROM accounts'), cache_fetch('ri_tenant:1', 'SELECT v FROM accounts');
SET app.tenant = 'a';
SELECT cache_fetch('ri_tenant:1', 'SELECT v FROM accounts');
SELECT counted('ri_tenant');
SET ROLE regress_cf_bob;
SELECT cache_fetch('ri_tenant:1', 'SELECT v FROM accounts');
RESET ROLE;
SELECT cache_fetch('ri_tenant:1', 'SELECT v FROM accounts ORDER BY v');
SELECT counted('ri_tenant');
-- values of cache_set have that scope, too
SET ROLE regress_cf_alice;
SELECT cache_set('ri_tenant:2', '"value of a"');
SET app.tenant = 'b';
SELECT cache_get('ri_tenant:2') IS NULL AS none;
SET app.tenant = 'a';
SELECT cache_get('ri_tenant:2');
SELECT counted('ri_tenant');
-- a value of one scope gets into no other by way of a fetch inside a fetch
CREATE FUNCTION scoped() RETURNS json LANGUAGE plpgsql AS
$$ BEGIN RETURN cache_fetch('ri_tenant:1', 'SELECT v FROM accounts'); END $$;
SELECT cache_fetch('ri:rls', 'SELECT scoped() AS v');
SET app.tenant = 'b';
SELECT cache_fetch('ri:rls', 'SELECT scoped() AS v');
SELECT counted('ri');
RESET ROLE;
RESET app.tenant;
-- one role's freedom from policies is not another's: nothing to share
SELECT cache_define('ri_shared', jitter => 0, xfetch_beta => 0, scope => 'shared');
DO $$ BEGIN PERFORM counted('ri_shared'); END $$;
SELECT cache_fetch('ri_shared:rls', 'SELECT v FROM accounts ORDER BY v');
SET ROLE regress_cf_alice;
SET app.tenant = 'a';
SELECT cache_fetch('ri_shared:rls', 'SELECT v FROM accounts ORDER BY v');
RESET app.tenant;
RESET ROLE;
SELECT counted('ri_shared');

--
-- Settings of one's own in a query: bound to them, whatever the scope
--
SET app.x = 'first';
SELECT cache_fetch_row('ri:custom', 'SELECT current_setting(''app.x'') AS v');
SET app.x = 'second';
SELECT cache_fetch_row('ri:custom', 'SELECT current_setting(''app.x'') AS v');
SELECT counted('ri');
CREATE VIEW custom AS SELECT current_setting('app.x', true) AS v;
CREATE FUNCTION custom_sql() RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_setting('app.x', true) $$;
CREATE FUNCTION custom_plpgsql() RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN current_setting('app.x', true); END $$;
CREATE FUNCTION custom_everywhere(key text) RETURNS TABLE (query text, one text, two text) LANGUAGE plpgsql AS $$
BEGIN
	FOREACH query IN ARRAY ARRAY[
		'SELECT current_setting(''app.x'', true) AS v',
		'SELECT current_setting(''APP.X'') AS v',
		'SELECT current_setting(''app.'' || ''x'') AS v',
		'SELECT s.v FROM shadow, (SELECT current_setting(''app.x'')) s(v)',
		'SELECT max(x) AS v FROM (VALUES (current_setting(''app.x''))) s(x)',
		'SELECT current_setting(''app.x'') AS v FROM shadow WHERE current_setting(''app.x'') <> '''' ORDER BY 1 LIMIT 1',
		'SELECT v FROM custom',
		'SELECT custom_sql() AS v',
		'SELECT v FROM custom_sql() v',
		'SELECT custom_plpgsql() AS v']
	LOOP
		PERFORM set_config('app.x', 'one', false);
		one := cache_fetch_row(key, query) ->> 'v';
		PERFORM set_config('app.x', 'two', false);
		two := cache_fetch_row(key, query) ->> 'v';
		RETURN NEXT;
	END LOOP;
END $$;
SELECT bypass_setting AS before FROM cache_stats WHERE cache = 'ri' \gset
SELECT * FROM custom_everywhere('ri:custom');
SELECT bypass_setting - :before AS bypassed,
	(SELECT count(*) FROM cache_entries WHERE key = 'ri:custom' AND state = 'fresh' AND database = current_database()) AS cached
	FROM cache_stats WHERE cache = 'ri';
-- a scope that names the setting, or another one, makes no difference
SELECT cache_define('ri_x', jitter => 0, xfetch_beta => 0, scope => 'setting:app.x');
SELECT cache_define('ri_y', jitter => 0, xfetch_beta => 0, scope => 'setting:app.y');
SELECT * FROM custom_everywhere('ri_x:custom');
SELECT bypass_setting, l1_hits FROM cache_stats WHERE cache = 'ri_x' \gset before_
SELECT * FROM custom_everywhere('ri_x:custom') WHERE one <> 'one' OR two <> 'two';
SELECT l1_hits - :before_l1_hits AS hits FROM cache_stats WHERE cache = 'ri_x';
SELECT cache_fetch_row('ri_y:custom', 'SELECT current_setting(''app.x'') AS v');
SET app.x = 'third';
SELECT cache_fetch_row('ri_y:custom', 'SELECT current_setting(''app.x'') AS v');
SELECT cache_fetch_row('ri_shared:custom', 'SELECT current_setting(''app.x'') AS v');
SET app.x = 'fourth';
SELECT cache_fetch_row('ri_shared:custom', 'SELECT current_setting(''app.x'') AS v');
RESET app.x;

--
-- Scope 'shared': one entry for all roles
--
CREATE TABLE common AS SELECT 'common' AS v;
GRANT SELECT ON common TO regress_cf_alice, regress_cf_bob;
DO $$ BEGIN PERFORM counted('ri_shared'); END $$;
SET ROLE regress_cf_alice;
SELECT cache_fetch_row('ri_shared:1', 'SELECT v FROM common');
SELECT cache_set('ri_shared:2', '"for all"');
SET ROLE regress_cf_bob;
SELECT cache_fetch_row('ri_shared:1', 'SELECT v FROM common');
SELECT cache_get('ri_shared:2');
SET SESSION AUTHORIZATION regress_cf_alice;
SELECT cache_fetch_row('ri_shared:1', 'SELECT v FROM common');
RESET SESSION AUTHORIZATION;
SELECT counted('ri_shared');
SELECT key, role, session_role FROM cache_entries WHERE key LIKE 'ri_shared:%' AND state = 'fresh' ORDER BY key;
-- for those who may read it themselves
SET ROLE regress_cf_readers;
SELECT cache_fetch_row('ri_shared:1', 'SELECT v FROM common');
RESET ROLE;
REVOKE SELECT ON common FROM regress_cf_bob;
SET ROLE regress_cf_alice;
SELECT cache_fetch_row('ri_shared:1', 'SELECT v FROM common');
SET ROLE regress_cf_bob;
SELECT cache_fetch_row('ri_shared:1', 'SELECT v FROM common');
RESET ROLE;
DO $$ BEGIN PERFORM counted('ri_shared'); END $$;
-- all the rest still tells entries apart
SET ROLE regress_cf_alice;
SET TimeZone = 'Asia/Tokyo';
SELECT cache_fetch_row('ri_shared:1', 'SELECT v FROM common');
RESET TimeZone;
RESET ROLE;
SELECT counted('ri_shared');

SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 207;
SELECT cache_drop('ri'), cache_drop('ri_tenant'), cache_drop('ri_shared'), cache_drop('ri_x'), cache_drop('ri_y');
SELECT cache_flush();
DROP SCHEMA regress_cf_scope CASCADE;
DROP ROLE regress_cf_alice, regress_cf_bob, regress_cf_readers;
