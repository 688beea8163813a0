/*
 * commit.c - the order of things around a commit. docs/consistency.md has the
 * whole of it, with reasons:
 *
 *	1. PRE_COMMIT, local: raise the clocks, unlink the keys' entries (or, by
 *	   changed rows, leave them to who asked for max_stale)
 *	2. the commit becomes visible
 *	3. COMMIT callback, local: advance the clocks and lower them, then store
 *	   what cache_set left, and advance the clocks of values; after DDL, whose
 *	   epoch ends later, when that has ended (epoch.c). Only then does the client
 *	   see COMMIT.
 *	   ABORT: lower the clocks.
 *
 * (Redis is told after that: deliver.h.) Nothing here allocates after step 1, raises an
 * error or waits for anything but partition locks. All that is done for each
 * operation takes a time that does not grow with the log; step 1 can be
 * cancelled between any two.
 *
 * src/commit/commit.c
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"

#include "base/compat.h"
#include "base/debug_point.h"
#include "base/fault.h"
#include "base/position.h"
#include "capture/epoch.h"
#include "capture/witness.h"
#include "capture/writeset.h"
#include "commit/commit.h"
#include "txn/gap.h"
#include "txn/pending.h"
#include "txn/twophase.h"

/* The commit that is under way. */
static struct
{
	bool		prepared;
	bool		values_due;		/* what cache_set left is not stored yet */

	/* As of when the clocks were settled: values are stored after that. */
	FullTransactionId settled_xid;
	uint64		settled_lsn;
}			ending;

/* Has the transaction, before the set, itself moved a clock of the value? */
static bool
is_moved_before(int set, CfClockRef clock)
{
	int			first = cf_pending_first_move(clock);

	return first >= 0 && first < set;
}

static bool
is_own(int set)
{
	const CfOp *op = cf_pending_op(set);

	if (cf_epoch_changing() || is_moved_before(set, cf_clock_of_key(op->key.hash)) ||
		is_moved_before(set, cf_clock_of_epoch(MyDatabaseId)))
		return true;
	for (int k = 0; k < op->set.basis.ndeps; k++)
	{
		if (is_moved_before(set, op->set.basis.deps[k]))
			return true;
	}
	return false;
}

/* The clock that an operation moves. A new value leaves all else as it is. */
static CfClockRef
moved_clock(const CfOp *op)
{
	return op->kind == CF_OP_SET ? cf_clock_of_value(op->key.hash) : op->clock;
}

static void
tell_of_refusal(const CfOp *op, const char *detail)
{
	cf_stats_count(op->set.stats_slot, CF_COUNT_CLAIM_SETS_REFUSED);
	ereport(NOTICE,
			(errmsg("value is not cached"),
			 errdetail_internal("%s", detail)));
}

/*
 * A set that fills a miss loses against an invalidation after the miss, and against the
 * set of a transaction that has changed something. What the check saw holds until the
 * commit only if no clock moves after it, so from here on the value is judged by the stamp
 * read before.
 */
static void
check_fill(int i)
{
	CfOp	   *op = cf_pending_op(i);
	CfBasis		basis = op->set.basis;
	uint64		now = cf_clock_stamp();

	if (CF_PLANTED(NO_GAP))
		op->set.basis.stamp = CF_NO_GAP;
	if (op->set.basis.stamp == CF_NO_GAP)
		return;
	/* What an old snapshot shows is older than the miss. */
	if (op->set.claim != NULL)
		basis.xmin = op->set.claim->xmin;
	if (IsolationUsesXactSnapshot())
		basis.xmin = cf_position_older(basis.xmin, cf_position_snapshot_xmin());
	if (!cf_basis_is_current(&op->key, &basis))
	{
		cf_stats_count(op->set.stats_slot, CF_COUNT_FILLS_REFUSED);
		if (op->set.claim != NULL)
			tell_of_refusal(op,
							_("The key or a tag of it was invalidated after the claim had been given."));
		op->set.value = NULL;
	}
	op->set.basis.stamp = now;
	op->own = is_own(i);
}

/*
 * A set by a token that is none any more does nothing. But a transaction that has changed
 * more than the cache, or has set the value before, does not leave the old one.
 */
