/*
 * deliver.c - what a commit has Redis told.
 *
 * src/commit/deliver.c
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "base/debug_point.h"
#include "base/guc.h"
#include "base/worker.h"
#include "commit/commit.h"
#include "commit/deliver.h"
#include "l2/place.h"
#include "l2/store.h"
#include "publish/ack.h"
#include "publish/outbox.h"
#include "publish/ring.h"
#include "redis/command.h"
#include "stats/counters.h"
#include "txn/pending.h"

/* Of the running transaction; what it points to is in its memory. */
typedef struct Delivery
{
	CfRingMessage message;
	const char *place;
	CfOutboxKey *keys;			/* with sync */
	int			nkeys;
	bool		kept;			/* the outbox has the keys */
	bool		any;			/* there is something to append */
	bool		waits;
	uint64		position;		/* after what was appended; 0: nothing */
} Delivery;

static Delivery delivery;

void
cf_deliver_reset(void)
{
	memset(&delivery, 0, sizeof(delivery));
}

/* ---- what there is to do ---- */

static void
add_key(const char *text, int len)
{
	char		name[CF_STORE_NAME_MAX];

	cf_ring_add_key(&delivery.message, name,
					cf_store_print_key(name, delivery.place, text, len));
}

/* The same was asked for before in this transaction. */
static bool
is_repeated(const CfOp *op)
{
	return op->older >= 0 && cf_pending_op(op->older)->kind == op->kind;
}

/*
 * A new value takes the place of the old one, and leaves all else as it is; but an
 * outbox knows keys only.
 */
static bool
drops_key(const CfOp *op)
{
	return (op->kind == CF_OP_KEY || (op->kind == CF_OP_SET && delivery.waits)) &&
		!op->dropped && !is_repeated(op);
}

static bool
sends_value(const CfOp *op)
{
	return (op->kind == CF_OP_SET || op->kind == CF_OP_TOUCH) && op->last &&
		!RecoveryInProgress();
}

static void
collect_keys(void)
{
	Size		room = (Size) cf_pending_count() * sizeof(CfOutboxKey);

	delivery.keys = MemoryContextAllocHuge(TopTransactionContext, room);
	delivery.nkeys = 0;
	for (int i = 0; i < cf_pending_count(); i++)
	{
		const CfOp *op = cf_pending_op(i);

		CHECK_FOR_INTERRUPTS();
		if (!drops_key(op))
			continue;
		delivery.keys[delivery.nkeys].text = op->key.data;
		delivery.keys[delivery.nkeys++].len = op->key.len;
	}
}

/* A row of the outbox follows its keys in the ring. */
static void
row_written(int first, int n, TransactionId xid, const ItemPointerData *tid)
{
	for (int i = first; i < first + n; i++)
		add_key(delivery.keys[i].text, delivery.keys[i].len);
	cf_ring_add_row(&delivery.message, MyDatabaseId, xid, tid);
}

/* False: there is no outbox, or it could not be written; why is logged. */
static bool
keep_keys(void)
{
	collect_keys();
	if (delivery.nkeys == 0)
		return false;
	delivery.kept = cf_outbox_write(delivery.keys, delivery.nkeys, row_written);
	if (!delivery.kept)
		memset(&delivery.message, 0, sizeof(delivery.message));
	return delivery.kept;
}

static void
add_ops(bool keys)
{
	for (int i = 0; i < cf_pending_count(); i++)
	{
		const CfOp *op = cf_pending_op(i);

		CHECK_FOR_INTERRUPTS();
		if (keys && drops_key(op))
			add_key(op->key.data, op->key.len);
		if (sends_value(op))
			cf_ring_add_value(&delivery.message, delivery.place, &op->key, &op->id,
							  op->kind == CF_OP_TOUCH);
	}
}

static bool
has_redis(void)
{
	return likely(cf_pending_any()) && !IsParallelWorker() && cf_l2_configured() &&
		(delivery.place = cf_place_mine()) != NULL;
}

static bool
is_sync(void)
{
	return cf_guc_redis_commit == CF_REDIS_COMMIT_SYNC && !RecoveryInProgress();
}

void
cf_deliver_prepare(void)
{
	if (!cf_pending_any() || !has_redis())
		return;
	delivery.waits = is_sync();
	add_ops(!delivery.waits || !keep_keys());
	delivery.any = delivery.message.len > 0 || delivery.message.ndropped > 0;
	CF_HOLD_POINT("commit-kept");
}

/* What it has of items is of no use: they go when it has committed. */
bool
cf_deliver_prepare_transaction(void)
{
	bool		kept = cf_pending_any() && has_redis() && is_sync() && keep_keys();

	cf_deliver_reset();
	return kept;
}

/* ---- the commit ---- */

void
cf_deliver_append(void)
{
	bool		all;

	if (!delivery.any)
		return;
	delivery.any = false;
	cf_ring_set_lsn(&delivery.message, cf_commit_lsn());
	delivery.position = cf_ring_append(&delivery.message, delivery.waits, &all);
	if (all || !delivery.kept)
		return;
	cf_ack_want_look(MyDatabaseId);
	cf_worker_wake(MyDatabaseId);
}

void
cf_deliver_wait(void)
{
	if (delivery.waits && delivery.position > 0)
	{
		cf_stats_count(CF_STATS_DEFAULT, CF_COUNT_SYNC_WAITS);
		if (!cf_ring_wait(delivery.position, cf_guc_redis_command_timeout))
			cf_stats_count(CF_STATS_DEFAULT, CF_COUNT_SYNC_FAILURES);
	}
	cf_deliver_reset();
}
