/*
 * outbox.c - table cache_outbox: invalidations that Redis has not got yet.
 *
 * A commit that cannot reach Redis leaves its keys and tags here, in its own
 * transaction, so that they are as durable as what it changed. The database's
 * worker settles them in Redis when that is back, then deletes the rows; until
 * then nobody trusts what Redis has of the space (cf_space_outbox).
 *
 * The table is written and read through its access method, not by SQL: then
 * neither the session's role, search_path, row security or read-only mode nor
 * triggers and rules on the table matter, and nothing of the user's runs. Rows
 * are not logged for logical decoding: a subscriber has an outbox of its own.
 *
 * src/invalidate/outbox.c
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "invalidate/bus.h"
#include "invalidate/outbox.h"
#include "invalidate/payload.h"
#include "invalidate/remote.h"
#include "l2/store.h"
#include "position.h"
#include "relchange.h"
#include "rules/define.h"
#include "stats/counters.h"
#include "subxact.h"
#include "worker.h"

#define CF_OUTBOX_ROW_ITEMS 1000
#define CF_OUTBOX_BATCH_ITEMS 1000	/* a batch ends with the row that reaches this */
#define CF_OUTBOX_BATCH_ROWS 1000

/* Columns of cache_outbox. */
enum
{
	COL_CREATED = 1,
	COL_KEYS,
	COL_TAGS,
	NCOLUMNS = COL_TAGS
};

/* ---- the table ---- */

static bool
has_our_shape(Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);

	return rel->rd_rel->relkind == RELKIND_RELATION && desc->natts >= NCOLUMNS &&
		TupleDescAttr(desc, COL_CREATED - 1)->atttypid == TIMESTAMPTZOID &&
		TupleDescAttr(desc, COL_KEYS - 1)->atttypid == TEXTARRAYOID &&
		TupleDescAttr(desc, COL_TAGS - 1)->atttypid == TEXTARRAYOID;
}

/* The table, as it was found last; a standby asks at every read. */
static Oid	known_relid = InvalidOid;

static void
relation_changed(Oid relid)
{
	if (relid == InvalidOid || relid == known_relid)
		known_relid = InvalidOid;
}

/* A table of that name which is not the extension's is somebody else's. */
static Oid
find_outbox(void)
{
	Oid			definitions = cf_define_relation();
	Oid			relid;

	if (!OidIsValid(definitions))
		return InvalidOid;
	relid = get_relname_relid("cache_outbox", get_rel_namespace(definitions));
	if (OidIsValid(relid) &&
		getExtensionOfObject(RelationRelationId, relid) == get_extension_oid("cachefront", true))
		return relid;
	return InvalidOid;
}

/* NULL: the extension is not here, or of a version that had no such table. */
static Relation
open_outbox(LOCKMODE lockmode)
{
	Relation	rel;

	if (!OidIsValid(known_relid))
		known_relid = find_outbox();
	rel = OidIsValid(known_relid) ? try_relation_open(known_relid, lockmode) : NULL;
	if (rel != NULL && !has_our_shape(rel))
	{
		relation_close(rel, lockmode);
		rel = NULL;
	}
	return rel;
}

/* ---- writing ---- */

static Datum
make_array(const CfOutboxItem *items, int n, bool keys)
{
	Datum	   *texts = palloc(n * sizeof(Datum));
	int			ntexts = 0;

	for (int i = 0; i < n; i++)
	{
		if (items[i].is_key == keys)
			texts[ntexts++] = PointerGetDatum(cstring_to_text_with_len(items[i].text,
																	   items[i].len));
	}
	return PointerGetDatum(construct_array(texts, ntexts, TEXTOID, -1, false, TYPALIGN_INT));
}

static void
insert_row(Relation rel, TupleTableSlot *slot, const CfOutboxItem *items, int n)
{
	ExecClearTuple(slot);
	for (int i = 0; i < RelationGetDescr(rel)->natts; i++)
		slot->tts_isnull[i] = i >= NCOLUMNS;
	slot->tts_values[COL_CREATED - 1] = TimestampTzGetDatum(GetCurrentTimestamp());
	slot->tts_values[COL_KEYS - 1] = make_array(items, n, true);
	slot->tts_values[COL_TAGS - 1] = make_array(items, n, false);
	ExecStoreVirtualTuple(slot);
	table_tuple_insert(rel, slot, GetCurrentCommandId(true), TABLE_INSERT_NO_LOGICAL, NULL);
	cf_stats_count(CF_STATS_DEFAULT, CF_COUNT_OUTBOX_WRITTEN);
}

