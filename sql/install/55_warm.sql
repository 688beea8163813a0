-- Warming: how far it is, whether the server is ready, and which keys are asked for most.

CREATE FUNCTION cache_warming_data(
    OUT source text, OUT database name, OUT cache text, OUT done bigint, OUT total bigint,
    OUT errors bigint, OUT started timestamptz, OUT ended timestamptz)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 5
AS 'MODULE_PATHNAME', 'cachefront_warming';
COMMENT ON FUNCTION cache_warming_data() IS 'data of the view cache_warming';

CREATE VIEW cache_warming AS SELECT * FROM cache_warming_data();
COMMENT ON VIEW cache_warming IS
'a row for each thing that fills memory before it is asked for: what the last stop has saved, hot keys from Redis, calls of cache_warm';

CREATE FUNCTION cache_ready()
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cachefront_ready';
COMMENT ON FUNCTION cache_ready() IS
'whether memory is as warm as the start makes it, or cachefront.warm_timeout is over; once true it stays so until the next start';

CREATE FUNCTION cache_hot_keys_data(
    OUT database name, OUT key text, OUT cache text, OUT role name, OUT session_role name,
    OUT form text, OUT hits bigint, OUT uncertain bigint, OUT value_bytes bigint, OUT identity text)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 5000
AS 'MODULE_PATHNAME', 'cachefront_hot_keys';
COMMENT ON FUNCTION cache_hot_keys_data() IS 'data of the view cache_hot_keys';

CREATE VIEW cache_hot_keys AS SELECT * FROM cache_hot_keys_data();
COMMENT ON VIEW cache_hot_keys IS
'entries that are asked for most on this server, of all databases, the most first';

REVOKE ALL ON FUNCTION cache_warming_data(), cache_hot_keys_data() FROM PUBLIC;
REVOKE ALL ON cache_warming, cache_hot_keys FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cache_warming_data(), cache_hot_keys_data() TO pg_monitor;
GRANT SELECT ON cache_warming, cache_hot_keys TO pg_monitor;
