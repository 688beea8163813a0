/*
 * judge.c - goes through records, keeps transactions, and notes commits.
 *
 * Of a transaction with subtransactions each id is kept by itself: a commit record
 * lists those that count. Whether something was written after the message is a
 * matter of positions, over all of them.
 *
 * Only ids below "horizon" may have begun before what was read. The records that tell
 * which transactions run (RUNNING_XACTS, at each checkpoint and every 15 seconds, and
 * checkpoints at a shutdown) lower that again, and show which ids nobody will
 * end: those of a server that has crashed.
 *
 * src/history/judge.c
 */
#include "postgres.h"

#include "access/heapam_xlog.h"
#include "access/rmgr.h"
#include "access/transam.h"
#include "access/twophase.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "access/xlogrecord.h"
#include "catalog/pg_control.h"
#include "commands/dbcommands_xlog.h"
#include "storage/sinval.h"
#include "storage/standbydefs.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/relmapper.h"

#include "base/compat.h"
#include "base/fault.h"
#include "codec/key.h"
#include "history/history.h"
#include "history/judge.h"
#include "history/message.h"

#define CF_JUDGE_MAX_IDS (256 * 1024)
#define CF_JUDGE_MAX_REFS (1024 * 1024)

/* What is known of a transaction id. */
typedef struct Kept
{
	TransactionId xid;			/* first: the key */
	Oid			dboid;			/* InvalidOid: not known */
	bool		prepared;
	XLogRecPtr	written;		/* end of the last record of rows; 0: none */
	XLogRecPtr	told;			/* end of the last message; 0: none */
	int			nrefs;
	CfClockRef *refs;			/* palloc'd */
} Kept;

struct CfJudge
{
	MemoryContext context;
	HTAB	   *kept;
	uint64		nrefs;			/* of all */
	bool		begun;			/* the horizon is known */
	TransactionId horizon;		/* older ones may have begun before; invalid: none */
	TransactionId newest;		/* of all that were met */
	Kept	   *last;			/* the one asked for last, or NULL */
	CfMessage	start;			/* list: palloc'd, or NULL */
	XLogRecPtr	start_lsn;		/* 0: it is not new */
	XLogRecPtr	end_lsn;		/* of the end of a run, with no START after it; 0: none */
	CfRunSign	sign;			/* of the last record */
};

static void
make_table(CfJudge *judge)
{
	HASHCTL		info = {
		.keysize = sizeof(TransactionId),
		.entrysize = sizeof(Kept),
		.hcxt = judge->context,
	};

	judge->kept = hash_create("cachefront transactions", 1024, &info,
							  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	judge->nrefs = 0;
	judge->last = NULL;
}

CfJudge *
cf_judge_create(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "cachefront judge",
												  ALLOCSET_DEFAULT_SIZES);
	CfJudge    *judge = MemoryContextAllocZero(context, sizeof(CfJudge));

	judge->context = context;
	make_table(judge);
	return judge;
}

void
cf_judge_free(CfJudge *judge)
{
	MemoryContextDelete(judge->context);
}

static void
drop_refs(CfJudge *judge, Kept *kept)
{
	if (kept->refs != NULL)
		pfree(kept->refs);
	judge->nrefs -= kept->nrefs;
	kept->refs = NULL;
	kept->nrefs = 0;
}

static void
forget_all(CfJudge *judge)
{
	HASH_SEQ_STATUS scan;
	Kept	   *kept;

	hash_seq_init(&scan, judge->kept);
	while ((kept = hash_seq_search(&scan)) != NULL)
		drop_refs(judge, kept);
	hash_destroy(judge->kept);
	make_table(judge);
}

void
cf_judge_begin(CfJudge *judge, TransactionId next)
{
	forget_all(judge);
	judge->begun = TransactionIdIsValid(next);
	judge->horizon = next;
	judge->newest = next;
}

bool
cf_judge_has_begun(const CfJudge *judge)
{
	return judge->begun;
}

/* There is too much of it: nothing that has been met so far is known any more. */
static void
collapse(CfJudge *judge)
{
	TransactionId next = judge->newest;

	forget_all(judge);
	TransactionIdAdvance(next);
	judge->horizon = next;
}

