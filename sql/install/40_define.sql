-- Definitions: a cache is a key prefix with settings of its own. The table is
-- the only record; every backend keeps a copy that a change of the table
-- invalidates through the relation cache (see src/rules/define.c). cache_define and
-- cache_drop write it without SQL, so that no trigger on it runs for them (see
-- src/rules/deftable.c); the one below is for changes by hand and for pg_restore.

CREATE TABLE cache_definitions (
    name         text COLLATE "C" PRIMARY KEY,
    ttl          interval,
    negative_ttl interval,
    stale_ttl    interval,
    jitter       float8,
    xfetch_beta  float8,
    scope        text,
    max_stale    interval,
    freshness    text,
    query        text,
    arg_types    regtype[],
    version      text,
    refresh_after interval,
    search_path  text,
    owner        name
);
COMMENT ON TABLE cache_definitions IS
'settings and query of each cache that cache_define registered, and the role that it belongs to; a NULL column means the server''s default';
SELECT pg_catalog.pg_extension_config_dump('cache_definitions', '');
REVOKE ALL ON TABLE cache_definitions FROM PUBLIC;
-- The database's owner need not be a superuser to dump and to restore it.
GRANT SELECT, INSERT ON TABLE cache_definitions TO pg_database_owner;

CREATE FUNCTION cache_definitions_changed()
RETURNS trigger
LANGUAGE C
AS 'MODULE_PATHNAME', 'cachefront_definitions_changed';
COMMENT ON FUNCTION cache_definitions_changed() IS
'trigger that tells every session that the cache definitions changed';
REVOKE ALL ON FUNCTION cache_definitions_changed() FROM PUBLIC;

CREATE TRIGGER cache_definitions_changed
AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cache_definitions
FOR EACH STATEMENT EXECUTE FUNCTION cache_definitions_changed();
ALTER TABLE cache_definitions ENABLE ALWAYS TRIGGER cache_definitions_changed;
COMMENT ON TRIGGER cache_definitions_changed ON cache_definitions IS
'tells every session that the cache definitions changed';

CREATE FUNCTION cache_define(name text, query text DEFAULT NULL,
                             ttl interval DEFAULT NULL, negative_ttl interval DEFAULT NULL,
                             stale_ttl interval DEFAULT NULL, jitter float8 DEFAULT NULL,
                             xfetch_beta float8 DEFAULT NULL, scope text DEFAULT NULL,
                             max_stale interval DEFAULT NULL, freshness text DEFAULT NULL,
                             arg_types regtype[] DEFAULT NULL, version text DEFAULT NULL,
                             refresh_after interval DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_define';
COMMENT ON FUNCTION cache_define(text, text, interval, interval, interval, float8, float8, text, interval, text, regtype[], text, interval) IS
'register settings for every key that starts with the name and a colon';

CREATE FUNCTION cache_alter(name text, query text DEFAULT NULL,
                            ttl interval DEFAULT NULL, negative_ttl interval DEFAULT NULL,
                            stale_ttl interval DEFAULT NULL, jitter float8 DEFAULT NULL,
                            xfetch_beta float8 DEFAULT NULL, scope text DEFAULT NULL,
                            max_stale interval DEFAULT NULL, freshness text DEFAULT NULL,
                            arg_types regtype[] DEFAULT NULL, version text DEFAULT NULL,
                             refresh_after interval DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_alter';
COMMENT ON FUNCTION cache_alter(text, text, interval, interval, interval, float8, float8, text, interval, text, regtype[], text, interval) IS
'change settings of a cache; what is not named stays';

CREATE FUNCTION cache_drop(name text)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_drop';
COMMENT ON FUNCTION cache_drop(text) IS
'forget the settings of a cache; true if it was defined';

REVOKE ALL ON FUNCTION
    cache_define(text, text, interval, interval, interval, float8, float8, text, interval, text, regtype[], text, interval),
    cache_alter(text, text, interval, interval, interval, float8, float8, text, interval, text, regtype[], text, interval),
    cache_drop(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    cache_define(text, text, interval, interval, interval, float8, float8, text, interval, text, regtype[], text, interval),
    cache_alter(text, text, interval, interval, interval, float8, float8, text, interval, text, regtype[], text, interval),
    cache_drop(text) TO pg_database_owner;
