/*
 * outbox.c - table cache_outbox: keys that Redis may not have dropped yet.
 *
 * With cachefront.redis_commit = sync a commit leaves its keys here, in its own
 * transaction, so that they are as durable as what it changed. They are in the ring
 * as well (publish/ring.h), each row after its keys; when Redis has got them, the
 * database's worker deletes the row. What does not get through that way, for the ring
 * is full, Redis is away or the server crashes, the worker finds in the table and
 * puts into the ring again: to drop a key twice does no harm.
 *
 * The worker itself never waits for Redis, and goes while that is out of use.
 *
 * The table is written and read through its access method, not by SQL: then
 * neither the session's role, search_path, row security or read-only mode nor
 * triggers and rules on the table matter, and nothing of the user's runs. Rows
 * are not logged for logical decoding: a subscriber has an outbox of its own.
 *
 * src/publish/outbox.c
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "postmaster/interrupt.h"
#include "storage/bufmgr.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "base/debug_point.h"
#include "base/relchange.h"
#include "base/subxact.h"
#include "base/worker.h"
#include "codec/key.h"
#include "l2/place.h"
#include "l2/store.h"
#include "publish/ack.h"
#include "publish/outbox.h"
#include "publish/ring.h"
#include "redis/breaker.h"
#include "redis/command.h"
#include "rules/owntable.h"
#include "stats/counters.h"

#define CF_OUTBOX_ROW_KEYS 1000
#define CF_OUTBOX_ACKS 1000		/* rows that are deleted in one transaction */
#define CF_OUTBOX_PATIENCE_MS 2000	/* for Redis to get what was found in the table */
#define CF_OUTBOX_LOOK_MS 20
#define CF_OUTBOX_LOOKERS 2		/* databases at once, of those that may have nothing */

/* Columns of cache_outbox. */
enum
{
	COL_CREATED = 1,
	COL_KEYS,
	NCOLUMNS = COL_KEYS
};

/* ---- the table ---- */

static const Oid types[NCOLUMNS] = {TIMESTAMPTZOID, TEXTARRAYOID};
static const CfOwnTable outbox = {"cache_outbox", NCOLUMNS, types};

/* The table, as it was found last. */
static Oid	known_relid = InvalidOid;

static void
relation_changed(Oid relid)
{
	if (relid == InvalidOid || relid == known_relid)
		known_relid = InvalidOid;
}

/* NULL: the extension is not here, or of a version that had no such table. */
static Relation
open_outbox(LOCKMODE lockmode)
{
	Relation	rel;

	if (!OidIsValid(known_relid))
		known_relid = cf_own_table_relid(outbox.name);
	rel = OidIsValid(known_relid) ? try_relation_open(known_relid, lockmode) : NULL;
	if (rel != NULL && !cf_own_table_fits(rel, &outbox))
	{
		relation_close(rel, lockmode);
		rel = NULL;
	}
	return rel;
}

/* ---- writing ---- */

static Datum
make_array(const CfOutboxKey *keys, int n)
{
	Datum	   *texts = palloc(n * sizeof(Datum));

	for (int i = 0; i < n; i++)
		texts[i] = PointerGetDatum(cstring_to_text_with_len(keys[i].text, keys[i].len));
	return PointerGetDatum(construct_array(texts, n, TEXTOID, -1, false, TYPALIGN_INT));
}

static void
insert_row(Relation rel, TupleTableSlot *slot, const CfOutboxKey *keys, int n)
{
	ExecClearTuple(slot);
	for (int i = 0; i < RelationGetDescr(rel)->natts; i++)
		slot->tts_isnull[i] = i >= NCOLUMNS;
	slot->tts_values[COL_CREATED - 1] = TimestampTzGetDatum(GetCurrentTimestamp());
	slot->tts_values[COL_KEYS - 1] = make_array(keys, n);
	ExecStoreVirtualTuple(slot);
	table_tuple_insert(rel, slot, GetCurrentCommandId(true), TABLE_INSERT_NO_LOGICAL, NULL);
	cf_stats_count(CF_STATS_DEFAULT, CF_COUNT_OUTBOX_WRITTEN);
}

typedef struct WriteCall
{
	const CfOutboxKey *keys;
	int			n;
	void		(*wrote) (int first, int n, TransactionId xid, const ItemPointerData *tid);
	bool		written;
} WriteCall;

