/*
 * views.c - the set-returning functions behind the views.
 *
 * src/report/views.c
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/timestamp.h"

#include "base/debug_point.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "base/worker.h"
#include "engine/flight.h"
#include "history/follow.h"
#include "l1/table.h"
#include "publish/ring.h"
#include "redis/breaker.h"
#include "redis/refusal.h"
#include "report/report.h"
#include "rules/define.h"
#include "stats/counters.h"
#include "stats/hotkeys.h"
#include "stats/notes.h"
#include "tier/tier.h"
#include "warm/progress.h"

PG_FUNCTION_INFO_V1(cachefront_status);
PG_FUNCTION_INFO_V1(cachefront_stats);
PG_FUNCTION_INFO_V1(cachefront_summary);
PG_FUNCTION_INFO_V1(cachefront_latency);
PG_FUNCTION_INFO_V1(cachefront_latency_buckets);
PG_FUNCTION_INFO_V1(cachefront_entries);
PG_FUNCTION_INFO_V1(cachefront_inflight);
PG_FUNCTION_INFO_V1(cachefront_warming);
PG_FUNCTION_INFO_V1(cachefront_ready);
PG_FUNCTION_INFO_V1(cachefront_hot_keys);

/* A row under construction: columns are put in order. */
#define CF_MAX_COLUMNS 64

typedef struct Row
{
	int			n;
	Datum		values[CF_MAX_COLUMNS];
	bool		nulls[CF_MAX_COLUMNS];
} Row;

static void
put(Row *row, Datum value)
{
	row->nulls[row->n] = false;
	row->values[row->n++] = value;
}

static void
put_null(Row *row)
{
	row->nulls[row->n] = true;
	row->values[row->n++] = (Datum) 0;
}

static void
put_name(Row *row, char *name)
{
	if (name == NULL)
		put_null(row);
	else
		put(row, DirectFunctionCall1(namein, CStringGetDatum(name)));
}

/* The name of a database or role, or NULL: see cf_report_text. */
static void
put_shared_name(Row *row, char *name)
{
	put_name(row, name == NULL ? NULL : cf_report_text(name, strlen(name), InvalidOid));
}

static void
put_foreign_text(Row *row, const char *text, int len, Oid dboid)
{
	put(row, CStringGetTextDatum(cf_report_text(text, len, dboid)));
}

static void
put_interval(Row *row, int64 us)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->time = us;
	put(row, IntervalPGetDatum(interval));
}

static void
emit(ReturnSetInfo *rsinfo, Row *row)
{
	Assert(row->n == rsinfo->setDesc->natts);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, row->values, row->nulls);
	row->n = 0;
}

static ReturnSetInfo *
begin_set(FunctionCallInfo fcinfo)
{
	cf_shmem_require();
	InitMaterializedSRF(fcinfo, 0);
	return (ReturnSetInfo *) fcinfo->resultinfo;
}

static void
count_flights(int *flights, int *waiters)
{
	CfFlightInfo info;

	*flights = *waiters = 0;
	for (int i = 0; i < cf_flight_max(); i++)
	{
		if (cf_flight_info(i, &info))
		{
			(*flights)++;
			*waiters += info.waiters;
		}
	}
}

static const char *
l2_state(void)
{
	if (!cf_l2_configured())
		return "off";
	return cf_breaker_is_open() ? "down" : cf_tier_obstacle() != NULL ? "waiting" : "up";
}

static void
put_text(Row *row, const char *text)
{
	if (text == NULL || text[0] == '\0')
		put_null(row);
	else
		put(row, CStringGetTextDatum(text));
}

/* Of the clock that the cache goes by; 0: never. */
static void
put_time(Row *row, TimestampTz time)
{
	if (time == 0)
		put_null(row);
	else
		put(row, TimestampTzGetDatum(cf_steady_to_wall(time)));
}

/* What the breaker knows, and what keeps Redis from being used. */
static void
put_redis(Row *row)
{
	static const CfL2Counter counters[] = {
		CF_L2_CALLS, CF_L2_FAILURES, CF_L2_TIMEOUTS, CF_L2_OOM_REPLIES, CF_L2_OPENS,
		CF_L2_REFUSALS
	};
	CfBreakerReport report;
	bool		trusted = has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_SETTINGS);
	char		refused[CF_REFUSAL_LEN];
	CfRingReport ring;

	cf_breaker_report(&report);
	if (cf_l2_configured() && cf_refusal_obstacle(refused, trusted))
		put_text(row, refused);
	else
		put_text(row, cf_l2_configured() ? cf_tier_obstacle() : NULL);
	cf_ring_report(&ring);
	put(row, Int64GetDatum((int64) ring.bytes));
	put(row, CStringGetTextDatum(cf_breaker_state_name(report.state)));
	put_time(row, report.opened_at);
	put_time(row, report.retry_at);
	/* It names hosts and files, which are settings for superusers only. */
	put_text(row, trusted ? report.last_error : NULL);
	put_time(row, report.last_error_at);
	for (int i = 0; i < lengthof(counters); i++)
		put(row, Int64GetDatum((int64) report.counters[counters[i]]));
}

