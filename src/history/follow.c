/*
 * follow.c - the follower, and how sessions wait for it.
 *
 * It reads in the timeline that is replayed, and a little ahead of replay, unless replay
 * is held back: what it has noted is a miss until it is replayed. So a session finds
 * it behind only where both are at work, and then wakes it.
 *
 * Position and timeline are two words. The position is zero while they do not belong
 * together; a session reads the timeline first. A position that it reads after that is
 * of this timeline or of one that follows it, of which replay is behind.
 *
 * What cannot be read (a segment is gone, a file is damaged, the timeline
 * is not one that follows) raises the floor of the history to where replay is,
 * and reading goes on from there.
 *
 * src/history/follow.c
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "catalog/pg_control.h"
#include "common/controldata_utils.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "replication/walreceiver.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/debug_point.h"
#include "base/fault.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "base/steady.h"
#include "base/worker.h"
#include "history/follow.h"
#include "history/history.h"
#include "history/judge.h"
#include "history/line.h"
#include "history/lookback.h"
#include "history/walread.h"

#define CF_FOLLOW_AHEAD (64 * 1024) /* bytes that it reads ahead of replay */
#define CF_FOLLOW_FAR (1024 * 1024) /* behind by more, nobody waits for it */
#define CF_FOLLOW_SLICE 1000	/* records between two looks at the world */
#define CF_FOLLOW_MAX_SLEEP_MS 100
#define CF_FOLLOW_SAVE_MS 60000
#define CF_NO_PROC PG_UINT32_MAX

typedef enum FollowState
{
	FOLLOW_NEVER,				/* the server has not been a standby with a follower */
	FOLLOW_STANDBY,
	FOLLOW_FINISHED				/* it was, and all that was replayed has been read */
} FollowState;

/* Atomics, no lock. Written by the follower alone. */
typedef struct CfSharedFollow
{
	pg_atomic_uint64 position;	/* end of the last record that was read; 0: none counts */
	pg_atomic_uint32 timeline;
	pg_atomic_uint32 state;		/* FollowState */
	pg_atomic_uint32 proc;		/* CF_NO_PROC: it does not run */

	/* Immutable after startup */
	XLogRecPtr	redo;			/* where recovery begins */
} CfSharedFollow;

typedef struct Follower
{
	CfWalReader *reader;		/* NULL: has not begun */
	CfJudge    *judge;
	bool		complained;		/* of what cannot be read, since it could */
	bool		line_known;		/* all that began up to where it reads is in the line */
	TimestampTz saved_at;		/* of the line */
} Follower;

static CfSharedFollow *follow = NULL;

/* ---- sessions ---- */

static bool
has_read(XLogRecPtr replaying, TimeLineID timeline)
{
	if (CF_PLANTED(NO_FOLLOW_GATE))
		return true;
	if (pg_atomic_read_u32(&follow->timeline) != timeline)
		return false;
	pg_read_barrier();
	if (pg_atomic_read_u64(&follow->position) < replaying)
		return false;
	pg_read_barrier();
	return true;
}

/* False: it does not run. */
static bool
wake_follower(void)
{
	uint32		proc = pg_atomic_read_u32(&follow->proc);

	if (proc == CF_NO_PROC)
		return false;
	SetLatch(&ProcGlobal->allProcs[proc].procLatch);
	return true;
}

/*
 * Sleeps of 20 us and more: about a millisecond in all. For one that does not come
 * on a session waits but once.
 */
static bool
wait_for_follower(XLogRecPtr replaying, TimeLineID timeline)
{
	static XLogRecPtr stuck = InvalidXLogRecPtr;
	XLogRecPtr	position = pg_atomic_read_u64(&follow->position);

	if (!wake_follower() || position == stuck || position + CF_FOLLOW_FAR < replaying ||
		pg_atomic_read_u32(&follow->timeline) != timeline)
		return false;
	for (long us = 20; us <= 320; us *= 2)
	{
		pg_usleep(us);
		if (has_read(replaying, timeline))
			return true;
	}
	stuck = position;
	return false;
}

