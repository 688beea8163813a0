/*
 * counters.h - what the cache did, per cache name and in total.
 *
 * A counter is an atomic in shared memory, in one of several stripes that
 * sessions are spread over, so that a hit does not fight for a cache line.
 * Reading sums the stripes.
 *
 * src/stats/counters.h
 */
#ifndef CF_STATS_COUNTERS_H
#define CF_STATS_COUNTERS_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "portability/instr_time.h"

#include "codec/key.h"
#include "stats/histogram.h"

/* In the order of the columns of cache_stats. */
typedef enum CfCounter
{
	CF_COUNT_FETCHES,
	CF_COUNT_L1_HITS,
	CF_COUNT_NEGATIVE_HITS,		/* of those, hits on a result without rows */
	CF_COUNT_STALE_HITS,		/* served past the time to live */
	CF_COUNT_MAX_STALE_HITS,	/* of all hits in L1, outdated by changed rows */
	CF_COUNT_VERIFIED,			/* hits that were compared with their query */
	CF_COUNT_VERIFY_FAILURES,	/* of those, different */
	CF_COUNT_MISSES,
	CF_COUNT_LOADS,				/* executions of a query, cached or not */
	CF_COUNT_LOAD_ERRORS,
	CF_COUNT_HANDOVERS,			/* answers taken from another session's load */
	CF_COUNT_FLIGHT_TIMEOUTS,
	CF_COUNT_EARLY_REFRESHES,
	CF_COUNT_WORKER_REFRESHES,	/* loads in the background */
	CF_COUNT_WORKER_REFRESH_ERRORS,	/* failed, and not of those */
	CF_COUNT_REFRESHES,			/* published by the commit that changed them */
	CF_COUNT_REFRESH_ERRORS,	/* the loader failed, or took too long */
	CF_COUNT_REFRESHES_SKIPPED, /* not tried */
	CF_COUNT_REFRESHES_REFUSED, /* something came between */
	CF_COUNT_BYPASS_DISABLED,
	CF_COUNT_BYPASS_SERIALIZABLE,
	CF_COUNT_BYPASS_REPEATABLE_READ,
	CF_COUNT_BYPASS_OWN_WRITES,
	CF_COUNT_BYPASS_ROW_SECURITY,
	CF_COUNT_BYPASS_TEMPORARY,
	CF_COUNT_BYPASS_SETTING,
	CF_COUNT_BYPASS_SESSION,
	CF_COUNT_BYPASS_RIGHTS,
	CF_COUNT_FILLS,
	CF_COUNT_FILLS_REFUSED,		/* an invalidation came between */
	CF_COUNT_TOO_LARGE,
	CF_COUNT_NO_MEMORY,
	CF_COUNT_EVICTIONS,
	CF_COUNT_GETS,
	CF_COUNT_GET_HITS,
	CF_COUNT_SETS,
	CF_COUNT_TOUCHES,
	CF_COUNT_INVALIDATED_KEYS,
	CF_COUNT_INVALIDATED_TAGS,
	CF_COUNT_L2_HITS,
	CF_COUNT_L2_MISSES,
	CF_COUNT_L2_FILLS,
	CF_COUNT_L2_FILLS_REFUSED,	/* something came between, or Redis refused */
	CF_COUNT_L2_BAD_VALUES,		/* damaged, not authentic, or not one of ours */
	CF_COUNT_L2_FOREIGN,		/* stored by a server whose data are not these */
	CF_COUNT_L2_LEASE_WAITS,	/* waited for another server's load */
	CF_COUNT_L2_DELETES,		/* keys that Redis was told to drop after a commit */
	CF_COUNT_L2_DELETES_LOST,	/* keys and values that it was not told of */
	CF_COUNT_SYNC_WAITS,		/* commits that waited for that */
	CF_COUNT_SYNC_FAILURES,		/* of those, gone on before it was done */
	CF_COUNT_OUTBOX_WRITTEN,	/* rows */
	CF_COUNT_OUTBOX_DELIVERED,
	CF_COUNT_BLIND_COMMITS,		/* track_counts was off: they forgot the database */
	CF_COUNT_LATE_WRITES,		/* commits that changed tables after we had looked */
	CF_COUNT_STANDBY_BEHIND,	/* looks in L1 for which the WAL was not read far enough */
	CF_COUNT_CLAIMS,			/* given by cache_claim, */
	CF_COUNT_CLAIMS_INHERITED,	/* of those, after another's time was over */
	CF_COUNT_CLAIM_WAITS,		/* calls that waited */
	CF_COUNT_CLAIM_TIMEOUTS,	/* calls that got neither a value nor the claim */
	CF_COUNT_CLAIM_SETS_REFUSED,	/* cache_set by a token that was too late */
	CF_NCOUNTERS
} CfCounter;

typedef enum CfLatency
{
	CF_LATENCY_L1_HIT,
	CF_LATENCY_LOAD,
	CF_LATENCY_FLIGHT_WAIT,
	CF_LATENCY_L2_HIT,			/* from the look until the value is proven */
	CF_LATENCY_REDIS,			/* one pipelined round trip */
	CF_NLATENCIES
} CfLatency;

/* Slot 0 counts for keys of no cache; so does a cache when all slots are taken. */
typedef uint16 CfStatsSlot;
#define CF_STATS_DEFAULT ((CfStatsSlot) 0)
#define CF_STATS_SLOTS 256

extern void cf_stats_register(void);

/* Finds or takes the slot of a cache. Never fails. */
extern CfStatsSlot cf_stats_slot(Oid dboid, const char *name);

extern void cf_stats_add(CfStatsSlot slot, CfCounter counter, uint64 n);
#define cf_stats_count(slot, counter) cf_stats_add((slot), (counter), 1)

/*
 * What is in memory of a cache, more (or less, where negative) than before. No
 * counter: cf_stats_reset leaves it.
 */
extern void cf_stats_hold(CfStatsSlot slot, int entries, int64 bytes);
extern void cf_stats_held(CfStatsSlot slot, int64 *entries, int64 *bytes);

extern void cf_stats_latency(CfLatency which, uint64 ns);

/* True for one call in 16 of this session: hits are timed by sampling. */
extern bool cf_stats_sample(void);

/* Reading. */
extern int	cf_stats_nslots(void);
extern const char *cf_stats_name(CfStatsSlot slot); /* in its database's encoding */
extern void cf_stats_identify(CfStatsSlot slot, Oid *dboid, char *name);
extern void cf_stats_read(CfStatsSlot slot, Oid *dboid, char *name,
						  uint64 values[CF_NCOUNTERS]);
extern void cf_stats_read_latency(CfLatency which, uint64 *count, uint64 *p50,
								  uint64 *p95, uint64 *p99, uint64 *max);
extern void cf_stats_read_steps(CfLatency which, CfHistogramStep step[CF_HISTOGRAM_STEPS]);
extern TimestampTz cf_stats_reset_time(void);
extern void cf_stats_reset(void);

#endif							/* CF_STATS_COUNTERS_H */
