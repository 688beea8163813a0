/*
 * define.c - cache_define_writer, cache_drop_writer, and the triggers on cache_writers.
 *
 * What is in the queue means what its writer says: so a writer with something buffered is neither
 * changed nor dropped. Those who add hold a lock on the queue to the end of their
 * transactions, and look at the writer after they have got it.
 *
 * src/behind/define.c
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/shmem.h"
#include "behind/memory.h"
#include "behind/queue.h"
#include "behind/shared.h"
#include "behind/statement.h"
#include "behind/writer.h"
#include "rules/define.h"
#include "rules/owntable.h"

PG_FUNCTION_INFO_V1(cachefront_define_writer);
PG_FUNCTION_INFO_V1(cachefront_drop_writer);
PG_FUNCTION_INFO_V1(cachefront_writers_changed);

#define CF_WRITER_MAX_ARGS 32
#define CF_LOCK_TRIES 100
#define CF_LOCK_TRY_US 20000

/* The arguments of cache_define_writer. */
enum
{
	ARG_NAME,
	ARG_WRITE,
	ARG_ARG_TYPES,
	ARG_VALUE_TYPE,
	ARG_MERGE,
	ARG_FLUSH_INTERVAL,
	ARG_FLUSH_ROWS,
	ARG_BUFFER,
	ARG_MISSING,
	ARG_SECURITY,
	ARG_WRITERS,
	ARG_DISCARD
};

static char *
take_name(FunctionCallInfo fcinfo)
{
	char	   *name;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("writer name must not be null")));
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	if (name[0] == '\0' || strlen(name) >= CF_MAX_CACHE_NAME ||
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./") != strlen(name))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid writer name \"%s\"", name),
				 errdetail("A name has 1 to %d letters, digits and characters of \"_-./\".",
						   CF_MAX_CACHE_NAME - 1)));
	return name;
}

static void
require_value(FunctionCallInfo fcinfo, int arg, const char *what)
{
	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s of a writer must not be null", what)));
}

/* One of some words. */
static void
check_word(FunctionCallInfo fcinfo, int arg, const char *what, const char *const *words,
		   const char *hint)
{
	char	   *word;

	if (PG_ARGISNULL(arg))
		return;
	word = text_to_cstring(PG_GETARG_TEXT_PP(arg));
	for (; *words != NULL; words++)
	{
		if (strcmp(word, *words) == 0)
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid %s \"%s\"", what, word),
			 errhint("%s", hint)));
}

static void
check_words(FunctionCallInfo fcinfo)
{
	static const char *const merges[] = {"sum", "last", "max", "min", NULL};
	static const char *const buffers[] = {"table", "memory", NULL};
	static const char *const missings[] = {"dead", "ignore", NULL};
	static const char *const securities[] = {"definer", NULL};

	check_word(fcinfo, ARG_MERGE, "merge", merges, "It is 'sum', 'last', 'max' or 'min'.");
	check_word(fcinfo, ARG_BUFFER, "buffer", buffers, "It is 'table' or 'memory'.");
	check_word(fcinfo, ARG_MISSING, "missing", missings, "It is 'dead' or 'ignore'.");
	check_word(fcinfo, ARG_SECURITY, "security", securities, "It is 'definer' or null.");
}

static void
check_numbers(FunctionCallInfo fcinfo)
{
	const Interval *interval = PG_GETARG_INTERVAL_P(ARG_FLUSH_INTERVAL);
	int			rows = PG_GETARG_INT32(ARG_FLUSH_ROWS);

	if (interval->month != 0 || interval->day != 0 || interval->time < 0 ||
		interval->time > INT64CONST(3600) * USECS_PER_SEC)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("flush_interval must be between 0 and 1 hour")));
	if (rows < 1 || rows > 10000)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("flush_rows must be between 1 and 10000")));
}

static void
check_lists(FunctionCallInfo fcinfo)
{
	ArrayType  *types = PG_GETARG_ARRAYTYPE_P(ARG_ARG_TYPES);
	ArrayType  *writers = PG_ARGISNULL(ARG_WRITERS) ? NULL : PG_GETARG_ARRAYTYPE_P(ARG_WRITERS);
	Datum	   *names;
	int			n;

	if (ARR_NDIM(types) > 1 || array_contains_nulls(types))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("arg_types must be a list of types, without null")));
	if (ArrayGetNItems(ARR_NDIM(types), ARR_DIMS(types)) > CF_WRITER_MAX_ARGS)
		ereport(ERROR,
				(errcode(ERRCODE_TOO_MANY_ARGUMENTS),
				 errmsg("a writer has at most %d arguments", CF_WRITER_MAX_ARGS)));
	if (writers == NULL)
		return;
	if (array_contains_nulls(writers))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("writers must not contain null")));
	deconstruct_array(writers, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR, &names, NULL, &n);
	for (int i = 0; i < n; i++)
		(void) get_role_oid(NameStr(*DatumGetName(names[i])), false);
}

