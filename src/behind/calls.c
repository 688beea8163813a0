/*
 * calls.c - cache_add, cache_put, cache_pending, cache_flush_writes, cache_retry_writes.
 *
 * A write is a row of the queue, inserted in the caller's transaction: what undoes the one
 * undoes the other. It takes no lock that another write or the flush would wait for.
 *
 * src/behind/calls.c
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "storage/latch.h"
#include "tcop/utility.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "api/args.h"
#include "api/named.h"
#include "base/shmem.h"
#include "base/steady.h"
#include "behind/memory.h"
#include "behind/merge.h"
#include "behind/queue.h"
#include "behind/shared.h"
#include "behind/statement.h"
#include "behind/writer.h"

PG_FUNCTION_INFO_V1(cachefront_add);
PG_FUNCTION_INFO_V1(cachefront_put);
PG_FUNCTION_INFO_V1(cachefront_pending);
PG_FUNCTION_INFO_V1(cachefront_pending_all);
PG_FUNCTION_INFO_V1(cachefront_flush_writes);
PG_FUNCTION_INFO_V1(cachefront_retry_writes);

#define CF_FLUSH_LOOK_MS 20
#define CF_FLUSH_ASK_MS 500		/* between two requests */

/* ---- arguments ---- */

static char *
take_name(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("writer name must not be null")));
	return text_to_cstring(PG_GETARG_TEXT_PP(0));
}

/* A copy: what follows may make the session read the writers again. */
static CfWriter *
find_writer(const char *name)
{
	const CfWriter *writer;

	AcceptInvalidationMessages();
	writer = cf_writer_find(name);
	if (writer == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("writer \"%s\" does not exist", name),
				 errhint("Define it with cache_define_writer(name, write => ..., arg_types => ...).")));
	return cf_writer_copy(writer);
}

static char *
signature(const CfWriter *writer)
{
	return cf_arg_signature(writer->name, writer->arg_types, writer->nargs);
}

static void
require_type(const CfWriter *writer, const char *what, Oid from, Oid to)
{
	if (cf_arg_is_string(from) || from == to ||
		(cf_arg_is_integer(from) && cf_arg_is_integer(to)) ||
		can_coerce_type(1, &from, &to, COERCION_IMPLICIT))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("%s of writer \"%s\" is of type %s but should be of type %s", what,
					writer->name, format_type_be(from), format_type_be(to)),
			 errdetail("It takes %s.", signature(writer)),
			 errhint("Cast it, or pass it as text.")));
}

/* Of these the text is the same whatever the session has set. */
static bool
is_plain(Oid type)
{
	return cf_arg_is_integer(type) || cf_arg_is_string(type) || type == NUMERICOID ||
		type == UUIDOID || type == BOOLOID;
}

/* As the declared type prints it. */
static char *
canonical(Oid declared, Oid given, Datum value)
{
	Oid			input;
	Oid			ioparam;

	if (given != declared)
	{
		getTypeInputInfo(declared, &input, &ioparam);
		value = OidInputFunctionCall(input, cf_arg_print(given, value), ioparam, -1);
	}
	if (declared == NUMERICOID)
		value = DirectFunctionCall1(numeric_trim_scale, value);
	return cf_arg_print(declared, value);
}

typedef struct Call
{
	CfWriter   *writer;
	CfNamedArgs given;
	struct varlena *args;		/* text[] */
	int			level;			/* of settings; 0: those of the session will do */
} Call;

static void
take_given(FunctionCallInfo fcinfo, int first, CfNamedArgs *given)
{
	MemSet(given, 0, sizeof(*given));
	if (PG_NARGS() <= first)
		return;
	given->n = extract_variadic_args(fcinfo, first, false, &given->values, &given->types,
									 &given->nulls);
	if (given->n < 0)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the list of arguments must not be null")));
}

