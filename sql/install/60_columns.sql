-- What docs/monitoring.md says of each column. Written by test/column_comments.sh.

COMMENT ON COLUMN cache_status.version IS
'of the library that is loaded';
COMMENT ON COLUMN cache_status.enabled IS
'cachefront.enabled, as this session has it';
COMMENT ON COLUMN cache_status.l2 IS
'Redis: off (none configured), up, down (the breaker is open, of a cluster those of all nodes), waiting (see l2_obstacle)';
COMMENT ON COLUMN cache_status.l1_size IS
'bytes of shared memory for entries';
COMMENT ON COLUMN cache_status.l1_bytes IS
'of those, taken by entries with their keys, including ones that are expired or invalidated and not dropped yet';
COMMENT ON COLUMN cache_status.l1_entries IS
'how many these are';
COMMENT ON COLUMN cache_status.l1_max_value IS
'bytes of the largest value that is kept in memory';
COMMENT ON COLUMN cache_status.l1_partitions IS
'locks that the entries are spread over';
COMMENT ON COLUMN cache_status.l1_evictions IS
'entries that had to go for others since the server started';
COMMENT ON COLUMN cache_status.clock_slots IS
'clocks that tags are spread over; two that share one invalidate each other. Rows that rules tell apart have four times as many';
COMMENT ON COLUMN cache_status.flights IS
'loads under way';
COMMENT ON COLUMN cache_status.waiters IS
'sessions that wait for one of these';
COMMENT ON COLUMN cache_status.definitions IS
'caches that cache_define has defined in this database';
COMMENT ON COLUMN cache_status.stats_reset IS
'since when the counters of cache_stats, cache_summary and cache_latency count';
COMMENT ON COLUMN cache_status.l2_obstacle IS
'why Redis is not used in this database, or which commands it refuses to its user (whose name members of pg_read_all_settings see), or null';
COMMENT ON COLUMN cache_status.redis_queue IS
'bytes of what commits have still to tell Redis';
COMMENT ON COLUMN cache_status.breaker IS
'closed (Redis is asked), open (nobody asks it), half-open (one tries it), partly open (so it is of some nodes of a cluster)';
COMMENT ON COLUMN cache_status.breaker_since IS
'since when it has been open';
COMMENT ON COLUMN cache_status.breaker_retry IS
'when it will be tried again';
COMMENT ON COLUMN cache_status.redis_error IS
'the last failure, for members of pg_read_all_settings';
COMMENT ON COLUMN cache_status.redis_error_at IS
'when that was';
COMMENT ON COLUMN cache_status.redis_calls IS
'round trips to Redis that were begun';
COMMENT ON COLUMN cache_status.redis_failures IS
'of those, failed: see redis_error';
COMMENT ON COLUMN cache_status.redis_timeouts IS
'of those, because no answer came in time';
COMMENT ON COLUMN cache_status.redis_oom_replies IS
'answers by which Redis refused to store for lack of memory';
COMMENT ON COLUMN cache_status.breaker_opens IS
'times that a breaker has opened';
COMMENT ON COLUMN cache_status.redis_refusals IS
'commands that Redis refused because its user lacks the right';
COMMENT ON COLUMN cache_status.worker_obstacle IS
'why work in the background is not done, or null: no launcher, no publisher, on a standby no follower, or no slot of max_worker_processes for a worker';
COMMENT ON COLUMN cache_status.wal_unread IS
'on a standby: bytes of WAL that are replayed and not read yet; nothing in memory is used until they are. Null: it writes, or nobody reads';

COMMENT ON COLUMN cache_outbox_status.rows IS
'of table cache_outbox';
COMMENT ON COLUMN cache_outbox_status.keys IS
'in these';
COMMENT ON COLUMN cache_outbox_status.oldest IS
'when the first of them was written, or null';
COMMENT ON COLUMN cache_outbox_status.age IS
'how long ago that was';

COMMENT ON COLUMN cache_writes.name IS
'of the writer';
COMMENT ON COLUMN cache_writes.state IS
'idle, running (something is buffered), paused (after an error that is no row''s fault), undefined (rows in the queue whose writer is gone)';
COMMENT ON COLUMN cache_writes.buffered IS
'writes that are committed and not applied yet';
COMMENT ON COLUMN cache_writes.oldest IS
'when the first of them was made';
COMMENT ON COLUMN cache_writes.flushed IS
'writes that were applied, since the server started';
COMMENT ON COLUMN cache_writes.statements IS
'by so many statements';
COMMENT ON COLUMN cache_writes.unmatched IS
'keys that had no row, with missing => ''ignore''';
COMMENT ON COLUMN cache_writes.retries IS
'times that a key was put aside because somebody had locked its row';
COMMENT ON COLUMN cache_writes.dead IS
'rows of cache_dead_writes';
COMMENT ON COLUMN cache_writes.last_error IS
'the last error of a flush, of a row or of the writer';
COMMENT ON COLUMN cache_writes.retry_at IS
'when a paused writer is tried again';

