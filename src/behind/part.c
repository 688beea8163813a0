/*
 * part.c - one transaction of a flush.
 *
 * What is applied goes from the queue in the same transaction: whatever ends it, and
 * however often it is tried, a write is applied once or is still there.
 *
 * No client is to be a deadlock's victim. He looks for one deadlock_timeout after he began to wait,
 * at the earliest that long after we got our first lock: by then we must not be
 * waiting. So we wait for a lock a fraction of that time at most, and a part of many keys
 * is given up before it. Of one key alone, which may take its time, lock waits get
 * very short instead.
 *
 * src/behind/part.c
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "base/debug_point.h"
#include "base/subxact.h"
#include "behind/memory.h"
#include "behind/part.h"
#include "behind/queue.h"
#include "behind/statement.h"

#define CF_PART_LOCK_MS 1000	/* of our own tables */
#define CF_PART_ALONE_MS (10 * 1000)	/* a statement of one key */

typedef struct Arguments
{
	int			nkeys;
	int			nargs;
	Datum	  **values;			/* of each argument, by key */
	CfMerged   *own;			/* what each key's writes come to */
	CfMerged   *merged;			/* the same, with those of keys that turned out to be equal */
	bool	   *dropped;		/* such a key, or one that is left for another part */
	bool	   *left;
} Arguments;

/* ---- settings ---- */

/* A worker that waits for a lock would keep the server from stopping. */
static void
set_lock_timeout(int ms)
{
	char		text[12];

	snprintf(text, sizeof(text), "%d", ms);
	SetConfigOption("lock_timeout", text, PGC_USERSET, PGC_S_OVERRIDE);
}

static void
set_commit(bool on_disk)
{
	SetConfigOption("synchronous_commit", on_disk ? "local" : "off", PGC_USERSET, PGC_S_OVERRIDE);
}

void
cf_part_end_settings(void)
{
	set_lock_timeout(0);
}

void
cf_part_begin_settings(void)
{
	static const char *const settings[][2] = {
		/* What a crash undoes of a commit it undoes of the queue as well. */
		{"synchronous_commit", "off"},
		{"statement_timeout", "0"},
		{"idle_in_transaction_session_timeout", "0"},
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_read_only", "off"},
		{"default_transaction_deferrable", "off"},
		{"session_replication_role", "origin"},
		{"row_security", "on"},
		{"transaction_timeout", "0"},
	};

	for (int i = 0; i < lengthof(settings); i++)
	{
		if (GetConfigOption(settings[i][0], true, false) != NULL)
			SetConfigOption(settings[i][0], settings[i][1], PGC_SUSET, PGC_S_OVERRIDE);
	}
	set_lock_timeout(CF_PART_LOCK_MS);
}

static TimeoutId squeeze = MAX_TIMEOUTS;

/* In a signal handler. */
static void
squeeze_locks(void)
{
	LockTimeout = 1;
}

static void
begin_time(const CfPart *part)
{
	int			lock_ms = Max(Min(part->lock_ms, DeadlockTimeout / 4), 1);

	if (squeeze == MAX_TIMEOUTS)
		squeeze = RegisterTimeout(USER_TIMEOUT, squeeze_locks);
	set_lock_timeout(lock_ms);
	enable_timeout_after(squeeze, Max(DeadlockTimeout / 2, 1));
	enable_timeout_after(STATEMENT_TIMEOUT, part->nkeys > 1 ?
						 Max(DeadlockTimeout - 2 * lock_ms, 1) : CF_PART_ALONE_MS);
}

static void
end_time(void)
{
	disable_timeout(STATEMENT_TIMEOUT, false);
	if (squeeze != MAX_TIMEOUTS)
		disable_timeout(squeeze, false);
	/* One that came too late is not of what comes next. */
	QueryCancelPending = false;
}

/* ---- arguments ---- */