static void
require_fit(const Call *call)
{
	const CfWriter *writer = call->writer;

	if (call->given.n != writer->nargs)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("wrong number of arguments for writer \"%s\"", writer->name),
				 errdetail("It takes %s, and got %d.", signature(writer), call->given.n)));
	for (int i = 0; i < writer->nargs; i++)
	{
		if (call->given.types[i] != writer->arg_types[i])
			require_type(writer, psprintf("argument $%d", i + 1), call->given.types[i],
						 writer->arg_types[i]);
		if (call->given.nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument $%d of writer \"%s\" must not be null", i + 1,
							writer->name)));
	}
}

static void
make_args(Call *call)
{
	int			n = call->given.n;
	Datum	   *texts = palloc(Max(n, 1) * sizeof(Datum));

	for (int i = 0; i < n; i++)
		texts[i] = CStringGetTextDatum(canonical(call->writer->arg_types[i], call->given.types[i],
												 call->given.values[i]));
	call->args = (struct varlena *) (n == 0 ? construct_empty_array(TEXTOID) :
									 construct_array(texts, n, TEXTOID, -1, false,
													 TYPALIGN_INT));
}

/* Only where something depends on settings: they cost more than all the rest. */
static void
begin_settings(Call *call, Oid value_given)
{
	bool		plain = is_plain(call->writer->value_type) && is_plain(value_given);

	for (int i = 0; i < call->given.n; i++)
		plain &= is_plain(call->writer->arg_types[i]) && is_plain(call->given.types[i]);
	call->level = plain ? 0 : cf_named_begin_settings(call->writer->search_path);
}

static void
end_settings(const Call *call)
{
	if (call->level > 0)
		cf_named_end(call->level);
}

/* The definition stays to the end of the transaction: whoever changes it needs the queue alone. */
static Relation
open_queue(LOCKMODE lockmode)
{
	Relation	queue = cf_queue_open(lockmode);

	if (queue == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"cache_write_queue\" does not exist"),
				 errhint("Run ALTER EXTENSION cachefront UPDATE.")));
	return queue;
}

/* ---- writing ---- */

static void
put_row(Relation queue, const CfWriter *writer, struct varlena *args, char *value)
{
	CfQueueRow	row = {
		.writer = (char *) writer->name,
		.args = args,
		.value = value,
		.created = GetCurrentTimestamp(),
		.number = writer->merge == CF_MERGE_LAST ? cf_queue_next_number() : 0,
	};

	cf_queue_insert(queue, &row);
	cf_behind_added(writer->flush_us, writer->flush_rows);
}

/* Where memory has no room, the table has. */
static void
put(Relation queue, const CfWriter *writer, struct varlena *args, char *value)
{
	if (writer->in_memory && value != NULL &&
		cf_memory_add(writer, args,
					  DatumGetInt64(DirectFunctionCall1(int8in, CStringGetDatum(value)))))
	{
		cf_behind_added(writer->flush_us, writer->flush_rows);
		return;
	}
	put_row(queue, writer, args, value);
}

static void
write_value(FunctionCallInfo fcinfo, Oid type, Datum value, bool isnull, const char *function)
{
	Call		call = {0};
	Relation	queue;
	char	   *text;

	cf_shmem_require();
	PreventCommandIfReadOnly(function);
	PreventCommandIfParallelMode(function);
	queue = open_queue(RowExclusiveLock);
	call.writer = find_writer(take_name(fcinfo));
	if ((call.writer->merge == CF_MERGE_SUM) != (fcinfo->flinfo->fn_addr == cachefront_add))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 call.writer->merge == CF_MERGE_SUM ?
				 errmsg("writer \"%s\" sums up", call.writer->name) :
				 errmsg("writer \"%s\" does not sum up", call.writer->name),
				 errhint("Use %s.", call.writer->merge == CF_MERGE_SUM ? "cache_add" : "cache_put")));
	take_given(fcinfo, 2, &call.given);
	require_fit(&call);
	if (isnull && call.writer->merge != CF_MERGE_LAST)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the value for writer \"%s\" must not be null", call.writer->name)));
	/* numeric is what cache_add takes, whatever it sums up. */
	if (call.writer->merge != CF_MERGE_SUM)
		require_type(call.writer, "the value", type, call.writer->value_type);
	cf_statement_require_rights(call.writer);
	begin_settings(&call, type);
	make_args(&call);
	text = isnull ? NULL : canonical(call.writer->value_type, type, value);
	end_settings(&call);
	put(queue, call.writer, call.args, text);
	table_close(queue, NoLock);
}