COMMENT ON COLUMN cache_summary.database IS
'whose cache it is; null for (default), which is of the server, and for a database that was dropped';
COMMENT ON COLUMN cache_summary.cache IS
'its name; (default) counts for all keys of no cache, and for caches beyond the 255th';
COMMENT ON COLUMN cache_summary.entries IS
'in memory now, including ones that are expired or invalidated and not dropped yet';
COMMENT ON COLUMN cache_summary.bytes IS
'of these, with their keys';
COMMENT ON COLUMN cache_summary.lookups IS
'fetches and gets of cache_stats';
COMMENT ON COLUMN cache_summary.hits IS
'l1_hits, l2_hits and get_hits of cache_stats';
COMMENT ON COLUMN cache_summary.hit_ratio IS
'hits by lookups; null without lookups';
COMMENT ON COLUMN cache_summary.evictions IS
'entries that had to go for others';

COMMENT ON COLUMN cache_stats.cache IS
'the name';
COMMENT ON COLUMN cache_stats.fetches IS
'calls of the cache_fetch family';
COMMENT ON COLUMN cache_stats.l1_hits IS
'answered from shared memory';
COMMENT ON COLUMN cache_stats.negative_hits IS
'of those, by a result without rows';
COMMENT ON COLUMN cache_stats.stale_hits IS
'answered by a value past its time to live';
COMMENT ON COLUMN cache_stats.max_stale_hits IS
'answered by a value that changed rows had outdated, for who asked for max_stale; mostly part of l1_hits';
COMMENT ON COLUMN cache_stats.verified IS
'hits that were compared with their query (cachefront.verify_rate), nothing having changed meanwhile; each is one of loads too';
COMMENT ON COLUMN cache_stats.verify_failures IS
'of those, different: the server''s log names the key';
COMMENT ON COLUMN cache_stats.misses IS
'fetches that found nothing in memory';
COMMENT ON COLUMN cache_stats.loads IS
'executions of a query, cached or not';
COMMENT ON COLUMN cache_stats.load_errors IS
'of those, failed';
COMMENT ON COLUMN cache_stats.flight_handovers IS
'answers taken from another session''s load';
COMMENT ON COLUMN cache_stats.flight_timeouts IS
'waits for another''s load that took cachefront.flight_timeout';
COMMENT ON COLUMN cache_stats.early_refreshes IS
'loads before the value expired (XFetch)';
COMMENT ON COLUMN cache_stats.worker_refreshes IS
'loads in the background (cachefront.refresh_workers)';
COMMENT ON COLUMN cache_stats.worker_refresh_errors IS
'such loads that failed or took too long: the server''s log says why';
COMMENT ON COLUMN cache_stats.refreshes IS
'values that a commit loaded itself, and published (write-through)';
COMMENT ON COLUMN cache_stats.refresh_errors IS
'such loads that failed, or took too long: their keys were invalidated';
COMMENT ON COLUMN cache_stats.refreshes_skipped IS
'keys that a commit only invalidated: too many, or not under READ COMMITTED, or by somebody else''s rights';
COMMENT ON COLUMN cache_stats.refreshes_refused IS
'such values not published, because something that they depend on changed meanwhile, or because they must not be shared';
COMMENT ON COLUMN cache_stats.bypass_disabled IS
'fetches past the cache because cachefront.enabled is off, or the role that the named loader belongs to is gone';
COMMENT ON COLUMN cache_stats.bypass_serializable IS
'because the transaction is SERIALIZABLE';
COMMENT ON COLUMN cache_stats.bypass_repeatable_read IS
'because of its REPEATABLE READ snapshot, for which no entry is proven';
COMMENT ON COLUMN cache_stats.bypass_own_writes IS
'because the transaction has written';
COMMENT ON COLUMN cache_stats.bypass_row_security IS
'because row security decides what the query returns';
COMMENT ON COLUMN cache_stats.bypass_temporary IS
'because the query reads a temporary table';
COMMENT ON COLUMN cache_stats.bypass_setting IS
'because the query fetches from a cache of narrower scope than its own';
COMMENT ON COLUMN cache_stats.bypass_session IS
'because the query calls a function that is not known to give the same in every session';
COMMENT ON COLUMN cache_stats.bypass_rights IS
'because the scope is shared, and functions in the query use the rights of who calls them';
COMMENT ON COLUMN cache_stats.fills IS
'values stored in memory';
COMMENT ON COLUMN cache_stats.fills_refused IS
'values not stored, because something that they depend on changed meanwhile, or the shape of the result since its key was made';
COMMENT ON COLUMN cache_stats.too_large IS
'values above cachefront.l1_max_value';
COMMENT ON COLUMN cache_stats.no_memory IS
'values for which no room could be made';
COMMENT ON COLUMN cache_stats.evictions IS
'entries that had to go for others';
COMMENT ON COLUMN cache_stats.gets IS
'calls of cache_get and cache_claim';
COMMENT ON COLUMN cache_stats.get_hits IS
'of those, answered';
COMMENT ON COLUMN cache_stats.sets IS
'calls of cache_set';
COMMENT ON COLUMN cache_stats.touches IS
'calls of cache_touch';
COMMENT ON COLUMN cache_stats.invalidated_keys IS
'keys that commits invalidated, by hand or by rules';
COMMENT ON COLUMN cache_stats.invalidated_tags IS
'tags likewise';
COMMENT ON COLUMN cache_stats.l2_hits IS
'answered from Redis';
COMMENT ON COLUMN cache_stats.l2_misses IS
'not found there';
COMMENT ON COLUMN cache_stats.l2_fills IS
'values stored there';
COMMENT ON COLUMN cache_stats.l2_fills_refused IS
'values not stored there: something came between, or Redis refused';
COMMENT ON COLUMN cache_stats.l2_bad_values IS
'values that are damaged, or that no server of this cluster has signed';
COMMENT ON COLUMN cache_stats.l2_foreign IS
'values that were loaded from other data than this server''s: by a copy of it, by a primary that was replaced, by another cluster';
COMMENT ON COLUMN cache_stats.l2_lease_waits IS
'waits for another server''s load';
COMMENT ON COLUMN cache_stats.l2_deletes IS
'commands by which Redis was told of commits: dropped keys, and values of cache_set';
COMMENT ON COLUMN cache_stats.l2_deletes_lost IS
'what it was not told of: no room in cachefront.redis_queue_size, or it refused';
COMMENT ON COLUMN cache_stats.sync_waits IS
'commits that waited for Redis, with redis_commit = sync';
COMMENT ON COLUMN cache_stats.sync_failures IS
'of those, gone on before Redis had heard';
COMMENT ON COLUMN cache_stats.outbox_written IS
'rows of cache_outbox written';
COMMENT ON COLUMN cache_stats.outbox_delivered IS
'rows that were deleted, as Redis had got them';
COMMENT ON COLUMN cache_stats.blind_commits IS
'commits in which track_counts was off for a moment: each dropped all entries of its database';
COMMENT ON COLUMN cache_stats.standby_behind IS
'looks in memory on a standby that found nothing usable, for the WAL was not read as far as it was replayed, in a millisecond: the query ran';
COMMENT ON COLUMN cache_stats.late_writes IS
'commits that another library''s callback added changes of tables or definitions to after cachefront had looked (the log says so): put cachefront first into shared_preload_libraries';
COMMENT ON COLUMN cache_stats.claims IS
'claims that cache_claim gave: each is a value that its caller went to compute';
COMMENT ON COLUMN cache_stats.claims_inherited IS
'of those, after the time of who had it before was over';
COMMENT ON COLUMN cache_stats.claim_waits IS
'calls of cache_claim that waited for who had the claim';
COMMENT ON COLUMN cache_stats.claim_timeouts IS
'calls of cache_claim that got neither a value nor the claim: the time was over, they must not wait, or there was no room';
COMMENT ON COLUMN cache_stats.claim_sets_refused IS
'values of cache_set with a token that were dropped: the claim was somebody else''s by then, or the key or a tag was invalidated meanwhile';

