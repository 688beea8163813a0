/*
 * lookback.c - the history of before the start.
 *
 * A second reader goes from an older position up to the floor, notes what commits
 * have changed, and lowers the floor to where it knew which transactions
 * were running (judge.h). If the floor was raised meanwhile it stays.
 *
 * It is not lowered past a run of a server that had the library no part in: in which no
 * message was found. A server that crashed before that run may have stored what was lost
 * in the crash; by its LSN that looks as if it was of the run, whose beginning the line does
 * not know (test/model/line.pml, BARE).
 *
 * src/history/lookback.c
 */
#include "postgres.h"

#include "access/twophase.h"
#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "access/xlog_internal.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "base/guc.h"
#include "base/worker.h"
#include "history/history.h"
#include "history/judge.h"
#include "history/line.h"
#include "history/lookback.h"
#include "history/walread.h"

#define CF_LOOKBACK_SLICE 500	/* records at once: about a millisecond at most */
#define CF_LOOKBACK_WAIT_MS 10

/*
 * A server that writes looks back a little first: what was used last counts soon. From
 * round to round it goes on from the floor that it has come to. Not where there may be
 * prepared transactions: which of them are open shows only in all of the WAL.
 */
#define CF_LOOKBACK_FIRST_MB 32
#define CF_LOOKBACK_GROWTH 4

/* Of this process */
static struct
{
	CfWalReader *reader;		/* NULL: not under way */
	CfJudge    *judge;
	XLogRecPtr	floor;			/* what is looked back from */
	XLogRecPtr	complete;		/* from where on all is known; 0: not yet */
	bool		ours;			/* the run that is being read had the library */
	bool		reaches_line;	/* it began where the line was known */
	bool		found_line;		/* it has ended, and the line is known */
}			lookback;

static void
end_lookback(void)
{
	cf_wal_close(lookback.reader);
	cf_judge_free(lookback.judge);
	lookback.reader = NULL;
}

/*
 * The start of the oldest segment that is there, with all after it, and is within
 * reach, or needed for the line. (A floor that was saved may be out of reach.)
 */
static XLogRecPtr
find_oldest(XLogRecPtr floor, XLogRecPtr now, XLogRecPtr line_known, int reach_mb,
			TimeLineID timeline)
{
	XLogRecPtr	reach = (XLogRecPtr) reach_mb * 1024 * 1024;
	XLogRecPtr	oldest = InvalidXLogRecPtr;
	XLogRecPtr	last = floor - 1;	/* a floor between two segments needs the first one only */
	XLogRecPtr	segment = last - XLogSegmentOffset(last, wal_segment_size);

	while (segment > 0 && cf_wal_has(segment, timeline) &&
		   (now - segment <= reach ||
			(line_known != InvalidXLogRecPtr && segment + wal_segment_size > line_known)))
	{
		oldest = segment;
		segment -= wal_segment_size;
	}
	return oldest;
}

void
cf_lookback_begin(uint64 floor, uint64 line_known, int reach_mb)
{
	TimeLineID	timeline;
	XLogRecPtr	now;
	XLogRecPtr	start;

	if (lookback.reader != NULL)
		end_lookback();
	lookback.found_line = line_known >= floor;
	if (floor == PG_UINT64_MAX)
		return;
	if (RecoveryInProgress())
		now = GetCurrentReplayRecPtr(&timeline);
	else
	{
		now = GetXLogInsertRecPtr();
		timeline = GetWALInsertionTimeLine();
	}
	start = find_oldest(floor, now, Min(line_known, floor), reach_mb, timeline);
	if (!XLogRecPtrIsInvalid(start))
		start = cf_wal_find_first(start, floor, timeline);
	if (XLogRecPtrIsInvalid(start))
		return;
	lookback.judge = cf_judge_create();
	cf_judge_begin(lookback.judge, InvalidTransactionId);
	lookback.floor = floor;

	/*
	 * A commit whose message was not read counts as of anything, until a record tells
	 * which transactions were running. Only what is prepared needs to be known at once.
	 */
	lookback.complete = max_prepared_xacts == 0 ? start : InvalidXLogRecPtr;
	lookback.ours = false;
	lookback.reaches_line = start <= line_known;
	lookback.reader = cf_wal_open(start, timeline);
}

/*
 * All has been read: from there on the history is complete. Each START names the
 * whole line, so the last one does.
 */
static void
use_what_was_found(void)
{
	XLogRecPtr	lsn;
	const CfMessage *start = cf_judge_take_start(lookback.judge, &lsn);
	XLogRecPtr	end = cf_judge_take_end(lookback.judge);

	if (start != NULL && RecoveryInProgress())
		cf_line_learn(start, lsn);
	if (!XLogRecPtrIsInvalid(end) && RecoveryInProgress())
		cf_line_end(end);
	if (!RecoveryInProgress())
		cf_judge_close(lookback.judge, lookback.floor + 1);
	lookback.found_line |= lookback.reaches_line || start != NULL;
	if (lookback.ours && !XLogRecPtrIsInvalid(lookback.complete) &&
		cf_history_lower_floor(lookback.floor, lookback.complete))
		ereport(DEBUG1,
				(errmsg("cachefront knows what has changed since %X/%X",
						LSN_FORMAT_ARGS(lookback.complete))));
}

/* A run that had not the library takes with it what came before. */
static void
note_run(CfRunSign sign)
{
	switch (sign)
	{
		case CF_RUN_NOTHING:
			break;
		case CF_RUN_OURS:
			lookback.ours = true;
			break;
		case CF_RUN_END:
			if (!lookback.ours)
				lookback.complete = InvalidXLogRecPtr;
			lookback.ours = false;
			break;
	}
}

bool
cf_lookback_step(void)
{
	XLogReaderState *record;
	CfWalStatus status = CF_WAL_RECORD;

	if (lookback.reader == NULL)
		return false;
	for (int i = 0; i < CF_LOOKBACK_SLICE; i++)
	{
		status = cf_wal_next(lookback.reader, lookback.floor, &record);
		if (status != CF_WAL_RECORD)
			break;
		cf_judge_record(lookback.judge, record);
		note_run(cf_judge_sign(lookback.judge));
		if (XLogRecPtrIsInvalid(lookback.complete) && cf_judge_has_begun(lookback.judge))
			lookback.complete = cf_wal_position(lookback.reader);
	}
	if (status == CF_WAL_RECORD)
		return true;
	/* What ends after the floor is noted by others. */
	if (status == CF_WAL_LIMIT)
		use_what_was_found();
	end_lookback();
	return false;
}

bool
cf_lookback_found_line(void)
{
	return lookback.found_line;
}

void
cf_lookback_of_writer(void)
{
	uint64		floor;

	while (cf_line_mine() == 0)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 CF_LOOKBACK_WAIT_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		cf_worker_check();
	}
	/* One that has gone on since it was a standby has been looked back for. */
	floor = cf_history_floor();
	if (floor != PG_UINT64_MAX)
		XLogFlush(floor);		/* it reads files */
	for (int reach = max_prepared_xacts > 0 ? cf_guc_wal_lookback : CF_LOOKBACK_FIRST_MB;;
		 reach *= CF_LOOKBACK_GROWTH)
	{
		cf_lookback_begin(cf_history_floor(), 0, Min(reach, cf_guc_wal_lookback));
		while (cf_lookback_step())
			cf_worker_check();
		if (reach >= cf_guc_wal_lookback)
			return;
	}
}