static void
take_arguments(const CfPart *part, Arguments *arguments)
{
	const CfWriter *writer = part->writer;
	FmgrInfo   *inputs = palloc(Max(writer->nargs, 1) * sizeof(FmgrInfo));
	Oid		   *ioparams = palloc(Max(writer->nargs, 1) * sizeof(Oid));

	for (int i = 0; i < writer->nargs; i++)
	{
		Oid			function;

		getTypeInputInfo(writer->arg_types[i], &function, &ioparams[i]);
		fmgr_info(function, &inputs[i]);
		arguments->values[i] = palloc(part->nkeys * sizeof(Datum));
	}
	for (int k = 0; k < part->nkeys; k++)
	{
		Datum	   *texts;
		bool	   *nulls;
		int			n;

		deconstruct_array((ArrayType *) part->keys[k]->args, TEXTOID, -1, false, TYPALIGN_INT,
						  &texts, &nulls, &n);
		if (n != writer->nargs)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a write has %d arguments, its writer takes %d", n, writer->nargs)));
		for (int i = 0; i < n; i++)
			arguments->values[i][k] =
				InputFunctionCall(&inputs[i], nulls[i] ? NULL : TextDatumGetCString(texts[i]),
								  ioparams[i], -1);
	}
}

/* ---- keys that are equal, though they print otherwise ---- */

/* Of these two values are equal only if their texts are (a numeric's is trimmed). */
static bool
is_text_exact(Oid type)
{
	switch (type)
	{
		case BOOLOID:
		case BYTEAOID:
		case CHAROID:
		case DATEOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NAMEOID:
		case NUMERICOID:
		case OIDOID:
		case TEXTOID:
		case TIMEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case UUIDOID:
		case VARCHAROID:
			return true;
		default:
			return get_typtype(type) == TYPTYPE_ENUM;
	}
}

typedef struct Hashed
{
	uint64		hash;
	int			key;
} Hashed;

static int
compare_hashed(const void *a, const void *b)
{
	const Hashed *first = a;
	const Hashed *second = b;

	if (first->hash != second->hash)
		return first->hash < second->hash ? -1 : 1;
	return first->key - second->key;
}

static TypeCacheEntry *
type_of(const CfWriter *writer, int i)
{
	return lookup_type_cache(writer->arg_types[i],
							 TYPECACHE_EQ_OPR_FINFO | TYPECACHE_HASH_PROC_FINFO);
}

static uint64
hash_key(const CfWriter *writer, const Arguments *arguments, int k)
{
	uint64		hash = 0;

	for (int i = 0; i < arguments->nargs; i++)
	{
		TypeCacheEntry *type = type_of(writer, i);

		hash = hash_combine64(hash, DatumGetUInt32(FunctionCall1Coll(&type->hash_proc_finfo,
																	 type->typcollation,
																	 arguments->values[i][k])));
	}
	return hash;
}

static bool
are_equal(const CfWriter *writer, const Arguments *arguments, int a, int b)
{
	for (int i = 0; i < arguments->nargs; i++)
	{
		TypeCacheEntry *type = type_of(writer, i);

		if (!DatumGetBool(FunctionCall2Coll(&type->eq_opr_finfo, type->typcollation,
											arguments->values[i][a], arguments->values[i][b])))
			return false;
	}
	return true;
}

static void
join_keys(CfMerger *merger, Arguments *arguments, int into, int other)
{
	arguments->dropped[other] = true;
	if (!cf_merge_two(merger, &arguments->merged[into], &arguments->merged[other]))
		arguments->left[other] = true;
}

static void
join_equal_keys(CfMerger *merger, Arguments *arguments)
{
	const CfWriter *writer = merger->writer;
	int			n = arguments->nkeys;
	Hashed	   *hashed = palloc(n * sizeof(Hashed));

	for (int k = 0; k < n; k++)
	{
		hashed[k].hash = hash_key(writer, arguments, k);
		hashed[k].key = k;
	}
	qsort(hashed, n, sizeof(Hashed), compare_hashed);
	for (int i = 0; i < n; i++)
	{
		for (int j = i + 1; j < n && hashed[j].hash == hashed[i].hash &&
			 !arguments->dropped[hashed[i].key]; j++)
		{
			if (!arguments->dropped[hashed[j].key] &&
				are_equal(writer, arguments, hashed[i].key, hashed[j].key))
				join_keys(merger, arguments, hashed[i].key, hashed[j].key);
		}
	}
}

static void
merge_keys(const CfPart *part, CfMerger *merger, Arguments *arguments)
{
	bool		exact = true;

	for (int k = 0; k < part->nkeys; k++)
	{
		cf_merge_key(merger, part->keys[k], &arguments->own[k]);
		arguments->merged[k] = arguments->own[k];
	}
	for (int i = 0; i < arguments->nargs; i++)
		exact &= is_text_exact(part->writer->arg_types[i]);
	if (!exact)
		join_equal_keys(merger, arguments);
	/* Without arguments there is one key. */
}

