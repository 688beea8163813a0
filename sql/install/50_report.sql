-- Reports: what is cached, how well it works, and why something is not cached.

CREATE FUNCTION cache_explain(key text, query text, args "any" DEFAULT NULL,
                              tags text[] DEFAULT NULL)
RETURNS TABLE (item text, value text)
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 20
AS 'MODULE_PATHNAME', 'cachefront_explain';
COMMENT ON FUNCTION cache_explain(text, text, "any", text[]) IS
'whether a fetch would be cached, under which identity, what it depends on, and why not';

CREATE FUNCTION cache_explain(query text, args "any" DEFAULT NULL)
RETURNS TABLE (item text, value text)
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 20
AS 'MODULE_PATHNAME', 'cachefront_explain_query';
COMMENT ON FUNCTION cache_explain(text, "any") IS
'whether a plain statement would be served from the cache, what it depends on, and why not';

CREATE FUNCTION cache_status_data(
    OUT version text, OUT enabled boolean, OUT l2 text,
    OUT l1_size bigint, OUT l1_bytes bigint, OUT l1_entries bigint,
    OUT l1_max_value bigint, OUT l1_partitions integer, OUT l1_evictions bigint,
    OUT clock_slots integer, OUT flights integer, OUT waiters integer,
    OUT definitions integer, OUT stats_reset timestamptz,
    OUT l2_obstacle text, OUT redis_queue bigint, OUT breaker text, OUT breaker_since timestamptz,
    OUT breaker_retry timestamptz, OUT redis_error text, OUT redis_error_at timestamptz,
    OUT redis_calls bigint, OUT redis_failures bigint, OUT redis_timeouts bigint,
    OUT redis_oom_replies bigint, OUT breaker_opens bigint, OUT redis_refusals bigint,
    OUT worker_obstacle text, OUT wal_unread bigint)
RETURNS record
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cachefront_status';
COMMENT ON FUNCTION cache_status_data() IS 'data of the view cache_status';

CREATE VIEW cache_status AS SELECT * FROM cache_status_data();
COMMENT ON VIEW cache_status IS 'one row: tiers, memory and flights of the cache on this server';

CREATE FUNCTION cache_stats_data(
    OUT cache text, OUT fetches bigint, OUT l1_hits bigint, OUT negative_hits bigint,
    OUT stale_hits bigint, OUT max_stale_hits bigint, OUT verified bigint,
    OUT verify_failures bigint, OUT misses bigint,
    OUT loads bigint, OUT load_errors bigint,
    OUT flight_handovers bigint, OUT flight_timeouts bigint, OUT early_refreshes bigint,
    OUT worker_refreshes bigint, OUT worker_refresh_errors bigint,
    OUT refreshes bigint, OUT refresh_errors bigint, OUT refreshes_skipped bigint,
    OUT refreshes_refused bigint,
    OUT bypass_disabled bigint, OUT bypass_serializable bigint,
    OUT bypass_repeatable_read bigint, OUT bypass_own_writes bigint,
    OUT bypass_row_security bigint, OUT bypass_temporary bigint, OUT bypass_setting bigint,
    OUT bypass_session bigint, OUT bypass_rights bigint,
    OUT fills bigint, OUT fills_refused bigint, OUT too_large bigint, OUT no_memory bigint,
    OUT evictions bigint, OUT gets bigint, OUT get_hits bigint, OUT sets bigint,
    OUT touches bigint, OUT invalidated_keys bigint, OUT invalidated_tags bigint,
    OUT l2_hits bigint, OUT l2_misses bigint, OUT l2_fills bigint,
    OUT l2_fills_refused bigint, OUT l2_bad_values bigint, OUT l2_foreign bigint,
    OUT l2_lease_waits bigint,
    OUT l2_deletes bigint, OUT l2_deletes_lost bigint,
    OUT sync_waits bigint, OUT sync_failures bigint,
    OUT outbox_written bigint, OUT outbox_delivered bigint,
    OUT blind_commits bigint, OUT late_writes bigint, OUT standby_behind bigint,
    OUT claims bigint, OUT claims_inherited bigint, OUT claim_waits bigint,
    OUT claim_timeouts bigint, OUT claim_sets_refused bigint)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 20
AS 'MODULE_PATHNAME', 'cachefront_stats';
COMMENT ON FUNCTION cache_stats_data() IS 'data of the view cache_stats';

CREATE VIEW cache_stats AS SELECT * FROM cache_stats_data();
COMMENT ON VIEW cache_stats IS
'counters since the last reset: a row per cache of this database, ''(default)'' for keys of no cache, ''*'' for the whole server';

CREATE FUNCTION cache_summary_data(
    OUT database name, OUT cache text, OUT entries bigint, OUT bytes bigint,
    OUT lookups bigint, OUT hits bigint, OUT hit_ratio float8, OUT evictions bigint)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 20
