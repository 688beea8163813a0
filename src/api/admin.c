/*
 * admin.c - cache_define, cache_alter, cache_drop and the trigger behind them; cache_explain
 * and cache_stats_reset.
 *
 * src/api/admin.c
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "api/args.h"
#include "api/named.h"
#include "base/shmem.h"
#include "publish/oldkeys.h"
#include "report/report.h"
#include "rules/define.h"
#include "rules/deftable.h"
#include "rules/missed.h"
#include "rules/owntable.h"
#include "stats/counters.h"
#include "statement/shape.h"

PG_FUNCTION_INFO_V1(cachefront_define);
PG_FUNCTION_INFO_V1(cachefront_alter);
PG_FUNCTION_INFO_V1(cachefront_drop);
PG_FUNCTION_INFO_V1(cachefront_definitions_changed);
PG_FUNCTION_INFO_V1(cachefront_stats_reset);
PG_FUNCTION_INFO_V1(cachefront_explain);

static void
check_number(FunctionCallInfo fcinfo, int i, const char *what, double max)
{
	double		value;

	if (PG_ARGISNULL(i))
		return;
	value = PG_GETARG_FLOAT8(i);
	if (!(value >= 0 && value <= max))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be between 0 and %g", what, max)));
}

static void
check_settings(FunctionCallInfo fcinfo)
{
	CfScope		scope;
	CfFreshness freshness;
	char		setting[NAMEDATALEN];

	if (!PG_ARGISNULL(2))
		(void) cf_ttl_check(PG_GETARG_INTERVAL_P(2), "ttl", false);
	if (!PG_ARGISNULL(3))
		(void) cf_ttl_check(PG_GETARG_INTERVAL_P(3), "negative_ttl", false);
	if (!PG_ARGISNULL(4))
		(void) cf_ttl_check(PG_GETARG_INTERVAL_P(4), "stale_ttl", true);
	check_number(fcinfo, 5, "jitter", 1.0);
	check_number(fcinfo, 6, "xfetch_beta", 1000.0);
	if (!PG_ARGISNULL(7) &&
		!cf_scope_parse(text_to_cstring(PG_GETARG_TEXT_PP(7)), &scope, setting))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid scope \"%s\"",
						text_to_cstring(PG_GETARG_TEXT_PP(7))),
				 errhint("A scope is 'role', 'shared' or 'setting:NAME'.")));
	if (!PG_ARGISNULL(8))
		(void) cf_ttl_check(PG_GETARG_INTERVAL_P(8), "max_stale", true);
	if (!PG_ARGISNULL(12))
		(void) cf_ttl_check(PG_GETARG_INTERVAL_P(12), "refresh_after", true);
	if (!PG_ARGISNULL(9) &&
		!cf_freshness_parse(text_to_cstring(PG_GETARG_TEXT_PP(9)), &freshness))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid freshness \"%s\"",
						text_to_cstring(PG_GETARG_TEXT_PP(9))),
				 errhint("It is 'proven' or 'declared'.")));
}

/* The column's place among those that cf_deftable_store takes. */
#define CHOSEN(column) ((column) - CF_DEF_TTL)

/* What the call names; NULL where it names nothing. */
static void
take_values(FunctionCallInfo fcinfo, Datum *values, bool *nulls)
{
	/* The arguments after the name, by column. */
	static const int columns[] = {CF_DEF_QUERY, CF_DEF_TTL, CF_DEF_NEGATIVE_TTL,
		CF_DEF_STALE_TTL, CF_DEF_JITTER, CF_DEF_XFETCH_BETA, CF_DEF_SCOPE, CF_DEF_MAX_STALE,
		CF_DEF_FRESHNESS, CF_DEF_ARG_TYPES, CF_DEF_VERSION, CF_DEF_REFRESH_AFTER};

	memset(nulls, true, CF_DEF_CHOSEN * sizeof(bool));
	for (int i = 0; i < lengthof(columns); i++)
	{
		nulls[CHOSEN(columns[i])] = PG_ARGISNULL(i + 1);
		values[CHOSEN(columns[i])] = PG_GETARG_DATUM(i + 1);
	}
}

static char *
value_text(const Datum *values, const bool *nulls, int column)
{
	return nulls[CHOSEN(column)] ? NULL : TextDatumGetCString(values[CHOSEN(column)]);
}

