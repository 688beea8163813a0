/*
 * debug_point.c - wait points and a movable clock, only with CF_DEBUG.
 *
 * src/debug_point.c
 */
#include "postgres.h"

#include "debug_point.h"

#ifdef CF_DEBUG

#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "shmem.h"

#define CF_DEBUG_LOCK_CLASS 0xCFD

PG_FUNCTION_INFO_V1(cachefront_debug_advance_clock);
PG_FUNCTION_INFO_V1(cachefront_debug_waitpoint_enable);
PG_FUNCTION_INFO_V1(cachefront_debug_waitpoint_release);

static pg_atomic_uint64 *clock_offset = NULL;	/* microseconds */

static void
set_waitpoint_tag(LOCKTAG *tag, const char *name)
{
	uint32		hash = hash_bytes((const unsigned char *) name, strlen(name));

	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, hash, 0, CF_DEBUG_LOCK_CLASS);
}

/* Blocks while another session has the wait point enabled. */
void
cf_debug_wait(const char *name)
{
	LOCKTAG		tag;

	set_waitpoint_tag(&tag, name);
	if (LockHeldByMe(&tag, ExclusiveLock))
		return;
	(void) LockAcquire(&tag, ShareLock, true, false);
	LockRelease(&tag, ShareLock, true);
}

TimestampTz
cf_debug_now(void)
{
	return GetCurrentTimestamp() + (TimestampTz) pg_atomic_read_u64(clock_offset);
}

Datum
cachefront_debug_advance_clock(PG_FUNCTION_ARGS)
{
	Interval   *by = PG_GETARG_INTERVAL_P(0);

	cf_shmem_require();
	pg_atomic_fetch_add_u64(clock_offset,
							by->time + by->day * USECS_PER_DAY);
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
	return sizeof(pg_atomic_uint64);
}

static void
debug_shmem_init(void *memory, LWLockPadded *locks)
{
	pg_atomic_init_u64(memory, 0);
}

static void
debug_shmem_attach(void *memory, LWLockPadded *locks)
{
	clock_offset = memory;
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
