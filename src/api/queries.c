/*
 * queries.c - cache_query, cache_query_drop, and the view of what they have marked.
 *
 * src/api/queries.c
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/args.h"
#include "base/shmem.h"
#include "report/report.h"
#include "request/identity.h"
#include "request/params.h"
#include "rules/define.h"
#include "rules/owntable.h"
#include "statement/examine.h"
#include "statement/mark.h"
#include "statement/shape.h"

PG_FUNCTION_INFO_V1(cachefront_query);
PG_FUNCTION_INFO_V1(cachefront_query_drop);
PG_FUNCTION_INFO_V1(cachefront_query_marks_changed);
PG_FUNCTION_INFO_V1(cachefront_queries);
PG_FUNCTION_INFO_V1(cachefront_explain_query);

/* The arguments of cache_query. */
enum
{
	ARG_QUERY,
	ARG_NAME,
	ARG_TTL,
	ARG_MAX_STALE,
	ARG_TAGS
};

/* Of a query without a name: the same each time that it is marked, on every server. */
static char *
name_of(const char *query)
{
	return psprintf(CF_STATEMENT_CACHE ":%08x",
					hash_bytes((const unsigned char *) query, strlen(query)));
}

static char *
take_query(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(ARG_QUERY))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("query to cache must not be null")));
	return text_to_cstring(PG_GETARG_TEXT_PP(ARG_QUERY));
}

/* May it be served, and would statements be found to be like it? */
static void
check_query(const char *name, const char *text, const char *search_path)
{
	CfArgs		none = {0};
	CfExamined	examined;
	const CfMark *other;
	Oid			relid;

	cf_examine(text, &none, &examined);
	if (examined.verdict != CF_ELIGIBLE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("this query cannot be served from the cache"),
				 errdetail("It is not eligible: %s.", cf_eligible_reason(examined.verdict)),
				 errhint("SELECT * FROM cache_explain(query) shows what it reads and calls.")));
	if (!cf_mark_is_found(text, search_path, examined.query))
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_ALIAS),
				 errmsg("this query cannot be marked"),
				 errdetail("A name of it means a table that it does not read."),
				 errhint("Give what WITH names another name than a table has.")));
	other = cf_mark_find(examined.query, cf_shape_number(examined.query, &relid));
	if (other != NULL && strcmp(other->name, name) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("statements like this one are marked already, as \"%s\"", other->name),
				 errhint("Give it that name to replace it, or drop it with cache_query_drop.")));
}

static void
put_argument(FunctionCallInfo fcinfo, int i, int column, Datum *values, bool *nulls)
{
	values[column - 1] = PG_GETARG_DATUM(i);
	nulls[column - 1] = PG_ARGISNULL(i);
}

Datum
cachefront_query(PG_FUNCTION_ARGS)
{
	Datum		values[CF_MARK_COLUMNS] = {0};
	bool		nulls[CF_MARK_COLUMNS] = {false};
	char	   *query;
	char	   *name;
	char	   *search_path;

	cf_shmem_require();
	query = take_query(fcinfo);
	name = PG_ARGISNULL(ARG_NAME) ? name_of(query) : cf_arg_cache_name(fcinfo, ARG_NAME);
	(void) cf_arg_ttl(fcinfo, ARG_TTL);
	if (!PG_ARGISNULL(ARG_MAX_STALE))
		(void) cf_ttl_check(PG_GETARG_INTERVAL_P(ARG_MAX_STALE), "max_stale", true);
	(void) cf_arg_tags(fcinfo, ARG_TAGS);
	search_path = cf_define_search_path();
	check_query(name, query, search_path);
	values[CF_MARK_NAME - 1] = CStringGetTextDatum(name);
	values[CF_MARK_QUERY - 1] = CStringGetTextDatum(query);
	values[CF_MARK_SEARCH_PATH - 1] = CStringGetTextDatum(search_path);
	put_argument(fcinfo, ARG_TTL, CF_MARK_TTL, values, nulls);
	put_argument(fcinfo, ARG_MAX_STALE, CF_MARK_MAX_STALE, values, nulls);
	put_argument(fcinfo, ARG_TAGS, CF_MARK_TAGS, values, nulls);
	cf_mark_store(name, values, nulls);
	PG_RETURN_TEXT_P(cstring_to_text(name));
}

Datum
cachefront_query_drop(PG_FUNCTION_ARGS)
{
	cf_shmem_require();
	PG_RETURN_BOOL(cf_mark_delete(cf_arg_cache_name(fcinfo, 0)));
}

/* Statement trigger on cache_query_marks, for changes by hand and for pg_restore. */
Datum
cachefront_query_marks_changed(PG_FUNCTION_ARGS)
{
	return cf_own_table_changed(fcinfo, "cache_query_marks_changed");
}

static void
put_text(Datum *values, bool *nulls, int i, const char *text)
{
	nulls[i] = text == NULL;
	values[i] = text != NULL ? CStringGetTextDatum(text) : (Datum) 0;
}

Datum
cachefront_queries(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *cell;

	cf_shmem_require();
	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, cf_mark_list())
	{
		const CfMark *mark = lfirst(cell);
		Datum		values[9];
		bool		nulls[9] = {false};
		Interval	ttl = {.time = mark->ttl};
		Interval	max_stale = {.time = mark->max_stale};

		put_text(values, nulls, 0, mark->name);
		put_text(values, nulls, 1, mark->query);
		put_text(values, nulls, 2, mark->cache);
		nulls[3] = mark->ttl == 0;
		values[3] = IntervalPGetDatum(&ttl);
		nulls[4] = !mark->max_stale_defined;
		values[4] = IntervalPGetDatum(&max_stale);
		nulls[5] = mark->tags == NIL;
		values[5] = PointerGetDatum(cf_mark_tags(mark->tags));
		put_text(values, nulls, 6, mark->search_path);
		nulls[7] = mark->owner == NULL;
		if (mark->owner != NULL)
			values[7] = DirectFunctionCall1(namein, CStringGetDatum(mark->owner));
		put_text(values, nulls, 8, cf_mark_problem(mark));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

Datum
cachefront_explain_query(PG_FUNCTION_ARGS)
{
	CfRequest	request = {0};
	CfHash128	hash;
	CfExamined	examined;

	cf_shmem_require();
	request.query = cstring_to_text(take_query(fcinfo));
	cf_arg_params(fcinfo, 1, &request.args);
	if (request.args.n > 0)
	{
		hash = cf_identity_of_query(request.query);
		cf_params_resolve(&request, &hash);
	}
	cf_examine(text_to_cstring(request.query), &request.args, &examined);
	InitMaterializedSRF(fcinfo, 0);
	cf_report_explain_statement((ReturnSetInfo *) fcinfo->resultinfo, &examined);
	return (Datum) 0;
}
