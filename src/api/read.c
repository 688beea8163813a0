/*
 * read.c - cache_fetch, cache_fetch_row, cache_fetch_rows.
 *
 * src/api/read.c
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

#include "api/args.h"
#include "codec/rowcodec.h"
#include "engine/fetch.h"
#include "shmem.h"

PG_FUNCTION_INFO_V1(cachefront_fetch);
PG_FUNCTION_INFO_V1(cachefront_fetch_row);
PG_FUNCTION_INFO_V1(cachefront_fetch_rows);

static struct varlena *
fetch(FunctionCallInfo fcinfo, CfForm form, CfL1Part part, TupleDesc rows_desc)
{
	CfRequest	request;

	cf_arg_request(fcinfo, &request);
	request.ttl = cf_arg_ttl(fcinfo, 3);
	request.tags = cf_arg_tags(fcinfo, 4);
	request.form = form;
	request.part = part;
	request.rows_desc = rows_desc;
	if (unlikely(!cf_shmem_ready_or_warn()))
		return cf_fetch_without_cache(&request);
	return cf_fetch(&request);
}

Datum
cachefront_fetch(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(fetch(fcinfo, CF_FORM_JSON, CF_L1_PART_ALL, NULL));
}

Datum
cachefront_fetch_row(PG_FUNCTION_ARGS)
{
	struct varlena *row = fetch(fcinfo, CF_FORM_JSON, CF_L1_PART_FIRST, NULL);

	if (row == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(row);
}

/* As a SQL function that returns record would say it. */
static void
require_column_list(ReturnSetInfo *rsinfo)
{
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
				 errhint("Call it in FROM with a column definition list: cache_fetch_rows(...) AS t(id int, name text).")));
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
					 errmsg("cannot cache a column of type %s", format_type_be(type))));
	}
}

Datum
cachefront_fetch_rows(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old;
	struct varlena *rows;

	require_column_list(rsinfo);
	require_readable_types(rsinfo->expectedDesc);

	old = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	rsinfo->returnMode = SFRM_Materialize;
	rsinfo->setDesc = CreateTupleDescCopy(rsinfo->expectedDesc);
	rsinfo->setResult =
		tuplestore_begin_heap((rsinfo->allowedModes & SFRM_Materialize_Random) != 0,
							  false, work_mem);
	MemoryContextSwitchTo(old);

	rows = fetch(fcinfo, CF_FORM_ROWS, CF_L1_PART_ALL, rsinfo->setDesc);
	if (!cf_rows_decode(VARDATA(rows), VARSIZE(rows) - VARHDRSZ, rsinfo->setDesc,
						rsinfo->setResult))
		elog(ERROR, "cached rows are not of the types that they were stored with");
	return (Datum) 0;
}