AS 'MODULE_PATHNAME', 'cachefront_summary';
COMMENT ON FUNCTION cache_summary_data() IS 'data of the view cache_summary';

CREATE VIEW cache_summary AS SELECT * FROM cache_summary_data();
COMMENT ON VIEW cache_summary IS
'a row per cache of every database, and one for keys of no cache: what is in memory of it, and how well it works; does not look at the entries';

CREATE FUNCTION cache_latency_data(
    OUT operation text, OUT samples bigint, OUT p50_us float8, OUT p95_us float8,
    OUT p99_us float8, OUT max_us float8)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 3
AS 'MODULE_PATHNAME', 'cachefront_latency';
COMMENT ON FUNCTION cache_latency_data() IS 'data of the view cache_latency';

CREATE VIEW cache_latency AS SELECT * FROM cache_latency_data();
COMMENT ON VIEW cache_latency IS
'percentiles in microseconds of L1 hits (one in 16 is timed), loads, waits for another session''s load, hits in Redis, and round trips to it';

CREATE FUNCTION cache_latency_buckets_data(
    OUT operation text, OUT below_us float8, OUT samples bigint, OUT total_us float8)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 150
AS 'MODULE_PATHNAME', 'cachefront_latency_buckets';
COMMENT ON FUNCTION cache_latency_buckets_data() IS 'data of the view cache_latency_buckets';

CREATE VIEW cache_latency_buckets AS SELECT * FROM cache_latency_buckets_data();
COMMENT ON VIEW cache_latency_buckets IS
'for each operation of cache_latency and each power of two of nanoseconds, how many took less: for who adds up servers, or looks at the last minutes';

CREATE FUNCTION cache_entries_data(
    OUT database name, OUT key text, OUT cache text, OUT role name, OUT session_role name,
    OUT form text, OUT state text, OUT negative boolean, OUT bytes integer,
    OUT value_bytes integer, OUT dependencies integer, OUT load_ms float8,
    OUT filled_at timestamptz, OUT age interval, OUT ttl_left interval,
    OUT identity text, OUT query text, OUT settings text)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10000
AS 'MODULE_PATHNAME', 'cachefront_entries';
COMMENT ON FUNCTION cache_entries_data() IS 'data of the view cache_entries';

CREATE VIEW cache_entries AS SELECT * FROM cache_entries_data();
COMMENT ON VIEW cache_entries IS 'entries in shared memory, of all databases, without their values';

CREATE FUNCTION cache_inflight_data(
    OUT database name, OUT key text, OUT leader integer, OUT waiters integer,
    OUT started timestamptz, OUT age interval)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10
AS 'MODULE_PATHNAME', 'cachefront_inflight';
COMMENT ON FUNCTION cache_inflight_data() IS 'data of the view cache_inflight';

CREATE VIEW cache_inflight AS SELECT * FROM cache_inflight_data();
COMMENT ON VIEW cache_inflight IS 'loads that are under way, with the sessions that wait for each';

CREATE FUNCTION cache_advise_data(
    OUT query text, OUT calls bigint, OUT mean_ms float8, OUT would_hit float8,
    OUT distinct_calls float8, OUT changes float8, OUT bytes bigint, OUT saved float8,
    OUT verdict text, OUT reason text, OUT advice text)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 100
AS 'MODULE_PATHNAME', 'cachefront_advise';
COMMENT ON FUNCTION cache_advise_data() IS 'data of the view cache_advise';

CREATE VIEW cache_advise AS SELECT * FROM cache_advise_data() ORDER BY verdict <> 'cache it', saved DESC;
COMMENT ON VIEW cache_advise IS
'which statements of this database are worth caching, best first, and why others are not; learns while cachefront.transparent is observe or auto';

CREATE FUNCTION cache_stats_reset()
RETURNS void
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cachefront_stats_reset';
COMMENT ON FUNCTION cache_stats_reset() IS 'set all counters and latency histograms to zero';

REVOKE ALL ON FUNCTION cache_summary_data(), cache_latency_data(), cache_latency_buckets_data(),
    cache_entries_data(), cache_inflight_data(), cache_advise_data(), cache_stats_reset() FROM PUBLIC;
REVOKE ALL ON cache_summary, cache_latency, cache_latency_buckets, cache_entries,
    cache_inflight, cache_advise FROM PUBLIC;
GRANT SELECT ON cache_status, cache_stats TO PUBLIC;
GRANT SELECT ON cache_status, cache_stats, cache_summary, cache_latency, cache_latency_buckets,
    cache_entries, cache_inflight, cache_advise TO pg_monitor;
GRANT EXECUTE ON FUNCTION cache_status_data(), cache_stats_data(), cache_summary_data(),
    cache_latency_data(), cache_latency_buckets_data(), cache_entries_data(),
    cache_inflight_data(), cache_advise_data() TO pg_monitor;
