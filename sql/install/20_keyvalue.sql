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
                          ttl interval DEFAULT NULL, tags text[] DEFAULT NULL)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cachefront_set';
COMMENT ON FUNCTION cache_set(text, json, interval, text[]) IS
'store a value under a key when this transaction commits; false if it will not be kept';

CREATE FUNCTION cache_set(key text, value jsonb,
                          ttl interval DEFAULT NULL, tags text[] DEFAULT NULL)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cachefront_set_jsonb';
COMMENT ON FUNCTION cache_set(text, jsonb, interval, text[]) IS
'store a value under a key when this transaction commits; false if it will not be kept';

CREATE FUNCTION cache_set(key text, value text,
                          ttl interval DEFAULT NULL, tags text[] DEFAULT NULL)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cachefront_set_text';
COMMENT ON FUNCTION cache_set(text, text, interval, text[]) IS
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