static void
take_types(const Datum *values, const bool *nulls, CfLoaderDefinition *loader)
{
	Datum	   *types;
	bool	   *null_types;

	if (nulls[CHOSEN(CF_DEF_ARG_TYPES)])
		return;
	deconstruct_array(DatumGetArrayTypeP(values[CHOSEN(CF_DEF_ARG_TYPES)]), REGTYPEOID,
					  sizeof(Oid), true, TYPALIGN_INT, &types, &null_types, &loader->nargs);
	if (loader->nargs > CF_MAX_ARGS)
		ereport(ERROR,
				(errcode(ERRCODE_TOO_MANY_ARGUMENTS),
				 errmsg("arg_types has too many types"),
				 errdetail("It has %d, the limit is %d.", loader->nargs, CF_MAX_ARGS)));
	loader->arg_types = palloc(Max(loader->nargs, 1) * sizeof(Oid));
	for (int i = 0; i < loader->nargs; i++)
	{
		if (null_types[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("arg_types must not contain null")));
		loader->arg_types[i] = DatumGetObjectId(types[i]);
	}
}

static void
check_version(const char *version)
{
	int			len = strlen(version);

	if (len == 0 || len > 32 ||
		strspn(version, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") != len)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid version \"%s\"", version),
				 errhint("It is 'auto', 'none', or 1 to 32 letters, digits and characters of \"_.-\".")));
}

/* Whose query is planned, to see whether it can be. */
typedef enum PlanAs
{
	PLAN_NOT,					/* it was, and nothing that it reads has changed */
	PLAN_AS_CALLER,				/* who has named it */
	PLAN_AS_OWNER				/* of the definition: the caller has not named it */
} PlanAs;

/* Fills in what a loader has though nobody named it, and checks it. */
static void
check_loader(const char *name, Datum *values, bool *nulls, PlanAs plan, Oid owner)
{
	CfLoaderDefinition loader = {0};
	char	   *scope = value_text(values, nulls, CF_DEF_SCOPE);

	if (!nulls[CHOSEN(CF_DEF_REFRESH_AFTER)] &&
		(nulls[CHOSEN(CF_DEF_QUERY)] || scope == NULL || strcmp(scope, "shared") != 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("refresh_after needs a query and scope 'shared'"),
				 errdetail("Other values are not the same for whoever loads them.")));
	if (nulls[CHOSEN(CF_DEF_QUERY)])
	{
		if (!nulls[CHOSEN(CF_DEF_ARG_TYPES)] || !nulls[CHOSEN(CF_DEF_VERSION)])
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("arg_types and version belong to a query"),
					 errhint("Name the query, too.")));
		return;
	}
	if (strchr(name, ':') != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("the name of a cache with a query must not contain a colon")));
	if (nulls[CHOSEN(CF_DEF_VERSION)])
		values[CHOSEN(CF_DEF_VERSION)] = CStringGetTextDatum("auto");
	if (nulls[CHOSEN(CF_DEF_SEARCH_PATH)])
		values[CHOSEN(CF_DEF_SEARCH_PATH)] = CStringGetTextDatum(cf_define_search_path());
	nulls[CHOSEN(CF_DEF_VERSION)] = nulls[CHOSEN(CF_DEF_SEARCH_PATH)] = false;
	loader.query = value_text(values, nulls, CF_DEF_QUERY);
	loader.version = value_text(values, nulls, CF_DEF_VERSION);
	loader.search_path = value_text(values, nulls, CF_DEF_SEARCH_PATH);
	take_types(values, nulls, &loader);
	check_version(loader.version);
	if (plan == PLAN_AS_CALLER)
		cf_named_check(name, &loader);
	else if (plan == PLAN_AS_OWNER)
		cf_named_check_as(owner, name, &loader);
}

/* Who takes over what belongs to nobody says what he takes: it will run as him. */
static void
require_query_or_owner(const char *name, bool same_query, const bool *old_nulls, Oid owner)
{
	if (!same_query || old_nulls[CHOSEN(CF_DEF_QUERY)] || OidIsValid(owner))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the role that cache \"%s\" belonged to does not exist", name),
			 errhint("Name the query too: it will be yours.")));
}

static bool
is_same(const Datum *values, const bool *nulls, const Datum *old, const bool *old_nulls, int column)
{
	int			i = CHOSEN(column);

	if (nulls[i] || old_nulls[i])
		return nulls[i] == old_nulls[i];
	return datumIsEqual(PointerGetDatum(PG_DETOAST_DATUM(values[i])),
						PointerGetDatum(PG_DETOAST_DATUM(old[i])), false, -1);
}

/* A version that somebody chose says what its keys hold: another query needs another. */
static void
check_clash(const char *name, const Datum *values, const bool *nulls, const Datum *old,
			const bool *old_nulls)
{
	char	   *version = value_text(values, nulls, CF_DEF_VERSION);

	if (version == NULL || strcmp(version, "auto") == 0 || strcmp(version, "none") == 0 ||
		old_nulls[CHOSEN(CF_DEF_QUERY)] ||
		!is_same(values, nulls, old, old_nulls, CF_DEF_VERSION) ||
		(is_same(values, nulls, old, old_nulls, CF_DEF_QUERY) &&
		 is_same(values, nulls, old, old_nulls, CF_DEF_ARG_TYPES)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 errmsg("version \"%s\" of cache \"%s\" is that of another query", version, name),
			 errhint("Name another version, or 'auto'.")));
}