static bool
write_rows(const CfOutboxItem *items, int n)
{
	Relation	rel = open_outbox(RowExclusiveLock);
	MemoryContext row_context;
	TupleTableSlot *slot;

	if (rel == NULL)
		return false;
	slot = table_slot_create(rel, NULL);
	row_context = AllocSetContextCreate(CurrentMemoryContext, "cachefront outbox",
										ALLOCSET_DEFAULT_SIZES);
	for (int i = 0; i < n; i += CF_OUTBOX_ROW_ITEMS)
	{
		MemoryContext old = MemoryContextSwitchTo(row_context);

		insert_row(rel, slot, items + i, Min(n - i, CF_OUTBOX_ROW_ITEMS));
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
			 errdetail("All that Redis holds of this database is given up instead.")));
}

typedef struct WriteCall
{
	const CfOutboxItem *items;
	int			n;
	bool		written;
} WriteCall;

static void
run_write_call(void *arg)
{
	WriteCall  *call = arg;

	call->written = write_rows(call->items, call->n);
}

bool
cf_outbox_write(const CfOutboxItem *items, int n)
{
	WriteCall	call = {items, n, false};
	ErrorData  *error = cf_subxact_try(run_write_call, &call);

	if (error == NULL)
		return call.written;
	log_failure(error);
	FreeErrorData(error);
	return false;
}

/* ---- looking ---- */

static bool
is_empty(Relation rel, Snapshot snapshot)
{
	TableScanDesc scan = table_beginscan(rel, snapshot, 0, NULL);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	bool		empty = !table_scan_getnextslot(scan, ForwardScanDirection, slot);

	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
	return empty;
}

/*
 * Without a table there is nothing to wait for; but nothing was kept of what
 * Redis may have missed either, so that no value there can be trusted.
 */
static void
found_no_table(const CfSpace *space, uint64 count)
{
	cf_space_forget(space);
	cf_space_outbox_found(space, count, true);
}

static bool
look_at_table(Relation rel)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	bool		empty = is_empty(rel, snapshot);

	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
	return empty;
}

bool
cf_outbox_look(const CfSpace *space)
{
	uint64		count = cf_space_outbox_count(space);
	Relation	rel;

	if (IsInParallelMode())
		return false;
	rel = open_outbox(AccessShareLock);
	if (RecoveryInProgress())
		return rel != NULL && look_at_table(rel);
	if (rel == NULL)
		found_no_table(space, count);
	else
		cf_space_outbox_found(space, count, look_at_table(rel));
	if (cf_space_outbox(space) == CF_OUTBOX_WAITING)
		cf_worker_wake(MyDatabaseId);
	return cf_space_outbox(space) == CF_OUTBOX_EMPTY;
}

/* ---- delivering ---- */

/* What one round trip to Redis takes of the table. */
typedef struct Batch
{
	const CfSpace *space;
	const CfFloor *floor;
	char		token[CF_TOKEN_LEN + 1];
	uint64		lsn;
	ItemPointerData rows[CF_OUTBOX_BATCH_ROWS];
	int			nrows;
	int			nitems;
	CfPayload	payload;
} Batch;

/* For cf_payload's callback, which has no argument. */
static Batch *delivered = NULL;

static void
emit_event(const char *payload)
{
	cf_bus_add_event(delivered->space, delivered->lsn, payload);
}

/* The table can be edited by its owner: nothing is taken for granted. */
static void
add_item(Batch *batch, bool is_key, const char *text, int len)
{
	if (len < 1 || len > (is_key ? CF_MAX_KEY : CF_MAX_TAG))
		return;
	if (is_key)
		cf_store_add_key(batch->space, CF_STEP_SETTLE, text, len, batch->token,
						 batch->lsn, batch->floor);
	else
		cf_store_add_tag(batch->space, CF_STEP_SETTLE, text, len, batch->token,
						 batch->lsn, batch->floor);
	batch->nitems++;
	if (!is_key && cf_remote_is_epoch(text, len))
		batch->payload.all = true;
	else
		cf_payload_add(&batch->payload, is_key, text, len);
}

static void
add_array(Batch *batch, TupleTableSlot *slot, int column, bool is_key)
{
	bool		isnull;
	Datum		array = slot_getattr(slot, column, &isnull);
	Datum	   *texts;
	bool	   *nulls;
	int			n;

	if (isnull)
		return;
	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT,
					  &texts, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		text	   *item;

		if (nulls[i])
			continue;
		item = DatumGetTextPP(texts[i]);
		add_item(batch, is_key, VARDATA_ANY(item), VARSIZE_ANY_EXHDR(item));
	}
}