/* Of the WAL that a standby has replayed. */
static void
put_unread(Row *row)
{
	int64		unread = RecoveryInProgress() ? cf_follow_unread() : -1;

	if (unread < 0)
		put_null(row);
	else
		put(row, Int64GetDatum(unread));
}

Datum
cachefront_status(PG_FUNCTION_ARGS)
{
	Row			row = {0};
	TupleDesc	desc;
	CfL1Totals	totals;
	int			flights;
	int			waiters;

	cf_shmem_require();
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	cf_l1_totals(&totals);
	count_flights(&flights, &waiters);

	put(&row, CStringGetTextDatum(CF_VERSION));
	put(&row, BoolGetDatum(cf_guc_enabled));
	put(&row, CStringGetTextDatum(l2_state()));
	put(&row, Int64GetDatum((int64) cf_guc_l1_size * 1024));
	put(&row, Int64GetDatum((int64) totals.bytes));
	put(&row, Int64GetDatum((int64) totals.entries));
	put(&row, Int64GetDatum(cf_guc_l1_max_value));
	put(&row, Int32GetDatum(cf_l1_partitions()));
	put(&row, Int64GetDatum((int64) totals.evictions));
	put(&row, Int32GetDatum(cf_clock_slots()));
	put(&row, Int32GetDatum(flights));
	put(&row, Int32GetDatum(waiters));
	put(&row, Int32GetDatum(cf_define_count()));
	put(&row, TimestampTzGetDatum(cf_stats_reset_time()));
	put_redis(&row);
	put_text(&row, cf_worker_obstacle());
	put_unread(&row);
	Assert(row.n == desc->natts);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  row.values, row.nulls)));
}

static void
emit_counters(ReturnSetInfo *rsinfo, const char *name, const uint64 *values)
{
	Row			row = {0};

	put(&row, CStringGetTextDatum(name));
	for (int i = 0; i < CF_NCOUNTERS; i++)
		put(&row, Int64GetDatum((int64) values[i]));
	emit(rsinfo, &row);
}

/* This database's caches, the keys of no cache, and the sum over the server. */
Datum
cachefront_stats(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = begin_set(fcinfo);
	uint64		total[CF_NCOUNTERS] = {0};

	for (int slot = 0; slot < cf_stats_nslots(); slot++)
	{
		uint64		values[CF_NCOUNTERS];
		char		name[CF_MAX_CACHE_NAME];
		Oid			dboid;

		cf_stats_read((CfStatsSlot) slot, &dboid, name, values);
		for (int i = 0; i < CF_NCOUNTERS; i++)
			total[i] += values[i];
		if (slot == CF_STATS_DEFAULT || dboid == MyDatabaseId)
			emit_counters(rsinfo, name, values);
	}
	emit_counters(rsinfo, "*", total);
	return (Datum) 0;
}

/* All databases' caches, and what is in memory of each. */
Datum
cachefront_summary(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = begin_set(fcinfo);

	for (int slot = 0; slot < cf_stats_nslots(); slot++)
	{
		uint64		values[CF_NCOUNTERS];
		char		name[CF_MAX_CACHE_NAME];
		Oid			dboid;
		int64		entries;
		int64		bytes;
		uint64		lookups;
		uint64		hits;
		Row			row = {0};

		cf_stats_read((CfStatsSlot) slot, &dboid, name, values);
		cf_stats_held((CfStatsSlot) slot, &entries, &bytes);
		lookups = values[CF_COUNT_FETCHES] + values[CF_COUNT_GETS];
		hits = values[CF_COUNT_L1_HITS] + values[CF_COUNT_L2_HITS] +
			values[CF_COUNT_GET_HITS];
		put_shared_name(&row, OidIsValid(dboid) ? get_database_name(dboid) : NULL);
		put_foreign_text(&row, name, strlen(name), dboid);
		put(&row, Int64GetDatum(entries));
		put(&row, Int64GetDatum(bytes));
		put(&row, Int64GetDatum((int64) lookups));
		put(&row, Int64GetDatum((int64) hits));
		if (lookups == 0)
			put_null(&row);
		else
			put(&row, Float8GetDatum((double) hits / (double) lookups));
		put(&row, Int64GetDatum((int64) values[CF_COUNT_EVICTIONS]));
		emit(rsinfo, &row);
	}
	return (Datum) 0;
}

