-- Keys that Redis may not have dropped yet. With cachefront.redis_commit = sync a commit
-- writes them here, and the database's worker deletes what Redis has got: see
-- src/invalidate/outbox.c. No index, no trigger, no constraint: the library
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

CREATE VIEW cache_outbox_status AS
SELECT count(*) AS rows, coalesce(sum(cardinality(keys)), 0) AS keys,
       min(created) AS oldest, now() - min(created) AS age
FROM cache_outbox;
COMMENT ON VIEW cache_outbox_status IS
'one row: how much of this database Redis may not have dropped yet, and since when';