static Kept *
find(CfJudge *judge, TransactionId xid)
{
	if (judge->last != NULL && judge->last->xid == xid)
		return judge->last;
	return hash_search(judge->kept, &xid, HASH_FIND, NULL);
}

static Kept *
find_or_keep(CfJudge *judge, TransactionId xid)
{
	Kept	   *kept;
	bool		found;

	if (judge->last != NULL && judge->last->xid == xid)
		return judge->last;
	if (!TransactionIdIsValid(judge->newest) || TransactionIdFollows(xid, judge->newest))
		judge->newest = xid;
	if (hash_get_num_entries(judge->kept) >= CF_JUDGE_MAX_IDS || judge->nrefs >= CF_JUDGE_MAX_REFS)
		collapse(judge);
	kept = hash_search(judge->kept, &xid, HASH_ENTER, &found);
	if (!found)
	{
		MemSet(kept, 0, sizeof(*kept));
		kept->xid = xid;
	}
	judge->last = kept;
	return kept;
}

static void
forget(CfJudge *judge, TransactionId xid)
{
	Kept	   *kept = find(judge, xid);

	if (kept == NULL)
		return;
	drop_refs(judge, kept);
	judge->last = NULL;
	(void) hash_search(judge->kept, &xid, HASH_REMOVE, NULL);
}

/* ---- what a transaction does ---- */

static void
keep_message(CfJudge *judge, XLogReaderState *record, const CfMessage *message)
{
	Kept	   *kept = find_or_keep(judge, XLogRecGetXid(record));
	Size		size = (kept->nrefs + message->n) * sizeof(CfClockRef);

	if (message->complete)
		kept->told = record->EndRecPtr;
	kept->dboid = message->dboid;
	if (message->n == 0)
		return;
	kept->refs = kept->refs == NULL ? MemoryContextAlloc(judge->context, size) :
		repalloc(kept->refs, size);
	for (int i = 0; i < message->n; i++)
		kept->refs[kept->nrefs++] = cf_message_ref(message, i);
	judge->nrefs += message->n;
}

/* It waits for no commit. */
static void
note_message(XLogReaderState *record, const CfMessage *message)
{
	for (int i = 0; i < message->n; i++)
		cf_history_note(cf_message_ref(message, i), record->EndRecPtr);
}

static void
keep_start(CfJudge *judge, XLogReaderState *record, const CfMessage *message)
{
	Size		size = message->n * sizeof(CfStart);
	char	   *list = MemoryContextAlloc(judge->context, size);

	memcpy(list, message->list, size);
	if (judge->start.list != NULL)
		pfree((char *) judge->start.list);
	judge->start = *message;
	judge->start.list = list;
	judge->start_lsn = record->EndRecPtr;
	judge->end_lsn = InvalidXLogRecPtr;
}

const CfMessage *
cf_judge_take_start(CfJudge *judge, XLogRecPtr *lsn)
{
	*lsn = judge->start_lsn;
	judge->start_lsn = InvalidXLogRecPtr;
	return XLogRecPtrIsInvalid(*lsn) ? NULL : &judge->start;
}

XLogRecPtr
cf_judge_take_end(CfJudge *judge)
{
	XLogRecPtr	lsn = judge->end_lsn;

	judge->end_lsn = InvalidXLogRecPtr;
	return lsn;
}

CfRunSign
cf_judge_sign(const CfJudge *judge)
{
	return judge->sign;
}

static void
keep_write(CfJudge *judge, XLogReaderState *record, Oid dboid)
{
	Kept	   *kept;

	if (!TransactionIdIsValid(XLogRecGetXid(record)))
		return;
	kept = find_or_keep(judge, XLogRecGetXid(record));
	kept->written = record->EndRecPtr;
	if (OidIsValid(dboid))
		kept->dboid = dboid;
}

