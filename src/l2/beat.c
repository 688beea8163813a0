/*
 * beat.c - gives signs of life of the writing server. See beat.h.
 *
 * How it waits for commit windows: beats are numbered, and each backend says in
 * a slot of its own how many had begun when its window did. The windows from
 * before a beat are over once no slot shows a smaller number than the beat's.
 *
 * Locking: atomics only.
 *
 * src/l2/beat.c
 */
#include "postgres.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "guc.h"
#include "l2/beat.h"
#include "l2/lua.h"
#include "l2/space.h"
#include "position.h"
#include "shmem.h"
#include "steady.h"

#define CF_BEAT_INTERVAL_MS 3000
#define CF_BEAT_KEEP_MS "5000"	/* a standby that lags needs an old one */
#define CF_BEAT_PATIENCE_MS 10000	/* by then it would be too old to prove anything */

/* Atomics, no lock */
typedef struct CfSharedBeat
{
	pg_atomic_uint64 begun;		/* beats; the first is 1 */
	pg_atomic_uint64 window[FLEXIBLE_ARRAY_MEMBER]; /* a backend: beats when it began, + 1; 0: none */
} CfSharedBeat;

static CfSharedBeat *shared = NULL;

/* The beat that the worker has begun and not yet given. */
typedef struct Beat
{
	uint64		number;			/* 0: none */
	TimestampTz begun;
	char		run_id[CF_RUN_ID_LEN + 1];
	int64		ms;				/* of Redis' clock ... */
	uint64		evicted;		/* ... and what it had evicted by then */
} Beat;

static Beat beat;

/* ---- commit windows ---- */

/*
 * A beat that does not see the slot yet has read time and count before the
 * barrier, and so before the fence.
 */
void
cf_beat_begin_window(void)
{
	pg_atomic_write_u64(&shared->window[CF_MY_BACKEND_INDEX],
						pg_atomic_read_u64(&shared->begun) + 1);
	pg_memory_barrier();
}

void
cf_beat_end_window(void)
{
	pg_memory_barrier();
	pg_atomic_write_u64(&shared->window[CF_MY_BACKEND_INDEX], 0);
}

/* Are all windows over that began before the beat? */
static bool
are_windows_over(uint64 number)
{
	for (int i = 0; i < MaxBackends; i++)
	{
		uint64		window = pg_atomic_read_u64(&shared->window[i]);

		if (window != 0 && window <= number)
			return false;
	}
	pg_memory_barrier();
	return true;
}

/* ---- what Redis says ---- */

bool
cf_beat_take_evicted(const redisReply *reply, uint64 *evicted)
{
	const char *at;

	if (reply == NULL || reply->type != REDIS_REPLY_STRING)
		return false;
	at = strstr(reply->str, "evicted_keys:");
	if (at == NULL)
		return false;
	*evicted = strtoull(at + strlen("evicted_keys:"), NULL, 10);
	return true;
}

bool
cf_beat_take_time(const redisReply *reply, int64 *ms)
{
	if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
		reply->element[0]->type != REDIS_REPLY_STRING ||
		reply->element[1]->type != REDIS_REPLY_STRING)
		return false;
	*ms = strtoll(reply->element[0]->str, NULL, 10) * 1000 +
		strtoll(reply->element[1]->str, NULL, 10) / 1000;
	return true;
}

/* ---- the worker ---- */

/*
 * The floors first: who has to write one would give no beat that was begun
 * before. False: Redis is not there.
 */
static bool
open_spaces(void)
{
	CfSpace		space;
	const CfFloor *floor;

	for (int i = 0; i < CF_SPACE_MAX; i++)
	{
		if (cf_space_get(i, &space) && cf_space_open(&space, true, &floor) != CF_L2_OK)
			return false;
	}
	return true;
}

