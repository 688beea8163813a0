/*
 * validity.c - remembers when a plan was known to be valid.
 *
 * A plan is as old as the catalogs that it was made of: a partition that is attached
 * while it is made, or between that and its execution, is not in it. Who runs it alone
 * may have that result, for plain PostgreSQL gives it too; others must not. So a clock
 * of a definition that has moved since planning began keeps the result from being kept.
 *
 * A plan that is kept would stay so for good after DDL of no concern, which moves the
 * epoch alone. But PostgreSQL judges such a plan each time before it runs, by the
 * invalidation messages that have come. Clocks are settled after the messages were sent,
 * and we accept them after each stamp: so a plan that runs again is valid as of the
 * stamp of the time before. A standby sends them when it replays a commit, before it says that
 * it has: so of an LSN the same is true.
 *
 * src/statement/validity.c
 */
#include "postgres.h"

#include "miscadmin.h"

#include "l1/clock.h"
#include "statement/validity.h"

#define CF_VALIDITY_SLOTS 512	/* plans that share one forget about each other */

typedef struct Seen
{
	uint64		number;			/* of a plan */
	CfMoment	moment;			/* messages were accepted after it */
} Seen;

static Seen seen[CF_VALIDITY_SLOTS];
static uint64 last_number = 0;

uint64
cf_validity_number(void)
{
	return ++last_number;
}

static bool
definitions_unmoved(const List *relids, uint64 stamp)
{
	ListCell   *cell;

	foreach(cell, relids)
	{
		if (!cf_clock_unmoved(cf_clock_of_definition(MyDatabaseId, lfirst_oid(cell)), stamp))
			return false;
	}
	return true;
}

static bool
unmoved(const CfStatement *statement, const CfMoment *moment)
{
	const CfClockRef epochs[] = {cf_clock_of_epoch(MyDatabaseId), cf_clock_of_epoch(InvalidOid)};
	uint64		stamp = moment->stamp;

	return cf_clock_unmoved(epochs[0], stamp) && cf_clock_unmoved(epochs[1], stamp) &&
		cf_moment_history_holds(moment, epochs, lengthof(epochs)) &&
		(!statement->defined_any ||
		 cf_clock_unmoved(cf_clock_of_any_definition(MyDatabaseId), stamp)) &&
		definitions_unmoved(statement->defined, stamp) &&
		definitions_unmoved(statement->rowtypes, stamp) &&
		definitions_unmoved(statement->types, stamp);
}

bool
cf_validity_holds(const CfStatement *statement, const CfMoment *moment)
{
	Seen	   *slot = &seen[statement->number % CF_VALIDITY_SLOTS];

	if (unmoved(statement, &statement->moment))
		return true;
	/* What was folded into the plan PostgreSQL does not look at again. */
	if (statement->folds_names)
		return false;
	if (slot->number == statement->number && unmoved(statement, &slot->moment))
		return true;
	slot->number = statement->number;
	slot->moment = *moment;
	return false;
}