Datum
cachefront_add(PG_FUNCTION_ARGS)
{
	write_value(fcinfo, NUMERICOID, PG_GETARG_DATUM(1), PG_ARGISNULL(1), "cache_add()");
	PG_RETURN_VOID();
}

Datum
cachefront_put(PG_FUNCTION_ARGS)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 1);

	if (!OidIsValid(type))
		ereport(ERROR,
				(errcode(ERRCODE_INDETERMINATE_DATATYPE),
				 errmsg("could not determine the type of the value")));
	write_value(fcinfo, type, PG_GETARG_DATUM(1), PG_ARGISNULL(1), "cache_put()");
	PG_RETURN_VOID();
}

/* ---- what is pending ---- */

typedef struct PendingKey
{
	CfHash128	hash;
	CfWriteKey	key;
} PendingKey;

typedef struct Pending
{
	const CfWriter *writer;
	struct varlena *args;		/* NULL: of all keys */
	HTAB	   *keys;
} Pending;

static bool
read_pending(const CfQueueRow *row, void *arg)
{
	Pending    *pending = arg;
	PendingKey *entry;
	CfHash128	hash;
	CfWrite    *write;
	bool		found;

	/* A mark counts only in that what is older than it does not. */
	if (pending->args != NULL &&
		(VARSIZE(row->args) != VARSIZE(pending->args) ||
		 memcmp(row->args, pending->args, VARSIZE(row->args)) != 0))
		return true;
	cf_hash128_init(&hash, 0);
	cf_hash128_add(&hash, VARDATA(row->args), VARSIZE(row->args) - VARHDRSZ);
	entry = hash_search(pending->keys, &hash, HASH_ENTER, &found);
	if (!found)
	{
		MemSet(&entry->key, 0, sizeof(entry->key));
		entry->key.args = row->args;
	}
	if (FullTransactionIdIsValid(row->applied))
	{
		entry->key.applied_number = Max(entry->key.applied_number, row->number);
		return true;
	}
	if (entry->key.n == entry->key.room)
	{
		entry->key.room = Max(entry->key.room * 2, 1);
		entry->key.writes = entry->key.writes == NULL ?
			palloc(entry->key.room * sizeof(CfWrite)) :
			repalloc_huge(entry->key.writes, entry->key.room * sizeof(CfWrite));
	}
	write = &entry->key.writes[entry->key.n++];
	MemSet(write, 0, sizeof(*write));
	write->number = row->number;
	write->value = row->value;
	return true;
}

static void
read_pending_item(const CfMemoryItem *item, void *arg)
{
	CfQueueRow	row = {
		.writer = item->writer,
		.args = item->args,
		.value = psprintf(INT64_FORMAT, item->value),
		.applied = InvalidFullTransactionId,
	};

	(void) read_pending(&row, arg);
}