bool
cf_follow_catch_up(void)
{
	TimeLineID	timeline;
	XLogRecPtr	replaying;

	if (likely(!RecoveryInProgress()))
	{
		if (likely(cf_follow_is_complete()))
			return true;
		(void) wake_follower();
		return false;
	}
	replaying = GetCurrentReplayRecPtr(&timeline);
	return has_read(replaying, timeline) || wait_for_follower(replaying, timeline);
}

bool
cf_follow_has_followed(void)
{
	return pg_atomic_read_u32(&follow->state) != FOLLOW_NEVER;
}

bool
cf_follow_is_complete(void)
{
	return pg_atomic_read_u32(&follow->state) != FOLLOW_STANDBY;
}

bool
cf_follow_is_finishing(void)
{
	return pg_atomic_read_u32(&follow->state) == FOLLOW_STANDBY &&
		pg_atomic_read_u32(&follow->proc) != CF_NO_PROC;
}

bool
cf_follow_begin_line(void)
{
	if (RecoveryInProgress() || cf_line_mine() != 0)
		return true;
	/* It vouches for the end of the line. */
	return !cf_follow_is_finishing() && cf_line_begin(cf_follow_has_followed());
}

int64
cf_follow_unread(void)
{
	XLogRecPtr	replaying = GetCurrentReplayRecPtr(NULL);
	uint64		position = pg_atomic_read_u64(&follow->position);

	if (pg_atomic_read_u32(&follow->proc) == CF_NO_PROC || position == 0)
		return -1;
	return replaying > position ? (int64) (replaying - position) : 0;
}

/* ---- the follower ---- */

static void
publish(XLogRecPtr position)
{
	pg_write_barrier();			/* the history first */
	pg_atomic_write_u64(&follow->position, position);
}

static void
publish_timeline(XLogRecPtr position, TimeLineID timeline)
{
	publish(0);
	pg_write_barrier();
	pg_atomic_write_u32(&follow->timeline, timeline);
	publish(position);
}

/*
 * Nothing is known of what was before: from where replay is. Transaction ids are
 * asked for after that, so that all that were in a record before are below.
 * line_known: up to where the line is.
 */
static void
begin(Follower *follower, XLogRecPtr line_known)
{
	TimeLineID	timeline;
	XLogRecPtr	replaying;
	TransactionId next;

	publish(0);
	cf_line_vouch(0);
	replaying = GetCurrentReplayRecPtr(&timeline);
	pg_memory_barrier();
	next = XidFromFullTransactionId(ReadNextFullTransactionId());
	cf_wal_close(follower->reader);
	follower->reader = cf_wal_open(replaying, timeline);
	cf_judge_begin(follower->judge, next);
	if (!cf_history_lower_floor(PG_UINT64_MAX, replaying))
		cf_history_raise_floor(replaying);
	publish_timeline(replaying, timeline);
	follower->line_known = false;
	cf_lookback_begin(cf_history_floor(), line_known, cf_guc_wal_lookback);
}

static void
complain(Follower *follower, const char *problem)
{
	if (!follower->complained)
		ereport(LOG,
				(errmsg("cachefront cannot read all WAL that is replayed: %s", problem),
				 errdetail("What was cached before %X/%X is not used.",
						   LSN_FORMAT_ARGS(GetCurrentReplayRecPtr(NULL)))));
	follower->complained = true;
}

/* What is replayed is of another timeline now: it goes on there, where they part. */
static void
turn(Follower *follower, TimeLineID timeline)
{
	XLogRecPtr	position = cf_wal_position(follower->reader);
	XLogRecPtr	point = cf_wal_switch_point(cf_wal_timeline(follower->reader), timeline);

	if (!XLogRecPtrIsInvalid(point))
		cf_line_cut(point);
	if (XLogRecPtrIsInvalid(point) || position > point)
	{
		begin(follower, Min(point, position));
		return;
	}
	cf_wal_close(follower->reader);
	follower->reader = NULL;
	follower->reader = cf_wal_open(position, timeline);
	publish_timeline(position, timeline);
}

