-- Key/value (cache-aside): reads see the transaction's own writes; writes
-- take effect at commit.

CREATE FUNCTION cache_get(key text)
RETURNS json
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cachefront_get';
COMMENT ON FUNCTION cache_get(text) IS
'value that cache_set stored under a key, or NULL';

-- Untyped literals and parameters are text, by PostgreSQL's rules.
CREATE FUNCTION cache_set(key text, value json,
                          ttl interval DEFAULT NULL, tags text[] DEFAULT NULL,
                          token text DEFAULT NULL)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cachefront_set';
COMMENT ON FUNCTION cache_set(text, json, interval, text[], text) IS
'store a value under a key when this transaction commits; false if it will not be kept';

CREATE FUNCTION cache_set(key text, value jsonb,
                          ttl interval DEFAULT NULL, tags text[] DEFAULT NULL,
                          token text DEFAULT NULL)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cachefront_set_jsonb';
COMMENT ON FUNCTION cache_set(text, jsonb, interval, text[], text) IS
'store a value under a key when this transaction commits; false if it will not be kept';

CREATE FUNCTION cache_set(key text, value text,
                          ttl interval DEFAULT NULL, tags text[] DEFAULT NULL,
                          token text DEFAULT NULL)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cachefront_set_text';
COMMENT ON FUNCTION cache_set(text, text, interval, text[], text) IS
'store JSON, given as text, under a key when this transaction commits; false if it will not be kept';

CREATE FUNCTION cache_delete(VARIADIC keys text[])
RETURNS void
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cachefront_delete';
COMMENT ON FUNCTION cache_delete(text[]) IS
'drop everything cached under the keys when this transaction commits';

CREATE FUNCTION cache_touch(key text, ttl interval DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cachefront_touch';
COMMENT ON FUNCTION cache_touch(text, interval) IS
'restart the time to live of a value that cache_set stored, when this transaction commits';

-- Claims: one computes what no query gives, the others wait for it.

CREATE FUNCTION cache_claim(key text, wait interval DEFAULT '5 seconds',
                            hold interval DEFAULT '30 seconds', token text DEFAULT NULL,
                            OUT value json, OUT token text, OUT state text)
RETURNS record
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cachefront_claim';
COMMENT ON FUNCTION cache_claim(text, interval, interval, text) IS
'value that cache_set stored under a key, or the token of the claim to compute it, or a wait for who has that';

CREATE FUNCTION cache_renew(key text, token text, hold interval DEFAULT '30 seconds')
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cachefront_renew';
COMMENT ON FUNCTION cache_renew(text, text, interval) IS
'begin the time of a claim anew; false if somebody else has it by now';

CREATE FUNCTION cache_release(key text, token text)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cachefront_release';
COMMENT ON FUNCTION cache_release(text, text) IS
'give a claim back without a value, at once; false if it was not the token''s';
