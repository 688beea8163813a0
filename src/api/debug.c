/*
 * debug.c - SQL-callable functions for tests, only with CF_DEBUG.
 *
 * src/api/debug.c
 */
#include "postgres.h"

#ifdef CF_DEBUG

#include "common/pg_prng.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "plpgsql.h"
#include "utils/builtins.h"

#include "codec/key.h"
#include "engine/flight.h"
#include "engine/xfetch.h"
#include "history/history.h"
#include "l1/table.h"
#include "txn/pending.h"

PG_FUNCTION_INFO_V1(cachefront_debug_cursor);
PG_FUNCTION_INFO_V1(cachefront_debug_forget_l1);
PG_FUNCTION_INFO_V1(cachefront_debug_free_flights);
PG_FUNCTION_INFO_V1(cachefront_debug_floor);
PG_FUNCTION_INFO_V1(cachefront_debug_history);
PG_FUNCTION_INFO_V1(cachefront_debug_pid);
PG_FUNCTION_INFO_V1(cachefront_debug_profiler);
PG_FUNCTION_INFO_V1(cachefront_debug_steps);
PG_FUNCTION_INFO_V1(cachefront_debug_tag_hash);
PG_FUNCTION_INFO_V1(cachefront_debug_xfetch);

/* The entries of a database in memory go, as if for want of room; nothing else does. */
Datum
cachefront_debug_forget_l1(PG_FUNCTION_ARGS)
{
	cf_l1_delete_database(PG_GETARG_OID(0));
	PG_RETURN_VOID();
}

Datum
cachefront_debug_free_flights(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(cf_flight_count_free());
}

Datum
cachefront_debug_tag_hash(PG_FUNCTION_ARGS)
{
	text	   *tag = PG_GETARG_TEXT_PP(0);

	PG_RETURN_INT64((int64) cf_tag_hash(MyDatabaseId, VARDATA_ANY(tag),
										VARSIZE_ANY_EXHDR(tag)));
}

/* The history's answer for a tag of this database, and its floor: LSNs as numbers. */
Datum
cachefront_debug_history(PG_FUNCTION_ARGS)
{
	text	   *tag = PG_GETARG_TEXT_PP(0);

	PG_RETURN_INT64((int64) cf_history_lsn(cf_tag_hash(MyDatabaseId, VARDATA_ANY(tag),
													   VARSIZE_ANY_EXHDR(tag))));
}

Datum
cachefront_debug_floor(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64((int64) cf_history_floor());
}

Datum
cachefront_debug_steps(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64((int64) cf_pending_steps());
}

/* How many of n callers at an age would refresh early. Times in us. */
Datum
cachefront_debug_xfetch(PG_FUNCTION_ARGS)
{
	double		age = (double) PG_GETARG_INT64(0);
	double		load = (double) PG_GETARG_INT64(1);
	double		ttl = (double) PG_GETARG_INT64(2);
	double		beta = PG_GETARG_FLOAT8(3);
	int32		n = PG_GETARG_INT32(4);
	int32		due = 0;

	for (int32 i = 0; i < n; i++)
		due += cf_xfetch_due(age, load, beta, ttl,
							 1.0 - pg_prng_double(&pg_global_prng_state));
	PG_RETURN_INT32(due);
}

/* pg_backend_pid, but that a result of it is cached: it tells one load from another. */
Datum
cachefront_debug_pid(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(MyProcPid);
}

/* Takes the next row of a cursor, as languages do that nobody sees into. Was there one? */
Datum
cachefront_debug_cursor(PG_FUNCTION_ARGS)
{
	Portal		portal;
	bool		found = false;

	SPI_connect();
	portal = SPI_cursor_find(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	if (portal != NULL)
	{
		SPI_cursor_fetch(portal, true, 1);
		found = SPI_processed > 0;
	}
	SPI_finish();
	PG_RETURN_BOOL(found);
}

/* ---- a profiler of PL/pgSQL, which calls who was there before it ---- */

static struct
{
	PLpgSQL_plugin *before;
	int			begun;			/* statements */
	int			open;			/* of them, without an end yet */
}			profiler_state;

static void
profile_begin(PLpgSQL_execstate *estate, PLpgSQL_stmt *stmt)
{
	profiler_state.begun++;
	profiler_state.open++;
	if (profiler_state.before != NULL && profiler_state.before->stmt_beg)
		profiler_state.before->stmt_beg(estate, stmt);
}

static void
profile_end(PLpgSQL_execstate *estate, PLpgSQL_stmt *stmt)
{
	profiler_state.open--;
	if (profiler_state.before != NULL && profiler_state.before->stmt_end)
		profiler_state.before->stmt_end(estate, stmt);
}

/* Begins to profile, at the first call; then tells what it has seen. */
Datum
cachefront_debug_profiler(PG_FUNCTION_ARGS)
{
	static PLpgSQL_plugin profiler = {
		.stmt_beg = profile_begin,
		.stmt_end = profile_end,
	};
	static bool installed = false;
	PLpgSQL_plugin **place =
		(PLpgSQL_plugin **) find_rendezvous_variable("PLpgSQL_plugin");

	if (!installed)
	{
		profiler_state.before = *place;
		*place = &profiler;
	}
	installed = true;
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("begun %d, open %d",
											  profiler_state.begun, profiler_state.open)));
}

#else

/* ISO C wants something in every file. */
typedef int cf_debug_unused;

#endif							/* CF_DEBUG */
