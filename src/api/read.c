/*
 * read.c - cache_fetch, cache_fetch_row, cache_fetch_rows; cache_read and its family.
 *
 * src/api/read.c
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

#include "api/args.h"
#include "api/named.h"
#include "base/shmem.h"
#include "base/subxact.h"
#include "codec/rowcodec.h"
#include "engine/fetch.h"

PG_FUNCTION_INFO_V1(cachefront_fetch);
PG_FUNCTION_INFO_V1(cachefront_fetch_row);
PG_FUNCTION_INFO_V1(cachefront_fetch_rows);
PG_FUNCTION_INFO_V1(cachefront_read);
PG_FUNCTION_INFO_V1(cachefront_read_row);
PG_FUNCTION_INFO_V1(cachefront_read_rows);

/* Of cache_fetch. The level, or 0, is for end_call. */
static int
begin_fetch(FunctionCallInfo fcinfo, CfRequest *request)
{
	cf_arg_request(fcinfo, request);
	request->ttl = cf_arg_ttl(fcinfo, 3);
	request->tags = cf_arg_tags(fcinfo, 4);
	return 0;
}

/* begin_fetch, or cf_named_begin. */
typedef int (*BeginCall) (FunctionCallInfo fcinfo, CfRequest *request);

static void
end_call(int level)
{
	if (level != 0)
		cf_named_end(level);
}

static struct varlena *
fetch_json_once(FunctionCallInfo fcinfo, BeginCall begin, CfL1Part part, bool *reshaped)
{
	CfRequest	request;
	int			level = begin(fcinfo, &request);
	struct varlena *value;

	request.part = part;
	request.reshaped = reshaped;
	value = likely(cf_shmem_ready_or_warn()) ?
		cf_fetch(&request) : cf_fetch_without_cache(&request);
	end_call(level);
	return value;
}

/* Begins again, once, if a definition has changed between the key and the load. */
static struct varlena *
fetch_json(FunctionCallInfo fcinfo, BeginCall begin, CfL1Part part)
{
	bool		reshaped = false;
	struct varlena *value = fetch_json_once(fcinfo, begin, part, &reshaped);

	if (unlikely(reshaped))
		value = fetch_json_once(fcinfo, begin, part, &reshaped);
	return value;
}

Datum
cachefront_fetch(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(fetch_json(fcinfo, begin_fetch, CF_L1_PART_ALL));
}

Datum
cachefront_read(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(fetch_json(fcinfo, cf_named_begin, CF_L1_PART_ALL));
}

static Datum
fetch_row(FunctionCallInfo fcinfo, BeginCall begin)
{
	struct varlena *row = fetch_json(fcinfo, begin, CF_L1_PART_FIRST);

	if (row == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(row);
}

Datum
cachefront_fetch_row(PG_FUNCTION_ARGS)
{
	return fetch_row(fcinfo, begin_fetch);
}

Datum
cachefront_read_row(PG_FUNCTION_ARGS)
{
	return fetch_row(fcinfo, cf_named_begin);
}

/* As a SQL function that returns record would say it. */
static void
require_column_list(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("set-valued function called in context that cannot accept a set")));
	if (!(rsinfo->allowedModes & SFRM_Materialize))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("materialize mode required, but it is not allowed in this context")));
	if (rsinfo->expectedDesc == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("function returning record called in context that cannot accept type record"),
				 errhint("Call it in FROM with a column definition list: %s(...) AS t(id int, name text).",
						 get_func_name(fcinfo->flinfo->fn_oid))));
}

/* Types whose values can be shown but not read back. */
static void
require_readable_types(TupleDesc desc)
{
	for (int i = 0; i < desc->natts; i++)
	{
		Oid			type = TupleDescAttr(desc, i)->atttypid;

		if (get_typtype(type) == TYPTYPE_PSEUDO || type == PG_NODE_TREEOID ||
			type == PG_NDISTINCTOID || type == PG_DEPENDENCIESOID ||
			type == PG_MCV_LISTOID)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("cannot cache a column of type %s", format_type_be(type)),
					 errdetail("Values of column \"%s\" cannot be read back.",
							   NameStr(TupleDescAttr(desc, i)->attname)),
					 errhint("Cast it to text in the query, and say text in the column definition list.")));
	}
}

