-- Invalidations that Redis has not got yet. A commit writes them here when it
-- cannot reach Redis, and the database's worker delivers them: see
-- src/invalidate/outbox.c. No index, no trigger, no constraint: the library
-- writes and deletes rows without SQL. They are of this server alone, so that
-- pg_dump and logical replication leave them out.

CREATE TABLE cache_outbox (
    created timestamptz,
    keys    text[],
    tags    text[]
);
COMMENT ON TABLE cache_outbox IS
'invalidations that wait for Redis: keys and tags of transactions that committed while it could not be reached';
ALTER TABLE cache_outbox REPLICA IDENTITY NOTHING;
REVOKE ALL ON TABLE cache_outbox FROM PUBLIC;
-- pg_dump looks at every table before it leaves some out.
GRANT SELECT ON TABLE cache_outbox TO pg_database_owner;
