-- What cache_set takes, and how it says that a value will not be kept.
SET client_min_messages = notice;
SET cachefront.l1_max_value = '1kB';
SELECT cache_set('rk:json', '{"a":  1}'::json), cache_set('rk:jsonb', '{"a":  1}'::jsonb), cache_set('rk:text', '{"a":  1}'::text),
	cache_set('rk:literal', '{"a":  1}'), cache_set('rk:scalar', '"s"'), cache_set('rk:nul', 'null'::jsonb),
	cache_set('rk:to', to_json('text'::text)), cache_set('rk:named', value => '[]', ttl => '1 min', tags => '{rk}');
SELECT k, cache_get('rk:' || k) FROM unnest('{json,jsonb,text,literal,scalar,nul,to,named}'::text[]) k;
PREPARE keep AS SELECT cache_set($1, $2);
EXECUTE keep('rk:prep', '[1]');
SELECT cache_get('rk:prep');
DEALLOCATE keep;
-- too large: said, and the old value goes
SELECT cache_set('rk:large', '1');
SELECT cache_set('rk:large', to_jsonb(repeat('x', 2000)));
SELECT cache_get('rk:large') IS NULL AS gone;
-- in its transaction, too
BEGIN;
SELECT cache_set('rk:large', '2');
SELECT cache_set('rk:large', to_json(repeat('x', 2000)));
SELECT cache_get('rk:large') IS NULL AS gone;
COMMIT;
SELECT cache_get('rk:large') IS NULL AS gone;
-- just not too large
SELECT cache_set('rk:large', to_json(repeat('x', 1022)));
SELECT length(cache_get('rk:large') #>> '{}');
SELECT cache_set('rk:large', to_json(repeat('x', 1023)));
SET cachefront.l1_max_value = 0;
SELECT cache_set('rk:none', '1');
SELECT cache_get('rk:none') IS NULL AS none;
RESET cachefront.l1_max_value;
SELECT cache_set('rk:off', '1');
SET cachefront.enabled = off;
SELECT cache_set('rk:off', '2');
RESET cachefront.enabled;
SELECT cache_get('rk:off') IS NULL AS gone;
-- what is no JSON
SELECT cache_set('rk:bad', 'hello'); \echo :LAST_ERROR_SQLSTATE
SELECT cache_set('rk:bad', 'hello'::text); \echo :LAST_ERROR_SQLSTATE
SELECT cache_set('rk:bad', NULL); \echo :LAST_ERROR_SQLSTATE
SELECT cache_set('rk:bad', NULL::jsonb); \echo :LAST_ERROR_SQLSTATE
SELECT cache_set('rk:bad', 42); \echo :LAST_ERROR_SQLSTATE
SELECT cache_flush();
