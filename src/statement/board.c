/*
 * board.c - of the sessions that miss one answer one runs the statement.
 *
 * Locking: none of its own; see engine/flight.h.
 *
 * src/statement/board.c
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/snapmgr.h"

#include "base/debug_point.h"
#include "base/guc.h"
#include "base/steady.h"
#include "engine/fill.h"
#include "statement/answer_internal.h"

/* See answer_internal.h. */
void
cf_answer_take(CfAnswer *answer, struct varlena *value)
{
	cf_answer_drop(answer);
	answer->value = value;
	answer->hit = true;
	if (answer->shape != NULL)
		cf_shape_note(answer->shape, CF_SIGHT_HIT, 0, 0, 0);
}

static bool
take_from_l1(CfAnswer *answer)
{
	CfL1Result	result;

	if (!cf_answer_get(&answer->request, CF_L1_PART_ALL, NULL, &result))
		return false;
	if (answer->again != CF_AGAIN_NOT && result.filled_at <= answer->old_filled_at)
	{
		pfree(result.value);
		return false;
	}
	cf_answer_take(answer, result.value);
	count(answer, CF_COUNT_HANDOVERS);
	return true;
}

/* What Redis has goes to memory, and to those who wait. */
static bool
take_from_redis(CfAnswer *answer, TimestampTz deadline)
{
	CfSharedFlight *flight = answer->flight;
	CfValue		value;
	CfL1Meta	meta;

	if (!cf_answer_look_remote(answer, answer->again != CF_AGAIN_NOT ? answer->old_filled_at :
							   PG_INT64_MIN, deadline, &value, &meta))
		return false;
	(void) cf_fill_put(&answer->request, &value, &meta);
	answer->flight = NULL;
	cf_flight_finish(flight, &value, &meta);
	cf_answer_take(answer, cf_value_copy(&value, CF_L1_PART_ALL));
	pfree((char *) value.bytes);
	return true;
}

static void
lead(CfAnswer *answer, CfSharedFlight *flight, TimestampTz deadline)
{
	answer->flight = flight;
	PG_TRY();
	{
		cf_flight_begin_snapshot(flight);
		cf_flight_lock(flight);
		CF_WAIT_POINT("statement-leads");
		/* It may have landed between our look and now. */
		if (take_from_l1(answer))
			cf_answer_land(answer);
		else
			(void) take_from_redis(answer, deadline);
	}
	PG_CATCH();
	{
		cf_answer_land(answer);
		PG_RE_THROW();
	}
	PG_END_TRY();
}

/*
 * A client may bind a portal and learn of a commit before it executes it: its rows must not
 * be newer than the snapshot then. Within one message nobody can.
 */
static bool
is_of_now(const CfAnswer *answer, Snapshot snapshot)
{
	return answer->message == GetCurrentStatementStartTimestamp() ||
		cf_answer_is_same_snapshot(snapshot, GetLatestSnapshot());
}

/*
 * What there is is good. So nobody waits, and of those who would refresh it one does. To compare,
 * anybody may run it.
 */
static void
board_again(CfAnswer *answer, Snapshot snapshot, TimestampTz deadline)
{
	CfSharedFlight *flight;

	if (answer->again == CF_AGAIN_VERIFY)
		return;
	if (!is_of_now(answer, snapshot) ||
		cf_flight_join(&answer->request.key, &answer->request.id, false,
					   &flight) != CF_FLIGHT_LEAD)
	{
		cf_answer_take(answer, answer->old);
		return;
	}
	count(answer, CF_COUNT_EARLY_REFRESHES);
	lead(answer, flight, deadline);
}

void
cf_answer_board(CfAnswer *answer, Snapshot snapshot)
{
	TimestampTz deadline = cf_steady_now() + cf_guc_flight_timeout * INT64CONST(1000);
	CfRequest  *request = &answer->request;
	CfSharedFlight *flight;
	CfL1Result	result;

	if (answer->again != CF_AGAIN_NOT)
	{
		board_again(answer, snapshot, deadline);
		return;
	}
	/* What others load may be newer than a snapshot that is used elsewhere, too. */
	if (!answer->keeps || answer->ghost || answer->nrows > 0 || !answer->own_snapshot ||
		!is_of_now(answer, snapshot))
		return;
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		switch (cf_flight_join(&request->key, &request->id, true, &flight))
		{
			case CF_FLIGHT_LEAD:
				lead(answer, flight, deadline);
				return;
			case CF_FLIGHT_ALONE:
				return;
			case CF_FLIGHT_WAIT:
				break;
		}
		switch (cf_flight_wait(flight, deadline, CF_L1_PART_ALL, request->limits, &result))
		{
			case CF_FLIGHT_VALUE:
				cf_answer_take(answer, result.value);
				count(answer, CF_COUNT_HANDOVERS);
				return;
			case CF_FLIGHT_RETRY:
				if (take_from_l1(answer))
					return;
				break;
			case CF_FLIGHT_PRIVATE:
				return;
			case CF_FLIGHT_TIMEOUT:
				count(answer, CF_COUNT_FLIGHT_TIMEOUTS);
				return;
		}
	}
}

void
cf_answer_land(CfAnswer *answer)
{
	cf_answer_land_as(answer, CF_FLIGHT_RETRY);
}
