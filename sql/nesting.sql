-- Caches whose names begin with each other: the longest name gives the settings,
-- the narrowest scope of all of them holds.
SET client_min_messages = warning;
CREATE ROLE regress_cf_nester;
CREATE SCHEMA regress_cf_nesting;
SET search_path = regress_cf_nesting, public;
GRANT USAGE ON SCHEMA regress_cf_nesting TO regress_cf_nester;
CREATE FUNCTION scope_of(key text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(value, ', ' ORDER BY item) FROM cache_explain(key, 'SELECT 1') WHERE item IN ('cache', 'scope', 'ttl') $$;
SET client_min_messages = notice;

-- a private cache whose keys may be anything, and a shared one
SELECT cache_define('rn', ttl => '10 s');
SELECT cache_define('rn:b', ttl => '20 s', scope => 'shared');
SELECT scope_of('rn:b:d'), scope_of('rn:bb:d'), scope_of('rnb:d');
SELECT cache_set('rn:b:d', '"mine"');
SET ROLE regress_cf_nester;
SELECT cache_get('rn:b:d');
RESET ROLE;
SELECT cache_get('rn:b:d');
SELECT cache_fetch('rn:b:e', 'SELECT current_user = ''regress_cf_nester'' AS a');
SET ROLE regress_cf_nester;
SELECT cache_fetch('rn:b:e', 'SELECT current_user = ''regress_cf_nester'' AS a');
RESET ROLE;
-- in between, above, below
SELECT cache_define('rn:b:c', scope => 'role');
SELECT cache_define('rn:b:c:d', scope => 'shared');
SELECT scope_of('rn:b:c:d:e');
SELECT cache_drop('rn');
SET client_min_messages = warning;
SELECT scope_of('rn:b:x'), scope_of('rn:b:c:d:e');
SELECT cache_define('rn', scope => 'setting:rn.tenant');
SELECT scope_of('rn:b:x'), scope_of('rn:b:c:d:e');
-- of two settings both count
SELECT cache_define('rn:b', scope => 'setting:rn.region');
SELECT scope_of('rn:b:x');
SET rn.tenant = 1;
SET rn.region = 1;
SELECT cache_set('rn:b:x', '11');
SELECT cache_fetch('rn:b:y', 'SELECT 11 AS a');
SELECT cache_get('rn:b:x');
SET rn.tenant = 2;
SELECT cache_get('rn:b:x');
SET rn.region = 2;
SELECT cache_get('rn:b:x');
SET rn.tenant = 1;
SELECT cache_get('rn:b:x');
SET rn.region = 1;
SELECT cache_get('rn:b:x');
SELECT loads FROM cache_stats WHERE cache = 'rn:b' \gset before_
SELECT cache_fetch('rn:b:y', 'SELECT 11 AS a');
SET rn.tenant = 2;
SELECT cache_fetch('rn:b:y', 'SELECT 11 AS a');
SELECT loads - :before_loads AS loads FROM cache_stats WHERE cache = 'rn:b';
-- nor inside of a query whose entry has the one scope alone
SELECT cache_define('ro', scope => 'setting:rn.region');
SET rn.tenant = 1;
SELECT cache_fetch('ro:x', 'SELECT cache_fetch(''rn:b:y'', ''SELECT 11 AS a'') AS a');
SET rn.tenant = 2;
SELECT loads FROM cache_stats WHERE cache = 'ro' \gset before_
SELECT cache_fetch('ro:x', 'SELECT cache_fetch(''rn:b:y'', ''SELECT 11 AS a'') AS a');
SELECT loads - :before_loads AS loads FROM cache_stats WHERE cache = 'ro';
-- the same one twice is one; and so is 'shared'
SELECT cache_define('rn:b', scope => 'setting:RN.Tenant');
SELECT cache_define('ro', scope => 'shared'), cache_define('ro:a', scope => 'shared'), cache_define('ro:b', scope => 'role');
SELECT scope_of('ro:a:1'), scope_of('ro:b:1');

SELECT cache_drop(name) FROM cache_definitions WHERE name ~ '^r[no](:|$)';
SELECT cache_flush();
DROP SCHEMA regress_cf_nesting CASCADE;
DROP ROLE regress_cf_nester;
