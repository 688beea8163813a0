/*
 * steady.c - a clock that does not go back, and the one on the wall.
 *
 * src/base/steady.c
 */
#include "postgres.h"

#include <time.h>

#include "common/int.h"

#include "base/debug_point.h"
#include "base/shmem.h"
#include "base/steady.h"

#ifdef CLOCK_BOOTTIME
#define CF_STEADY_CLOCK CLOCK_BOOTTIME
#else
#define CF_STEADY_CLOCK CLOCK_MONOTONIC
#endif

#define CF_STEADY_READING 1000	/* us that it takes to read both clocks */
#define CF_STEADY_NOISE 100000	/* us */

/* Wall time less time since boot, as the server started. */
static int64 start_offset = 0;

typedef struct CfSharedSteady
{
	/* Immutable after startup */
	int64		start_offset;
} CfSharedSteady;

static int64
since_boot(void)
{
	struct timespec ts;

	(void) clock_gettime(CF_STEADY_CLOCK, &ts);
	return ts.tv_sec * USECS_PER_SEC + ts.tv_nsec / 1000;
}

TimestampTz
cf_steady_now(void)
{
	return since_boot() + start_offset;
}

int64
cf_steady_since_boot(TimestampTz steady)
{
	return steady - start_offset;
}

/*
 * How far the wall's clock has been set since the start. A session may be held
 * up between the two readings; and one time must look the same each time, so
 * what is less than a clock is ever set by counts for nothing.
 */
static int64
wall_ahead(void)
{
	int64		ahead = 0;

	for (int try = 0; try < 10; try++)
	{
		TimestampTz before = cf_steady_now();

		ahead = cf_wall_now() - before;
		if (cf_steady_now() - before < CF_STEADY_READING)
			break;
	}
	return ahead > -CF_STEADY_NOISE && ahead < CF_STEADY_NOISE ? 0 : ahead;
}

TimestampTz
cf_steady_to_wall(TimestampTz steady)
{
	return steady + wall_ahead();
}

/* The wall's time may come from anywhere: what is too far is the end of time. */
TimestampTz
cf_steady_of_wall(TimestampTz wall)
{
	TimestampTz steady;

	if (pg_sub_s64_overflow(wall, wall_ahead(), &steady))
		return wall > 0 ? PG_INT64_MAX : PG_INT64_MIN;
	return steady;
}

static Size
steady_shmem_size(void)
{
	return sizeof(CfSharedSteady);
}

static void
steady_shmem_init(void *memory, LWLockPadded *locks)
{
	((CfSharedSteady *) memory)->start_offset = GetCurrentTimestamp() - since_boot();
}

static void
steady_shmem_attach(void *memory, LWLockPadded *locks)
{
	start_offset = ((CfSharedSteady *) memory)->start_offset;
}

void
cf_steady_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_steady",
		.nlocks = 0,
		.size = steady_shmem_size,
		.init = steady_shmem_init,
		.attach = steady_shmem_attach,
	};

	cf_shmem_register(&segment);
}