static bool
replay_is_held(void)
{
	return recovery_min_apply_delay > 0 || GetRecoveryPauseState() != RECOVERY_NOT_PAUSED;
}

/* Up to where files of the timeline that is replayed are good. */
static XLogRecPtr
find_limit(XLogRecPtr replaying, TimeLineID timeline)
{
	TimeLineID	before;
	TimeLineID	after;
	XLogRecPtr	flushed = GetWalRcvFlushRecPtr(NULL, &before);
	XLogRecPtr	written = GetWalRcvWriteRecPtr();

	(void) GetWalRcvFlushRecPtr(NULL, &after);
	if (before != timeline || after != timeline || replay_is_held())
		return replaying;
	return Max(replaying, Min(Max(flushed, written), replaying + CF_FOLLOW_AHEAD));
}

/*
 * What a record says of the line, before anybody may take its commits for known: a
 * value of what has ended must not count for one of what goes on.
 */
static void
note_line(Follower *follower)
{
	XLogRecPtr	lsn;
	const CfMessage *start = cf_judge_take_start(follower->judge, &lsn);
	XLogRecPtr	end;

	if (unlikely(start != NULL))
	{
		cf_line_learn(start, lsn);
		follower->line_known = true;
	}
	end = cf_judge_take_end(follower->judge);
	if (unlikely(!XLogRecPtrIsInvalid(end)))
		cf_line_end(end);
}

/* A look back that has ended without the line leaves it to the next START. */
static void
find_line(Follower *follower, bool looking_back)
{
	if (!follower->line_known && !looking_back && cf_lookback_found_line())
		follower->line_known = true;
	if (follower->line_known)
		cf_line_vouch(cf_wal_position(follower->reader));
}

/* Reads up to a limit; all up to "needed" must be readable. True: there was something. */
static bool
read_up_to(Follower *follower, XLogRecPtr needed, XLogRecPtr limit)
{
	XLogReaderState *record;
	CfWalStatus status;
	int			n = 0;

	while ((status = cf_wal_next(follower->reader, limit, &record)) == CF_WAL_RECORD)
	{
		cf_judge_record(follower->judge, record);
		note_line(follower);
		publish(cf_wal_position(follower->reader));
		if (++n == CF_FOLLOW_SLICE)
			return true;
	}
	if (n > 0)
		follower->complained = false;
	if (status == CF_WAL_UNREADABLE && cf_wal_position(follower->reader) < needed)
	{
		complain(follower, cf_wal_problem(follower->reader));
		begin(follower, follower->line_known ? cf_wal_position(follower->reader) : 0);
	}
	return n > 0;
}

/* As the server may not end well. */
static void
save_line(Follower *follower)
{
	TimestampTz now = cf_steady_now();

	if (!follower->line_known ||
		!TimestampDifferenceExceeds(follower->saved_at, now, CF_FOLLOW_SAVE_MS))
		return;
	cf_line_save();
	follower->saved_at = now;
}

static bool
follow_replay(Follower *follower)
{
	TimeLineID	timeline;
	XLogRecPtr	replaying = GetCurrentReplayRecPtr(&timeline);

	CF_HOLD_POINT("follow-before-read");
	if (timeline != cf_wal_timeline(follower->reader))
		turn(follower, timeline);
	return read_up_to(follower, replaying, find_limit(replaying, timeline));
}

/* The server has begun to write: what is left is what was replayed last. */
static void
finish(Follower *follower)
{
	XLogRecPtr	end = GetXLogReplayRecPtr(NULL);
	TimeLineID	timeline = GetWALInsertionTimeLine();

	CF_HOLD_POINT("follow-before-finish");
	if (follower->reader == NULL)
		begin(follower, 0);
	else if (timeline != cf_wal_timeline(follower->reader))
		turn(follower, timeline);
	while (cf_wal_position(follower->reader) < end && read_up_to(follower, end, end))
		cf_worker_check();
	/* Past all that was loaded here by now. */
	cf_judge_close(follower->judge, end + 1);
	while (cf_lookback_step())
		cf_worker_check();
	find_line(follower, false);
	pg_write_barrier();
	pg_atomic_write_u32(&follow->state, FOLLOW_FINISHED);
	cf_worker_wake(InvalidOid); /* the launcher waits for it */
	cf_wal_close(follower->reader);
	follower->reader = NULL;
}

