-- Write-behind: writes that are taken now, merged by key, and applied to their table a
-- moment later by the database's worker. See src/behind/README.md.
--
-- The queue is written and read by the library without SQL, so that neither the session's
-- role, search_path, row security nor triggers and rules matter. Its rows are not logged
-- for logical decoding, and nobody is told of those that go: it is of this server alone.

CREATE TABLE cache_writers (
    name           text COLLATE "C" PRIMARY KEY,
    write          text,
    arg_types      regtype[],
    value_type     regtype,
    merge          text,
    buffer         text,
    flush_interval interval,
    flush_rows     integer,
    missing        text,
    security       text,
    writers        name[],
    search_path    text,
    owner          name
);
COMMENT ON TABLE cache_writers IS
'statement and settings of each writer that cache_define_writer registered, and the role that it belongs to';
SELECT pg_catalog.pg_extension_config_dump('cache_writers', '');
REVOKE ALL ON TABLE cache_writers FROM PUBLIC;
-- To dump and to restore it. Whose a restored writer is, its trigger decides.
GRANT SELECT, INSERT ON TABLE cache_writers TO pg_database_owner;

CREATE FUNCTION cache_writers_changed()
RETURNS trigger
LANGUAGE C
AS 'MODULE_PATHNAME', 'cachefront_writers_changed';
COMMENT ON FUNCTION cache_writers_changed() IS
'trigger that tells every session that the writers changed, and that lets nobody name another role as an owner';
REVOKE ALL ON FUNCTION cache_writers_changed() FROM PUBLIC;

CREATE TRIGGER cache_writers_changed
AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cache_writers
FOR EACH STATEMENT EXECUTE FUNCTION cache_writers_changed();
ALTER TABLE cache_writers ENABLE ALWAYS TRIGGER cache_writers_changed;
COMMENT ON TRIGGER cache_writers_changed ON cache_writers IS
'tells every session that the writers changed';
CREATE TRIGGER cache_writers_owner
BEFORE INSERT OR UPDATE ON cache_writers
FOR EACH ROW EXECUTE FUNCTION cache_writers_changed();
ALTER TABLE cache_writers ENABLE ALWAYS TRIGGER cache_writers_owner;
COMMENT ON TRIGGER cache_writers_owner ON cache_writers IS
'a writer of a role that whoever writes the row is no member of belongs to nobody';

CREATE TABLE cache_write_queue (
    writer  text,
    args    text[],
    value   text,
    created timestamptz,
    number  bigint,
    applied xid8
) WITH (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.0,
        autovacuum_vacuum_insert_threshold = -1);
COMMENT ON TABLE cache_write_queue IS
'writes that were taken and are not applied yet; with applied: the last one of its key that was, kept until no older one can come';
ALTER TABLE cache_write_queue REPLICA IDENTITY NOTHING;
REVOKE ALL ON TABLE cache_write_queue FROM PUBLIC;
-- pg_dump looks at every table before it leaves some out.
GRANT SELECT ON TABLE cache_write_queue TO pg_database_owner;

CREATE SEQUENCE cache_write_number;
COMMENT ON SEQUENCE cache_write_number IS 'which of two cache_put of one key came later';
SELECT pg_catalog.pg_extension_config_dump('cache_write_number', '');
REVOKE ALL ON SEQUENCE cache_write_number FROM PUBLIC;
GRANT SELECT, UPDATE ON SEQUENCE cache_write_number TO pg_database_owner;

CREATE TABLE cache_dead_writes (
    writer   text,
    args     text[],
    value    text,
    sqlstate text,
    error    text,
    at       timestamptz
);
COMMENT ON TABLE cache_dead_writes IS
'writes that their statement refused; cache_retry_writes puts them into the queue again';
SELECT pg_catalog.pg_extension_config_dump('cache_dead_writes', '');
ALTER TABLE cache_dead_writes REPLICA IDENTITY NOTHING;
REVOKE ALL ON TABLE cache_dead_writes FROM PUBLIC;
GRANT SELECT, INSERT ON TABLE cache_dead_writes TO pg_database_owner;

CREATE FUNCTION cache_define_writer(name text, write text, arg_types regtype[],
                                    value_type regtype DEFAULT 'bigint', merge text DEFAULT 'sum',
                                    flush_interval interval DEFAULT '1 s', flush_rows integer DEFAULT 1000,
                                    buffer text DEFAULT 'table', missing text DEFAULT 'dead',
                                    security text DEFAULT NULL, writers name[] DEFAULT NULL,
                                    discard boolean DEFAULT false)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_define_writer';
COMMENT ON FUNCTION cache_define_writer(text, text, regtype[], regtype, text, interval, integer, text, text, text, name[], boolean) IS
'register a statement that applies merged writes';

