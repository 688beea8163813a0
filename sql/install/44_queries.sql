-- Marked queries: plain statements that are served without a comment of their own. As with
-- cache_definitions (40_define.sql) the table is the only record, the functions write it
-- without SQL, and the trigger is for changes by hand and for pg_restore.

CREATE TABLE cache_query_marks (
    name        text COLLATE "C" PRIMARY KEY,
    query       text,
    ttl         interval,
    max_stale   interval,
    tags        text[],
    search_path text,
    owner       name
);
COMMENT ON TABLE cache_query_marks IS
'queries that cache_query marked, and the role that each belongs to';
SELECT pg_catalog.pg_extension_config_dump('cache_query_marks', '');
REVOKE ALL ON TABLE cache_query_marks FROM PUBLIC;
-- The database's owner need not be a superuser to dump and to restore it.
GRANT SELECT, INSERT ON TABLE cache_query_marks TO pg_database_owner;

CREATE FUNCTION cache_query_marks_changed()
RETURNS trigger
LANGUAGE C
AS 'MODULE_PATHNAME', 'cachefront_query_marks_changed';
COMMENT ON FUNCTION cache_query_marks_changed() IS
'trigger that tells every session that the marked queries changed';
REVOKE ALL ON FUNCTION cache_query_marks_changed() FROM PUBLIC;

CREATE TRIGGER cache_query_marks_changed
AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cache_query_marks
FOR EACH STATEMENT EXECUTE FUNCTION cache_query_marks_changed();
ALTER TABLE cache_query_marks ENABLE ALWAYS TRIGGER cache_query_marks_changed;
COMMENT ON TRIGGER cache_query_marks_changed ON cache_query_marks IS
'tells every session that the marked queries changed';

CREATE FUNCTION cache_query(query text, name text DEFAULT NULL, ttl interval DEFAULT NULL,
                            max_stale interval DEFAULT NULL, tags text[] DEFAULT NULL)
RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_query';
COMMENT ON FUNCTION cache_query(text, text, interval, interval, text[]) IS
'mark plain statements that are like this one, so that cachefront.transparent = marked serves them; returns the name';

CREATE FUNCTION cache_query_drop(name text)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_query_drop';
COMMENT ON FUNCTION cache_query_drop(text) IS
'forget a marked query; true if there was one';

CREATE FUNCTION cache_queries_data(
    OUT name text, OUT query text, OUT cache text, OUT ttl interval, OUT max_stale interval,
    OUT tags text[], OUT search_path text, OUT owner name, OUT problem text)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 20
AS 'MODULE_PATHNAME', 'cachefront_queries';
COMMENT ON FUNCTION cache_queries_data() IS 'data of the view cache_queries';

CREATE VIEW cache_queries AS SELECT * FROM cache_queries_data();
COMMENT ON VIEW cache_queries IS
'a row per marked query of this database, and why no statement can be like it, if so';

REVOKE ALL ON FUNCTION cache_query(text, text, interval, interval, text[]), cache_query_drop(text),
    cache_queries_data() FROM PUBLIC;
REVOKE ALL ON cache_queries FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cache_query(text, text, interval, interval, text[]), cache_query_drop(text)
    TO pg_database_owner;
GRANT SELECT ON cache_queries TO pg_monitor, pg_database_owner;
GRANT EXECUTE ON FUNCTION cache_queries_data() TO pg_monitor, pg_database_owner;