static bool
write_rows(const WriteCall *call)
{
	Relation	rel = open_outbox(RowExclusiveLock);
	MemoryContext row_context;
	TupleTableSlot *slot;

	if (rel == NULL)
		return false;
	slot = table_slot_create(rel, NULL);
	row_context = AllocSetContextCreate(CurrentMemoryContext, "cachefront outbox",
										ALLOCSET_DEFAULT_SIZES);
	for (int i = 0; i < call->n; i += CF_OUTBOX_ROW_KEYS)
	{
		int			n = Min(call->n - i, CF_OUTBOX_ROW_KEYS);
		MemoryContext old = MemoryContextSwitchTo(row_context);

		insert_row(rel, slot, call->keys + i, n);
		call->wrote(i, n, GetCurrentTransactionId(), &slot->tts_tid);
		ExecClearTuple(slot);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row_context);
	}
	ExecDropSingleTupleTableSlot(slot);
	MemoryContextDelete(row_context);
	table_close(rel, NoLock);
	return true;
}

/* Only what somebody asked for is an error of the transaction. */
static void
log_failure(ErrorData *error)
{
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		ReThrowError(error);
	ereport(LOG,
			(errcode(error->sqlerrcode),
			 errmsg("could not write to cache_outbox: %s", error->message),
			 errdetail("What Redis holds of the keys that a transaction changed is dropped without it, unless the server crashes before.")));
}

static void
run_write_call(void *arg)
{
	WriteCall  *call = arg;

	call->written = write_rows(call);
}

bool
cf_outbox_write(const CfOutboxKey *keys, int n,
				void (*wrote) (int first, int n, TransactionId xid, const ItemPointerData *tid))
{
	WriteCall	call = {keys, n, wrote, false};
	ErrorData  *error = cf_subxact_try(run_write_call, &call);

	if (error == NULL)
		return call.written;
	log_failure(error);
	FreeErrorData(error);
	return false;
}

/* ---- rows that Redis has got ---- */

/* A worker that waits for a lock would keep the server from stopping. NULL: not now. */
static Relation
try_open_outbox(void)
{
	Relation	rel = open_outbox(AccessShareLock);

	if (rel == NULL || ConditionalLockRelation(rel, RowExclusiveLock))
		return rel;
	table_close(rel, NoLock);
	return NULL;
}

/* The place may be another row's by now, or the row gone: the table can be edited. */
static bool
is_still_there(Relation rel, TupleTableSlot *slot, CfAck *ack)
{
	bool		isnull;
	bool		found;

	if (ItemPointerGetBlockNumber(&ack->tid) >= RelationGetNumberOfBlocks(rel))
		return false;
	found = table_tuple_fetch_row_version(rel, &ack->tid, GetActiveSnapshot(), slot) &&
		DatumGetTransactionId(slot_getsysattr(slot, MinTransactionIdAttributeNumber,
											  &isnull)) == ack->xid;
	ExecClearTuple(slot);
	return found;
}

static int
delete_rows(Relation rel, CfAck *acks, int n)
{
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	int			ndeleted = 0;

	for (int i = 0; i < n; i++)
	{
		TM_FailureData failure;

		if (is_still_there(rel, slot, &acks[i]) &&
			table_tuple_delete(rel, &acks[i].tid, GetCurrentCommandId(true),
							   GetActiveSnapshot(), InvalidSnapshot, false, &failure,
							   false) == TM_Ok)
			ndeleted++;
	}
	ExecDropSingleTupleTableSlot(slot);
	return ndeleted;
}

static void
begin_work(void)
{
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
}

static void
end_work(void)
{
	PopActiveSnapshot();
	CommitTransactionCommand();
}

/* False: the table is locked, or there is none. */
static bool
delete_acknowledged(CfAck *acks, int n)
{
	Relation	rel;
	int			ndeleted = 0;

	begin_work();
	rel = try_open_outbox();
	if (rel != NULL)
	{
		ndeleted = delete_rows(rel, acks, n);
		table_close(rel, NoLock);
	}
	end_work();
	cf_stats_add(CF_STATS_DEFAULT, CF_COUNT_OUTBOX_DELIVERED, ndeleted);
	return rel != NULL;
}

/*
 * True: there were some. Should it fail, they are still in the table, and a look
 * finds them.
 */
static bool
take_acknowledged(void)
{
	CfAck	   *acks = MemoryContextAlloc(TopMemoryContext, CF_OUTBOX_ACKS * sizeof(CfAck));
	int			n = cf_ack_take(MyDatabaseId, acks, CF_OUTBOX_ACKS);
	volatile bool done = false;

	CF_HOLD_POINT("outbox-before-delete");
	PG_TRY();
	{
		done = n == 0 || delete_acknowledged(acks, n);
	}
	PG_FINALLY();
	{
		if (!done)
			cf_ack_want_later_look(MyDatabaseId);
		pfree(acks);
	}
	PG_END_TRY();
	return n > 0;
}

/* ---- rows that it may not have got ---- */

/* The table can be edited by its owner: nothing is taken for granted. */
static void
add_key(CfRingMessage *message, const char *place, const char *text, int len)
{
	char		name[CF_STORE_NAME_MAX];

	if (len >= 1 && len <= CF_MAX_KEY)
		cf_ring_add_key(message, name, cf_store_print_key(name, place, text, len));
}