static void
check_claim(CfOp *op)
{
	if (cf_claim_pin(op->set.claim))
		return;
	if (!op->set.claim->refused)
		tell_of_refusal(op, _("The token is not that of the key's claim any more."));
	op->dropped = !TransactionIdIsValid(GetTopTransactionIdIfAny()) &&
		(op->older < 0 || cf_pending_op(op->older)->kind != CF_OP_SET);
	op->last = !op->dropped;
	op->set.value = NULL;
}

/* What becomes of a value is decided while a cancel can still be heard. */
static void
judge_value(int i)
{
	CfOp	   *op = cf_pending_op(i);

	op->last = cf_pending_is_last(i);
	if (op->kind != CF_OP_SET || !op->last)
		return;
	if (op->set.claim != NULL)
		check_claim(op);
	if (cf_pending_is_outdated(i))
		op->set.value = NULL;
	if (op->set.value != NULL)
		check_fill(i);
}

bool
cf_commit_touches(CfClockRef clock)
{
	return cf_epoch_touches(clock) || cf_pending_touches(clock) ||
		cf_writeset_touches(clock) || cf_witness_touches(clock);
}

void
cf_commit_collect(void)
{
	cf_writeset_collect();
	cf_witness_collect();
	cf_epoch_collect();
}

static void
raise_clock(CfOp *op)
{
	if (op->kind == CF_OP_TAG && CF_FAULT_POINT("no-raise"))
		return;
	op->hard = op->reason == CF_OP_BY_HAND;
	op->writes = op->kind == CF_OP_SET && TransactionIdIsValid(GetTopTransactionIdIfAny());
	if (op->writes)
		cf_clock_raise(cf_clock_of_key(op->key.hash));
	if (op->hard)
		cf_clock_raise(moved_clock(op));
	else
		cf_clock_raise_rows(op->clock);
	op->raised = true;
}

static void
settle_clock(CfOp *op, uint64 seq, FullTransactionId xid, uint64 lsn)
{
	if (op->hard)
		cf_clock_settle(op->clock, seq, xid, lsn);
	else
		cf_clock_settle_rows(op->clock, seq, xid, lsn);
	op->raised = false;
}

static void
lower_clock(CfOp *op)
{
	if (op->writes)
		cf_clock_lower(cf_clock_of_key(op->key.hash));
	if (op->hard)
		cf_clock_lower(moved_clock(op));
	else
		cf_clock_lower_rows(op->clock);
	op->raised = false;
}

/*
 * Entries of what was raised that only the key leads to. The value that a cache_set
 * replaces goes before what else the transaction has changed can show: without a
 * transaction id there is nothing else.
 */
static void
drop_entries(const CfOp *op)
{
	if (op->writes)
		cf_l1_delete(&op->key, &op->id);
	if (op->kind == CF_OP_FLUSH)
		cf_l1_delete_database(MyDatabaseId);
	else if (op->kind == CF_OP_KEY && !op->hard)
		cf_l1_outdate_key(&op->key);
	else if (op->kind == CF_OP_KEY)
		cf_l1_delete_key(&op->key);
}

void
cf_commit_prepare(void)
{
	if (!cf_pending_any())
		return;
	CF_WAIT_POINT("commit-before-raise");
	CF_HOLD_POINT("commit-before-log");
	for (int i = 0; i < cf_pending_count(); i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (cf_pending_op(i)->kind == CF_OP_SET || cf_pending_op(i)->kind == CF_OP_TOUCH)
			judge_value(i);
	}
	ending.prepared = true;
	for (int i = 0; i < cf_pending_count(); i++)
	{
		CfOp	   *op = cf_pending_op(i);

		CHECK_FOR_INTERRUPTS();
		if (op->kind == CF_OP_TOUCH || op->dropped)
			continue;

		/* Raise first: see cf_l1_put. */
		raise_clock(op);
		drop_entries(op);
	}
	CF_WAIT_POINT("commit-window");
}

/* How many of the transaction's own sets keep the clock raised. */
static uint32
count_raised(CfClockRef key)
{
	uint32		n = 0;

	for (int i = 0; i < cf_pending_count(); i++)
	{
		const CfOp *op = cf_pending_op(i);

		n += op->raised && op->writes && cf_clock_of_key(op->key.hash) == key;
	}
	return n;
}

