/*
 * debug_point.c - wait points and a movable clock, only with CF_DEBUG.
 *
 * src/base/debug_point.c
 */
#include "postgres.h"

#include "base/debug_point.h"

#ifdef CF_DEBUG

#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/shmem.h"

#define CF_DEBUG_LOCK_CLASS 0xCFD

PG_FUNCTION_INFO_V1(cachefront_debug_advance_clock);
PG_FUNCTION_INFO_V1(cachefront_debug_set_wall_clock);
PG_FUNCTION_INFO_V1(cachefront_debug_hold);
PG_FUNCTION_INFO_V1(cachefront_debug_held);
PG_FUNCTION_INFO_V1(cachefront_debug_fault);
PG_FUNCTION_INFO_V1(cachefront_debug_waitpoint_enable);
PG_FUNCTION_INFO_V1(cachefront_debug_waitpoint_release);

/* Atomics, no lock */
typedef struct SharedDebug
{
	pg_atomic_uint64 clock_offset;	/* microseconds */
	pg_atomic_uint64 wall_offset;	/* likewise */
	pg_atomic_uint32 hold;		/* hash of the hold point that is enabled, or 0 */
	pg_atomic_uint32 held;		/* sessions that are held by it */
	pg_atomic_uint32 fault;		/* hash of the fault that is planted, or 0 */
} SharedDebug;

static SharedDebug *debug = NULL;

static uint32
hash_name(const char *name)
{
	return hash_bytes((const unsigned char *) name, strlen(name));
}

static void
set_waitpoint_tag(LOCKTAG *tag, const char *name)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, hash_name(name), 0, CF_DEBUG_LOCK_CLASS);
}

/* Blocks while another session has the wait point enabled. */
void
cf_debug_wait(const char *name)
{
	LOCKTAG		tag;

	set_waitpoint_tag(&tag, name);
	if (CF_LOCK_HELD_BY_ME(&tag, ExclusiveLock))
		return;
	(void) LockAcquire(&tag, ShareLock, true, false);
	LockRelease(&tag, ShareLock, true);
}

/* Stays while the hold point is enabled, by either means. */
void
cf_debug_hold(const char *name)
{
	uint32		hash = hash_name(name) | 1;

	cf_debug_wait(name);
	if (pg_atomic_read_u32(&debug->hold) != hash)
		return;
	pg_atomic_fetch_add_u32(&debug->held, 1);
	while (pg_atomic_read_u32(&debug->hold) == hash)
		pg_usleep(1000);
	pg_atomic_fetch_sub_u32(&debug->held, 1);
}

/* Enables a hold point in place of the one before; NULL: none. */
Datum
cachefront_debug_hold(PG_FUNCTION_ARGS)
{
	cf_shmem_require();
	pg_atomic_write_u32(&debug->hold, PG_ARGISNULL(0) ? 0 :
						hash_name(text_to_cstring(PG_GETARG_TEXT_PP(0))) | 1);
	PG_RETURN_VOID();
}

Datum
cachefront_debug_held(PG_FUNCTION_ARGS)
{
	cf_shmem_require();
	PG_RETURN_INT32((int32) pg_atomic_read_u32(&debug->held));
}

/* Is the fault planted? */
bool
cf_debug_fault(const char *name)
{
	return pg_atomic_read_u32(&debug->fault) == (hash_name(name) | 1);
}

/* Plants a fault in place of the one before; NULL: none. */
Datum
cachefront_debug_fault(PG_FUNCTION_ARGS)
{
	cf_shmem_require();
	pg_atomic_write_u32(&debug->fault, PG_ARGISNULL(0) ? 0 :
						hash_name(text_to_cstring(PG_GETARG_TEXT_PP(0))) | 1);
	PG_RETURN_VOID();
}

TimestampTz
cf_debug_now(void)
{
	return cf_steady_now() +
		(TimestampTz) pg_atomic_read_u64(&debug->clock_offset);
}

TimestampTz
cf_debug_wall_now(void)
{
	return GetCurrentTimestamp() +
		(TimestampTz) pg_atomic_read_u64(&debug->wall_offset);
}

Datum
cachefront_debug_advance_clock(PG_FUNCTION_ARGS)
{
	Interval   *by = PG_GETARG_INTERVAL_P(0);

	cf_shmem_require();
	pg_atomic_fetch_add_u64(&debug->clock_offset,
							by->time + by->day * USECS_PER_DAY);
	PG_RETURN_VOID();
}

/* As somebody who sets the machine's clock, by so much. */
Datum
cachefront_debug_set_wall_clock(PG_FUNCTION_ARGS)
{
	Interval   *by = PG_GETARG_INTERVAL_P(0);

	cf_shmem_require();
	pg_atomic_write_u64(&debug->wall_offset,
						(uint64) (by->time + by->day * USECS_PER_DAY));
	PG_RETURN_VOID();
}

Datum
cachefront_debug_waitpoint_enable(PG_FUNCTION_ARGS)
{
	LOCKTAG		tag;

	set_waitpoint_tag(&tag, text_to_cstring(PG_GETARG_TEXT_PP(0)));
	(void) LockAcquire(&tag, ExclusiveLock, true, false);
	PG_RETURN_VOID();
}

Datum
cachefront_debug_waitpoint_release(PG_FUNCTION_ARGS)
{
	LOCKTAG		tag;

	set_waitpoint_tag(&tag, text_to_cstring(PG_GETARG_TEXT_PP(0)));
	LockRelease(&tag, ExclusiveLock, true);
	PG_RETURN_VOID();
}

static Size
debug_shmem_size(void)
{
	return sizeof(SharedDebug);
}

static void
debug_shmem_init(void *memory, LWLockPadded *locks)
{
	SharedDebug *new = memory;

	pg_atomic_init_u64(&new->clock_offset, 0);
	pg_atomic_init_u64(&new->wall_offset, 0);
	pg_atomic_init_u32(&new->hold, 0);
	pg_atomic_init_u32(&new->held, 0);
	pg_atomic_init_u32(&new->fault, 0);
}

static void
debug_shmem_attach(void *memory, LWLockPadded *locks)
{
	debug = memory;
}

void
cf_debug_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_debug",
		.nlocks = 0,
		.size = debug_shmem_size,
		.init = debug_shmem_init,
		.attach = debug_shmem_attach,
	};

	cf_shmem_register(&segment);
}

#endif							/* CF_DEBUG */
