/*
 * twophase.c - prepared transactions, and what they will change when they end.
 *
 * By the full transaction id and never by the gid: a gid may be used again, and
 * PREPARE with one that is in use fails only after PRE_PREPARE. What is in the
 * table and no longer in progress has ended. What was rolled back moves no clock.
 *
 * Locking: one LWLock (cachefront_twophase) for the slots, held for a copy of one
 * or for a scan; nothing else is taken under it. Clocks are raised before their
 * slot is filled and settled after it is emptied, by whoever did that. The number
 * of slots in use and whether the unknown were looked for are atomics.
 *
 * src/txn/twophase.c
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/twophase.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "storage/lwlock.h"
#include "storage/procarray.h"

#include "base/debug_point.h"
#include "base/fault.h"
#include "base/position.h"
#include "base/shmem.h"
#include "base/worker.h"
#include "publish/ack.h"
#include "txn/prepared.h"
#include "txn/twophase.h"

#define CF_PREPARED_CLOCKS 64	/* of one transaction; more: its database's */
#define CF_REMEMBERED_XIDS 50000000 /* so old a transaction's end is still known */

typedef struct CfSharedPrepared
{
	FullTransactionId xid;		/* invalid: the slot is free */
	Oid			outbox;			/* database in whose cache_outbox it may have rows, or InvalidOid */
	int			nclocks;
	CfClockRef	clock[CF_PREPARED_CLOCKS];
} CfSharedPrepared;

typedef struct CfSharedTwophase
{
	pg_atomic_uint32 used;		/* slots */
	pg_atomic_uint32 known;		/* what was there before us has been looked for */

	/* Protected by the lock. */
	CfSharedPrepared slot[FLEXIBLE_ARRAY_MEMBER];
} CfSharedTwophase;

static CfSharedTwophase *twophase = NULL;
static LWLock *twophase_lock = NULL;

/* Of the transaction that is being prepared; invalid: none. */
static FullTransactionId preparing;

/* One for each that is prepared, and for each session that is about to. */
static int
slots(void)
{
	return max_prepared_xacts > 0 ? max_prepared_xacts + MaxBackends : 0;
}

static Size
twophase_shmem_size(void)
{
	return add_size(offsetof(CfSharedTwophase, slot),
					mul_size(slots(), sizeof(CfSharedPrepared)));
}

static void
twophase_shmem_init(void *memory, LWLockPadded *locks)
{
	CfSharedTwophase *new = memory;

	pg_atomic_init_u32(&new->used, 0);
	pg_atomic_init_u32(&new->known, max_prepared_xacts == 0);
}

static void
twophase_shmem_attach(void *memory, LWLockPadded *locks)
{
	twophase = memory;
	twophase_lock = &locks[0].lock;
}

void
cf_twophase_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_twophase",
		.nlocks = 1,
		.size = twophase_shmem_size,
		.init = twophase_shmem_init,
		.attach = twophase_shmem_attach,
	};

	cf_shmem_register(&segment);
}

static void
raise_all(const CfSharedPrepared *prepared)
{
	for (int i = 0; i < prepared->nclocks; i++)
		cf_clock_raise(prepared->clock[i]);
}

static void
lower_all(const CfSharedPrepared *prepared)
{
	for (int i = 0; i < prepared->nclocks; i++)
		cf_clock_lower(prepared->clock[i]);
}

static void
settle_all(const CfSharedPrepared *prepared)
{
	uint64		seq = cf_clock_next();
	uint64		lsn = cf_position_lsn();

	for (int i = 0; i < prepared->nclocks; i++)
		cf_clock_settle(prepared->clock[i], seq, prepared->xid, lsn);
	if (!OidIsValid(prepared->outbox))
		return;
	cf_ack_want_look(prepared->outbox);
	cf_worker_wake(prepared->outbox);
}

/* The slot of a transaction; with an invalid id a free one; or NULL. */
static CfSharedPrepared *
find_locked(FullTransactionId xid)
{
	Assert(LWLockHeldByMe(twophase_lock));
	for (int i = 0; i < slots(); i++)
	{
		if (FullTransactionIdEquals(twophase->slot[i].xid, xid))
			return &twophase->slot[i];
	}
	return NULL;
}

/* False: it is there already. There is always room: see slots(). */
static bool
enter(const CfSharedPrepared *prepared)
{
	CfSharedPrepared *slot;
	bool		entered = false;

	raise_all(prepared);
	LWLockAcquire(twophase_lock, LW_EXCLUSIVE);
	if (find_locked(prepared->xid) == NULL)
	{
		slot = find_locked(InvalidFullTransactionId);
		Assert(slot != NULL);
		if (slot != NULL)
		{
			*slot = *prepared;
			pg_atomic_fetch_add_u32(&twophase->used, 1);
			entered = true;
		}
	}
	LWLockRelease(twophase_lock);
	if (!entered)
		lower_all(prepared);
	return entered;
}

