/*
 * counters.c - striped counters and latency histograms in shared memory.
 *
 * Locking: the tranche's one lock guards the names and the number of slots;
 * slots are only added, so that readers of counters take no lock at all.
 *
 * src/stats/counters.c
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/lwlock.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/shmem.h"
#include "stats/counters.h"
#include "stats/histogram.h"

#define CF_STATS_STRIPES 8
#define CF_HELD_ENTRIES CF_NCOUNTERS
#define CF_HELD_BYTES (CF_NCOUNTERS + 1)

typedef struct CfSharedStatsSlot
{
	/* Written once, under the lock, before nslots makes the slot visible */
	Oid			dboid;
	char		name[CF_MAX_CACHE_NAME];

	/* Atomics, no lock; of the last two only the sum of all stripes means something */
	pg_atomic_uint64 stripe[CF_STATS_STRIPES][CF_NCOUNTERS + 2];
} CfSharedStatsSlot;

typedef struct CfSharedStats
{
	/* Protected by the lock for writing */
	pg_atomic_uint32 nslots;

	/* Atomics, no lock */
	pg_atomic_uint64 reset_time;	/* TimestampTz */
	CfSharedHistogram latency[CF_NLATENCIES];
	CfSharedStatsSlot slot[CF_STATS_SLOTS];
} CfSharedStats;

static CfSharedStats *stats = NULL;
static LWLock *stats_lock = NULL;

static Size
stats_shmem_size(void)
{
	return sizeof(CfSharedStats);
}

static void
stats_shmem_init(void *memory, LWLockPadded *locks)
{
	CfSharedStats *new = memory;

	pg_atomic_init_u32(&new->nslots, 1);
	pg_atomic_init_u64(&new->reset_time, (uint64) GetCurrentTimestamp());
	for (int i = 0; i < CF_NLATENCIES; i++)
		cf_histogram_init(&new->latency[i]);
	for (int i = 0; i < CF_STATS_SLOTS; i++)
		for (int j = 0; j < CF_STATS_STRIPES; j++)
			for (int k = 0; k < CF_NCOUNTERS + 2; k++)
				pg_atomic_init_u64(&new->slot[i].stripe[j][k], 0);
	strlcpy(new->slot[CF_STATS_DEFAULT].name, "(default)", CF_MAX_CACHE_NAME);
}

static void
stats_shmem_attach(void *memory, LWLockPadded *locks)
{
	stats = memory;
	stats_lock = &locks[0].lock;
}

void
cf_stats_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_stats",
		.nlocks = 1,
		.size = stats_shmem_size,
		.init = stats_shmem_init,
		.attach = stats_shmem_attach,
	};

	cf_shmem_register(&segment);
}

CfStatsSlot
cf_stats_slot(Oid dboid, const char *name)
{
	uint32		nslots;
	CfStatsSlot found = CF_STATS_DEFAULT;

	LWLockAcquire(stats_lock, LW_EXCLUSIVE);
	nslots = pg_atomic_read_u32(&stats->nslots);
	for (uint32 i = 1; i < nslots; i++)
	{
		if (stats->slot[i].dboid == dboid &&
			strcmp(stats->slot[i].name, name) == 0)
		{
			found = (CfStatsSlot) i;
			break;
		}
	}
	if (found == CF_STATS_DEFAULT && nslots < CF_STATS_SLOTS)
	{
		found = (CfStatsSlot) nslots;
		stats->slot[found].dboid = dboid;
		strlcpy(stats->slot[found].name, name, CF_MAX_CACHE_NAME);
		pg_write_barrier();
		pg_atomic_write_u32(&stats->nslots, nslots + 1);
	}
	LWLockRelease(stats_lock);
	return found;
}

void
cf_stats_add(CfStatsSlot slot, CfCounter counter, uint64 n)
{
	int			stripe = (unsigned) CF_MY_BACKEND_INDEX % CF_STATS_STRIPES;

	pg_atomic_fetch_add_u64(&stats->slot[slot].stripe[stripe][counter], n);
}

