/*
 * queue.c - the tables cache_write_queue and cache_dead_writes.
 *
 * src/behind/queue.c
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "base/relchange.h"
#include "behind/queue.h"
#include "behind/writer.h"
#include "rules/owntable.h"

/* Columns of cache_write_queue. */
enum
{
	COL_WRITER = 1,
	COL_ARGS,
	COL_VALUE,
	COL_CREATED,
	COL_NUMBER,
	COL_APPLIED,
	QUEUE_COLUMNS = COL_APPLIED
};

/* Columns of cache_dead_writes; the first three as above. */
enum
{
	COL_SQLSTATE = COL_VALUE + 1,
	COL_ERROR,
	COL_AT,
	DEAD_COLUMNS = COL_AT
};

static const Oid queue_types[] = {TEXTOID, TEXTARRAYOID, TEXTOID, TIMESTAMPTZOID, INT8OID, XID8OID};
static const Oid dead_types[] = {TEXTOID, TEXTARRAYOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID};

/* As they were found last. */
typedef struct Table
{
	CfOwnTable	own;
	Oid			relid;
} Table;

static Table queue = {{"cache_write_queue", QUEUE_COLUMNS, queue_types}, InvalidOid};
static Table dead = {{"cache_dead_writes", DEAD_COLUMNS, dead_types}, InvalidOid};
static Oid	sequence_relid = InvalidOid;

static void
relation_changed(Oid relid)
{
	if (relid == InvalidOid || relid == queue.relid)
		queue.relid = InvalidOid;
	if (relid == InvalidOid || relid == dead.relid)
		dead.relid = InvalidOid;
	if (relid == InvalidOid || relid == sequence_relid)
		sequence_relid = InvalidOid;
}

void
cf_queue_register(void)
{
	cf_relchange_register(relation_changed);
}

static Oid
find_table(Table *table)
{
	if (!OidIsValid(table->relid))
		table->relid = cf_own_table_relid(table->own.name);
	return table->relid;
}

static Relation
check_shape(Relation rel, const Table *table)
{
	if (rel == NULL || cf_own_table_fits(rel, &table->own))
		return rel;
	relation_close(rel, NoLock);
	return NULL;
}

static Relation
open_table(Table *table, LOCKMODE lockmode)
{
	Oid			relid = find_table(table);

	return OidIsValid(relid) ? check_shape(try_relation_open(relid, lockmode), table) : NULL;
}

Relation
cf_queue_open(LOCKMODE lockmode)
{
	return open_table(&queue, lockmode);
}

Relation
cf_dead_open(LOCKMODE lockmode)
{
	return open_table(&dead, lockmode);
}

bool
cf_queue_is(Oid relid)
{
	return relid == find_table(&queue);
}

Relation
cf_queue_try_open(LOCKMODE lockmode, bool *locked)
{
	Oid			relid = find_table(&queue);

	*locked = false;
	if (!OidIsValid(relid))
		return NULL;
	if (!ConditionalLockRelationOid(relid, lockmode))
	{
		*locked = true;
		return NULL;
	}
	return check_shape(try_relation_open(relid, NoLock), &queue);
}

/* ---- writing ---- */

static void
set_text(TupleTableSlot *slot, int column, const char *text)
{
	slot->tts_isnull[column - 1] = text == NULL;
	if (text != NULL)
		slot->tts_values[column - 1] = CStringGetTextDatum(text);
}

static void
set_datum(TupleTableSlot *slot, int column, Datum value)
{
	slot->tts_isnull[column - 1] = false;
	slot->tts_values[column - 1] = value;
}

static TupleTableSlot *
begin_row(Relation rel)
{
	TupleTableSlot *slot = table_slot_create(rel, NULL);

	for (int i = 0; i < RelationGetDescr(rel)->natts; i++)
		slot->tts_isnull[i] = true;
	return slot;
}