/* One of ours that cannot be read says that something was written, and no more. */
static void
judge_message(CfJudge *judge, XLogReaderState *record)
{
	CfMessage	message;
	bool		parsed;
	bool		ours;

	parsed = cf_message_parse(XLogRecGetData(record), XLogRecGetDataLen(record), &message, &ours);
	if (parsed || ours)
		judge->sign = CF_RUN_OURS;
	if (!parsed)
	{
		if (ours)
			keep_write(judge, record, InvalidOid);
		return;
	}
	switch (message.kind)
	{
		case CF_MESSAGE_CHANGES:
			if (message.transactional)
				keep_message(judge, record, &message);
			else
				note_message(record, &message);
			break;
		case CF_MESSAGE_START:
			keep_start(judge, record, &message);
			break;
	}
}

/* Does a record of the heap write rows of a table that is no catalog's? */
static void
judge_rows(CfJudge *judge, XLogReaderState *record)
{
	if (XLogRecHasBlockRef(record, 0) &&
		CF_BLOCK_RELATION(record, 0) >= FirstNormalObjectId &&
		OidIsValid(CF_BLOCK_DATABASE(record, 0)))
		keep_write(judge, record, CF_BLOCK_DATABASE(record, 0));
}

/*
 * A message is the last that the library writes. What changes the catalog after it
 * may be another library's, but what PostgreSQL deletes then are temporary tables
 * (ON COMMIT DROP).
 */
static void
judge_catalog(CfJudge *judge, XLogReaderState *record)
{
	Kept	   *kept;

	if (!XLogRecHasBlockRef(record, 0) ||
		CF_BLOCK_RELATION(record, 0) >= FirstNormalObjectId)
		return;
	kept = find(judge, XLogRecGetXid(record));
	if (kept != NULL && kept->told != InvalidXLogRecPtr)
		keep_write(judge, record, CF_BLOCK_DATABASE(record, 0));
}

static void
judge_heap(CfJudge *judge, XLogReaderState *record)
{
	switch (XLogRecGetInfo(record) & XLOG_HEAP_OPMASK)
	{
		case XLOG_HEAP_INSERT:
		case XLOG_HEAP_UPDATE:
		case XLOG_HEAP_HOT_UPDATE:
			judge_rows(judge, record);
			judge_catalog(judge, record);
			break;
		case XLOG_HEAP_DELETE:
			judge_rows(judge, record);
			break;
		case XLOG_HEAP_TRUNCATE:
			keep_write(judge, record, ((xl_heap_truncate *) XLogRecGetData(record))->dbId);
			break;
		default:
			break;
	}
}

static void
judge_heap2(CfJudge *judge, XLogReaderState *record)
{
	if ((XLogRecGetInfo(record) & XLOG_HEAP_OPMASK) != XLOG_HEAP2_MULTI_INSERT)
		return;
	judge_rows(judge, record);
	judge_catalog(judge, record);
}

/* Whatever writes this way may keep rows. */
static void
judge_other(CfJudge *judge, XLogReaderState *record)
{
	keep_write(judge, record, XLogRecHasBlockRef(record, 0) ?
			   CF_BLOCK_DATABASE(record, 0) : InvalidOid);
}

/* ---- how it ends ---- */

/* All that is known of a transaction that has committed. */
typedef struct Committed
{
	Oid			dboid;
	XLogRecPtr	written;
	XLogRecPtr	told;
} Committed;

/* Notes what its messages say as well: it is forgotten after that. */
static void
add_committed(CfJudge *judge, Committed *committed, TransactionId xid, XLogRecPtr lsn)
{
	Kept	   *kept = find(judge, xid);

	if (kept == NULL)
		return;
	if (OidIsValid(kept->dboid))
		committed->dboid = kept->dboid;
	committed->written = Max(committed->written, kept->written);
	committed->told = Max(committed->told, kept->told);
	for (int i = 0; i < kept->nrefs && !CF_PLANTED(NO_FOLLOW_NOTES); i++)
		cf_history_note(kept->refs[i], lsn);
	forget(judge, xid);
}

/* Of what all databases share? */
static bool
is_shared(const SharedInvalidationMessage *message)
{
	switch (message->id)
	{
		case SHAREDINVALCATALOG_ID:
			return message->cat.dbId == InvalidOid;
		case SHAREDINVALRELCACHE_ID:
			return message->rc.dbId == InvalidOid;
		case SHAREDINVALSMGR_ID:
			return false;
		case SHAREDINVALRELMAP_ID:
			return message->rm.dbId == InvalidOid;
		case SHAREDINVALSNAPSHOT_ID:
			return message->sn.dbId == InvalidOid;
		default:
			return message->cc.dbId == InvalidOid;
	}
}

