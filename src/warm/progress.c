/*
 * progress.c - how far the warming of memory is, and whether the server is ready.
 *
 * src/warm/progress.c
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"

#include "base/guc.h"
#include "base/shmem.h"
#include "base/steady.h"
#include "tier/tier.h"
#include "warm/progress.h"

typedef struct CfSharedWarming
{
	/* Protected by the lock */
	Oid			dboid;
	char		cache[CF_MAX_CACHE_NAME];
	TimestampTz started;		/* 0: never used */
	uint64		turn;			/* whose it is: CfWarmingRun */
	int			pid;

	/* Atomics, no lock */
	pg_atomic_uint64 done;
	pg_atomic_uint64 errors;
	pg_atomic_uint64 total;
	pg_atomic_uint64 ended;
} CfSharedWarming;

typedef struct CfSharedProgress
{
	/* Immutable after startup */
	TimestampTz started;

	/* Atomics, no lock */
	pg_atomic_uint32 ready;
	pg_atomic_uint32 hot_keys_done;

	/* Protected by the lock */
	uint64		turns;
	uint64		calls;			/* of cache_warm */
	CfSharedWarming slot[CF_WARMINGS];
} CfSharedProgress;

static CfSharedProgress *progress = NULL;
static LWLock *progress_lock = NULL;

static Size
progress_shmem_size(void)
{
	return sizeof(CfSharedProgress);
}

static void
progress_shmem_init(void *memory, LWLockPadded *locks)
{
	CfSharedProgress *new = memory;

	memset(new, 0, sizeof(*new));
	new->started = cf_steady_now();
	pg_atomic_init_u32(&new->ready, 0);
	pg_atomic_init_u32(&new->hot_keys_done, 0);
	for (int i = 0; i < CF_WARMINGS; i++)
	{
		pg_atomic_init_u64(&new->slot[i].done, 0);
		pg_atomic_init_u64(&new->slot[i].errors, 0);
		pg_atomic_init_u64(&new->slot[i].total, 0);
		pg_atomic_init_u64(&new->slot[i].ended, 0);
	}
}

static void
progress_shmem_attach(void *memory, LWLockPadded *locks)
{
	progress = memory;
	progress_lock = &locks[0].lock;
}

void
cf_progress_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_progress",
		.nlocks = 1,
		.size = progress_shmem_size,
		.init = progress_shmem_init,
		.attach = progress_shmem_attach,
	};

	cf_shmem_register(&segment);
}

static void
end_locked(CfSharedWarming *slot)
{
	if (pg_atomic_read_u64(&slot->ended) == 0)
		pg_atomic_write_u64(&slot->ended, (uint64) cf_steady_now());
}

/* Terminated in its middle, where nobody catches it. */
static void
progress_exit(int code, Datum arg)
{
	LWLockAcquire(progress_lock, LW_EXCLUSIVE);
	for (int i = 0; i < CF_WARMINGS; i++)
	{
		if (progress->slot[i].pid == MyProcPid)
			end_locked(&progress->slot[i]);
	}
	LWLockRelease(progress_lock);
}

CfWarmingRun
cf_progress_begin(CfWarming source, Oid dboid, const char *cache, int64 total)
{
	static bool registered = false;
	CfWarmingRun run = {.slot = source};
	CfSharedWarming *slot;

	/* The postmaster's run has ended before there is anybody else. */
	if (IsUnderPostmaster && !registered)
		before_shmem_exit(progress_exit, (Datum) 0);
	registered = IsUnderPostmaster;
	LWLockAcquire(progress_lock, LW_EXCLUSIVE);
	if (source == CF_WARMING_BY_CALL)
		run.slot += (int) (progress->calls++ % CF_WARMING_CALLS);
	run.turn = ++progress->turns;
	slot = &progress->slot[run.slot];
	slot->turn = run.turn;
	slot->pid = MyProcPid;
	slot->dboid = dboid;
	strlcpy(slot->cache, cache, CF_MAX_CACHE_NAME);
	slot->started = cf_steady_now();
	pg_atomic_write_u64(&slot->done, 0);
	pg_atomic_write_u64(&slot->errors, 0);
	pg_atomic_write_u64(&slot->total, (uint64) total);
	pg_atomic_write_u64(&slot->ended, 0);
	LWLockRelease(progress_lock);
	return run;
}

void
cf_progress_add(const CfWarmingRun *run, int64 done, int64 errors)
{
	CfSharedWarming *slot = &progress->slot[run->slot];

	LWLockAcquire(progress_lock, LW_SHARED);
	if (slot->turn == run->turn)
	{
		pg_atomic_fetch_add_u64(&slot->done, done);
		pg_atomic_fetch_add_u64(&slot->errors, errors);
	}
	LWLockRelease(progress_lock);
}

void
cf_progress_end(const CfWarmingRun *run)
{
	LWLockAcquire(progress_lock, LW_EXCLUSIVE);
	if (progress->slot[run->slot].turn == run->turn)
		end_locked(&progress->slot[run->slot]);
	LWLockRelease(progress_lock);
}

bool
cf_progress_get(int number, CfWarmingInfo *info)
{
	CfSharedWarming *slot = &progress->slot[number];

	LWLockAcquire(progress_lock, LW_SHARED);
	info->source = (CfWarming) Min(number, CF_WARMING_BY_CALL);
	info->dboid = slot->dboid;
	strlcpy(info->cache, slot->cache, CF_MAX_CACHE_NAME);
	info->started = slot->started;
	info->done = (int64) pg_atomic_read_u64(&slot->done);
	info->errors = (int64) pg_atomic_read_u64(&slot->errors);
	info->total = (int64) pg_atomic_read_u64(&slot->total);
	info->ended = (TimestampTz) pg_atomic_read_u64(&slot->ended);
	LWLockRelease(progress_lock);
	return info->started != 0;
}

void
cf_progress_hot_keys_done(void)
{
	pg_atomic_write_u32(&progress->hot_keys_done, 1);
}

bool
cf_progress_are_hot_keys_done(void)
{
	return pg_atomic_read_u32(&progress->hot_keys_done) != 0;
}

/* What was saved is there before anybody can ask. */
static bool
is_ready_now(void)
{
	return cf_progress_are_hot_keys_done() || cf_guc_hot_keys == 0 || !cf_l2_configured() ||
		cf_tier_is_down() ||
		cf_steady_now() - progress->started >= cf_guc_warm_timeout * INT64CONST(1000);
}

bool
cf_progress_is_ready(void)
{
	if (pg_atomic_read_u32(&progress->ready) == 0 && is_ready_now())
		pg_atomic_write_u32(&progress->ready, 1);
	return pg_atomic_read_u32(&progress->ready) != 0;
}