/* Whoever is about to add waits, and then finds what we have made of it. */
static void
lock_queue(const char *name, bool discard)
{
	bool		locked = true;
	Relation	queue = NULL;

	for (int tries = 0; tries < CF_LOCK_TRIES && queue == NULL && locked && !discard; tries++)
	{
		CHECK_FOR_INTERRUPTS();
		queue = cf_queue_try_open(ShareRowExclusiveLock, &locked);
		if (queue == NULL && locked)
			pg_usleep(CF_LOCK_TRY_US);
	}
	if (discard)
		queue = cf_queue_open(ShareRowExclusiveLock);
	else if (queue == NULL && locked)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("writer \"%s\" cannot be changed while writes are being taken or applied", name),
				 errhint("Try again, or use discard => true, which waits.")));
	if (queue == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"cache_write_queue\" does not exist"),
				 errhint("Run CREATE EXTENSION cachefront, or ALTER EXTENSION cachefront UPDATE.")));
	if (discard)
	{
		cf_queue_discard(queue, name);
		cf_memory_discard(name);
	}
	else if (cf_queue_has_any(queue, name) || cf_memory_has_any(name))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("writer \"%s\" has writes that are not applied yet", name),
				 errhint("Call cache_flush_writes() before, or use discard => true.")));
	table_close(queue, NoLock);
}

static void
take_values(FunctionCallInfo fcinfo, Datum *values, bool *nulls)
{
	/* By column. */
	static const int columns[] = {ARG_NAME, ARG_WRITE, ARG_ARG_TYPES, ARG_VALUE_TYPE, ARG_MERGE,
		ARG_BUFFER, ARG_FLUSH_INTERVAL, ARG_FLUSH_ROWS, ARG_MISSING, ARG_SECURITY, ARG_WRITERS};

	for (int i = 0; i < lengthof(columns); i++)
	{
		values[i] = PG_GETARG_DATUM(columns[i]);
		nulls[i] = PG_ARGISNULL(columns[i]);
	}
	values[CF_WRITER_SEARCH_PATH - 1] = CStringGetTextDatum(cf_define_search_path());
	nulls[CF_WRITER_SEARCH_PATH - 1] = false;
	nulls[CF_WRITER_OWNER - 1] = true;
}

static void
check_writer(const CfWriter *writer)
{
	cf_statement_check(writer);
	if (writer->in_memory && !cf_memory_can_keep(writer->merge, writer->value_type))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("memory does not buffer values of type %s for this merge",
						format_type_be(writer->value_type)),
				 errdetail("It buffers sums of bigint, and max and min of smallint, integer and bigint."),
				 errhint("Use buffer => 'table', or another value_type.")));
}

Datum
cachefront_define_writer(PG_FUNCTION_ARGS)
{
	Datum		values[CF_WRITER_COLUMNS];
	bool		nulls[CF_WRITER_COLUMNS];
	char	   *name;
	const CfWriter *old;
	bool		is_new;

	cf_shmem_require();
	name = take_name(fcinfo);
	require_value(fcinfo, ARG_WRITE, "the statement");
	require_value(fcinfo, ARG_ARG_TYPES, "arg_types");
	require_value(fcinfo, ARG_VALUE_TYPE, "value_type");
	require_value(fcinfo, ARG_MERGE, "merge");
	require_value(fcinfo, ARG_FLUSH_INTERVAL, "flush_interval");
	require_value(fcinfo, ARG_FLUSH_ROWS, "flush_rows");
	require_value(fcinfo, ARG_BUFFER, "buffer");
	require_value(fcinfo, ARG_MISSING, "missing");
	check_words(fcinfo);
	check_numbers(fcinfo);
	check_lists(fcinfo);
	AcceptInvalidationMessages();
	old = cf_writer_find(name);
	if (old != NULL)
		cf_writer_require_owner(old);
	is_new = old == NULL;
	take_values(fcinfo, values, nulls);
	check_writer(cf_writer_read(values, nulls));
	if (!is_new)
		lock_queue(name, !PG_ARGISNULL(ARG_DISCARD) && PG_GETARG_BOOL(ARG_DISCARD));
	cf_writer_store(name, values, nulls);
	cf_behind_forget_state(name);
	PG_RETURN_VOID();
}

/* Rows without a writer are the business of the database's owner. */
static void
require_owner(const char *name)
{
	const CfWriter *writer = cf_writer_find(name);
	CfWriter	nobody = {0};

	strlcpy(nobody.name, name, sizeof(nobody.name));
	cf_writer_require_owner(writer != NULL ? writer : &nobody);
}

Datum
cachefront_drop_writer(PG_FUNCTION_ARGS)
{
	char	   *name;
	bool		found;

	cf_shmem_require();
	name = take_name(fcinfo);
	AcceptInvalidationMessages();
	require_owner(name);
	lock_queue(name, !PG_ARGISNULL(1) && PG_GETARG_BOOL(1));
	/* Once nobody adds any more. */
	found = cf_writer_delete(name);
	cf_behind_forget_state(name);
	/* At the end the worker looks what is left. */
	cf_behind_added(0, 0);
	PG_RETURN_BOOL(found);
}

/* A row whose owner is not of whoever writes it belongs to nobody. */
static Datum
check_row(TriggerData *trigger)
{
	HeapTuple	row = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ?
		trigger->tg_newtuple : trigger->tg_trigtuple;
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	bool		isnull;
	Datum		value = heap_getattr(row, CF_WRITER_OWNER, desc, &isnull);
	int			column = CF_WRITER_OWNER;
	Datum		none = (Datum) 0;
	bool		null = true;
	Oid			owner = isnull ? InvalidOid : get_role_oid(NameStr(*DatumGetName(value)), true);

	if (isnull || superuser() ||
		(OidIsValid(owner) && CF_CAN_BE_ROLE(GetUserId(), owner)))
		return PointerGetDatum(row);
	return PointerGetDatum(heap_modify_tuple_by_cols(row, desc, 1, &column, &none, &null));
}

Datum
cachefront_writers_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (CALLED_AS_TRIGGER(fcinfo) && TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
		return check_row(trigger);
	return cf_own_table_changed(fcinfo, "cache_writers_changed");
}