CREATE FUNCTION cache_drop_writer(name text, discard boolean DEFAULT false)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_drop_writer';
COMMENT ON FUNCTION cache_drop_writer(text, boolean) IS
'forget a writer; true if there was one. With discard what it has not applied is thrown away';

CREATE FUNCTION cache_retry_writes(name text)
RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_retry_writes';
COMMENT ON FUNCTION cache_retry_writes(text) IS
'put the dead writes of a writer into the queue again; returns how many';

CREATE FUNCTION cache_flush_writes(timeout interval DEFAULT '30 s')
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_flush_writes';
COMMENT ON FUNCTION cache_flush_writes(interval) IS
'wait until all that was committed before is applied; false if that took longer';

REVOKE ALL ON FUNCTION
    cache_define_writer(text, text, regtype[], regtype, text, interval, integer, text, text, text, name[], boolean),
    cache_drop_writer(text, boolean), cache_retry_writes(text), cache_flush_writes(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    cache_define_writer(text, text, regtype[], regtype, text, interval, integer, text, text, text, name[], boolean),
    cache_drop_writer(text, boolean), cache_retry_writes(text), cache_flush_writes(interval) TO pg_database_owner;

-- Whoever may run the statement, or is among the writer's writers, may call these.

CREATE FUNCTION cache_add(name text, by numeric)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_add';
COMMENT ON FUNCTION cache_add(text, numeric) IS
'without arguments: add to what a writer sums up';

CREATE FUNCTION cache_add(name text, by numeric, VARIADIC args "any")
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_add';
COMMENT ON FUNCTION cache_add(text, numeric, VARIADIC "any") IS
'add to what a writer sums up for a key';

CREATE FUNCTION cache_add(name text, by numeric, VARIADIC args text[])
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_add';
COMMENT ON FUNCTION cache_add(text, numeric, VARIADIC text[]) IS
'with untyped arguments: add to what a writer sums up for a key';

CREATE FUNCTION cache_put(name text, value "any")
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_put';
COMMENT ON FUNCTION cache_put(text, "any") IS
'without arguments: give a writer of last, max or min a value';

CREATE FUNCTION cache_put(name text, value text)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_put';
COMMENT ON FUNCTION cache_put(text, text) IS
'without arguments, untyped: give a writer of last, max or min a value';

CREATE FUNCTION cache_put(name text, value "any", VARIADIC args "any")
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_put';
COMMENT ON FUNCTION cache_put(text, "any", VARIADIC "any") IS
'give a writer of last, max or min a value for a key';

CREATE FUNCTION cache_put(name text, value text, VARIADIC args text[])
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_put';
COMMENT ON FUNCTION cache_put(text, text, VARIADIC text[]) IS
'untyped: give a writer of last, max or min a value for a key';

CREATE FUNCTION cache_pending(name text, OUT args text[], OUT value text)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1000
AS 'MODULE_PATHNAME', 'cachefront_pending_all';
COMMENT ON FUNCTION cache_pending(text) IS
'what a writer has taken and not applied yet, a row per key';

CREATE FUNCTION cache_pending(name text, VARIADIC args "any")
RETURNS numeric
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_pending';
COMMENT ON FUNCTION cache_pending(text, VARIADIC "any") IS
'what a writer of numbers has taken for a key and not applied yet: 0 if nothing is to be added, else null';

CREATE FUNCTION cache_pending(name text, VARIADIC args text[])
RETURNS numeric
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_pending';
COMMENT ON FUNCTION cache_pending(text, VARIADIC text[]) IS
'with untyped arguments: what a writer of numbers has taken for a key and not applied yet';

CREATE FUNCTION cache_writes_data(
    OUT name text, OUT state text, OUT buffered bigint, OUT oldest timestamptz, OUT flushed bigint,
    OUT statements bigint, OUT unmatched bigint, OUT retries bigint, OUT dead bigint,
    OUT last_error text, OUT retry_at timestamptz)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 20
AS 'MODULE_PATHNAME', 'cachefront_writes';
COMMENT ON FUNCTION cache_writes_data() IS 'data of the view cache_writes';

CREATE VIEW cache_writes AS SELECT * FROM cache_writes_data();
COMMENT ON VIEW cache_writes IS
'a row per writer of this database: what it has taken and not applied yet, and how that goes';
REVOKE ALL ON FUNCTION cache_writes_data() FROM PUBLIC;
REVOKE ALL ON cache_writes FROM PUBLIC;
GRANT SELECT ON cache_writes TO pg_monitor, pg_database_owner;
GRANT EXECUTE ON FUNCTION cache_writes_data() TO pg_monitor, pg_database_owner;