/* Takes a slot out. False: somebody else has. */
static bool
take(FullTransactionId xid, CfSharedPrepared *prepared)
{
	CfSharedPrepared *slot;

	LWLockAcquire(twophase_lock, LW_EXCLUSIVE);
	slot = find_locked(xid);
	if (slot != NULL)
	{
		*prepared = *slot;
		slot->xid = InvalidFullTransactionId;
		pg_atomic_fetch_sub_u32(&twophase->used, 1);
	}
	LWLockRelease(twophase_lock);
	return slot != NULL;
}

void
cf_twophase_prepare(const CfClockRef *clocks, int n, bool kept)
{
	CfSharedPrepared prepared = {
		.xid = GetCurrentFullTransactionId(),
		.outbox = kept ? MyDatabaseId : InvalidOid,
	};

	if (slots() == 0)
		return;					/* PREPARE will say so */
	if (n > CF_PREPARED_CLOCKS)
		prepared.clock[prepared.nclocks++] = cf_clock_of_epoch(MyDatabaseId);
	else
	{
		memcpy(prepared.clock, clocks, n * sizeof(CfClockRef));
		prepared.nclocks = n;
	}
	if (enter(&prepared))
		preparing = prepared.xid;
	CF_WAIT_POINT("prepare-window");
}

void
cf_twophase_prepared(void)
{
	if (CF_PLANTED(LOWER_AT_PREPARE))
		cf_twophase_abandon();
	preparing = InvalidFullTransactionId;
}

void
cf_twophase_abandon(void)
{
	CfSharedPrepared prepared;

	if (!FullTransactionIdIsValid(preparing))
		return;
	/* Who looked in between may have found it ended, and settled. */
	if (take(preparing, &prepared))
		lower_all(&prepared);
	preparing = InvalidFullTransactionId;
}

/* ---- looking ------------------------------------------------------------ */

static void
enter_unknown(TransactionId xid, Oid dboid, void *arg)
{
	CfSharedPrepared prepared = {
		.xid = cf_position_widen(xid),
		.outbox = dboid,
		.nclocks = 1,
		.clock = {cf_clock_of_epoch(dboid)},
	};

	(void) enter(&prepared);
}

/* Two sessions may do so at once: a slot is entered once. */
static void
find_unknown(void)
{
	cf_prepared_each(enter_unknown, NULL);
	pg_atomic_write_u32(&twophase->known, 1);
}

/* Ids of all slots in use, palloc'd. */
static FullTransactionId *
copy_ids(int *n)
{
	FullTransactionId *ids = palloc(slots() * sizeof(FullTransactionId));

	*n = 0;
	LWLockAcquire(twophase_lock, LW_SHARED);
	for (int i = 0; i < slots(); i++)
	{
		if (FullTransactionIdIsValid(twophase->slot[i].xid))
			ids[(*n)++] = twophase->slot[i].xid;
	}
	LWLockRelease(twophase_lock);
	return ids;
}

/* Of one that has ended. The log of commits does not go back for ever. */
static bool
is_rolled_back(FullTransactionId xid)
{
	uint64		age = U64FromFullTransactionId(ReadNextFullTransactionId()) -
		U64FromFullTransactionId(xid);

	return age < CF_REMEMBERED_XIDS && !TransactionIdDidCommit(XidFromFullTransactionId(xid));
}

static void
end_prepared(FullTransactionId xid)
{
	bool		rolled_back = is_rolled_back(xid);
	CfSharedPrepared prepared;

	if (!take(xid, &prepared))
		return;
	if (rolled_back)
		lower_all(&prepared);
	else
		settle_all(&prepared);
}

static void
settle_ended(void)
{
	int			n;
	FullTransactionId *ids = copy_ids(&n);

	for (int i = 0; i < n; i++)
	{
		if (!TransactionIdIsInProgress(XidFromFullTransactionId(ids[i])))
			end_prepared(ids[i]);
	}
	pfree(ids);
}

void
cf_twophase_look(void)
{
	/* The clocks of a standby know nothing of commits; promoted, it looks. */
	if (pg_atomic_read_u32(&twophase->known) == 0 && !RecoveryInProgress())
		find_unknown();
	if (pg_atomic_read_u32(&twophase->used) > 0)
		settle_ended();
}
