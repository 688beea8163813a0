/*
 * admin.c - cache_define, cache_drop and the trigger behind them; cache_explain
 * and cache_stats_reset.
 *
 * src/api/admin.c
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "api/args.h"
#include "base/shmem.h"
#include "report/report.h"
#include "rules/define.h"
#include "rules/deftable.h"
#include "rules/missed.h"
#include "stats/counters.h"

PG_FUNCTION_INFO_V1(cachefront_define);
PG_FUNCTION_INFO_V1(cachefront_drop);
PG_FUNCTION_INFO_V1(cachefront_definitions_changed);
PG_FUNCTION_INFO_V1(cachefront_stats_reset);
PG_FUNCTION_INFO_V1(cachefront_explain);

static char *
get_name(FunctionCallInfo fcinfo)
{
	char	   *name;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("cache name must not be null")));
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	if (name[0] == '\0' || strlen(name) >= CF_MAX_CACHE_NAME ||
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:/") != strlen(name) ||
		name[strlen(name) - 1] == ':')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid cache name \"%s\"", name),
				 errdetail("A name has 1 to %d letters, digits and characters of \"_-.:/\", and no colon at its end.",
						   CF_MAX_CACHE_NAME - 1)));
	return name;
}

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

	if (!PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a cache cannot have a loader query yet"),
				 errhint("Define the settings only, and pass the query to cache_fetch.")));
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
	if (!PG_ARGISNULL(9) &&
		!cf_freshness_parse(text_to_cstring(PG_GETARG_TEXT_PP(9)), &freshness))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid freshness \"%s\"",
						text_to_cstring(PG_GETARG_TEXT_PP(9))),
				 errhint("It is 'proven' or 'declared'.")));
}

Datum
cachefront_define(PG_FUNCTION_ARGS)
{
	Datum		values[8];
	bool		nulls[8];
	char	   *name;

	cf_shmem_require();
	name = get_name(fcinfo);
	check_settings(fcinfo);
	/* Of the arguments, the query has no column. */
	for (int i = 0; i < lengthof(values); i++)
	{
		nulls[i] = PG_ARGISNULL(i + 2);
		values[i] = nulls[i] ? (Datum) 0 : PG_GETARG_DATUM(i + 2);
	}
	cf_deftable_store(name, values, nulls);
	cf_define_notice_nesting(name);
	PG_RETURN_VOID();
}

Datum
cachefront_drop(PG_FUNCTION_ARGS)
{
	cf_shmem_require();
	PG_RETURN_BOOL(cf_deftable_delete(get_name(fcinfo)));
}

/* Statement trigger on cache_definitions: see rules/define.c. */
Datum
cachefront_definitions_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called by trigger manager",
						"cache_definitions_changed")));
	CacheInvalidateRelcache(((TriggerData *) fcinfo->context)->tg_relation);
	return PointerGetDatum(NULL);
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
	PG_RETURN_VOID();
}