/*
 * Has nobody else moved the clock of the key since the fill was checked, nor is about to?
 * Before the own ones are settled.
 */
static bool
is_key_unmoved(const CfOp *op)
{
	CfClockRef	key = cf_clock_of_key(op->key.hash);
	uint32		pending = cf_clock_pending(key);

	return cf_pending_first_move(key) >= 0 ||
		((pending == 0 || pending <= count_raised(key)) &&
		 cf_clock_seq(key) <= op->set.basis.stamp);
}

/* Has nobody else moved another clock of the value since its fill was checked? */
static bool
is_fill_good(const CfOp *op)
{
	for (int k = 0; k < op->set.basis.ndeps; k++)
	{
		if (cf_pending_first_move(op->set.basis.deps[k]) < 0 &&
			!cf_clock_unmoved(op->set.basis.deps[k], op->set.basis.stamp))
			return false;
	}
	return true;
}

/*
 * The stamp by which the value is judged; *good is false if it is out of date.
 * What the transaction itself has moved tells nothing of others.
 */
static uint64
stamp_of_value(const CfOp *op, bool *good)
{
	uint64		now = cf_clock_stamp();

	*good = true;
	if (op->set.basis.stamp == CF_NO_GAP)
		return now;
	if (!op->own && !op->writes)
		return op->set.basis.stamp;
	*good = is_fill_good(op);
	return now;
}

/* The value that the transaction leaves, unless an invalidation is under way. */
static void
store(const CfOp *op)
{
	CfL1Meta	meta = {0};
	TimestampTz now = cf_now();
	bool		good;

	if (op->kind == CF_OP_TOUCH)
	{
		(void) cf_l1_touch(&op->key, &op->id, now, op->set.ttl);
		return;
	}
	meta.filled_at = now;
	meta.ttl = op->set.ttl;
	meta.stale_for = op->set.stale_for;
	meta.basis.stamp = stamp_of_value(op, &good);
	if (RecoveryInProgress())
		meta.basis.lsn = cf_position_lsn();
	meta.set_lsn = ending.settled_lsn;
	meta.stats_slot = op->set.stats_slot;
	meta.basis.ndeps = op->set.basis.ndeps;
	meta.basis.deps = op->set.basis.deps;
	if (op->set.value != NULL && good)
	{
		CfValue		value = {VARDATA(op->set.value), VARSIZE(op->set.value) - VARHDRSZ};

		switch (cf_l1_put(&op->key, &op->id, &value, &meta))
		{
			case CF_L1_STORED:
				return;
			case CF_L1_REFUSED:
				cf_stats_count(op->set.stats_slot, CF_COUNT_FILLS_REFUSED);
				if (op->set.claim != NULL)
					cf_stats_count(op->set.stats_slot, CF_COUNT_CLAIM_SETS_REFUSED);
				break;
			case CF_L1_TOO_LARGE:
				cf_stats_count(op->set.stats_slot, CF_COUNT_TOO_LARGE);
				break;
			case CF_L1_NO_MEMORY:
				cf_stats_count(op->set.stats_slot, CF_COUNT_NO_MEMORY);
				break;
		}
	}
	cf_l1_delete_older(&op->key, &op->id, ending.settled_lsn);
}

/* What the session itself has invalidated or set it no longer misses. */
static void
forget_gaps(const CfOp *op)
{
	if (op->kind == CF_OP_KEY || op->kind == CF_OP_SET)
		cf_gap_forget(&op->key);
	else if (op->kind != CF_OP_TOUCH)
		cf_gap_forget_all();
}

/* What somebody has taken from Redis meanwhile is not kept in memory from here on. */
static void
settle_values(void)
{
	for (int i = 0; i < cf_pending_count(); i++)
	{
		CfOp	   *op = cf_pending_op(i);

		if (op->raised && op->writes)
			cf_clock_settle(cf_clock_of_key(op->key.hash), cf_clock_next(), ending.settled_xid,
							ending.settled_lsn);
		if (op->raised)
			cf_clock_settle(moved_clock(op), cf_clock_next(), ending.settled_xid,
							ending.settled_lsn);
		op->raised = false;
	}
}