/* Sets beat, if Redis answers. */
static void
begin(TimestampTz now)
{
	const char *info[] = {"INFO", "stats"};
	const char *time[] = {"TIME"};
	size_t		lens[] = {4, 5};

	if (!open_spaces())
		return;
	/* A floor that was written just now must show an earlier millisecond. */
	pg_usleep(1000);
	cf_l2_begin();
	cf_l2_add(2, info, lens);
	cf_l2_add(1, time, lens);
	if (cf_l2_run(cf_guc_redis_command_timeout, true) != CF_L2_OK ||
		!cf_beat_take_evicted(cf_l2_reply(0), &beat.evicted) ||
		!cf_beat_take_time(cf_l2_reply(1), &beat.ms))
		return;
	strlcpy(beat.run_id, cf_l2_run_id(), sizeof(beat.run_id));
	beat.begun = now;
	/* A full barrier: time and count are from before it, the windows from after it. */
	beat.number = pg_atomic_fetch_add_u64(&shared->begun, 1) + 1;
}

static CfL2Status
give(const CfSpace *space, uint64 at)
{
	char		key[CF_FLOOR_KEY_MAX];
	char		lsn[CF_LSN_LEN + 1];
	char		evicted[24];
	char		ms[24];
	char		own[CF_INCARNATION_LEN + 1];
	const char *argv[] = {beat.run_id, lsn, evicted, ms, CF_BEAT_KEEP_MS, own};
	size_t		lens[lengthof(argv)];
	const CfFloor *floor;
	CfIncarnation incarnation;
	CfL2Status	status = cf_space_open(space, true, &floor);

	if (status != CF_L2_OK)
		return status;
	if (strcmp(beat.run_id, cf_l2_run_id()) != 0 || !cf_position_incarnation(&incarnation))
		return CF_L2_OPEN;
	cf_floor_print_incarnation(own, &incarnation);
	cf_lsn_print(lsn, at);
	snprintf(evicted, sizeof(evicted), UINT64_FORMAT, beat.evicted);
	snprintf(ms, sizeof(ms), INT64_FORMAT, beat.ms);
	cf_space_floor_key(space, key);
	for (int i = 0; i < lengthof(argv); i++)
		lens[i] = strlen(argv[i]);
	cf_space_begin();
	cf_l2_add_script(CF_L2_BEAT, key, strlen(key), lengthof(argv), argv, lens);
	status = cf_l2_run(cf_guc_redis_command_timeout, true);
	/* This run of Redis has lost its floor, by FLUSHALL or for want of memory. */
	if (status == CF_L2_OK && cf_l2_reply(0)->type == REDIS_REPLY_STRING &&
		cf_l2_reply(0)->len == 0)
		cf_space_forget(space);
	return status;
}

static void
give_all(void)
{
	uint64		lsn = cf_position_lsn();
	CfSpace		space;

	/* A standby must get there, even if nobody commits. */
	XLogSetAsyncXactLSN(lsn);
	for (int i = 0; i < CF_SPACE_MAX; i++)
	{
		if (cf_space_get(i, &space) && give(&space, lsn) != CF_L2_OK)
			break;
	}
}

/* Without waiting: a window that is open is looked at again in the next round. */
void
cf_beat_work(void)
{
	static TimestampTz last = 0;
	TimestampTz now = cf_steady_now();

	if (RecoveryInProgress())
		return;
	if (beat.number != 0 &&
		TimestampDifferenceExceeds(beat.begun, now, CF_BEAT_PATIENCE_MS))
		beat.number = 0;
	if (beat.number == 0 && TimestampDifferenceExceeds(last, now, CF_BEAT_INTERVAL_MS))
	{
		last = now;
		begin(now);
	}
	if (beat.number == 0 || !are_windows_over(beat.number))
		return;
	give_all();
	beat.number = 0;
}

/* ---- start-up ---- */

static Size
beat_shmem_size(void)
{
	return add_size(offsetof(CfSharedBeat, window),
					mul_size(MaxBackends, sizeof(pg_atomic_uint64)));
}

static void
beat_shmem_init(void *memory, LWLockPadded *locks)
{
	CfSharedBeat *new = memory;

	pg_atomic_init_u64(&new->begun, 0);
	for (int i = 0; i < MaxBackends; i++)
		pg_atomic_init_u64(&new->window[i], 0);
}

static void
beat_shmem_attach(void *memory, LWLockPadded *locks)
{
	shared = memory;
}

void
cf_beat_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_beat",
		.nlocks = 0,
		.size = beat_shmem_size,
		.init = beat_shmem_init,
		.attach = beat_shmem_attach,
	};

	cf_shmem_register(&segment);
}