static void
leave_old_version(const char *name, const Datum *old, const bool *old_nulls, const Datum *values,
			  const bool *nulls)
{
	char	   *before = value_text(old, old_nulls, CF_DEF_VERSION);
	char	   *now = value_text(values, nulls, CF_DEF_VERSION);

	if (before != NULL && (now == NULL || strcmp(before, now) != 0))
		cf_oldkeys_leave(name, before);
}

Datum
cachefront_define(PG_FUNCTION_ARGS)
{
	Datum		values[CF_DEF_CHOSEN];
	bool		nulls[CF_DEF_CHOSEN];
	Datum		old[CF_DEF_CHOSEN];
	bool		old_nulls[CF_DEF_CHOSEN];
	char	   *name;
	Oid			owner;

	cf_shmem_require();
	name = cf_arg_cache_name(fcinfo, 0);
	check_settings(fcinfo);
	take_values(fcinfo, values, nulls);
	check_loader(name, values, nulls, PLAN_AS_CALLER, InvalidOid);
	if (cf_deftable_get(name, old, old_nulls, &owner))
	{
		check_clash(name, values, nulls, old, old_nulls);
		leave_old_version(name, old, old_nulls, values, nulls);
	}
	cf_deftable_store(name, values, nulls);
	cf_define_notice_nesting(name);
	PG_RETURN_VOID();
}

Datum
cachefront_alter(PG_FUNCTION_ARGS)
{
	Datum		values[CF_DEF_CHOSEN];
	bool		nulls[CF_DEF_CHOSEN];
	Datum		old[CF_DEF_CHOSEN];
	bool		old_nulls[CF_DEF_CHOSEN];
	char	   *name;
	Oid			owner;
	bool		same_query;
	bool		same_types;

	cf_shmem_require();
	name = cf_arg_cache_name(fcinfo, 0);
	check_settings(fcinfo);
	take_values(fcinfo, values, nulls);
	if (!cf_deftable_get(name, old, old_nulls, &owner))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("cache \"%s\" does not exist", name),
				 errhint("Define it with cache_define.")));
	/* A query is read under the search_path of who named it. */
	same_query = nulls[CHOSEN(CF_DEF_QUERY)];
	same_types = nulls[CHOSEN(CF_DEF_ARG_TYPES)];
	require_query_or_owner(name, same_query, old_nulls, owner);
	for (int i = 0; i < CF_DEF_CHOSEN; i++)
	{
		if (!nulls[i] || (i == CHOSEN(CF_DEF_SEARCH_PATH) && !same_query))
			continue;
		nulls[i] = old_nulls[i];
		values[i] = old[i];
	}
	check_loader(name, values, nulls, !same_query ? PLAN_AS_CALLER :
				 same_types ? PLAN_NOT : PLAN_AS_OWNER, owner);
	check_clash(name, values, nulls, old, old_nulls);
	leave_old_version(name, old, old_nulls, values, nulls);
	cf_deftable_store(name, values, nulls);
	cf_define_notice_nesting(name);
	PG_RETURN_VOID();
}

Datum
cachefront_drop(PG_FUNCTION_ARGS)
{
	CfLoaderDefinition loader;
	const char *name;
	bool		dropped;
	bool		loads;

	cf_shmem_require();
	name = cf_arg_cache_name(fcinfo, 0);
	loads = cf_define_find_loader(name, &loader) && loader.query != NULL;
	dropped = cf_deftable_delete(name);
	if (dropped && loads)
		cf_oldkeys_leave(name, loader.version);
	PG_RETURN_BOOL(dropped);
}

/* Statement trigger on cache_definitions: see rules/define.c. */
Datum
cachefront_definitions_changed(PG_FUNCTION_ARGS)
{
	return cf_own_table_changed(fcinfo, "cache_definitions_changed");
}

Datum
cachefront_explain(PG_FUNCTION_ARGS)
{
	CfRequest	request;

	cf_shmem_require();
	cf_arg_request(fcinfo, &request);
	request.tags = cf_arg_tags(fcinfo, 3);
	InitMaterializedSRF(fcinfo, 0);
	cf_report_explain((ReturnSetInfo *) fcinfo->resultinfo, &request);
	return (Datum) 0;
}

Datum
cachefront_stats_reset(PG_FUNCTION_ARGS)
{
	cf_shmem_require();
	cf_stats_reset();
	cf_missed_reset();
	cf_shape_reset();
	PG_RETURN_VOID();
}