void
cf_commit_store(void)
{
	if (!ending.values_due)
		return;
	ending.values_due = false;
	for (int i = 0; i < cf_pending_count(); i++)
	{
		CfOp	   *op = cf_pending_op(i);

		forget_gaps(op);
		if (op->kind == CF_OP_SET && op->set.basis.stamp != CF_NO_GAP && !is_key_unmoved(op))
			op->set.value = NULL;
	}
	settle_values();
	for (int i = 0; i < cf_pending_count(); i++)
	{
		const CfOp *op = cf_pending_op(i);

		if (op->last)
			store(op);
		/* After it, so that whoever comes now finds the one or the other. */
		if (op->set.claim != NULL)
			cf_claim_end(op->set.claim);
		else if (op->kind == CF_OP_SET)
			cf_claim_wake(&op->key, &op->id);
	}
}

uint64
cf_commit_lsn(void)
{
	return ending.settled_lsn;
}

bool
cf_commit_stores_later(void)
{
	return ending.values_due;
}

/*
 * What is invalidated by hand is another transaction's, committed before, whose
 * id may be larger than the own one.
 */
static FullTransactionId
settling_xid(void)
{
	FullTransactionId xid = GetTopFullTransactionIdIfAny();

	return FullTransactionIdIsValid(xid) && !cf_pending_by_hand() ? xid : cf_position_xid();
}

void
cf_commit_settle(uint64 seq)
{
	bool		database;
	bool		server;

	cf_epoch_raised(&database, &server);
	if (ending.prepared || database || server)
		CF_HOLD_POINT("commit-before-settle");
	if (!ending.prepared)
		return;
	ending.prepared = false;
	ending.settled_xid = settling_xid();
	ending.settled_lsn = cf_position_commit_lsn();
	if (seq == 0)
		seq = cf_clock_next();
	for (int i = 0; i < cf_pending_count(); i++)
	{
		CfOp	   *op = cf_pending_op(i);

		if (!op->raised || op->kind == CF_OP_SET)
			continue;
		settle_clock(op, seq, ending.settled_xid, ending.settled_lsn);
		cf_stats_count(CF_STATS_DEFAULT, op->kind == CF_OP_KEY ?
					   CF_COUNT_INVALIDATED_KEYS : CF_COUNT_INVALIDATED_TAGS);
	}
	ending.values_due = true;
	if (!database && !server)
		cf_commit_store();
}

void
cf_commit_abandon(void)
{
	ending.values_due = false;
	if (!ending.prepared)
		return;
	ending.prepared = false;
	for (int i = 0; i < cf_pending_count(); i++)
	{
		CfOp	   *op = cf_pending_op(i);

		if (op->raised)
			lower_clock(op);
	}
}

/* A value would have to be kept until COMMIT PREPARED, in whatever session. */
static void
refuse_prepare(const CfOp *op)
{
	if (op->kind == CF_OP_SET || op->kind == CF_OP_TOUCH)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot PREPARE a transaction that has stored values in the cache"),
				 errhint("Store them after COMMIT PREPARED.")));
}

void
cf_commit_prepare_transaction(bool kept)
{
	int			nops = cf_pending_count();
	int			ntables;
	const CfClockRef *tables = cf_writeset_clocks(&ntables);
	CfClockRef *clocks = palloc((nops + ntables + CF_EPOCH_CLOCKS) * sizeof(CfClockRef));
	int			n = 0;

	for (int i = 0; i < nops; i++)
	{
		CHECK_FOR_INTERRUPTS();
		refuse_prepare(cf_pending_op(i));
		clocks[n++] = cf_pending_op(i)->clock;
	}
	if (ntables > 0)
		memcpy(clocks + n, tables, ntables * sizeof(CfClockRef));
	n += ntables;
	n += cf_epoch_clocks(clocks + n);
	cf_twophase_prepare(clocks, n, kept);
	/* A key's entries do not look at its clock, which keeps new ones out. */
	for (int i = 0; i < nops; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (cf_pending_op(i)->kind == CF_OP_KEY)
			cf_l1_delete_key(&cf_pending_op(i)->key);
	}
	pfree(clocks);
}