static const char *const latency_names[CF_NLATENCIES] = {
	"l1_hit", "load", "flight_wait", "l2_hit", "redis"
};

Datum
cachefront_latency(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = begin_set(fcinfo);

	for (int i = 0; i < CF_NLATENCIES; i++)
	{
		Row			row = {0};
		uint64		count;
		uint64		ns[4];

		cf_stats_read_latency((CfLatency) i, &count, &ns[0], &ns[1], &ns[2], &ns[3]);
		put(&row, CStringGetTextDatum(latency_names[i]));
		put(&row, Int64GetDatum((int64) count));
		for (int k = 0; k < 4; k++)
		{
			if (count == 0)
				put_null(&row);
			else
				put(&row, Float8GetDatum((double) ns[k] / 1000.0));
		}
		emit(rsinfo, &row);
	}
	return (Datum) 0;
}

Datum
cachefront_latency_buckets(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = begin_set(fcinfo);

	for (int i = 0; i < CF_NLATENCIES; i++)
	{
		CfHistogramStep step[CF_HISTOGRAM_STEPS];

		cf_stats_read_steps((CfLatency) i, step);
		for (int k = 0; k < CF_HISTOGRAM_STEPS; k++)
		{
			Row			row = {0};
			bool		all = step[k].below == PG_UINT64_MAX;
			double		below = (double) step[k].below / 1000.0;

			put(&row, CStringGetTextDatum(latency_names[i]));
			put(&row, Float8GetDatum(all ? get_float8_infinity() : below));
			put(&row, Int64GetDatum((int64) step[k].count));
			put(&row, Float8GetDatum(step[k].total / 1000.0));
			emit(rsinfo, &row);
		}
	}
	return (Datum) 0;
}

static const char *
form_name(CfForm form)
{
	switch (form)
	{
		case CF_FORM_JSON:
			return "json";
		case CF_FORM_ROWS:
			return "rows";
		case CF_FORM_VALUE:
			return "value";
		case CF_FORM_TUPLES:
			return "tuples";
	}
	return NULL;
}

const char *
cf_report_state(bool current, CfL1Marker marker, TimestampTz expires_at,
				int64 stale_for, TimestampTz now)
{
	if (!current)
		return "invalidated";
	if (marker != CF_L1_VALUE)
		return "not cacheable";
	if (now < expires_at)
		return "fresh";
	return now < expires_at + stale_for ? "stale" : "expired";
}

static char *
role_name(Oid role)
{
	return OidIsValid(role) ? GetUserNameFromId(role, true) : NULL;
}

/* Whose query it is, and the settings that it was filled under, if that is still known. */
static void
put_note(Row *row, const CfL1Info *info)
{
	CfNote		note;

	if (!cf_notes_find(info->about, &note))
	{
		put_null(row);
		put_null(row);
		return;
	}
	put_foreign_text(row, note.query, (int) note.query_len, info->dboid);
	put_foreign_text(row, note.settings, (int) note.settings_len, info->dboid);
}

static void
emit_entry(const CfL1Info *info, void *arg)
{
	TimestampTz now = cf_now();
	Row			row = {0};
	const char *cache = cf_stats_name(info->stats_slot);

	put_shared_name(&row, get_database_name(info->dboid));
	put_foreign_text(&row, info->key, strlen(info->key), info->dboid);
	put_foreign_text(&row, cache, strlen(cache), info->dboid);
	put_shared_name(&row, role_name(info->role));
	put_shared_name(&row, role_name(info->session_role));
	put(&row, CStringGetTextDatum(form_name(info->form)));
	put(&row, CStringGetTextDatum(cf_report_state(info->current, info->marker,
												  info->expires_at, info->stale_for,
												  now)));
	put(&row, BoolGetDatum(info->negative));
	put(&row, Int32GetDatum(info->bytes));
	put(&row, Int32GetDatum(info->value_len));
	put(&row, Int32GetDatum(info->ndeps));
	put(&row, Float8GetDatum((double) info->load_us / 1000.0));
	put(&row, TimestampTzGetDatum(cf_steady_to_wall(info->filled_at)));
	put_interval(&row, now - info->filled_at);
	put_interval(&row, info->expires_at - now);
	put(&row, CStringGetTextDatum(cf_report_identity(&info->id_hash)));
	put_note(&row, info);
	emit(arg, &row);
}