void
cf_stats_hold(CfStatsSlot slot, int entries, int64 bytes)
{
	int			stripe = (unsigned) CF_MY_BACKEND_INDEX % CF_STATS_STRIPES;
	pg_atomic_uint64 *held = stats->slot[slot].stripe[stripe];

	pg_atomic_fetch_add_u64(&held[CF_HELD_ENTRIES], entries);
	pg_atomic_fetch_add_u64(&held[CF_HELD_BYTES], bytes);
}

/*
 * What one session adds and another takes away lies in two stripes: read meanwhile, it
 * may be below 0.
 */
void
cf_stats_held(CfStatsSlot slot, int64 *entries, int64 *bytes)
{
	uint64		n = 0;
	uint64		size = 0;

	for (int j = 0; j < CF_STATS_STRIPES; j++)
	{
		n += pg_atomic_read_u64(&stats->slot[slot].stripe[j][CF_HELD_ENTRIES]);
		size += pg_atomic_read_u64(&stats->slot[slot].stripe[j][CF_HELD_BYTES]);
	}
	*entries = Max((int64) n, 0);
	*bytes = Max((int64) size, 0);
}

void
cf_stats_latency(CfLatency which, uint64 ns)
{
	cf_histogram_add(&stats->latency[which], ns);
}

bool
cf_stats_sample(void)
{
	/* Not the first of a session, which pays for what it finds cold. */
	static uint32 calls = 0;

	if (unlikely(calls == 0))
		calls = 1 + (uint32) MyProcPid % 15;
	return (calls++ & 15) == 0;
}

int
cf_stats_nslots(void)
{
	return (int) pg_atomic_read_u32(&stats->nslots);
}

const char *
cf_stats_name(CfStatsSlot slot)
{
	return stats->slot[slot].name;
}

/* name: room for CF_MAX_CACHE_NAME bytes. */
void
cf_stats_identify(CfStatsSlot slot, Oid *dboid, char *name)
{
	CfSharedStatsSlot *from = &stats->slot[slot];

	pg_read_barrier();
	*dboid = from->dboid;
	strlcpy(name, from->name, CF_MAX_CACHE_NAME);
}

void
cf_stats_read(CfStatsSlot slot, Oid *dboid, char *name, uint64 values[CF_NCOUNTERS])
{
	CfSharedStatsSlot *from = &stats->slot[slot];

	cf_stats_identify(slot, dboid, name);
	for (int k = 0; k < CF_NCOUNTERS; k++)
	{
		values[k] = 0;
		for (int j = 0; j < CF_STATS_STRIPES; j++)
			values[k] += pg_atomic_read_u64(&from->stripe[j][k]);
	}
}

void
cf_stats_read_latency(CfLatency which, uint64 *count, uint64 *p50,
					  uint64 *p95, uint64 *p99, uint64 *max)
{
	CfSharedHistogram *histogram = &stats->latency[which];

	*count = cf_histogram_count(histogram);
	*p50 = cf_histogram_percentile(histogram, 0.50);
	*p95 = cf_histogram_percentile(histogram, 0.95);
	*p99 = cf_histogram_percentile(histogram, 0.99);
	*max = pg_atomic_read_u64(&histogram->max);
}

void
cf_stats_read_steps(CfLatency which, CfHistogramStep step[CF_HISTOGRAM_STEPS])
{
	cf_histogram_steps(&stats->latency[which], step);
}

TimestampTz
cf_stats_reset_time(void)
{
	return (TimestampTz) pg_atomic_read_u64(&stats->reset_time);
}

void
cf_stats_reset(void)
{
	for (int i = 0; i < cf_stats_nslots(); i++)
		for (int j = 0; j < CF_STATS_STRIPES; j++)
			for (int k = 0; k < CF_NCOUNTERS; k++)
				pg_atomic_write_u64(&stats->slot[i].stripe[j][k], 0);
	for (int i = 0; i < CF_NLATENCIES; i++)
		cf_histogram_reset(&stats->latency[i]);
	pg_atomic_write_u64(&stats->reset_time, (uint64) GetCurrentTimestamp());
}
