/*
 * position.c - LSN, timeline and incarnation of this server.
 *
 * Locking: atomics only. The incarnation's id is written last and read first.
 *
 * src/position.c
 */
#include "postgres.h"

#include "access/timeline.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "access/xlogrecovery.h"
#include "port/atomics.h"
#include "replication/message.h"

#include "compat.h"
#include "position.h"
#include "shmem.h"

#define CF_STANDBY 1
#define CF_PROMOTED 2

/* Atomics, no lock */
typedef struct CfSharedPosition
{
	pg_atomic_uint64 id;		/* 0: no incarnation */
	pg_atomic_uint64 start;
	pg_atomic_uint32 timeline;
	pg_atomic_uint32 was_standby;	/* 0: never; CF_STANDBY, CF_PROMOTED */
} CfSharedPosition;

static CfSharedPosition *position = NULL;

/*
 * After a page's header has been skipped, nothing was written yet. A segment's
 * first page has a longer one; on others a record may end there.
 */
static uint64
end_of_record(uint64 lsn)
{
	uint64		header = XLogSegmentOffset(lsn, wal_segment_size) < XLOG_BLCKSZ ?
		SizeOfXLogLongPHD : SizeOfXLogShortPHD;

	return lsn % XLOG_BLCKSZ == header ? lsn - header : lsn;
}

uint64
cf_position_lsn(void)
{
	if (RecoveryInProgress())
		return GetXLogReplayRecPtr(NULL);
	return end_of_record(GetXLogInsertRecPtr());
}

uint64
cf_position_commit_lsn(void)
{
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		return XactLastCommitEnd;
	return cf_position_lsn();
}

FullTransactionId
cf_position_xid(void)
{
	FullTransactionId xid = ReadNextFullTransactionId();

	FullTransactionIdRetreat(&xid);
	return xid;
}

FullTransactionId
cf_position_widen(TransactionId xid)
{
	FullTransactionId next = ReadNextFullTransactionId();
	uint32		epoch = EpochFromFullTransactionId(next);

	if (xid > XidFromFullTransactionId(next))
		epoch--;
	return FullTransactionIdFromEpochAndXid(epoch, xid);
}

uint32
cf_position_timeline(void)
{
	TimeLineID	timeline;

	if (!RecoveryInProgress())
		return GetWALInsertionTimeLine();
	(void) GetXLogReplayRecPtr(&timeline);
	return timeline;
}

bool
cf_position_is_promoted(void)
{
	static bool writing = false;	/* never a standby again */

	if (likely(writing))
		return false;
	if (RecoveryInProgress())
	{
		if (pg_atomic_read_u32(&position->was_standby) == 0)
			pg_atomic_write_u32(&position->was_standby, CF_STANDBY);
		return false;
	}
	writing = true;
	return pg_atomic_read_u32(&position->was_standby) == CF_STANDBY;
}

void
cf_position_promotion_noted(void)
{
	pg_atomic_write_u32(&position->was_standby, CF_PROMOTED);
}

static Size
position_shmem_size(void)
{
	return sizeof(CfSharedPosition);
}

static void
position_shmem_init(void *memory, LWLockPadded *locks)
{
	CfSharedPosition *new = memory;

	pg_atomic_init_u64(&new->id, 0);
	pg_atomic_init_u64(&new->start, 0);
	pg_atomic_init_u32(&new->timeline, 0);
	pg_atomic_init_u32(&new->was_standby, 0);
}

static void
position_shmem_attach(void *memory, LWLockPadded *locks)
{
	position = memory;
}

void
cf_position_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_position",
		.nlocks = 0,
		.size = position_shmem_size,
		.init = position_shmem_init,
		.attach = position_shmem_attach,
	};

	cf_shmem_register(&segment);
}