static void
insert_row(Relation rel, TupleTableSlot *slot)
{
	ExecStoreVirtualTuple(slot);
	table_tuple_insert(rel, slot, GetCurrentCommandId(true), TABLE_INSERT_NO_LOGICAL, NULL);
	ExecDropSingleTupleTableSlot(slot);
}

void
cf_queue_insert(Relation rel, const CfQueueRow *row)
{
	TupleTableSlot *slot = begin_row(rel);

	set_text(slot, COL_WRITER, row->writer);
	set_datum(slot, COL_ARGS, PointerGetDatum(row->args));
	set_text(slot, COL_VALUE, row->value);
	set_datum(slot, COL_CREATED, TimestampTzGetDatum(row->created));
	if (row->number != 0)
		set_datum(slot, COL_NUMBER, Int64GetDatum(row->number));
	if (FullTransactionIdIsValid(row->applied))
		set_datum(slot, COL_APPLIED, FullTransactionIdGetDatum(row->applied));
	insert_row(rel, slot);
}

/* Who takes one has a transaction id by then: see flush.c on why. */
int64
cf_queue_next_number(void)
{
	(void) GetCurrentTransactionId();
	if (!OidIsValid(sequence_relid))
		sequence_relid = cf_own_table_relid("cache_write_number");
	if (!OidIsValid(sequence_relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("sequence \"cache_write_number\" does not exist")));
	return nextval_internal(sequence_relid, false);
}

void
cf_dead_insert(Relation rel, const CfDeadRow *row)
{
	TupleTableSlot *slot = begin_row(rel);

	set_text(slot, COL_WRITER, row->writer);
	set_datum(slot, COL_ARGS, PointerGetDatum(row->args));
	set_text(slot, COL_VALUE, row->value);
	set_text(slot, COL_SQLSTATE, row->sqlstate);
	set_text(slot, COL_ERROR, row->error);
	set_datum(slot, COL_AT, TimestampTzGetDatum(GetCurrentTimestamp()));
	insert_row(rel, slot);
}

static TransactionId
get_xmin(TupleTableSlot *slot)
{
	bool		isnull;

	return DatumGetTransactionId(slot_getsysattr(slot, MinTransactionIdAttributeNumber, &isnull));
}

static bool
is_still_there(Relation rel, TupleTableSlot *slot, ItemPointer tid, TransactionId xmin)
{
	bool		found;

	if (ItemPointerGetBlockNumber(tid) >= RelationGetNumberOfBlocks(rel))
		return false;
	found = table_tuple_fetch_row_version(rel, tid, GetActiveSnapshot(), slot) &&
		get_xmin(slot) == xmin;
	ExecClearTuple(slot);
	return found;
}

bool
cf_queue_delete(Relation rel, TupleTableSlot *slot, const ItemPointerData *tid,
				TransactionId xmin)
{
	ItemPointerData place = *tid;
	TM_FailureData failure;

	return is_still_there(rel, slot, &place, xmin) &&
		table_tuple_delete(rel, &place, GetCurrentCommandId(true), GetActiveSnapshot(),
							  InvalidSnapshot, false, &failure, false) == TM_Ok;
}

/* ---- reading ---- */

static char *
get_text(TupleTableSlot *slot, int column)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, column, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

/* A copy, for a slot's values go with the page. */
static struct varlena *
get_args(TupleTableSlot *slot)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, COL_ARGS, &isnull);

	if (isnull)
		return (struct varlena *) construct_empty_array(TEXTOID);
	return (struct varlena *) PG_DETOAST_DATUM_COPY(value);
}

/* Compared in place: most rows of a big queue may be another's. */
static bool
is_of(TupleTableSlot *slot, const char *writer)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, COL_WRITER, &isnull);
	text	   *name;
	bool		same;

	if (isnull)
		return false;
	if (writer == NULL)
		return true;
	name = DatumGetTextPP(value);
	same = VARSIZE_ANY_EXHDR(name) == strlen(writer) &&
		memcmp(VARDATA_ANY(name), writer, strlen(writer)) == 0;
	return same;
}

