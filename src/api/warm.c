/*
 * warm.c - cache_warm: reads a cache for each row of a query, so that others find it.
 *
 * Each read is in a subtransaction: what one of them raises is counted, and does not
 * end the others. (Not on a standby, where that could end the session: see base/subxact.h.)
 * All of them are of the caller's rights and of one transaction.
 *
 * Locking: none.
 *
 * src/api/warm.c
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "api/named.h"
#include "base/shmem.h"
#include "base/subxact.h"
#include "engine/fetch.h"
#include "warm/progress.h"

PG_FUNCTION_INFO_V1(cachefront_warm);

#define CF_WARM_ROWS 100		/* that are taken from the query at once */

typedef struct Warming
{
	const char *name;
	CfNamedArgs args;			/* of the row at hand */
	int64		done;
	int64		errors;
	bool		told;			/* for whom it is warm */
	char	   *first_error;	/* in the memory of the call */
	MemoryContext context;
	CfWarmingRun progress;		/* what cache_warming shows of it */
} Warming;

static void
tell_for_whom(Warming *warming, const CfRequest *request)
{
	if (warming->told || request->def.scope == CF_SCOPE_SHARED)
		return;
	warming->told = true;
	ereport(WARNING,
			(errmsg("cache \"%s\" is warmed for role \"%s\" only", warming->name,
					GetUserNameFromId(GetUserId(), false)),
			 errhint("Others find it if its scope is 'shared': cache_alter(name, scope => 'shared').")));
}

static void
read_once(Warming *warming, bool *reshaped)
{
	CfRequest	request;
	int			level = cf_named_begin_with(warming->name, &warming->args, &request);

	request.reshaped = reshaped;
	(void) cf_fetch(&request);
	cf_named_end(level);
	tell_for_whom(warming, &request);
}

static void
read_one(void *arg)
{
	Warming    *warming = arg;
	bool		reshaped = false;

	read_once(warming, &reshaped);
	if (unlikely(reshaped))
		read_once(warming, &reshaped);
}

static void
note_done(Warming *warming)
{
	warming->done++;
	cf_progress_add(&warming->progress, 1, 0);
}

static void
warm_one(Warming *warming)
{
	ErrorData  *error;

	CHECK_FOR_INTERRUPTS();
	if (unlikely(RecoveryInProgress()))
	{
		/* A conflict with recovery ends what is in no subtransaction, and not the session. */
		read_one(warming);
		note_done(warming);
		return;
	}
	error = cf_subxact_try(read_one, warming);
	if (error == NULL)
	{
		note_done(warming);
		return;
	}
	if (cf_subxact_ends_all(error->sqlerrcode))
		ReThrowError(error);
	if (warming->errors++ == 0)
		warming->first_error = MemoryContextStrdup(warming->context, error->message);
	cf_progress_add(&warming->progress, 0, 1);
	FreeErrorData(error);
}

static void
take_types(Warming *warming, TupleDesc desc)
{
	CfNamedArgs *args = &warming->args;

	args->n = desc->natts;
	args->types = palloc(args->n * sizeof(Oid));
	args->values = palloc(args->n * sizeof(Datum));
	args->nulls = palloc(args->n * sizeof(bool));
	for (int i = 0; i < args->n; i++)
		args->types[i] = SPI_gettypeid(desc, i + 1);
}

static void
warm_row(Warming *warming, HeapTuple row, TupleDesc desc)
{
	for (int i = 0; i < warming->args.n; i++)
		warming->args.values[i] = SPI_getbinval(row, desc, i + 1, &warming->args.nulls[i]);
	warm_one(warming);
}

/* One context for what a read leaves, emptied after each. */
static void
warm_rows(Warming *warming, SPITupleTable *rows, uint64 n)
{
	MemoryContext per_row = AllocSetContextCreate(CurrentMemoryContext, "cachefront warming",
												  ALLOCSET_DEFAULT_SIZES);

	for (uint64 i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(per_row);

		warm_row(warming, rows->vals[i], rows->tupdesc);
		MemoryContextSwitchTo(old);
		MemoryContextReset(per_row);
	}
	MemoryContextDelete(per_row);
}

static void
warm_by_query(Warming *warming, const char *query)
{
	SPIPlanPtr	plan;
	Portal		portal;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	plan = SPI_prepare(query, 0, NULL);
	if (plan == NULL || !SPI_is_cursor_plan(plan))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("what a cache is warmed for must be one query that returns rows"),
				 errhint("Each row has the arguments of one cache_read.")));
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, false);
	take_types(warming, portal->tupDesc);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, CF_WARM_ROWS);
		if (SPI_processed == 0)
			break;
		warm_rows(warming, SPI_tuptable, SPI_processed);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	SPI_finish();
}

Datum
cachefront_warm(PG_FUNCTION_ARGS)
{
	Warming		warming = {.context = CurrentMemoryContext};
	CfLoaderDefinition loader;
	Datum		values[2];
	bool		nulls[2] = {false, false};
	TupleDesc	desc;

	cf_shmem_require();
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("cache name must not be null")));
	warming.name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	cf_named_require(warming.name, &loader);
	warming.progress = cf_progress_begin(CF_WARMING_BY_CALL, MyDatabaseId, warming.name,
										 PG_ARGISNULL(1) ? 1 : CF_WARMING_UNKNOWN);
	PG_TRY();
	{
		if (PG_ARGISNULL(1))
			warm_one(&warming);
		else
			warm_by_query(&warming, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	}
	PG_FINALLY();
	{
		cf_progress_end(&warming.progress);
	}
	PG_END_TRY();
	if (warming.errors > 0)
		ereport(WARNING,
				(errmsg_plural("%lld read of cache \"%s\" failed", "%lld reads of cache \"%s\" failed",
							   (unsigned long) warming.errors, (long long) warming.errors,
							   warming.name),
				 errdetail("The first one: %s.", warming.first_error)));
	values[0] = Int64GetDatum(warming.done);
	values[1] = Int64GetDatum(warming.errors);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