COMMENT ON COLUMN cache_latency.operation IS
'l1_hit, load (a query), flight_wait (for another session''s load), l2_hit (from the look in Redis until the value is proven), redis (a round trip)';
COMMENT ON COLUMN cache_latency.samples IS
'how many were timed: one in 16 of l1_hit, all of the others';
COMMENT ON COLUMN cache_latency.p50_us IS
'half of them took no longer, to an eighth';
COMMENT ON COLUMN cache_latency.p95_us IS
'95 of 100';
COMMENT ON COLUMN cache_latency.p99_us IS
'99 of 100';
COMMENT ON COLUMN cache_latency.max_us IS
'the longest';

COMMENT ON COLUMN cache_latency_buckets.operation IS
'as in cache_latency';
COMMENT ON COLUMN cache_latency_buckets.below_us IS
'a bound, twice the one before: from 0.256 on to 68 seconds, and Infinity';
COMMENT ON COLUMN cache_latency_buckets.samples IS
'how many took less, those of the rows before among them';
COMMENT ON COLUMN cache_latency_buckets.total_us IS
'how long these took together, to a sixteenth';

COMMENT ON COLUMN cache_entries.database IS
'the key''s; null if it was dropped';
COMMENT ON COLUMN cache_entries.key IS
'the key; of another encoding it is escaped as bytea is';
COMMENT ON COLUMN cache_entries.cache IS
'whose settings it has';
COMMENT ON COLUMN cache_entries.role IS
'who alone may use it: the effective role; null with scope shared';
COMMENT ON COLUMN cache_entries.session_role IS
'and the session''s user; likewise';
COMMENT ON COLUMN cache_entries.form IS
'json (cache_fetch, cache_fetch_row), rows (cache_fetch_rows), value (cache_set), tuples (a plain SELECT)';
COMMENT ON COLUMN cache_entries.state IS
'fresh, stale (may still answer instead of an error), expired, invalidated (may still answer who asked for max_stale), not cacheable (a note that this query is not to be cached)';
COMMENT ON COLUMN cache_entries.negative IS
'the query gave no rows';
COMMENT ON COLUMN cache_entries.bytes IS
'of memory, with key and value';
COMMENT ON COLUMN cache_entries.value_bytes IS
'of the value';
COMMENT ON COLUMN cache_entries.dependencies IS
'tags, tables and rules that invalidate it';
COMMENT ON COLUMN cache_entries.load_ms IS
'how long its query took';
COMMENT ON COLUMN cache_entries.filled_at IS
'when that began';
COMMENT ON COLUMN cache_entries.age IS
'since then';
COMMENT ON COLUMN cache_entries.ttl_left IS
'until its time to live is over';
COMMENT ON COLUMN cache_entries.identity IS
'tells the variants of a key apart: query, arguments, settings and scope, as one number; cache_explain says in a session under which one it looks';
COMMENT ON COLUMN cache_entries.query IS
'the beginning of its query''s text, 248 bytes; null of cache_set, and if the server has run more than about a thousand others since';
COMMENT ON COLUMN cache_entries.settings IS
'those of the session that filled it which can change a result and differ from the server''s configuration, 248 bytes; likewise. For settings with a dot in their name, which may hold a secret, a number stands in place of the value, the same for the same value until a restart';