/* ---- the statement ---- */

static Datum
make_array(Oid type, Datum *values, bool *nulls, int n)
{
	int			dims[1] = {n};
	int			bounds[1] = {1};
	int16		typlen;
	bool		typbyval;
	char		typalign;

	get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
	return PointerGetDatum(construct_md_array(values, nulls, 1, dims, bounds, type, typlen,
											  typbyval, typalign));
}

/* How many keys the statement gets. */
static int
make_arrays(const CfWriter *writer, const Arguments *arguments, Datum *arrays)
{
	Datum	   *values = palloc(arguments->nkeys * sizeof(Datum));
	bool	   *nulls = palloc0(arguments->nkeys * sizeof(bool));
	int			n = 0;

	for (int i = 0; i < arguments->nargs; i++)
	{
		n = 0;
		for (int k = 0; k < arguments->nkeys; k++)
		{
			if (!arguments->dropped[k])
				values[n++] = arguments->values[i][k];
		}
		arrays[i] = make_array(writer->arg_types[i], values, nulls, n);
	}
	n = 0;
	for (int k = 0; k < arguments->nkeys; k++)
	{
		if (arguments->dropped[k])
			continue;
		values[n] = arguments->merged[k].value;
		nulls[n++] = arguments->merged[k].isnull;
	}
	arrays[writer->nargs] = make_array(writer->value_type, values, nulls, n);
	return n;
}

static void
require_deleted(Relation queue, TupleTableSlot *slot, const ItemPointerData *tid,
				TransactionId xmin)
{
	if (!cf_queue_delete(queue, slot, tid, xmin))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("a write was taken from the queue by somebody else")));
}

/* So that an older write, of a transaction that is still under way, is not applied after it. */
static void
mark_applied(Relation queue, const CfPart *part, const CfWriteKey *key, int64 number)
{
	CfQueueRow	row = {
		.writer = (char *) part->writer->name,
		.args = key->args,
		.created = GetCurrentTimestamp(),
		.number = number,
		.applied = GetTopFullTransactionId(),
	};

	cf_queue_insert(queue, &row);
}

/* What is in memory is this transaction's from here on: its sum does not change any more. */
static void
fly_writes(CfWriteKey *key)
{
	for (int i = 0; i < key->n; i++)
	{
		CfWrite    *write = &key->writes[i];
		int64		value;

		if (write->slot == CF_NOT_IN_MEMORY)
			continue;
		if (!cf_memory_fly(write->slot, &write->hash, &value, &write->count))
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("a write was taken from memory by somebody else")));
		write->value = psprintf(INT64_FORMAT, value);
		/* Memory is lost at a crash: what leaves it is to be on the disk. */
		set_commit(true);
	}
}

/* From the first of them that another part is to apply. */
static void
ground_writes(const CfWriteKey *key, int first)
{
	for (int i = first; i < key->n; i++)
	{
		if (key->writes[i].slot != CF_NOT_IN_MEMORY)
			cf_memory_ground(key->writes[i].slot);
	}
}

static void
delete_writes(Relation queue, const CfPart *part, const Arguments *arguments,
			  CfPartResult *result)
{
	TupleTableSlot *slot = table_slot_create(queue, NULL);

	for (int k = 0; k < part->nkeys; k++)
	{
		CfWriteKey *key = part->keys[k];
		int			n = arguments->left[k] ? 0 : arguments->own[k].n;

		result->is_rest |= n < key->n;
		ground_writes(key, n);
		if (n == 0)
			continue;
		for (int i = 0; i < n; i++)
		{
			if (key->writes[i].slot == CF_NOT_IN_MEMORY)
				require_deleted(queue, slot, &key->writes[i].tid, key->writes[i].xmin);
			result->nwrites += key->writes[i].count;
		}
		if (part->writer->merge != CF_MERGE_LAST)
			continue;
		if (key->was_applied)
			require_deleted(queue, slot, &key->applied_tid, key->applied_xmin);
		if (part->mark)
			mark_applied(queue, part, key, arguments->own[k].number);
	}
	ExecDropSingleTupleTableSlot(slot);
}