/* By the snapshot of the statement, in which a row of the target is as it was before or after. */
static void
find_pending(Pending *pending)
{
	HASHCTL		control = {
		.keysize = sizeof(CfHash128),
		.entrysize = sizeof(PendingKey),
		.hcxt = CurrentMemoryContext,
	};
	Relation	queue = open_queue(AccessShareLock);

	pending->keys = hash_create("cachefront pending", 64, &control,
								HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	cf_queue_scan(queue, GetActiveSnapshot(), pending->writer->name, read_pending, pending);
	cf_memory_pending(pending->writer->name, pending->args, GetActiveSnapshot(),
					  read_pending_item, pending);
	table_close(queue, AccessShareLock);
}

/* NULL, if all that there is came too late. A sum is printed however great it is. */
static char *
value_of(const CfWriter *writer, CfWriteKey *key)
{
	CfWriter	wide = *writer;
	CfMerger	merger;
	CfMerged	merged;
	int			kept = 0;

	for (int i = 0; i < key->n; i++)
	{
		if (writer->merge != CF_MERGE_LAST || key->writes[i].number > key->applied_number)
			key->writes[kept++] = key->writes[i];
	}
	key->n = kept;
	if (kept == 0)
		return NULL;
	if (wide.merge == CF_MERGE_SUM)
		wide.value_type = NUMERICOID;
	cf_merge_begin(&merger, &wide);
	cf_merge_key(&merger, key, &merged);
	return cf_merge_print(&merger, &merged);
}

static bool
is_number(Oid type)
{
	return cf_arg_is_integer(type) || type == NUMERICOID || type == FLOAT4OID || type == FLOAT8OID;
}

Datum
cachefront_pending(PG_FUNCTION_ARGS)
{
	Call		call = {0};
	Pending		pending = {0};
	HASH_SEQ_STATUS scan;
	PendingKey *entry;
	char	   *value = NULL;

	cf_shmem_require();
	call.writer = find_writer(take_name(fcinfo));
	take_given(fcinfo, 1, &call.given);
	require_fit(&call);
	if (!is_number(call.writer->value_type))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("values of writer \"%s\" are of type %s and no numbers", call.writer->name,
						format_type_be(call.writer->value_type)),
				 errhint("SELECT value FROM cache_pending(name) WHERE args = ...")));
	cf_statement_require_rights(call.writer);
	begin_settings(&call, call.writer->value_type);
	make_args(&call);
	pending.writer = call.writer;
	pending.args = call.args;
	find_pending(&pending);
	hash_seq_init(&scan, pending.keys);
	while ((entry = hash_seq_search(&scan)) != NULL)
		value = value_of(call.writer, &entry->key);
	end_settings(&call);
	if (value == NULL && call.writer->merge != CF_MERGE_SUM)
		PG_RETURN_NULL();
	return DirectFunctionCall3(numeric_in, CStringGetDatum(value == NULL ? "0" : value),
							   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

Datum
cachefront_pending_all(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Call		call = {0};
	Pending		pending = {0};
	HASH_SEQ_STATUS scan;
	PendingKey *entry;
	int			level;

	cf_shmem_require();
	call.writer = find_writer(take_name(fcinfo));
	cf_statement_require_rights(call.writer);
	InitMaterializedSRF(fcinfo, 0);
	level = cf_named_begin_settings(call.writer->search_path);
	pending.writer = call.writer;
	find_pending(&pending);
	hash_seq_init(&scan, pending.keys);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		char	   *value = value_of(call.writer, &entry->key);
		Datum		values[2] = {PointerGetDatum(entry->key.args),
		value == NULL ? (Datum) 0 : CStringGetTextDatum(value)};
		bool		nulls[2] = {false, value == NULL};

		if (entry->key.n > 0)
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	cf_named_end(level);
	return (Datum) 0;
}

/* ---- cache_flush_writes ---- */

typedef struct Left
{
	Snapshot	at_call;
	TimestampTz called;
	bool		any;
} Left;

/* What was committed by the time of the call, and is there now. */
static bool
note_left(const CfQueueRow *row, void *arg)
{
	Left	   *left = arg;

	left->any |= !FullTransactionIdIsValid(row->applied) &&
		!XidInMVCCSnapshot(row->xmin, left->at_call) &&
		TransactionIdPrecedes(row->xmin, left->at_call->xmax);
	return !left->any;
}

static void
note_left_item(const CfMemoryItem *item, void *arg)
{
	Left	   *left = arg;

	left->any |= item->writes > 0 && item->since <= left->called;
}

static bool
is_any_left(Snapshot at_call, TimestampTz called)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "cachefront look",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Left		left = {at_call, called, false};
	Relation	queue = open_queue(AccessShareLock);
	Snapshot	now = RegisterSnapshot(GetLatestSnapshot());

	cf_queue_scan(queue, now, NULL, note_left, &left);
	cf_memory_pending(NULL, NULL, now, note_left_item, &left);
	UnregisterSnapshot(now);
	/* So that nobody who needs it alone waits for us, who waits for him. */
	table_close(queue, AccessShareLock);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return left.any;
}