static bool
any_shared(const xl_xact_parsed_commit *commit)
{
	for (int i = 0; i < commit->nmsgs; i++)
	{
		if (is_shared(&commit->msgs[i]))
			return true;
	}
	return false;
}

static bool
may_have_begun_before(const CfJudge *judge, TransactionId xid)
{
	if (!judge->begun)
		return true;
	return TransactionIdIsValid(judge->horizon) && TransactionIdPrecedes(xid, judge->horizon);
}

static void
judge_commit(CfJudge *judge, XLogReaderState *record, TransactionId xid)
{
	XLogRecPtr	lsn = record->EndRecPtr;
	Committed	committed = {InvalidOid};
	xl_xact_parsed_commit commit;
	bool		told;

	ParseCommitRecord(XLogRecGetInfo(record), (xl_xact_commit *) XLogRecGetData(record), &commit);
	if (!TransactionIdIsValid(xid))
		xid = commit.twophase_xid;
	committed.dboid = commit.dbId;
	add_committed(judge, &committed, xid, lsn);
	for (int i = 0; i < commit.nsubxacts; i++)
		add_committed(judge, &committed, commit.subxacts[i], lsn);

	told = committed.told != InvalidXLogRecPtr;
	if (!told && any_shared(&commit))
		cf_history_note(cf_clock_of_epoch(InvalidOid), lsn);
	if (committed.written > committed.told ||
		(!told && (commit.nmsgs > 0 || may_have_begun_before(judge, xid))))
		cf_history_note(cf_clock_of_epoch(committed.dboid), lsn);
}

static void
judge_abort(CfJudge *judge, XLogReaderState *record, TransactionId xid)
{
	xl_xact_parsed_abort abort;

	ParseAbortRecord(XLogRecGetInfo(record), (xl_xact_abort *) XLogRecGetData(record), &abort);
	forget(judge, TransactionIdIsValid(xid) ? xid : abort.twophase_xid);
	for (int i = 0; i < abort.nsubxacts; i++)
		forget(judge, abort.subxacts[i]);
}

static void
mark_prepared(CfJudge *judge, TransactionId xid)
{
	Kept	   *kept = find(judge, xid);

	if (kept != NULL)
		kept->prepared = true;
}

static void
judge_prepare(CfJudge *judge, XLogReaderState *record)
{
	xl_xact_parsed_prepare prepare;

	ParsePrepareRecord(XLogRecGetInfo(record), (xl_xact_prepare *) XLogRecGetData(record),
					   &prepare);
	mark_prepared(judge, XLogRecGetXid(record));
	for (int i = 0; i < prepare.nsubxacts; i++)
		mark_prepared(judge, prepare.subxacts[i]);
}

static void
judge_xact(CfJudge *judge, XLogReaderState *record)
{
	switch (XLogRecGetInfo(record) & XLOG_XACT_OPMASK)
	{
		case XLOG_XACT_COMMIT:
			judge_commit(judge, record, XLogRecGetXid(record));
			break;
		case XLOG_XACT_COMMIT_PREPARED:
			judge_commit(judge, record, InvalidTransactionId);
			break;
		case XLOG_XACT_PREPARE:
			judge_prepare(judge, record);
			break;
		case XLOG_XACT_ABORT:
			judge_abort(judge, record, XLogRecGetXid(record));
			break;
		case XLOG_XACT_ABORT_PREPARED:
			judge_abort(judge, record, InvalidTransactionId);
			break;
		default:
			break;
	}
}

static void
note_open(const Kept *kept, XLogRecPtr lsn)
{
	for (int i = 0; i < kept->nrefs; i++)
		cf_history_note(kept->refs[i], lsn);
	if (kept->written > kept->told)
		cf_history_note(cf_clock_of_epoch(kept->dboid), lsn);
}

