-- Keys that Redis may not have dropped yet. With cachefront.redis_commit = sync a commit
-- writes them here, and the database's worker deletes what Redis has got: see
-- src/publish/outbox.c. No index, no trigger, no constraint: the library
-- writes and deletes rows without SQL. They are of this server alone, so that
-- pg_dump and logical replication leave them out.

CREATE TABLE cache_outbox (
    created timestamptz,
    keys    text[]
);
COMMENT ON TABLE cache_outbox IS
'keys that Redis may not have dropped yet, of transactions that committed with cachefront.redis_commit = sync';
ALTER TABLE cache_outbox REPLICA IDENTITY NOTHING;
REVOKE ALL ON TABLE cache_outbox FROM PUBLIC;
-- pg_dump looks at every table before it leaves some out.
GRANT SELECT ON TABLE cache_outbox TO pg_database_owner;

-- With its owner's rights: it counts, and shows no key.
CREATE FUNCTION cache_outbox_status_data(
    OUT rows bigint, OUT keys bigint, OUT oldest timestamptz, OUT age interval)
RETURNS record
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT pg_catalog.count(*),
           coalesce(pg_catalog.sum(pg_catalog.cardinality(o.keys)), 0)::bigint,
           pg_catalog.min(o.created),
           pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) pg_catalog.min(o.created)
    FROM cache_outbox o;
END;
COMMENT ON FUNCTION cache_outbox_status_data() IS 'data of the view cache_outbox_status';

CREATE VIEW cache_outbox_status AS SELECT * FROM cache_outbox_status_data();
COMMENT ON VIEW cache_outbox_status IS
'one row: how much of this database Redis may not have dropped yet, and since when';
GRANT SELECT ON cache_outbox_status TO PUBLIC, pg_monitor;