COMMENT ON COLUMN cache_warming.source IS
'restart: what the last stop has saved; hot keys: those that Redis had a list of; cache_warm: a call of it, of the last 16';
COMMENT ON COLUMN cache_warming.database IS
'of a call';
COMMENT ON COLUMN cache_warming.cache IS
'of a call';
COMMENT ON COLUMN cache_warming.done IS
'entries that are in memory by it';
COMMENT ON COLUMN cache_warming.total IS
'how many there are in all; null while that is not known';
COMMENT ON COLUMN cache_warming.errors IS
'reads that failed; of a restart 1, if its file was not used';
COMMENT ON COLUMN cache_warming.started IS
'when it began';
COMMENT ON COLUMN cache_warming.ended IS
'when it was over, by an error too; null while it goes on';

COMMENT ON COLUMN cache_hot_keys.database IS
'of the entry';
COMMENT ON COLUMN cache_hot_keys.key IS
'likewise; keys longer than 256 bytes are not known';
COMMENT ON COLUMN cache_hot_keys.cache IS
'whose settings hold for the key';
COMMENT ON COLUMN cache_hot_keys.role IS
'whose entry it is; null in scope shared';
COMMENT ON COLUMN cache_hot_keys.session_role IS
'likewise';
COMMENT ON COLUMN cache_hot_keys.form IS
'json or rows';
COMMENT ON COLUMN cache_hot_keys.hits IS
'about so many, of which older ones count less: every five minutes all are halved';
COMMENT ON COLUMN cache_hot_keys.uncertain IS
'so many of these may be of other keys';
COMMENT ON COLUMN cache_hot_keys.value_bytes IS
'of the value as it was last';
COMMENT ON COLUMN cache_hot_keys.identity IS
'as in cache_entries';

