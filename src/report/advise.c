/*
 * advise.c - which statements of this database are worth caching, and why others are not.
 *
 * src/report/advise.c
 */
#include "postgres.h"

#include "commands/dbcommands.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "base/guc.h"
#include "base/shmem.h"
#include "report/report.h"
#include "rules/define.h"
#include "statement/mark.h"
#include "statement/shape.h"

PG_FUNCTION_INFO_V1(cachefront_advise);

#define CF_ADVISE_MIN_CALLS 10

/* What the counters of a shape say. */
typedef struct Figures
{
	uint64		calls;
	double		seconds;		/* since it was seen first */
	double		mean_us;		/* of a run */
	double		would_hit;		/* share of the calls */
	double		outdated;		/* times a second that an answer had changed, or made room */
	double		distinct;		/* share of the calls for what was not asked for before */
	double		bytes;			/* of a result */
	double		needed;			/* bytes for all answers that were asked for */
	double		saved;			/* ms a second */
} Figures;

static void
figure(const CfShapeInfo *info, TimestampTz now, Figures *figures)
{
	uint64		sums = 0;
	uint64		could;

	for (int i = 0; i < lengthof(info->sights); i++)
		sums += info->sights[i];
	could = info->sights[CF_SIGHT_WOULD_HIT] + info->sights[CF_SIGHT_HIT];
	figures->calls = sums;
	figures->seconds = Max((double) (now - info->since) / USECS_PER_SEC, 0.001);
	figures->mean_us = (double) info->us / Max(info->runs, 1);
	figures->would_hit = (double) could / Max(sums, 1);
	figures->outdated = info->sights[CF_SIGHT_OUTDATED] / figures->seconds;
	figures->distinct = (double) info->sights[CF_SIGHT_FIRST] / Max(sums, 1);
	figures->bytes = (double) info->bytes / Max(info->runs, 1);
	figures->needed = figures->bytes * info->sights[CF_SIGHT_FIRST];
	figures->saved = could * figures->mean_us / 1000.0 / figures->seconds;
}

/*
 * What serves it: a mark, if its text can be read by itself, as one that was cut off, or that is
 * of a function with variables, can not.
 */
static char *
advice_to_cache(const CfShapeInfo *info)
{
	CfMark		mark = {.query = cf_report_text(info->text, info->text_len, MyDatabaseId),
		.search_path = cf_define_search_path()};

	if (info->text_len < CF_SHAPE_TEXT && cf_mark_problem(&mark) == NULL)
		return psprintf("SELECT cache_query(%s)", quote_literal_cstr(mark.query));
	return psprintf("ALTER DATABASE %s SET cachefront.transparent = 'auto'",
					quote_identifier(get_database_name(MyDatabaseId)));
}

/* The verdict, its reason, and what to do about it, or NULL. */
static const char *
judge(const CfShapeInfo *info, const Figures *figures, const char **reason, char **advice)
{
	*advice = NULL;
	if (info->verdict == CF_VERDICT_INELIGIBLE)
	{
		*reason = cf_eligible_reason(info->reason);
		return "not eligible";
	}
	if (figures->calls < CF_ADVISE_MIN_CALLS)
	{
		*reason = "it was called less than ten times";
		return "too early to say";
	}
	if (figures->mean_us < cf_guc_advise_min_time * 1000)
	{
		*reason = "it takes less than cachefront.advise_min_time";
		return "too cheap";
	}
	if (figures->would_hit >= cf_guc_advise_min_hits)
	{
		*reason = "the cache would have the answer of most calls";
		*advice = advice_to_cache(info);
		return "cache it";
	}
	if (info->sights[CF_SIGHT_FIRST] >= info->sights[CF_SIGHT_OUTDATED])
	{
		*reason = "most calls ask for what nobody has asked for before";
		return "too many distinct values";
	}
	*reason = "what it reads changes between most calls";
	if (get_rel_relkind(info->relid) != '\0')
		*advice = psprintf("SELECT cache_attach(%s)",
						   quote_literal_cstr(quote_qualified_identifier(
							get_namespace_name(get_rel_namespace(info->relid)),
							get_rel_name(info->relid))));
	return "changes too often";
}

Datum
cachefront_advise(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	TimestampTz now = GetCurrentTimestamp();
	CfShapeInfo info;

	cf_shmem_require();
	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < cf_shape_max(); i++)
	{
		Datum		values[11];
		bool		nulls[11] = {false};
		Figures		figures;
		const char *reason;
		char	   *advice;
		const char *verdict;

		if (!cf_shape_info(i, &info) || info.dboid != MyDatabaseId)
			continue;
		figure(&info, now, &figures);
		verdict = judge(&info, &figures, &reason, &advice);
		values[0] = CStringGetTextDatum(cf_report_text(info.text, info.text_len, MyDatabaseId));
		values[1] = Int64GetDatum((int64) figures.calls);
		values[2] = Float8GetDatum(figures.mean_us / 1000.0);
		values[3] = Float8GetDatum(figures.would_hit);
		values[4] = Float8GetDatum(figures.distinct);
		values[5] = Float8GetDatum(figures.outdated);
		values[6] = Int64GetDatum((int64) figures.needed);
		values[7] = Float8GetDatum(figures.saved);
		values[8] = CStringGetTextDatum(verdict);
		values[9] = CStringGetTextDatum(reason);
		nulls[10] = advice == NULL;
		values[10] = advice != NULL ? CStringGetTextDatum(advice) : (Datum) 0;
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