static void
read_batch(Batch *batch, Relation rel)
{
	TableScanDesc scan = table_beginscan(rel, GetActiveSnapshot(), 0, NULL);
	TupleTableSlot *slot = table_slot_create(rel, NULL);

	delivered = batch;
	cf_space_begin();
	cf_payload_begin(&batch->payload, emit_event);
	while (batch->nrows < CF_OUTBOX_BATCH_ROWS && batch->nitems < CF_OUTBOX_BATCH_ITEMS &&
		   table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		add_array(batch, slot, COL_KEYS, true);
		add_array(batch, slot, COL_TAGS, false);
		batch->rows[batch->nrows++] = slot->tts_tid;
	}
	cf_payload_end(&batch->payload);
	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
}

/* True if Redis has got them all. */
static bool
send_batch(const Batch *batch)
{
	return cf_l2_run(cf_remote_timeout(batch->nitems), true) == CF_L2_OK &&
		cf_store_steps_ok();
}

static void
delete_batch(Batch *batch, Relation rel)
{
	for (int i = 0; i < batch->nrows; i++)
		simple_table_tuple_delete(rel, &batch->rows[i], GetActiveSnapshot());
	cf_stats_add(CF_STATS_DEFAULT, CF_COUNT_OUTBOX_DELIVERED, batch->nrows);
}

typedef enum Delivery
{
	DELIVERED,					/* look for more */
	NOTHING_LEFT,
	NO_TABLE,
	LATER						/* Redis does not take it */
} Delivery;

/*
 * Rows go when Redis has got them: a crash in between delivers them twice. All
 * that is visible committed before now, so its LSN is now's at most.
 */
static Delivery
deliver_rows(const CfSpace *space, Relation rel)
{
	Batch	   *batch = palloc0(sizeof(*batch));

	batch->space = space;
	batch->lsn = cf_position_lsn();
	if (is_empty(rel, GetActiveSnapshot()))
		return NOTHING_LEFT;
	if (cf_space_open(space, true, &batch->floor) != CF_L2_OK ||
		!cf_store_make_token(batch->token))
		return LATER;
	read_batch(batch, rel);
	if (batch->nitems > 0 && !send_batch(batch))
		return LATER;
	delete_batch(batch, rel);
	return DELIVERED;
}

static Delivery
deliver_batch(const CfSpace *space)
{
	Relation	rel;
	Delivery	result = NO_TABLE;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	rel = open_outbox(AccessShareLock);
	if (rel != NULL)
	{
		/* A worker that waits for a lock would keep the server from stopping. */
		result = ConditionalLockRelation(rel, RowExclusiveLock) ?
			deliver_rows(space, rel) : LATER;
		table_close(rel, NoLock);
	}
	PopActiveSnapshot();
	CommitTransactionCommand();
	return result;
}

static const CfSpace *
my_space(void)
{
	const CfSpace *space;

	StartTransactionCommand();
	space = cf_space_mine();
	CommitTransactionCommand();
	return space;
}

/* Worker. While Redis is down this comes back about once a second. */
static bool
work(void)
{
	const CfSpace *space = my_space();

	if (space == NULL || cf_space_outbox(space) == CF_OUTBOX_EMPTY)
		return false;
	while (!ShutdownRequestPending)
	{
		uint64		count = cf_space_outbox_count(space);

		switch (deliver_batch(space))
		{
			case DELIVERED:
				break;
			case LATER:
				return true;
			case NOTHING_LEFT:
				cf_space_outbox_found(space, count, true);
				return cf_space_outbox(space) != CF_OUTBOX_EMPTY;
			case NO_TABLE:
				found_no_table(space, count);
				return cf_space_outbox(space) != CF_OUTBOX_EMPTY;
		}
		CHECK_FOR_INTERRUPTS();
	}
	return true;
}

/* Launcher: the databases whose outbox is not known to be empty. */
static Oid
next_database(int *next)
{
	CfSpace		space;

	if (!cf_l2_configured())
		return InvalidOid;
	while (*next < CF_SPACE_MAX)
	{
		if (cf_space_get((*next)++, &space) && cf_space_outbox(&space) != CF_OUTBOX_EMPTY)
			return space.dboid;
	}
	return InvalidOid;
}

/*
 * The database is gone, or its table cannot be read: what waits there is told
 * to Redis in one word, by giving up all values.
 */
static void
give_up(Oid dboid)
{
	CfSpace		space;

	for (int i = 0; i < CF_SPACE_MAX; i++)
	{
		if (cf_space_get(i, &space) && space.dboid == dboid)
			found_no_table(&space, cf_space_outbox_count(&space));
	}
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