static void
follower_exit(int code, Datum arg)
{
	pg_atomic_write_u32(&follow->proc, CF_NO_PROC);
	publish(0);
	if (RecoveryInProgress())
		cf_line_save();
}

static void
rest(long ms)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms,
					 PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	cf_worker_check();
}

/* Until the server writes. */
static void
follow_standby(Follower *follower)
{
	XLogRecPtr	line_known = cf_line_known();
	long		sleep = 1;

	/* What a writing server has left: nothing is missing of before recovery began. */
	if (line_known == PG_UINT64_MAX)
		line_known = follow->redo;
	begin(follower, line_known);
	pg_atomic_write_u32(&follow->state, FOLLOW_STANDBY);
	while (RecoveryInProgress())
	{
		bool		read = follow_replay(follower);
		bool		looking_back = !read && cf_lookback_step();

		cf_worker_check();
		find_line(follower, read || looking_back);
		if (read)
			sleep = 1;
		else if (!looking_back)
		{
			save_line(follower);
			rest(sleep);
			sleep = Min(2 * sleep, CF_FOLLOW_MAX_SLEEP_MS);
		}
	}
}

void
cachefront_follower_main(Datum arg)
{
	Follower	follower = {0};

	cf_worker_begin(CF_WORKER_FOLLOWER);
	before_shmem_exit(follower_exit, (Datum) 0);
	pg_atomic_write_u32(&follow->proc, (uint32) CF_MY_PROC_NUMBER);
	MemoryContextSwitchTo(TopMemoryContext);
	follower.judge = cf_judge_create();
	if (RecoveryInProgress())
		follow_standby(&follower);
	if (pg_atomic_read_u32(&follow->state) == FOLLOW_STANDBY)
		finish(&follower);
	cf_judge_free(follower.judge);
	cf_lookback_of_writer();
	for (;;)
		rest(60 * 1000);
}

/* ---- start-up ---- */

static Size
follow_shmem_size(void)
{
	return sizeof(CfSharedFollow);
}

/* By the label of a backup, if the data are from one. */
static XLogRecPtr
find_redo(void)
{
	FILE	   *label = AllocateFile("backup_label", "r");
	ControlFileData *control;
	XLogRecPtr	redo = InvalidXLogRecPtr;
	uint32		high;
	uint32		low;
	bool		intact;

	if (label != NULL)
	{
		if (fscanf(label, "START WAL LOCATION: %X/%X", &high, &low) == 2)
			redo = ((uint64) high) << 32 | low;
		FreeFile(label);
		return redo;
	}
	control = get_controlfile(DataDir, &intact);
	if (intact)
		redo = control->checkPointCopy.redo;
	pfree(control);
	return redo;
}

static void
follow_shmem_init(void *memory, LWLockPadded *locks)
{
	CfSharedFollow *new = memory;

	pg_atomic_init_u64(&new->position, 0);
	pg_atomic_init_u32(&new->timeline, 0);
	pg_atomic_init_u32(&new->state, FOLLOW_NEVER);
	pg_atomic_init_u32(&new->proc, CF_NO_PROC);
	new->redo = find_redo();
}

static void
follow_shmem_attach(void *memory, LWLockPadded *locks)
{
	follow = memory;
}

void
cf_follow_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_follow",
		.nlocks = 0,
		.size = follow_shmem_size,
		.init = follow_shmem_init,
		.attach = follow_shmem_attach,
	};

	cf_shmem_register(&segment);
	cf_worker_register_static(CF_WORKER_FOLLOWER, "cachefront_follower_main",
							  BgWorkerStart_ConsistentState);
}