Datum
cachefront_entries(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = begin_set(fcinfo);
	MemoryContext per_partition = AllocSetContextCreate(CurrentMemoryContext,
														"cachefront entries",
														ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(per_partition);

	for (int p = 0; p < cf_l1_partitions(); p++)
	{
		CHECK_FOR_INTERRUPTS();
		cf_l1_scan(p, emit_entry, rsinfo);
		MemoryContextReset(per_partition);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(per_partition);
	return (Datum) 0;
}

Datum
cachefront_inflight(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = begin_set(fcinfo);

	for (int i = 0; i < cf_flight_max(); i++)
	{
		CfFlightInfo info;
		Row			row = {0};

		if (!cf_flight_info(i, &info))
			continue;
		put_shared_name(&row, get_database_name(info.dboid));
		put_foreign_text(&row, info.key, info.key_len, info.dboid);
		put(&row, Int32GetDatum(info.leader));
		put(&row, Int32GetDatum(info.waiters));
		put(&row, TimestampTzGetDatum(cf_steady_to_wall(info.started)));
		put_interval(&row, cf_steady_now() - info.started);
		emit(rsinfo, &row);
	}
	return (Datum) 0;
}

static const char *
warming_source(CfWarming source)
{
	switch (source)
	{
		case CF_WARMING_RESTORE:
			return "restart";
		case CF_WARMING_HOT_KEYS:
			return "hot keys";
		case CF_WARMING_BY_CALL:
			break;
	}
	return "cache_warm";
}

/* How many there are is known by the end at the latest. */
static void
put_total(Row *row, const CfWarmingInfo *info)
{
	if (info->total != CF_WARMING_UNKNOWN)
		put(row, Int64GetDatum(info->total));
	else if (info->ended != 0)
		put(row, Int64GetDatum(info->done + info->errors));
	else
		put_null(row);
}

Datum
cachefront_warming(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = begin_set(fcinfo);

	for (int i = 0; i < CF_WARMINGS; i++)
	{
		CfWarmingInfo info;
		Row			row = {0};

		if (!cf_progress_get(i, &info))
			continue;
		put(&row, CStringGetTextDatum(warming_source(info.source)));
		if (info.source == CF_WARMING_BY_CALL)
		{
			put_shared_name(&row, get_database_name(info.dboid));
			put_foreign_text(&row, info.cache, strlen(info.cache), info.dboid);
		}
		else
		{
			put_null(&row);
			put_null(&row);
		}
		put(&row, Int64GetDatum(info.done));
		put_total(&row, &info);
		put(&row, Int64GetDatum(info.errors));
		put_time(&row, info.started);
		put_time(&row, info.ended);
		emit(rsinfo, &row);
	}
	return (Datum) 0;
}

Datum
cachefront_ready(PG_FUNCTION_ARGS)
{
	cf_shmem_require();
	PG_RETURN_BOOL(cf_progress_is_ready());
}

Datum
cachefront_hot_keys(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = begin_set(fcinfo);
	CfHotKey   *hot = palloc_extended(Max((Size) cf_guc_hot_keys, 1) * sizeof(CfHotKey),
									  MCXT_ALLOC_HUGE);
	int			n = cf_hot_collect(hot, cf_guc_hot_keys);

	for (int i = 0; i < n; i++)
	{
		const char *cache = cf_stats_name(hot[i].stats_slot);
		Row			row = {0};

		put_shared_name(&row, get_database_name(hot[i].dboid));
		put_foreign_text(&row, hot[i].key, hot[i].key_len, hot[i].dboid);
		put_foreign_text(&row, cache, strlen(cache), hot[i].dboid);
		put_shared_name(&row, role_name(hot[i].role));
		put_shared_name(&row, role_name(hot[i].session_role));
		put(&row, CStringGetTextDatum(form_name((CfForm) hot[i].form)));
		put(&row, Int64GetDatum((int64) hot[i].count));
		put(&row, Int64GetDatum((int64) hot[i].error));
		put(&row, Int64GetDatum((int64) hot[i].value_len));
		put(&row, CStringGetTextDatum(cf_report_identity(&hot[i].id_hash)));
		emit(rsinfo, &row);
	}
	pfree(hot);
	return (Datum) 0;
}