static void
add_keys(CfRingMessage *message, const char *place, TupleTableSlot *slot)
{
	bool		isnull;
	Datum		array = slot_getattr(slot, COL_KEYS, &isnull);
	Datum	   *texts;
	bool	   *nulls;
	int			n;

	if (isnull)
		return;
	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT,
					  &texts, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		text	   *key;

		if (nulls[i])
			continue;
		key = DatumGetTextPP(texts[i]);
		add_key(message, place, VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key));
	}
}

/* Half of the ring is left to commits. */
static void
read_rows(Relation rel, const char *place, CfRingMessage *message)
{
	TableScanDesc scan = table_beginscan(rel, GetActiveSnapshot(), 0, NULL);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	CfRingReport report;

	cf_ring_report(&report);
	while (message->len < report.size / 2 &&
		   table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		bool		isnull;

		CHECK_FOR_INTERRUPTS();
		add_keys(message, place, slot);
		cf_ring_add_row(message, MyDatabaseId,
						DatumGetTransactionId(slot_getsysattr(slot, MinTransactionIdAttributeNumber,
															  &isnull)), &slot->tts_tid);
	}
	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
}

/* Puts what the table holds into the ring. False: there is nothing. */
static bool
send_rows(uint64 *position)
{
	CfRingMessage message = {0};
	const char *place;
	Relation	rel;
	bool		all;
	bool		any;

	begin_work();
	place = cf_place_mine();
	rel = place != NULL ? open_outbox(AccessShareLock) : NULL;
	if (rel != NULL)
	{
		read_rows(rel, place, &message);
		table_close(rel, NoLock);
	}
	any = message.len > 0;
	if (any)
		*position = cf_ring_append(&message, false, &all);
	end_work();
	return any;
}

static bool
is_redis_in_use(void)
{
	return cf_l2_configured() && !cf_breaker_is_open();
}

/* Not in the way of who wants the database for himself for long. */
static bool
wait_for_redis(uint64 position)
{
	for (int ms = 0; ms < CF_OUTBOX_PATIENCE_MS; ms += CF_OUTBOX_LOOK_MS)
	{
		if (cf_ring_is_through(position))
			return true;
		if (ShutdownRequestPending || !is_redis_in_use())
			return false;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 CF_OUTBOX_LOOK_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		cf_worker_check_interrupts();
	}
	return false;
}

/* Until the table is empty, or what is left has to wait. */
static void
look(void)
{
	uint64		position;

	while (send_rows(&position))
	{
		if (!wait_for_redis(position))
		{
			cf_ack_want_later_look(MyDatabaseId);
			return;
		}
		while (take_acknowledged())
			;
		/* Redis has refused something: what is left is tried again, but not at once. */
		if (!cf_ack_is_time())
		{
			cf_ack_want_look(MyDatabaseId);
			return;
		}
	}
}

/* Worker. */
static bool
work(void)
{
	bool		any = false;

	SetConfigOption("synchronous_commit", "off", PGC_USERSET, PGC_S_OVERRIDE);
	while (!ShutdownRequestPending && take_acknowledged())
		any = true;
	if (!ShutdownRequestPending && is_redis_in_use() && cf_ack_take_look(MyDatabaseId))
	{
		look();
		any = true;
	}
	return any;
}

/* ---- the launcher ---- */

/* Databases that may have rows from before this server's start, in its memory. */
static List *unknown = NIL;

/* Some at a time, for each takes a worker. */
static void
feed_unknown(void)
{
	static bool started = false;
	bool		all;
	int			n = cf_ack_count_looks(&all);

	if (all || !started)
	{
		list_free(unknown);
		unknown = cf_worker_list_databases();
		started = true;
	}
	for (; n < CF_OUTBOX_LOOKERS && unknown != NIL; n++)
	{
		cf_ack_want_look(linitial_oid(unknown));
		unknown = list_delete_first(unknown);
	}
}

static Oid
next_database(int *next)
{
	bool		looks = is_redis_in_use();

	if (*next == 0 && looks)
		feed_unknown();
	return cf_ack_next_database(next, looks);
}

/* The database is gone, or its table cannot be read. */
static void
give_up(Oid dboid)
{
	CfAck		ack;

	while (cf_ack_take(dboid, &ack, 1) > 0)
		;
	(void) cf_ack_take_look(dboid);
}

void
cf_outbox_register(void)
{
	static const CfWorkerTask task = {
		.name = "outbox",
		.next_database = next_database,
		.give_up = give_up,
		.work = work,
	};

	cf_relchange_register(relation_changed);
	cf_worker_register_task(&task);
}