COMMENT ON COLUMN cache_inflight.database IS
'the key''s';
COMMENT ON COLUMN cache_inflight.key IS
'the key, as in cache_entries';
COMMENT ON COLUMN cache_inflight.leader IS
'pid of the session that runs the query';
COMMENT ON COLUMN cache_inflight.waiters IS
'how many sessions wait for it';
COMMENT ON COLUMN cache_inflight.started IS
'when it began';
COMMENT ON COLUMN cache_inflight.age IS
'since then';

COMMENT ON COLUMN cache_advise.query IS
'the text of one of them, 512 bytes';
COMMENT ON COLUMN cache_advise.calls IS
'how often it was run; of hits one in eight is counted, for eight';
COMMENT ON COLUMN cache_advise.mean_ms IS
'what a run took, with planning where a hit saves that as well';
COMMENT ON COLUMN cache_advise.would_hit IS
'share of the calls whose answer was in the cache, or would have been: it was asked for before, and nothing that it depends on had changed';
COMMENT ON COLUMN cache_advise.distinct_calls IS
'share of the calls for an answer that nobody had asked for lately';
COMMENT ON COLUMN cache_advise.changes IS
'how often a second an answer was asked for that had changed, or made room';
COMMENT ON COLUMN cache_advise.bytes IS
'of memory that the answers take which were asked for';
COMMENT ON COLUMN cache_advise.saved IS
'milliseconds a second that hits save, or would';
COMMENT ON COLUMN cache_advise.verdict IS
'cache it, too cheap, too many distinct values, changes too often, not eligible, too early to say';
COMMENT ON COLUMN cache_advise.reason IS
'why';
COMMENT ON COLUMN cache_advise.advice IS
'what to do, as a statement that can be run; null if nothing helps';

COMMENT ON COLUMN cache_rules.rel IS
'the table';
COMMENT ON COLUMN cache_rules.rule IS
'the trigger''s name';
COMMENT ON COLUMN cache_rules.kind IS
'row (it tells rows apart) or table';
COMMENT ON COLUMN cache_rules.key IS
'the template of keys, or null';
COMMENT ON COLUMN cache_rules.tags IS
'the templates of tags';
COMMENT ON COLUMN cache_rules.rows IS
'columns that tell rows apart besides those of the templates';
COMMENT ON COLUMN cache_rules.columns IS
'an UPDATE counts only if one of these changes; none: every UPDATE does';
COMMENT ON COLUMN cache_rules.cache IS
'the named loader whose values its changes load (mode refresh), or null';
COMMENT ON COLUMN cache_rules.arg_columns IS
'the columns that its arguments come from, or null';
COMMENT ON COLUMN cache_rules.enabled IS
'when the trigger fires: always, origin, replica or disabled; the last two cover nothing';
COMMENT ON COLUMN cache_rules.missed IS
'commits that changed rows which the rule''s trigger did not see, since the server started or cache_stats_reset(): each dropped all that the rule covers';
COMMENT ON COLUMN cache_rules.problem IS
'why it does not do what its text says, or null';

COMMENT ON COLUMN cache_definitions.name IS
'of the cache: keys that are it, or begin with it and a colon, have its settings';
COMMENT ON COLUMN cache_definitions.ttl IS
'how long an entry is used';
COMMENT ON COLUMN cache_definitions.negative_ttl IS
'how long, if the query gave no rows';
COMMENT ON COLUMN cache_definitions.stale_ttl IS
'for how long after that it may answer where the query fails';
COMMENT ON COLUMN cache_definitions.jitter IS
'share of the time to live by which it is shortened at random';
COMMENT ON COLUMN cache_definitions.xfetch_beta IS
'how eagerly it is loaded anew before it expires; 0: not';
COMMENT ON COLUMN cache_definitions.scope IS
'who shares an entry: role, shared, or setting:NAME';
COMMENT ON COLUMN cache_definitions.refresh_after IS
'an entry that is older is loaded in the background when somebody reads it';
COMMENT ON COLUMN cache_definitions.max_stale IS
'for how long after it was filled an entry may be used that changed rows have outdated';
COMMENT ON COLUMN cache_definitions.freshness IS
'proven: what PostgreSQL counts as changed invalidates it; declared: what rules and callers say';
COMMENT ON COLUMN cache_definitions.query IS
'of cache_read; null: the cache has none';
COMMENT ON COLUMN cache_definitions.arg_types IS
'the types of its $1, $2 and so on';
COMMENT ON COLUMN cache_definitions.version IS
'what stands in its keys: auto, none, or a text';
COMMENT ON COLUMN cache_definitions.search_path IS
'the schemas in which its names are looked up';
COMMENT ON COLUMN cache_definitions.owner IS
'who may change or drop it, beside members of that role and superusers';