static void
check_processed(const CfPart *part, int nkeys, uint64 processed, CfPartResult *result)
{
	if (processed == nkeys)
		return;
	if (part->writer->ignore_missing && processed < nkeys)
	{
		result->nunmatched = nkeys - processed;
		return;
	}
	if (processed < nkeys)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA),
				 errmsg("no such row"),
				 errdetail("The statement has processed %llu rows of %d keys.",
						   (unsigned long long) processed, nkeys)));
	ereport(ERROR,
			(errcode(ERRCODE_CARDINALITY_VIOLATION),
			 errmsg("the statement has processed more than one row of a key")));
}

static bool queue_locked;
static Oid	expected_file = InvalidOid;

void
cf_part_expect(Relation queue)
{
	expected_file = queue->rd_rel->relfilenode;
}

/* VACUUM FULL keeps what rows say, and moves them. */
static void
require_same_file(Relation queue)
{
	if (queue->rd_rel->relfilenode == expected_file)
		return;
	queue_locked = true;
	ereport(ERROR,
			(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
			 errmsg("the queue of writes was written anew")));
}

static Relation
open_queue(void)
{
	bool		locked;
	Relation	queue = cf_queue_try_open(RowExclusiveLock, &locked);

	queue_locked = locked;
	if (queue == NULL)
		ereport(ERROR,
				(errcode(locked ? ERRCODE_LOCK_NOT_AVAILABLE : ERRCODE_UNDEFINED_TABLE),
				 errmsg("the queue of writes is locked or not there")));
	return queue;
}

static void
begin_arguments(const CfPart *part, Arguments *arguments)
{
	int			n = part->nkeys;

	arguments->nkeys = n;
	arguments->nargs = part->writer->nargs;
	arguments->values = palloc0(Max(part->writer->nargs, 1) * sizeof(Datum *));
	arguments->own = palloc0(n * sizeof(CfMerged));
	arguments->merged = palloc0(n * sizeof(CfMerged));
	arguments->dropped = palloc0(n * sizeof(bool));
	arguments->left = palloc0(n * sizeof(bool));
}

static void
apply(const CfPart *part, CfPartResult *result)
{
	Relation	queue = open_queue();
	Arguments	arguments;
	CfMerger	merger;
	Datum	   *arrays = palloc((part->writer->nargs + 1) * sizeof(Datum));
	int			nkeys;

	require_same_file(queue);
	begin_arguments(part, &arguments);
	for (int k = 0; k < part->nkeys; k++)
		fly_writes(part->keys[k]);
	take_arguments(part, &arguments);
	cf_merge_begin(&merger, part->writer);
	merge_keys(part, &merger, &arguments);
	CF_HOLD_POINT("behind-before-delete");
	delete_writes(queue, part, &arguments, result);
	CommandCounterIncrement();
	CF_HOLD_POINT("behind-before-apply");
	nkeys = make_arrays(part->writer, &arguments, arrays);
	check_processed(part, nkeys, cf_statement_run(part->writer, arrays), result);
	table_close(queue, NoLock);
	CF_HOLD_POINT("behind-before-commit");
}

/* ---- errors ---- */

static CfPartStatus
judge(int sqlstate)
{
	switch (sqlstate)
	{
		case ERRCODE_LOCK_NOT_AVAILABLE:
		case ERRCODE_T_R_DEADLOCK_DETECTED:
		case ERRCODE_T_R_SERIALIZATION_FAILURE:
		case ERRCODE_QUERY_CANCELED:
			return CF_PART_BUSY;
		case ERRCODE_NO_DATA:
		case ERRCODE_CARDINALITY_VIOLATION:
		case ERRCODE_RAISE_EXCEPTION:
			return CF_PART_POISON;
		default:
			break;
	}
	if (ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_DATA_EXCEPTION ||
		ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION)
		return CF_PART_POISON;
	return CF_PART_BROKEN;
}