static void
get_row(TupleTableSlot *slot, CfQueueRow *row)
{
	bool		isnull;
	Datum		value;

	row->tid = slot->tts_tid;
	row->xmin = get_xmin(slot);
	row->writer = get_text(slot, COL_WRITER);
	row->args = get_args(slot);
	row->value = get_text(slot, COL_VALUE);
	value = slot_getattr(slot, COL_CREATED, &isnull);
	row->created = isnull ? 0 : DatumGetTimestampTz(value);
	value = slot_getattr(slot, COL_NUMBER, &isnull);
	row->number = isnull ? 0 : DatumGetInt64(value);
	value = slot_getattr(slot, COL_APPLIED, &isnull);
	row->applied = isnull ? InvalidFullTransactionId : DatumGetFullTransactionId(value);
}

typedef bool (*VisitSlot) (TupleTableSlot *slot, void *arg);

static void
scan_table(Relation rel, Snapshot snapshot, const char *writer, VisitSlot visit, void *arg)
{
	TableScanDesc scan = table_beginscan(rel, snapshot, 0, NULL);
	TupleTableSlot *slot = table_slot_create(rel, NULL);

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		if (is_of(slot, writer) && !visit(slot, arg))
			break;
	}
	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
}

typedef struct Visit
{
	CfQueueVisit queue;
	CfDeadVisit dead;
	void	   *arg;
} Visit;

static bool
visit_queue(TupleTableSlot *slot, void *arg)
{
	Visit	   *visit = arg;
	CfQueueRow	row;

	get_row(slot, &row);
	return visit->queue(&row, visit->arg);
}

void
cf_queue_scan(Relation rel, Snapshot snapshot, const char *writer, CfQueueVisit visit, void *arg)
{
	Visit		both = {.queue = visit, .arg = arg};

	scan_table(rel, snapshot, writer, visit_queue, &both);
}

static bool
visit_dead(TupleTableSlot *slot, void *arg)
{
	Visit	   *visit = arg;
	CfDeadRow	row = {
		.tid = slot->tts_tid,
		.xmin = get_xmin(slot),
		.writer = get_text(slot, COL_WRITER),
		.args = get_args(slot),
		.value = get_text(slot, COL_VALUE),
		.sqlstate = get_text(slot, COL_SQLSTATE),
		.error = get_text(slot, COL_ERROR),
	};

	return visit->dead(&row, visit->arg);
}

void
cf_dead_scan(Relation rel, Snapshot snapshot, const char *writer, CfDeadVisit visit, void *arg)
{
	Visit		both = {.dead = visit, .arg = arg};

	scan_table(rel, snapshot, writer, visit_dead, &both);
}

static bool
note_any(TupleTableSlot *slot, void *arg)
{
	bool		isnull;

	(void) slot_getattr(slot, COL_APPLIED, &isnull);
	*(bool *) arg |= isnull;
	return !isnull;
}

bool
cf_queue_has_any(Relation rel, const char *writer)
{
	SnapshotData dirty;
	bool		any = false;

	InitDirtySnapshot(dirty);
	scan_table(rel, &dirty, writer, note_any, &any);
	return any;
}

typedef struct Discard
{
	Relation	rel;
	TupleTableSlot *slot;		/* another than that of the scan */
} Discard;

static bool
discard_row(TupleTableSlot *slot, void *arg)
{
	Discard    *discard = arg;

	if (!cf_queue_delete(discard->rel, discard->slot, &slot->tts_tid, get_xmin(slot)))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not discard writes that are being applied")));
	return true;
}

void
cf_queue_discard(Relation rel, const char *writer)
{
	Discard		discard = {rel, table_slot_create(rel, NULL)};
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());

	PushActiveSnapshot(snapshot);
	scan_table(rel, snapshot, writer, discard_row, &discard);
	ExecDropSingleTupleTableSlot(discard.slot);
	PopActiveSnapshot();
	UnregisterSnapshot(snapshot);
}