COMMENT ON COLUMN cache_queries.name IS
'for cache_query_drop';
COMMENT ON COLUMN cache_queries.query IS
'its text';
COMMENT ON COLUMN cache_queries.cache IS
'whose settings and counters count: the name, without what follows its last colon';
COMMENT ON COLUMN cache_queries.ttl IS
'of its entries; null: as the cache has it';
COMMENT ON COLUMN cache_queries.max_stale IS
'for how long after it was filled an entry may answer although rows have changed; null: as the cache has it';
COMMENT ON COLUMN cache_queries.tags IS
'of its entries';
COMMENT ON COLUMN cache_queries.search_path IS
'the schemas in which its names are looked up';
COMMENT ON COLUMN cache_queries.owner IS
'who may replace or drop it, beside members of that role and superusers';
COMMENT ON COLUMN cache_queries.problem IS
'why no statement is like it now, as far as that shows without planning it; null: nothing. cache_explain(query) tells more';

COMMENT ON COLUMN cache_query_marks.name IS
'see cache_queries';
COMMENT ON COLUMN cache_query_marks.query IS
'the text';
COMMENT ON COLUMN cache_query_marks.ttl IS
'of its entries; null: as the cache has it';
COMMENT ON COLUMN cache_query_marks.max_stale IS
'see cache_queries';
COMMENT ON COLUMN cache_query_marks.tags IS
'of its entries';
COMMENT ON COLUMN cache_query_marks.search_path IS
'the schemas in which its names are looked up';
COMMENT ON COLUMN cache_query_marks.owner IS
'who may replace or drop it';

COMMENT ON COLUMN cache_outbox.created IS
'when its transaction wrote the row';
COMMENT ON COLUMN cache_outbox.keys IS
'the keys';

COMMENT ON COLUMN cache_writers.name IS
'of the writer';
COMMENT ON COLUMN cache_writers.write IS
'its statement';
COMMENT ON COLUMN cache_writers.arg_types IS
'the types of a key';
COMMENT ON COLUMN cache_writers.value_type IS
'the type of a value';
COMMENT ON COLUMN cache_writers.merge IS
'sum, last, max or min';
COMMENT ON COLUMN cache_writers.buffer IS
'where writes wait: table or memory';
COMMENT ON COLUMN cache_writers.flush_interval IS
'how long a write waits';
COMMENT ON COLUMN cache_writers.flush_rows IS
'keys of one statement';
COMMENT ON COLUMN cache_writers.missing IS
'what becomes of a key without a row: dead or ignore';
COMMENT ON COLUMN cache_writers.security IS
'definer: row security is the owner''s matter';
COMMENT ON COLUMN cache_writers.writers IS
'roles whose members may write, whatever their rights';
COMMENT ON COLUMN cache_writers.search_path IS
'the schemas in which the statement''s names are looked up';
COMMENT ON COLUMN cache_writers.owner IS
'the role that the statement runs as; null: of nobody, and the writer waits';

COMMENT ON COLUMN cache_write_queue.writer IS
'whose';
COMMENT ON COLUMN cache_write_queue.args IS
'the key';
COMMENT ON COLUMN cache_write_queue.value IS
'what to add or put';
COMMENT ON COLUMN cache_write_queue.created IS
'when';
COMMENT ON COLUMN cache_write_queue.number IS
'of last: the greater one wins';
COMMENT ON COLUMN cache_write_queue.applied IS
'of last: this key was applied up to number, by that transaction; kept until nothing older can come';

COMMENT ON COLUMN cache_dead_writes.writer IS
'whose';
COMMENT ON COLUMN cache_dead_writes.args IS
'the key';
COMMENT ON COLUMN cache_dead_writes.value IS
'what all its writes came to';
COMMENT ON COLUMN cache_dead_writes.sqlstate IS
'of the error; 02000: there was no such row';
COMMENT ON COLUMN cache_dead_writes.error IS
'its message';
COMMENT ON COLUMN cache_dead_writes.at IS
'when';