/* One whose beginning was not read may be prepared, and have changed anything. */
void
cf_judge_close(CfJudge *judge, XLogRecPtr lsn)
{
	HASH_SEQ_STATUS scan;
	Kept	   *kept;

	if (max_prepared_xacts == 0)
		return;
	hash_seq_init(&scan, judge->kept);
	while ((kept = hash_seq_search(&scan)) != NULL)
	{
		if (kept->prepared)
			note_open(kept, lsn);
	}
	if (!judge->begun || TransactionIdIsValid(judge->horizon))
		cf_history_note(cf_clock_of_epoch(InvalidOid), lsn);
}

/* ---- which of them run ---- */

/* Whatever is older than this has ended. */
static void
forget_older(CfJudge *judge, TransactionId oldest)
{
	HASH_SEQ_STATUS scan;
	Kept	   *kept;

	judge->last = NULL;
	hash_seq_init(&scan, judge->kept);
	while ((kept = hash_seq_search(&scan)) != NULL)
	{
		if (!TransactionIdPrecedes(kept->xid, oldest))
			continue;
		drop_refs(judge, kept);
		(void) hash_search(judge->kept, &kept->xid, HASH_REMOVE, NULL);
	}
}

static void
judge_standby(CfJudge *judge, XLogReaderState *record)
{
	xl_running_xacts *running = (xl_running_xacts *) XLogRecGetData(record);

	if ((XLogRecGetInfo(record) & ~XLR_INFO_MASK) != XLOG_RUNNING_XACTS)
		return;
	if (!judge->begun)
	{
		judge->begun = true;
		judge->horizon = running->nextXid;
		judge->newest = running->nextXid;
	}
	forget_older(judge, running->oldestRunningXid);
	if (TransactionIdIsValid(judge->horizon) &&
		!TransactionIdPrecedes(running->oldestRunningXid, judge->horizon))
		judge->horizon = InvalidTransactionId;
}

/* As a server stops nothing runs, but what is prepared does not end. */
static void
judge_shutdown(CfJudge *judge, const CheckPoint *checkpoint)
{
	if (judge->begun)
		return;
	judge->begun = true;
	judge->horizon = XidFromFullTransactionId(checkpoint->nextXid);
	judge->newest = judge->horizon;
}

static void
judge_xlog(CfJudge *judge, XLogReaderState *record)
{
	switch (XLogRecGetInfo(record) & ~XLR_INFO_MASK)
	{
		case XLOG_CHECKPOINT_SHUTDOWN:
			judge_shutdown(judge, (CheckPoint *) XLogRecGetData(record));
			judge->end_lsn = record->ReadRecPtr;
			judge->sign = CF_RUN_END;
			break;
		case XLOG_END_OF_RECOVERY:
			judge->end_lsn = record->ReadRecPtr;
			judge->sign = CF_RUN_END;
			break;
		default:
			break;
	}
}

/* A database comes or goes by files. All such records begin with its OID. */
static void
judge_database(XLogReaderState *record)
{
	Oid			dboid;

	memcpy(&dboid, XLogRecGetData(record), sizeof(dboid));
	cf_history_note(cf_clock_of_epoch(dboid), record->EndRecPtr);
}

static void
judge_map(XLogReaderState *record)
{
	cf_history_note(cf_clock_of_epoch(((xl_relmap_update *) XLogRecGetData(record))->dbid),
					record->EndRecPtr);
}

void
cf_judge_record(CfJudge *judge, XLogReaderState *record)
{
	judge->sign = CF_RUN_NOTHING;
	switch (XLogRecGetRmid(record))
	{
		case RM_LOGICALMSG_ID:
			judge_message(judge, record);
			break;
		case RM_HEAP_ID:
			judge_heap(judge, record);
			break;
		case RM_HEAP2_ID:
			judge_heap2(judge, record);
			break;
		case RM_XACT_ID:
			judge_xact(judge, record);
			break;
		case RM_STANDBY_ID:
			judge_standby(judge, record);
			break;
		case RM_XLOG_ID:
			judge_xlog(judge, record);
			break;
		case RM_DBASE_ID:
			judge_database(record);
			break;
		case RM_RELMAP_ID:
			judge_map(record);
			break;
		case RM_GENERIC_ID:
			judge_other(judge, record);
			break;
		default:
			if (RmgrIdIsCustom(XLogRecGetRmid(record)))
				judge_other(judge, record);
			break;
	}
}
