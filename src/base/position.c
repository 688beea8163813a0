/*
 * position.c - LSN, timeline and transaction ids of this server.
 *
 * src/base/position.c
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "access/xlogrecovery.h"
#include "utils/snapmgr.h"

#include "base/position.h"

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

void
cf_position_hasten(uint64 lsn)
{
	if (!RecoveryInProgress() && lsn > GetFlushRecPtr(NULL))
		XLogSetAsyncXactLSN(lsn);
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

FullTransactionId
cf_position_snapshot_xmin(void)
{
	return cf_position_widen(GetTransactionSnapshot()->xmin);
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

FullTransactionId
cf_position_older(FullTransactionId a, FullTransactionId b)
{
	if (!FullTransactionIdIsValid(a) || !FullTransactionIdIsValid(b))
		return FullTransactionIdIsValid(a) ? a : b;
	return FullTransactionIdPrecedes(a, b) ? a : b;
}
