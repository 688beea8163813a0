/*
 * announce.c - a transaction tells the WAL what it has changed.
 *
 * What it names are the clocks that it moves: of tables by PostgreSQL's own write
 * set, of rules, keys and tags by its log, of definitions. That is the same list
 * by which this server's own memory is kept current.
 *
 * src/commit/announce.c
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "replication/walsender.h"

#include "base/debug_point.h"
#include "base/guc.h"
#include "capture/epoch.h"
#include "capture/writeset.h"
#include "commit/announce.h"
#include "history/message.h"
#include "history/readers.h"
#include "redis/command.h"
#include "txn/clockset.h"
#include "txn/pending.h"

static CfClockSet changed;		/* of the running transaction */

/*
 * Do transactions of this server tell? What the WAL does not show by itself (unseen)
 * they tell also while nobody reads it: a standby that is away may come back.
 */
static bool
is_on(bool unseen)
{
	switch ((CfWalMessages) cf_guc_wal_messages)
	{
		case CF_WAL_MESSAGES_OFF:
			return false;
		case CF_WAL_MESSAGES_ON:
			return true;
		case CF_WAL_MESSAGES_AUTO:
			break;
	}
	return cf_l2_configured() ||
		(XLogIsNeeded() && (unseen || XLogArchivingActive() ||
							(max_wal_senders > 0 && cf_readers_any())));
}

/* What cache_set stores has no place outside of this server but Redis. */
static void
add_op(const CfOp *op)
{
	switch (op->kind)
	{
		case CF_OP_KEY:
		case CF_OP_TAG:
		case CF_OP_FLUSH:
			cf_clockset_add(&changed, op->clock);
			break;
		case CF_OP_SET:
		case CF_OP_TOUCH:
			if (cf_l2_configured())
				cf_clockset_add(&changed, cf_clock_of_value(op->key.hash));
			break;
	}
}

/* True: something that must not be lost in a crash, and of which no row in the WAL tells. */
static bool
add_ops(void)
{
	bool		lasting = false;

	for (int i = 0; i < cf_pending_count(); i++)
	{
		const CfOp *op = cf_pending_op(i);

		CHECK_FOR_INTERRUPTS();
		if (op->dropped)
			continue;
		add_op(op);
		lasting |= op->kind != CF_OP_SET && op->kind != CF_OP_TOUCH;
	}
	return lasting;
}

static void
add_epochs(void)
{
	CfClockRef	clocks[CF_EPOCH_CLOCKS];
	int			n = cf_epoch_clocks(clocks);

	for (int i = 0; i < n; i++)
		cf_clockset_add(&changed, clocks[i]);
}

/* One that has an id flushes it with its commit record. Returns the end of the message. */
static uint64
log_clocks(const CfClockRef *clocks, int n)
{
	return cf_message_log_changes(clocks, n, cf_writeset_in_use());
}

static void
log_changed(bool lasting)
{
	uint64		lsn;

	cf_clockset_finish(&changed);
	if (changed.n > CF_MESSAGE_MAX_REFS)
	{
		cf_clockset_reset(&changed);
		cf_clockset_add(&changed, cf_clock_of_epoch(MyDatabaseId));
		cf_clockset_add(&changed, cf_clock_of_epoch(InvalidOid));
	}
	lsn = log_clocks(changed.clock, changed.n);
	if (lasting && !TransactionIdIsValid(GetTopTransactionIdIfAny()))
		XLogFlush(lsn);
}

/* May this process, and is it to? */
static bool
may_tell(bool unseen)
{
	return !RecoveryInProgress() && !IsParallelWorker() && is_on(unseen);
}

/*
 * One that has an id tells even if it changed nothing that counts: else it would be
 * taken for one that passed the library by.
 */
static void
announce(const CfClockRef *tables, int ntables)
{
	bool		identified = TransactionIdIsValid(GetTopTransactionIdIfAny());
	bool		lasting;

	if (likely(!identified && !cf_pending_any()))
		return;
	cf_clockset_reset(&changed);
	lasting = add_ops();
	if (!may_tell(lasting))
		return;
	add_epochs();
	for (int i = 0; i < ntables; i++)
		cf_clockset_add(&changed, tables[i]);
	if (changed.n == 0 && !identified)
		return;
	if (CF_FAULT_POINT("no-message"))
		return;
	log_changed(lasting);
}

void
cf_announce_commit(void)
{
	int			ntables;
	const CfClockRef *tables = cf_writeset_raised(&ntables);

	announce(tables, ntables);
}

/* What is raised is a finished set already, and there is nothing else. */
void
cf_announce_tables(void)
{
	int			ntables;
	const CfClockRef *tables;

	if (!TransactionIdIsValid(GetTopTransactionIdIfAny()) || CF_FAULT_POINT("no-message"))
		return;
	if (!may_tell(false))
		return;
	tables = cf_writeset_raised(&ntables);
	if (likely(ntables <= CF_MESSAGE_MAX_REFS))
		(void) log_clocks(tables, ntables);
	else
		announce(tables, ntables);
}

void
cf_announce_prepare(void)
{
	int			ntables;
	const CfClockRef *tables = cf_writeset_clocks(&ntables);

	announce(tables, ntables);
}