void
cf_part_apply(const CfPart *part, CfPartResult *result)
{
	MemoryContext context = CurrentMemoryContext;

	MemSet(result, 0, sizeof(*result));
	queue_locked = false;
	CF_HOLD_POINT("behind-before-part");
	PG_TRY();
	{
		StartTransactionCommand();
		begin_time(part);
		PushActiveSnapshot(GetTransactionSnapshot());
		apply(part, result);
		PopActiveSnapshot();
		end_time();
		CommitTransactionCommand();
		MemoryContextSwitchTo(context);
		result->status = CF_PART_APPLIED;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		end_time();
		AbortCurrentTransaction();
		MemoryContextSwitchTo(context);
		MemSet(result, 0, sizeof(*result));
		result->status = queue_locked ? CF_PART_LATER : judge(error->sqlerrcode);
		strlcpy(result->sqlstate, unpack_sql_state(error->sqlerrcode), sizeof(result->sqlstate));
		result->message = pstrdup(error->message);
		FreeErrorData(error);
	}
	PG_END_TRY();
	set_lock_timeout(CF_PART_LOCK_MS);
	set_commit(false);
	CF_HOLD_POINT("behind-after-commit");
}

/* ---- what is not applied ---- */

typedef struct Burial
{
	const CfWriter *writer;
	CfWriteKey *key;
	char	   *value;
	int			n;
} Burial;

static void
merge_dead(void *arg)
{
	Burial	   *burial = arg;
	CfMerger	merger;
	CfMerged	merged;

	cf_merge_begin(&merger, burial->writer);
	cf_merge_key(&merger, burial->key, &merged);
	burial->value = cf_merge_print(&merger, &merged);
	burial->n = merged.n;
}

/* One row of what all writes come to; where they come to nothing, a row of each. */
static void
bury(Relation dead, Burial *burial, const CfPartResult *reason)
{
	CfDeadRow	row = {
		.writer = (char *) burial->writer->name,
		.args = burial->key->args,
		.sqlstate = reason->sqlstate,
		.error = reason->message,
	};
	ErrorData  *error = cf_subxact_try(merge_dead, burial);

	if (error == NULL)
	{
		row.value = burial->value;
		cf_dead_insert(dead, &row);
	}
	else
		burial->n = 0;
	for (int i = burial->n; i < burial->key->n; i++)
	{
		row.value = burial->key->writes[i].value;
		cf_dead_insert(dead, &row);
	}
}

void
cf_part_bury(const CfWriter *writer, CfWriteKey *key, const CfPartResult *reason)
{
	MemoryContext context = CurrentMemoryContext;
	Burial		burial = {.writer = writer, .key = key};
	Relation	queue;
	Relation	dead;
	TupleTableSlot *slot;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	queue = open_queue();
	require_same_file(queue);
	dead = cf_dead_open(RowExclusiveLock);
	if (dead == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"cache_dead_writes\" is not there")));
	fly_writes(key);
	bury(dead, &burial, reason);
	slot = table_slot_create(queue, NULL);
	for (int i = 0; i < key->n; i++)
	{
		if (key->writes[i].slot == CF_NOT_IN_MEMORY)
			require_deleted(queue, slot, &key->writes[i].tid, key->writes[i].xmin);
	}
	ExecDropSingleTupleTableSlot(slot);
	table_close(dead, NoLock);
	table_close(queue, NoLock);
	PopActiveSnapshot();
	CommitTransactionCommand();
	set_commit(false);
	MemoryContextSwitchTo(context);
}

/* So the next start finds it, or the next worker. */
void
cf_part_save_memory(void)
{
	MemoryContext context = CurrentMemoryContext;
	CfMemoryItem *items;
	int			n;
	Relation	queue;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	n = cf_memory_list(NULL, &items);
	queue = n == 0 ? NULL : open_queue();
	for (int i = 0; i < n; i++)
	{
		int64		value;
		int64		writes;
		CfQueueRow	row = {
			.writer = items[i].writer,
			.args = items[i].args,
			.created = items[i].since,
			.applied = InvalidFullTransactionId,
		};

		set_commit(true);
		if (!cf_memory_fly(items[i].slot, &items[i].hash, &value, &writes))
			continue;
		row.value = psprintf(INT64_FORMAT, value);
		cf_queue_insert(queue, &row);
	}
	if (queue != NULL)
		table_close(queue, NoLock);
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
}

void
cf_part_delete(const CfWrite *rows, int n)
{
	MemoryContext context = CurrentMemoryContext;
	Relation	queue;
	TupleTableSlot *slot;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	queue = open_queue();
	require_same_file(queue);
	slot = table_slot_create(queue, NULL);
	for (int i = 0; i < n; i++)
		require_deleted(queue, slot, &rows[i].tid, rows[i].xmin);
	ExecDropSingleTupleTableSlot(slot);
	table_close(queue, NoLock);
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
}