static int64
take_timeout_us(FunctionCallInfo fcinfo)
{
	const Interval *timeout;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("timeout must not be null")));
	timeout = PG_GETARG_INTERVAL_P(0);
	if (timeout->month != 0 || timeout->day != 0 || timeout->time < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("timeout must be between 0 and some hours")));
	return timeout->time;
}

static bool
wait_until_applied(Snapshot at_call, int64 timeout_us)
{
	TimestampTz begun = cf_steady_now();
	TimestampTz asked = 0;
	TimestampTz called = GetCurrentTimestamp();

	while (is_any_left(at_call, called))
	{
		TimestampTz now = cf_steady_now();

		if (now - asked >= CF_FLUSH_ASK_MS * INT64CONST(1000))
		{
			cf_behind_request();
			asked = now;
		}
		if (now - begun >= timeout_us)
			return false;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 CF_FLUSH_LOOK_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	return true;
}

Datum
cachefront_flush_writes(PG_FUNCTION_ARGS)
{
	int64		timeout_us;
	Snapshot	at_call;
	bool		all;

	cf_shmem_require();
	timeout_us = take_timeout_us(fcinfo);
	PreventCommandDuringRecovery("cache_flush_writes()");
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("cache_flush_writes() cannot be called in a transaction that has written"),
				 errhint("The flush would wait for it, and it for the flush.")));
	at_call = RegisterSnapshot(GetLatestSnapshot());
	all = wait_until_applied(at_call, timeout_us);
	UnregisterSnapshot(at_call);
	PG_RETURN_BOOL(all);
}

/* ---- dead writes ---- */

typedef struct Retry
{
	const CfWriter *writer;
	Relation	queue;
	Relation	dead;
	TupleTableSlot *slot;
	int64		n;
} Retry;

static bool
retry(const CfDeadRow *row, void *arg)
{
	Retry	   *call = arg;

	/* Somebody else has done so. */
	if (!cf_queue_delete(call->dead, call->slot, &row->tid, row->xmin))
		return true;
	put(call->queue, call->writer, row->args, row->value);
	call->n++;
	return true;
}

Datum
cachefront_retry_writes(PG_FUNCTION_ARGS)
{
	Retry		call = {0};
	Snapshot	snapshot;

	cf_shmem_require();
	PreventCommandIfReadOnly("cache_retry_writes()");
	call.queue = open_queue(RowExclusiveLock);
	call.writer = find_writer(take_name(fcinfo));
	cf_writer_require_owner(call.writer);
	call.dead = cf_dead_open(RowExclusiveLock);
	if (call.dead == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"cache_dead_writes\" does not exist")));
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	PushActiveSnapshot(snapshot);
	call.slot = table_slot_create(call.dead, NULL);
	cf_dead_scan(call.dead, snapshot, call.writer->name, retry, &call);
	ExecDropSingleTupleTableSlot(call.slot);
	PopActiveSnapshot();
	UnregisterSnapshot(snapshot);
	table_close(call.dead, NoLock);
	table_close(call.queue, NoLock);
	PG_RETURN_INT64(call.n);
}