typedef struct Decode
{
	struct varlena *rows;
	ReturnSetInfo *rsinfo;
	bool		valid;
} Decode;

static void
decode(void *arg)
{
	Decode	   *call = arg;

	call->valid = cf_rows_decode(VARDATA(call->rows), VARSIZE(call->rows) - VARHDRSZ,
								 call->rsinfo->setDesc, call->rsinfo->setResult);
}

/* False: the cached rows are of no use, and the store holds anything. */
static bool
decode_rows(ReturnSetInfo *rsinfo, struct varlena *rows, CfRowTrust trust)
{
	Decode		call = {rows, rsinfo, false};
	ErrorData  *error;

	if (trust == CF_ROWS_SAFE || RecoveryInProgress() || IsInParallelMode())
	{
		decode(&call);
		return call.valid;
	}
	error = cf_subxact_try(decode, &call);
	if (error == NULL)
		return call.valid;
	if (cf_subxact_ends_all(error->sqlerrcode))
		ReThrowError(error);
	FreeErrorData(error);
	return false;
}

/*
 * A load puts its rows into the store itself, so only those that were cached
 * are decoded. Where that fails, though the query would not, it is a miss. In
 * recovery and in parallel mode there is no subtransaction that an error could
 * be caught in: what may fail there is not cached.
 */
static void
fetch_rows(CfRequest *request, ReturnSetInfo *rsinfo)
{
	CfRowTrust	trust = cf_rows_trust(rsinfo->setDesc);
	struct varlena *rows;

	if (unlikely(!cf_shmem_ready_or_warn()))
	{
		(void) cf_fetch_without_cache(request);
		return;
	}
	if (trust == CF_ROWS_UNSAFE && (RecoveryInProgress() || IsInParallelMode()))
	{
		(void) cf_fetch_uncached(request);
		return;
	}
	rows = cf_fetch(request);
	if (request->rows_sink->filled)
		return;
	tuplestore_clear(rsinfo->setResult);
	if (!decode_rows(rsinfo, rows, trust))
		(void) cf_fetch_uncached(request);
}

static void
fetch_typed_once(FunctionCallInfo fcinfo, BeginCall begin, bool *reshaped)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CfRequest	request;
	CfRowsSink	sink = {rsinfo->setResult, false};
	int			level = begin(fcinfo, &request);

	request.form = CF_FORM_ROWS;
	request.rows_desc = rsinfo->setDesc;
	request.rows_sink = &sink;
	request.reshaped = reshaped;
	fetch_rows(&request, rsinfo);
	end_call(level);
}

static void
fetch_typed(FunctionCallInfo fcinfo, BeginCall begin)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	bool		reshaped = false;
	MemoryContext old;

	require_column_list(fcinfo);
	require_readable_types(rsinfo->expectedDesc);

	old = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	rsinfo->returnMode = SFRM_Materialize;
	rsinfo->setDesc = CreateTupleDescCopy(rsinfo->expectedDesc);
	rsinfo->setResult =
		tuplestore_begin_heap((rsinfo->allowedModes & SFRM_Materialize_Random) != 0,
							  false, work_mem);
	MemoryContextSwitchTo(old);

	fetch_typed_once(fcinfo, begin, &reshaped);
	if (unlikely(reshaped))
		fetch_typed_once(fcinfo, begin, &reshaped);
}

Datum
cachefront_fetch_rows(PG_FUNCTION_ARGS)
{
	fetch_typed(fcinfo, begin_fetch);
	return (Datum) 0;
}

Datum
cachefront_read_rows(PG_FUNCTION_ARGS)
{
	fetch_typed(fcinfo, cf_named_begin);
	return (Datum) 0;
}
